import { computed, defineComponent, h, ref, shallowRef, type PropType, type VNode } from 'vue'
import {
  bandsOf,
  besideColour,
  colourOf,
  createGrid,
  inducedColour,
  levelsOf,
  type Grid,
} from './contours.js'
import { ballAt, ballAtStep, pointsOf, type Ball } from './geometry.js'
import { mapSize } from './mapSize.js'
import type { Run } from './run.js'
import { show } from './settings.js'
import type { View as PlaygroundView } from './state.js'
import type { Point, View } from './surfaces.js'

const levelCount = 22

/** Where a point of the plane is in the picture. */
export function placer([left, bottom, right, top]: View): (point: Point) => Point {
  const { width, height } = mapSize
  return ([x, y]) => [((x - left) / (right - left)) * width, ((top - y) / (top - bottom)) * height]
}

const far = 1e4
const short = (value: number): string => String(Math.round(Math.min(far, Math.max(-far, value)) * 10) / 10)

function line(points: readonly Point[]): string {
  return points.length === 0 ? '' : `M${points.map(([x, y]) => `${short(x)} ${short(y)}`).join('L')}`
}

/** A ring without the points that are in the middle of a level or upright line: the edges of the view have many. */
function cornersOf(ring: readonly Point[]): Point[] {
  return ring.filter((point, i) => {
    const [before, after] = [ring.at(i - 1)!, ring[(i + 1) % ring.length]!]
    return ![0, 1].some((axis) => before[axis] === point[axis] && point[axis] === after[axis])
  })
}

const rgb = (share: number): string => `rgb(${colourOf(share).map(Math.round).join(' ')})`

/** The coloured bands between contours: all of the picture that a run does not change. */
const Terrain = defineComponent({
  props: { grid: { type: Object as PropType<Grid>, required: true } },
  setup(props) {
    return () => {
      const { grid } = props
      const place = placer(grid.view)
      const levels = levelsOf(grid, levelCount)
      const bands = bandsOf(grid, levels)
      return h('g', [
        h('rect', { width: mapSize.width, height: mapSize.height, fill: rgb(0) }),
        ...bands.map(({ rings }, level) =>
          h('path', {
            d: rings.map((ring) => `${line(cornersOf(ring).map(place))}Z`).join(''),
            fill: rgb(((level + 0.5) / levelCount) ** 0.9),
            stroke: '#fff',
            'stroke-opacity': 0.28,
            'stroke-width': 0.8,
          }),
        ),
      ])
    }
  },
})

function drawPath(
  run: Run,
  steps: number,
  place: (point: Point) => Point,
  { id, colour, dashes }: { readonly id: string; readonly colour: string; readonly dashes?: string },
): VNode {
  const shown = pointsOf(run, steps)
  const list = shown.map(place)
  const d = line(list)
  // Where steps are short, dots on every point would hide the line.
  let last: Point | undefined
  const dots = list.filter((point) => {
    const isApart = last === undefined || Math.hypot(point[0] - last[0], point[1] - last[1]) > 7
    if (isApart) last = point
    return isApart
  })
  return h('g', { fill: 'none', 'stroke-linejoin': 'round', 'stroke-linecap': 'round' }, [
    h('path', { d, stroke: '#fff', 'stroke-opacity': 0.6, 'stroke-width': 5 }),
    h('path', {
      d,
      stroke: colour,
      'stroke-width': 2.4,
      'stroke-dasharray': dashes,
      'data-path': id,
      // The very numbers, for whoever wants them.
      'data-points': shown.map((point) => point.join(' ')).join(' '),
    }),
    h(
      'g',
      { fill: colour, stroke: '#fff', 'stroke-width': 0.8 },
      dots.map(([x, y], i) => h('circle', { cx: short(x), cy: short(y), r: i === 0 ? 5 : 2.6 })),
    ),
  ])
}

function drawBall(
  ball: Ball | undefined,
  place: (point: Point) => Point,
  isFaint: boolean,
): VNode | undefined {
  if (!ball) return undefined
  const { round, pressed } = ball
  const outline = (corners: readonly Point[]): string => `${line(corners.map(place))}Z`
  return h('g', { opacity: isFaint ? 0.75 : 1, 'data-ball': isFaint ? 'cursor' : 'step' }, [
    h('path', {
      d: outline(round),
      fill: 'none',
      stroke: '#fff',
      'stroke-width': 1.4,
      'stroke-dasharray': '3 4',
    }),
    h('path', {
      d: outline(pressed),
      fill: '#ffffff',
      'fill-opacity': 0.5,
      stroke: inducedColour,
      'stroke-width': 1.8,
    }),
  ])
}

/** The surface from above: contours of f(L), both paths, the unit balls. The start is moved by pointer or arrow keys. */
export const MapFigure = defineComponent({
  props: { pg: { type: Object as PropType<PlaygroundView>, required: true } },
  setup(props) {
    const { settings, surface, lift, runs, step, choice, change } = props.pg
    const svg = ref<SVGSVGElement>()
    const cursor = shallowRef<Point>()
    const grid = computed(() => createGrid(surface.value, lift.value, choice.value.view, 126, 91))
    let isDragging = false

    const pointOf = (event: PointerEvent): Point => {
      const box = svg.value!.getBoundingClientRect()
      const [left, bottom, right, top] = choice.value.view
      const share = (value: number): number => Math.min(1, Math.max(0, value))
      const x = left + share((event.clientX - box.left) / box.width) * (right - left)
      const y = top - share((event.clientY - box.top) / box.height) * (top - bottom)
      return [Number(x.toPrecision(4)), Number(y.toPrecision(4))]
    }
    const moveStart = ([startX, startY]: Point): void => change({ startX, startY })
    const onKeydown = (event: KeyboardEvent): void => {
      const directions: Record<string, Point> = {
        ArrowLeft: [-1, 0],
        ArrowRight: [1, 0],
        ArrowUp: [0, 1],
        ArrowDown: [0, -1],
      }
      const direction = directions[event.key]
      if (!direction) return
      event.preventDefault()
      const [left, bottom, right, top] = choice.value.view
      const pace = event.shiftKey ? 0.1 : 0.02
      const { startX, startY } = settings.value
      const x = Math.min(right, Math.max(left, startX + direction[0] * pace * (right - left)))
      const y = Math.min(top, Math.max(bottom, startY + direction[1] * pace * (top - bottom)))
      moveStart([Number(x.toPrecision(4)), Number(y.toPrecision(4))])
    }
    const listeners = {
      onKeydown,
      onPointerdown(event: PointerEvent) {
        isDragging = true
        ;(event.currentTarget as Element).setPointerCapture(event.pointerId)
        moveStart(pointOf(event))
      },
      onPointermove(event: PointerEvent) {
        cursor.value = pointOf(event)
        if (isDragging) moveStart(cursor.value)
      },
      onPointerup: () => void (isDragging = false),
      onPointercancel: () => void (isDragging = false),
      onPointerleave: () => void (cursor.value = undefined),
    }

    return () => {
      const pair = runs.value
      const place = placer(choice.value.view)
      const { startX, startY } = settings.value
      const drawn: (VNode | undefined)[] = []
      if (pair) {
        const drawRun = (id: 'induced' | 'beside', style: { colour: string; dashes?: string }): VNode =>
          drawPath(pair[id], step.value, place, { id, ...style })
        drawn.push(drawRun('beside', { colour: besideColour, dashes: '7 6' }))
        drawn.push(drawRun('induced', { colour: inducedColour }))
        drawn.push(drawBall(ballAtStep(props.pg, pair.induced), place, false))
        if (cursor.value) drawn.push(drawBall(ballAt(props.pg, pair.induced, cursor.value), place, true))
      }
      return h(
        'svg',
        {
          ref: svg,
          class: 'pg-map',
          viewBox: `0 0 ${mapSize.width} ${mapSize.height}`,
          xmlns: 'http://www.w3.org/2000/svg',
          role: 'application',
          tabindex: 0,
          'aria-label': `${choice.value.title} from above, with both paths. Start at ${show(startX)}, ${show(startY)}; the arrow keys move it.`,
          ...listeners,
        },
        [
          h(Terrain, { grid: grid.value }),
          ...choice.value.minima.map((minimum) => {
            const [x, y] = place(minimum)
            return h('path', {
              d: `M${x - 7} ${y}h14M${x} ${y - 7}v14`,
              stroke: '#fff',
              'stroke-width': 2.4,
            })
          }),
          ...drawn,
        ],
      )
    }
  },
})

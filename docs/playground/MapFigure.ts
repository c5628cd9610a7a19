import { computed, defineComponent, h, ref, shallowRef, type PropType, type VNode } from 'vue'
import { unitBall } from './ball.js'
import {
  bandsOf,
  besideColour,
  colourOf,
  createGrid,
  inducedColour,
  levelsOf,
  type Grid,
} from './contours.js'
import type { Run } from './run.js'
import { show } from './settings.js'
import type { Playground } from './state.js'
import type { Point, View } from './surfaces.js'

/** The size of the picture, in its own units. */
export const mapSize = { width: 720, height: 520 } as const

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
            d: rings.map((ring) => `${line(ring.map(place))}Z`).join(''),
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

function points({ path }: Run, place: (point: Point) => Point): Point[] {
  const list: Point[] = []
  for (let i = 0; i < path.length; i += 2) {
    if (!Number.isFinite(path[i]) || !Number.isFinite(path[i + 1])) break
    list.push(place([path[i]!, path[i + 1]!]))
  }
  return list
}

function drawPath(list: readonly Point[], colour: string, dashes: string | undefined, id: string): VNode {
  const d = line(list)
  const dots = list.slice(0, 120)
  return h('g', { fill: 'none', 'stroke-linejoin': 'round', 'stroke-linecap': 'round' }, [
    h('path', { d, stroke: '#fff', 'stroke-opacity': 0.6, 'stroke-width': 5 }),
    h('path', { d, stroke: colour, 'stroke-width': 2.4, 'stroke-dasharray': dashes, 'data-path': id }),
    h(
      'g',
      { fill: colour, stroke: '#fff', 'stroke-width': 0.8 },
      dots.map(([x, y], i) => h('circle', { cx: short(x), cy: short(y), r: i === 0 ? 5 : 2.6 })),
    ),
  ])
}

/** The numbers of the ball at a point. */
interface BallAt {
  readonly centre: Point
  readonly diagonal: Point
  /** f′²·v̂. */
  readonly pressure: number
}

function drawBall(pg: Playground, { centre, diagonal, pressure }: BallAt, isFaint: boolean): VNode {
  const { surface, choice } = pg
  const { view } = choice.value
  const place = placer(view)
  const gradient: Point = [surface.value.slopeX(...centre), surface.value.slopeY(...centre)]
  const radius = 0.085 * (view[2] - view[0]) * Math.sqrt(Math.min(diagonal[0], diagonal[1]))
  const dual = gradient[0] ** 2 / diagonal[0] + gradient[1] ** 2 / diagonal[1]
  const weight = dual > 0 && Number.isFinite(pressure) ? pressure / dual : 0
  const outline = (w: number): string =>
    `${line(unitBall(centre, diagonal, gradient, w, radius).map(place))}Z`
  return h('g', { opacity: isFaint ? 0.75 : 1, 'data-ball': isFaint ? 'cursor' : 'step' }, [
    h('path', { d: outline(0), fill: 'none', stroke: '#fff', 'stroke-width': 1.4, 'stroke-dasharray': '3 4' }),
    h('path', {
      d: outline(weight),
      fill: '#ffffff',
      'fill-opacity': 0.5,
      stroke: inducedColour,
      'stroke-width': 1.8,
    }),
  ])
}

/** P⁻¹ as a run had it at a step; the plane's own measure where it is not known. */
function diagonalAt({ preconditioner, scales }: Run, step: number): Point {
  const at = 2 * Math.min(Math.max(0, step - 1), scales.length - 1)
  return [preconditioner?.[at] ?? 1, preconditioner?.[at + 1] ?? 1]
}

/** The surface from above: contours of f(L), both paths, the unit balls. The start is moved by pointer or arrow keys. */
export const MapFigure = defineComponent({
  props: { pg: { type: Object as PropType<Playground>, required: true } },
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

    const atStep = (run: Run): BallAt => {
      const index = Math.min(step.value, run.scales.length) - 1
      const metric = run.metrics[Math.max(0, index)] ?? 0
      const from = Math.max(0, index)
      const loss = run.losses[from]!
      return {
        centre: [run.path[2 * from]!, run.path[2 * from + 1]!],
        diagonal: diagonalAt(run, step.value),
        pressure: lift.value.slope(loss) ** 2 * (settings.value.xiMode === 'off' ? 0 : metric),
      }
    }
    const atCursor = (run: Run, centre: Point): BallAt => {
      const diagonal = diagonalAt(run, step.value)
      const { xiMode, xi, perRate, rate } = settings.value
      const weight = { number: xi, rate: perRate * rate, off: 0 }[xiMode]
      const [gx, gy] = [surface.value.slopeX(...centre), surface.value.slopeY(...centre)]
      const dual = gx ** 2 / diagonal[0] + gy ** 2 / diagonal[1]
      const slope = lift.value.slope(surface.value.value(...centre))
      return { centre, diagonal, pressure: slope ** 2 * weight * dual }
    }

    return () => {
      const pair = runs.value
      const place = placer(choice.value.view)
      const { startX, startY } = settings.value
      const drawn: (VNode | undefined)[] = []
      if (pair) {
        const upTo = (run: Run): Point[] => points(run, place).slice(0, step.value + 1)
        drawn.push(drawPath(upTo(pair.beside), besideColour, '7 6', 'beside'))
        drawn.push(drawPath(upTo(pair.induced), inducedColour, undefined, 'induced'))
        drawn.push(drawBall(props.pg, atStep(pair.induced), false))
        if (cursor.value) drawn.push(drawBall(props.pg, atCursor(pair.induced, cursor.value), true))
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


import { defineComponent, h, onUnmounted, ref, shallowRef, watch, type PropType, type VNode } from 'vue'
import { colourOf } from './contours.js'
import { outcomes } from './outcomes.js'
import { axisPlace, axisValue, cellSettings, phaseSize } from './phaseAxes.js'
import { chooser } from './controls.js'
import { axes, numbers, type AxisId } from './numbers.js'
import { show, type Settings } from './settings.js'
import type { Playground } from './state.js'

/** The finished cells: losses, and indices of outcomes; 255 where a cell is not ready. */
interface Cells {
  readonly losses: Float64Array
  readonly outcomes: Uint8Array
}

const notReady = 255
const falling = outcomes.indexOf('falling')
const converged = outcomes.indexOf('converged')
const bounded = outcomes.indexOf('bounded')

/** The colour of a cell: light where the loss is small, dark where it is large, red where it diverged. */
function cellColour(outcome: number, loss: number): readonly [number, number, number] {
  if (outcome === notReady) return [128, 128, 128]
  if (outcome === converged) return [246, 234, 206]
  if (outcome === falling) {
    // From 1e-7 to 100, in decades.
    const share = 1 - (Math.log10(Math.max(loss, 1e-7)) + 7) / 9
    return colourOf(0.1 + 0.78 * share)
  }
  return outcome === bounded ? [94, 84, 104] : [150, 28, 30]
}

function paint(canvas: HTMLCanvasElement, { losses, outcomes }: Cells): void {
  const context = canvas.getContext('2d')
  if (!context) return
  const image = context.createImageData(phaseSize, phaseSize)
  for (let row = 0; row < phaseSize; row++)
    for (let column = 0; column < phaseSize; column++) {
      const cell = row * phaseSize + column
      const at = 4 * ((phaseSize - 1 - row) * phaseSize + column)
      const [r, g, b] = cellColour(outcomes[cell]!, losses[cell]!)
      image.data.set([r, g, b, outcomes[cell] === notReady ? 60 : 255], at)
    }
  context.putImageData(image, 0, 0)
}

/** The line on which ξ = η, or another pair of axes of the same unit is equal, as a path in cells from the top left. */
function equalLine(axisX: AxisId, axisY: AxisId): string | undefined {
  if (!(axisX === 'rate' && axisY === 'xi') && !(axisX === 'xi' && axisY === 'rate')) return undefined
  const low = Math.max(numbers[axisX].min, numbers[axisY].min)
  const high = Math.min(numbers[axisX].max, numbers[axisY].max)
  const point = (value: number): string =>
    `${(axisPlace(axisX, value) + 0.5).toFixed(2)} ${(phaseSize - 0.5 - axisPlace(axisY, value)).toFixed(2)}`
  return `M${point(low)}L${point(high)}`
}

/** What the phase diagram depends on, as text: other settings do not change it, nor does a cell that is taken from it. */
function subject(settings: Settings): string {
  return JSON.stringify({ ...cellSettings(settings, 0, 0), beside: undefined })
}

function axisTicks(axis: AxisId): readonly string[] {
  return [0, (phaseSize - 1) / 2, phaseSize - 1].map((cell) => show(axisValue(axis, cell)))
}

function legend(): VNode {
  const swatch = (text: string, style: string): VNode =>
    h('li', [h('i', { class: 'pg-swatch', style }), text])
  const flat = (outcome: number, loss: number): string =>
    `background: rgb(${cellColour(outcome, loss).map(Math.round).join(' ')})`
  const shades = [1, 1e-2, 1e-4, 1e-6].map(
    (loss) => `rgb(${cellColour(falling, loss).map(Math.round).join(' ')})`,
  )
  return h('ul', { class: 'pg-legend' }, [
    swatch('converged: L ≤ 1e−7', flat(converged, 0)),
    swatch('final loss: dark is large', `background: linear-gradient(90deg, ${shades.join(', ')})`),
    swatch('bounded, above its start', flat(bounded, 0)),
    swatch('diverged', flat(outcomes.indexOf('diverged'), 0)),
  ])
}

/** 64 × 64 runs over two hyperparameters, each a cell. A click or Enter takes a cell's settings to the picture above. */
export const PhaseFigure = defineComponent({
  props: { pg: { type: Object as PropType<Playground>, required: true } },
  setup(props) {
    const { settings, surface, threads, change } = props.pg
    const canvas = ref<HTMLCanvasElement>()
    const cells = shallowRef<Cells>()
    const column = ref(phaseSize >> 1)
    const row = ref(phaseSize >> 1)
    const status = ref('')
    const seconds = ref(0)
    const done = ref(false)

    const compute = async (): Promise<void> => {
      const began = performance.now()
      const next: Cells = {
        losses: new Float64Array(phaseSize ** 2),
        outcomes: new Uint8Array(phaseSize ** 2).fill(notReady),
      }
      cells.value = next
      done.value = false
      status.value = 'computing …'
      try {
        const isWhole = await threads.phase(settings.value, surface.value.formula, (rows) => {
          next.losses.set(rows.losses, rows.firstRow * phaseSize)
          next.outcomes.set(rows.outcomes, rows.firstRow * phaseSize)
          if (canvas.value) paint(canvas.value, next)
        })
        if (!isWhole) return
        seconds.value = (performance.now() - began) / 1000
        status.value = `${phaseSize} × ${phaseSize} runs of ${settings.value.steps} steps in ${seconds.value.toFixed(2)} s`
        done.value = true
      } catch (error) {
        status.value = (error as Error).message
      }
    }
    let waiting: ReturnType<typeof setTimeout> | undefined
    const soon = (): void => {
      threads.stop()
      clearTimeout(waiting)
      // Not before a slider rests: the runs would compete for the cores with those of the picture.
      waiting = setTimeout(() => void compute(), 300)
    }
    watch(() => subject(settings.value), soon, { immediate: true })
    onUnmounted(() => clearTimeout(waiting))

    const pick = (): void => {
      const {
        axisX,
        axisY,
        xiMode,
        [axisX]: x,
        [axisY]: y,
      } = cellSettings(settings.value, column.value, row.value)
      change({ [axisX]: x, [axisY]: y, xiMode })
    }
    const onKeydown = (event: KeyboardEvent): void => {
      const moves: Record<string, readonly [number, number]> = {
        ArrowLeft: [-1, 0],
        ArrowRight: [1, 0],
        ArrowUp: [0, 1],
        ArrowDown: [0, -1],
      }
      const move = moves[event.key]
      if (!move && event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      if (!move) {
        pick()
        return
      }
      const bound = (value: number): number => Math.min(phaseSize - 1, Math.max(0, value))
      column.value = bound(column.value + move[0])
      row.value = bound(row.value + move[1])
    }
    const onClick = (event: MouseEvent): void => {
      const box = (event.currentTarget as Element).getBoundingClientRect()
      const bound = (share: number): number =>
        Math.min(phaseSize - 1, Math.max(0, Math.floor(share * phaseSize)))
      column.value = bound((event.clientX - box.left) / box.width)
      row.value = bound(1 - (event.clientY - box.top) / box.height)
      pick()
    }

    return () => {
      const { axisX, axisY } = settings.value
      const cell = row.value * phaseSize + column.value
      const outcome = cells.value?.outcomes[cell] ?? notReady
      const at = `${numbers[axisX].symbol} = ${show(axisValue(axisX, column.value))}, ${numbers[axisY].symbol} = ${show(axisValue(axisY, row.value))}`
      const end = done.value ? `: ${outcomes[outcome]}, L = ${show(cells.value!.losses[cell]!)}` : ''
      const equal = equalLine(axisX, axisY)
      const here = [axisPlace(axisX, settings.value[axisX]), axisPlace(axisY, ownY(settings.value))] as const
      const list = axes.map((id) => [id, numbers[id].label] as const)
      return h('div', { class: 'pg-phase', 'data-done': String(done.value) }, [
        h('div', { class: 'pg-phase-choices' }, [
          chooser(
            props.pg,
            'axisX',
            'Across',
            list.filter(([id]) => id !== axisY),
          ),
          chooser(
            props.pg,
            'axisY',
            'Up',
            list.filter(([id]) => id !== axisX),
          ),
        ]),
        h('div', { class: 'pg-phase-plot' }, [
          h('b', { class: 'pg-axis-name' }, numbers[axisY].symbol),
          h(
            'span',
            { class: 'pg-axis pg-axis-y' },
            axisTicks(axisY).map((t) => h('small', t)),
          ),
          h(
            'div',
            {
              class: 'pg-phase-field',
              role: 'application',
              tabindex: 0,
              'aria-label': `Phase diagram of ${numbers[axisX].label} and ${numbers[axisY].label}. The arrow keys move the cell, Enter shows its run. ${at}${end}`,
              'data-loss': done.value ? String(cells.value!.losses[cell]) : undefined,
              onClick,
              onKeydown,
            },
            [
              h('canvas', { ref: canvas, width: phaseSize, height: phaseSize }),
              h('svg', { viewBox: `0 0 ${phaseSize} ${phaseSize}`, 'aria-hidden': 'true' }, [
                equal === undefined
                  ? undefined
                  : [
                      h('path', { class: 'pg-equal-back', d: equal }),
                      h('path', { class: 'pg-equal', d: equal }),
                    ],
                h('circle', { class: 'pg-here', cx: here[0] + 0.5, cy: phaseSize - 0.5 - here[1], r: 1.3 }),
                h('rect', {
                  class: 'pg-cell',
                  x: column.value,
                  y: phaseSize - 1 - row.value,
                  width: 1,
                  height: 1,
                }),
              ]),
            ],
          ),
          h(
            'span',
            { class: 'pg-axis pg-axis-x' },
            axisTicks(axisX).map((t) => h('small', t)),
          ),
          h('b', { class: 'pg-axis-name pg-axis-name-x' }, numbers[axisX].symbol),
        ]),
        legend(),
        h('p', { class: 'pg-note' }, [equal === undefined ? '' : 'The white line is ξ = η. ', `${at}${end}`]),
        h('p', { class: 'pg-note', role: 'status' }, status.value),
      ])
    }
  },
})

/** The value on the axis upwards that the settings stand for: a tied ξ is κη. */
function ownY({ axisY, xiMode, perRate, rate, ...rest }: Settings): number {
  if (axisY === 'rate') return rate
  if (axisY === 'perRate') return perRate
  if (axisY === 'xi') return xiMode === 'rate' ? perRate * rate : rest.xi
  return rest[axisY]
}

import { defineComponent, h, onUnmounted, ref, shallowRef, watch, type PropType, type VNode } from 'vue'
import { chart } from '../charts.js'
import { bandsOf, colourOf, inducedColour, levelsOf, type Grid } from '../contours.js'
import { show } from '../settings.js'
import type { Playground } from '../state.js'
import { decisionSize } from './decision.js'
import type { Progress, SavedSession, Slice } from './session.js'
import { taskTitles, type TaskId } from './tasks.js'
import type { TrainingNews, TrainingOrder } from './trainWorker.js'

/** So many steps are one training, unless it is stopped. */
const stepsAtATime = 1500

const width = 400
const height = 300

/** The slice as a picture: contours of the loss, and the way through it. */
function sliceFigure({ columns, rows, view, losses, path }: Slice): VNode {
  const finite = losses.filter(Number.isFinite).sort()
  const [low, high] = [finite[0] ?? 0, finite[Math.floor(0.92 * (finite.length - 1))] ?? 1]
  const heights = losses.map((loss) => (Number.isFinite(loss) ? loss : high))
  const grid: Grid = { columns, rows, view, heights, low, high: high > low ? high : low + 1 }
  const levels = levelsOf(grid, 16)
  const place = ([x, y]: readonly [number, number]): string =>
    `${(((x - view[0]) / (view[2] - view[0])) * width).toFixed(1)} ${(((view[3] - y) / (view[3] - view[1])) * height).toFixed(1)}`
  const rgb = (share: number): string => `rgb(${colourOf(share).map(Math.round).join(' ')})`
  const way: string[] = []
  for (let i = 0; i < path.length; i += 2) way.push(place([path[i]!, path[i + 1]!]))
  const label = 'The loss in the plane of the two principal axes of the weights on their way, and the way'
  return h(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label, class: 'pg-slice' },
    [
      h('rect', { width, height, fill: rgb(0) }),
      ...bandsOf(grid, levels).map(({ rings }, level) =>
        h('path', {
          d: rings.map((ring) => `M${ring.map(place).join('L')}Z`).join(''),
          fill: rgb((level + 0.5) / levels.length),
          stroke: '#fff',
          'stroke-opacity': 0.28,
        }),
      ),
      h('path', { d: `M${way.join('L')}`, fill: 'none', stroke: '#fff', 'stroke-width': 5, opacity: 0.6 }),
      h('path', { d: `M${way.join('L')}`, fill: 'none', stroke: inducedColour, 'stroke-width': 2.2 }),
    ],
  )
}

/** What the network with the metric says about the plane. */
function paintDecision(canvas: HTMLCanvasElement, decision: Float32Array): void {
  const context = canvas.getContext('2d')
  if (!context) return
  const image = context.createImageData(decisionSize, decisionSize)
  decision.forEach((probability, cell) => {
    const row = decisionSize - 1 - Math.floor(cell / decisionSize)
    const [r, g, b] = colourOf(Number.isFinite(probability) ? 0.12 + 0.76 * probability : 0.5)
    image.data.set([r, g, b, 255], 4 * (row * decisionSize + (cell % decisionSize)))
  })
  context.putImageData(image, 0, 0)
}

/** The record of a training: a column for each series of the charts. */
function createRecord() {
  const columns = { induced: [] as number[], beside: [] as number[], scales: [] as number[] }
  return {
    columns,
    add({ induced, beside }: Progress): void {
      columns.induced.push(induced.batchLoss)
      columns.beside.push(beside.batchLoss)
      columns.scales.push(induced.scale)
    },
  }
}

/** Trains small networks with the playground's optimiser, beside its base. Trainings can be stopped, and go on by checkpoints. */
export const TrainingPanel = defineComponent({
  props: { pg: { type: Object as PropType<Playground>, required: true } },
  setup(props) {
    const task = ref<TaskId>('spirals')
    const isRunning = ref(false)
    const progress = shallowRef<Progress>()
    const saved = shallowRef<SavedSession>()
    const slice = shallowRef<Slice>()
    const problem = ref('')
    const canvas = ref<HTMLCanvasElement>()
    let record = createRecord()
    let worker: Worker | undefined

    const hear = ({ data }: MessageEvent<TrainingNews>): void => {
      if (data.kind === 'progress') {
        record.add(data.progress)
        progress.value = data.progress
        if (data.progress.decision && canvas.value) paintDecision(canvas.value, data.progress.decision)
        return
      }
      isRunning.value = false
      if (data.kind === 'failed') problem.value = data.message
      else {
        saved.value = data.saved
        slice.value = data.slice
      }
    }
    const order = (message: TrainingOrder): void => {
      if (!worker) {
        worker = new Worker(new URL('trainWorker.ts', import.meta.url), { type: 'module' })
        worker.addEventListener('message', hear)
      }
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
      worker.postMessage(message)
    }
    const forget = (): void => {
      if (isRunning.value) order({ kind: 'stop' })
      saved.value = undefined
    }
    // A checkpoint is of one optimiser: with other settings a training starts anew.
    watch([props.pg.settings, task], forget)
    onUnmounted(() => worker?.terminate())

    const start = (from: SavedSession | undefined): void => {
      if (!from) {
        record = createRecord()
        slice.value = undefined
      }
      problem.value = ''
      isRunning.value = true
      order({
        kind: 'start',
        task: task.value,
        settings: props.pg.settings.value,
        steps: stepsAtATime,
        saved: from,
      })
    }
    const button = (text: string, onClick: () => void, isEnabled = true) =>
      h('button', { type: 'button', class: 'pg-button', disabled: !isEnabled, onClick }, text)
    const chooseTask = () =>
      h('label', { class: 'pg-task' }, [
        h('span', { class: 'pg-name' }, 'Task'),
        h(
          'select',
          {
            'data-choice': 'task',
            onChange: (event: Event) => (task.value = (event.target as HTMLSelectElement).value as TaskId),
          },
          Object.entries(taskTitles).map(([value, text]) =>
            h('option', { value, selected: value === task.value }, text),
          ),
        ),
      ])
    const score = (name: string, { batchLoss, accuracy }: Progress['induced']): VNode =>
      h('p', [h('b', name), ` loss ${show(batchLoss)}, ${(100 * accuracy).toFixed(1)} % of the test right`])

    return () => {
      const now = progress.value
      const css = 'var(--pg-beside)'
      return h('div', { class: 'pg-training', 'data-running': String(isRunning.value) }, [
        h('div', { class: 'pg-timeline' }, [
          chooseTask(),
          isRunning.value
            ? button('Stop', () => order({ kind: 'stop' }))
            : button('Train', () => start(undefined)),
          button('Resume', () => start(saved.value), !isRunning.value && saved.value !== undefined),
        ]),
        h('p', { class: 'pg-problem', role: 'alert' }, problem.value === '' ? undefined : problem.value),
        now
          ? h('div', { class: 'pg-verdict' }, [
              h('p', `step ${now.induced.step}`),
              score('with the metric:', now.induced),
              score('beside it:', now.beside),
            ])
          : undefined,
        h('div', { class: 'pg-training-figures' }, [
          h('canvas', {
            ref: canvas,
            class: 'pg-decision',
            width: decisionSize,
            height: decisionSize,
            role: 'img',
            'aria-label': 'The network’s decision over the plane',
            hidden: !now?.decision,
          }),
          slice.value ? sliceFigure(slice.value) : undefined,
          now
            ? h('div', [
                chart({
                  title: 'Loss of the batches',
                  scale: 'log',
                  unit: 'look',
                  series: [
                    { label: 'beside', values: record.columns.beside, colour: css, dashes: '4 3' },
                    { label: 'with the metric', values: record.columns.induced, colour: inducedColour },
                  ],
                }),
                chart({
                  title: 'ρ over time',
                  scale: 'linear',
                  bounds: [0, 1],
                  unit: 'look',
                  series: [{ label: 'ρ', values: record.columns.scales, colour: inducedColour }],
                }),
              ])
            : undefined,
        ]),
      ])
    }
  },
})

import { optimizers } from '../optimizers/index.js'
import type { Run } from '../run.js'
import { tasks } from '../tasks/index.js'
import { accuracyChart, lossChart } from './charts.js'
import { accuracyTable, lossTable } from './tables.js'
import { tunedTable, type Section } from './tuned.js'

/** The files of the report, by name. */
export interface Report {
  /** Files beside the results. */
  readonly files: ReadonlyMap<string, string>
  /** The chart of the top README; `undefined` where there are no runs for it. */
  readonly chart: string | undefined
}

const TITLE = 'Final test accuracy on MNIST by learning rate'
const TUNED =
  '`rateFree(adam(), { steps })` at its default η = 1, compared with Adam with a linear decay at the best of its rates.'
const HARDER =
  'The same tasks with something that may break `rateFree`. Rates of `rateFree` are caps: 1 is the default.'
const CHARTED = [
  { id: 'adam', title: 'Adam' },
  { id: 'adam-clip', title: 'Adam, gradient clipped to 1' },
  { id: 'adam-root', title: "Adam, root(), xi: 'rate'" },
]

/** Writes the report of some runs: `README.md`, and a chart for each task. */
export function writeReport(all: readonly Run[]): Report {
  const sections = tasks.flatMap((task): Section[] => {
    const runs = all.filter((run) => run.task === task.id && run.steps === task.steps)
    return runs.length === 0 ? [] : [{ task, runs }]
  })
  const used = optimizers.filter(({ id }) =>
    sections.some(({ runs }) => runs.some(({ optimizer }) => optimizer === id)),
  )
  const minutes = sections.flatMap(({ runs }) => runs).reduce((sum, { seconds }) => sum + seconds, 0) / 60
  const usual = sections.filter(({ task }) => task.isHarder !== true)
  const harder = sections.filter(({ task }) => task.isHarder === true)
  const tuned = tunedTable(usual)
  const page = [
    '# Final losses by learning rate',
    'Written by `npm run report -w examples/robustness` from the runs in this folder, which `npm run study -w examples/robustness` ' +
      `makes: ${sections.reduce((sum, { runs }) => sum + runs.length, 0)} runs, ${Math.ceil(minutes)} minutes of processor time. Each number is the median over ` +
      'the seeds of the final loss over the training data. The best of a row is bold, and ∞ means that the loss is no longer a number. All optimisers of a task see ' +
      'the same initial parameters, batches and gradients.',
    used.map(({ title, description }) => `- **${title}**: ${description}`).join('\n'),
    ...(tuned === undefined ? [] : ['## Without a choice of the rate', TUNED, tuned]),
    ...usual.flatMap((section) =>
      partsOf(section, '##', `![${section.task.title}: final loss by learning rate](${section.task.id}.svg)`),
    ),
    ...(harder.length === 0 ? [] : ['## Made harder', HARDER]),
    ...harder.flatMap((section) => partsOf(section, '###')),
  ]
  const files = new Map([['README.md', `${page.join('\n\n')}\n`]])
  for (const { task, runs } of usual) files.set(`${task.id}.svg`, lossChart(task, runs))
  const digits = sections.find(({ task }) => task.id === 'mnist')?.runs ?? []
  const chart = CHARTED.every(({ id }) => digits.some(({ optimizer }) => optimizer === id))
    ? accuracyChart(TITLE, digits, CHARTED)
    : undefined
  return { files, chart }
}

/** The part of the report on a task. */
function partsOf({ task, runs }: Section, heading: string, ...picture: string[]): string[] {
  const accuracies = accuracyTable(runs)
  return [
    `${heading} ${task.title}`,
    `${task.description} Median of ${new Set(runs.map(({ seed }) => seed)).size} seeds; ${task.loss} at the end.`,
    ...picture,
    lossTable(runs),
    ...(accuracies === '' ? [] : ['Test accuracy:', accuracies]),
  ]
}

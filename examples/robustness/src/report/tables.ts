import { optimizers } from '../optimizers/index.js'
import type { OptimizerEntry } from '../optimizers/optimizer.js'
import type { Run } from '../run.js'
import { pointsOf, type Point } from './summary.js'

/** The value of a point that a table shows, and which of two is better. */
interface Reading {
  readonly read: (point: Point) => number | undefined
  readonly text: (value: number) => string
  readonly better: (value: number, other: number) => boolean
}

const finalLoss: Reading = {
  read: ({ loss }) => loss,
  text: lossText,
  better: (value, other) => value < other,
}

const testAccuracy: Reading = {
  read: ({ accuracy }) => accuracy,
  text: (value) => value.toFixed(4).replace(/^0/, ''),
  better: (value, other) => value > other,
}

/** Final losses of a task's runs: a row for each optimiser, a column for each rate, the best of a row in bold. */
export const lossTable = (runs: readonly Run[]): string => table(runs, finalLoss)

/** The same for test accuracies; empty where the task has none. */
export const accuracyTable = (runs: readonly Run[]): string => table(runs, testAccuracy)

/** A loss to three digits, as short as possible. */
export function lossText(value: number): string {
  if (!Number.isFinite(value)) return '∞'
  if (value !== 0 && (value < 1e-4 || value >= 1e4)) {
    const exponent = Math.floor(Math.log10(value))
    return `${Math.round(value / 10 ** exponent)}e${exponent}`.replace('-', '−')
  }
  return String(Number(value.toPrecision(3))).replace(/^0\./, '.')
}

function table(runs: readonly Run[], reading: Reading): string {
  const shown = optimizers.filter(({ id }) =>
    pointsOf(runs, id).some((point) => reading.read(point) !== undefined),
  )
  const names = [...new Set(shown.map(({ rateName }) => rateName ?? 'η'))]
  return names
    .map((name) =>
      part(
        runs,
        shown.filter(({ rateName = 'η' }) => rateName === name),
        name,
        reading,
      ),
    )
    .join('\n\n')
}

/** The table of the optimisers whose rates have the same meaning. */
function part(
  runs: readonly Run[],
  entries: readonly OptimizerEntry[],
  rateName: string,
  { read, text, better }: Reading,
): string {
  const rows = entries.map(({ id, title }) => ({ title, points: pointsOf(runs, id) }))
  const rates = [...new Set(rows.flatMap(({ points }) => points.map(({ rate }) => rate)))].sort(
    (one, other) => one - other,
  )
  const lines = rows.map(({ title, points }) => {
    const values = rates.map((rate) => {
      const point = points.find((point) => point.rate === rate)
      return point && read(point)
    })
    const known = values.filter((value) => value !== undefined)
    const best = known.reduce((best, value) => (better(value, best) ? value : best))
    return [
      title,
      ...values.map((value) =>
        value === undefined
          ? ''
          : text(value) === text(best) && value !== Infinity
            ? `**${text(value)}**`
            : text(value),
      ),
    ]
  })
  return [[rateName, ...rates.map(rateText)], ['---', ...rates.map(() => '---')], ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

/** A rate as it is written in tables. */
export function rateText(rate: number): string {
  return String(rate).replace(/^0\./, '.')
}

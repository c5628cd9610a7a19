import type { RateMetric } from '../rates.js'
import type { Run } from '../training/run.js'
import { formatShare } from './figures.js'
import type { Table } from './summary.js'

/** Runs that differ only in the learning rate. */
export interface RateRow {
  readonly framework: Run['framework']
  readonly base: string
  readonly metric: RateMetric
  /** In order of the rate; null where a run never reached a test. */
  readonly accuracies: ReadonlyMap<number, number | null>
}

/** The rows of learning rates among the runs. */
export function rateRows(runs: readonly Run[]): RateRow[] {
  const rows = new Map<string, RateRow & { readonly accuracies: Map<number, number | null> }>()
  for (const { framework, setting, epochs } of runs) {
    if (!setting.rate) continue
    const { base, metric, learningRate } = setting.rate
    const key = [framework.id, base, metric].join()
    const row = rows.get(key) ?? { framework, base, metric, accuracies: new Map() }
    row.accuracies.set(learningRate, epochs.findLast(({ epoch }) => epoch > 0)?.testAccuracy ?? null)
    rows.set(key, row)
  }
  return [...rows.values()]
}

/** The names of the metrics in tables. */
const names: Readonly<Record<RateMetric, string>> = {
  none: 'none',
  root: 'root, ξ = η',
  rateFree: 'rateFree',
}

/** The last test accuracies by learning rate, and their spread. */
export function summarizeRates(runs: readonly Run[]): Table {
  const rows = rateRows(runs)
  const rates = [...new Set(rows.flatMap(({ accuracies }) => [...accuracies.keys()]))].toSorted(
    (a, b) => a - b,
  )
  return {
    headings: ['Base', 'Metric', 'Framework', ...rates.map((rate) => `η ${formatRate(rate)}`), 'apart'],
    rows: rows.map(({ framework, base, metric, accuracies }) => {
      const reached = [...accuracies.values()].filter((accuracy) => accuracy !== null)
      const apart = reached.length === 0 ? null : Math.max(...reached) - Math.min(...reached)
      const cells = rates.map((rate) => formatShare(accuracies.get(rate)))
      return [base, names[metric], framework.title, ...cells, formatShare(apart)]
    }),
    figures: [false, false, false, ...rates.map(() => true), true],
  }
}

/** A learning rate as in the tables: `.01`. */
export function formatRate(rate: number): string {
  return String(rate).replace(/^0\./, '.')
}

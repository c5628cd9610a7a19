import type { Run } from '../training/run.js'
import { formatNumber, formatShare } from './figures.js'
import { troubleOf } from './lines.js'

/** A table for output as text and as HTML. */
export interface Table {
  readonly headings: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Columns of figures, which align to the right. */
  readonly figures: readonly boolean[]
}

interface Column {
  readonly heading: string
  readonly cell: (run: Run) => string
  readonly figures: boolean
}

/** Test accuracies by epoch beside those the paper reports, then the last loss and factor, and the time. */
export function summarize(runs: readonly Run[]): Table {
  const epochs = [...new Set(runs.flatMap((run) => run.epochs.map(({ epoch }) => epoch)))]
    .filter((epoch) => epoch > 0)
    .toSorted((a, b) => a - b)
  const shown = epochs.length <= 4 ? epochs : [1, 2, 3, epochs.at(-1)!]
  const inPaper = (epoch: number): boolean =>
    runs.some((run) => run.setting.published.byEpoch[epoch] !== undefined)
  const severalFrameworks = new Set(runs.map((run) => run.framework.id)).size > 1

  const columns: Column[] = [{ heading: 'Optimiser', cell: (run) => run.setting.title, figures: false }]
  if (severalFrameworks)
    columns.push({ heading: 'Framework', cell: (run) => run.framework.title, figures: false })
  for (const epoch of shown) {
    const reached = (run: Run) => run.epochs.find((record) => record.epoch === epoch)?.testAccuracy
    columns.push({ heading: `epoch ${epoch}`, cell: (run) => formatShare(reached(run)), figures: true })
    if (inPaper(epoch)) {
      const published = (run: Run) => run.setting.published.byEpoch[epoch]
      columns.push({ heading: 'paper', cell: (run) => formatShare(published(run)), figures: true })
    }
  }
  columns.push(
    { heading: 'best of 200 (paper)', cell: (run) => formatShare(run.setting.published.best), figures: true },
    {
      heading: 'loss',
      cell: (run) => formatNumber(recentMean(run.steps.map(({ loss }) => loss))),
      figures: true,
    },
    {
      heading: 'ρ',
      cell: (run) => formatNumber(recentMean(run.steps.map(({ scale }) => scale))),
      figures: true,
    },
    { heading: 'seconds', cell: (run) => run.seconds.toFixed(1), figures: true },
  )
  return {
    headings: columns.map(({ heading }) => heading),
    rows: runs.map((run) => columns.map(({ cell }) => cell(run))),
    figures: columns.map(({ figures }) => figures),
  }
}

/** The table as lines of text. */
export function formatTable({ headings, rows, figures }: Table): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((cells) => cells[column]!.length)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        figures[column] === true ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd()
  return [line(headings), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** The runs that did not finish, one line each. */
export function listTroubles(runs: readonly Run[]): string[] {
  return runs.flatMap((run) => {
    const trouble = troubleOf(run)
    return trouble === null ? [] : [`${run.setting.title} ${trouble}`]
  })
}

// Uses the last ten steps, because a single batch is noisy.
function recentMean(values: readonly (number | null)[]): number | null {
  const recent = values.slice(-10).filter((value) => value !== null)
  return recent.length === 0 ? null : recent.reduce((sum, value) => sum + value, 0) / recent.length
}

import { openResults, rankTrials, type ResultsFile, type StudyResults } from '../results/read.js'
import { formatDuration, formatNumber, formatSpread, formatValue } from '../report/text.js'
import { compareBy, compareConfigurations, type Comparison } from '../statistics/compare.js'
import type { Command } from './options.js'
import { UsageError } from './usageError.js'

/** Formats rows as a table of text. */
function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  return `${[lines[0]!, widths.map((width) => '-'.repeat(width)).join('  '), ...lines.slice(1)].join('\n')}\n`
}

/** Opens a file for the time of a call. */
export function withResults<T>(file: string, use: (file: ResultsFile) => T): T {
  const opened = openResults(file)
  try {
    return use(opened)
  } finally {
    opened.close()
  }
}

/** The best configurations as a table, or everything as JSON. */
export function show(command: Command): string {
  const top = command.number('top') ?? 10
  return withResults(command.file, (file) => {
    const results = file.read(command.text('study'))
    return command.flag('json') ? `${JSON.stringify(results, null, 2)}\n` : bestTable(results, top)
  })
}

function bestTable(results: StudyResults, top: number): string {
  const { definition, trials, study } = results
  const names = Object.keys(definition.space as object)
  const ranked = rankTrials(trials, definition)
  const runs = trials.reduce((sum, trial) => sum + trial.runs.length, 0)
  const head = `${study}: ${runs} of ${definition.trials * definition.seeds.length} runs are done\n`
  if (ranked.length === 0) return `${head}no configuration has finished\n`
  const rows = ranked
    .slice(0, top)
    .map((trial) => [
      String(trial.configuration),
      formatSpread(trial.mean, trial.deviation),
      String(trial.runs.length),
      ...names.map((name) => formatValue(trial.hyperparameters[name])),
      formatDuration(trial.runs.reduce((sum, { seconds }) => sum + seconds, 0) / trial.runs.length),
    ])
  return `${head}${formatTable([['number', definition.metric.name, 'seeds', ...names, 'time'], ...rows])}`
}

/** Two configurations, or the best ones of each value of a hyperparameter, compared seed by seed. */
export function compare(command: Command): string {
  const level = command.number('level')
  const options = level === undefined ? {} : { level }
  const by = command.text('by')
  return withResults(command.file, (file) => {
    const results = file.read(command.text('study'))
    if (by !== undefined) return byTable(results, by, options)
    const [a, b, ...others] = command.rest.map((text) => (/^\d+$/.test(text) ? Number(text) : NaN))
    if (a === undefined || b === undefined || others.length > 0 || Number.isNaN(a + b))
      throw new UsageError('compare: give the numbers of two configurations, or --by with a hyperparameter')
    const compared = compareConfigurations(results, a, b, options)
    const rows = compared.differences.map(({ seed, difference }) => [String(seed), formatNumber(difference)])
    return `${formatTable([['seed', `number ${a} − number ${b}`], ...rows])}mean ${describe(compared)}\n`
  })
}

function describe({ difference, interval: [low, high], level }: Comparison): string {
  if (Number.isNaN(low)) return `${formatNumber(difference)} (an interval needs two common seeds)`
  return `${formatNumber(difference)}, ${level * 100} % interval ${formatNumber(low)} to ${formatNumber(high)}`
}

function byTable(results: StudyResults, by: string, options: { readonly level?: number }): string {
  const rows = compareBy(results, by, options).map(({ value, best, tried, comparison }) => [
    formatValue(value),
    formatSpread(best.mean, best.deviation),
    String(best.configuration),
    String(tried),
    comparison === undefined ? '' : describe(comparison),
  ])
  const { name } = results.definition.metric
  return formatTable([[by, name, 'number', 'tried', 'minus the first'], ...rows])
}

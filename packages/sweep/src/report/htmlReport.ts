import { optionError, requireKnown } from '../errors.js'
import { rankTrials, type ResultsFile, type StudyResults, type Trial } from '../results/read.js'
import { runStatuses } from '../runs/outcome.js'
import { compareBy } from '../statistics/compare.js'
import { dimensionChart } from './charts.js'
import { type ReportData, reportData, type ReportRoles } from './data.js'
import { heatMaps } from './heatMap.js'
import { curveChart, robustnessChart } from './lines.js'
import { style } from './style.js'
import { createDraw } from './svg.js'
import { escapeHtml, formatDuration, formatNumber, formatSpread, formatValue } from './text.js'

/** The options of `htmlReport`. */
export interface ReportOptions extends ReportRoles {
  /** The study, where the file has several. */
  readonly study?: string
}

/** How many configurations the table of the best ones has, how many have curves, and how many failures are listed. */
const [tableLength, curveCount, failureCount] = [20, 5, 30]

/**
 * A report of a study as a page of its own, without a script or anything from elsewhere: the best configurations, the metric
 * against each hyperparameter, against η and ξ and over learning rates, comparisons, curves and failures.
 *
 * @param file - an open file of results
 * @param options - hyperparameters with a part of their own, which are otherwise told by their names
 * @throws ERR_OPTION if an option, the study or a hyperparameter is unknown
 */
export function htmlReport(file: ResultsFile, options: ReportOptions = {}): string {
  requireKnown('htmlReport', options, ['study', 'rate', 'xi', 'series'])
  const results = file.read(options.study)
  for (const name of [options.rate, options.xi, options.series]) {
    if (name !== undefined && !(name in (results.definition.space as object)))
      throw optionError(`the space of ${results.study} has no ${JSON.stringify(name)}`)
  }
  const data = reportData(results, options)
  const ranked = rankTrials(results.trials, results.definition)
  const draw = createDraw()
  const sections = [
    section('best', 'Best configurations', bestTable(data, ranked)),
    section('comparison', `Best of each ${data.series?.name ?? ''}`, comparisonTable(data, ranked)),
    section(
      'robustness',
      'Over learning rates',
      withLegend(data, robustnessChart(draw, data), notes.robustness),
    ),
    section(
      'heat',
      `${data.rate?.name ?? ''} and ${data.xi?.name ?? ''}`,
      gridOf(heatMaps(draw, data), notes.heat),
    ),
    section('parameters', 'Each hyperparameter', parameterCharts(draw, data)),
    section('curves', 'Curves', curves(draw, results, ranked.slice(0, curveCount), file)),
    section('failures', 'Runs without a result', failures(results)),
  ].filter((one) => one !== undefined)
  return page(results, sections)
}

interface Section {
  readonly id: string
  readonly title: string
  readonly content: string
}

const section = (id: string, title: string, content: string | undefined): Section | undefined =>
  content === undefined || content === '' ? undefined : { id, title, content }

const notes = {
  robustness:
    'The line is the median of all runs around a learning rate, the band the middle 80 % of them. Runs without a result count as the worst. Values beyond the scale are drawn at its edge.',
  heat: 'Each cell is the median of its configurations: the stronger the colour, the better. The best cell has a frame.',
} as const

function page(results: StudyResults, sections: readonly Section[]): string {
  const title = `Study ${results.study}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
${style}
</style>
</head>
<body>
<a class="skip" href="#main">To the results</a>
<main id="main">
<h1>${escapeHtml(title)}</h1>
${facts(results)}
<nav aria-label="Sections"><ul>${sections.map(({ id, title: text }) => `<li><a href="#${id}">${escapeHtml(text)}</a></li>`).join('')}</ul></nav>
${sections.map(({ id, title: text, content }) => `<section aria-labelledby="${id}"><h2 id="${id}">${escapeHtml(text)}</h2>\n${content}</section>`).join('\n')}
</main>
</body>
</html>
`
}

function facts({ definition, trials, best }: StudyResults): string {
  const { metric, sampler, seeds, stopping } = definition
  const runs = trials.flatMap((trial) => trial.runs)
  const counts = runStatuses.flatMap((status) => {
    const count = runs.filter((run) => run.status === status).length
    return count === 0 ? [] : [`${count} ${words[status]}`]
  })
  const total = definition.trials * seeds.length
  const rows = [
    ['Metric', `${metric.name}, ${metric.goal === 'minimize' ? 'smaller' : 'larger'} is better`],
    ['Best', best === undefined ? 'none yet' : formatSpread(best.mean, best.deviation)],
    ['Runs', `${runs.length} of ${total}: ${counts.join(', ') || 'none'}`],
    [
      'Configurations',
      `${trials.length}, each with ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'}`,
    ],
    ['Sampler', sampler.name],
    ['Early stopping', stopping?.name ?? 'none'],
    ['Time of all runs', formatDuration(runs.reduce((sum, { seconds }) => sum + seconds, 0))],
  ]
  return `<dl class="facts">${rows.map(([name, text]) => `<div><dt>${name}</dt><dd>${escapeHtml(text!)}</dd></div>`).join('')}</dl>`
}

const words = {
  finished: 'finished',
  stopped: 'stopped early',
  failed: 'failed',
  notFinite: 'without a finite metric',
  timedOut: 'timed out',
} as const

type Cell = string | { readonly text: string; readonly kind: 'number' | 'value' }

function table(caption: string, head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cell = (given: Cell): string =>
    typeof given === 'string'
      ? `<td>${escapeHtml(given)}</td>`
      : `<td class="${given.kind}">${escapeHtml(given.text)}</td>`
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(caption)}"><table>
<caption>${escapeHtml(caption)}</caption>
<thead><tr>${head.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('')}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}
</tbody></table></div>`
}

function bestTable({ results, dimensions }: ReportData, ranked: readonly Trial[]): string {
  const { metric, seeds } = results.definition
  if (ranked.length === 0) return '<p>No configuration has finished with all the seeds that it ran with.</p>'
  const rows = ranked
    .slice(0, tableLength)
    .map((trial): Cell[] => [
      String(trial.configuration),
      { text: formatSpread(trial.mean, trial.deviation), kind: 'value' },
      ...dimensions.map(({ name }) => formatValue(trial.hyperparameters[name])),
      `${trial.runs.length} of ${seeds.length}`,
      formatDuration(trial.runs.reduce((sum, { seconds }) => sum + seconds, 0) / trial.runs.length),
    ])
  const head = ['number', metric.name, ...dimensions.map(({ name }) => name), 'seeds', 'time of a run']
  const spread = seeds.length > 1 ? '; mean ± standard deviation over the seeds' : ''
  return table(`The best ${rows.length} of ${ranked.length} configurations${spread}`, head, rows)
}

function comparisonTable(data: ReportData, ranked: readonly Trial[]): string | undefined {
  const { series, results } = data
  if (series === undefined || !ranked.some(({ hyperparameters }) => series.name in hyperparameters))
    return undefined
  const rows = compareBy(results, series.name).map(({ value, best, tried, comparison }): Cell[] => [
    formatValue(value),
    { text: formatSpread(best.mean, best.deviation), kind: 'value' },
    String(best.configuration),
    String(tried),
    comparison === undefined || Number.isNaN(comparison.difference)
      ? ''
      : formatNumber(comparison.difference),
    comparison === undefined || Number.isNaN(comparison.interval[0])
      ? ''
      : `${formatNumber(comparison.interval[0])} to ${formatNumber(comparison.interval[1])}`,
  ])
  const head = [
    series.name,
    results.definition.metric.name,
    'number',
    'tried',
    'minus the first',
    '95 % interval',
  ]
  return `${table(`The best configuration of each ${series.name}, compared seed by seed`, head, rows)}
<p class="soft">Intervals are bootstrap intervals of the mean difference over common seeds; with fewer than ten seeds they are too narrow. The best of many is better by luck: run these configurations again with other seeds where it matters.</p>`
}

function legend({ seriesNames }: ReportData): string {
  if (seriesNames.length < 2) return ''
  return legendOf(seriesNames)
}

function legendOf(names: readonly string[]): string {
  const items = names.map(
    (name, i) =>
      `<li><svg class="swatch s-${i}" viewBox="0 0 26 10" aria-hidden="true"><path d="M1 5H25"/></svg>${escapeHtml(name)}</li>`,
  )
  return `<ul class="legend">${items.join('')}</ul>`
}

function withLegend(data: ReportData, chart: string | undefined, note: string): string | undefined {
  return chart === undefined ? undefined : `<p>${note}</p>\n${legend(data)}<figure>${chart}</figure>`
}

function gridOf(figures: readonly string[], note: string): string | undefined {
  return figures.length === 0 ? undefined : `<p>${note}</p>\n<div class="grid">${figures.join('\n')}</div>`
}

function parameterCharts(draw: ReturnType<typeof createDraw>, data: ReportData): string | undefined {
  const charts = data.dimensions.flatMap((dimension) => {
    const chart = dimensionChart(draw, data, dimension)
    return chart === undefined ? [] : [`<figure>${chart}</figure>`]
  })
  const note =
    '<p>A mark for each configuration that finished. Values beyond the scale are drawn at its edge.</p>'
  return charts.length === 0
    ? undefined
    : `${note}\n${legend(data)}<div class="grid">${charts.join('\n')}</div>`
}

function curves(
  draw: ReturnType<typeof createDraw>,
  results: StudyResults,
  best: readonly Trial[],
  file: ResultsFile,
): string | undefined {
  const chart = curveChart(draw, results, best, file.reports)
  if (chart === undefined) return undefined
  const names = best.map(({ configuration }, place) => `${place + 1}. number ${configuration}`)
  return `<p>The ${best.length} best configurations, a line for each seed.</p>\n${legendOf(names)}<figure>${chart}</figure>`
}

function failures({ trials }: StudyResults): string | undefined {
  const failed = trials.flatMap(({ runs, hyperparameters }) =>
    runs
      .filter(({ status }) => status !== 'finished' && status !== 'stopped')
      .map((run) => ({ ...run, hyperparameters })),
  )
  if (failed.length === 0) return undefined
  const items = failed
    .slice(0, failureCount)
    .map(({ configuration, seed, status, error, steps, hyperparameters }) => {
      const values = Object.entries(hyperparameters).map(([name, value]) => `${name} ${formatValue(value)}`)
      const head = `number ${configuration}, seed ${seed}: <span class="failed">${words[status]}</span> after ${steps} reports`
      return `<details><summary>${head}</summary><pre>${escapeHtml(values.join(', '))}${error === null ? '' : `\n\n${escapeHtml(error)}`}</pre></details>`
    })
  const rest = failed.length - items.length
  return `${items.join('\n')}${rest === 0 ? '' : `\n<p class="soft">And ${rest} more.</p>`}`
}

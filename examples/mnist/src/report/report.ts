import {
  optimizerTitles,
  runTrials,
  testFunctions,
  threeDigits,
  trialTable,
  type Descent,
} from '@induced-metric/example-functions'

import type { Setting } from '../settings.js'
import { rateRows, summarizeRates } from '../terminal/rates.js'
import { summarize, listTroubles } from '../terminal/summary.js'
import type { Run } from '../training/run.js'
import { contourChart, valueChart } from './functionCharts.js'
import { escapeHtml, legendCss, legendHtml, swatchHtml, tableHtml } from './html.js'
import { style } from './style.js'
import { capitalized, rateCharts, rateNames, rateSeries, trainingCharts } from './trainingCharts.js'

/** Everything the report shows. */
export interface Results {
  readonly runs: readonly Run[]
  readonly descents: readonly Descent[]
  /** The options, as shown at the top: pairs of a name and a value. */
  readonly facts: readonly (readonly [name: string, value: string])[]
  readonly stepsPerEpoch: number
  /** Whether the user stopped the demonstration before its end. */
  readonly stopped: boolean
}

/** The report as one HTML file that loads nothing from the network. */
export function renderReport({ runs, descents, facts, stepsPerEpoch, stopped }: Results): string {
  const trained = runs.filter(({ setting }) => !setting.rate)
  const frameworks = [...new Map(trained.map((run) => [run.framework.id, run.framework.title]))]
  const sections = frameworks.map(([id, title]) => {
    const own = trained.filter((run) => run.framework.id === id)
    return trainingSection(
      `training-${id}`,
      frameworks.length > 1 ? `Training in ${title}` : 'Training',
      own,
      stepsPerEpoch,
    )
  })
  const settingIds = [...new Set(trained.map((run) => run.setting.id))]
  const legends = [
    ...frameworks.map(([id]) => legendCss(`training-${id}`, settingIds)),
    legendCss('functions', Object.keys(optimizerTitles)),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Induced metric: digits and landscapes</title>
<style>${style}${legends.join('\n')}</style>
</head>
<body>
<header>
<h1>Training with the landscape’s own metric</h1>
<p class="lead">A network of 55,050 parameters learns to read handwritten digits, once with each optimiser, from the same
first weights and on the same batches. The induced optimisers measure a step on the loss surface itself: they multiply
a base step by one factor ρ, which shrinks where the surface is steep.</p>
<dl class="facts">${facts.map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`).join('')}</dl>
</header>
<main>
${noticeHtml(runs, stopped)}
${resultsSection(runs)}
${ratesSection(runs)}
${sections.join('\n')}
${functionsSection(descents)}
${iterationsSection(descents)}
</main>
<footer>
<p>Method, settings and published figures: T. R. Harvey, “The Optimiser Hidden in Plain Sight: Training with the Loss
Landscape’s Induced Metric”, arXiv 2509.03594. “Best of 200” is the best of several hundred runs of 200 epochs from the
paper’s searches; a run of a few epochs shows how training begins, not where it ends.</p>
</footer>
</body>
</html>
`
}

function noticeHtml(runs: readonly Run[], stopped: boolean): string {
  const troubles = listTroubles(runs)
  if (!stopped && troubles.length === 0) return ''
  const items = troubles.map((trouble) => `<li>${escapeHtml(trouble)}</li>`).join('')
  const reason = stopped
    ? 'The demonstration was stopped before its end; this is what had been done.'
    : 'Not every training came to its end.'
  return `<div class="notice" role="note"><p>${reason}</p>${items === '' ? '' : `<ul>${items}</ul>`}</div>`
}

function resultsSection(runs: readonly Run[]): string {
  if (runs.length === 0) return ''
  const settings = [...new Map(runs.map((run) => [run.setting.description, run.setting])).values()]
  return `<section id="results">
<h2>Results beside the paper’s</h2>
${tableHtml(
  'Test accuracy after each epoch, then the means of the last ten steps',
  summarize(runs),
  runs.map(({ setting }) => seriesOf(setting)),
)}
${remarksHtml([...new Set(settings.map(({ id }) => id))])}
<details><summary>Settings</summary>${tableHtml(
    'Each optimiser and its settings',
    {
      headings: ['Optimiser', 'Settings'],
      rows: settings.map(({ title, description }) => [title, description]),
      figures: [false, false],
    },
    settings.map(seriesOf),
  )}</details>
</section>`
}

/** The class that an optimiser's lines and swatches have. */
function seriesOf({ id, rate }: Setting): string {
  if (!rate) return id
  return rateSeries[rate.metric]
}

function ratesSection(runs: readonly Run[]): string {
  const charts = rateCharts(runs)
  if (charts.length === 0) return ''
  const metrics = [...new Set(rateRows(runs).map(({ metric }) => metric))]
  const legend = metrics.map((metric) => `${swatchHtml(rateSeries[metric])} ${rateNames[metric]}`).join('; ')
  return `<section id="rates">
<h2>One learning rate after another</h2>
<p>The same training from rates that are right to rates that are far too large. Alone, a base falls to chance. With the square
root of the loss as height and ξ equal to the learning rate no step promises more than is left of the loss, and the rate is a mere cap.
rateFree does the same and ends with small steps.</p>
${tableHtml(
  'Test accuracy after the last epoch, by learning rate η, and how far the row lies apart',
  summarizeRates(runs),
  rateRows(runs).map(({ metric }) => rateSeries[metric]),
)}
<div class="grid">
${charts.map(({ of, chart }) => `<figure>${chart}<figcaption>${escapeHtml(capitalized(of))}: ${legend}. The scale is logarithmic in the error.</figcaption></figure>`).join('\n')}
</div>
</section>`
}

const remarks: Readonly<Record<string, string>> = {
  identity:
    'At the best settings of the paper’s search the factor of <em>identity</em> stays within a hair of 1: there it is plain SGD.',
  rms: '<em>RMS</em> stays some per cent below Adam’s step.',
  log: '<em>Log</em> acts like a learning rate divided by the loss, so its steps grow as the loss falls.',
}

function remarksHtml(ids: readonly string[]): string {
  const said = Object.keys(remarks).filter((id) => ids.includes(id))
  if (said.length === 0) return ''
  return `<p>${said.map((id) => remarks[id]).join(' ')} With such
settings the metric is hardly felt; it is where ξ is tied to the learning rate.</p>`
}

function trainingSection(id: string, heading: string, runs: readonly Run[], stepsPerEpoch: number): string {
  const charts = trainingCharts(runs, stepsPerEpoch)
  if (charts.length === 0) return ''
  const captions = [
    '<strong>Accuracy.</strong> Bold: test set. Faint: training batches. Open circles: the paper’s test accuracy. The scale is logarithmic in the error, so that .9 to .95 and .95 to .975 are equally far apart.',
    `<strong>Loss.</strong> ${capitalized(runs[0]?.framework.loss ?? 'mean cross-entropy')}. Bold: test set. Faint: every training batch, before the step it causes.`,
    '<strong>Factor ρ.</strong> What the base step is multiplied by. At 1, the dashed line, the optimiser is its base. Optimisers without a metric have no curve.',
    '<strong>Dual norm s.</strong> The squared length of the gradient in the base metric, summed over all parameters. RMS measures it in Adam’s metric, hence the other scale.',
  ]
  return `<section id="${id}">
<h2>${escapeHtml(heading)}</h2>
${legendHtml(
  id,
  runs.map((run) => run.setting),
)}
<div class="grid">
${charts.map((chart, place) => `<figure>${chart}<figcaption>${captions[place]}</figcaption></figure>`).join('\n')}
</div>
</section>`
}

function functionsSection(descents: readonly Descent[]): string {
  if (descents.length === 0) return ''
  const entries = Object.entries(optimizerTitles).map(([id, title]) => ({ id, title }))
  const figures = Object.values(testFunctions).map((testFunction) => {
    const own = descents.filter((descent) => descent.testFunction === testFunction)
    if (own.length === 0) return ''
    const note = notes[testFunction.id]
    return `<h3>${testFunction.title}</h3>
<div class="grid">
<figure>${contourChart(testFunction, own)}</figure>
<figure>${valueChart(testFunction, own)}</figure>
</div>${note === undefined ? '' : `<p>${note}</p>`}`
  })
  return `<section id="functions">
<h2>Five landscapes</h2>
<p>The two-dimensional functions of the paper, each optimiser at its published settings. An open circle marks the start, a
cross a minimum, a dot the end of a path; faint lines are the runs that depend on the last bit of rounding. Contours are
even steps of the logarithm, on the last two of the value.</p>
${legendHtml('functions', entries)}
${figures.join('\n')}
</section>`
}

const notes: Partial<Record<keyof typeof testFunctions, string>> = {
  rosenbrock: `Identity needs 203 steps and SGD 732, but the two define momentum differently: SGD with the same averaged
momentum needs 209.`,
  himmelblau: `With momentum 0 Adam and its Nesterov form are one; their first step, ten units long, leaves the map.`,
  ackley: `Here and on Rastrigin the start lies on the diagonal, where both functions are symmetric, so no path ever leaves it.
<em>Log</em> reaches the minimum of all five functions because all five minima are 0, which is what it supposes.`,
}

function iterationsSection(descents: readonly Descent[]): string {
  if (descents.length === 0) return ''
  const trials = trialTable(runTrials())
  const trialFigures = { ...trials, figures: trials.headings.map((_, column) => column >= 2) }
  const steady = descents.filter(({ row }) => row.chaotic === undefined)
  const reproduced = steady.filter((descent) => descent.reproduced).length
  let previous = ''
  const rows = descents.map(({ row, testFunction, iterations, finalValue, reproduced }) => {
    const first = testFunction.title !== previous
    previous = testFunction.title
    const span = descents.filter((other) => other.testFunction === testFunction).length
    const heading = first ? `<th scope="rowgroup" rowspan="${span}">${testFunction.title}</th>` : ''
    const verdict = reproduced ? 'yes' : row.chaotic === undefined ? 'no' : 'chaotic'
    return `<tr${first ? ' class="first"' : ''}>${heading}<td class="optimizer">${swatchHtml(row.optimizer)}${escapeHtml(optimizerTitles[row.optimizer])}</td>
<td class="figure">${iterations ?? 'never'}</td><td class="figure">${row.published.iterations ?? 'never'}</td>
<td class="figure">${threeDigits(finalValue)}</td><td class="figure">${row.published.value}</td>
<td class="mark ${verdict}">${{ yes: '✓ same', no: '✗ differs', chaotic: '~ chaotic' }[verdict]}</td>
<td class="reason">${escapeHtml(row.chaotic ?? '')}</td></tr>`
  })
  return `<section id="iterations">
<h2>Steps to the minimum, beside the published ones</h2>
<p>${reproduced} of ${steady.length} runs give the published number of steps and three digits of the last value. The other
${descents.length - steady.length} are chaotic: rounding alone changes their outcome.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Steps to the minimum"><table>
<caption>Steps to the tolerance (never: not in 1000) and last value</caption>
<thead><tr><th scope="col">Function</th><th scope="col">Optimiser</th><th scope="col" class="figure">steps</th><th scope="col" class="figure">published</th><th scope="col" class="figure">last value</th><th scope="col" class="figure">published</th><th scope="col">agreement</th><th scope="col">why not</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></div>
<h3>With ξ tied to the learning rate</h3>
<p>No published runs: the learning rate η is the only number given. Alone, a base needs the right one; tied, a rate that is too
large by far does no harm. Neither leaves a local minimum, as Rastrigin’s.</p>
${tableHtml('Steps to the tolerance; never: the last value', trialFigures)}
</section>`
}

// The page of the evidence: the paper's experiments as they come out here.
import { benchmarkSection, benchmarkVerdicts } from './evidence-benchmark-page.js'
import { share, signedShare, table } from './evidence-text.js'
import { compare, deviation, mean, ranked, titles, trialOf, valuesOf } from './evidence.js'

/**
 * @typedef {import('./evidence.js').Evidence} Evidence
 * @typedef {import('./evidence.js').CompactStudy} CompactStudy
 * @typedef {import('./evidence.js').CompactTrial} CompactTrial
 * @typedef {import('./evidence.js').OptimizerId} OptimizerId
 */

const ids = /** @type {OptimizerId[]} */ (Object.keys(titles))

/**
 * The page, from what is stored.
 *
 * @param {Evidence} evidence
 */
export function renderPage(evidence) {
  return `${[
    opening,
    verdicts(evidence),
    mnistSection(evidence),
    controlsSection(evidence),
    sweepSection(evidence),
    regressionSection(evidence),
    functionsSection(evidence),
    gptSection(evidence),
    benchmarkSection(evidence),
    closing(evidence),
  ]
    .filter((section) => section !== '')
    .join('\n\n')}\n`
}

const opening = `# Evidence

Does an optimiser with the induced metric help, compared with one that was tuned as honestly? This page shows the experiments of
[the paper](https://arxiv.org/abs/2509.03594), run again with these packages, and a benchmark of all bases. \`npm run docs:evidence\` writes it from the
stored results in [\`examples/paper/results\`](../examples/paper/results) and
[\`examples/optimizer-benchmark/results\`](../examples/optimizer-benchmark/results); every file names the command that made it. All runs were made on one thread of an ordinary
processor, in ONNX Runtime or in the core.`

/** @param {Evidence} evidence */
function closing({ controls, sweep, regression, functions, gpt }) {
  const missing = Object.entries({
    'mnist-controls': controls,
    'mnist-sweep': sweep,
    regression,
    functions,
    gpt,
  })
    .filter(([, study]) => study === undefined)
    .map(([name]) => `\`${name}\``)
  const open = missing.length === 0 ? '' : ` No results are stored yet of ${missing.join(', ')}.`
  return `## Do it again

\`\`\`sh
npm run study -w examples/paper mnist mnist-controls regression functions gpt mnist-sweep
npm run export -w examples/paper
npm run study -w examples/optimizer-benchmark
npm run docs:evidence
\`\`\`

Every command goes on where it was stopped, as long as \`.cache\` in the folder of the example is there. It has all runs, in SQLite, and is not committed: \`npx induced-sweep report\` draws any of these
files. \`PAPER_SEEDS\` and \`BENCHMARK_SEEDS\` give the number of seeds; a study can be continued with more.${open}`
}

/** @param {number} value */
const figure = (value) =>
  Number(value.toPrecision(3))
    .toString()
    .replace(/^(-?)0\./, '$1.')

/**
 * Whether the first of two is better, by the interval of the difference; where the seeds are few, only a hint.
 *
 * @param {{ interval: readonly [number, number] }} comparison - of a − b
 * @param {'minimize' | 'maximize'} goal
 */
function verdictOf({ interval: [low, high] }, goal) {
  if (Number.isNaN(low)) return 'one seed: unknown'
  if (low <= 0 && high >= 0) return 'tie'
  return low > 0 === (goal === 'maximize') ? '**win**' : '**loss**'
}

/** The baseline that differs from each induced version only by the metric and the decay. */
const baselines = /** @type {const} */ ([
  ['identity', 'sgd'],
  ['log', 'sgd'],
  ['rms', 'adam'],
  ['log', 'adam'],
  ['log', 'muon'],
])

/** @param {Evidence} evidence */
function verdicts(evidence) {
  const studies = /** @type {const} */ ([
    ['MNIST, best accuracy', evidence.mnist, 5],
    ['regression, best error', evidence.regression, 4],
    ['GPT, final loss', evidence.gpt, 3],
  ])
  const rows = studies.flatMap(([name, study, digits]) =>
    study === undefined ? [] : baselines.flatMap(([a, b]) => verdictRow(name, study, a, b, digits)),
  )
  return `## Wins, ties and losses

The difference is that of the induced version minus the plain one, seed by seed, at the best setting of each. The interval is a bootstrap at 95 %. With five seeds or fewer it
is too narrow (over five seeds it holds the true mean about 83 % of the time, and over two or three it is little more than the range), so a win or a loss here is a hint. An
interval that contains 0 is a tie. Higher accuracies, and lower errors and losses, are better.

On MNIST the paper's settings of \`identity\` and \`log\` have a weight decay, and those of SGD, Adam and Muon have none. A win there is one of the whole setting, not of the
metric. ${decayOrMetric(evidence)}

${table(['', 'compared', 'seeds', 'difference', 'interval', 'induced version'], rows)}

${[summary(rows), ...benchmarkVerdicts(evidence)].join('\n')}`
}

/**
 * The rows by their verdicts, as a list.
 *
 * @param {readonly string[][]} rows
 */
function summary(rows) {
  return ['win', 'tie', 'loss']
    .map((verdict) => {
      const found = rows.filter((row) => row.at(-1)?.includes(verdict))
      const names = found.map(([study, compared]) => `${compared} (${study?.split(',')[0]})`)
      return `- It is a **${verdict}** for ${names.length === 0 ? 'none of them' : names.join('; ')}.`
    })
    .join('\n')
}

/**
 * @param {string} name
 * @param {CompactStudy} study
 * @param {OptimizerId} a
 * @param {OptimizerId} b
 * @param {number} digits
 */
function verdictRow(name, study, a, b, digits) {
  const [own, other] = [ranked(study, a)[0], ranked(study, b)[0]]
  if (own === undefined || other === undefined) return []
  const comparison = compare(own, other)
  if (comparison.seeds === 0) return []
  const signed = (/** @type {number} */ value) => signedShare(value, digits)
  const { difference, interval, seeds } = comparison
  const range = seeds < 2 ? '' : `${signed(interval[0])} to ${signed(interval[1])}`
  return [
    [
      name,
      `${titles[a]} with ${titles[b]}`,
      String(seeds),
      signed(difference),
      range,
      verdictOf(comparison, study.goal),
    ],
  ]
}

/** @param {CompactTrial} trial */
function spread(trial, digits = 5) {
  const values = valuesOf(trial)
  if (values.length === 0) return ''
  const middle = share(mean(values), digits)
  return values.length === 1 ? middle : `${middle} ± ${share(deviation(values), digits)}`
}

/** @param {CompactStudy} study */
const seedsOf = (study) => [...new Set(study.trials.map(({ runs }) => runs.length))].sort((a, b) => a - b)

/** @param {CompactStudy} study */
function extent(study) {
  const done = study.trials.reduce((sum, { runs }) => sum + runs.length, 0)
  const seeds = seedsOf(study)
  const number = seeds.length === 1 ? `${seeds[0]}` : `${seeds[0]} to ${seeds.at(-1)}`
  const word = number === '1' ? 'seed' : 'seeds'
  return done >= study.planned
    ? `${done} runs, ${number} ${word} each`
    : `${done} of ${study.planned} planned runs, ${number} ${word} each`
}

/** @param {Evidence} evidence */
function mnistSection({ mnist, published }) {
  if (mnist === undefined) return ''
  const rows = ids.flatMap((id) => {
    const trial = trialOf(mnist, id)
    if (trial === undefined) return []
    const given = published.mnist[id]
    const firsts = valuesOf(trial, ({ first }) => first)
    return [
      [
        titles[id],
        String(trial.runs.length),
        share(mean(firsts)) + (firsts.length > 1 ? ` ± ${share(deviation(firsts))}` : ''),
        share(given?.first),
        spread(trial),
        share(Math.max(...valuesOf(trial)), 5),
        share(given?.best, 5),
        share(given?.best50, 5),
      ],
    ]
  })
  return `## MNIST at the paper's best settings

784-64-64-10 with GELU (tanh form), LeCun-normal weights, batches of 1024, shuffled once, 200 epochs of 58 batches. Accuracies are on the 9216 test pictures that
the paper evaluates (whole batches of 1024). The best of 200 epochs is chosen on the test set, as in the paper, so it is higher than an accuracy on fresh data would be. SGD is
the paper's, b = μb + g. AdamW is not in the paper's table: it is its Adam with a decay of .01. ${extent(mnist)}.

${table(
  [
    '',
    'seeds',
    'after epoch 1',
    'paper',
    'best of 200: mean ± deviation',
    'best seed',
    'paper, best run',
    'paper, mean of its best 50',
  ],
  rows,
)}

![Best accuracies by seed, and the published ones](images/evidence-mnist.svg)

A published best is the best of up to 497 runs of a search. The red bar is that run, the dashed one the mean of the fifty best; dots are seeds here, at the setting of that run. A
fair figure for a setting is the mean of the dots, not the bar.`
}

/**
 * What the controls say of the lead of `log` on MNIST.
 *
 * @param {Evidence} evidence
 */
function decayOrMetric({ controls, mnist }) {
  const effect = (/** @type {OptimizerId} */ optimizer, /** @type {string} */ control) => {
    const trial = controls?.trials.find(
      ({ hyperparameters }) =>
        hyperparameters['optimizer'] === optimizer && hyperparameters['control'] === control,
    )
    const standard = mnist && trialOf(mnist, optimizer)
    return trial && standard ? compare(trial, standard) : undefined
  }
  const effects = [
    effect('adam', 'the decay of log'),
    effect('muon', 'the decay of log'),
    effect('log', 'no metric'),
  ]
  const [adam = NaN, muon = NaN, metric = NaN] = effects.map((found) => found?.difference ?? NaN)
  const seeds = Math.min(...effects.map((found) => found?.seeds ?? 0))
  if (seeds === 0) return 'The study `mnist-controls` tells the two apart.'
  const verdict =
    Math.min(adam, muon) > 2 * Math.abs(metric) ? 'The lead of `log` is that of its decay' : 'Both count'
  return (
    `With the decay of \`log\`, Adam's best accuracy changes by ${signedShare(adam)} and Muon's by ${signedShare(muon)}; without the metric, that of \`log\` ` +
    `changes by ${signedShare(metric)}, with ${seeds} seeds each. ${verdict}: see the [controls](#controls).`
  )
}

/** @param {Evidence} evidence */
function controlsSection({ controls, mnist }) {
  if (controls === undefined || mnist === undefined) return ''
  const rows = controls.trials.flatMap((trial) => {
    const { optimizer, control } = trial.hyperparameters
    const id = /** @type {OptimizerId} */ (optimizer)
    const standard = trialOf(mnist, id)
    if (standard === undefined) return []
    const compared = compare(trial, standard)
    const failed = trial.runs.length - valuesOf(trial).length
    return [
      [
        titles[id],
        String(control),
        `${trial.runs.length}${failed === 0 ? '' : `, of which ${failed} failed`}`,
        spread(trial),
        spread(standard),
        compared.seeds === 0 ? '' : signedShare(compared.difference),
      ],
    ]
  })
  return `### Controls

The paper's settings differ in weight decay as well as in the metric. "No metric" is ξ = 0, "the decay of log" is η·λ = 1.12e-3 a step, which the best setting of \`log\` has.
The last column compares equal seeds. ${extent(controls)}.${
    rows.some((cells) => cells[2]?.includes('failed'))
      ? ' The failed run met a batch whose loss is exactly 0, of which `log` takes no logarithm.'
      : ''
  }

${table(['', 'changed', 'seeds', 'best of 200', 'unchanged', 'difference'], rows)}`
}

/** @param {Evidence} evidence */
function sweepSection({ sweep }) {
  if (sweep === undefined) return ''
  const rows = ids.flatMap((id) => {
    const trials = ranked(sweep, id)
    if (trials.length === 0) return []
    const values = trials.map((trial) => mean(valuesOf(trial)))
    return [
      [
        titles[id],
        String(sweep.trials.filter(({ hyperparameters }) => hyperparameters['optimizer'] === id).length),
        share(values[0]),
        share(values[Math.floor(values.length / 4)]),
        share(values[Math.floor(values.length / 2)]),
      ],
    ]
  })
  return `### A sweep

Settings drawn from the same ranges for all, 20 epochs, early stopping by the median rule: what a person finds who searches, and how much is luck. ${extent(sweep)}.

${table(['', 'tried', 'best', 'upper quartile', 'median'], rows)}`
}

/** @param {Evidence} evidence */
function regressionSection({ regression, published }) {
  if (regression === undefined) return ''
  const rows = ids.flatMap((id) => {
    const [best, ...others] = ranked(regression, id)
    if (best === undefined) return []
    const values = [best, ...others].map((trial) => mean(valuesOf(trial)))
    const { optimizer: _, ...settings } = best.hyperparameters
    return [
      [
        titles[id],
        String(values.length),
        spread(best, 4),
        share(values[Math.floor(values.length / 2)], 4),
        share(published.regression[id], 4),
        Object.entries(settings)
          .map(([name, value]) => `${name} ${figure(/** @type {number} */ (value))}`)
          .join(', '),
      ],
    ]
  })
  return `## The regression

A random polynomial of degree 6 in 4 normal variables by 4-32-32-1, 8192 points in batches of 1024, 200 epochs; the lowest mean squared error on 5120 other points. The polynomial is
not the paper's, which is not published, so the columns can be compared only within themselves. Settings are quasi-random draws, the same number for each optimiser.
${extent(regression)}.

${table(['', 'settings', 'best setting', 'median setting', 'paper, best', 'the best setting'], rows)}`
}

/** @param {Evidence} evidence */
function functionsSection({ functions, published }) {
  if (functions === undefined) return ''
  const order = /** @type {OptimizerId[]} */ (['adam', 'sgd', 'muon', 'identity', 'log', 'rms'])
  const rows = order.map((id) => [
    titles[id],
    ...Object.entries(functions.grid).map(([name, grid]) => {
      const found = grid[id]
      if (found === undefined) return ''
      const paper = published.functions[name]?.[id]
      const best = found.steps[0]
      const part = Math.round((100 * found.arrived) / found.tried)
      return `${best ?? 'never'} (${paper ?? 'never'}), ${part} %`
    }),
  ])
  const tried = Object.values(functions.grid)
    .flatMap((grid) => Object.values(grid).map((one) => one.tried))
    .reduce((sum, count) => sum + count, 0)
  return `## Five functions

Steps to the tolerance, at most 1000, in double precision. Each cell gives the best of a grid, the published number in brackets, and the share of the grid that arrives
at all. ${tried} of ${functions.planned} runs. \`log\` reaches all five because its step tends to the Polyak step with the optimum 0, and all five minima are 0; with a constant added
it needs \`floor\`. "Muon" is Adam with Nesterov momentum here, because two variables form no matrix.

${table(['', ...Object.keys(functions.grid)], rows)}

![Steps of all settings that arrive](images/evidence-functions.svg)`
}

/** @param {Evidence} evidence */
function gptSection({ gpt, published }) {
  if (gpt === undefined) return ''
  const rows = ids.flatMap((id) => {
    const trials = ranked(gpt, id)
    const [best] = trials
    if (best === undefined) return []
    const loss = mean(valuesOf(best))
    return [
      [
        titles[id],
        figure(/** @type {number} */ (best.hyperparameters['learningRate'])),
        spread(best, 3),
        Math.exp(loss).toFixed(2),
        trials.map((trial) => share(mean(valuesOf(trial)), 3)).join(', '),
        published.gpt[id]?.toFixed(2) ?? '',
      ],
    ]
  })
  return `## A GPT on text

The paper trains a GPT of width 128 with four layers on Tiny Shakespeare; that does not fit on a processor. This one has two layers of width 64, 110,000 parameters, reads 16 × 64 characters
of the Brown corpus a step, and takes 300 steps with a rate that falls linearly to 0. Three rates of each optimiser, half a decade apart. Losses (nats per character, on text
apart) and perplexities can be compared within a column only. ${extent(gpt)}.

${table(['', 'best rate', 'loss', 'perplexity', 'all rates', 'perplexity in the paper'], rows)}`
}

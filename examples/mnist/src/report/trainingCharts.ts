import * as Plot from '@observablehq/plot'

import type { RateMetric } from '../rates.js'
import { formatRate, rateRows, type RateRow } from '../terminal/rates.js'
import type { EpochRecord, StepRecord } from '../training/framework.js'
import type { Run } from '../training/run.js'
import { axes, logDomain, logTicks, tickText, type Axis } from './axes.js'
import { drawSvg } from './svg.js'

const SIZE = { width: 520, height: 330, marginLeft: 46, marginRight: 14, marginTop: 26, marginBottom: 38 }
const MOST_POINTS = 500
const NO_AXES = { axis: null } as const

type Sample = readonly [epoch: number, value: number]
type Reading = (record: StepRecord) => number | null

/** The four charts of a framework's runs: accuracy, loss, factor and dual norm, all over epochs. */
export function trainingCharts(runs: readonly Run[], stepsPerEpoch: number): string[] {
  const trained = runs.filter((run) => run.steps.length > 0)
  if (trained.length === 0) return []
  const { loss = 'mean cross-entropy' } = trained[0]!.framework
  const metric = trained.filter((run) => run.steps.some(({ dualNorm }) => dualNorm !== null))
  const charts = [
    accuracyChart(trained, stepsPerEpoch),
    stepChart(trained, stepsPerEpoch, {
      title: 'Loss by epoch',
      meaning: `${capitalized(loss)} of the training batches and of the test set`,
      label: `↑ ${loss.replace(/^mean /, '')}`,
      read: ({ loss }) => loss,
      tested: ({ testLoss }) => testLoss,
    }),
  ]
  if (metric.length > 0)
    charts.push(
      stepChart(metric, stepsPerEpoch, {
        title: 'Factor ρ by step',
        meaning: 'What the base step is multiplied by',
        label: '↑ factor ρ',
        read: ({ scale }) => scale,
        reference: 1,
      }),
      stepChart(metric, stepsPerEpoch, {
        title: 'Dual norm s by step',
        meaning: 'The squared length of the gradient in the base metric',
        label: '↑ dual norm s',
        read: ({ dualNorm }) => dualNorm,
      }),
    )
  return charts
}

/** The classes of the lines and swatches of a row of learning rates, and the words for them. */
export const rateSeries: Readonly<Record<RateMetric, string>> = {
  none: 'plain',
  root: 'root',
  rateFree: 'free',
}
export const rateNames: Readonly<Record<RateMetric, string>> = {
  none: 'the base alone',
  root: 'with ξ tied to the rate',
  rateFree: 'with rateFree',
}

/** The last test accuracy by learning rate: a chart for each base in a framework, and what it is of. */
export function rateCharts(runs: readonly Run[]): { readonly of: string; readonly chart: string }[] {
  const groups = new Map<string, RateRow[]>()
  for (const row of rateRows(runs)) {
    const of = `${row.base} in ${row.framework.title}`
    groups.set(of, [...(groups.get(of) ?? []), row])
  }
  return [...groups].map(([of, rows]) => ({ of, chart: rateChart(of, rows) }))
}

function rateChart(of: string, rows: readonly RateRow[]): string {
  const series = rows.map(({ metric, accuracies }) => {
    const points = [...accuracies].flatMap(([rate, accuracy]): Sample[] =>
      accuracy === null ? [] : [[rate, 1 - accuracy]],
    )
    return { className: `series s-${rateSeries[metric]}`, points: points.toSorted(([a], [b]) => a - b) }
  })
  const rates = [...new Set(rows.flatMap(({ accuracies }) => [...accuracies.keys()]))].toSorted(
    (a, b) => a - b,
  )
  const errors = series.flatMap(({ points }) => points.map(([, error]) => error))
  const least = Math.max(1e-3, Math.min(0.05, ...errors.filter((error) => error > 0)))
  const described = rows.map(({ metric, accuracies }) => {
    const ends = [...accuracies].map(
      ([rate, accuracy]) => `${accuracy?.toFixed(4) ?? 'not tested'} at ${rate}`,
    )
    return `${rateNames[metric]}: ${ends.join(', ')}`
  })
  return drawSvg(
    {
      title: `Accuracy by learning rate: ${of}`,
      description: `Test accuracy after the last epoch, by learning rate on a logarithmic scale; ${described.join('; ')}.`,
    },
    {
      ...SIZE,
      x: { ...NO_AXES, type: 'log', domain: [rates[0]! / 1.5, rates.at(-1)! * 1.5] },
      y: { ...NO_AXES, type: 'log', domain: [0.95, least * 0.92], clamp: true },
      marks: [
        ...axes({ label: 'learning rate →', ticks: rates, text: formatRate }, errorAxis(least)),
        ...series.map(({ className, points }) => Plot.line(points, { className })),
        ...series.map(({ className, points }) =>
          Plot.dot(points, { className: `${className} filled`, r: 3.2 }),
        ),
      ],
    },
  )
}

/** A phrase, capitalised for the start of a sentence. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

const ERROR_TICKS = [0.9, 0.5, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001]

/** Accuracies, on the logarithm of the error. */
function errorAxis(least: number): Axis {
  return {
    label: '↑ accuracy',
    ticks: ERROR_TICKS.filter((error) => error >= least * 0.92),
    text: (error) => String(Number((1 - error).toFixed(4))).replace(/^0/, ''),
  }
}

function accuracyChart(runs: readonly Run[], stepsPerEpoch: number): string {
  // The logarithm of the error makes room for the last per cents.
  const tested = (run: Run): Sample[] =>
    run.epochs.filter(({ epoch }) => epoch > 0).map(({ epoch, testAccuracy }) => [epoch, 1 - testAccuracy])
  const trained = (run: Run): Sample[] => samples(run, stepsPerEpoch, ({ accuracy }) => 1 - accuracy)
  const paper = runs.flatMap((run) =>
    Object.entries(run.setting.published.byEpoch)
      .filter(([epoch]) => run.epochs.some((record) => record.epoch === Number(epoch)))
      .map(([epoch, accuracy]) => ({ run, point: [Number(epoch), 1 - accuracy] as Sample })),
  )
  const errors = runs.flatMap((run) => [...tested(run), ...trained(run)]).map(([, error]) => error)
  const least = Math.max(1e-3, Math.min(0.05, ...errors.filter((error) => error > 0)))
  const ends = runs.map(
    (run) => `${run.setting.title}: ${run.epochs.at(-1)?.testAccuracy.toFixed(4) ?? 'not tested'}`,
  )
  return drawSvg(
    {
      title: 'Accuracy by epoch',
      description: `Share of digits classified rightly. At the end, on the test set: ${ends.join('; ')}.`,
    },
    {
      ...SIZE,
      x: { ...NO_AXES, domain: epochDomain(runs, stepsPerEpoch) },
      y: { ...NO_AXES, type: 'log', domain: [0.95, least * 0.92], clamp: true },
      marks: [
        ...axes(epochAxis(runs, stepsPerEpoch), errorAxis(least)),
        ...runs.map((run) => Plot.line(trained(run), { className: seriesClass(run, 'faint') })),
        ...runs.map((run) => Plot.line(tested(run), { className: seriesClass(run) })),
        ...runs.map((run) => Plot.dot(tested(run), { className: seriesClass(run, 'filled'), r: 3.2 })),
        ...paper.map(({ run, point }) => Plot.dot([point], { className: seriesClass(run, 'ring'), r: 6 })),
      ],
    },
  )
}

interface StepChart {
  readonly title: string
  readonly meaning: string
  readonly label: string
  readonly read: Reading
  /** The same for the test set, drawn bold; the steps are faint then. */
  readonly tested?: (record: EpochRecord) => number
  /** A value that a line marks. */
  readonly reference?: number
}

function stepChart(
  runs: readonly Run[],
  stepsPerEpoch: number,
  { title, meaning, label, read, tested, reference }: StepChart,
): string {
  const series = runs.map((run) => ({ run, points: samples(run, stepsPerEpoch, read) }))
  const tests = runs.map((run) => ({
    run,
    points: tested === undefined ? [] : run.epochs.map((record): Sample => [record.epoch, tested(record)]),
  }))
  const values = [...series, ...tests].flatMap(({ points }) => points.map(([, value]) => value))
  const domain = logDomain(reference === undefined ? values : [...values, reference])
  const ends = runs.map((run) => `${run.setting.title} ${read(run.steps.at(-1)!)?.toPrecision(3) ?? 'none'}`)
  return drawSvg(
    { title, description: `${meaning}, on a logarithmic scale. At the last step: ${ends.join('; ')}.` },
    {
      ...SIZE,
      x: { ...NO_AXES, domain: epochDomain(runs, stepsPerEpoch) },
      y: { ...NO_AXES, type: 'log', domain },
      marks: [
        ...axes(epochAxis(runs, stepsPerEpoch), { label, ticks: logTicks(domain), text: tickText }),
        reference === undefined ? null : Plot.ruleY([reference], { className: 'reference' }),
        ...series.map(({ run, points }) =>
          Plot.line(points, {
            className: tested === undefined ? seriesClass(run) : seriesClass(run, 'faint'),
          }),
        ),
        ...tests.map(({ run, points }) => Plot.line(points, { className: seriesClass(run) })),
        ...tests.map(({ run, points }) =>
          Plot.dot(points, { className: seriesClass(run, 'filled'), r: 3.2 }),
        ),
      ],
    },
  )
}

/** Values by epoch; for a long run, averages over a few steps at a time. A logarithm needs them above zero. */
function samples(run: Run, stepsPerEpoch: number, read: Reading): Sample[] {
  const stride = Math.ceil(run.steps.length / MOST_POINTS)
  const points: Sample[] = []
  for (let first = 0; first < run.steps.length; first += stride) {
    const part = run.steps.slice(first, first + stride)
    const values = part.map(read).filter((value) => value !== null && value > 0 && Number.isFinite(value))
    if (values.length === 0) continue
    const mean = values.reduce<number>((sum, value) => sum + value!, 0) / values.length
    points.push([(part[0]!.step + (part.length - 1) / 2) / stepsPerEpoch, mean])
  }
  return points
}

function epochDomain(runs: readonly Run[], stepsPerEpoch: number): [number, number] {
  return [0, Math.max(...runs.map((run) => run.steps.length)) / stepsPerEpoch]
}

function epochAxis(runs: readonly Run[], stepsPerEpoch: number): Axis {
  const [, last] = epochDomain(runs, stepsPerEpoch)
  const stride = [0.2, 1, 2, 5, 10, 20, 50, 100].find((stride) => last / stride <= 8) ?? 200
  const ticks = Array.from({ length: Math.floor(last / stride + 1e-9) + 1 }, (_, place) => place * stride)
  return { label: 'epoch →', ticks, text: (tick) => String(Number(tick.toFixed(2))) }
}

function seriesClass(run: Run, ...more: string[]): string {
  return ['series', `s-${run.setting.id}`, ...more].join(' ')
}

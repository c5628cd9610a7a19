import * as Plot from '@observablehq/plot'
import type { StudyResults, Trial } from '../results/read.js'
import type { RunReport } from '../runs/outcome.js'
import { quantile } from '../statistics/quantile.js'
import { divide } from './bins.js'
import type { ReportData } from './data.js'
import { axes, type Draw, metricScale, type Scale } from './svg.js'
import { formatNumber } from './text.js'

const wide = { width: 900, height: 380, marginLeft: 56, marginRight: 16, marginTop: 26, marginBottom: 40 }

const clamp = ({ domain: [low, high] }: Scale, value: number): number => Math.min(Math.max(value, low), high)

/** The metric against the learning rate: the median of the runs around each rate, and the middle 80 % of them. */
export function robustnessChart(draw: Draw, data: ReportData): string | undefined {
  const { rate, results, compare, worst } = data
  const { metric } = results.definition
  if (rate === undefined) return undefined
  const having = results.trials.filter(({ hyperparameters }) => rate.name in hyperparameters)
  if (having.length < 3) return undefined
  const valueOf = ({ hyperparameters }: Trial): number => hyperparameters[rate.name] as number
  const { bins, of } = divide(having.map(valueOf), rate.isLog)
  const lines = data.seriesNames.map((_, index) => {
    const values = bins.map((): number[] => [])
    for (const trial of having.filter((one) => data.seriesOf(one) === index)) {
      // A run without a value counts as the worst, so that rates that destroy training show.
      for (const { status, value } of trial.runs)
        values[of(valueOf(trial))]!.push(
          status === 'finished' || status === 'stopped' ? (value ?? worst) : worst,
        )
    }
    return values.flatMap((found, bin) => {
      if (found.length === 0) return []
      const sorted = found.sort((a, b) => a - b)
      const [low, middle, high] = [0.1, 0.5, 0.9].map((share) => quantile(sorted, share)) as [
        number,
        number,
        number,
      ]
      return [{ x: bins[bin]!.centre, low, middle, high }]
    })
  })
  const y = metricScale(
    lines.flatMap((line) => line.flatMap(({ low, high }) => [low, high])).sort((a, b) => a - b),
    metric.goal,
  )
  const [first, last] = [bins[0]!.centre, bins.at(-1)!.centre]
  const x: Scale = rate.isLog
    ? { type: 'log', domain: first === last ? [first / 2, last * 2] : [first / 1.05, last * 1.05] }
    : { type: 'linear', domain: first === last ? [first - 1, last + 1] : [first, last] }
  const described = lines.flatMap((line, index) => {
    const best = [...line].sort((a, b) => compare(a.middle, b.middle))[0]
    const name = data.series === undefined ? metric.name : data.seriesNames[index]!
    return best === undefined
      ? []
      : [`${name}: best median ${formatNumber(best.middle)} near ${formatNumber(best.x)}`]
  })
  return draw(
    { title: `${metric.name} over ${rate.name}`, description: `${described.join('; ')}.` },
    {
      ...wide,
      x: { axis: null, type: x.type, domain: [...x.domain] },
      y: { axis: null, type: y.type, domain: [...y.domain] },
      marks: [
        ...axes({ label: `${rate.name} →`, scale: x }, { label: `↑ ${metric.name}`, scale: y }),
        ...lines.map((line, index) =>
          Plot.areaY(
            line.map((point) => ({ ...point, low: clamp(y, point.low), high: clamp(y, point.high) })),
            { x: 'x', y1: 'low', y2: 'high', className: `series s-${index} band` },
          ),
        ),
        ...lines.map((line, index) =>
          Plot.line(
            line.map(({ x: at, middle }) => [at, clamp(y, middle)]),
            { className: `series s-${index} path` },
          ),
        ),
        ...lines.map((line, index) =>
          Plot.dot(
            line.map(({ x: at, middle }) => [at, clamp(y, middle)]),
            { className: `series s-${index} knot`, r: 2.5 },
          ),
        ),
      ],
    },
  )
}

/** The most points of a curve: more than the chart has pixels to show. */
const mostPoints = 450

/** What the best configurations reported, step by step: a line for each seed. */
export function curveChart(
  draw: Draw,
  { study, definition: { metric } }: StudyResults,
  best: readonly Trial[],
  reportsOf: (study: string, configuration: number, seed: number) => readonly RunReport[],
): string | undefined {
  const lines = best.flatMap((trial, place) =>
    trial.runs.map(({ seed }) => {
      const points = reportsOf(study, trial.configuration, seed).flatMap(
        ({ step, metrics }): [number, number][] => {
          const value = metrics[metric.name]
          return value === undefined || !Number.isFinite(value) ? [] : [[step, value]]
        },
      )
      const stride = Math.ceil(points.length / mostPoints)
      return { place, points: points.filter((_, at) => at % stride === 0 || at === points.length - 1) }
    }),
  )
  const points = lines.flatMap((line) => line.points)
  if (points.length === 0) return undefined
  const y = metricScale(
    points.map(([, value]) => value).sort((a, b) => a - b),
    metric.goal,
  )
  const x: Scale = { type: 'linear', domain: [0, Math.max(...points.map(([step]) => step))] }
  return draw(
    {
      title: `${metric.name} by step`,
      description: `${metric.name} at each step of the ${best.length} best configurations, a line for each seed.`,
    },
    {
      ...wide,
      x: { axis: null, domain: [...x.domain] },
      y: { axis: null, type: y.type, domain: [...y.domain] },
      marks: [
        ...axes({ label: 'step →', scale: x }, { label: `↑ ${metric.name}`, scale: y }),
        ...lines.map((line) =>
          Plot.line(
            line.points.map(([step, value]) => [step, clamp(y, value)]),
            { className: `series s-${line.place} path thin` },
          ),
        ),
      ],
    },
  )
}

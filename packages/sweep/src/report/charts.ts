import * as Plot from '@observablehq/plot'
import type { Trial } from '../results/read.js'
import { quantile } from '../statistics/quantile.js'
import { type Dimension, isNumeric, type ReportData, textOf } from './data.js'
import { axes, type Draw, metricScale, type Scale, ticks, tickText } from './svg.js'

/** The size of a chart that stands beside others. */
export const small = {
  width: 430,
  height: 290,
  marginLeft: 52,
  marginRight: 14,
  marginTop: 26,
  marginBottom: 38,
}

/** The most dots of a chart: nobody tells more of them apart, and pages stay light. */
const mostDots = 500

/** The best trials, and of the others evenly distributed ones. */
function thin(trials: readonly Trial[], { compare }: ReportData): Trial[] {
  if (trials.length <= mostDots) return [...trials]
  const sorted = [...trials].sort((a, b) => compare(a.mean, b.mean))
  const best = sorted.slice(0, mostDots / 5)
  const others = sorted.slice(best.length)
  const count = mostDots - best.length
  return [
    ...best,
    ...Array.from({ length: count }, (_, i) => others[Math.floor((i * others.length) / count)]!),
  ]
}

const clamp = ({ domain: [low, high] }: Scale, value: number): number => Math.min(Math.max(value, low), high)

function scaleOf({ isLog }: Dimension, values: readonly number[]): Scale {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  if (isLog) return { type: 'log', domain: low === high ? [low / 2, high * 2] : [low / 1.1, high * 1.1] }
  const margin = (high - low || 1) * 0.04
  return { type: 'linear', domain: [low - margin, high + margin] }
}

/** The metric against one hyperparameter, a dot per configuration. */
export function dimensionChart(draw: Draw, data: ReportData, dimension: Dimension): string | undefined {
  const { name } = dimension
  const { metric } = data.results.definition
  const having = data.results.trials.filter(
    ({ mean, hyperparameters }) => !Number.isNaN(mean) && name in hyperparameters,
  )
  if (having.length === 0) return undefined
  const shown = thin(having, data)
  const y = metricScale(data.sorted, metric.goal)
  const caption = {
    title: `${metric.name} against ${name}`,
    description: `${metric.name} of ${having.length} configurations against ${name}${having.length > shown.length ? `; ${shown.length} are drawn, the best ones among them` : ''}.`,
  }
  const bySeries = data.seriesNames.map((_, index) => shown.filter((trial) => data.seriesOf(trial) === index))
  if (!isNumeric(dimension)) return draw(caption, choicePlot(data, dimension, having, y))
  const value = ({ hyperparameters }: Trial): number => hyperparameters[name] as number
  const x = scaleOf(dimension, having.map(value))
  return draw(caption, {
    ...small,
    x: { axis: null, type: x.type, domain: [...x.domain] },
    y: { axis: null, type: y.type, domain: [...y.domain] },
    marks: [
      ...axes({ label: `${name} →`, scale: x }, { label: `↑ ${metric.name}`, scale: y }),
      ...bySeries.map((trials, index) =>
        Plot.dot(
          trials.map((trial) => [value(trial), clamp(y, trial.mean)]),
          { className: `series s-${index} spot`, r: 2.6 },
        ),
      ),
    ],
  })
}

function choicePlot(
  data: ReportData,
  { name, parameter }: Dimension,
  having: readonly Trial[],
  y: Scale,
): Plot.PlotOptions {
  const values = parameter.kind === 'choice' ? parameter.values.map(textOf) : []
  const of = (text: string): Trial[] =>
    having.filter(({ hyperparameters }) => textOf(hyperparameters[name]!) === text)
  const strips = values.flatMap((text, index) =>
    thin(of(text), data).map((trial) => ({ x: text, y: clamp(y, trial.mean), index })),
  )
  const medians = values.flatMap((text) => {
    const sorted = of(text)
      .map(({ mean }) => mean)
      .sort((a, b) => a - b)
    return sorted.length === 0 ? [] : [{ x: text, y: clamp(y, quantile(sorted, 0.5)) }]
  })
  const isSeries = data.series?.name === name
  const up = ticks(y)
  return {
    ...small,
    x: { type: 'band', domain: values, axis: null, padding: 0.35 },
    y: { axis: null, type: y.type, domain: [...y.domain] },
    marks: [
      Plot.gridY(up),
      Plot.axisX({ label: `${name} →` }),
      Plot.axisY(up, { text: tickText, label: `↑ ${data.results.definition.metric.name}` }),
      ...values.map((_, index) =>
        Plot.tickY(
          strips.filter((strip) => strip.index === index),
          { x: 'x', y: 'y', className: `series s-${isSeries ? index : 0} strip` },
        ),
      ),
      Plot.tickY(medians, { x: 'x', y: 'y', className: 'median' }),
    ],
  }
}

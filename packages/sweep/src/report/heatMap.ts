import * as Plot from '@observablehq/plot'
import type { Trial } from '../results/read.js'
import { mean, quantile } from '../statistics/quantile.js'
import { type Bins, divide } from './bins.js'
import { small } from './charts.js'
import type { Dimension, ReportData } from './data.js'
import { type Draw, tickText } from './svg.js'
import { escapeHtml, formatNumber } from './text.js'

/** A cell of a heat map: the places of its bins, and the median of what is in it. */
interface Cell {
  readonly x: number
  readonly y: number
  readonly value: number
}

interface Axis {
  readonly dimension: Dimension
  readonly bins: Bins
}

const numberOf = ({ hyperparameters }: Trial, { name }: Dimension): number => hyperparameters[name] as number

/** The metric against the learning rate and the weight of the metric, one chart for each value of the series. */
export function heatMaps(draw: Draw, data: ReportData): string[] {
  const { rate, xi } = data
  if (rate === undefined || xi === undefined) return []
  const both = data.results.trials.filter(
    ({ hyperparameters }) => rate.name in hyperparameters && xi.name in hyperparameters,
  )
  if (both.length < 4) return []
  const [across, up] = [rate, xi].map((dimension): Axis => ({
    dimension,
    bins: divide(
      both.map((trial) => numberOf(trial, dimension)),
      dimension.isLog,
      1 / 3,
    ),
  })) as [Axis, Axis]
  const maps = data.seriesNames.map((_, index) =>
    cellsOf(
      data,
      across,
      up,
      both.filter((trial) => data.seriesOf(trial) === index),
    ),
  )
  // One scale of colours for all, by rank: values may span many decades.
  const ranked = maps
    .flat()
    .map(({ value }) => value)
    .sort(data.compare)
  const tone = ({ value }: Cell): number => Math.floor((ranked.indexOf(value) / ranked.length) * tones)
  return maps.flatMap((cells, index) => {
    if (cells.length === 0) return []
    const name = data.seriesNames[index]!
    const drawn = drawMap(draw, data, name, across, up, cells, tone)
    return [`<figure><figcaption>${escapeHtml(name)}</figcaption>${drawn}</figure>`]
  })
}

/** The number of colours. */
const tones = 10

function cellsOf(data: ReportData, across: Axis, up: Axis, trials: readonly Trial[]): Cell[] {
  const cells = new Map<string, { x: number; y: number; values: number[] }>()
  for (const trial of trials) {
    const [x, y] = [across, up].map(({ dimension, bins }) => bins.of(numberOf(trial, dimension))) as [
      number,
      number,
    ]
    const cell = cells.get(`${x} ${y}`) ?? { x, y, values: [] }
    // Runs that were stopped early have the value of that moment, runs without a value the worst there is.
    cell.values.push(mean(trial.runs.map(({ value }) => value ?? data.worst)))
    cells.set(`${x} ${y}`, cell)
  }
  return [...cells.values()].map(({ x, y, values }) => ({
    x,
    y,
    value: quantile(
      values.sort((a, b) => a - b),
      0.5,
    ),
  }))
}

function drawMap(
  draw: Draw,
  data: ReportData,
  name: string,
  across: Axis,
  up: Axis,
  cells: readonly Cell[],
  tone: (cell: Cell) => number,
): string {
  const [rate, xi] = [across.dimension.name, up.dimension.name]
  const { metric } = data.results.definition
  const best = [...cells].sort((a, b) => data.compare(a.value, b.value))[0]!
  const at = `${rate} ${formatNumber(across.bins.bins[best.x]!.centre)} and ${xi} ${formatNumber(up.bins.bins[best.y]!.centre)}`
  const hasText = across.bins.bins.length <= 9
  return draw(
    {
      title: `${metric.name} by ${rate} and ${xi}${name === '' ? '' : `: ${name}`}`,
      description: `Medians in ${cells.length} cells; the best is ${formatNumber(best.value)} near ${at}.`,
    },
    {
      ...small,
      height: 330,
      marginLeft: 60,
      marginBottom: 56,
      x: { ...band(across), label: `${rate} →`, tickRotate: across.bins.bins.length > 7 ? -45 : 0 },
      y: { ...band(up), label: `↑ ${xi}`, reverse: true },
      marks: [
        ...Array.from({ length: tones }, (_, index) =>
          Plot.cell(
            cells.filter((cell) => tone(cell) === index),
            { x: 'x', y: 'y', className: `tone tone-${index}` },
          ),
        ),
        Plot.text(hasText ? cells : [], {
          x: 'x',
          y: 'y',
          text: ({ value }: Cell) => formatCell(value),
          className: 'cell-text',
        }),
        Plot.cell([best], { x: 'x', y: 'y', className: 'best-cell', fill: 'none' }),
      ],
    },
  )
}

function band({ bins: { bins } }: Axis) {
  return {
    type: 'band' as const,
    domain: bins.map((_, place) => place),
    tickFormat: (place: number) => tickText(Number(bins[place]!.centre.toPrecision(2))),
    padding: 0.03,
  }
}

const formatCell = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(3))).replace('-', '−') : '×'

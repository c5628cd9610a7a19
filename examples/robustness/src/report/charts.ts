import { axes, logTicks, tickText } from '@induced-metric/example-mnist'
import * as Plot from '@observablehq/plot'

import { optimizers } from '../optimizers/index.js'
import type { Run } from '../run.js'
import type { Task } from '../tasks/task.js'
import { pointsOf, type Point } from './summary.js'
import { drawFile, type Series } from './svg.js'
import { lossText } from './tables.js'

const SIZE = { width: 760, height: 420, marginLeft: 56, marginRight: 24, marginTop: 34, marginBottom: 46 }
const NO_AXES = { axis: null } as const

interface Line extends Series {
  readonly points: readonly Point[]
}

/** The final loss over the learning rate, with a line for each optimiser. */
export function lossChart(task: Task, runs: readonly Run[]): string {
  // Optimisers with another axis do not belong here.
  const lines = linesOf(
    runs,
    optimizers.filter(({ rateName, isUncharted }) => rateName === undefined && isUncharted !== true),
  )
  const rates = lines.flatMap(({ points }) => points.map(({ rate }) => rate))
  const losses = lines.flatMap(({ points }) => points.flatMap(({ loss, least }) => [loss, least]))
  const least = Math.min(...losses.filter((loss) => loss > 0))
  const domain: [number, number] = [least / 1.15, task.untrained * 1.5]
  const bounded = (loss: number): number => Math.min(Math.max(loss, domain[0]), domain[1])
  return drawFile(
    {
      title: `${task.title}: final loss by learning rate`,
      description: `Median over the seeds of the ${task.loss} at the end; what is above the chart lies on its upper edge. ${told(lines, ({ loss }) => lossText(loss))}`,
      ...SIZE,
      series: lines,
    },
    {
      ...SIZE,
      x: { ...NO_AXES, type: 'log', domain: [Math.min(...rates), Math.max(...rates)] },
      y: { ...NO_AXES, type: 'log', domain },
      marks: [
        ...axes(
          { label: 'learning rate η →', ticks: decades(rates), text: tickText },
          { label: `↑ final ${task.loss}`, ticks: logTicks(domain), text: tickText },
        ),
        ...lines.flatMap(({ id, points }) => [
          Plot.ruleX(points, {
            x: 'rate',
            y1: ({ least }: Point) => bounded(least),
            y2: ({ most }: Point) => bounded(most),
            className: `series range s-${id}`,
          }),
          Plot.line(points, {
            x: 'rate',
            y: ({ loss }: Point) => bounded(loss),
            className: `series line s-${id}`,
          }),
          Plot.dot(points, {
            x: 'rate',
            y: ({ loss }: Point) => bounded(loss),
            r: 3,
            className: `series dot s-${id}`,
          }),
        ]),
      ],
    },
  )
}

/** The test accuracy over the learning rate, for the given optimisers. */
export function accuracyChart(title: string, runs: readonly Run[], charted: readonly Series[]): string {
  const lines = linesOf(runs, charted)
  const rates = lines.flatMap(({ points }) => points.map(({ rate }) => rate))
  const accuracy = (point: Point): number => point.accuracy ?? 0
  return drawFile(
    {
      title,
      description: `Median over the seeds of the share of test pictures that are classified rightly. ${told(lines, (point) => accuracy(point).toFixed(3))}`,
      ...SIZE,
      height: 340,
      series: lines,
    },
    {
      ...SIZE,
      height: 340,
      x: { ...NO_AXES, type: 'log', domain: [Math.min(...rates), Math.max(...rates)] },
      y: { ...NO_AXES, domain: [0, 1] },
      marks: [
        ...axes(
          { label: 'learning rate η →', ticks: decades(rates), text: tickText },
          { label: '↑ test accuracy', ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] },
        ),
        ...lines.flatMap(({ id, points }) => [
          Plot.line(points, { x: 'rate', y: accuracy, className: `series line s-${id}` }),
          Plot.dot(points, { x: 'rate', y: accuracy, r: 3.5, className: `series dot s-${id}` }),
        ]),
      ],
    },
  )
}

function linesOf(runs: readonly Run[], entries: readonly Series[]): Line[] {
  return entries
    .map(({ id, title }) => ({ id, title, points: pointsOf(runs, id) }))
    .filter(({ points }) => points.length > 0)
}

function decades(rates: readonly number[]): number[] {
  const [first, last] = [Math.min(...rates), Math.max(...rates)].map(Math.log10) as [number, number]
  const count = Math.floor(last + 1e-9) - Math.ceil(first - 1e-9) + 1
  return Array.from({ length: count }, (_, place) => Number(`1e${Math.ceil(first - 1e-9) + place}`))
}

/** The lines in words, for readers who cannot see them. */
function told(lines: readonly Line[], text: (point: Point) => string): string {
  return lines
    .map(
      ({ title, points }) =>
        `${title}: ${points.map((point) => `${text(point)} at ${point.rate}`).join(', ')}.`,
    )
    .join(' ')
}

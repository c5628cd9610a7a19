import type { Descent, TestFunction } from '@induced-metric/example-functions'
import * as Plot from '@observablehq/plot'

import { axes, logTicks, tickText } from './axes.js'
import { drawSvg } from './svg.js'

const SIZE = { width: 430, height: 380, marginLeft: 46, marginRight: 14, marginTop: 26, marginBottom: 38 }
const LEVELS = 14

/** The map of one function with every optimiser's path on it. */
export function contourChart(testFunction: TestFunction, descents: readonly Descent[]): string {
  const [left, bottom, right, top] = testFunction.view
  // Valleys and walls that differ by orders of magnitude need equal steps of the logarithm; ripples need equal steps.
  const rippled = testFunction.id === 'ackley' || testFunction.id === 'rastrigin'
  const height = (x: number, y: number): number => {
    const value = testFunction.value(x, y)
    return rippled ? value : Math.log10(value + 1e-2)
  }
  const inView = ([x, y]: readonly [number, number]): boolean =>
    x >= left && x <= right && y >= bottom && y <= top
  return drawSvg(
    {
      title: `${testFunction.title}: paths`,
      description: `Contour lines of the ${testFunction.title} function, and the paths from (${testFunction.start.join(', ')}). ${descents
        .map(
          ({ row, iterations }) =>
            `${row.optimizer}: ${iterations === null ? 'not arrived' : `${iterations} steps`}`,
        )
        .join('; ')}.`,
    },
    {
      ...SIZE,
      x: { domain: [left, right], label: 'x →', ticks: 6 },
      y: { domain: [bottom, top], label: '↑ y', ticks: 6 },
      clip: true,
      marks: [
        Plot.contour({
          className: 'contour',
          value: height,
          fill: 'currentColor',
          stroke: 'currentColor',
          x1: left,
          y1: bottom,
          x2: right,
          y2: top,
          thresholds: LEVELS,
          pixelSize: 3,
        }),
        ...descents.map(({ row, path }) =>
          Plot.line(thin(path, inView), {
            className: pathClass(row.optimizer, row.chaotic),
            curve: 'linear',
          }),
        ),
        ...descents.map(({ row, path }) =>
          Plot.dot(path.slice(-1).filter(inView), { className: `series s-${row.optimizer} filled`, r: 3.5 }),
        ),
        Plot.dot([...testFunction.minima], { className: 'minimum', symbol: 'plus', r: 5 }),
        Plot.dot([testFunction.start], { className: 'start', r: 4 }),
      ],
    },
  )
}

/** The value of one function after every step. */
export function valueChart(testFunction: TestFunction, descents: readonly Descent[]): string {
  const floor = testFunction.tolerance / 100
  const longest = Math.max(...descents.map(({ path }) => path.length - 1))
  const xDomain: [number, number] = [1, longest * 1.04]
  const yDomain: [number, number] = [floor, highest(descents) * 1.3]
  const shown = (value: number): number => Math.max(value, floor)
  return drawSvg(
    {
      title: `${testFunction.title}: value by step`,
      description: `Value of the ${testFunction.title} function after each step, both on logarithmic scales; the dashed line is the tolerance ${testFunction.tolerance}.`,
    },
    {
      ...SIZE,
      x: { axis: null, type: 'log', domain: xDomain },
      y: { axis: null, type: 'log', domain: yDomain, clamp: true },
      clip: true,
      marks: [
        ...axes(
          {
            label: 'step →',
            ticks: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].filter((tick) => tick <= longest),
          },
          { label: '↑ value', ticks: logTicks(yDomain), text: tickText },
        ),
        Plot.ruleY([testFunction.tolerance], { className: 'reference' }),
        ...descents.map(({ row, values }) =>
          Plot.line(
            values.flatMap((value, step) =>
              step === 0 || !Number.isFinite(value) ? [] : [[step, shown(value)] as const],
            ),
            { className: pathClass(row.optimizer, row.chaotic) },
          ),
        ),
        ...descents
          .filter(({ iterations }) => iterations !== null)
          .map(({ row, iterations, finalValue }) =>
            Plot.dot([[iterations!, shown(finalValue)]], {
              className: `series s-${row.optimizer} filled`,
              r: 3.5,
            }),
          ),
      ],
    },
  )
}

// Points outside the map draw nothing: keep only those next to one inside.
function thin(
  path: Descent['path'],
  inView: (point: readonly [number, number]) => boolean,
): (readonly [number, number])[] {
  return path.map((point, place) => {
    const near = [path[place - 1], point, path[place + 1]].some(
      (other) => other !== undefined && inView(other),
    )
    return near ? point : [Number.NaN, Number.NaN]
  })
}

function highest(descents: readonly Descent[]): number {
  const values = descents.flatMap((descent) => descent.values).filter((value) => Number.isFinite(value))
  return Math.min(1e4, Math.max(...values))
}

function pathClass(optimizer: string, chaotic: string | undefined): string {
  return `series s-${optimizer} path${chaotic === undefined ? '' : ' chaotic'}`
}

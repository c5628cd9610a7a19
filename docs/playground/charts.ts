import { h, type VNode } from 'vue'
import { show } from './settings.js'

const width = 340
const height = 120
const inset = { left: 52, right: 8, top: 8, bottom: 18 } as const

/** A line of a chart. */
export interface Series {
  readonly label: string
  readonly values: ArrayLike<number>
  readonly colour: string
  readonly dashes?: string
}

/** What a chart shows. */
export interface Chart {
  readonly title: string
  readonly series: readonly Series[]
  readonly scale: 'log' | 'linear'
  /** The bounds of the vertical axis, where they do not follow from the values. */
  readonly bounds?: readonly [number, number]
  /** What the horizontal axis counts; by default steps. */
  readonly unit?: string
  /** A place along the horizontal axis that is marked. */
  readonly marked?: number
}

function boundsOf({ series, scale, bounds }: Chart): readonly [number, number] {
  if (bounds) return bounds
  let [low, high] = [Infinity, -Infinity]
  for (const { values } of series)
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!
      if (!Number.isFinite(value) || (scale === 'log' && value <= 0)) continue
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  if (!(low <= high)) return scale === 'log' ? [0.1, 1] : [0, 1]
  // The ends of losses that vanish or explode would leave no room for the rest.
  if (scale === 'log') return [Math.max(low, 1e-16), Math.min(Math.max(high, low * 10), 1e16)]
  return [low, high > low ? high : low + 1]
}

/** A small chart of numbers by step. */
export function chart(of: Chart): VNode {
  const { title, series, scale, marked, unit = 'step' } = of
  const [low, high] = boundsOf(of)
  const across = (value: number): number => (scale === 'log' ? Math.log(value) : value)
  const count = Math.max(2, ...series.map(({ values }) => values.length))
  const x = (i: number): number => inset.left + ((width - inset.left - inset.right) * i) / (count - 1)
  const y = (value: number): number => {
    const share = (across(value) - across(low)) / (across(high) - across(low))
    return inset.top + (height - inset.top - inset.bottom) * (1 - Math.min(1.02, Math.max(-0.02, share)))
  }
  const lineOf = ({ values }: Series): string => {
    const stride = Math.max(1, Math.floor(values.length / 400))
    let d = ''
    for (let i = 0; i < values.length; i += stride) {
      const value = values[i]!
      if (Number.isNaN(value)) continue
      d += `${d === '' ? 'M' : 'L'}${x(i).toFixed(1)} ${y(scale === 'log' ? Math.max(value, low) : value).toFixed(1)}`
    }
    return d
  }
  const label = (value: number, at: number): VNode =>
    h('text', { x: inset.left - 6, y: at, 'text-anchor': 'end' }, show(value))
  return h('figure', { class: 'pg-chart' }, [
    h('figcaption', title),
    h('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': describe(of) }, [
      h('path', {
        class: 'pg-frame',
        d: `M${inset.left} ${inset.top}V${height - inset.bottom}H${width - inset.right}`,
      }),
      label(high, inset.top + 8),
      label(low, height - inset.bottom),
      h('text', { x: width - inset.right, y: height - 4, 'text-anchor': 'end' }, `${unit} ${count - 1}`),
      ...series.map((one) =>
        h('path', {
          d: lineOf(one),
          fill: 'none',
          stroke: one.colour,
          'stroke-width': 1.8,
          'stroke-dasharray': one.dashes,
        }),
      ),
      marked === undefined
        ? undefined
        : h('path', {
            class: 'pg-mark',
            d: `M${x(marked).toFixed(1)} ${inset.top}V${height - inset.bottom}`,
          }),
    ]),
  ])
}

function describe({ title, series }: Chart): string {
  const ends = series.map(({ label, values }) => `${label} ends at ${show(values[values.length - 1] ?? NaN)}`)
  return `${title}: ${ends.join(', ')}`
}

import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { quantile } from '../statistics/quantile.js'
import { formatNumber } from './text.js'

const { document } = parseHTML('<!doctype html><html><body></body></html>')

/** A description of a chart, for readers who cannot see it. */
export interface Caption {
  readonly title: string
  readonly description: string
}

/** Draws plots as the text of inline `<svg>`s, with ids that are unique in a page. */
export type Draw = (caption: Caption, options: Plot.PlotOptions) => string

/** Creates what draws the charts of one page. */
export function createDraw(): Draw {
  let count = 0
  return ({ title, description }, options) => {
    const plotted = Plot.plot({ ...options, document, className: 'chart', figure: false })
    const id = `chart-${++count}`
    // The page styles all charts alike; a namespace is of no use inside HTML.
    plotted.querySelector('style')?.remove()
    for (const name of ['xmlns', 'xmlns:xlink', 'width', 'height', 'font-family', 'font-size'])
      plotted.removeAttribute(name)
    plotted.setAttribute('role', 'img')
    plotted.setAttribute('aria-labelledby', `${id}-title ${id}-description`)
    for (const [name, text] of [
      ['desc', description],
      ['title', title],
    ] as const) {
      const element = document.createElementNS('http://www.w3.org/2000/svg', name)
      element.setAttribute('id', `${id}-${name === 'desc' ? 'description' : 'title'}`)
      element.textContent = text
      plotted.prepend(element)
    }
    // Nobody sees a tenth of a pixel; more digits would double the size of the page.
    return plotted.outerHTML
      .replaceAll(/ xmlns="[^"]*"/g, '')
      .replaceAll(/\d+\.\d{2,}(?=[^<>]*>)/g, (number) => String(Number(Number(number).toFixed(1))))
  }
}

/** How an axis is scaled. */
export interface Scale {
  readonly type: 'log' | 'linear'
  readonly domain: readonly [number, number]
}

/**
 * The scale of a metric: by logarithm where it spans more than a decade and a half. It ends at the fence of J. Tukey on the
 * side of the bad values, so that runs that went far astray do not squeeze all others into a line.
 *
 * @param sorted - ascending
 */
export function metricScale(sorted: readonly number[], goal: 'minimize' | 'maximize'): Scale {
  const usable = sorted.filter(Number.isFinite)
  if (usable.length === 0) return { type: 'linear', domain: [0, 1] }
  const isLog = usable[0]! > 0 && usable.at(-1)! / usable[0]! > 30
  const places = isLog ? usable.map(Math.log) : usable
  const [low, high] = fenced(places, goal)
  const margin = (high - low || Math.abs(low) || 1) * 0.06
  const domain = [low - margin, high + margin] as const
  return isLog
    ? { type: 'log', domain: [Math.exp(domain[0]), Math.exp(domain[1])] }
    : { type: 'linear', domain }
}

function fenced(sorted: readonly number[], goal: 'minimize' | 'maximize'): [number, number] {
  const [low, high] = [sorted[0]!, sorted.at(-1)!]
  if (goal === 'minimize') {
    const quarter = quantile(sorted, 0.75)
    return [low, Math.min(high, quarter + Math.max(quarter - low, Number.EPSILON) * 0.75)]
  }
  const quarter = quantile(sorted, 0.25)
  return [Math.max(low, quarter - Math.max(high - quarter, Number.EPSILON) * 0.75), high]
}

/** Round numbers for an axis. */
export function ticks({ type, domain: [low, high] }: Scale): number[] {
  if (type === 'linear') return linearTicks(low, high)
  const decades = Math.log10(high / low)
  const digits = decades > 2.5 ? [1] : decades > 0.8 ? [1, 2, 5] : [1, 1.2, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]
  const stride = Math.max(1, Math.round(decades / 6))
  const found: number[] = []
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.log10(high); exponent++) {
    if (exponent % stride === 0) found.push(...digits.map((digit) => Number(`${digit}e${exponent}`)))
  }
  const inside = found.filter((tick) => tick >= low && tick <= high)
  return inside.length > 1 ? inside : linearTicks(low, high)
}

function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= rough)!
  const first = Math.ceil(low / step)
  const count = Math.floor(high / step) - first + 1
  return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(12)))
}

/** The text of a tick: a raised exponent, where that is shorter. */
export function tickText(tick: number): string {
  const exponent = Math.log10(Math.abs(tick))
  if (tick <= 0 || !Number.isInteger(exponent) || (tick >= 1e-3 && tick <= 1e4)) return formatNumber(tick)
  const digits = String(Math.abs(exponent)).replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!)
  return `10${exponent < 0 ? '⁻' : ''}${digits}`
}

/** Both axes with a faint grid behind them, drawn as marks, because only then do all ticks of a logarithm get their text. */
export function axes(x: { label: string; scale: Scale }, y: { label: string; scale: Scale }): Plot.Markish[] {
  const [across, up] = [ticks(x.scale), ticks(y.scale)]
  return [
    Plot.gridY(up),
    Plot.axisX(across, { text: tickText, label: x.label }),
    Plot.axisY(up, { text: tickText, label: y.label }),
  ]
}

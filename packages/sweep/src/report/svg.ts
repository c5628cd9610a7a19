import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
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

/** The scale of a metric: by logarithm where it spans more than a decade and a half. Outliers are cut off. */
export function metricScale(sorted: readonly number[], goal: 'minimize' | 'maximize'): Scale {
  const usable = sorted.filter(Number.isFinite)
  if (usable.length === 0) return { type: 'linear', domain: [0, 1] }
  // A few diverged runs must not squeeze all others into a line.
  const cut = Math.floor(usable.length * 0.05)
  const [low, high] =
    goal === 'minimize' ? [usable[0]!, usable.at(-1 - cut)!] : [usable[cut]!, usable.at(-1)!]
  if (low > 0 && high / low > 30) return { type: 'log', domain: [low / 1.15, high * 1.15] }
  const margin = (high - low || Math.abs(low) || 1) * 0.06
  return { type: 'linear', domain: [low - margin, high + margin] }
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

import * as Plot from '@observablehq/plot'

/** The ticks of an axis and their labels. */
export interface Axis {
  readonly label: string
  readonly ticks: readonly number[]
  readonly text?: (tick: number) => string
}

/** Both axes with a faint grid behind them, drawn as marks, because only then do all ticks of a logarithm get their text. */
export function axes(x: Axis, y: Axis, grid = true): Plot.Markish[] {
  return [
    grid ? Plot.gridY([...y.ticks]) : null,
    Plot.axisX([...x.ticks], { text: textOf(x), label: x.label }),
    Plot.axisY([...y.ticks], { text: textOf(y), label: y.label }),
  ]
}

/** The smallest and largest of some positive values, with a minimum distance. */
export function logDomain(values: readonly number[]): [number, number] {
  const usable = values.filter((value) => value > 0 && Number.isFinite(value))
  if (usable.length === 0) return [0.1, 10]
  const [least, most] = [Math.min(...usable), Math.max(...usable)]
  // Noise around a constant must not fill the chart.
  const middle = Math.sqrt(least * most)
  return [Math.min(least / 1.05, middle / 1.3), Math.max(most * 1.05, middle * 1.3)]
}

/** Round numbers within the domain of a logarithm: powers of ten when there are several, else 1, 2 and 5 of each. */
export function logTicks([least, most]: readonly [number, number]): number[] {
  const decades = Math.log10(most / least)
  const digits = decades > 2.5 ? [1] : decades > 0.8 ? [1, 2, 5] : [1, 1.2, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]
  const stride = Math.max(1, Math.round(decades / 6))
  const ticks: number[] = []
  for (let exponent = Math.floor(Math.log10(least)); exponent <= Math.log10(most); exponent++) {
    if (exponent % stride !== 0) continue
    ticks.push(...digits.map((digit) => Number(`${digit}e${exponent}`)))
  }
  return ticks.filter((tick) => tick >= least && tick <= most)
}

/** A power of ten with a raised exponent, or a plain number. */
export function tickText(tick: number): string {
  const exponent = Math.log10(tick)
  if (!Number.isInteger(exponent) || (tick >= 0.1 && tick <= 100)) return String(tick)
  const digits = String(Math.abs(exponent)).replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!)
  return `10${exponent < 0 ? '⁻' : ''}${digits}`
}

function textOf({ text = String }: Axis): (tick: number) => string {
  return (tick) => text(tick).replace('-', '−')
}

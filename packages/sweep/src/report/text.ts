import type { Json } from '../space/space.js'

/** Text that is escaped for HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]!)
}

/** A number with four significant digits, with a real minus sign. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return '–'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value).replace('-', '−')
  const size = Math.abs(value)
  const text =
    size >= 1e-3 && size < 1e5
      ? String(Number(value.toPrecision(4)))
      : value
          .toExponential(2)
          .replace(/\.?0+(?=e)/, '')
          .replace('+', '')
  return text.replaceAll('-', '−')
}

/** A hyperparameter as text: texts as they are, numbers shortened, anything else as JSON. */
export function formatValue(value: Json | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'number') return formatNumber(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** A duration in its two largest units. */
export function formatDuration(seconds: number): string {
  if (seconds < 0.0995) return `${(seconds * 1000).toPrecision(2)} ms`
  if (seconds < 9.95) return `${seconds.toPrecision(2)} s`
  const whole = Math.round(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${rest} s` : `${rest} s`
}

/** A mean and its standard deviation, where there is one. */
export function formatSpread(mean: number, deviation: number): string {
  return Number.isNaN(deviation) ? formatNumber(mean) : `${formatNumber(mean)} ± ${formatNumber(deviation)}`
}

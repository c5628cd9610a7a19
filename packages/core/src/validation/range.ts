import { optionError, show } from '../errors.js'

/** The values a number may take. */
export interface Range {
  /** Lowest allowed value (default −∞). */
  readonly min?: number
  /** Highest allowed value (default ∞). */
  readonly max?: number
  /** The lowest value itself is not allowed. */
  readonly above?: boolean
  /** The highest value itself is not allowed. */
  readonly below?: boolean
}

/** "in [0, 1)", "≥ 0": the range as people write it. */
export function describeRange(range: Range, number = 'a finite number'): string {
  const { min = -Infinity, max = Infinity, above = false, below = false } = range
  if (min === -Infinity && max === Infinity) return number
  if (max === Infinity) return `${number} ${above ? '>' : '≥'} ${min}`
  if (min === -Infinity) return `${number} ${below ? '<' : '≤'} ${max}`
  return `${number.replace('finite ', '')} in ${above ? '(' : '['}${min}, ${max}${below ? ')' : ']'}`
}

export function inRange(value: number, range: Range): boolean {
  const { min = -Infinity, max = Infinity, above = false, below = false } = range
  return (
    Number.isFinite(value) && (above ? value > min : value >= min) && (below ? value < max : value <= max)
  )
}

/** Throws ERR_OPTION unless `value` is a number in the range. */
export function checkNumber(name: string, value: unknown, range: Range): asserts value is number {
  if (typeof value === 'number' && inRange(value, range)) return
  throw optionError(`${name} must be ${describeRange(range)}, given ${show(value)}`)
}

/** Throws ERR_OPTION unless `value` is a whole number in the range. */
export function checkInteger(name: string, value: unknown, range: Range): asserts value is number {
  if (Number.isSafeInteger(value) && inRange(value as number, range)) return
  throw optionError(`${name} must be ${describeRange(range, 'a whole number')}, given ${show(value)}`)
}

/** Throws ERR_OPTION unless `value` is true or false. */
export function checkBoolean(name: string, value: unknown): asserts value is boolean {
  if (typeof value === 'boolean') return
  throw optionError(`${name} must be true or false, given ${show(value)}`)
}

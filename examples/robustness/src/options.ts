import { InvalidArgumentError } from 'commander'

/** A parser for names separated by commas, without repetition. */
export function namesOf(kind: string, known: readonly string[]): (text: string) => readonly string[] {
  return (text) => {
    const names = split(text)
    const unknown = names.filter((name) => !known.includes(name))
    if (unknown.length > 0 || names.length === 0)
      throw new InvalidArgumentError(`Unknown ${kind}: ${unknown.join(', ')}. Known: ${known.join(', ')}.`)
    return names
  }
}

/** A parser for positive numbers separated by commas. */
export function ratesOf(text: string): readonly number[] {
  return numbersOf(text, 'positive numbers', (value) => value > 0 && Number.isFinite(value))
}

/** A parser for whole numbers from 0 on, separated by commas. */
export function seedsOf(text: string): readonly number[] {
  return numbersOf(text, 'whole numbers from 0 on', (value) => Number.isSafeInteger(value) && value >= 0)
}

/** A parser for a whole number from 1 on. */
export function countOf(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Give a whole number from 1 on.')
  return value
}

function numbersOf(text: string, what: string, allowed: (value: number) => boolean): readonly number[] {
  const values = split(text).map(Number)
  if (values.length === 0 || !values.every(allowed))
    throw new InvalidArgumentError(`Give ${what}, separated by commas.`)
  return values
}

function split(text: string): string[] {
  return [...new Set(text.split(',').map((part) => part.trim()))].filter((part) => part !== '')
}

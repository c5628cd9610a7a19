import type { ParseArgsConfig } from 'node:util'
import type { OptimizerFlags } from './optimizerChoice.js'
import { UsageError } from './usageError.js'

/** The values of flags, as `parseArgs` gives them. */
export type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

/** The flags of an optimiser. */
export const optimizerOptions = {
  optimizer: { type: 'string' },
  'learning-rate': { type: 'string' },
  xi: { type: 'string' },
  beta: { type: 'string' },
  momentum: { type: 'string' },
  'weight-decay': { type: 'string' },
  'clip-norm': { type: 'string' },
  'clip-value': { type: 'string' },
  accumulate: { type: 'string' },
  floor: { type: 'string' },
  set: { type: 'string', multiple: true },
} as const satisfies ParseArgsConfig['options']

/** The number of a flag, if it is given. */
export function numberOf(values: Values, name: string): number | undefined {
  const text = values[name] as string | undefined
  if (text === undefined) return undefined
  const value = text.trim() === '' ? NaN : Number(text)
  if (Number.isFinite(value)) return value
  throw new UsageError(`--${name} takes a number, given ${JSON.stringify(text)}`)
}

/** A number, or one of the words that may replace it. */
function wordOr<const W extends string>(
  values: Values,
  name: string,
  words: readonly W[],
): number | W | undefined {
  return words.find((word) => word === values[name]) ?? numberOf(values, name)
}

/** The whole number of a flag, if it is given. */
export function countOf(values: Values, name: string, least = 1): number | undefined {
  const value = numberOf(values, name)
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= 2 ** 32 - 1))
    return value
  throw new UsageError(`--${name} takes a whole number from ${least}, given ${String(values[name])}`)
}

/** Values by name, from `name=value`. */
function assignments(given: readonly string[] | undefined): OptimizerFlags['set'] {
  if (given === undefined) return undefined
  const entries = given.map((text) => {
    const at = text.indexOf('=')
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)] as const
    throw new UsageError(
      `--set takes a hyperparameter of the base and its value, as beta2=0.99, given ${JSON.stringify(text)}`,
    )
  })
  return Object.fromEntries(entries)
}

/** The flags of the optimiser, if it is named. */
export function optimizerFlags(values: Values): OptimizerFlags | undefined {
  const flags = {
    xi: wordOr(values, 'xi', ['auto', 'rate']),
    beta: numberOf(values, 'beta'),
    momentum: numberOf(values, 'momentum'),
    weightDecay: numberOf(values, 'weight-decay'),
    clipNorm: numberOf(values, 'clip-norm'),
    clipValue: numberOf(values, 'clip-value'),
    accumulate: numberOf(values, 'accumulate'),
    floor: wordOr(values, 'floor', ['follow']),
    set: assignments(values['set'] as readonly string[] | undefined),
  }
  const optimizer = values['optimizer'] as string | undefined
  const alone = Object.entries(flags).find(([, value]) => value !== undefined)
  if (alone && (optimizer === undefined || optimizer.endsWith('.json'))) {
    const flag = alone[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw new UsageError(`--${flag} goes with an optimiser by name, as in --optimizer "adam identity"`)
  }
  const learningRate = numberOf(values, 'learning-rate')
  return optimizer === undefined ? undefined : { optimizer, learningRate, ...flags }
}

/** The flags of the optimiser, where even a learning rate needs one by name. */
export function namedOptimizer(values: Values): OptimizerFlags | undefined {
  const flags = optimizerFlags(values)
  if (flags === undefined && values['learning-rate'] !== undefined) {
    throw new UsageError('--learning-rate goes with an optimiser, as in --optimizer "adam identity"')
  }
  return flags
}

/** The parts of a text between commas. */
export function list(text: string | undefined): readonly string[] | undefined {
  return text
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

import { optionError, show } from '../errors.js'
import { checkBoolean, checkInteger, checkNumber, type Range } from './range.js'
import { checkKeys } from './keys.js'

/** The values that an option allows: a type, one of these strings, or a number in a range. The owner checks `'any'` itself. */
export type OptionSpec =
  | 'any'
  | 'boolean'
  | 'function'
  | readonly string[]
  | ({ readonly kind: 'number' | 'integer' } & Range)

/**
 * Checks the options of an adapter's function before anything else reads them. An option that is `undefined` counts as
 * absent.
 *
 * @param owner the function's name, for errors
 * @param options that it was given
 * @param specs the values that each option allows; any other option is unknown
 * @throws ERR_OPTION when `options` is not an object, or an option is unknown or has a value that it does not allow; the
 *   message names the given value and the allowed ones
 *
 * @example
 * ```ts
 * import { checkOptions, type GroupOf } from '@induced-metric/core/adapter'
 *
 * interface TrainerOptions {
 *   readonly batchSize?: number
 *   readonly precision?: 'single' | 'double'
 *   readonly groupOf?: GroupOf
 * }
 *
 * function createTrainer(options: TrainerOptions = {}) {
 *   checkOptions('createTrainer', options, {
 *     batchSize: { kind: 'integer', min: 1 },
 *     precision: ['single', 'double'],
 *     groupOf: 'function',
 *   })
 *   return { batchSize: 1, ...options }
 * }
 * createTrainer({ batchSize: 32 })
 * ```
 */
export function checkOptions<T extends object>(
  owner: string,
  options: T,
  specs: { readonly [K in keyof T]-?: OptionSpec },
): void {
  checkKeys(owner, options, Object.keys(specs), (key) =>
    ofUpdates.test(key) ? '; learning rate, momentum and the like are options of inducedMetric' : '',
  )
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined) checkOption(`${owner}: ${key}`, value, specs[key as keyof T])
  }
}

/** Names that other libraries give to options of an update. */
const ofUpdates = /rate|momentum|beta|decay|epsilon|clip|nesterov|method|^(lr|eps|xi|embedding)$/i

function checkOption(name: string, value: unknown, spec: OptionSpec): void {
  if (spec === 'any') return
  if (spec === 'boolean') checkBoolean(name, value)
  else if (spec === 'function') checkFunction(name, value)
  else if (!('kind' in spec)) checkChoice(name, value, spec)
  else if (spec.kind === 'integer') checkInteger(name, value, spec)
  else checkNumber(name, value, spec)
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value === 'function') return
  throw optionError(`${name} must be a function, given ${show(value)}`)
}

/** Throws ERR_OPTION unless `value` is one of the choices. */
export function checkChoice(name: string, value: unknown, choices: readonly string[]): void {
  if (choices.includes(value as string)) return
  const list = choices.map(show).join(', ')
  throw optionError(`${name} must be one of ${list}, given ${show(value)}`)
}

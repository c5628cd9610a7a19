import * as core from '@induced-metric/core'
import {
  adamw,
  fromJSON,
  inducedMetric,
  InducedMetricError,
  type Embedding,
  type InducedMetricOptions,
  type Preconditioner,
  type Transformation,
} from '@induced-metric/core'
import { readGiven } from './io.js'
import { UsageError } from './usageError.js'

/** The flags of the optimiser. */
export interface OptimizerFlags {
  /** `<base>` or `<base> <embedding>`, as in `adam identity`. */
  readonly optimizer: string
  readonly learningRate?: number | undefined
  readonly xi?: number | 'auto' | 'rate' | undefined
  readonly beta?: number | undefined
  readonly momentum?: number | undefined
  readonly weightDecay?: number | undefined
  readonly clipNorm?: number | undefined
  readonly clipValue?: number | undefined
  readonly accumulate?: number | undefined
  readonly floor?: number | 'follow' | undefined
  /** Hyperparameters of the base by name, as they are written. */
  readonly set?: Readonly<Record<string, string>> | undefined
}

/** Creates a base or an embedding from hyperparameters. */
interface Factory<T> {
  (options?: Record<string, unknown>): T
  readonly definition: { readonly hyperparameters?: Readonly<Record<string, unknown>> }
}

/** The exports of the core that create bases, or embeddings. */
function factories<T>(member: 'update' | 'slope'): Readonly<Record<string, Factory<T>>> {
  const isFactory = (value: unknown): boolean => {
    const { definition } = value as { readonly definition?: Readonly<Record<string, unknown>> }
    return typeof value === 'function' && typeof definition?.[member] === 'function'
  }
  return Object.fromEntries(Object.entries(core).filter(([, value]) => isFactory(value))) as Record<
    string,
    Factory<T>
  >
}

const bases = factories<Preconditioner>('update')
const embeddings = factories<Embedding>('slope')
/** The default learning rates. */
const defaultRates: Readonly<Record<string, number>> = {
  adam: 1e-3,
  adamw: 1e-3,
  lion: 1e-4,
  rmsprop: 1e-3,
}
/** The hyperparameters of a base. AdamW is adam with other defaults. */
function hyperparametersOf(base: string): readonly string[] {
  return Object.keys(bases[base === 'adamw' ? 'adam' : base]!.definition.hyperparameters ?? {})
}

/** The names that {@link chooseOptimizer} knows, for the help text. */
export const optimizerNames = {
  bases: [...Object.keys(bases), 'adamw'].sort(),
  embeddings: Object.keys(embeddings),
}

/**
 * Creates the transformation that the command line names.
 *
 * @param json - the contents of the file, if `optimizer` names one
 * @throws UsageError for an unknown name or a value out of its range
 */
export function chooseOptimizer(flags: OptimizerFlags, json?: string): Transformation {
  try {
    return json === undefined ? fromNames(flags) : fromText(json, flags.optimizer)
  } catch (error) {
    if (error instanceof InducedMetricError && error.code === 'ERR_OPTION') {
      throw new UsageError(`--optimizer ${flags.optimizer}: ${error.message.slice('ERR_OPTION: '.length)}`)
    }
    throw error
  }
}

/** Like {@link chooseOptimizer}, but reads the file that `optimizer` names, if it names one. */
export async function optimizerOf(flags: OptimizerFlags): Promise<Transformation> {
  if (!flags.optimizer.endsWith('.json')) return chooseOptimizer(flags)
  return chooseOptimizer(flags, new TextDecoder().decode(await readGiven(flags.optimizer)))
}

function fromText(json: string, file: string): Transformation {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw new UsageError(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  return fromJSON(value)
}

function fromNames(flags: OptimizerFlags): Transformation {
  const { learningRate, momentum, floor, set = {}, optimizer, ...rest } = flags
  const [base = '', embedding = 'identity', ...more] = optimizer.trim().split(/[\s,+]+/)
  if (!optimizerNames.bases.includes(base) || !Object.hasOwn(embeddings, embedding) || more.length > 0) {
    const known = `bases: ${optimizerNames.bases.join(', ')}; embeddings: ${optimizerNames.embeddings.join(', ')}`
    throw new UsageError(
      `--optimizer ${JSON.stringify(optimizer)}: give a base, and an embedding if you like, as in "adam identity". Known ${known}`,
    )
  }
  if (floor !== undefined && embedding === 'identity') {
    throw new UsageError('--floor goes with the embeddings root, log and logDamped')
  }
  const hyperparameters = { ...(momentum !== undefined && { momentum }), ...valuesOf(set) }
  checkHyperparameters(base, hyperparameters, momentum !== undefined)
  const options = {
    learningRate: learningRate ?? defaultRates[base] ?? 0.01,
    embedding: embeddings[embedding]!(floor === undefined ? {} : { floor }),
    ...(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as Partial<
      Omit<InducedMetricOptions, 'learningRate'>
    >),
  }
  if (base === 'adamw') return adamw({ ...options, ...hyperparameters })
  return inducedMetric(bases[base]!(hyperparameters), options)
}

/** Hyperparameters as they are written: numbers, true and false, and words. */
function valuesOf(set: Readonly<Record<string, string>>): Record<string, unknown> {
  const valueOf = (text: string): unknown => {
    if (text === 'true' || text === 'false') return text === 'true'
    return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
  }
  return Object.fromEntries(Object.entries(set).map(([name, text]) => [name, valueOf(text)]))
}

/** Throws UsageError for a hyperparameter that the base does not have. The base itself checks their values. */
function checkHyperparameters(base: string, given: object, hasMomentum: boolean): void {
  const known = hyperparametersOf(base)
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown === undefined) return
  if (unknown === 'momentum' && hasMomentum) {
    const others = Object.keys(bases).filter((name) => hyperparametersOf(name).includes('momentum'))
    throw new UsageError(`--momentum goes with ${others.join(', ')}, not with ${base}`)
  }
  throw new UsageError(
    `--set ${unknown}: ${base} has ${known.length === 0 ? 'no hyperparameters' : `only ${known.join(', ')}`}`,
  )
}

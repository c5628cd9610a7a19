import { checkKeys } from '../validation/keys.js'
import { identity, log, logDamped, root, type Embedding } from './embedding.js'
import { optionError, show } from '../errors.js'
import { hyperparameterFromJSON, scheduledFromJSON } from './hyperparameter.js'
import type { Preconditioner } from './preconditioner.js'
import {
  adabelief,
  adadelta,
  adagrad,
  adafactor,
  normuon,
  shampoo,
  sm3,
  soap,
  adam,
  adamAtan2,
  adamax,
  adan,
  ademamix,
  adopt,
  asgd,
  dadaptation,
  dog,
  ftrl,
  heavyBall,
  lamb,
  lars,
  lion,
  madgrad,
  mars,
  momo,
  muon,
  nadam,
  novograd,
  polyak,
  prodigy,
  radam,
  rmsprop,
  rprop,
  scheduleFree,
  sgd,
  signum,
  tiger,
  yogi,
} from './preconditioners/index.js'
import { groupKeys, inducedMetric, mapGroups } from './transformation.js'
import type { InducedMetricOptions, Transformation } from './types.js'

/** The caller's own definitions that {@link fromJSON} may meet. */
export interface FromJSONOptions {
  /** Factories from `definePreconditioner`. */
  readonly preconditioners?: readonly NamedFactory<Preconditioner>[]
  /** Factories from `defineEmbedding`. */
  readonly embeddings?: readonly NamedFactory<Embedding>[]
}

const builtinPreconditioners: readonly NamedFactory<Preconditioner>[] = [
  sgd,
  heavyBall,
  rmsprop,
  adagrad,
  adam,
  lion,
  muon,
  adabelief,
  adadelta,
  adamax,
  adan,
  ademamix,
  adopt,
  lamb,
  novograd,
  radam,
  rprop,
  signum,
  yogi,
  adamAtan2,
  asgd,
  dadaptation,
  dog,
  ftrl,
  lars,
  madgrad,
  mars,
  momo,
  nadam,
  polyak,
  prodigy,
  scheduleFree,
  tiger,
  adafactor,
  normuon,
  shampoo,
  sm3,
  soap,
]
const builtinEmbeddings: readonly NamedFactory<Embedding>[] = [identity, root, log, logDamped]

/**
 * Rebuilds a transformation from the result of its `toJSON()`, or from parsed JSON text.
 *
 * @param own factories of preconditioners and embeddings that are not built in
 * @throws ERR_OPTION when the data name something unknown or contain a value out of range
 *
 * @example
 * ```ts
 * import { adam, fromJSON, inducedMetric } from '@induced-metric/core'
 *
 * const saved = JSON.stringify(inducedMetric(adam(), { learningRate: 0.001 }))
 * const restored = fromJSON(JSON.parse(saved))
 * ```
 */
export function fromJSON(json: unknown, own: FromJSONOptions = {}): Transformation {
  if (typeof json === 'string') {
    throw optionError(
      `a saved transformation is an object, not text: parse it, as in fromJSON(JSON.parse(text)); given ${show(json)}`,
    )
  }
  checkKeys('a saved transformation', json, [
    'format',
    'version',
    'base',
    ...groupKeys,
    'onNonFinite',
    'metricScope',
    'accumulate',
    'groups',
  ])
  const { format, version, base, groups, ...rest } = json as unknown as Record<string, unknown>
  if (format !== 'induced-metric' || version !== 1) {
    throw optionError(
      `not a transformation this version can read: format ${show(format)}, version ${show(version)}`,
    )
  }
  checkKeys('fromJSON', own, ['preconditioners', 'embeddings'])
  const known = {
    preconditioner: factories('preconditioners', builtinPreconditioners, own.preconditioners),
    embedding: factories('embeddings', builtinEmbeddings, own.embeddings),
  }
  const read: Readonly<Record<string, (path: string, json: unknown) => unknown>> = {
    base: (path, json) => componentFromJSON('preconditioner', path, json, known.preconditioner),
    fallback: (path, json) => componentFromJSON('preconditioner', path, json, known.preconditioner),
    embedding: (path, json) => componentFromJSON('embedding', path, json, known.embedding),
    learningRate: scheduledFromJSON,
    // A tied ξ passes through; `inducedMetric` checks it.
    xi: (path, json) => (isPerRate(json) ? json : scheduledFromJSON(path, json)),
    weightDecay: scheduledFromJSON,
  }
  const options = (path: string, group: object): Record<string, unknown> => {
    const values: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(group) as [string, unknown][]) {
      if (value === undefined) continue
      values[key] = Object.hasOwn(read, key) ? read[key]!(path + key, value) : value
    }
    return values
  }
  const { base: restoredBase, ...others } = options('', { base: base ?? null, ...rest })
  if (groups !== undefined) others['groups'] = mapGroups(groups, (path, group) => options(`${path}.`, group))
  return inducedMetric(restoredBase as Preconditioner, others as unknown as InducedMetricOptions)
}

function isPerRate(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 'perRate' in json
}

/** A factory with any hyperparameters; `scheduleFree` takes a base before them. */
type NamedFactory<T> = ((...options: never[]) => T) & { readonly definition: { readonly name: string } }

/** The built-in factories and the caller's own, each name once. */
function factories<T>(
  option: string,
  builtin: readonly NamedFactory<T>[],
  given: unknown,
): readonly NamedFactory<T>[] {
  const isFactory = (value: unknown): boolean =>
    typeof value === 'function' && typeof (value as Partial<NamedFactory<T>>).definition?.name === 'string'
  if (given === undefined) return builtin
  if (Array.isArray(given) && given.every(isFactory)) {
    const all = [...builtin, ...(given as NamedFactory<T>[])]
    const names = all.map(({ definition }) => definition.name)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice === undefined) return all
    throw optionError(
      `fromJSON: ${option} contains two named ${show(twice)}, counting the built-in ones: give yours another name`,
    )
  }
  throw optionError(
    `fromJSON: ${option} must be an array of the factories that a define function returns, not called; given ${show(given)}`,
  )
}

/** A component of the name that was given in place of an object, or of any name. */
function exampleOf(kind: 'preconditioner' | 'embedding', given: unknown): string {
  const any = kind === 'embedding' ? 'log' : 'adam'
  return `{ name: ${show(typeof given === 'string' ? given : any)} }`
}

function componentFromJSON<T>(
  kind: 'preconditioner' | 'embedding',
  path: string,
  json: unknown,
  known: readonly NamedFactory<T>[],
): T {
  const { name, ...hyperparameters } = (json ?? {}) as Record<string, unknown>
  const names = known.map((candidate) => candidate.definition.name).join(', ')
  if (typeof name !== 'string') {
    throw optionError(
      `${path} must be an object that names the ${kind}, as in ${exampleOf(kind, json)}; known: ${names}; given ${show(json)}`,
    )
  }
  const factory = known.find((candidate) => candidate.definition.name === name)
  if (factory === undefined) {
    throw optionError(
      `${path}: no ${kind} ${show(name)}; known: ${names}. Give your own as { ${kind}s: [yours] } to fromJSON, or to the function that calls it`,
    )
  }
  const read = (entries: Readonly<Record<string, unknown>>): never =>
    Object.fromEntries(
      Object.entries(entries).map(([key, x]) => [key, hyperparameterFromJSON(`${path}.${key}`, x)]),
    ) as never
  if (factory !== (scheduleFree as unknown)) return factory(read(hyperparameters))
  const { base, ...own } = hyperparameters
  return factory(componentFromJSON(kind, `${path}.base`, base, known) as never, read(own))
}

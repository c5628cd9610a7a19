import { add, div, input, mul, sqrt, square, sub, type Expr, type Operand } from '../graph/algebra.js'
import { optionError, shapeError, show } from '../errors.js'
import { checkKeys } from '../validation/keys.js'
import {
  checkSpecs,
  followedBound,
  isFollowing,
  resolveHyperparameters,
  type HyperparameterOptions,
  type HyperparameterSpecs,
  type HyperparameterValues,
} from './hyperparameter.js'

/** The hyperparameters that an embedding's functions are written with, as scalar expressions. */
type EmbeddingParameters<S extends HyperparameterSpecs> = { readonly [K in keyof S]: Expr }

/**
 * An embedding θ ↦ (θ, f(L)) of the landscape, and the h(L) that is descended in it. The factor on the base step is
 * ρ = h′/(1 + f′²v̂), with v̂ the running average of ξ·s (arXiv:2509.03594).
 */
export interface EmbeddingDefinition<S extends HyperparameterSpecs> {
  /** Its name in saved transformations: letters, digits and hyphens. */
  readonly name: string
  /** Its hyperparameters. All are numbers, and run-time inputs of the graph. */
  readonly hyperparameters?: S
  /** f′(L), a scalar. */
  slope(loss: Expr, given: EmbeddingParameters<S>): Expr | number
  /** h′(L), a scalar. */
  descends(loss: Expr, given: EmbeddingParameters<S>): Expr | number
  /** Positive where the embedding is defined; elsewhere the loss is bad. By default it is defined everywhere. */
  domain?(loss: Expr, given: EmbeddingParameters<S>): Expr
  /** ρ itself, for an embedding whose h′/(1 + f′²v̂) can be written so that it overflows later. */
  factor?(loss: Expr, metric: Expr, given: EmbeddingParameters<S>): Expr
}

/** The functions of a definition. The first two are required. */
const parts = ['slope', 'descends', 'domain', 'factor'] as const

/** An embedding with its hyperparameters. */
export interface Embedding {
  readonly name: string
  readonly hyperparameters: HyperparameterValues
  readonly definition: EmbeddingDefinition<HyperparameterSpecs>
}

/** Creates an embedding from options. */
export interface EmbeddingFactory<S extends HyperparameterSpecs> {
  (options?: HyperparameterOptions<S>): Embedding
  readonly definition: EmbeddingDefinition<S>
}

/**
 * Defines an embedding of your own by its slope f′ and by h′, the slope of the function that it descends.
 *
 * @returns a factory, which throws ERR_OPTION for unknown or invalid hyperparameters
 * @throws ERR_OPTION for a definition that is incomplete or has an invalid declaration
 *
 * @example
 * ```ts
 * import { algebra, defineEmbedding, inducedMetric, sgd } from '@induced-metric/core'
 *
 * // f = L², h = L: flatter than the landscape near 0.
 * const squared = defineEmbedding({
 *   name: 'squared',
 *   slope: (loss) => algebra.mul(2, loss),
 *   descends: () => 1,
 * })
 *
 * inducedMetric(sgd(), { learningRate: 0.1, embedding: squared() })
 * ```
 */
export function defineEmbedding<const S extends HyperparameterSpecs = Readonly<Record<never, never>>>(
  definition: EmbeddingDefinition<S>,
): EmbeddingFactory<S> {
  checkKeys('defineEmbedding', definition, ['name', 'hyperparameters', ...parts])
  const { name, hyperparameters: specs = {} } = definition
  if (typeof name !== 'string' || !/^[A-Za-z][A-Za-z0-9-]*$/.test(name)) {
    throw optionError(
      `an embedding's name is a letter, then letters, digits and hyphens; given ${show(name)}`,
    )
  }
  for (const part of parts) {
    const value = definition[part]
    if (typeof value === 'function' || (value === undefined && part !== 'slope' && part !== 'descends'))
      continue
    throw optionError(`${name}: ${part} must be a function of the loss, given ${show(value)}`)
  }
  checkSpecs(name, specs, ['name'])
  for (const [key, spec] of Object.entries<HyperparameterSpecs[string]>(specs)) {
    if (spec.kind === 'rows' || (spec.kind === 'number' && spec.follows && key !== 'floor')) {
      throw optionError(
        `${name}: hyperparameter ${key}: an embedding has no rows, and only \`floor\` can follow the losses`,
      )
    }
  }
  const factory = (options: HyperparameterOptions<S> = {}): Embedding => ({
    name,
    hyperparameters: resolveHyperparameters(name, specs, options),
    definition,
  })
  return Object.assign(factory, { definition })
}

/**
 * A text on which the graph of an embedding depends, beside the numbers that are its inputs; `undefined` where the definition is
 * not the core's own.
 */
export function embeddingStructureOf(embedding: Embedding): string | undefined {
  if (!builtInDefinitions.has(embedding.definition)) return undefined
  return `${embedding.name}${followedFloor(embedding) === undefined ? '' : ' follows'}`
}

/** The name under which an embedding's hyperparameter enters a graph. */
export function embeddingInput(name: string): string {
  return `embedding.${name}`
}

/** The bound of an embedding's `floor`, if that follows the losses. */
export function followedFloor({ hyperparameters }: Embedding): number | undefined {
  const floor = hyperparameters['floor']
  return isFollowing(floor) ? followedBound(floor) : undefined
}

/**
 * An embedding's factor and domain as expressions.
 *
 * @param of the loss and v̂; `floor` replaces the hyperparameter of that name
 */
export function recordEmbedding(
  embedding: Embedding,
  of: { readonly loss: Expr; readonly metric: Expr; readonly floor?: Expr | undefined },
): { factor: Expr; domain: Expr | undefined } {
  const { definition } = embedding
  const { loss, metric, floor } = of
  const given: Record<string, Expr> = {}
  for (const key of Object.keys(definition.hyperparameters ?? {}))
    given[key] = (key === 'floor' ? floor : undefined) ?? input(embeddingInput(key), 'scalar')
  const scalar = (what: string, x: Operand): Operand => {
    if (typeof x === 'number' || x?.shape === 'scalar') return x
    const given = x?.shape === undefined ? show(x) : `a ${x.shape}`
    throw shapeError(`${embedding.name}: ${what} must be a scalar, given ${given}`)
  }
  const slopes = (): Expr => {
    const slope = scalar('slope', definition.slope(loss, given))
    return div(scalar('descends', definition.descends(loss, given)), add(1, mul(square(slope), metric)))
  }
  const factor = definition.factor ? definition.factor(loss, metric, given) : slopes()
  scalar('factor', factor)
  const domain = definition.domain?.(loss, given)
  if (domain !== undefined) scalar('domain', domain)
  return { factor, domain }
}

/**
 * The landscape as it is, f = h = L: ρ = 1/(1 + v̂), in (0, 1]. This is the paper's plain variant. It never reads the loss.
 *
 * @throws ERR_OPTION when it is given any option
 *
 * @example
 * ```ts
 * import { identity, inducedMetric, sgd } from '@induced-metric/core'
 *
 * inducedMetric(sgd(), { learningRate: 0.1, embedding: identity() })
 * ```
 */
export const identity = defineEmbedding({
  name: 'identity',
  slope: () => 1,
  descends: () => 1,
})

const floor = { floor: { kind: 'number', default: 0, follows: true } } as const

/**
 * The square root of the landscape, f = 2√(L − floor), descending the loss itself, h = L: with ℓ = L − floor,
 * ρ = ℓ/(ℓ + v̂), in (0, 1]. Its damping is scale-free near a minimum: with `xi: 'rate'`, 1/(ηρ) = 1/η + s/ℓ, so a step never
 * promises more than is left of the loss, and the result hardly depends on the learning rate. With SGD and
 * `xi: { perRate: 0.5 }` it is NGN (Orvieto and Xiao, arXiv:2407.04358). It needs the loss at every step.
 *
 * @param options `floor`, default 0: a lower bound of the loss, a schedule of one, or `'follow'` (`{ follow: bound }`) for one
 *   that follows the losses from above: with a₍β₎ their bias-corrected average, fast = a₍.₉₎ and slow = a₍.₉₉₎, it is
 *   max(bound, fast − 3·max(0, slow − fast) − .1·(fast − bound)), and ℓ = a₍.₈₎ − floor
 * @throws ERR_OPTION when an option is unknown, or `floor` is none of these
 *
 * @example
 * ```ts
 * import { adam, inducedMetric, root } from '@induced-metric/core'
 *
 * inducedMetric(adam(), { learningRate: 0.1, xi: 'rate', embedding: root() })
 * ```
 */
export const root = defineEmbedding({
  name: 'root',
  hyperparameters: floor,
  slope: (loss, given) => div(1, sqrt(sub(loss, given.floor))),
  descends: () => 1,
  domain: (loss, given) => sub(loss, given.floor),
  factor: (loss, metric, given) => {
    const height = sub(loss, given.floor)
    return div(height, add(height, metric))
  },
})

/**
 * The logarithm of the landscape, f = h = log(L − floor): with ℓ = L − floor, ρ = ℓ/(ℓ² + v̂). The paper's log variant
 * at floor 0. It assumes that the infimum of the loss is `floor`: for v̂ ≫ ℓ² it is a Polyak step with that optimum. It
 * needs the loss at every step.
 *
 * @param options `floor`, default 0: a lower bound of the loss, a schedule of one, or `'follow'` as in {@link root}
 * @throws ERR_OPTION when an option is unknown, or `floor` is none of these
 *
 * @example
 * ```ts
 * import { inducedMetric, log, sgd } from '@induced-metric/core'
 *
 * inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.1, embedding: log({ floor: 0 }) })
 * ```
 */
export const log = defineEmbedding({
  name: 'log',
  hyperparameters: floor,
  slope: (loss, given) => div(1, sub(loss, given.floor)),
  descends: (loss, given) => div(1, sub(loss, given.floor)),
  domain: (loss, given) => sub(loss, given.floor),
  // ℓ/(ℓ² + v̂) without a square that could overflow or vanish.
  factor: (loss, metric, given) => {
    const height = sub(loss, given.floor)
    return div(1, add(height, div(metric, height)))
  },
})

/**
 * The logarithm of the landscape, descending the loss itself, f = log(L − floor), h = L: ρ = ℓ²/(ℓ² + v̂), in (0, 1]. The
 * damping does not depend on the scale of the loss. It needs the loss at every step.
 *
 * @param options `floor`, default 0: a lower bound of the loss, a schedule of one, or `'follow'` as in {@link root}
 * @throws ERR_OPTION when an option is unknown, or `floor` is none of these
 *
 * @example
 * ```ts
 * import { adam, inducedMetric, logDamped } from '@induced-metric/core'
 *
 * inducedMetric(adam(), { learningRate: 0.001, embedding: logDamped() })
 * ```
 */
export const logDamped = defineEmbedding({
  name: 'logDamped',
  hyperparameters: floor,
  slope: (loss, given) => div(1, sub(loss, given.floor)),
  descends: () => 1,
  domain: (loss, given) => sub(loss, given.floor),
  factor: (loss, metric, given) => {
    const height = sub(loss, given.floor)
    return div(height, add(height, div(metric, height)))
  },
})

/** The definitions above, whose functions always record the same expressions. */
const builtInDefinitions: ReadonlySet<unknown> = new Set(
  [identity, root, log, logDamped].map(({ definition }) => definition),
)

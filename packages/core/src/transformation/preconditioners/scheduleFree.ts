import { add, div, greater, isZero, max, mul, pow, select, sub, type Expr } from '../../graph/algebra.js'
import { optionError } from '../../errors.js'
import {
  resolveHyperparameters,
  type HyperparameterOptions,
  type HyperparameterSpecs,
} from '../hyperparameter.js'
import {
  checkPreconditioner,
  type Preconditioner,
  type PreconditionerDefinition,
  type PreconditionerInput,
  type PreconditionerOutput,
} from '../preconditioner.js'

const own = {
  beta: { kind: 'number', default: 0.9, min: 0, above: true, max: 1 },
  power: { kind: 'number', default: 0, min: 0 },
  ratePower: { kind: 'number', default: 2, min: 0 },
  weightDecay: { kind: 'number', default: 0, min: 0, zeroIsStructural: true },
} as const satisfies HyperparameterSpecs

/** Options that have a meaning outside of `update`, which they keep under their own name. */
const outerNames: ReadonlySet<string> = new Set(['rows', 'flatten', 'seed'])

/** The name of what the inner base calls `name`. */
function nested(name: string): string {
  return outerNames.has(name) ? name : `base${name[0]!.toUpperCase()}${name.slice(1)}`
}

/** The arguments of the inner base: its own hyperparameters by their own names, and slots apart from those of the outer. */
function inside(base: Preconditioner, given: PreconditionerInput): PreconditionerInput {
  const outer = given as unknown as Readonly<Record<string, unknown>>
  const values = Object.keys(base.definition.hyperparameters ?? {}).map((key) => [key, outer[nested(key)]])
  return {
    ...given,
    ...(Object.fromEntries(values) as object),
    slot: (name, options) => given.slot(nested(name), options),
    shared: (name, initial) => given.shared(nested(name), initial),
  }
}

function renamed<T>(values: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [nested(name), value]))
}

/**
 * Schedule-Free learning (Defazio et al., 2024) over any base: averaging in place of a schedule that decreases, without knowing
 * the number of steps. The base steps from z, with the gradient at the parameter y: z = z − ηρ·d, d being its direction plus λy.
 * The average x = (1−c)x + cz takes each z with a weight of tʳ·η₊ᵖ, η₊ being the largest rate so far, and y = (1−β)z + βx. x are the
 * weights to evaluate with (`withEvaluationWeights`); it is computed from y and z. It is the authors' code: SGD is
 * `scheduleFree(sgd())`, AdamW is `scheduleFree(adam({ beta1: 0 }), { weightDecay })`, since β is the momentum. Warm up by a
 * schedule of the learning rate. `weightDecay` is λ, inside the step; the transformation's moves y alone, and is not averaged
 * right. s and x̂ are those of the base. `averageWeights` cannot be given beside it. In JSON the base stands within. State: one
 * slot, 4 bytes per float32 parameter, and two numbers per tensor, beside the base's.
 *
 * @param base the base that steps; one that computes the parameter itself has no such step
 * @param options `beta` β in (0, 1], default 0.9; `power` r ≥ 0, default 0; `ratePower` p ≥ 0, default 2; `weightDecay` λ ≥ 0,
 *   default 0
 * @throws ERR_OPTION when `base` is no base, or computes the parameter or the weights to evaluate with itself; when an option is
 *   unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adam, inducedMetric, scheduleFree } from '@induced-metric/core'
 *
 * const base = scheduleFree(adam({ beta1: 0 }), { weightDecay: 0.01 })
 * inducedMetric(base, { learningRate: 0.0025, xi: 0 })
 * ```
 */
export function scheduleFree(
  base: Preconditioner,
  options: HyperparameterOptions<typeof own> = {},
): Preconditioner {
  checkPreconditioner('scheduleFree.base', base)
  const { matrix, flatten, hyperparameters = {} } = base.definition
  const definition: PreconditionerDefinition<HyperparameterSpecs> = {
    name: 'scheduleFree',
    hyperparameters: { ...own, ...renamed(hyperparameters) },
    ...(matrix !== undefined && { matrix }),
    ...(flatten !== undefined && { flatten }),
    update: (input) => freeStep(base, input as never),
  }
  const values = resolveHyperparameters('scheduleFree', own, options)
  return {
    name: 'scheduleFree',
    hyperparameters: { ...values, ...renamed(base.hyperparameters) },
    definition,
    wraps: { base, own: values },
  }
}

/** By this `fromJSON` finds it: it takes a base, which in JSON stands under `base`. */
scheduleFree.definition = { name: 'scheduleFree', takes: 'base' } as const

function freeStep(
  base: Preconditioner,
  input: PreconditionerInput & Readonly<Record<keyof typeof own, Expr>>,
): PreconditionerOutput {
  const { parameter: y, step, learningRate, scale, slot, beta, power, ratePower, weightDecay } = input
  const inner = base.definition.update(inside(base, input) as never)
  if (inner.parameter !== undefined || inner.evaluation !== undefined) {
    throw optionError(
      `scheduleFree: ${base.name} computes the parameter, or the weights to evaluate with, itself; take another base`,
    )
  }
  const z = slot('z', { initial: 'parameter' })
  const peak = max(slot('peak', { shape: 'scalar' }), learningRate)
  const weight = mul(pow(step, power), pow(peak, ratePower))
  const weights = add(slot('weights', { shape: 'scalar' }), weight)
  const share = select(greater(weights, 0), div(weight, weights), 0)
  const direction = isZero(weightDecay) ? inner.direction : add(inner.direction, mul(weightDecay, y))
  const pace = mul(learningRate, scale)
  const kept = sub(1, share)
  return {
    direction,
    ...(inner.average && { average: inner.average }),
    ...(inner.dual && { dual: inner.dual }),
    parameter: sub(add(mul(kept, y), mul(share, z)), mul(mul(pace, sub(1, mul(beta, kept))), direction)),
    evaluation: add(y, mul(sub(1, div(1, beta)), sub(z, y))),
    slots: { ...renamed(inner.slots), z: sub(z, mul(pace, direction)), peak, weights },
    ...(inner.shared && { shared: renamed(inner.shared) }),
  }
}

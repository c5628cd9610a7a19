import { unsupported } from '../errors.js'
import type { Graph } from '../graph/graph.js'
import type { StepPlan } from '../step/plan.js'
import { updateOutputs, type DeferredBackend } from '../tensors/deferredStep.js'
import { evaluateFused, isFusable, type FusedValue } from '../tensors/fused/evaluation.js'
import { Candidates, type Fusion, type ShaderRunner } from '../tensors/fused/shaders.js'
import type { Places } from './places.js'

/** A value without the candidates of a number: that of a device which has taken all steps so far. */
export function known<T>(value: FusedValue<T>): T | number {
  return value instanceof Candidates ? value.values[0]! : value
}

/**
 * What runs the programs of a plan; `undefined` if operations take its steps.
 *
 * @throws ERR_NOT_SUPPORTED if they must not
 */
export function fusingRunner<T extends object>(
  places: Places<T>,
  plan: StepPlan,
): ShaderRunner<T> | undefined {
  const runner = places.shaders()
  if (runner === undefined) return undefined
  const other = plan.parameters.find(({ graph }) => !isFusable(graph, updateOutputs(graph)))
  if (other === undefined) return runner
  if (!places.isForced) return undefined
  const { name } = plan.profiles[other.profile]!.base
  throw unsupported(
    `the base ${name} computes with matrices or draws numbers, and programs compute each element by itself; use engine: 'auto' or 'ops'`,
  )
}

/** Operations of which programs take the place, but for sums over parameters. */
export function withFusion<T extends object>(
  operations: DeferredBackend<T | number>,
  fusion: Fusion<T> | undefined,
): DeferredBackend<FusedValue<T>> {
  // Sums of tensors are all that is left to operations, so candidates do not reach them.
  const plain = operations as DeferredBackend<FusedValue<T>>
  if (!fusion) return plain
  return Object.assign(Object.create(plain) as DeferredBackend<FusedValue<T>>, {
    evaluate: (
      graph: Graph,
      outputs: readonly string[],
      supply: (name: string) => FusedValue<T> | undefined,
    ) => evaluateFused(graph, outputs, fusion, supply),
  })
}

import { compileScalars } from '../graph/hostScalars.js'
import type { MetricUnit } from './planned.js'
import type { UnitResult } from './report.js'
import { writeScalars, type PreparedScalars } from './scalarInputs.js'
import type { UnitNumbers } from './scalarState.js'

/** The result of a metric unit in a step, and its next state. */
export interface EvaluatedUnit extends UnitResult {
  readonly status: number
  /** v. */
  readonly average: number
  /** The other state, in the order of the graph's. */
  readonly values: readonly number[]
}

/** Evaluates a metric unit in each step, and keeps its numbers. */
export interface UnitStepper {
  /**
   * Evaluates the unit's graph. It changes nothing.
   *
   * @param numbers of the unit before the step
   * @returns `undefined` where no parameter of the unit has a gradient
   */
  evaluate(
    gradients: readonly unknown[],
    numbers: UnitNumbers,
    step: number,
    loss: number | undefined,
  ): EvaluatedUnit | undefined
  /** Writes the result into the unit's numbers, once the parameters have been written. */
  keep(result: EvaluatedUnit, numbers: UnitNumbers, gradients: readonly unknown[]): void
}

/** A sum over parameters in a step's results, of which an array holds each parameter's part. */
interface Sum {
  readonly members: readonly number[]
  readonly parts: Float64Array
}

/**
 * Prepares the evaluation of a metric unit.
 *
 * @param scalars of the unit, apart from those that a step computes
 * @param parts the arrays that receive the results of the passes, by name
 */
export function createUnitStepper(
  unit: MetricUnit,
  { scalars, scheduled }: PreparedScalars,
  parts: ReadonlyMap<string, Float64Array>,
): UnitStepper {
  const states = stateInputs(unit)
  const compute = compileScalars(unit.graph, ['average', 'metric', 'scale', 'status', ...states])
  const sums = unit.sums.map(({ input, output, members }) => ({ input, members, parts: parts.get(output)! }))
  const changes = unit.changes.map(({ state, output, members }) => ({
    state,
    members,
    parts: parts.get(output)!,
  }))
  return {
    evaluate(gradients, numbers, step, loss) {
      if (unit.contributors.every((index) => gradients[index] === null)) return undefined
      writeScalars(scalars, scheduled, step)
      for (const sum of sums) scalars[sum.input] = total(sum, gradients)
      scalars['loss'] = loss ?? NaN
      scalars['average'] = numbers.average
      scalars['metricStep'] = numbers.steps + 1
      for (let i = 0; i < states.length; i++) scalars[states[i]!] = numbers.values[i]!
      const [average, metric, scale, status, ...values] = compute(scalars)
      return {
        unit,
        dualNorm: scalars['dualNorm']!,
        average: average!,
        metric: metric!,
        scale: scale!,
        status: status!,
        values,
        xi: scalars['xi']!,
      }
    },
    keep(result, numbers, gradients) {
      numbers.average = result.average
      numbers.steps++
      for (let i = 0; i < states.length; i++) numbers.values[i] = result.values[i]!
      for (const change of changes) {
        const moved = total(change, gradients)
        // A sum that overflowed is left out: with it, the state would never be finite again.
        if (Number.isFinite(moved)) numbers.values[change.state]! += moved
      }
    },
  }
}

/** The inputs, and outputs, of a unit's state. */
export function stateInputs({ graph }: MetricUnit): string[] {
  return graph.state.map((name) => `state.${name}`)
}

/** Adds up the parts of the members that have a gradient. */
function total({ members, parts }: Sum, gradients: readonly unknown[]): number {
  let result = 0
  for (const index of members) if (gradients[index] !== null) result += parts[index]!
  return result
}

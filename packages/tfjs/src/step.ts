import {
  clipGraph,
  lossCount,
  profileScalars,
  unitScalars,
  type MetricUnit,
  type PlannedParameter,
  type StepPlan,
} from '@induced-metric/core/adapter'
import type { Evaluation, Evaluator } from './evaluation.js'
import type { Scalar, Tensor, Variable } from './namespace.js'
import { valuesOf, type State, type VariableState } from './state.js'
import type { VariableGradient } from './variables.js'

/** A variable that has a gradient in this step. */
export interface ActiveVariable {
  readonly planned: PlannedParameter
  readonly variable: Variable
  readonly state: VariableState
  readonly evaluation: Evaluation
}

/** What a unit's graph gave; only `unit`, and a NaN ξ, where none of its variables has a gradient. */
export interface UnitOutcome {
  readonly unit: MetricUnit
  readonly xi: number
  readonly values?: {
    readonly dualNorm: Tensor | number
    readonly average: Tensor | number
    readonly metric: Tensor | number
    readonly scale: Tensor | number
    readonly status: Tensor | number
    /** The next values of the unit's state, by name. */
    readonly state: Readonly<Record<string, Tensor | number>>
  }
}

/** A step that has been computed as far as its factor; nothing is written yet. */
export interface Reduced {
  readonly active: readonly ActiveVariable[]
  readonly outcomes: readonly UnitOutcome[]
  /** The evaluations of those of some parameters that have a gradient. */
  readonly evaluationsOf: (members: readonly number[]) => readonly Evaluation[]
  readonly learningRate: number
}

/** The reading half of a step: dual norms, averages and factors, all on the device. */
export function reduceStep(
  evaluator: Evaluator,
  plan: StepPlan,
  state: State,
  pairs: readonly VariableGradient[],
  step: number,
  loss: Scalar | number | undefined,
): Reduced {
  const profiles = plan.profiles.map((profile) => profileScalars({}, profile, step))
  const active = plan.parameters.flatMap((planned, index): ActiveVariable[] => {
    const { variable, gradient } = pairs[index]!
    if (gradient === null) return []
    const variableState = state.variables.get(planned.name)!
    const inputs: Record<string, Tensor | number> = {
      gradient,
      parameter: variable,
      step: variableState.steps + 1,
      rows: planned.shape[0] ?? 1,
      columns: planned.shape[1] ?? 1,
    }
    for (const name of planned.graph.slots) inputs[`slot.${name}`] = variableState.slots[name]!
    const evaluation = evaluator.evaluate(planned.graph, inputs, profiles[planned.profile])
    return [{ planned, variable, state: variableState, evaluation }]
  })
  clip(evaluator, plan, active)
  const evaluationsOf = (members: readonly number[]): Evaluation[] => {
    const planned = new Set(members.map((index) => plan.parameters[index]!))
    return active.filter((one) => planned.has(one.planned)).map(({ evaluation }) => evaluation)
  }

  const outcomes = plan.units.map((unit): UnitOutcome => {
    if (evaluationsOf(unit.contributors).length === 0) return { unit, xi: NaN }
    const unitState = state.units.get(unit.key)!
    const { average, steps } = unitState
    const sums = Object.fromEntries(
      unit.sums.map(({ input, output, members }) => {
        const evaluations = evaluationsOf(members)
        return [input, evaluations.length === 0 ? 0 : evaluator.total(evaluations, output)]
      }),
    )
    const before = valuesOf(unit, unitState)
    const scalars = unitScalars({}, unit, step)
    const { get } = evaluator.evaluate(unit.graph, {
      ...scalars,
      ...sums,
      // Those that were loaded, in single precision as all others; the count stays with the host.
      ...Object.fromEntries(
        unit.graph.state.map((name, i) => {
          const value = before[i]!
          return [`state.${name}`, name === lossCount ? value : evaluator.tensor(value)]
        }),
      ),
      average: evaluator.tensor(average),
      metricStep: steps + 1,
      ...(loss !== undefined && { loss }),
    })
    const values = {
      dualNorm: sums['dualNorm']!,
      average: get('average'),
      metric: get('metric'),
      scale: get('scale'),
      status: get('status'),
      state: Object.fromEntries(unit.graph.state.map((name) => [name, get(`state.${name}`)])),
    }
    return { unit, xi: scalars['xi']!, values }
  })
  return { active, outcomes, evaluationsOf, learningRate: profiles[0]?.['learningRate'] ?? NaN }
}

/** What a step makes of a variable and its slots. */
export interface FreshValues {
  readonly value: Tensor
  readonly slots: readonly (readonly [name: string, slot: Tensor])[]
}

/** The new values of a variable; all of them before the first is written, as an update may read all slots. */
export function freshValues(
  { planned, evaluation }: ActiveVariable,
  outcomes: readonly UnitOutcome[],
): FreshValues {
  evaluation.supply('scale', outcomes[planned.unit]!.values!.scale)
  const value = evaluation.fresh('parameter')
  return {
    value,
    slots: planned.graph.slots.map((name) => [name, evaluation.fresh(`slot.${name}`)] as const),
  }
}

/** Gives each clipped gradient its factor. */
function clip(evaluator: Evaluator, plan: StepPlan, active: readonly ActiveVariable[]): void {
  plan.clips.forEach(({ clipNorm }, index) => {
    const clipped = active.filter(({ planned }) => planned.clip === index).map(({ evaluation }) => evaluation)
    if (clipped.length === 0) return
    const normSquared = evaluator.total(clipped, 'norm')
    const factor = evaluator.evaluate(clipGraph, { normSquared, clipNorm }).get('clip')
    for (const evaluation of clipped) evaluation.supply('clip', factor)
  })
}

import type { Scalars } from '../graph/hostScalars.js'
import type { StepPlan } from './planned.js'
import { extentScalars, readsExtents, type PreparedScalars } from './scalarInputs.js'

/** The scalar inputs of the parameters' graphs. Parameters with equal scalars share one object. */
export interface ParameterScalars {
  /** By parameter. An entry is current only where `gather` found a gradient. */
  readonly current: Scalars[]
  /**
   * Brings the scalars up to date, except for those known only after a pass (`clip`, `scale`).
   *
   * @param steps how often each parameter has been updated
   * @returns the indices of the parameters that have a gradient; the same array every time
   */
  gather(gradients: readonly unknown[], steps: readonly number[]): readonly number[]
}

/** Parameters whose scalars are equal as long as they have been updated equally often. */
interface Cohort {
  readonly scalars: Scalars
  /** The call of `gather` in which the scalars were last filled in, and the count they were filled in for. */
  turn: number
  steps: number
}

/** Prepares the scalars of a plan's parameters, given those of its profiles. */
export function createParameterScalars(
  plan: StepPlan,
  profiles: readonly PreparedScalars[],
): ParameterScalars {
  const { parameters } = plan
  const cohorts = createCohorts(plan, profiles)
  const current = cohorts.map(({ scalars }) => scalars)
  /** The scalars of parameters that have fallen out of step with their cohort. */
  const stragglers: Scalars[] = []
  const active: number[] = []
  let turn = 0

  const scalarsOf = (index: number, steps: number): Scalars => {
    const cohort = cohorts[index]!
    const parameter = parameters[index]!
    if (cohort.turn !== turn) {
      cohort.turn = turn
      cohort.steps = steps
    } else if (cohort.steps === steps) {
      return cohort.scalars
    }
    const { scalars, scheduled } = profiles[parameter.profile]!
    const own =
      cohort.steps === steps
        ? cohort.scalars
        : (stragglers[index] ??= Object.assign(extentScalars({}, parameter), scalars))
    for (const { input } of scheduled) own[input] = scalars[input]!
    own['step'] = steps + 1
    return own
  }

  return {
    current,
    gather(gradients, steps) {
      turn++
      let count = 0
      for (let index = 0; index < gradients.length; index++) {
        if (gradients[index] === null) continue
        active[count++] = index
        current[index] = scalarsOf(index, steps[index]!)
      }
      // Only if it differs: setting the length makes V8 drop the array's memory.
      if (active.length !== count) active.length = count
      return active
    },
  }
}

/** The cohort of each parameter. */
function createCohorts(plan: StepPlan, profiles: readonly PreparedScalars[]): Cohort[] {
  const cohorts = new Map<string, Cohort>()
  return plan.parameters.map((parameter, index) => {
    const { graph, profile, unit, clip, rows, columns, size } = parameter
    // Scalar slots are scalar inputs, and each parameter has its own.
    const isAlone = graph.slots.some((name) => graph.slotShapes[name] === 'scalar')
    const extents = readsExtents(graph) ? `${rows} ${columns} ${size}` : ''
    const key = `${profile},${unit},${clip},${extents},${isAlone ? index : ''}`
    let cohort = cohorts.get(key)
    if (!cohort) {
      const scalars = Object.assign(extentScalars({}, parameter), profiles[profile]!.scalars)
      cohorts.set(key, (cohort = { scalars, turn: 0, steps: 0 }))
    }
    return cohort
  })
}

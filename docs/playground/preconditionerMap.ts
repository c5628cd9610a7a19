import {
  algebra,
  type Expr,
  type Preconditioner,
  type PreconditionerOutput,
  type Transformation,
} from '@induced-metric/core'

const { abs, add, div, greater, select, square } = algebra

/** The slot in which a base keeps the diagonal of its P; no base has one of this name. */
const slotName = 'playgroundMap'

/** Far below every gradient of the playground, and its square is still a normal number. */
const tiny = 1e-140

/** A transformation whose optimisers take the same steps as another's, and show their P. */
export interface ShowingMap {
  readonly transformation: Transformation
  /** Whether P is a linear map, as the core is told. Known once an optimiser has been created. */
  isLinear(): boolean
}

/**
 * The diagonal of P, element by element, from what a base returns to the core.
 *
 * Where P is linear, the base returns g·Pg, so P is g·Pg / g². A base whose step has a length of its own (Lion, Signum, Tiger, Rprop,
 * Adam-atan2) has no linear P. The core then measures s along its direction d, as ⟨x̂, d⟩ where g = x̂: that is the s of P = diag(d/x̂), the
 * diagonal map that takes the average of the gradients to the step.
 */
function mapOf({ dual, direction, average }: PreconditionerOutput, gradient: Expr): Expr {
  return dual === undefined ? div(direction, average ?? gradient) : div(dual, square(gradient))
}

/** Makes a transformation keep its base's P in a slot, step by step: see {@link mapIn}. */
export function showMap(transformation: Transformation): ShowingMap {
  const { settings } = transformation
  const { definition } = settings.base
  let isLinear = false
  const base: Preconditioner = {
    ...settings.base,
    definition: {
      ...definition,
      update(given) {
        const update = definition.update(given)
        // P is also known where an element of g is 0: it is read off a gradient that is tiny there. The step is the given gradient's.
        const gradient = select(greater(abs(given.gradient), 0), given.gradient, add(tiny, given.gradient))
        const nudged = definition.update({ ...given, gradient } as typeof given)
        isLinear = nudged.dual !== undefined
        given.slot(slotName)
        return { ...update, slots: { ...update.slots, [slotName]: mapOf(nudged, gradient) } }
      },
    },
  }
  return {
    transformation: { ...transformation, settings: { ...settings, base } },
    isLinear: () => isLinear,
  }
}

/** The diagonal of P in the step that was taken last, from the slots of a parameter: a view, which the next step overwrites. */
export function mapIn(slots: Readonly<Record<string, ArrayLike<number>>>): ArrayLike<number> {
  return slots[slotName]!
}

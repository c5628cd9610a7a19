import {
  adagrad,
  adam,
  checkCheckpoint,
  checkParameterState,
  decodeCheckpoint,
  heavyBall,
  InducedMetricError,
  lion,
  rmsprop,
  sgd,
  sizeOf,
  type Checkpoint,
  type ParameterInfo,
  type Transformation,
} from '@induced-metric/core'

// A small network spends its steps on calls, not on numbers. Where a transformation does the same to every scalar,
// wherever it stands, all tensors can be one; only checkpoints have to tell them apart.

const elementwise: ReadonlySet<unknown> = new Set(
  [sgd, heavyBall, rmsprop, adagrad, adam, lion].map(({ definition }) => definition),
)

/** Whether it is all the same to a transformation which tensor a scalar is in. */
export function isElementwise({ settings, groups, metricScope }: Transformation): boolean {
  return (
    metricScope === 'global' &&
    Object.keys(groups).length === 0 &&
    elementwise.has(settings.base.definition) &&
    (settings.weightDecay === 0 || settings.decayMask === 'all')
  )
}

/** The one parameter that stands for all. */
export const joinedName = 'network'

/** Takes the state of all tensors as one apart. */
export function splitCheckpoint(joined: Checkpoint, parameters: readonly ParameterInfo[]): Checkpoint {
  const whole = joined.parameters[0]!
  let start = 0
  return {
    ...joined,
    parameters: parameters.map(({ name, shape }) => {
      const end = start + sizeOf(shape)
      const slots = Object.entries(whole.slots).map(([slot, data]) => [slot, data.slice(start, end)] as const)
      start = end
      return {
        name,
        shape: [...shape],
        dtype: whole.dtype,
        steps: whole.steps,
        slots: Object.fromEntries(slots),
      }
    }),
  }
}

/**
 * Puts the states of all tensors together as one.
 *
 * @returns `undefined` where the tensors have not been updated equally often: those have to be told apart
 * @throws ERR_CHECKPOINT when the checkpoint is not one of these parameters
 */
export function joinCheckpoint(
  given: Checkpoint | Uint8Array,
  parameters: readonly ParameterInfo[],
  slots: readonly string[],
): Checkpoint | undefined {
  const checkpoint = given instanceof Uint8Array ? decodeCheckpoint(given) : given
  checkCheckpoint(checkpoint)
  const states = parameters.map(({ name, shape }) => {
    const state = checkpoint.parameters.find((candidate) => candidate.name === name)
    if (state === undefined) {
      throw new InducedMetricError(
        'ERR_CHECKPOINT',
        `the checkpoint has no parameter ${JSON.stringify(name)}`,
      )
    }
    checkParameterState(state, { name, shape, dtype: 'float32', slots })
    return state
  })
  if (checkpoint.parameters.length !== states.length) {
    const known = new Set(parameters.map(({ name }) => name))
    const unknown = checkpoint.parameters.map(({ name }) => name).filter((name) => !known.has(name))
    throw new InducedMetricError(
      'ERR_CHECKPOINT',
      `the checkpoint has parameters unknown here: ${unknown.join(', ')}`,
    )
  }
  const { steps } = states[0]!
  if (states.some((state) => state.steps !== steps)) return undefined

  const size = parameters.reduce((total, { shape }) => total + sizeOf(shape), 0)
  const joined = slots.map((slot) => {
    const data = new Float32Array(size)
    let start = 0
    for (const state of states) {
      data.set(state.slots[slot]!, start)
      start += state.slots[slot]!.length
    }
    return [slot, data] as const
  })
  return {
    ...checkpoint,
    parameters: [
      { name: joinedName, shape: [size], dtype: 'float32', steps, slots: Object.fromEntries(joined) },
    ],
  }
}

import { elementType, type ElementType, type TypedArray } from '../dtype.js'
import { checkpointError, show } from '../errors.js'
import { sizeOf } from '../shape.js'
import type { Accumulated } from '../step/accumulation.js'

/** The state of one metric unit. */
export interface UnitState {
  /** '' for the default group, else a group's label or a parameter's name. */
  readonly key: string
  /** v, the running average of s before its bias correction. */
  readonly average: number
  /** The number of steps averaged. */
  readonly steps: number
  /** Other numbers that its metric keeps, by name: averages of losses, of a floor that follows or an averaged model. */
  readonly values?: Readonly<Record<string, number>>
}

/** The state that a base keeps once for parameters with the same options. */
export interface ProfileState {
  /** The label of their group, '' for the default group; with ' (fallback)' after it for the group's fallback. */
  readonly key: string
  /** The number of steps that updated any of them. */
  readonly steps: number
  /** The shared scalars of the base, by name. */
  readonly values: Readonly<Record<string, number>>
}

/** The state of one parameter. */
export interface ParameterState {
  readonly name: string
  readonly shape: readonly number[]
  /** The element type of its slots. */
  readonly dtype: ElementType
  /** The number of steps that updated it. */
  readonly steps: number
  /** Arrays by slot name: of the parameter's size, unless `slotShapes` says otherwise. */
  readonly slots: Readonly<Record<string, TypedArray>>
  /** The shapes of slots that do not have the parameter's. */
  readonly slotShapes?: SlotShapes
}

/** Shapes by slot name. */
type SlotShapes = Readonly<Record<string, readonly number[]>>

/**
 * Everything that an optimiser keeps from step to step. It does not hold the parameters: the framework saves those. A
 * checkpoint resumes in every adapter.
 */
export interface Checkpoint {
  readonly format: 'induced-metric-checkpoint'
  readonly version: 1
  /** Structural hash of the transformation: the bases and the scope of the metric. */
  readonly hash: string
  /** The number of steps taken. */
  readonly step: number
  /** The number of steps skipped. */
  readonly skippedSteps: number
  /** The learning rate that was set while training ran; absent where it is the transformation's. */
  readonly learningRate?: number
  /**
   * The calls of `step` that wait for the rest of their update, where the transformation accumulates and there are any:
   * their number, and the sum of their losses (`null` if it is not finite, absent if a loss is unknown). The sums of their
   * gradients are slots named `accumulatedGradient`.
   */
  readonly accumulated?: { readonly calls: number; readonly loss?: number | null }
  readonly units: readonly UnitState[]
  /** Absent where no base keeps anything for several parameters. */
  readonly profiles?: readonly ProfileState[]
  readonly parameters: readonly ParameterState[]
}

/** A checkpoint's header: everything but the arrays, of which it has the names. */
export interface Header extends Omit<Checkpoint, 'parameters'> {
  readonly parameters: readonly (Omit<ParameterState, 'slots'> & { readonly slots: readonly string[] })[]
}

/** What a checkpoint is put together from. */
export interface SavedState extends Omit<Checkpoint, 'format' | 'version' | 'learningRate' | 'accumulated'> {
  readonly learningRate?: number | undefined
  readonly accumulated?: Accumulated | undefined
}

/** Puts a checkpoint together. A learning rate that is `undefined` is left out. */
export function composeCheckpoint({
  hash,
  step,
  skippedSteps,
  learningRate,
  accumulated,
  units,
  profiles = [],
  parameters,
}: SavedState): Checkpoint {
  return {
    format: 'induced-metric-checkpoint',
    version: 1,
    hash,
    step,
    skippedSteps,
    ...(learningRate !== undefined && { learningRate }),
    ...(accumulated !== undefined && accumulated.calls > 0 && { accumulated: savedCalls(accumulated) }),
    units,
    ...(profiles.length > 0 && { profiles }),
    parameters,
  }
}

function savedCalls({ calls, loss }: Accumulated): NonNullable<Checkpoint['accumulated']> {
  // JSON has no word for NaN.
  return { calls, ...(loss !== undefined && { loss: Number.isFinite(loss) ? loss : null }) }
}

/** The calls that wait for the rest of their update; `undefined` if there are none. */
export function callsIn({ accumulated }: Pick<Checkpoint, 'accumulated'>): Accumulated | undefined {
  return accumulated && { calls: accumulated.calls, loss: accumulated.loss === null ? NaN : accumulated.loss }
}

/**
 * Checks that a value has the form of a checkpoint. It does not look into its arrays: {@link checkParameterState} does.
 *
 * @throws ERR_CHECKPOINT if it does not
 */
export function checkCheckpoint(value: unknown): asserts value is Checkpoint {
  checkHeader(value, (slots) => typeof slots === 'object' && slots !== null)
}

/**
 * Checks that a parameter's saved state fits the parameter.
 *
 * @throws ERR_CHECKPOINT naming the parameter and the difference
 */
export function checkParameterState(
  state: ParameterState,
  expected: {
    name: string
    shape: readonly number[]
    dtype: ElementType
    slots: readonly string[]
    slotShapes?: SlotShapes | undefined
  },
): void {
  const name = show(expected.name)
  if (state.shape.join() !== expected.shape.join()) {
    throw checkpointError(
      `parameter ${name} has shape [${expected.shape.join(', ')}], in the checkpoint [${state.shape.join(', ')}]`,
    )
  }
  const slots = [...expected.slots].sort().join(', ')
  const saved = Object.keys(state.slots).sort().join(', ')
  if (slots !== saved) {
    throw checkpointError(`parameter ${name} keeps slots [${slots}], the checkpoint has [${saved}]`)
  }
  const shapeIn = (
    { shape, slotShapes }: Pick<ParameterState, 'shape'> & { slotShapes?: SlotShapes | undefined },
    slot: string,
  ) => (slotShapes && Object.hasOwn(slotShapes, slot) ? slotShapes[slot]! : shape)
  for (const [slot, data] of Object.entries(state.slots)) {
    const shape = shapeIn(expected, slot)
    const savedShape = shapeIn(state, slot)
    if (shape.join() !== savedShape.join()) {
      throw checkpointError(
        `slot ${slot} of ${name} has shape [${shape.join(', ')}], in the checkpoint [${savedShape.join(', ')}]`,
      )
    }
    const size = sizeOf(shape)
    if (elementType(data) !== expected.dtype) {
      throw checkpointError(
        `slot ${slot} of ${name} must be ${expected.dtype}, the checkpoint has ${show(data)}`,
      )
    }
    if (data.length !== size) {
      throw checkpointError(`slot ${slot} of ${name} has ${size} elements, in the checkpoint ${data.length}`)
    }
  }
}

/**
 * Checks a checkpoint but for its arrays.
 *
 * @param isSlots checks a parameter's `slots`, which are arrays in a checkpoint and names in a header
 */
export function checkHeader(value: unknown, isSlots: (slots: unknown) => boolean): void {
  const header = value as Partial<Header> | null | undefined
  if (header?.format !== 'induced-metric-checkpoint')
    throw checkpointError(
      `expected a checkpoint, as save() returns, or its bytes in a Uint8Array; given ${show(value)}`,
    )
  if (header.version !== 1) {
    throw checkpointError(`the checkpoint has version ${show(header.version)}; this release reads version 1`)
  }
  if (typeof header.hash !== 'string') throw checkpointError('the checkpoint has no structural hash')
  if (!isCount(header.step) || !isCount(header.skippedSteps))
    throw checkpointError('the checkpoint has no valid step count')
  const rate: unknown = header.learningRate
  if (rate !== undefined && !(typeof rate === 'number' && Number.isFinite(rate) && rate >= 0))
    throw checkpointError(`the checkpoint has an invalid learning rate, ${show(rate)}`)
  if (header.accumulated !== undefined && !areCalls(header.accumulated))
    throw checkpointError('the checkpoint has an invalid count of accumulated gradients')
  if (!Array.isArray(header.units) || !Array.isArray(header.parameters)) {
    throw checkpointError('the checkpoint has no list of metric units or of parameters')
  }
  checkUnique('metric units', header.units, 'key')
  checkUnique('parameters', header.parameters, 'name')
  checkUnits(header.units)
  checkProfiles(header.profiles ?? [])
  checkParameters(header.parameters, isSlots)
}

function checkUnits(units: readonly Partial<UnitState>[]): void {
  for (const unit of units) {
    const isValid =
      typeof unit?.key === 'string' &&
      isCount(unit.steps) &&
      Number.isFinite(unit.average) &&
      unit.average! >= 0 &&
      areNumbers(unit.values ?? {})
    if (!isValid) throw checkpointError('the checkpoint has an invalid metric average')
  }
}

function checkProfiles(profiles: readonly Partial<ProfileState>[]): void {
  if (!Array.isArray(profiles)) throw checkpointError('the checkpoint has no valid list of profiles')
  checkUnique('profiles', profiles, 'key')
  for (const profile of profiles as readonly Partial<ProfileState>[]) {
    const isValid = typeof profile?.key === 'string' && isCount(profile.steps) && areNumbers(profile.values)
    if (!isValid) throw checkpointError('the checkpoint has invalid shared scalars of a base')
  }
}

function checkParameters(
  parameters: readonly Partial<Header['parameters'][number]>[],
  isSlots: (slots: unknown) => boolean,
): void {
  for (const parameter of parameters) {
    const isValid =
      typeof parameter?.name === 'string' &&
      Array.isArray(parameter.shape) &&
      parameter.shape.every(isCount) &&
      Number.isSafeInteger(sizeOf(parameter.shape)) &&
      (parameter.dtype === 'float32' || parameter.dtype === 'float64') &&
      isCount(parameter.steps) &&
      isSlots(parameter.slots) &&
      areShapes(parameter.slotShapes)
    if (!isValid) {
      throw checkpointError(`the checkpoint has an invalid entry for parameter ${show(parameter?.name)}`)
    }
  }
}

function areCalls(given: unknown): boolean {
  const { calls, loss } = (given ?? {}) as NonNullable<Checkpoint['accumulated']>
  return isCount(calls) && calls > 0 && (loss === undefined || loss === null || Number.isFinite(loss))
}

/** Whether a value is a record of shapes, or `undefined`. */
function areShapes(shapes: unknown): boolean {
  if (shapes === undefined) return true
  return (
    typeof shapes === 'object' &&
    shapes !== null &&
    Object.values(shapes).every(
      (shape) =>
        Array.isArray(shape) && shape.every(isCount) && Number.isSafeInteger(sizeOf(shape as number[])),
    )
  )
}

function isCount(count: unknown): boolean {
  return Number.isSafeInteger(count) && (count as number) >= 0
}

function areNumbers(values: unknown): boolean {
  return typeof values === 'object' && values !== null && Object.values(values).every(Number.isFinite)
}

function checkUnique(what: string, entries: readonly unknown[], label: string): void {
  const labels = entries.map((entry) => (entry as Readonly<Record<string, unknown>> | null)?.[label])
  const twice = labels.find((value, i) => labels.indexOf(value) !== i)
  if (twice !== undefined) throw checkpointError(`the checkpoint has two ${what} named ${show(twice)}`)
}

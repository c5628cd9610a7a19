import { elementType, type ElementType, type TypedArray } from '../dtype.js'
import { InducedMetricError, show } from '../errors.js'
import { sizeOf } from '../shape.js'

/** The state of one metric unit. */
export interface UnitState {
  /** '' for the default group, else a group's label or a parameter's name. */
  readonly key: string
  /** v, the running average of s before its bias correction. */
  readonly average: number
  /** Number of steps averaged. */
  readonly steps: number
  /** Other numbers that its metric keeps, by name: averages of losses, of a floor that follows or an averaged model. */
  readonly values?: Readonly<Record<string, number>>
}

/** The state of one parameter. */
export interface ParameterState {
  readonly name: string
  readonly shape: readonly number[]
  /** Element type of its slots. */
  readonly dtype: ElementType
  /** Number of steps that updated it. */
  readonly steps: number
  /** Arrays of the parameter's size, by slot name. */
  readonly slots: Readonly<Record<string, TypedArray>>
}

/**
 * All that an optimiser keeps from step to step. It does not hold the parameters: the framework saves those. The same
 * checkpoint resumes in every adapter.
 */
export interface Checkpoint {
  readonly format: 'induced-metric-checkpoint'
  readonly version: 1
  /** Structural hash of the transformation: the bases and the scope of the metric. */
  readonly hash: string
  /** Number of steps taken. */
  readonly step: number
  /** Number of steps skipped. */
  readonly skippedSteps: number
  /** The learning rate that was set while training ran; absent where it is the transformation's. */
  readonly learningRate?: number
  readonly units: readonly UnitState[]
  readonly parameters: readonly ParameterState[]
}

export interface Header extends Omit<Checkpoint, 'parameters'> {
  readonly parameters: readonly (Omit<ParameterState, 'slots'> & { readonly slots: readonly string[] })[]
}

/**
 * Checks that a value has the form of a checkpoint; what does not concern its arrays, which their reader checks.
 *
 * @throws ERR_CHECKPOINT when it has not
 */
export function checkCheckpoint(value: unknown): asserts value is Checkpoint {
  checkHeader(value, (slots) => typeof slots === 'object' && slots !== null)
}

/**
 * Checks that a parameter's saved state fits the parameter.
 *
 * @throws ERR_CHECKPOINT naming the parameter and what differs
 */
export function checkParameterState(
  state: ParameterState,
  expected: {
    name: string
    shape: readonly number[]
    dtype: ElementType
    slots: readonly string[]
  },
): void {
  const name = show(expected.name)
  if (state.shape.join() !== expected.shape.join()) {
    throw broken(
      `parameter ${name} has shape [${expected.shape.join(', ')}], in the checkpoint [${state.shape.join(', ')}]`,
    )
  }
  const slots = [...expected.slots].sort().join(', ')
  const saved = Object.keys(state.slots).sort().join(', ')
  if (slots !== saved) throw broken(`parameter ${name} keeps slots [${slots}], the checkpoint has [${saved}]`)
  for (const [slot, data] of Object.entries(state.slots)) {
    if (elementType(data) !== expected.dtype) {
      throw broken(`slot ${slot} of ${name} must be ${expected.dtype}, the checkpoint has ${show(data)}`)
    }
    if (data.length !== sizeOf(expected.shape)) {
      throw broken(
        `slot ${slot} of ${name} has ${sizeOf(expected.shape)} elements, in the checkpoint ${data.length}`,
      )
    }
  }
}

export function checkHeader(value: unknown, isSlots: (slots: unknown) => boolean): void {
  const header = value as Partial<Header> | null | undefined
  const isCount = (count: unknown): boolean => Number.isSafeInteger(count) && (count as number) >= 0
  if (header?.format !== 'induced-metric-checkpoint')
    throw broken(`expected a checkpoint, given ${show(value)}`)
  if (header.version !== 1)
    throw broken(`the checkpoint has version ${show(header.version)}; this release reads version 1`)
  if (typeof header.hash !== 'string') throw broken('the checkpoint has no structural hash')
  if (!isCount(header.step) || !isCount(header.skippedSteps))
    throw broken('the checkpoint has no valid step count')
  const rate: unknown = header.learningRate
  if (rate !== undefined && !(typeof rate === 'number' && Number.isFinite(rate) && rate >= 0))
    throw broken(`the checkpoint has an invalid learning rate, ${show(rate)}`)
  if (!Array.isArray(header.units) || !Array.isArray(header.parameters)) {
    throw broken('the checkpoint has no list of metric units or of parameters')
  }
  checkUnique('metric units', header.units, 'key')
  checkUnique('parameters', header.parameters, 'name')
  for (const unit of header.units as readonly Partial<UnitState>[]) {
    if (
      typeof unit?.key !== 'string' ||
      !isCount(unit.steps) ||
      !Number.isFinite(unit.average) ||
      unit.average! < 0 ||
      !areNumbers(unit.values ?? {})
    ) {
      throw broken('the checkpoint has an invalid metric average')
    }
  }
  for (const parameter of header.parameters as readonly Partial<Header['parameters'][number]>[]) {
    const valid =
      typeof parameter?.name === 'string' &&
      Array.isArray(parameter.shape) &&
      parameter.shape.every(isCount) &&
      Number.isSafeInteger(sizeOf(parameter.shape)) &&
      (parameter.dtype === 'float32' || parameter.dtype === 'float64') &&
      isCount(parameter.steps) &&
      isSlots(parameter.slots)
    if (!valid) throw broken(`the checkpoint has an invalid entry for parameter ${show(parameter?.name)}`)
  }
}

function areNumbers(values: unknown): boolean {
  return typeof values === 'object' && values !== null && Object.values(values).every(Number.isFinite)
}

/** A list of different strings. */
export function isNameList(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((name) => typeof name === 'string') &&
    new Set(value).size === value.length
  )
}

function checkUnique(what: string, entries: readonly unknown[], label: string): void {
  const labels = entries.map((entry) => (entry as Readonly<Record<string, unknown>> | null)?.[label])
  const twice = labels.find((value, i) => labels.indexOf(value) !== i)
  if (twice !== undefined) throw broken(`the checkpoint has two ${what} named ${show(twice)}`)
}

export function broken(message: string): InducedMetricError {
  return new InducedMetricError('ERR_CHECKPOINT', message)
}

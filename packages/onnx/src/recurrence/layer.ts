import type { LoweringContext } from '../rewrite/nodeContext.js'
import type { Extent } from '../rewrite/valueTypes.js'
import { zerosOf } from '../rewrite/operations.js'
import type { Emitter } from './activations.js'
import { slots, type Recurrence } from './read.js'

/** The number of elements along an axis: known, or the name of a list of one. */
type Length = number | string

/** What the directions of a layer share, with the time as the first axis of every sequence and the batch the second. */
export interface Layer extends Emitter {
  readonly context: LoweringContext
  readonly recurrence: Recurrence
  /** [time, batch, inputs] */
  readonly x: string
  /** [time · batch, inputs] */
  readonly rows: string
  readonly time: Length
  readonly batch: Length
  /** What `sequence_lens` says about every step of every sequence; `undefined` without it. */
  readonly mask: Mask | undefined
  /** A shape of these extents. */
  readonly dims: (...extents: readonly Length[]) => string
  /** [time · batch, n] to [time, batch, n] */
  readonly steps: (rows: string, columns: number) => string
}

/** Which steps of padded sequences count. */
export interface Mask {
  /** bool, [time, batch, 1]: whether the sequence has not ended. */
  readonly valid: string
  /** The same, as numbers. */
  readonly counts: string
  /** bool, [time, batch, 1]: whether this is the last step of the sequence. */
  readonly last: string
  /** Numbers, [batch, 1]: 0 for sequences without any step. */
  readonly nonempty: string
}

/** Reads the inputs that the directions of a layer share. */
export function createLayer(context: LoweringContext, recurrence: Recurrence): Layer {
  const { emit, ints, reals, required, typeOf } = context
  const given = required(slots.x)
  const { isBatchFirst, type } = recurrence
  const x = isBatchFirst ? emit('Transpose', [given], { perm: [1, 0, 2] }) : given
  const lengthOf = (axis: number): Length => {
    const extent: Extent = typeOf(given).shape?.[axis]
    return typeof extent === 'number'
      ? extent
      : emit('Slice', [emit('Shape', [given]), ints([axis]), ints([axis + 1])])
  }
  const [time, batch] = isBatchFirst ? [lengthOf(1), lengthOf(0)] : [lengthOf(0), lengthOf(1)]
  const dims: Layer['dims'] = (...extents) => {
    if (extents.every((extent) => typeof extent === 'number')) return ints(extents)
    const parts = extents.map((extent) => (typeof extent === 'number' ? ints([extent]) : extent))
    return emit('Concat', parts, { axis: 0 })
  }
  const real = (value: number): string => reals([value], type)
  return {
    context,
    recurrence,
    emit,
    real,
    x,
    rows: emit('Flatten', [x], { axis: 2 }),
    time,
    batch,
    dims,
    steps: (rows, columns) => emit('Reshape', [rows, dims(time, batch, columns)]),
    mask: maskOf(context, time, real),
  }
}

function maskOf(context: LoweringContext, time: Length, real: Emitter['real']): Mask | undefined {
  const { emit, ints, int, input } = context
  const given = input(slots.lengths)
  if (given === undefined) return undefined
  const lengths = emit('Unsqueeze', [emit('Cast', [given], { to: 7 }), ints([1])])
  const end = typeof time === 'number' ? int(time) : emit('Squeeze', [time, ints([0])])
  const at = emit('Unsqueeze', [emit('Range', [int(0), end, int(1)]), ints([1, 2])])
  const numbers = (condition: string): string => emit('Where', [condition, real(1), real(0)])
  const valid = emit('Less', [at, lengths])
  return {
    valid,
    counts: numbers(valid),
    last: emit('Equal', [at, emit('Sub', [lengths, int(1)])]),
    nonempty: numbers(emit('Greater', [lengths, int(0)])),
  }
}

/** Takes the part of a value that belongs to a direction. */
export function partOf(layer: Layer, value: string, direction: number, axis: number): string {
  const { context, recurrence } = layer
  const { emit, int, ints } = context
  return recurrence.directions.length === 1
    ? emit('Squeeze', [value, ints([axis])])
    : emit('Gather', [value, int(direction)], { axis })
}

/** Joins the parts of the directions along a new axis. */
export function joined(layer: Layer, parts: readonly string[], axis: number): string {
  const { emit, ints } = layer.context
  const columns = parts.map((part) => emit('Unsqueeze', [part, ints([axis])]))
  return columns.length === 1 ? columns[0]! : emit('Concat', columns, { axis })
}

/** An initial state of a direction, [batch, hidden]: given, or 0. */
export function initialState(layer: Layer, slot: number, direction: number): string {
  const { context, recurrence, dims, batch } = layer
  const given = context.input(slot)
  if (given === undefined) return zerosOf(context, dims(batch, recurrence.hidden), recurrence.type)
  return partOf(layer, given, direction, recurrence.isBatchFirst ? 1 : 0)
}

/** The two biases of a direction, each [gates · hidden]. */
export function biasesOf(layer: Layer, direction: number): readonly [string, string] | undefined {
  const { context, recurrence } = layer
  const given = context.input(slots.b)
  if (given === undefined) return undefined
  const size = recurrence.gates * recurrence.hidden
  const both = partOf(layer, given, direction, 0)
  const half = (index: number): string => columnsOf(layer, both, index * size, size, 0)
  return [half(0), half(1)]
}

/** Takes columns of [rows, columns]. */
export function columnsOf(
  layer: Emitter & Pick<Layer, 'context'>,
  value: string,
  from: number,
  count: number,
  axis = 1,
): string {
  const { ints } = layer.context
  return layer.emit('Slice', [value, ints([from]), ints([from + count]), ints([axis])])
}

import { create } from '@bufbuild/protobuf'
import { AttributeProtoSchema, dataType, type AttributeValue, type Model } from '../../src/proto/index.js'
import { drawn, single, tensor, type Operand, type Tensor } from './harness.js'

// Recurrent layers for tests: a model of one, and inputs for it.

export type Kind = 'LSTM' | 'GRU' | 'RNN'

const gates: Readonly<Record<Kind, number>> = { LSTM: 4, GRU: 3, RNN: 1 }
/** The number of activations of a direction. */
export const functions: Readonly<Record<Kind, number>> = { LSTM: 3, GRU: 2, RNN: 1 }

export interface Layer {
  readonly kind: Kind
  readonly direction: 'forward' | 'reverse' | 'bidirectional'
  readonly time: number
  readonly batch: number
  readonly inputs: number
  readonly hidden: number
  readonly hasBias: boolean
  readonly hasInitial: boolean
  readonly hasPeepholes?: boolean
  readonly lengths: readonly number[] | undefined
  readonly isBatchFirst: boolean
  /** Which of Y, Y_h and Y_c the model has. */
  readonly outputs: readonly boolean[]
  readonly attributes: Readonly<Record<string, AttributeValue>>
  readonly opset: number
  /** Whether the extents of the sequences are symbols. */
  readonly isOpen: boolean
  readonly type: number
  readonly seed: number
}

export const plain: Layer = {
  kind: 'LSTM',
  direction: 'forward',
  time: 4,
  batch: 3,
  inputs: 2,
  hidden: 3,
  hasBias: true,
  hasInitial: true,
  lengths: undefined,
  isBatchFirst: false,
  outputs: [true, true, true],
  attributes: {},
  opset: 17,
  isOpen: false,
  type: dataType.double,
  seed: 1,
}

/** An attribute of texts. */
export function texts(...values: readonly string[]): AttributeValue {
  const strings = values.map((value) => new TextEncoder().encode(value))
  return create(AttributeProtoSchema, { type: 8, strings })
}

/** An attribute of real numbers. */
export function reals(...values: readonly number[]): AttributeValue {
  return create(AttributeProtoSchema, { type: 6, floats: [...values] })
}

function directionsOf({ direction }: Pick<Layer, 'direction'>): number {
  return direction === 'bidirectional' ? 2 : 1
}

/** A model of the layer. Its inputs are called x, w, r, b, lengths, h, c and p; its outputs y, yh and yc. */
export function modelOf(layer: Layer): Model {
  const { kind, isOpen, isBatchFirst, outputs, opset } = layer
  const tensors = inputsOf(layer)
  const open = isBatchFirst ? ['batch', 'time'] : ['time', 'batch']
  const operand = (name: string): readonly [string, Operand | undefined] => {
    const given = tensors[name]
    if (given === undefined) return ['', undefined]
    const dims = name === 'x' && isOpen ? [...open, given.dims[2]!] : given.dims
    const isState = (name === 'h' || name === 'c') && isOpen
    return [name, { dims: isState ? given.dims.map((_, i) => `${name}${i}`) : dims, type: given.dataType }]
  }
  const names = ['x', 'w', 'r', 'b', 'lengths', 'h', ...(kind === 'LSTM' ? ['c', 'p'] : [])]
  return single(
    kind,
    names.map((name) => {
      const [given, made] = operand(name)
      return [given, made && given === 'lengths' && isOpen ? { ...made, dims: ['batch'] } : made] as const
    }),
    {
      hidden_size: layer.hidden,
      direction: layer.direction,
      ...(isBatchFirst && { layout: 1 }),
      ...layer.attributes,
    },
    {
      opset,
      outputs: ['y', 'yh', ...(kind === 'LSTM' ? ['yc'] : [])].map((name, i) => (outputs[i] ? name : '')),
    },
  )
}

/** Random-looking inputs of the layer. */
export function inputsOf(layer: Layer): Record<string, Tensor> {
  const { kind, time, batch, inputs, hidden, hasBias, hasInitial, lengths, isBatchFirst, type, seed } = layer
  const [directions, rows] = [directionsOf(layer), gates[kind] * hidden]
  const draw = (dims: readonly number[], place: number, bound = 1): Tensor =>
    drawn(dims, 13 * seed + place, { low: -bound, high: bound, type })
  const state = isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
  return {
    x: draw(isBatchFirst ? [batch, time, inputs] : [time, batch, inputs], 1),
    w: draw([directions, rows, inputs], 2),
    r: draw([directions, rows, hidden], 3),
    ...(hasBias && { b: draw([directions, 2 * rows], 4) }),
    ...(lengths && { lengths: tensor([batch], lengths, dataType.int32) }),
    ...(hasInitial && { h: draw(state, 5) }),
    ...(hasInitial && kind === 'LSTM' && { c: draw(state, 6) }),
    ...(layer.hasPeepholes === true && { p: draw([directions, 3 * hidden], 7) }),
  }
}

/** The extents of the layer's outputs, by their names. */
export function outputsOf(layer: Layer): Record<string, number[]> {
  const { kind, time, batch, hidden, isBatchFirst, outputs } = layer
  const directions = directionsOf(layer)
  const state = isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
  const all = {
    y: isBatchFirst ? [batch, time, directions, hidden] : [time, directions, batch, hidden],
    yh: state,
    ...(kind === 'LSTM' && { yc: state }),
  }
  return Object.fromEntries(Object.entries(all).filter((_, i) => outputs[i]))
}

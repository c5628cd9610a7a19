import { attributeOf, intOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import type { NodeProto } from '../proto/onnx_pb.js'
import { activate, type Emitter } from '../recurrence/activations.js'
import {
  biasesOf,
  columnsOf,
  createLayer,
  initialState,
  joined,
  partOf,
  type Layer,
} from '../recurrence/layer.js'
import { readRecurrence, slots, type Direction, type RecurrentKind } from '../recurrence/read.js'
import { emitScan } from '../recurrence/scan.js'
import type { LoweringContext, LoweringRule } from '../rewrite/nodeContext.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import { own } from '../own.js'

/** The new states of a step, first the hidden one. */
type Step = (emitter: Emitter, states: readonly string[], projected: string) => readonly string[]

/** What a step needs of its direction. */
interface Cell {
  readonly layer: Layer
  readonly direction: Direction
  /** The recurrent weights, [hidden, gates · hidden]. */
  readonly weights: string
  /** GRU that resets after the product: the recurrent biases. */
  readonly bias: string | undefined
}

/** C = f ⊙ C + i ⊙ g and H = o ⊙ h(C), with the gates in the order i, o, f, c. */
function lstmStep({ layer, direction, weights }: Cell): Step {
  const { clip, hidden, isCoupled } = layer.recurrence
  const [f, g, h] = direction.activations
  return (emitter, [before, memory], projected) => {
    const { emit, real } = emitter
    const columns = (value: string, from: number, count = 1): string =>
      columnsOf({ ...emitter, context: layer.context }, value, from * hidden, count * hidden)
    const sum = emit('Add', [projected, emit('MatMul', [before, weights])])
    const gates = activate(emitter, f!, columns(sum, 0, 3), clip).value
    const candidate = activate(emitter, g!, columns(sum, 3), clip).value
    const i = columns(gates, 0)
    const forget = isCoupled ? emit('Sub', [real(1), i]) : columns(gates, 2)
    const next = emit('Add', [emit('Mul', [forget, memory]), emit('Mul', [i, candidate])])
    const shown = activate(emitter, h!, next, undefined).value
    return [emit('Mul', [columns(gates, 1), shown]), next]
  }
}

/** H = (1 − z) ⊙ g + z ⊙ H, with the gates in the order z, r, h. */
function gruStep({ layer, direction, weights, bias }: Cell): Step {
  const { clip, hidden, resetsAfter } = layer.recurrence
  const [f, g] = direction.activations
  const split = (value: string): readonly [string, string] => [
    columnsOf(layer, value, 0, 2 * hidden),
    columnsOf(layer, value, 2 * hidden, hidden),
  ]
  const [gateWeights, resetWeights] = split(weights)
  return (emitter, [before], projected) => {
    const { emit, real } = emitter
    const columns = (value: string, from: number, count: number): string =>
      columnsOf({ ...emitter, context: layer.context }, value, from * hidden, count * hidden)
    const [gateSum, candidateSum] = [columns(projected, 0, 2), columns(projected, 2, 1)]
    const activated = (sum: string): readonly [string, string] => {
      const { value } = activate(emitter, f!, emit('Add', [gateSum, sum]), clip)
      return [columns(value, 0, 1), columns(value, 1, 1)]
    }
    const finish = (z: string, recurrent: string): readonly string[] => {
      const candidate = activate(emitter, g!, emit('Add', [candidateSum, recurrent]), clip).value
      const fresh = emit('Mul', [emit('Sub', [real(1), z]), candidate])
      return [emit('Add', [fresh, emit('Mul', [z, before])])]
    }
    if (!resetsAfter) {
      const [z, r] = activated(emit('MatMul', [before, gateWeights]))
      return finish(z, emit('MatMul', [emit('Mul', [r, before]), resetWeights]))
    }
    const product = emit('MatMul', [before, weights])
    const all = bias === undefined ? product : emit('Add', [product, bias])
    const [z, r] = activated(columns(all, 0, 2))
    return finish(z, emit('Mul', [r, columns(all, 2, 1)]))
  }
}

/** H = f(x·Wᵀ + H·Rᵀ + b). */
function rnnStep({ layer, direction, weights }: Cell): Step {
  return (emitter, [before], projected) => {
    const sum = emitter.emit('Add', [projected, emitter.emit('MatMul', [before, weights])])
    return [activate(emitter, direction.activations[0]!, sum, layer.recurrence.clip).value]
  }
}

const steps: Readonly<Record<RecurrentKind, (cell: Cell) => Step>> = {
  LSTM: lstmStep,
  GRU: gruStep,
  RNN: rnnStep,
}

/** Writes a direction out: the hidden states, [time, batch, hidden], and the last states, [batch, hidden]. */
function writeDirection(
  layer: Layer,
  direction: Direction,
): { readonly all: string; readonly last: readonly string[] } {
  const { context, recurrence, emit, rows, real, mask } = layer
  const { kind, gates, hidden, resetsAfter } = recurrence
  const { index, isReverse } = direction
  const w = partOf(layer, context.required(slots.w), index, 0)
  const r = partOf(layer, context.required(slots.r), index, 0)
  const biases = biasesOf(layer, index)
  const bias = biases && (resetsAfter ? biases[0] : emit('Add', biases))
  const projected = layer.steps(emit('Gemm', [rows, w, bias], { transB: 1 }), gates * hidden)
  const weights = emit('Transpose', [r], { perm: [1, 0] })
  const step = steps[kind]({ layer, direction, weights, bias: resetsAfter ? biases?.[1] : undefined })
  const initial = [slots.initialH, slots.initialC]
    .slice(0, kind === 'LSTM' ? 2 : 1)
    .map((slot) => initialState(layer, slot, index))
  const { states, results } = emitScan(context, real, {
    states: initial,
    sequences: mask ? [projected, mask.valid] : [projected],
    isReverse,
    step(emitter, before, [slice, valid]) {
      const next = step(emitter, before, slice!)
      if (valid === undefined) return { states: next, results: [next[0]!] }
      const kept = next.map((state, i) => emitter.emit('Where', [valid, state, before[i]!]))
      return { states: kept, results: [emitter.emit('Where', [valid, next[0]!, emitter.real(0)])] }
    },
  })
  // The kernels give 0 for sequences without any step.
  const last = mask ? states.map((state) => emit('Mul', [state, mask.nonempty])) : states
  return { all: results[0]!, last }
}

function writeOut(context: LoweringContext, kind: RecurrentKind): void {
  const { emit, output } = context
  const recurrence = readRecurrence(context, kind)
  const layer = createLayer(context, recurrence)
  const made = recurrence.directions.map((direction) => writeDirection(layer, direction))
  const [all, ...last] = [0, 1, 2].map(output)
  const { isBatchFirst } = recurrence
  const give = (
    name: string | undefined,
    parts: readonly string[],
    axis: number,
    perm: readonly number[],
  ): void => {
    if (name === undefined) return
    const value = joined(layer, parts, axis)
    if (isBatchFirst) emit('Transpose', [value], { perm }, name)
    else emit('Identity', [value], {}, name)
  }
  give(
    all,
    made.map((direction) => direction.all),
    1,
    [2, 0, 1, 3],
  )
  last.forEach((name, i) =>
    give(
      name,
      made.map((direction) => direction.last[i]!),
      0,
      [1, 0, 2],
    ),
  )
}

/** Moves the batch behind the time, for the kernel. */
function turned(context: LoweringContext, kind: RecurrentKind): void {
  const { node, emit, emitAll, fresh, input } = context
  const before = new Set<number>([slots.x, slots.initialH, slots.initialC])
  const inputs = node.input.map((_, i) => {
    const given = input(i)
    return given !== undefined && before.has(i) ? emit('Transpose', [given], { perm: [1, 0, 2] }) : given
  })
  const outputs = node.output.map((name) => (name === '' ? '' : fresh(`${name}/steps`)))
  const attributes = node.attribute
    .filter(({ name }) => name !== 'layout')
    .map((given) => [given.name, given] as const)
  emitAll(kind, inputs, Object.fromEntries(attributes), outputs)
  outputs.forEach((made, i) => {
    if (made !== '') emit('Transpose', [made], { perm: i === 0 ? [2, 0, 1, 3] : [1, 0, 2] }, node.output[i])
  })
}

function row(kind: RecurrentKind): LoweringRule {
  return (context) => {
    const { type } = readRecurrence(context, kind)
    if (type === dataType.float) turned(context, kind)
    else writeOut(context, kind)
  }
}

/**
 * Recurrent layers that stock builds have no kernel for: those of double become a Scan of their steps, and those with
 * the batch first get transpositions.
 */
export const recurrent: Readonly<Record<RecurrentKind, LoweringRule>> = {
  LSTM: row('LSTM'),
  GRU: row('GRU'),
  RNN: row('RNN'),
}

/** Whether the stock runtime runs a node although the table has a row for its operator. */
export function runsAsIs(node: NodeProto, types: ValueTypes): boolean {
  if (own(recurrent, node.opType) === undefined) return false
  const isBatchFirst = attributeOf(node, 'layout') !== undefined && intOf(node, 'layout', 0) === 1
  const isDouble = node.input.slice(0, 3).some((name) => types.get(name).dataType === dataType.double)
  return !isBatchFirst && !isDouble
}

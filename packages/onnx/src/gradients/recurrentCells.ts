import { zerosOf } from '../rewrite/operations.js'
import { activate, type Emitter } from '../recurrence/activations.js'
import { columnsOf, type Layer } from '../recurrence/layer.js'
import type { Direction, RecurrentKind } from '../recurrence/read.js'
import { emitScan } from '../recurrence/scan.js'

/** A direction of a layer, and the gradients of its outputs. */
export interface Cell {
  readonly layer: Layer
  readonly direction: Direction
  /** [gates · hidden, inputs] */
  readonly w: string
  /** [gates · hidden, hidden] */
  readonly r: string
  readonly biases: readonly [string, string] | undefined
  /** The hidden states after each step, [time, batch, hidden], 0 in padding. */
  readonly states: string
  /** The states before the first step, [batch, hidden], first the hidden one. */
  readonly initial: readonly string[]
  /** The gradient of the hidden states; `undefined` if the loss does not depend on them. */
  readonly dY: string | undefined
  /** The gradients of the states after the last step. */
  readonly dLast: readonly string[]
}

/** The gradients inside a direction. */
export interface CellGradients {
  /** Of the products with the input weights, [time · batch, gates · hidden]. */
  readonly inner: string
  /** The same of the products with the recurrent weights, as far as biases are concerned. */
  readonly outer: string
  /** Of the recurrent weights. */
  readonly weights: () => string
  /** Of the initial states. */
  readonly initial: readonly string[]
}

/** A step of the walk back through time. */
interface BackwardStep {
  /** The gradient of the hidden state before the step, but for padding. */
  readonly before: string
  readonly others?: readonly string[]
  readonly results: readonly string[]
}

/** Walks back through time. The step gets the whole gradient of the hidden state after it, then the other states. */
function walkBack(
  { layer, direction, dY, dLast }: Cell,
  states: number,
  factors: readonly string[],
  step: (
    emitter: Emitter,
    after: string,
    others: readonly string[],
    factors: readonly string[],
  ) => BackwardStep,
): { readonly states: readonly string[]; readonly results: readonly string[] } {
  const { context, real, mask, emit } = layer
  const padding = mask && emit('Sub', [real(1), mask.counts])
  return emitScan(context, real, {
    states: dLast.slice(0, states),
    sequences: [...factors, dY, padding].filter((value) => value !== undefined),
    isReverse: !direction.isReverse,
    step(emitter, [later, ...others], slices) {
      const own = dY === undefined ? undefined : slices[factors.length]
      const after = own === undefined ? later! : emitter.emit('Add', [later, own])
      const made = step(emitter, after, others, slices)
      // Padding leaves the states as they are.
      const before = padding
        ? emitter.emit('Add', [made.before, emitter.emit('Mul', [after, slices.at(-1)])])
        : made.before
      return { states: [before, ...(made.others ?? [])], results: made.results }
    },
  })
}

/** The states before each step, [time, batch, hidden], from those after it. */
function previous({ layer, direction }: Cell, all: string, initial: string): string {
  const { emit, mask } = layer
  const { ints } = layer.context
  const start = emit('Unsqueeze', [initial, ints([0])])
  if (!direction.isReverse) {
    return emit('Concat', [start, emit('Slice', [all, ints([0]), ints([-1]), ints([0])])], { axis: 0 })
  }
  const rest = emit('Slice', [all, ints([1]), ints([2n ** 62n]), ints([0])])
  const moved = emit('Concat', [rest, start], { axis: 0 })
  return mask ? emit('Where', [mask.last, start, moved]) : moved
}

function flat({ emit }: Emitter, value: string): string {
  return emit('Flatten', [value], { axis: 2 })
}

/** Sets rows of padding to 0. */
function masked({ emit, mask, context }: Layer, rows: string): string {
  return mask ? emit('Mul', [rows, emit('Reshape', [mask.counts, context.ints([-1, 1])])]) : rows
}

/** x·Wᵀ + h·Rᵀ + b for all steps at once: the hidden states are known. */
function sums({ layer, w, r, biases }: Cell, before: string): string {
  const { emit, rows } = layer
  const projected = emit('Gemm', [rows, w, biases && emit('Add', biases)], { transB: 1 })
  return emit('Gemm', [before, r, projected], { transB: 1 })
}

/** The gradient of weights whose product with `before` has the gradient `rows`. */
function product({ emit }: Emitter, rows: string, before: string): string {
  return emit('Gemm', [rows, before], { transA: 1 })
}

function times({ emit }: Emitter, ...factors: readonly string[]): string {
  return factors.reduce((product, factor) => emit('Mul', [product, factor]))
}

/** The columns of gates among those of all: `count` gates from the one with the number `from`. */
function gateColumns(layer: Layer): (value: string, from: number, count?: number) => string {
  const { hidden } = layer.recurrence
  return (value, from, count = 1) => columnsOf(layer, value, from * hidden, count * hidden)
}

/** The gates and memories of an LSTM at all steps. */
function lstmValues(cell: Cell, before: string) {
  const { layer, direction, initial } = cell
  const { emit, real, mask, context } = layer
  const { hidden, clip, isCoupled } = layer.recurrence
  const [f, g, h] = direction.activations
  const columns = gateColumns(layer)
  const sum = sums(cell, before)
  const gates = activate(layer, f!, columns(sum, 0, 3), clip)
  const candidate = activate(layer, g!, columns(sum, 3), clip)
  const [i, o] = [columns(gates.value, 0), columns(gates.value, 1)]
  const open = isCoupled ? emit('Sub', [real(1), i]) : columns(gates.value, 2)
  const valid = mask && emit('Reshape', [mask.valid, context.ints([-1, 1])])
  const forget = layer.steps(valid ? emit('Where', [valid, open, real(1)]) : open, hidden)
  const written = layer.steps(masked(layer, times(layer, i, candidate.value)), hidden)
  const { results } = emitScan(context, real, {
    states: [initial[1]!],
    sequences: [forget, written],
    isReverse: direction.isReverse,
    step({ emit: add }, [memory], [kept, added]) {
      const next = add('Add', [add('Mul', [memory, kept]), added])
      return { states: [next], results: [next] }
    },
  })
  const memories = results[0]!
  const shown = activate(layer, h!, flat(layer, memories), undefined)
  return { gates, candidate, i, o, forget, shown, memory: flat(layer, previous(cell, memories, initial[1]!)) }
}

/**
 * LSTM (Hochreiter and Schmidhuber, 1997; with forget gates). The gradients of what goes into the gates are products of
 * dC and dH with factors that are computed for all steps at once.
 */
function lstm(cell: Cell): CellGradients {
  const { layer, r, initial } = cell
  const { emit, context } = layer
  const { hidden, gates: count, isCoupled } = layer.recurrence
  const before = flat(layer, previous(cell, cell.states, initial[0]!))
  const { gates, candidate, i, o, forget, shown, memory } = lstmValues(cell, before)
  const ofMemory = masked(layer, times(layer, o, shown.slope()))
  const inputs = isCoupled
    ? [
        emit('Sub', [candidate.value, memory]),
        shown.value,
        zerosOf(context, emit('Shape', [memory]), layer.recurrence.type),
      ]
    : [candidate.value, shown.value, memory]
  const ofGates = times(layer, emit('Concat', inputs, { axis: 1 }), gates.slope())
  const ofCandidate = times(layer, i, candidate.slope())
  const ofSums = masked(layer, emit('Concat', [ofGates, ofCandidate], { axis: 1 }))
  const factors = [layer.steps(ofMemory, hidden), forget, layer.steps(ofSums, count * hidden)]
  const { states, results } = walkBack(
    cell,
    2,
    factors,
    ({ emit: add }, dH, [laterC], [toC, kept, toSums]) => {
      const dC = add('Add', [laterC, add('Mul', [dH, toC])])
      const dSums = add('Mul', [add('Concat', [dC, dH, dC, dC], { axis: 1 }), toSums])
      return { before: add('MatMul', [dSums, r]), others: [add('Mul', [dC, kept])], results: [dSums] }
    },
  )
  const rows = flat(layer, results[0]!)
  return { inner: rows, outer: rows, weights: () => product(layer, rows, before), initial: states }
}

/** The factors of a GRU that both of its forms have. */
function gruFactors(
  cell: Cell,
  before: string,
  z: string,
  zSlope: string,
  candidate: { readonly value: string; readonly slope: () => string },
) {
  const { layer } = cell
  const { emit, real } = layer
  const rest = emit('Sub', [real(1), z])
  return {
    kept: layer.steps(masked(layer, z), layer.recurrence.hidden),
    toCandidate: times(layer, rest, candidate.slope()),
    toUpdate: times(layer, emit('Sub', [before, candidate.value]), zSlope),
  }
}

/** A slope for two gates, in two parts. It may be one number. */
function slopes(
  layer: Layer,
  gates: { readonly value: string; readonly slope: () => string },
): readonly [string, string] {
  const { hidden } = layer.recurrence
  const shaped = layer.emit('Expand', [gates.slope(), layer.emit('Shape', [gates.value])])
  return [columnsOf(layer, shaped, 0, hidden), columnsOf(layer, shaped, hidden, hidden)]
}

/** GRU whose reset gate applies after the product with the recurrent weights, as cuDNN's and PyTorch's. */
function gruAfter(cell: Cell, before: string): CellGradients {
  const { layer, direction, w, r, biases } = cell
  const { emit, rows } = layer
  const { hidden, clip } = layer.recurrence
  const [f, g] = direction.activations
  const columns = gateColumns(layer)
  const projected = emit('Gemm', [rows, w, biases?.[0]], { transB: 1 })
  const recurrent = emit('Gemm', [before, r, biases?.[1]], { transB: 1 })
  const gates = activate(layer, f!, emit('Add', [columns(projected, 0, 2), columns(recurrent, 0, 2)]), clip)
  const [z, reset] = [columns(gates.value, 0), columns(gates.value, 1)]
  const inner = columns(recurrent, 2)
  const candidate = activate(
    layer,
    g!,
    emit('Add', [columns(projected, 2), times(layer, reset, inner)]),
    clip,
  )
  const [zSlope, resetSlope] = slopes(layer, gates)
  const { kept, toCandidate, toUpdate } = gruFactors(cell, before, z, zSlope, candidate)
  const toReset = times(layer, toCandidate, inner, resetSlope)
  const stack = (last: string): string =>
    masked(layer, emit('Concat', [toUpdate, toReset, last], { axis: 1 }))
  const ofOuter = stack(times(layer, toCandidate, reset))
  const { states, results } = walkBack(
    cell,
    1,
    [layer.steps(ofOuter, 3 * hidden), kept],
    ({ emit: add }, dH, _others, [toSums, carried]) => {
      const dSums = add('Mul', [add('Concat', [dH, dH, dH], { axis: 1 }), toSums])
      const before = add('Add', [add('Mul', [dH, carried]), add('MatMul', [dSums, r])])
      return { before, results: [dH] }
    },
  )
  const dH = flat(layer, results[0]!)
  const all = emit('Concat', [dH, dH, dH], { axis: 1 })
  const outer = times(layer, all, ofOuter)
  return {
    inner: times(layer, all, stack(toCandidate)),
    outer,
    weights: () => product(layer, outer, before),
    initial: states,
  }
}

/** GRU whose reset gate applies to the hidden state itself. */
function gruBefore(cell: Cell, before: string): CellGradients {
  const { layer, direction, w, r, biases } = cell
  const { emit, rows } = layer
  const { hidden, clip } = layer.recurrence
  const [f, g] = direction.activations
  const columns = gateColumns(layer)
  const [gateWeights, resetWeights] = [
    columnsOf(layer, r, 0, 2 * hidden, 0),
    columnsOf(layer, r, 2 * hidden, hidden, 0),
  ]
  const projected = emit('Gemm', [rows, w, biases && emit('Add', biases)], { transB: 1 })
  const gateSums = emit('Gemm', [before, gateWeights, columns(projected, 0, 2)], { transB: 1 })
  const gates = activate(layer, f!, gateSums, clip)
  const [z, reset] = [columns(gates.value, 0), columns(gates.value, 1)]
  const shown = times(layer, reset, before)
  const candidateSums = emit('Gemm', [shown, resetWeights, columns(projected, 2)], { transB: 1 })
  const candidate = activate(layer, g!, candidateSums, clip)
  const [zSlope, resetSlope] = slopes(layer, gates)
  const { kept, toCandidate, toUpdate } = gruFactors(cell, before, z, zSlope, candidate)
  const toGates = masked(layer, emit('Concat', [toUpdate, times(layer, before, resetSlope)], { axis: 1 }))
  const { states, results } = walkBack(
    cell,
    1,
    [
      layer.steps(masked(layer, toCandidate), hidden),
      layer.steps(toGates, 2 * hidden),
      layer.steps(reset, hidden),
      kept,
    ],
    ({ emit: add }, dH, _others, [toSum, toGateSums, open, carried]) => {
      const dCandidate = add('Mul', [dH, toSum])
      const dShown = add('MatMul', [dCandidate, resetWeights])
      const dGates = add('Mul', [add('Concat', [dH, dShown], { axis: 1 }), toGateSums])
      const direct = add('Add', [add('Mul', [dH, carried]), add('Mul', [dShown, open])])
      return {
        before: add('Add', [direct, add('MatMul', [dGates, gateWeights])]),
        results: [add('Concat', [dGates, dCandidate], { axis: 1 })],
      }
    },
  )
  const all = flat(layer, results[0]!)
  const weights = (): string => {
    const ofGates = product(layer, columns(all, 0, 2), before)
    return emit('Concat', [ofGates, product(layer, columns(all, 2), shown)], { axis: 0 })
  }
  return { inner: all, outer: all, weights, initial: states }
}

/** GRU (Cho and others, arXiv:1406.1078). */
function gru(cell: Cell): CellGradients {
  const before = flat(cell.layer, previous(cell, cell.states, cell.initial[0]!))
  return cell.layer.recurrence.resetsAfter ? gruAfter(cell, before) : gruBefore(cell, before)
}

/** RNN (Elman, 1990). */
function rnn(cell: Cell): CellGradients {
  const { layer, direction, r, initial } = cell
  const { hidden, clip } = layer.recurrence
  const before = flat(layer, previous(cell, cell.states, initial[0]!))
  const sum = sums(cell, before)
  const slope = activate(layer, direction.activations[0]!, sum, clip).slope()
  const shaped = layer.emit('Expand', [slope, layer.emit('Shape', [sum])])
  const factors = [layer.steps(masked(layer, shaped), hidden)]
  const { states, results } = walkBack(cell, 1, factors, ({ emit: add }, dH, _others, [toSum]) => {
    const dSum = add('Mul', [dH, toSum])
    return { before: add('MatMul', [dSum, r]), results: [dSum] }
  })
  const rows = flat(layer, results[0]!)
  return { inner: rows, outer: rows, weights: () => product(layer, rows, before), initial: states }
}

/**
 * The gradients inside each kind of layer. The hidden states after each step are the runtime's own kernel's results, so
 * that what goes into the gates follows for all steps at once, from two matrix products. Only what really goes from step
 * to step is in a Scan: the memory of an LSTM, and the gradients of the states. The size of the graph therefore does not
 * depend on the number of steps, which need not be known.
 */
export const cells: Readonly<Record<RecurrentKind, (cell: Cell) => CellGradients>> = {
  LSTM: lstm,
  GRU: gru,
  RNN: rnn,
}

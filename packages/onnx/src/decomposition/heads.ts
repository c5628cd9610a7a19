import { floatOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import type { LoweringContext } from '../rewrite/nodeContext.js'

/** The most negative float. Added to a score it leaves nothing of it, and its exponential is 0. */
export const lowest = -3.4028234663852886e38

/** Splits [batch, length, heads·size] into [batch, heads, length, size]. */
export function splitHeads({ emit, ints }: LoweringContext, x: string, heads: number): string {
  const apart = emit('Reshape', [x, ints([0, 0, heads, -1])])
  return emit('Transpose', [apart], { perm: [0, 2, 1, 3] })
}

/** Joins [batch, heads, length, size] to [batch, length, heads·size]. */
export function joinHeads({ emit, ints }: LoweringContext, x: string, output?: string): string {
  const apart = emit('Transpose', [x], { perm: [0, 2, 1, 3] })
  return emit('Reshape', [apart, ints([0, 0, -1])], {}, output)
}

/** One extent of a value, as a scalar of int64. */
export function extentOf({ emit, int }: LoweringContext, x: string, axis: number): string {
  return emit('Gather', [emit('Shape', [x]), int(axis)], { axis: 0 })
}

/** Repeats each head of [batch, heads, length, size] for the query heads that share it. */
export function repeatHeads(
  { emit, ints }: LoweringContext,
  x: string,
  heads: number,
  sharedBy: number,
): string {
  if (sharedBy === 1) return x
  const apart = emit('Unsqueeze', [x, ints([2])])
  const stretched = emit('Expand', [apart, ints([1, 1, sharedBy, 1, 1])])
  const shape = emit('Shape', [x])
  const rest = emit('Slice', [shape, ints([2]), ints([4]), ints([0])])
  const wanted = emit('Concat', [ints([0, heads * sharedBy]), rest], { axis: 0 })
  return emit('Reshape', [stretched, wanted])
}

/** The operands of an attention: [batch, heads, length, size], with as many heads each. */
export interface Heads {
  readonly query: string
  readonly key: string
  readonly value: string
}

/** How scores become probabilities. */
export interface Scoring {
  /** The factor of the products. Default: 1/√size. */
  readonly scale?: number | undefined
  /** What is added to the scores, in order. Each broadcasts to [batch, heads, queries, keys]. */
  readonly biases: readonly string[]
  /** c·tanh(score/c) replaces the score, before biases are added, if this is not 0. */
  readonly softcap?: number
  /** A score [heads] of a place that no query reads but that takes its share of the probability. */
  readonly sink?: string | undefined
  /** The element type. */
  readonly type: number
}

/**
 * Scaled dot-product attention: softmax(scale·Q·Kᵀ + biases)·V. Vaswani and others, arXiv:1706.03762.
 *
 * @returns [batch, heads, queries, size]
 */
export function attend(
  context: LoweringContext,
  { query, key, value }: Heads,
  { scale, biases, softcap = 0, sink, type }: Scoring,
): string {
  const { emit, reals } = context
  const factor = scale === undefined ? defaultScale(context, query, type) : reals([scale], type)
  const turned = emit('Transpose', [key], { perm: [0, 1, 3, 2] })
  const scores = emit('MatMul', [emit('Mul', [query, factor]), turned])
  const cap = reals([softcap === 0 ? 1 : softcap], type)
  const capped = softcap === 0 ? scores : emit('Mul', [emit('Tanh', [emit('Div', [scores, cap])]), cap])
  const biased = biases.reduce((sum, bias) => emit('Add', [sum, bias]), capped)
  const probabilities =
    sink === undefined ? emit('Softmax', [biased], { axis: -1 }) : withSink(context, biased, sink)
  return emit('MatMul', [probabilities, value])
}

function defaultScale(context: LoweringContext, query: string, type: number): string {
  const { emit } = context
  const size = emit('Cast', [extentOf(context, query, 3)], { to: type })
  return emit('Reciprocal', [emit('Sqrt', [size])])
}

/** The softmax with one more place, whose probability is dropped. */
function withSink(context: LoweringContext, scores: string, sink: string): string {
  const { emit, ints } = context
  const column = emit('Reshape', [sink, ints([1, -1, 1, 1])])
  const shape = emit('Shape', [scores])
  const rows = emit('Concat', [emit('Slice', [shape, ints([0]), ints([3]), ints([0])]), ints([1])], {
    axis: 0,
  })
  const all = emit('Concat', [scores, emit('Expand', [column, rows])], { axis: 3 })
  const probabilities = emit('Softmax', [all], { axis: -1 })
  return emit('Slice', [probabilities, ints([0]), ints([-1]), ints([3])])
}

/** The scale that a node names; 0 stands for the default, as in the runtime. */
export function scaleOf({ node }: LoweringContext): number | undefined {
  const scale = floatOf(node, 'scale', 0)
  return scale === 0 ? undefined : scale
}

/**
 * What hides keys from queries, [queries, keys]: those after the query and, with a window, those that are not among the
 * last `window` up to it.
 *
 * @param past the keys of earlier places, [batch, heads, length, size]: the first query comes after them
 */
export function causalBias(
  context: LoweringContext,
  { query, key }: Pick<Heads, 'query' | 'key'>,
  type: number,
  past: string | undefined,
  window = -1,
): string {
  const { emit, int, ints, reals } = context
  const [queries, keys] = [extentOf(context, query, 2), extentOf(context, key, 2)]
  const start = past === undefined ? int(0) : extentOf(context, past, 2)
  const places = emit('Range', [start, emit('Add', [start, queries]), int(1)])
  const rows = emit('Unsqueeze', [places, ints([1])])
  const columns = emit('Range', [int(0), keys, int(1)])
  const isAfter = emit('Greater', [columns, rows])
  const isHidden =
    window < 0
      ? isAfter
      : emit('Or', [isAfter, emit('LessOrEqual', [columns, emit('Sub', [rows, int(window)])])])
  return emit('Where', [isHidden, reals([lowest], type), reals([0], type)])
}

/** Appends to the keys or values of earlier places, [batch, heads, length, size]. */
export function withPast(
  { emit }: LoweringContext,
  past: string | undefined,
  now: string,
  output?: string,
): string {
  if (past !== undefined) return emit('Concat', [past, now], { axis: 2 }, output)
  return output === undefined ? now : emit('Identity', [now], {}, output)
}

/** Casts a mask of whole numbers to truth values. */
export function truth({ emit }: LoweringContext, mask: string): string {
  return emit('Cast', [mask], { to: dataType.bool })
}

/** Splits a value along an axis into parts of given lengths. */
export function split(
  { node, emitAll, fresh, ints }: LoweringContext,
  x: string,
  lengths: readonly number[],
  axis: number,
): string[] {
  const names = lengths.map((_, i) => fresh(`${node.output.find((name) => name !== '')!}/part_${i}`))
  emitAll('Split', [x, ints(lengths)], { axis }, names)
  return names
}

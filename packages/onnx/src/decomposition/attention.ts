import { floatOf, intOf, intsOf } from '../proto/attribute.js'
import type { LoweringContext, LoweringRule } from '../rewrite/nodeContext.js'
import { attend, causalBias, joinHeads, scaleOf, split, splitHeads, withPast, type Heads } from './heads.js'
import { maskBias } from './masks.js'

/** The number of heads, which is at least one. */
export function headsOf({ node, refuse }: LoweringContext, name = 'num_heads'): number {
  const heads = intOf(node, name, 0)
  return heads > 0 ? heads : refuse(`its attribute ${name} is ${heads}; it must be at least 1`)
}

/** Refuses inputs that belong to decoding step by step. */
export function refuseInputs(
  { input, refuse }: LoweringContext,
  inputs: Readonly<Record<number, string>>,
): void {
  for (const [index, name] of Object.entries(inputs)) {
    if (input(Number(index)) !== undefined) {
      refuse(
        `its input ${name} is for decoding token by token, which has no gradient; export the model without its cache`,
      )
    }
  }
}

/**
 * Attention over given heads, with what is common to the operators of com.microsoft. `past` holds the keys of earlier
 * places that are among the given ones.
 */
function attendWith(
  context: LoweringContext,
  heads: Heads,
  type: number,
  {
    mask,
    bias,
    past,
  }: {
    readonly mask: string | undefined
    readonly bias: string | undefined
    readonly past: string | undefined
  },
): void {
  const { node, output } = context
  const biases: string[] = []
  if (mask !== undefined) biases.push(maskBias(context, mask, heads, type))
  if (intOf(node, 'unidirectional', 0) === 1) biases.push(causalBias(context, heads, type, past))
  if (bias !== undefined) biases.push(bias)
  const result = attend(context, heads, { scale: scaleOf(context), biases, type })
  joinHeads(context, result, output(0))
}

/** The widths of queries, keys and values beside one another. */
function widthsOf({ node, extentsOf, refuse }: LoweringContext, weights: string): readonly number[] {
  const given = intsOf(node, 'qkv_hidden_sizes')
  if (given && given.length > 0) return given
  const total = extentsOf(weights)[1]
  return typeof total === 'number' && total % 3 === 0
    ? [total / 3, total / 3, total / 3]
    : refuse('the weights must have a known number of columns that three divides, or qkv_hidden_sizes')
}

/** Attention over a projection that holds queries, keys and values beside one another, [batch, length, columns]. */
function attendOver(
  context: LoweringContext,
  projected: string,
  widths: readonly number[],
  inputs: { readonly mask: number; readonly past: number; readonly bias?: number },
): void {
  const { node, emit, ints, int, input, output, required, realTypeOf, refuse } = context
  const heads = headsOf(context)
  // The operand of the quantised operator holds whole numbers, and it has a bias.
  const type = realTypeOf(input(2), required(0))
  if (intOf(node, 'do_rotary', 0) === 1) {
    refuse(
      'do_rotary has no kernel on the CPU either; put RotaryEmbedding and MultiHeadAttention in its place',
    )
  }
  const [query, ...others] = split(context, projected, widths, 2).map((part) =>
    splitHeads(context, part, heads),
  )
  let [key, value] = others
  const past = input(inputs.past)
  const before = (index: number): string | undefined =>
    past === undefined ? undefined : emit('Gather', [past, int(index)], { axis: 0 })
  const pastKey = before(0)
  key = withPast(context, pastKey, key!)
  value = withPast(context, before(1), value!)
  const present = output(1)
  if (present !== undefined) {
    const both = [key, value].map((one) => emit('Unsqueeze', [one, ints([0])]))
    emit('Concat', both, { axis: 0 }, present)
  }
  const bias = inputs.bias === undefined ? undefined : input(inputs.bias)
  attendWith(context, { query: query!, key, value }, type, { mask: input(inputs.mask), bias, past: pastKey })
}

/** Self-attention with the projection to queries, keys and values in it. */
const attention: LoweringRule = (context) => {
  const { emit, input, required } = context
  refuseInputs(context, { 6: 'past_sequence_length' })
  const product = emit('MatMul', [required(0), required(1)])
  const bias = input(2)
  const projected = bias === undefined ? product : emit('Add', [product, bias])
  attendOver(context, projected, widthsOf(context, required(1)), { mask: 3, past: 4, bias: 5 })
}

/** The same over whole numbers: the projection is of quantised values. */
const quantizedAttention: LoweringRule = (context) => {
  const { emit, input, required } = context
  const [x, weights, bias] = [required(0), required(1), required(2)]
  const scales = [required(3), required(4)]
  const projected = emit('com.microsoft:MatMulIntegerToFloat', [
    x,
    weights,
    ...scales,
    input(6),
    input(7),
    bias,
  ])
  attendOver(context, projected, widthsOf(context, weights), { mask: 5, past: 8 })
}

/** Queries, keys and values as heads, from any form that the operator takes them in. */
function operandsOf(context: LoweringContext, heads: number): Heads {
  const { emit, ints, input, required, rankOf, extentsOf, refuse } = context
  const [query, key, value] = [required(0), input(1), input(2)]
  // Packed ones are [batch, length, heads, count, size].
  const unpack = (packed: string, count: number): string[] =>
    split(
      context,
      packed,
      Array.from({ length: count }, () => 1),
      3,
    ).map((part) => emit('Transpose', [emit('Squeeze', [part, ints([3])])], { perm: [0, 2, 1, 3] }))
  const bias = input(3)
  if (rankOf(query) === 5) {
    if (bias !== undefined) refuse('a bias of packed queries, keys and values is not supported')
    const [q, k, v] = unpack(query, 3)
    return { query: q!, key: k!, value: v! }
  }
  if (key === undefined)
    return refuse('without keys, the queries must be packed with keys and values, of five axes')
  const biases = biasParts(context, bias, extentsOf(query)[2], () =>
    value === undefined || rankOf(value) !== 3 ? undefined : extentsOf(value)[2],
  )
  const separate = (x: string, index: number): string => {
    const offset = biases?.[index]
    return splitHeads(context, offset === undefined ? x : emit('Add', [x, offset]), heads)
  }
  if (rankOf(key) === 5) {
    const [k, v] = unpack(key, 2)
    return { query: separate(query, 0), key: k!, value: v! }
  }
  if (value === undefined) return refuse('it has keys without values')
  const given = (x: string, index: number): string => (rankOf(x) === 4 ? x : separate(x, index))
  return { query: separate(query, 0), key: given(key, 1), value: given(value, 2) }
}

/** The biases of queries, keys and values, which the operator takes as one. */
function biasParts(
  context: LoweringContext,
  bias: string | undefined,
  width: number | string | undefined,
  ofValues: () => number | string | undefined,
): readonly string[] | undefined {
  if (bias === undefined) return undefined
  const last = ofValues() ?? width
  if (typeof width !== 'number' || typeof last !== 'number') {
    return context.refuse('the widths of the queries and values must be known, because there is a bias')
  }
  return split(context, bias, [width, width, last], 0)
}

/** Attention of queries to keys and values, self or cross. */
const multiHeadAttention: LoweringRule = (context) => {
  const { input, output, required, realTypeOf, refuse } = context
  refuseInputs(context, { 8: 'past_sequence_length', 9: 'cache_indirection' })
  if (output(3) !== undefined) refuse('its output of scores has no gradient; let nothing depend on it')
  const type = realTypeOf(required(0))
  const heads = operandsOf(context, headsOf(context))
  const key = withPast(context, input(6), heads.key, output(1))
  const value = withPast(context, input(7), heads.value, output(2))
  attendWith(context, { query: heads.query, key, value }, type, {
    mask: input(4),
    bias: input(5),
    past: input(6),
  })
}

/** Token, position and segment embeddings, and the normalisation of their sum. */
const embedLayerNormalization: LoweringRule = (context) => {
  const { node, emit, int, ints, input, output, required } = context
  const [ids, words, positions] = [required(0), required(2), required(3)]
  const places = input(8) ?? emit('Range', [int(0), emit('Gather', [emit('Shape', [ids]), int(1)]), int(1)])
  const parts = [emit('Gather', [words, ids], { axis: 0 }), emit('Gather', [positions, places], { axis: 0 })]
  const [segments, table] = [input(1), input(4)]
  if (segments !== undefined && table !== undefined)
    parts.push(emit('Gather', [table, segments], { axis: 0 }))
  const sum = parts.reduce((a, b, i) =>
    emit('Add', [a, b], {}, i === parts.length - 1 ? output(2) : undefined),
  )
  const attributes = { axis: -1, epsilon: { float: floatOf(node, 'epsilon', 1e-12) } }
  emit('LayerNormalization', [sum, required(5), required(6)], attributes, output(0))
  const counts = output(1)
  if (counts === undefined) return
  const mask = input(7)
  const isOne =
    mask === undefined
      ? emit('Mul', [ids, emit('Cast', [int(0)], { to: 6 })])
      : emit('Cast', [emit('Equal', [mask, emit('CastLike', [int(1), mask])])], { to: 6 })
  emit('ReduceSum', [isOne, ints([1])], { keepdims: 0 }, counts)
}

export const attentions = {
  Attention: attention,
  QAttention: quantizedAttention,
  MultiHeadAttention: multiHeadAttention,
  EmbedLayerNormalization: embedLayerNormalization,
} satisfies Record<string, LoweringRule>

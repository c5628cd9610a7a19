import { floatOf, intOf } from '../proto/attribute.js'
import type { LoweringContext, LoweringRule } from '../rewrite/nodeContext.js'
import { headsOf, refuseInputs } from './attention.js'
import {
  attend,
  causalBias,
  extentOf,
  joinHeads,
  repeatHeads,
  scaleOf,
  split,
  splitHeads,
  withPast,
} from './heads.js'
import { rotateHeads } from './rotary.js'

/** The size of a head, if the model says how wide the queries are. */
function sizeOf({ extentsOf, required }: LoweringContext, columns: number): number | undefined {
  const width = extentsOf(required(0))[2]
  return typeof width === 'number' ? width / columns : undefined
}

/** Queries, keys and values, which may be beside one another in one input. */
function operandsOf(
  context: LoweringContext,
  heads: number,
  keyHeads: number,
  size: number | undefined,
): string[] {
  const { input, required, refuse } = context
  const [query, key, value] = [required(0), input(1), input(2)]
  if (key !== undefined && value !== undefined) {
    return [
      splitHeads(context, query, heads),
      ...[key, value].map((one) => splitHeads(context, one, keyHeads)),
    ]
  }
  if (size === undefined) return refuse('the width of its packed queries, keys and values must be known')
  return split(context, query, [heads * size, keyHeads * size, keyHeads * size], 2).map((part, i) =>
    splitHeads(context, part, i === 0 ? heads : keyHeads),
  )
}

/**
 * Causal attention in which several query heads share a key head, over whole sequences: `seqlens_k` only says how long
 * the cache is, and keys after a query are hidden anyway. A cache that is given is read as it is. Of no length, as
 * before the first token, it adds nothing.
 */
const groupQueryAttention: LoweringRule = (context) => {
  const { node, int, input, output, required, realTypeOf, refuse } = context
  refuseInputs(context, { 12: 'k_scale', 13: 'v_scale' })
  if (output(3) !== undefined) refuse('its output of scores has no gradient; let nothing depend on it')
  const [heads, keyHeads] = [headsOf(context), headsOf(context, 'kv_num_heads')]
  if (heads % keyHeads !== 0) refuse(`${heads} query heads cannot share ${keyHeads} key heads`)
  const isPacked = input(1) === undefined
  const size = sizeOf(context, isPacked ? heads + 2 * keyHeads : heads)
  const type = realTypeOf(required(0))
  let [query, key, value] = operandsOf(context, heads, keyHeads, size)
  const [pastKey, pastValue] = [input(3), input(4)]
  if (intOf(node, 'do_rotary', 0) === 1) {
    const start = pastKey === undefined ? int(0) : extentOf(context, pastKey, 2)
    const tables = [required(7), required(8)] as const
    ;[query, key] = rotateHeads(context, [query!, key!], tables, { given: input(9), start }, size)
  }
  key = withPast(context, pastKey, key!, output(1))
  value = withPast(context, pastValue, value!, output(2))
  const whole = {
    query: query!,
    key: repeatHeads(context, key, keyHeads, heads / keyHeads),
    value: repeatHeads(context, value, keyHeads, heads / keyHeads),
  }
  const bias = input(10)
  const result = attend(context, whole, {
    scale: scaleOf(context),
    softcap: floatOf(node, 'softcap', 0),
    biases: [
      causalBias(context, whole, type, pastKey, intOf(node, 'local_window_size', -1)),
      ...(bias === undefined ? [] : [bias]),
    ],
    sink: sinkOf(context, heads, type),
    type,
  })
  joinHeads(context, result, output(0))
}

/** What takes a share of the probability: scores that are given, or 0 for a smooth softmax. */
function sinkOf({ node, input, reals }: LoweringContext, heads: number, type: number): string | undefined {
  const given = input(11)
  if (given !== undefined || intOf(node, 'smooth_softmax', 0) !== 1) return given
  return reals(
    Array.from({ length: heads }, () => 0),
    type,
    [heads],
  )
}

export const grouped = { GroupQueryAttention: groupQueryAttention } satisfies Record<string, LoweringRule>

import { floatOf, intOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import type { LoweringContext, LoweringRule } from '../rewrite/nodeContext.js'
import { headsOf } from './attention.js'
import {
  attend,
  causalBias,
  extentOf,
  joinHeads,
  lowest,
  repeatHeads,
  scaleOf,
  splitHeads,
  withPast,
} from './heads.js'

/** What a mask of the operator adds to the scores: itself, or the lowest number where it is false. */
function biasOf({ emit, reals, typeOf }: LoweringContext, mask: string, type: number): string {
  return typeOf(mask).dataType === dataType.bool
    ? emit('Where', [mask, reals([0], type), reals([lowest], type)])
    : mask
}

/** Hides keys from a number of them on: [batch]. */
function lengthBias(context: LoweringContext, lengths: string, key: string, type: number): string {
  const { emit, int, ints, reals } = context
  const places = emit('Range', [int(0), extentOf(context, key, 2), int(1)])
  const counts = emit('Less', [places, emit('Unsqueeze', [lengths, ints([1, 2, 3])])])
  return emit('Where', [counts, reals([0], type), reals([lowest], type)])
}

/** ONNX's own attention, since version 23. */
const attention: LoweringRule = (context) => {
  const { node, input, output, required, rankOf, extentsOf, realTypeOf, refuse } = context
  if (output(3) !== undefined) refuse('its output of scores has no gradient; let nothing depend on it')
  const [q, k, v] = [required(0), required(1), required(2)]
  const type = realTypeOf(q)
  const isFlat = rankOf(q) === 3
  const count = (x: string, attribute: string): number => {
    if (isFlat) return headsOf(context, attribute)
    const heads = extentsOf(x)[1]
    return typeof heads === 'number'
      ? heads
      : refuse(`the number of heads of ${JSON.stringify(x)} must be known`)
  }
  const [heads, keyHeads] = [count(q, 'q_num_heads'), count(k, 'kv_num_heads')]
  const apart = (x: string, number: number): string => (isFlat ? splitHeads(context, x, number) : x)
  const whole = {
    query: apart(q, heads),
    key: repeatHeads(
      context,
      withPast(context, input(4), apart(k, keyHeads), output(1)),
      keyHeads,
      heads / keyHeads,
    ),
    value: repeatHeads(
      context,
      withPast(context, input(5), apart(v, keyHeads), output(2)),
      keyHeads,
      heads / keyHeads,
    ),
  }
  const [mask, lengths] = [input(3), input(6)]
  const biases: string[] = []
  if (intOf(node, 'is_causal', 0) === 1) biases.push(causalBias(context, whole, type, input(4)))
  if (mask !== undefined) biases.push(biasOf(context, mask, type))
  if (lengths !== undefined) biases.push(lengthBias(context, lengths, whole.key, type))
  const result = attend(context, whole, {
    scale: scaleOf(context),
    softcap: floatOf(node, 'softcap', 0),
    biases,
    type,
  })
  if (isFlat) joinHeads(context, result, output(0))
  else context.emit('Identity', [result], {}, output(0))
}

export const onnxAttention = { Attention: attention } satisfies Record<string, LoweringRule>

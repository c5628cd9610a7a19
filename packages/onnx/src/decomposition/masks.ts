import { floatOf } from '../proto/attribute.js'
import type { LoweringContext } from '../rewrite/nodeContext.js'
import { extentOf, truth, type Heads } from './heads.js'

/**
 * What a mask of an attention adds to the scores: `mask_filter_value` at the keys that it hides. A mask is
 *
 * - [batch, keys] or [batch, queries, keys]: 1 at keys that count
 * - [batch]: how many keys count
 * - [2·batch]: where the keys that count end, and then where they start
 *
 * @returns a value that broadcasts to [batch, heads, queries, keys]
 */
export function maskBias(
  context: LoweringContext,
  mask: string,
  { query, key }: Pick<Heads, 'query' | 'key'>,
  type: number,
): string {
  const { node, emit, ints, reals, rankOf, refuse } = context
  const filter = reals([floatOf(node, 'mask_filter_value', -10000)], type)
  const rank = rankOf(mask)
  if (rank > 3) {
    refuse(
      'a mask of four axes has no kernel on the CPU either; give one of [batch, keys], or of [batch, queries, keys]',
    )
  }
  const counts =
    rank === 1
      ? countsAt(context, mask, query, key)
      : emit('Unsqueeze', [truth(context, mask), ints(rank === 2 ? [1, 2] : [1])])
  return emit('Where', [counts, reals([0], type), filter])
}

/** Which keys count, [batch, 1, 1, keys], if a mask gives their ends, or their ends and their starts. */
function countsAt(context: LoweringContext, mask: string, query: string, key: string): string {
  const { emit, int, ints, typeOf, input } = context
  const batch = emit('Unsqueeze', [extentOf(context, query, 0), ints([0])])
  const twice = emit('Add', [batch, batch])
  const places = emit('Range', [int(0), extentOf(context, key, 2), int(1)])
  const whole = emit('Cast', [mask], { to: 7 })
  const column = (list: string): string => emit('Unsqueeze', [list, ints([1, 2, 3])])
  const [given] = typeOf(mask).shape ?? []
  const [examples] = typeOf(input(0)!).shape ?? []
  if (given !== undefined && given === examples) return emit('Less', [places, column(whole)])
  const ends = emit('Slice', [whole, ints([0]), batch, ints([0])])
  // With ends only there is nothing after them, and the zeros stand for the starts.
  const zeros = emit('Expand', [ints([0]), batch])
  const starts = emit('Slice', [emit('Concat', [whole, zeros], { axis: 0 }), batch, twice, ints([0])])
  const isBefore = emit('Less', [places, column(ends)])
  return emit('And', [isBefore, emit('Not', [emit('Less', [places, column(starts)])])])
}

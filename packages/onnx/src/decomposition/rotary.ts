import { intOf } from '../proto/attribute.js'
import type { LoweringContext, LoweringRule } from '../rewrite/nodeContext.js'
import { extentOf, joinHeads, split, splitHeads } from './heads.js'

/** The angles of a rotation: values that broadcast to [batch, heads, length, pairs]. */
interface Angles {
  readonly cos: string
  readonly sin: string
}

/** How the elements of a head are rotated. */
interface Rotation {
  /** The number of elements that turn, from the first: two per angle. */
  readonly turned: number
  /** The number of elements of a head. */
  readonly size: number | undefined
  /** Whether the elements of a pair are next to each other, and not half of the turned ones apart. */
  readonly interleaved: boolean
}

/**
 * Turns pairs of elements of [batch, heads, length, size] by angles: (a, b) becomes (a·cos − b·sin, b·cos + a·sin). Su
 * and others, arXiv:2104.09864.
 */
function rotate(
  context: LoweringContext,
  x: string,
  { cos, sin }: Angles,
  { turned, size, interleaved }: Rotation,
  output?: string,
): string {
  const { emit, ints } = context
  const isWhole = size === turned
  const [moving, rest] = isWhole ? [x] : split(context, x, [turned, restOf(context, turned, size)], 3)
  const half = turned / 2
  const [a, b] = interleaved
    ? split(context, emit('Reshape', [moving!, ints([0, 0, 0, half, 2])]), [1, 1], 4).map((part) =>
        emit('Squeeze', [part, ints([4])]),
      )
    : split(context, moving!, [half, half], 3)
  const first = emit('Sub', [emit('Mul', [a!, cos]), emit('Mul', [b!, sin])])
  const second = emit('Add', [emit('Mul', [b!, cos]), emit('Mul', [a!, sin])])
  const last = isWhole ? output : undefined
  const joined = interleaved
    ? emit(
        'Reshape',
        [
          emit('Concat', [emit('Unsqueeze', [first, ints([4])]), emit('Unsqueeze', [second, ints([4])])], {
            axis: 4,
          }),
          ints([0, 0, 0, turned]),
        ],
        {},
        last,
      )
    : emit('Concat', [first, second], { axis: 3 }, last)
  return isWhole ? joined : emit('Concat', [joined, rest!], { axis: 3 }, output)
}

function restOf({ refuse }: LoweringContext, turned: number, size: number | undefined): number {
  if (size !== undefined && size > turned) return size - turned
  return refuse(
    `${turned} elements of a head turn, and a head has ${size ?? 'an unknown number'}; declare the extents of its input`,
  )
}

/** The number of elements that turn: the attribute's, or two per column of the table. */
function turnedOf({ node, typeOf, refuse }: LoweringContext, cos: string): number {
  const given = intOf(node, 'rotary_embedding_dim', 0)
  const columns = typeOf(cos).shape?.at(-1)
  if (given > 0) return given
  return typeof columns === 'number'
    ? 2 * columns
    : refuse(`the number of columns of ${JSON.stringify(cos)} must be known`)
}

/**
 * The angles at places, from a table [places, pairs].
 *
 * @param places [batch, length], [length], or one number that counts from there
 */
function anglesAt(
  { emit, ints }: LoweringContext,
  [cos, sin]: readonly [string, string],
  places: string,
  rank: number,
): Angles {
  const at = (table: string): string => {
    const rows = emit('Gather', [table, places], { axis: 0 })
    return rank === 1 ? rows : emit('Unsqueeze', [rows, ints([1])])
  }
  return { cos: at(cos), sin: at(sin) }
}

/** The places of queries that come after others: [length]. */
function placesAfter(context: LoweringContext, start: string, x: string, axis: number): string {
  const { emit, int } = context
  return emit('Range', [start, emit('Add', [start, extentOf(context, x, axis)]), int(1)])
}

/** The heads of an input of a rotation, and their size if it is known. */
function headsIn(
  context: LoweringContext,
  x: string,
  turned: number,
): { readonly heads: string; readonly size: number | undefined; readonly isFlat: boolean } {
  const { node, emit, ints, extentsOf } = context
  const extents = extentsOf(x)
  if (extents.length === 4) {
    const size = extents[3]
    return { heads: x, size: typeof size === 'number' ? size : undefined, isFlat: false }
  }
  const count = intOf(node, 'num_heads', 0)
  if (count > 0) {
    const width = extents[2]
    const size = typeof width === 'number' ? width / count : undefined
    return { heads: splitHeads(context, x, count), size, isFlat: true }
  }
  // Without a number of heads, a head has as many elements as turn.
  const apart = emit('Reshape', [x, ints([0, 0, -1, turned])])
  return { heads: emit('Transpose', [apart], { perm: [0, 2, 1, 3] }), size: turned, isFlat: true }
}

/** Rotates the operand of the operator itself. */
function rotated(context: LoweringContext, angles: Angles, cos: string): void {
  const { node, required, output } = context
  const turned = turnedOf(context, cos)
  const { heads, size, isFlat } = headsIn(context, required(0), turned)
  const rotation = { turned, size, interleaved: intOf(node, 'interleaved', 0) === 1 }
  if (isFlat) joinHeads(context, rotate(context, heads, angles, rotation), output(0))
  else rotate(context, heads, angles, rotation, output(0))
}

/** com.microsoft: the tables come last, and one position stands for those from there on. */
const rotaryEmbedding: LoweringRule = (context) => {
  const { node, emit, ints, required, rankOf, refuse } = context
  if (intOf(node, 'is_packed_batching', 0) === 1) refuse('packed batches are not supported')
  const [x, positions, cos, sin] = [required(0), required(1), required(2), required(3)]
  const isStart = rankOf(positions) === 1
  const places = isStart
    ? placesAfter(context, emit('Reshape', [positions, ints([])]), x, rankOf(x) === 4 ? 2 : 1)
    : positions
  rotated(context, anglesAt(context, [cos, sin], places, isStart ? 1 : 2), cos)
}

/** ONNX: without positions, the tables are [batch, length, pairs]. */
const onnxRotaryEmbedding: LoweringRule = (context) => {
  const { emit, ints, input, required } = context
  const [cos, sin, positions] = [required(1), required(2), input(3)]
  const angles =
    positions === undefined
      ? { cos: emit('Unsqueeze', [cos, ints([1])]), sin: emit('Unsqueeze', [sin, ints([1])]) }
      : anglesAt(context, [cos, sin], positions, 2)
  rotated(context, angles, cos)
}

/** Rotates queries and keys by the tables that an attention takes as inputs. */
export function rotateHeads(
  context: LoweringContext,
  heads: readonly string[],
  tables: readonly [string, string],
  places: { readonly given?: string | undefined; readonly start?: string | undefined },
  size: number | undefined,
): string[] {
  const { node, int } = context
  const rotation = {
    turned: turnedOf(context, tables[0]),
    size,
    interleaved: intOf(node, 'rotary_interleaved', 0) === 1,
  }
  const at = places.given ?? placesAfter(context, places.start ?? int(0), heads[0]!, 2)
  const angles = anglesAt(context, tables, at, places.given === undefined ? 1 : 2)
  return heads.map((one) => rotate(context, one, angles, rotation))
}

export const rotary = { RotaryEmbedding: rotaryEmbedding } satisfies Record<string, LoweringRule>
export const onnxRotary = { RotaryEmbedding: onnxRotaryEmbedding } satisfies Record<string, LoweringRule>

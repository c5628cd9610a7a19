import { intOf } from '../proto/attribute.js'
import type { LoweringContext, LoweringRule } from '../rewrite/nodeContext.js'
import { known } from '../lowering/window.js'

/** Where a slice of step 1 lies in its tensor; `undefined` if that is not known, or its steps are others. */
function placeOf(
  { input, constantOf }: LoweringContext,
  shape: readonly number[],
): { readonly starts: readonly number[]; readonly ends: readonly number[] } | undefined {
  const [from, to] = [constantOf(input(2)), constantOf(input(3))]
  const axes = input(4) === undefined ? from?.map((_, i) => i) : constantOf(input(4))
  const steps = input(5) === undefined ? [1] : constantOf(input(5))
  if (!from || !to || !axes || !steps?.every((step) => step === 1)) return undefined
  const [starts, ends] = [shape.map(() => 0), [...shape]]
  axes.forEach((given, i) => {
    const axis = given < 0 ? given + shape.length : given
    const extent = shape[axis]!
    const within = (at: number): number => Math.min(extent, Math.max(0, at < 0 ? at + extent : at))
    starts[axis] = within(from[i]!)
    ends[axis] = Math.max(starts[axis], within(to[i]!))
  })
  return { starts, ends }
}

/**
 * dX of a slice is dY with zeros around it.
 *
 * @param otherwise lowers slices whose steps are not 1, or whose place is not known
 */
export function sliceGradRow(otherwise: LoweringRule): LoweringRule {
  return (context) => {
    const { emit, required, output, ints, constantOf, producerOf, typeOf } = context
    const source = producerOf(required(1))
    const isShape = source?.opType === 'Shape' && source.attribute.length === 0
    const shape =
      constantOf(required(1)) ?? (isShape ? known(typeOf(source.input[0]!).shape ?? [undefined]) : undefined)
    const place = shape && placeOf(context, shape)
    if (!place) {
      otherwise(context)
      return
    }
    const after = place.ends.map((end, axis) => shape[axis]! - end)
    emit('Pad', [required(0), ints([...place.starts, ...after])], {}, output(0))
  }
}

/** The inverse of DepthToSpace: [N, C, H·b, W·b] to [N, C·b², H, W], where blocks come before channels. */
export const spaceToDepth: LoweringRule = ({ node, emit, required, output, ints, extentsOf, refuse }) => {
  const x = required(0)
  const [n, c, h, w] = known(extentsOf(x)) ?? refuse(`the extents of ${JSON.stringify(x)} are not known`)
  const block = intOf(node, 'blocksize', 1)
  const [rows, columns] = [h! / block, w! / block]
  const apart = emit('Reshape', [x, ints([n!, c!, rows, block, columns, block])])
  const moved = emit('Transpose', [apart], { perm: [0, 3, 5, 1, 2, 4] })
  emit('Reshape', [moved, ints([n!, c! * block * block, rows, columns])], {}, output(0))
}

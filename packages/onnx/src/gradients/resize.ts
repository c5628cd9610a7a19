import { floatOf, intOf, intsOf, stringOf } from '../proto/attribute.js'
import type { Extent } from '../rewrite/valueTypes.js'
import { dataType } from '../proto/dataType.js'
import type { GradientContext, GradientRule } from './context.js'

/** A resized axis. */
interface Axis {
  readonly axis: number
  /** Its index in the lists of scales and sizes. */
  readonly index: number
  readonly from: Extent
  readonly to: Extent
  readonly scale: number | undefined
}

interface Resized {
  readonly x: string
  readonly roi: string | undefined
  readonly scales: string | undefined
  readonly sizes: string | undefined
  /** The number of axes in those lists. */
  readonly count: number
}

/** Whether a list is given: with sizes, the scales may be an empty list. */
function listOf({ input, constantOf, typeOf }: GradientContext, index: number): string | undefined {
  const name = input(index)
  if (name === undefined || constantOf(name)?.length === 0 || typeOf(name).shape?.[0] === 0) return undefined
  return name
}

/** An element of a list, as a list of one. */
function element({ emit, ints }: GradientContext, list: string, index: number): string {
  return emit('Slice', [list, ints([index]), ints([index + 1])])
}

/**
 * The matrix [from, to] that interpolates along an axis: the runtime's own result for an identity matrix. So it is as
 * exact as the forward pass in every mode, and works for extents that are known only at run time.
 */
function interpolation(
  context: GradientContext,
  resized: Resized,
  { axis, index, from, scale }: Axis,
): string {
  const { node, emit, ints, reals, constantOf, realTypeOf, shapeOf } = context
  const { x, roi, scales, sizes, count } = resized
  const extent = typeof from === 'number' ? ints([from]) : element(context, shapeOf(x), axis)
  const zeros = emit('ConstantOfShape', [emit('Concat', [extent, extent], { axis: 0 })])
  // [from, 1, 1, from]: cubic needs four axes. The third is doubled, because the runtime merely copies a value that
  // keeps its shape.
  const identity = emit('Unsqueeze', [emit('EyeLike', [zeros], { dtype: dataType.float }), ints([1, 2])])
  const coordinates = stringOf(node, 'coordinate_transformation_mode', 'half_pixel')
  const lists: (string | undefined)[] = [undefined, undefined, undefined]
  if (roi !== undefined && coordinates === 'tf_crop_and_resize') {
    const type = realTypeOf(roi)
    const [begin, end] = [reals([0, 0, 0], type, [3]), reals([1, 1, 1], type, [3])]
    const parts = [begin, element(context, roi, index), end, element(context, roi, index + count)]
    lists[0] = emit('Concat', parts, { axis: 0 })
  }
  if (sizes === undefined) {
    const known = scale ?? constantOf(scales)?.[index]
    lists[1] =
      known === undefined
        ? emit('Concat', [reals([1, 1, 2], dataType.float, [3]), element(context, scales!, index)], {
            axis: 0,
          })
        : reals([1, 1, 2, known], dataType.float, [4])
  } else {
    lists[2] = emit('Concat', [extent, ints([1, 2]), element(context, sizes, index)], { axis: 0 })
  }
  const antialias = intOf(node, 'antialias', 0)
  const excluded = intOf(node, 'exclude_outside', 0)
  const interpolated = emit('Resize', [identity, ...lists], {
    mode: stringOf(node, 'mode', 'nearest'),
    coordinate_transformation_mode: coordinates,
    nearest_mode: stringOf(node, 'nearest_mode', 'round_prefer_floor'),
    cubic_coeff_a: { float: floatOf(node, 'cubic_coeff_a', -0.75) },
    ...(excluded === 0 ? {} : { exclude_outside: excluded }),
    ...(antialias === 0 ? {} : { antialias }),
  })
  const row = emit('Slice', [interpolated, ints([0]), ints([1]), ints([2])])
  return emit('Squeeze', [row, ints([1, 2])])
}

/** Multiplies dY by the transpose of the matrix along the axis. */
function multiply({ emit }: GradientContext, dY: string, matrix: string, axis: number, rank: number): string {
  if (axis === rank - 2) return emit('MatMul', [matrix, dY])
  const transposed = emit('Transpose', [matrix], { perm: [1, 0] })
  if (axis === rank - 1) return emit('MatMul', [dY, transposed])
  const perm = Array.from({ length: rank }, (_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i))
  const product = emit('MatMul', [emit('Transpose', [dY], { perm }), transposed])
  return emit('Transpose', [product], { perm })
}

/** Whether the mode repeats each element a whole number of times at whole scales, and does nothing else. */
function repeats({ node }: GradientContext): boolean {
  if (stringOf(node, 'mode', 'nearest') !== 'nearest' || intOf(node, 'antialias', 0) !== 0) return false
  const rounding = stringOf(node, 'nearest_mode', 'round_prefer_floor')
  switch (stringOf(node, 'coordinate_transformation_mode', 'half_pixel')) {
    case 'asymmetric':
    case 'tf_half_pixel_for_nn':
      return rounding === 'floor'
    case 'half_pixel':
    case 'half_pixel_symmetric':
    case 'pytorch_half_pixel':
      return rounding.startsWith('round')
    default:
      return false
  }
}

/** The scale of an axis, if it is a whole number above 1. */
function factorOf({ scale, from, to }: Axis): number | undefined {
  const factor = scale ?? (typeof from === 'number' && typeof to === 'number' ? to / from : undefined)
  return factor !== undefined && Number.isInteger(factor) && factor > 1 ? factor : undefined
}

/** dX is the sum over the copies of each element. */
function sumCopies(context: GradientContext, dY: string, x: string, axes: readonly Axis[]): string {
  const { emit, ints, extentsOf, shapeOf, reduce } = context
  const parts: (number | string)[] = []
  const copies: number[] = []
  extentsOf(x).forEach((extent, i) => {
    parts.push(typeof extent === 'number' ? extent : element(context, shapeOf(x), i))
    const resized = axes.find(({ axis }) => axis === i)
    if (resized === undefined) return
    copies.push(parts.length)
    parts.push(factorOf(resized)!)
  })
  const shape = parts.every((part) => typeof part === 'number')
    ? ints(parts)
    : emit(
        'Concat',
        parts.map((part) => (typeof part === 'number' ? ints([part]) : part)),
        { axis: 0 },
      )
  return reduce('ReduceSum', emit('Reshape', [dY, shape]), copies, false)
}

export const resize: Readonly<Record<string, GradientRule>> = {
  /** Resizing is linear, one axis after the other: dX is dY times the transposes of the interpolating matrices. */
  Resize(context) {
    const { node, emit, give, required, requiredGradient, extentsOf, constantOf, typeOf, refuse } = context
    const [dY, x] = [requiredGradient(0), required(0)]
    const policy = stringOf(node, 'keep_aspect_ratio_policy', 'stretch')
    if (policy !== 'stretch') refuse(`keep_aspect_ratio_policy ${policy} is not supported: give scales`)
    const [scales, sizes] = [listOf(context, 2), listOf(context, 3)]
    const [from, to] = [extentsOf(x), extentsOf(node.output[0]!)]
    const rank = from.length
    if (from.every((extent, axis) => extent === to[axis] && extent !== undefined)) {
      give(0, dY)
      return
    }
    const given = intsOf(node, 'axes') ?? from.map((_, axis) => axis)
    const factors = sizes === undefined ? constantOf(scales) : undefined
    const isCropped = stringOf(node, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize'
    const axes = given
      .map((axis, index): Axis => {
        const at = axis < 0 ? axis + rank : axis
        return { axis: at, index, from: from[at], to: to[at], scale: factors?.[index] }
      })
      .filter((axis) => {
        const isSame = sizes !== undefined && axis.from === axis.to && axis.from !== undefined
        return isCropped || !(axis.scale === 1 || isSame)
      })
    if (axes.length > 0 && repeats(context) && axes.every((axis) => factorOf(axis) !== undefined)) {
      give(0, sumCopies(context, dY, x, axes))
      return
    }
    const resized = { x, roi: listOf(context, 1), scales, sizes, count: given.length }
    const { dataType: type = dataType.float } = typeOf(x)
    let gradient = dY
    for (const axis of axes) {
      const matrix = interpolation(context, resized, axis)
      const cast = type === dataType.float ? matrix : emit('Cast', [matrix], { to: type })
      gradient = multiply(context, gradient, cast, axis.axis, rank)
    }
    give(0, gradient)
  },
}

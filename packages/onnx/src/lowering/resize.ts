import { floatOf, intOf, stringOf } from '../proto/attribute.js'
import type { LoweringRule, LoweringContext } from '../rewrite/nodeContext.js'

/** The weight of each input element in each output element along an axis, [output][input]. */
type Weights = Float64Array[]

interface AxisResize {
  readonly input: number
  readonly output: number
  readonly scale: number
}

/** The position of an output element among the input elements. */
function coordinate({ refuse }: LoweringContext, mode: string, axis: AxisResize, position: number): number {
  const { input, output, scale } = axis
  const centered = (position + 0.5) / scale - 0.5
  switch (mode) {
    case 'half_pixel':
      return centered
    case 'pytorch_half_pixel':
      return output > 1 ? centered : 0
    case 'half_pixel_symmetric':
      return (input / 2) * (1 - output / (scale * input)) + centered
    case 'asymmetric':
      return position / scale
    case 'align_corners':
      return output > 1 ? (position * (input - 1)) / (output - 1) : 0
    default:
      return refuse(`coordinate_transformation_mode ${mode} is not supported`)
  }
}

function nearest({ node, refuse }: LoweringContext, at: number): number {
  const mode = stringOf(node, 'nearest_mode', 'round_prefer_floor')
  switch (mode) {
    case 'round_prefer_floor':
      return Math.ceil(at - 0.5)
    case 'round_prefer_ceil':
      return Math.floor(at + 0.5)
    case 'floor':
      return Math.floor(at)
    case 'ceil':
      return Math.ceil(at)
    default:
      return refuse(`nearest_mode ${mode} is not supported`)
  }
}

/** Keys' cubic kernel at the four elements around a position, a fraction `t` after the second. */
function cubic(t: number, a: number): [number, number, number, number] {
  const near = (x: number): number => ((a + 2) * x - (a + 3)) * x * x + 1
  const far = (x: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
  return [far(1 + t), near(t), near(1 - t), far(2 - t)]
}

function interpolation(context: LoweringContext, axis: AxisResize): Weights {
  const { node, refuse } = context
  const mode = stringOf(node, 'mode', 'nearest')
  const coordinates = stringOf(node, 'coordinate_transformation_mode', 'half_pixel')
  const last = axis.input - 1
  const clamp = (index: number): number => Math.min(last, Math.max(0, index))
  return Array.from({ length: axis.output }, (_, position) => {
    const weights = new Float64Array(axis.input)
    const add = (index: number, weight: number): void => {
      weights[clamp(index)]! += weight
    }
    const at = coordinate(context, coordinates, axis, position)
    const below = Math.floor(at)
    if (mode === 'nearest') add(nearest(context, at), 1)
    else if (mode === 'linear') {
      const within = clamp(at)
      const floor = Math.min(Math.floor(within), Math.max(last - 1, 0))
      add(floor, 1 - (within - floor))
      add(floor + 1, within - floor)
    } else if (mode === 'cubic') {
      const kernel = cubic(at - below, floatOf(node, 'cubic_coeff_a', -0.75))
      const isInside = (i: number): boolean => below - 1 + i >= 0 && below - 1 + i <= last
      const excludes = intOf(node, 'exclude_outside', 0) !== 0
      const kept = kernel.map((weight, i) => (excludes && !isInside(i) ? 0 : weight))
      const total = excludes ? kept.reduce((a, b) => a + b, 0) : 1
      kept.forEach((weight, i) => add(below - 1 + i, weight / total))
    } else refuse(`mode ${mode} is not supported`)
    return weights
  })
}

/** Along each axis that was resized, the transpose of the matrix that interpolates. */
const resizeGrad: LoweringRule = (context) => {
  const { node, emit, required, input, output, reals, realTypeOf, extentsOf, constantOf, refuse } = context
  const [dY, x] = [required(0), required(1)]
  if (intOf(node, 'antialias', 0) !== 0) refuse('antialias is not supported')
  const type = realTypeOf(dY, x)
  const [from, to] = [extentsOf(x), extentsOf(dY)]
  const scales = constantOf(input(3))
  const rank = from.length
  let gradient = dY
  from.forEach((extent, axis) => {
    const resized = to[axis]
    const scale = scales?.[axis]
    // An axis that keeps its extent, such as the batch, need not be known.
    if (scale === 1 || (extent === resized && extent !== undefined && scale === undefined)) return
    if (typeof extent !== 'number' || typeof resized !== 'number') {
      refuse(`axis ${axis} is resized, and its extents are not known`)
      return
    }
    const weights = interpolation(context, {
      input: extent,
      output: resized,
      scale: scale ?? resized / extent,
    })
    const matrix = reals(
      weights.flatMap((row) => Array.from(row)),
      type,
      [resized, extent],
    )
    const perm = Array.from({ length: rank }, (_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i))
    const isLast = axis === rank - 1
    const product = emit('MatMul', [isLast ? gradient : emit('Transpose', [gradient], { perm }), matrix])
    gradient = isLast ? product : emit('Transpose', [product], { perm })
  })
  emit('Identity', [gradient], {}, output(0))
}

export const resize = { ResizeGrad: resizeGrad } satisfies Record<string, LoweringRule>

import { intOf } from '../proto/attribute.js'
import type { LoweringRule, LoweringContext } from '../rewrite/nodeContext.js'
import type { Extent } from '../rewrite/valueTypes.js'
import { known, reachOf, readWindow, spread, type Window } from './window.js'

/** A convolution and the gradient of its result. */
export interface Convolution {
  readonly window: Window
  readonly group: number
  /** X [N, C, …] and Y [N, M, …]. */
  readonly x: string
  readonly gradient: string
  /** W [M, C/group, …]. */
  readonly weights: readonly number[]
  readonly input: readonly Extent[]
  readonly positions: readonly Extent[]
}

function weightsOf({ extentsOf, refuse }: LoweringContext, weights: string): readonly number[] {
  return (
    known(extentsOf(weights)) ?? refuse(`the shape of its weights ${JSON.stringify(weights)} is not known`)
  )
}

/** The last extents of a value, unknown if the model does not say. */
function spatialOf({ typeOf }: LoweringContext, value: string, rank: number): readonly Extent[] {
  return typeOf(value).shape?.slice(2) ?? Array.from({ length: rank }, () => undefined)
}

function spatialAxes(rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => i + 2)
}

/** The sum over all axes but the channels. */
function biasGrad({ emit, ints }: LoweringContext, gradient: string, rank: number, output: string): void {
  emit('ReduceSum', [gradient, ints([0, ...spatialAxes(rank)])], { keepdims: 0 }, output)
}

/** Kernels of more elements than this are flipped by a Slice. */
const largestFlip = 64

/**
 * W with input and output channels swapped and the kernel flipped, for a convolution in the other direction. A product
 * with a matrix that reverses order takes half the time of a Slice with steps of −1, and is as exact.
 */
function turned(
  { emit, ints, reals, realTypeOf }: LoweringContext,
  weights: string,
  shape: readonly number[],
  group: number,
): string {
  const [m, c, ...kernel] = shape as [number, number, ...number[]]
  const size = kernel.reduce((product, k) => product * k, 1)
  const swapped = emit('Transpose', [emit('Reshape', [weights, ints([group, m / group, c, size])])], {
    perm: [0, 2, 1, 3],
  })
  const turnedShape = ints([group * c, m / group, ...kernel])
  if (size === 1) return emit('Reshape', [swapped, turnedShape])
  if (size <= largestFlip) {
    const reversal = Array.from({ length: size * size }, (_, i) =>
      Number(Math.floor(i / size) + (i % size) === size - 1),
    )
    const matrix = reals(reversal, realTypeOf(weights), [size, size])
    return emit('Reshape', [emit('MatMul', [swapped, matrix]), turnedShape])
  }
  const backwards = ['-1', '-9223372036854775808', '3', '-1'].map((value) => ints([BigInt(value)]))
  return emit('Reshape', [emit('Slice', [swapped, ...backwards]), turnedShape])
}

/** Writes dW in another way; returns whether it could. */
export type WeightGrad = (context: LoweringContext, convolution: Convolution, output: string) => boolean

/** dX: at stride 1 a convolution with the flipped weights, which is much faster; otherwise a transposed convolution. */
function inputGrad(
  context: LoweringContext,
  convolution: Convolution,
  weights: string,
  output: string,
): void {
  const { emit } = context
  const { window, group, gradient } = convolution
  const { strides, dilations, begins, ends } = window
  const margin = reachOf(window).map((reach) => reach - 1)
  const fits = margin.every((extent, i) => begins[i]! <= extent && ends[i]! <= extent)
  if (fits && strides.every((stride) => stride === 1)) {
    const pads = [
      ...margin.map((extent, i) => extent - begins[i]!),
      ...margin.map((extent, i) => extent - ends[i]!),
    ]
    const other = turned(context, weights, convolution.weights, group)
    emit('Conv', [gradient, other], { pads, dilations, group, kernel_shape: window.kernel }, output)
    return
  }
  spread(context, window, {
    gradient,
    weights,
    group,
    positions: convolution.positions,
    spatial: convolution.input,
    like: convolution.x,
    output,
  })
}

/**
 * dW: every element of the kernel sees a strided slice of X, and its gradient is the product of that slice with dY.
 * With the first two axes of X swapped, the slices are matrices, and together form one.
 */
function weightGrad(context: LoweringContext, convolution: Convolution, output: string): void {
  const { emit, ints } = context
  const { window, group, x, gradient, weights } = convolution
  const { kernel, strides, dilations, begins, ends } = window
  const [m, c] = weights as [number, number]
  const rank = kernel.length
  const axes = spatialAxes(rank)
  const size = kernel.reduce((product, k) => product * k, 1)
  const reach = reachOf(window)
  const finish = (matrix: string): void => {
    emit('Reshape', [matrix, ints(weights)], {}, output)
  }

  const isPadded = [...begins, ...ends].some((pad) => pad !== 0)
  const isWhole =
    convolution.input.every((extent, i) => extent === kernel[i]) && dilations.every((d) => d === 1)
  if (group === 1 && !isPadded && isWhole) {
    // The kernel covers all of X, so X itself is the matrix.
    const rows = emit('Reshape', [gradient, ints([-1, m])])
    finish(emit('Gemm', [rows, emit('Reshape', [x, ints([-1, c * size])])], { transA: 1 }))
    return
  }

  const padded = isPadded ? emit('Pad', [x, ints([0, 0, ...begins, 0, 0, ...ends])]) : x
  const swap = [1, 0, ...axes]
  let source = emit('Transpose', [padded], { perm: swap })
  // Elements that the last window does not reach are cut off, so that slices can be counted from the end.
  const input = known(convolution.input)
  const extents = input?.map((extent, i) => extent + begins[i]! + ends[i]!)
  const positions = extents?.map((extent, i) => Math.floor((extent - reach[i]!) / strides[i]!) + 1)
  const used = positions?.map((count, i) => strides[i]! * (count - 1) + reach[i]!)
  if (used === undefined && strides.some((stride) => stride > 1)) {
    const counts = emit('Slice', [emit('Shape', [gradient]), ints([2]), ints([rank + 2])])
    const reached = emit('Add', [
      emit('Mul', [counts, ints(strides)]),
      ints(reach.map((extent, i) => extent - strides[i]!)),
    ])
    source = emit('Slice', [source, ints(axes.map(() => 0)), reached, ints(axes)])
  }
  const slices = Array.from({ length: size }, (_, flat) => {
    const starts: number[] = []
    const stops: number[] = []
    let rest = flat
    for (let i = rank - 1; i >= 0; i--) {
      const position = rest % kernel[i]!
      rest = Math.floor(rest / kernel[i]!)
      starts[i] = dilations[i]! * position
      const beyond = dilations[i]! * (kernel[i]! - 1 - position)
      stops[i] = used ? used[i]! - beyond : beyond === 0 ? 2 ** 31 : -beyond
    }
    const isAll = size === 1 && strides.every((stride) => stride === 1)
    return isAll ? source : emit('Slice', [source, ints(starts), ints(stops), ints(axes), ints(strides)])
  })
  const rows = emit('Transpose', [gradient], { perm: swap })
  finish(productOf(context, convolution, slices, rows, positions))
}

/**
 * The products of the slices of X with dY, [M, C/group · size]. Where there are more positions than output channels, the
 * results are smaller than the slices, so that each slice has a product of its own: joining results costs less.
 */
function productOf(
  { emit, ints }: LoweringContext,
  { group, weights: [m = 0, c = 0] }: Convolution,
  slices: readonly string[],
  rows: string,
  positions: readonly number[] | undefined,
): string {
  const size = slices.length
  const isLong = positions !== undefined && positions.reduce((product, count) => product * count, 1) > m
  if (group === 1 && size > 1 && isLong) {
    const left = emit('Reshape', [rows, ints([m, -1])])
    const products = slices.map((slice) => {
      const product = emit('Gemm', [left, emit('Reshape', [slice, ints([c, -1])])], { transB: 1 })
      return emit('Reshape', [product, ints([m, c, 1])])
    })
    return emit('Concat', products, { axis: 2 })
  }
  const columns = slices.map((slice) => emit('Reshape', [slice, ints([group * c, 1, -1])]))
  const column = columns.length === 1 ? columns[0]! : emit('Concat', columns, { axis: 1 })
  if (group === 1) {
    const matrices = [emit('Reshape', [rows, ints([m, -1])]), emit('Reshape', [column, ints([c * size, -1])])]
    return emit('Gemm', matrices, { transB: 1 })
  }
  const matrices = [
    emit('Reshape', [rows, ints([group, m / group, -1])]),
    emit('Reshape', [column, ints([group, c * size, -1])]),
  ]
  return emit('com.microsoft:FusedMatMul', matrices, { transB: 1 })
}

const convGrad = (context: LoweringContext, otherwise: WeightGrad): void => {
  const { node, required, output } = context
  const [gradient, x, w] = [required(0), required(1), required(2)]
  const weights = weightsOf(context, w)
  const kernel = weights.slice(2)
  const input = spatialOf(context, x, kernel.length)
  const convolution: Convolution = {
    window: readWindow(context, kernel, input),
    group: intOf(node, 'group', 1),
    x,
    gradient,
    weights,
    input,
    positions: spatialOf(context, gradient, kernel.length),
  }
  const [dX, dW, dB] = [output(0), output(1), output(2)]
  if (dX) inputGrad(context, convolution, w, dX)
  if (dW && !otherwise(context, convolution, dW)) weightGrad(context, convolution, dW)
  if (dB) biasGrad(context, gradient, kernel.length, dB)
}

/** A transposed convolution is a convolution with input and output swapped, and so are their gradients. */
const convTransposeGrad = (context: LoweringContext, otherwise: WeightGrad): void => {
  const { node, emit, required, output, refuse } = context
  const [gradient, x, w] = [required(0), required(1), required(2)]
  const weights = weightsOf(context, w)
  const kernel = weights.slice(2)
  if (node.attribute.some(({ name, ints }) => name === 'output_shape' && ints.length > 0)) {
    refuse('output_shape is not supported: give pads and output_padding')
  }
  const positions = spatialOf(context, gradient, kernel.length)
  const window = readWindow(context, kernel, positions)
  const group = intOf(node, 'group', 1)
  const [dX, dW, dB] = [output(0), output(1), output(2)]
  if (dX) {
    const { strides, dilations, begins, ends } = window
    emit(
      'Conv',
      [gradient, w],
      { strides, dilations, pads: [...begins, ...ends], group, kernel_shape: kernel },
      dX,
    )
  }
  if (dW) {
    const swapped: Convolution = {
      window,
      group,
      x: gradient,
      gradient: x,
      weights,
      input: positions,
      positions: spatialOf(context, x, kernel.length),
    }
    if (!otherwise(context, swapped, dW)) weightGrad(context, swapped, dW)
  }
  if (dB) biasGrad(context, gradient, kernel.length, dB)
}

/**
 * Rows for the gradients of convolutions.
 *
 * @param otherwise is asked first for the gradient of the weights
 */
export function convolutionRows(otherwise: WeightGrad = () => false) {
  return {
    ConvGrad: (context) => convGrad(context, otherwise),
    ConvTransposeGrad: (context) => convTransposeGrad(context, otherwise),
  } satisfies Record<string, LoweringRule>
}

export const convolution = convolutionRows()

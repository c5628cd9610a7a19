import { intOf } from '../proto/attribute.js'
import type { LoweringRule, LoweringContext } from '../rewrite/nodeContext.js'
import type { Extent } from '../rewrite/valueTypes.js'
import { known, reachOf, readWindow, spread, type Window } from './window.js'

interface Convolution {
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

/** W with input and output channels swapped and the kernel flipped, for a convolution in the other direction. */
function turned(
  { emit, ints }: LoweringContext,
  weights: string,
  shape: readonly number[],
  group: number,
): string {
  const [m, c, ...kernel] = shape as [number, number, ...number[]]
  const axes = spatialAxes(kernel.length)
  let swapped: string
  if (group === 1) swapped = emit('Transpose', [weights], { perm: [1, 0, ...axes] })
  else {
    const grouped = emit('Reshape', [weights, ints([group, m / group, c, ...kernel])])
    const transposed = emit('Transpose', [grouped], { perm: [0, 2, 1, ...axes.map((axis) => axis + 1)] })
    swapped = emit('Reshape', [transposed, ints([group * c, m / group, ...kernel])])
  }
  const flipped = axes.filter((_, i) => kernel[i]! > 1)
  if (flipped.length === 0) return swapped
  const each = (value: number | bigint): string => ints(flipped.map(() => value))
  return emit('Slice', [swapped, each(-1), each(-9223372036854775808n), ints(flipped), each(-1)])
}

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
 * With the first two axes of X swapped, the slices form one matrix, so that a single product suffices.
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
  const columns = Array.from({ length: size }, (_, flat) => {
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
    const slice = isAll
      ? source
      : emit('Slice', [source, ints(starts), ints(stops), ints(axes), ints(strides)])
    return emit('Reshape', [slice, ints([group * c, 1, -1])])
  })
  const column = columns.length === 1 ? columns[0]! : emit('Concat', columns, { axis: 1 })
  const rows = emit('Transpose', [gradient], { perm: swap })
  if (group === 1) {
    const matrices = [emit('Reshape', [rows, ints([m, -1])]), emit('Reshape', [column, ints([c * size, -1])])]
    finish(emit('Gemm', matrices, { transB: 1 }))
  } else {
    const matrices = [
      emit('Reshape', [rows, ints([group, m / group, -1])]),
      emit('Reshape', [column, ints([group, c * size, -1])]),
    ]
    finish(emit('com.microsoft:FusedMatMul', matrices, { transB: 1 }))
  }
}

const convGrad: LoweringRule = (context) => {
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
  if (dW) weightGrad(context, convolution, dW)
  if (dB) biasGrad(context, gradient, kernel.length, dB)
}

/** A transposed convolution is a convolution with input and output swapped, and so are their gradients. */
const convTransposeGrad: LoweringRule = (context) => {
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
    weightGrad(context, swapped, dW)
  }
  if (dB) biasGrad(context, gradient, kernel.length, dB)
}

export const convolution = { ConvGrad: convGrad, ConvTransposeGrad: convTransposeGrad } satisfies Record<
  string,
  LoweringRule
>

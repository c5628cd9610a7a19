import { intOf, intsOf, stringOf } from '../proto/attribute.js'
import { operationsOf, type Operations } from '../rewrite/operations.js'
import type { GradientContext, GradientRule } from './context.js'
import { reshapeLike } from './shape.js'

/** Coordinates of samples, in pixels: [batch, 1, samples]. */
interface Points {
  readonly x: string
  readonly y: string
}

/** One of the pixels around a sample. */
interface Corner {
  /** Where it is, for every channel: [batch, channels, samples]. */
  readonly index: string
  /** Its weight, and the derivatives of the weight along the two axes: [batch, 1, samples]. */
  readonly weight: string
  readonly alongX: string
  readonly alongY: string
}

/** An image as a list of pixels, [batch, channels, height·width], and its extents as reals. */
interface Pixels {
  readonly values: string
  readonly width: string
  readonly height: string
  /** The shape of samples, as [batch, channels, samples]. */
  readonly sampled: string
}

interface Sampling extends Operations {
  readonly context: GradientContext
  readonly type: number
}

/**
 * The pixels around samples, weighted by bilinear interpolation, or the nearest one. Pixels outside the image have no
 * weight.
 */
function cornersOf(sampling: Sampling, image: Pixels, points: Points, isNearest: boolean): Corner[] {
  const { context, type, add, sub, mul, real, unary, is } = sampling
  const { emit } = context
  const one = real(1)
  const inside = (at: string, size: string): string => {
    const both = emit('And', [is('GreaterOrEqual', at, real(0)), is('Less', at, size)])
    return emit('Cast', [both], { to: type })
  }
  const clamped = (at: string, size: string): string =>
    emit('Max', [emit('Min', [at, sub(size, one)]), real(0)])
  const corner = (x: string, y: string, wx: string, wy: string, sx: number, sy: number): Corner => {
    const there = mul(inside(x, image.width), inside(y, image.height))
    const flat = add(mul(clamped(y, image.height), image.width), clamped(x, image.width))
    const index = emit('Expand', [emit('Cast', [flat], { to: 7 }), image.sampled])
    return {
      index,
      weight: mul(there, mul(wx, wy)),
      alongX: mul(there, mul(wy, real(sx))),
      alongY: mul(there, mul(wx, real(sy))),
    }
  }
  if (isNearest) {
    return [corner(unary('Round', points.x), unary('Round', points.y), one, one, 0, 0)]
  }
  const [left, top] = [unary('Floor', points.x), unary('Floor', points.y)]
  const [right, bottom] = [add(left, one), add(top, one)]
  const [fromLeft, fromTop] = [sub(points.x, left), sub(points.y, top)]
  const [fromRight, fromBottom] = [sub(one, fromLeft), sub(one, fromTop)]
  return [
    corner(left, top, fromRight, fromBottom, -1, -1),
    corner(right, top, fromLeft, fromBottom, 1, -1),
    corner(left, bottom, fromRight, fromTop, -1, 1),
    corner(right, bottom, fromLeft, fromTop, 1, 1),
  ]
}

/** Σ factor·pixel over the corners: [batch, channels, samples]. */
function weighted(
  { context: { emit }, mul }: Sampling,
  image: Pixels,
  corners: readonly Corner[],
  factor: 'weight' | 'alongX' | 'alongY',
): string {
  const parts = corners.map((corner) =>
    mul(emit('GatherElements', [image.values, corner.index], { axis: 2 }), corner[factor]),
  )
  return parts.length === 1 ? parts[0]! : emit('Sum', parts)
}

/** The gradient of the pixels from that of the samples. */
function scattered(
  { context, mul }: Sampling,
  image: Pixels,
  corners: readonly Corner[],
  dSamples: string,
): string {
  const { emit } = context
  const shape = emit('Shape', [image.values])
  const parts = corners.map(({ index, weight }) =>
    emit('com.microsoft:GatherElementsGrad', [mul(dSamples, weight), shape, index], { axis: 2 }),
  )
  return parts.length === 1 ? parts[0]! : emit('Sum', parts)
}

function samplingOf(context: GradientContext, x: string): Sampling {
  const type = context.realTypeOf(x)
  return { ...operationsOf(context, type), context, type }
}

/** The last two extents of a value, as reals. */
function extents(
  { context, type }: Sampling,
  x: string,
): { readonly width: string; readonly height: string } {
  const { emit, int, shapeOf } = context
  const extent = (axis: number): string =>
    emit('Cast', [emit('Gather', [shapeOf(x), int(axis)])], { to: type })
  return { height: extent(2), width: extent(3) }
}

/**
 * Folds a coordinate into the image, at the centres of its outermost pixels or at their outer edges. The slope is −1 where
 * the image is seen reversed.
 */
function reflected(
  { add, sub, mul, div, unary, is, where, real }: Sampling,
  at: string,
  size: string,
  isAligned: boolean,
): { readonly at: string; readonly slope: string } {
  const low = real(isAligned ? 0 : -0.5)
  const span = isAligned ? sub(size, real(1)) : size
  // With a single pixel between its own centres there is nothing to fold.
  const length = where(is('Equal', span, real(0)), real(1), span)
  const offset = sub(at, low)
  const distance = unary('Abs', offset)
  const folds = unary('Floor', div(distance, length))
  const rest = sub(distance, mul(folds, length))
  const isEven = is('Equal', folds, mul(real(2), unary('Floor', mul(folds, real(0.5)))))
  return {
    at: add(low, where(isEven, rest, sub(span, rest))),
    slope: mul(unary('Sign', offset), where(isEven, real(1), real(-1))),
  }
}

/** Samples of images at the points of a grid, whose coordinates go from −1 to 1. */
function gridSample(context: GradientContext): void {
  const { node, emit, give, wants, ints, int, required, requiredGradient, rankOf, refuse, reduce } = context
  const [x, grid, dY] = [required(0), required(1), requiredGradient(0)]
  const mode = stringOf(node, 'mode', 'linear')
  const padding = stringOf(node, 'padding_mode', 'zeros')
  if (rankOf(x) !== 4) refuse('samples of volumes have no gradient rule, only those of images')
  if (mode === 'cubic' || mode === 'bicubic') refuse('cubic interpolation has no gradient rule')
  const sampling = samplingOf(context, x)
  const { add, sub, mul, real, is } = sampling
  const { width, height } = extents(sampling, x)
  const flat = (value: string): string => emit('Reshape', [value, ints([0, 0, -1])])
  const dSamples = flat(dY)
  const image: Pixels = { values: flat(x), width, height, sampled: emit('Shape', [dSamples]) }
  const isAligned = intOf(node, 'align_corners', 0) !== 0

  const scaleOf = (size: string): string => mul(isAligned ? sub(size, real(1)) : size, real(0.5))
  const axisOf = (index: number, size: string) => {
    const coordinate = emit('Reshape', [emit('Gather', [grid, int(index)], { axis: 3 }), ints([0, 1, -1])])
    const scaled = mul(add(coordinate, real(1)), scaleOf(size))
    const at = isAligned ? scaled : sub(scaled, real(0.5))
    if (padding === 'zeros') return { at, slope: scaleOf(size) }
    const inner = padding === 'reflection' ? reflected(sampling, at, size, isAligned) : { at, slope: real(1) }
    const end = sub(size, real(1))
    const isWithin = emit('And', [is('GreaterOrEqual', inner.at, real(0)), is('LessOrEqual', inner.at, end)])
    const within = emit('Cast', [isWithin], { to: sampling.type })
    return {
      at: emit('Max', [emit('Min', [inner.at, end]), real(0)]),
      slope: mul(within, inner.slope, scaleOf(size)),
    }
  }
  const [across, down] = [axisOf(0, width), axisOf(1, height)]
  const corners = cornersOf(sampling, image, { x: across.at, y: down.at }, mode === 'nearest')
  if (wants(0)) give(0, reshapeLike(context, scattered(sampling, image, corners, dSamples), x))
  if (!wants(1)) return
  const parts = [
    [across, 'alongX'],
    [down, 'alongY'],
  ] as const
  const columns = parts.map(([{ slope }, factor]) => {
    const total = reduce('ReduceSum', mul(dSamples, weighted(sampling, image, corners, factor)), [1])
    return emit('Unsqueeze', [mul(total, slope), ints([3])])
  })
  give(1, reshapeLike(context, emit('Concat', columns, { axis: 3 }), grid))
}

/** The extents and attributes of a deformable convolution. */
interface Deformable {
  readonly batch: number
  readonly channels: number
  readonly groups: number
  readonly offsetGroups: number
  /** The positions in the kernel and in the result. */
  readonly kernel: readonly [number, number]
  readonly result: readonly [number, number]
}

function deformableOf(context: GradientContext): Deformable {
  const { node, required, refuse, extentsOf } = context
  const numbers = (name: string): number[] =>
    extentsOf(name).map((extent) =>
      typeof extent === 'number' ? extent : refuse(`the extents of ${JSON.stringify(name)} must be known`),
    )
  const [x, w, y] = [numbers(required(0)), numbers(required(1)), numbers(node.output[0]!)]
  if (x.length !== 4) refuse('only convolutions of images have a gradient rule')
  return {
    batch: x[0]!,
    channels: x[1]!,
    groups: intOf(node, 'group', 1),
    offsetGroups: intOf(node, 'offset_group', 1),
    kernel: [w[2]!, w[3]!],
    result: [y[2]!, y[3]!],
  }
}

/** The pixel of each position of the kernel and of the result, without offsets. */
function basePoints({ node, reals }: GradientContext, type: number, { kernel, result }: Deformable): Points {
  const strides = intsOf(node, 'strides') ?? [1, 1]
  const dilations = intsOf(node, 'dilations') ?? [1, 1]
  const pads = intsOf(node, 'pads') ?? [0, 0, 0, 0]
  const [x, y]: [number[], number[]] = [[], []]
  for (let i = 0; i < kernel[0]; i++) {
    for (let j = 0; j < kernel[1]; j++) {
      for (let row = 0; row < result[0]; row++) {
        for (let column = 0; column < result[1]; column++) {
          y.push(row * strides[0]! - pads[0]! + i * dilations[0]!)
          x.push(column * strides[1]! - pads[1]! + j * dilations[1]!)
        }
      }
    }
  }
  return { x: reals(x, type, [1, 1, x.length]), y: reals(y, type, [1, 1, y.length]) }
}

/**
 * A convolution whose kernel samples the image beside its usual positions. The samples are columns: Y = W·columns, so
 * dW = dY·columnsᵀ and d columns = Wᵀ·dY. Dai et al., arXiv:1703.06211; Zhu et al., arXiv:1811.11168.
 */
function deformConv(context: GradientContext): void {
  const { emit, give, wants, ints, required, requiredGradient, input, reduce } = context
  const [x, w, offsets, mask, dY] = [required(0), required(1), required(2), input(4), requiredGradient(0)]
  const form = deformableOf(context)
  const { batch, channels, groups, offsetGroups, kernel, result } = form
  const [places, positions] = [kernel[0] * kernel[1], result[0] * result[1]]
  const [blocks, samples] = [batch * offsetGroups, places * positions]
  const sampling = samplingOf(context, x)
  const { add, mul } = sampling
  const shaped = (value: string, ...dims: readonly number[]): string => emit('Reshape', [value, ints(dims)])

  const pairs = shaped(offsets, blocks, places, 2, positions)
  const offset = (index: number): string =>
    shaped(emit('Gather', [pairs, ints([index])], { axis: 2 }), blocks, 1, samples)
  const base = basePoints(context, sampling.type, form)
  const points = { x: add(base.x, offset(1)), y: add(base.y, offset(0)) }
  const image: Pixels = {
    ...extents(sampling, x),
    values: shaped(x, blocks, channels / offsetGroups, -1),
    sampled: ints([blocks, channels / offsetGroups, samples]),
  }
  const corners = cornersOf(sampling, image, points, false)
  const sampled = weighted(sampling, image, corners, 'weight')
  const factor = mask === undefined ? undefined : shaped(mask, blocks, 1, samples)
  const masked = (value: string): string => (factor === undefined ? value : mul(value, factor))

  const inGroups = shaped(dY, batch, groups, -1, positions)
  if (wants(1)) {
    const columns = shaped(masked(sampled), batch, groups, -1, positions)
    const products = emit('MatMul', [inGroups, emit('Transpose', [columns], { perm: [0, 1, 3, 2] })])
    give(1, reshapeLike(context, reduce('ReduceSum', products, [0], false), w))
  }
  if (wants(3)) give(3, reduce('ReduceSum', dY, [0, 2, 3], false))
  if (![0, 2, 4].some(wants)) return
  const rows = shaped(w, groups, -1, (channels / groups) * places)
  const dColumns = emit('MatMul', [emit('Transpose', [rows], { perm: [0, 2, 1] }), inGroups])
  const dMasked = shaped(dColumns, blocks, channels / offsetGroups, samples)
  if (mask !== undefined && wants(4)) {
    give(4, reshapeLike(context, reduce('ReduceSum', mul(dMasked, sampled), [1]), mask))
  }
  const dSamples = masked(dMasked)
  if (wants(0)) give(0, reshapeLike(context, scattered(sampling, image, corners, dSamples), x))
  if (!wants(2)) return
  const along = (['alongY', 'alongX'] as const).map((axis) => {
    const total = reduce('ReduceSum', mul(dSamples, weighted(sampling, image, corners, axis)), [1])
    return shaped(total, blocks, places, 1, positions)
  })
  give(2, reshapeLike(context, emit('Concat', along, { axis: 2 }), offsets))
}

/** Rules of operators that sample images between their pixels. */
export const sampling: Readonly<Record<string, GradientRule>> = {
  GridSample: gridSample,
  DeformConv: deformConv,
}

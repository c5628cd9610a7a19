import { intOf, intsOf, stringOf } from '../proto/attribute.js'
import type { LoweringRule, LoweringContext } from '../rewrite/nodeContext.js'
import { zerosOf } from '../rewrite/operations.js'
import type { Extent } from '../rewrite/valueTypes.js'
import { known, reachOf, readWindow, spread, type Window } from './window.js'

/** Sums dY at the positions of the maxima, which are flat indices into X. */
const maxPoolGrad: LoweringRule = (context) => {
  const { node, emit, required, output, ints, producerOf, typeOf, realTypeOf, refuse } = context
  const [dY, indices] = [required(0), required(1)]
  if (intOf(node, 'storage_order', 0) !== 0) refuse('storage_order 1 is not supported')
  const x = producerOf(indices)?.input[0] ?? refuse(`no MaxPool makes its indices ${JSON.stringify(indices)}`)
  const kernel = intsOf(node, 'kernel_shape') ?? refuse('kernel_shape is missing')
  const { strides, ...window } = readWindow(context, kernel, typeOf(x).shape?.slice(2) ?? [])
  const reach = reachOf({ ...window, strides })
  const overlaps = reach.some((extent, i) => extent > strides[i]!)

  const shape = emit('Shape', [x])
  const flat = (value: string): string => emit('Reshape', [value, ints([-1])])
  const zeros = zerosOf(context, emit('ReduceProd', [shape], { keepdims: 1 }), realTypeOf(dY, x))
  const added = emit('ScatterElements', [zeros, flat(indices), flat(dY)], {
    axis: 0,
    ...(overlaps ? { reduction: 'add' } : {}),
  })
  emit('Reshape', [added, shape], {}, output(0))
}

/** The number of elements that each window averages: without the padding, or with it but not beyond. */
function windowCounts(
  window: Window,
  spatial: readonly number[],
  positions: readonly number[],
  padding: boolean,
): number[] {
  const { kernel, strides, dilations, begins, ends } = window
  const byAxis = positions.map((count, axis) =>
    Array.from({ length: count }, (_, position) => {
      const start = position * strides[axis]! - begins[axis]!
      const [from, to] = padding ? [-begins[axis]!, spatial[axis]! + ends[axis]!] : [0, spatial[axis]!]
      let inside = 0
      for (let k = 0; k < kernel[axis]!; k++) {
        const at = start + k * dilations[axis]!
        if (at >= from && at < to) inside++
      }
      return inside
    }),
  )
  return byAxis.reduce<number[]>((counts, axis) => counts.flatMap((a) => axis.map((b) => a * b)), [1])
}

/** A gradient by the windows of a pool, and the known shape of the pooled value. */
export interface Pooled {
  readonly gradient: string
  /** The extents of the gradient, as far as they are known. */
  readonly positions: readonly Extent[]
  /** The extents that the windows slide over, as far as they are known, and a value that has them. */
  readonly spatial: readonly Extent[]
  readonly like: string | undefined
}

/** Divides dY by the size of each window and spreads it over the windows. */
export function spreadAverage(
  context: LoweringContext,
  { gradient, positions, spatial, like }: Pooled,
  output?: string,
): string {
  const { node, emit, ints, reals, realTypeOf, refuse } = context
  const type = realTypeOf(gradient, like)
  const kernel = intsOf(node, 'kernel_shape') ?? refuse('kernel_shape is missing')
  const window = readWindow(context, kernel, spatial)
  const { strides, dilations, begins, ends } = window
  if (
    stringOf(node, 'auto_pad', '').startsWith('SAME') &&
    dilations.some((dilation, i) => dilation > 1 && kernel[i]! > 1)
  ) {
    refuse('auto_pad with dilations, where the runtime pads for a window without them: give pads')
  }
  const includesPadding = intOf(node, 'count_include_pad', 0) !== 0
  const isPadded = [...begins, ...ends].some((pad) => pad !== 0)
  const roundsUp = intOf(node, 'ceil_mode', 0) !== 0
  const size = kernel.reduce((product, k) => product * k, 1)

  let shared: string
  const [knownSpatial, knownPositions] = [known(spatial), known(positions)]
  if (!roundsUp && (includesPadding || !isPadded)) shared = emit('Div', [gradient, reals([size], type)])
  else if (knownSpatial && knownPositions) {
    const counts = windowCounts(window, knownSpatial, knownPositions, includesPadding)
    shared = emit('Div', [gradient, reals(counts, type, [1, 1, ...knownPositions])])
  } else if (like !== undefined) {
    // A convolution with ones counts. Elements of the last windows beyond the pads, which rounding up adds, count as
    // nothing.
    const extent = emit('Slice', [emit('Shape', [like]), ints([2]), ints([kernel.length + 2])])
    const inside = emit('Expand', [reals([1], type), emit('Concat', [ints([1, 1]), extent], { axis: 0 })])
    const isCounted = includesPadding && isPadded
    const covered = isCounted
      ? emit('Pad', [inside, ints([0, 0, ...begins, 0, 0, ...ends]), reals([1], type)])
      : inside
    const beyond = strides.map((stride) => (roundsUp ? stride - 1 : 0))
    const pads = isCounted
      ? [...begins.map(() => 0), ...beyond]
      : [...begins, ...ends.map((end, i) => end + beyond[i]!)]
    const attributes = { strides, dilations, pads, kernel_shape: kernel }
    const counts = emit('Conv', [covered, onesOf(context, kernel, type)], attributes)
    shared = emit('Div', [gradient, roundsUp ? cropped(context, counts, gradient, kernel.length) : counts])
  } else return refuse('the extents that it averages over are not known')
  return spreadChannels(context, window, { gradient: shared, positions, spatial, like, type }, output)
}

/** A summing kernel of one channel. */
function onesOf({ reals }: LoweringContext, kernel: readonly number[], type: number): string {
  const size = kernel.reduce((product, k) => product * k, 1)
  return reals(new Array<number>(size).fill(1), type, [1, 1, ...kernel])
}

/** Sums, at every position, the values of the windows over it. */
export function spreadChannels(
  context: LoweringContext,
  window: Window,
  given: Pooled & { readonly type: number },
  output?: string,
): string {
  const { emit, ints } = context
  const { gradient, positions, spatial, like, type } = given
  const spatialShape = (value: string): string =>
    emit('Slice', [emit('Shape', [value]), ints([2]), ints([window.kernel.length + 2])])
  // Channels are processed one by one, as if each were an image of its own.
  const single = emit('Reshape', [
    gradient,
    emit('Concat', [ints([-1, 1]), spatialShape(gradient)], { axis: 0 }),
  ])
  const result = spread(context, window, {
    gradient: single,
    weights: onesOf(context, window.kernel, type),
    group: 1,
    positions,
    spatial,
    like,
    output: undefined,
  })
  const leading = emit('Slice', [emit('Shape', [gradient]), ints([0]), ints([2])])
  const shape = emit('Concat', [leading, spatialShape(result)], { axis: 0 })
  return emit('Reshape', [result, shape], {}, output)
}

const averagePoolGrad: LoweringRule = (context) => {
  const { node, required, output, typeOf } = context
  const gradient = required(0)
  const dX = output(0)
  if (dX === undefined) return
  const like = pooledBy(context, gradient, dX)
  const extents = typeOf(dX).shape ?? (like === undefined ? undefined : typeOf(like).shape)
  const unknown = (intsOf(node, 'kernel_shape') ?? []).map((): Extent => undefined)
  const spatial = extents?.slice(2) ?? unknown
  const positions = typeOf(gradient).shape?.slice(2) ?? unknown
  spreadAverage(context, { gradient, positions, spatial, like }, dX)
}

/** The first positions of a value, as many as another has. */
function cropped({ emit, ints }: LoweringContext, value: string, like: string, rank: number): string {
  const axes = Array.from({ length: rank }, (_, i) => i + 2)
  const ends = emit('Slice', [emit('Shape', [like]), ints([2]), ints([rank + 2])])
  return emit('Slice', [value, ints(axes.map(() => 0)), ends, ints(axes)])
}

/** Finds the pooled value by its name, because the node has only the gradients. */
function pooledBy({ typeOf, producerOf }: LoweringContext, dY: string, dX: string): string | undefined {
  const y = dY.replace(/_grad$/, '')
  const pool = y === dY ? undefined : producerOf(y)
  if (pool?.opType === 'AveragePool') return pool.input[0]
  const x = dX.replace(/_grad$/, '')
  return x !== dX && (typeOf(x).shape !== undefined || producerOf(x)) ? x : undefined
}

export const pooling = { MaxPoolGrad: maxPoolGrad, AveragePoolGrad: averagePoolGrad } satisfies Record<
  string,
  LoweringRule
>

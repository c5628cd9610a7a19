import { intOf, intsOf, stringOf } from '../onnx/attribute.js'
import type { Lowering, LoweringContext } from './context.js'
import { zerosOf } from './gather.js'
import type { Extent } from './shapes.js'
import { known, reachOf, readWindow, spread, type Window } from './window.js'

/** Adds dY up at the positions of the maxima, which count over all of X. */
const maxPoolGrad: Lowering = (context) => {
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

/** How many elements each window averages: without the padding, or with it but not beyond. */
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

/** dY divided by the size of each window, spread over the windows. */
const averagePoolGrad: Lowering = (context) => {
  const { node, emit, required, output, ints, reals, typeOf, realTypeOf, refuse } = context
  const dY = required(0)
  const dX = output(0)
  if (dX === undefined) return
  const type = realTypeOf(dY)
  const kernel = intsOf(node, 'kernel_shape') ?? refuse('kernel_shape is missing')
  const like = pooledBy(context, dY, dX)
  const unknown = kernel.map((): Extent => undefined)
  const extents = typeOf(dX).shape ?? (like === undefined ? undefined : typeOf(like).shape)
  const spatial = extents?.slice(2) ?? unknown
  const positions = typeOf(dY).shape?.slice(2) ?? unknown
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
  const ones = reals(new Array<number>(size).fill(1), type, [1, 1, ...kernel])

  let shared: string
  const [knownSpatial, knownPositions] = [known(spatial), known(positions)]
  if (!roundsUp && (includesPadding || !isPadded)) shared = emit('Div', [dY, reals([size], type)])
  else if (knownSpatial && knownPositions) {
    const counts = windowCounts(window, knownSpatial, knownPositions, includesPadding)
    shared = emit('Div', [dY, reals(counts, type, [1, 1, ...knownPositions])])
  } else if (like !== undefined) {
    // A convolution of ones counts. What the last windows reach beyond the pads when rounded up counts nothing.
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
    const counts = emit('Conv', [covered, ones], attributes)
    shared = emit('Div', [dY, roundsUp ? cropped(context, counts, dY, kernel.length) : counts])
  } else return refuse('the extents that it averages over are not known')

  // Channels one by one: as though each were an image of its own.
  const shape = emit('Shape', [shared])
  const single = emit('Reshape', [
    shared,
    emit('Concat', [ints([-1, 1]), emit('Slice', [shape, ints([2]), ints([kernel.length + 2])])], {
      axis: 0,
    }),
  ])
  const result = spread(context, window, {
    gradient: single,
    weights: ones,
    group: 1,
    positions,
    spatial,
    like,
    output: undefined,
  })
  const leading = emit('Slice', [shape, ints([0]), ints([2])])
  const trailing = emit('Slice', [emit('Shape', [result]), ints([2]), ints([kernel.length + 2])])
  emit('Reshape', [result, emit('Concat', [leading, trailing], { axis: 0 })], {}, dX)
}

/** The first of a value's positions, as many as another has. */
function cropped({ emit, ints }: LoweringContext, value: string, like: string, rank: number): string {
  const axes = Array.from({ length: rank }, (_, i) => i + 2)
  const ends = emit('Slice', [emit('Shape', [like]), ints([2]), ints([rank + 2])])
  return emit('Slice', [value, ints(axes.map(() => 0)), ends, ints(axes)])
}

/** The value that was pooled: by its name, as the node has only the gradients. */
function pooledBy({ typeOf, producerOf }: LoweringContext, dY: string, dX: string): string | undefined {
  const y = dY.replace(/_grad$/, '')
  const pool = y === dY ? undefined : producerOf(y)
  if (pool?.opType === 'AveragePool') return pool.input[0]
  const x = dX.replace(/_grad$/, '')
  return x !== dX && (typeOf(x).shape !== undefined || producerOf(x)) ? x : undefined
}

export const pooling = { MaxPoolGrad: maxPoolGrad, AveragePoolGrad: averagePoolGrad } satisfies Record<
  string,
  Lowering
>

import { intsOf, stringOf } from '../proto/attribute.js'
import type { LoweringContext } from '../rewrite/nodeContext.js'
import type { Extent } from '../rewrite/valueTypes.js'

/** A window of a convolution or pool that slides over the spatial axes. Lists are by spatial axis. */
export interface Window {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** The padding before and after each axis. */
  readonly begins: readonly number[]
  readonly ends: readonly number[]
}

/** No real kernel has more elements than this; a file that claims more is refused. */
const largestKernel = 2 ** 16

/**
 * Reads a node's window.
 *
 * @param kernel the extents of the window
 * @param spatial the extents it slides over, as far as they are known
 */
export function readWindow(
  context: LoweringContext,
  kernel: readonly number[],
  spatial: readonly Extent[],
): Window {
  const { node, refuse } = context
  if (kernel.reduce((product, k) => product * k, 1) > largestKernel)
    refuse(`a kernel of [${kernel.join(', ')}] is too large`)
  const each = (name: string): readonly number[] => intsOf(node, name) ?? kernel.map(() => 1)
  const strides = each('strides')
  const dilations = each('dilations')
  const pads = intsOf(node, 'pads') ?? kernel.flatMap(() => [0, 0])
  const rank = kernel.length
  const automatic = stringOf(node, 'auto_pad', 'NOTSET')
  switch (automatic) {
    case 'NOTSET':
    case '':
      return { kernel, strides, dilations, begins: pads.slice(0, rank), ends: pads.slice(rank) }
    case 'VALID':
      return { kernel, strides, dilations, begins: kernel.map(() => 0), ends: kernel.map(() => 0) }
    case 'SAME_UPPER':
    case 'SAME_LOWER': {
      const totals = kernel.map((k, i) => {
        const extent = spatial[i]
        const reach = dilations[i]! * (k - 1) + 1
        // At stride 1 it does not depend on the extent.
        if (strides[i] === 1) return reach - 1
        if (typeof extent !== 'number')
          return refuse(`auto_pad ${automatic} with strides needs extents that are known`)
        return Math.max(0, (Math.ceil(extent / strides[i]!) - 1) * strides[i]! + reach - extent)
      })
      const smaller = totals.map((total) => Math.floor(total / 2))
      const larger = totals.map((total, i) => total - smaller[i]!)
      const [begins, ends] = automatic === 'SAME_UPPER' ? [smaller, larger] : [larger, smaller]
      return { kernel, strides, dilations, begins, ends }
    }
    default:
      return refuse(`auto_pad ${automatic} is not known`)
  }
}

/** The reach of a window along each axis: dilation·(k − 1) + 1. */
export function reachOf({ kernel, dilations }: Window): number[] {
  return kernel.map((k, i) => dilations[i]! * (k - 1) + 1)
}

/** Extents that are all known. */
export function known(extents: readonly Extent[]): number[] | undefined {
  return extents.every((extent) => typeof extent === 'number') ? [...extents] : undefined
}

/**
 * Spreads a gradient over the windows it belongs to, by a transposed convolution, and crops or pads the result to the
 * extents that the windows slid over.
 *
 * @param gradient [N, C, …positions]
 * @param weights of the convolution, `group` its groups
 * @param spatial the target extents, as far as they are known, and `like` a value that has them
 */
export function spread(
  { emit, ints, refuse }: LoweringContext,
  window: Window,
  given: {
    readonly gradient: string
    readonly weights: string
    readonly group: number
    readonly positions: readonly Extent[]
    readonly spatial: readonly Extent[]
    readonly like: string | undefined
    readonly output: string | undefined
  },
): string {
  const { strides, dilations, kernel, begins } = window
  const { gradient, weights, group, like } = given
  const attributes = { strides, dilations, kernel_shape: kernel, group }
  const spatial = known(given.spatial)
  const positions = known(given.positions)
  if (spatial && positions) {
    const reach = reachOf(window)
    const missing = spatial.map((x, i) => x - (strides[i]! * (positions[i]! - 1) + reach[i]! - begins[i]!))
    const ends = missing.map((extent) => Math.max(0, -extent))
    const padding = missing.map((extent) => Math.max(0, extent))
    return emit(
      'ConvTranspose',
      [gradient, weights],
      { ...attributes, pads: [...begins, ...ends], output_padding: padding },
      given.output,
    )
  }
  if (like === undefined) return refuse('the extents of its result are not known')
  const full = emit('ConvTranspose', [gradient, weights], attributes)
  // A negative pad crops. Only the spatial axes count: channels differ where a pool works on them one by one.
  const spatialShape = (value: string): string =>
    emit('Slice', [emit('Shape', [value]), ints([2]), ints([kernel.length + 2])])
  const after = emit('Add', [emit('Sub', [spatialShape(like), spatialShape(full)]), ints(begins)])
  const pads = emit('Concat', [ints([0, 0, ...begins.map((begin) => -begin), 0, 0]), after], { axis: 0 })
  return emit('Pad', [full, pads], {}, given.output)
}

import { intsOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import { known, reachOf, readWindow, spread, type Window } from '../lowering/window.js'
import type { LoweringContext, LoweringRule } from '../rewrite/nodeContext.js'

/** The least number of float32. */
const lowest = -3.4028234663852886e38

/** Kernels that pick one element of a window each: [elements, 1, …kernel]. */
function pickers({ reals }: LoweringContext, kernel: readonly number[], type: number): string {
  const count = kernel.reduce((product, k) => product * k, 1)
  const identity = Array.from({ length: count * count }, (_, i) => Number(i % (count + 1) === 0))
  return reals(identity, type, [count, 1, ...kernel])
}

/** The window with the padding that gives as many positions as the pool has: those beyond the end are not padded. */
function exactWindow(window: Window, spatial: readonly number[], positions: readonly number[]): Window {
  const reach = reachOf(window)
  const ends = spatial.map((extent, i) =>
    Math.max(0, window.strides[i]! * (positions[i]! - 1) + reach[i]! - extent - window.begins[i]!),
  )
  return { ...window, ends }
}

/** Adds the maximum over an axis, which is an attribute before opset 18 and an input since. */
function largest({ emit, ints, opset }: LoweringContext, x: string, axis: number): string {
  return opset < 18
    ? emit('ReduceMax', [x], { axes: [axis], keepdims: 1 })
    : emit('ReduceMax', [x, ints([axis])], { keepdims: 1 })
}

/**
 * dY goes to the first maximum of each window, without indices, which the provider's MaxPool does not give. A convolution
 * makes the elements of each window channels, [N·C, elements, …positions], and a transposed one puts them back.
 */
export const maxPoolGrad: LoweringRule = (context) => {
  const { node, emit, required, output, ints, reals, producerOf, extentsOf, typeOf, realTypeOf } = context
  const { refuse } = context
  const [dY, indices] = [required(0), required(1)]
  const pool = producerOf(indices) ?? refuse(`no MaxPool makes its indices ${JSON.stringify(indices)}`)
  const [x = '', y = ''] = [pool.input[0], pool.output[0]]
  const kernel = intsOf(node, 'kernel_shape') ?? refuse('kernel_shape is missing')
  const shape = known(extentsOf(x)) ?? refuse(`the extents of ${JSON.stringify(x)} are not known`)
  const pooled =
    known(typeOf(y).shape ?? extentsOf(dY)) ?? refuse(`the extents of ${JSON.stringify(y)} are not known`)
  const [spatial, positions] = [shape.slice(2), pooled.slice(2)]
  const window = exactWindow(readWindow({ ...context, node: pool }, kernel, spatial), spatial, positions)
  const { strides, dilations, begins, ends } = window
  const type = realTypeOf(x, dY)
  const images = shape[0]! * shape[1]!
  const count = kernel.reduce((product, k) => product * k, 1)
  const picks = pickers(context, kernel, type)
  const attributes = { strides, dilations, pads: [...begins, ...ends], kernel_shape: kernel }
  const apart = (value: string): string =>
    emit('Conv', [emit('Reshape', [value, ints([images, 1, ...spatial])]), picks], attributes)
  const whole = (value: string): string => emit('Reshape', [value, ints([images, 1, ...positions])])

  let elements = apart(x)
  if ([...begins, ...ends].some((pad) => pad > 0)) {
    const ones = reals(new Array<number>(spatial.reduce((a, b) => a * b, 1)).fill(1), type, [
      1,
      1,
      ...spatial,
    ])
    const inside = emit('Greater', [emit('Conv', [ones, picks], attributes), reals([0.5], type)])
    elements = emit('Where', [inside, elements, reals([lowest], type)])
  }
  const isLargest = emit('Cast', [emit('Equal', [elements, whole(y)])], { to: type })
  const priorities = Array.from({ length: count }, (_, i) => count - i)
  const priority = emit('Mul', [isLargest, reals(priorities, type, [1, count, ...kernel.map(() => 1)])])
  const isFirst = emit('Equal', [priority, largest(context, priority, 1)])
  const gradient = emit('Where', [isFirst, whole(dY), reals([0], type)])
  const back = spread(context, window, {
    gradient,
    weights: picks,
    group: 1,
    positions,
    spatial,
    like: undefined,
    output: undefined,
  })
  emit('Reshape', [back, ints(shape)], {}, output(0))
}

/**
 * A pool without indices. The provider's drops NaN; the mean over the window has it, and is never above the maximum, so that
 * the maximum of both is the pool's own, or NaN.
 */
export const maxPool: LoweringRule = (context) => {
  const { node, emit, required, output, reals, realTypeOf, typeOf, refuse } = context
  const x = required(0)
  const { attribute } = node
  if (output(1) !== undefined) {
    refuse(
      'its indices are read, for example for the gradient of a pool with dilations, and the WebGPU provider does not give them',
    )
  }
  const kept = attribute.filter(({ name }) => name !== 'storage_order')
  const attributes = Object.fromEntries(kept.map((given) => [given.name, given] as const))
  const isDilated = (intsOf(node, 'dilations') ?? []).some((dilation) => dilation !== 1)
  if (typeOf(x).dataType !== dataType.float || isDilated) {
    emit('MaxPool', [x], attributes, output(0))
    return
  }
  const { dilations: _, ...averaged } = attributes
  const type = realTypeOf(x)
  const trace = emit('Min', [emit('AveragePool', [x], averaged), reals([lowest], type)])
  emit('Max', [emit('MaxPool', [x], attributes), trace], {}, output(0))
}

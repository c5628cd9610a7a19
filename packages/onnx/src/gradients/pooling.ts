import type { Extent } from '../rewrite/valueTypes.js'
import { spreadAverage, spreadChannels } from '../lowering/pooling.js'
import { known, readWindow } from '../lowering/window.js'
import { dataType } from '../proto/dataType.js'
import { intOf, intsOf, stringOf } from '../proto/attribute.js'
import type { GradientContext, GradientRule } from './context.js'
import { addUp } from './gather.js'

function kernelOf({ node, refuse }: GradientContext): readonly number[] {
  return intsOf(node, 'kernel_shape') ?? refuse('kernel_shape is missing')
}

function spatialOf({ extentsOf }: GradientContext, x: string): readonly Extent[] {
  return extentsOf(x).slice(2)
}

/**
 * The extents covered by the windows' positions. Where positions are rounded up, versions of the runtime disagree on
 * them.
 */
function positionsOf({ node, extentsOf }: GradientContext): readonly Extent[] {
  const extents = extentsOf(node.output[0]!).slice(2)
  return intOf(node, 'ceil_mode', 0) === 0 ? extents : extents.map(() => undefined)
}

/** Whether a list of attributes is missing or all ones. */
function isPlain({ node }: GradientContext, name: string): boolean {
  return (intsOf(node, name) ?? []).every((value) => value === 1)
}

/** sign(X)·|X|ᵖ⁻¹, which is ∂(Σ|X|ᵖ)/∂X divided by p. */
function powerSlope({ emit, reals, realTypeOf }: GradientContext, x: string, p: number): string {
  if (p === 2) return x
  if (p === 1) return emit('Sign', [x])
  return emit('Mul', [emit('Sign', [x]), emit('Pow', [emit('Abs', [x]), reals([p - 1], realTypeOf(x))])])
}

/** dY·Y¹⁻ᵖ, and 0 where Y is 0: there the norm has no derivative. */
function normShare({ emit, reals, realTypeOf }: GradientContext, dY: string, y: string, p: number): string {
  if (p === 1) return dY
  const type = realTypeOf(y)
  const zero = reals([0], type)
  const share = emit('Mul', [dY, emit('Pow', [y, reals([1 - p], type)])])
  return emit('Where', [emit('Greater', [y, zero]), share, zero])
}

export const pooling: Readonly<Record<string, GradientRule>> = {
  /** dY goes to the element that each window took: to the first of equal ones, as the runtime's indices say. */
  MaxPool(context) {
    const { node, emit, emitEach, give, required, requiredGradient, saved, typeOf, extentsOf } = context
    const [dY, x] = [requiredGradient(0), required(0)]
    const kernel = kernelOf(context)
    const type = { dataType: dataType.int64, shape: typeOf(node.output[0]!).shape }
    let indices: string
    if (intOf(node, 'storage_order', 0) === 0) indices = saved(1, type)
    else {
      // Columns first: these indices count differently from the elements in memory.
      const attributes = Object.fromEntries(
        ['strides', 'pads', 'dilations'].map((name) => [name, intsOf(node, name)]),
      )
      const others = {
        kernel_shape: kernel,
        ceil_mode: intOf(node, 'ceil_mode', 0),
        auto_pad: stringOf(node, 'auto_pad', 'NOTSET'),
      }
      indices = emitEach('MaxPool', [x], { ...attributes, ...others }, [true, true])[1]!
    }
    // The training build's MaxPoolGrad takes the extents from the file, and does not support dilations.
    if (isPlain(context, 'dilations') && known(extentsOf(x).slice(1))) {
      const strides = intsOf(node, 'strides')
      give(0, emit('MaxPoolGrad', [dY, indices], { kernel_shape: kernel, strides }))
    } else give(0, addUp(context, dY, indices, x))
  },
  AveragePool(context) {
    const { node, emit, give, required, requiredGradient, extentsOf } = context
    const [dY, x] = [requiredGradient(0), required(0)]
    const kernel = kernelOf(context)
    const spatial = spatialOf(context, x)
    // The training build's AveragePoolGrad takes all extents from the file, rounds down, and is wrong in three dimensions.
    const isSimple = isPlain(context, 'dilations') && intOf(node, 'ceil_mode', 0) === 0
    if (isSimple && kernel.length < 3 && known(extentsOf(x))) {
      const { strides, begins, ends } = readWindow(context, kernel, spatial)
      const counts = intOf(node, 'count_include_pad', 0)
      const attributes = {
        kernel_shape: kernel,
        strides,
        pads: [...begins, ...ends],
        count_include_pad: counts,
      }
      give(0, emit('AveragePoolGrad', [dY], attributes))
    } else {
      give(0, spreadAverage(context, { gradient: dY, positions: positionsOf(context), spatial, like: x }))
    }
  },
  GlobalAveragePool(context) {
    const { emit, give, required, requiredGradient, shapeOf, reals, realTypeOf } = context
    const [dY, x] = [requiredGradient(0), required(0)]
    const extents = known(spatialOf(context, x))
    const size = extents?.reduce((product, extent) => product * extent, 1)
    const share =
      size === undefined
        ? emit('com.microsoft:Scale', [dY, emit('Div', [emit('Size', [x]), emit('Size', [dY])])], {
            scale_down: 1,
          })
        : emit('Div', [dY, reals([size], realTypeOf(x, dY))])
    give(0, emit('Expand', [share, shapeOf(x)]))
  },
  /** dY goes to the largest element of each channel: to the first of equal ones. */
  GlobalMaxPool(context) {
    const { emit, give, required, requiredGradient, ints, shapeOf } = context
    const [dY, x] = [requiredGradient(0), required(0)]
    const rows = ints([0, 0, -1])
    const flat = emit('Reshape', [x, rows])
    const largest = emit('ArgMax', [flat], { axis: 2, keepdims: 1 })
    const inputs = [emit('Reshape', [dY, rows]), emit('Shape', [flat]), largest]
    give(0, emit('Reshape', [emit('com.microsoft:GatherElementsGrad', inputs, { axis: 2 }), shapeOf(x)]))
  },
  /** Y = (Σ|X|ᵖ)^(1/p): dX = sign(X)·|X|ᵖ⁻¹·Σ dY·Y¹⁻ᵖ, summed over the windows that contain the element. */
  LpPool(context) {
    const { node, emit, give, required, requiredGradient, realTypeOf } = context
    const [dY, x] = [requiredGradient(0), required(0)]
    const p = intOf(node, 'p', 2)
    const spatial = spatialOf(context, x)
    const window = readWindow(context, kernelOf(context), spatial)
    const gradient = normShare(context, dY, node.output[0]!, p)
    const given = { gradient, positions: positionsOf(context), spatial, like: x, type: realTypeOf(x) }
    give(0, emit('Mul', [powerSlope(context, x, p), spreadChannels(context, window, given)]))
  },
  GlobalLpPool(context) {
    const { node, emit, give, required, requiredGradient } = context
    const x = required(0)
    const p = intOf(node, 'p', 2)
    const share = normShare(context, requiredGradient(0), node.output[0]!, p)
    give(0, emit('Mul', [powerSlope(context, x, p), share]))
  },
}

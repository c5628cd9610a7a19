import { intOf, intsOf, stringOf } from '../proto/attribute.js'
import type { Extent } from '../rewrite/valueTypes.js'
import { known, reachOf, readWindow, type Window } from '../lowering/window.js'
import type { GradientContext, GradientRule } from './context.js'

/** The kernel's extents, which are those of the weights. */
export function kernelOf({ extentsOf, refuse }: GradientContext, w: string): number[] {
  return known(extentsOf(w).slice(2)) ?? refuse(`the shape of its weights ${JSON.stringify(w)} is not known`)
}

/** A window without padding. */
function unpadded({ node }: GradientContext, kernel: readonly number[]): Window {
  const each = (name: string): readonly number[] => intsOf(node, name) ?? kernel.map(() => 1)
  const none = kernel.map(() => 0)
  return { kernel, strides: each('strides'), dilations: each('dilations'), begins: none, ends: none }
}

function attributesOf(window: Window, group: number) {
  const { kernel, strides, dilations, begins, ends } = window
  return { kernel_shape: kernel, strides, dilations, pads: [...begins, ...ends], group }
}

/**
 * The pads of `auto_pad` SAME, first those before and then those after all axes, computed from the extents as values
 * of the graph.
 */
function samePads(context: GradientContext, x: string, window: Window, isUpper: boolean): string {
  const { emit, ints, int } = context
  const { strides, kernel } = window
  const extents = emit('Slice', [emit('Shape', [x]), ints([2]), ints([kernel.length + 2])])
  // There are ⌈extent/stride⌉ positions. The windows reach this far from the start of the first to the end of the
  // last.
  const last = emit('Div', [emit('Sub', [extents, int(1)]), ints(strides)])
  const covered = emit('Add', [emit('Mul', [last, ints(strides)]), ints(reachOf(window))])
  const total = emit('Max', [emit('Sub', [covered, extents]), int(0)])
  const smaller = emit('Div', [total, int(2)])
  const larger = emit('Sub', [total, smaller])
  const [begins, ends] = isUpper ? [smaller, larger] : [larger, smaller]
  return emit('Concat', [ints([0, 0]), begins, ints([0, 0]), ends], { axis: 0 })
}

/** The sum over all axes but the channels. */
function biasGradient({ reduce, rankOf }: GradientContext, dY: string, x: string): string {
  return reduce('ReduceSum', dY, [0, ...Array.from({ length: rankOf(x) - 2 }, (_, i) => i + 2)], false)
}

interface Convolved {
  readonly dY: string
  readonly x: string
  readonly w: string
  readonly window: Window
  readonly group: number
}

/** Computes dX, dW and dB by ConvGrad. */
export function convGrad(
  context: GradientContext,
  { dY, x, w, window, group }: Convolved,
  wanted: readonly boolean[],
): (string | undefined)[] {
  const { emit, emitEach, ints, describe, typeOf } = context
  if (window.kernel.length > 1 || group === 1)
    return emitEach('com.microsoft:ConvGrad', [dY, x, w], attributesOf(window, group), wanted)
  // In one dimension with groups, the training build's ConvGrad overruns its memory. So treat the values as rows of
  // an image.
  const image = (value: string): string => {
    const { dataType, shape } = typeOf(value)
    const extents = shape && [...shape.slice(0, 2), 1, ...shape.slice(2)]
    return describe(emit('Unsqueeze', [value, ints([2])]), { dataType, shape: extents })
  }
  const { kernel, strides, dilations, begins, ends } = window
  const rows: Window = {
    kernel: [1, ...kernel],
    strides: [1, ...strides],
    dilations: [1, ...dilations],
    begins: [0, ...begins],
    ends: [0, ...ends],
  }
  const inputs = [dY, x, w].map(image)
  const made = emitEach('com.microsoft:ConvGrad', inputs, attributesOf(rows, group), wanted)
  return made.map((value, i) =>
    value === undefined || i === 2 ? value : emit('Squeeze', [value, ints([2])]),
  )
}

/** The amounts that ConvTranspose crops from the ends of its result. */
interface Margins {
  readonly begins: readonly number[]
  readonly ends: readonly number[]
}

function marginsOf(context: GradientContext, x: string, window: Window): Margins {
  const { node, typeOf, refuse } = context
  const { kernel, strides } = window
  const zeros = kernel.map(() => 0)
  const added = intsOf(node, 'output_padding') ?? zeros
  const automatic = stringOf(node, 'auto_pad', 'NOTSET')
  const reach = reachOf(window)
  // Some exporters include the batch and the channels.
  const to = (intsOf(node, 'output_shape') ?? []).slice(-kernel.length)
  // Padding is split in half; an odd element goes at the start, except for SAME_UPPER.
  const halves = (totals: readonly number[]): Margins => {
    const begins = totals.map((total) =>
      automatic === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2),
    )
    return { begins, ends: totals.map((total, i) => total - begins[i]!) }
  }
  if (to.length > 0) {
    const from = known(typeOf(x).shape?.slice(2) ?? [undefined])
    if (!from) return refuse('output_shape needs extents that are known: give pads and output_padding')
    const full = from.map((extent, i) => strides[i]! * (extent - 1) + reach[i]!)
    const { begins } = halves(full.map((extent, i) => Math.max(0, extent + added[i]! - to[i]!)))
    return { begins, ends: full.map((extent, i) => extent - to[i]! - begins[i]!) }
  }
  if (automatic === 'SAME_UPPER' || automatic === 'SAME_LOWER') {
    return halves(reach.map((extent, i) => Math.max(0, extent + added[i]! - strides[i]!)))
  }
  const pads = automatic === 'VALID' ? [...zeros, ...zeros] : (intsOf(node, 'pads') ?? [...zeros, ...zeros])
  return { begins: pads.slice(0, kernel.length), ends: pads.slice(kernel.length) }
}

export const convolution: Readonly<Record<string, GradientRule>> = {
  Conv(context) {
    const { node, emit, give, input, wants, required, requiredGradient, extentsOf } = context
    const [dY, x, w] = [requiredGradient(0), required(0), required(1)]
    const group = intOf(node, 'group', 1)
    const wanted = [wants(0), wants(1), input(2) !== undefined && wants(2)]
    if (!wanted[0] && !wanted[1]) {
      give(2, biasGradient(context, dY, x))
      return
    }
    const kernel = kernelOf(context, w)
    const spatial: readonly Extent[] = extentsOf(x).slice(2)
    const plain = unpadded(context, kernel)
    const automatic = stringOf(node, 'auto_pad', 'NOTSET')
    const isOpen = plain.strides.some((stride, i) => stride > 1 && typeof spatial[i] !== 'number')
    if (automatic.startsWith('SAME') && isOpen) {
      const pads = samePads(context, x, plain, automatic === 'SAME_UPPER')
      const padded = emit('Pad', [x, pads])
      const [dX, ...others] = convGrad(context, { dY, x: padded, w, window: plain, group }, wanted)
      if (dX !== undefined) give(0, emit('Pad', [dX, emit('Neg', [pads])]))
      others.forEach((gradient, i) => gradient !== undefined && give(i + 1, gradient))
      return
    }
    const window = readWindow(context, kernel, spatial)
    convGrad(context, { dY, x, w, window, group }, wanted).forEach(
      (gradient, i) => gradient !== undefined && give(i, gradient),
    )
  },
  /**
   * A transposed convolution is a convolution with input and output swapped: dX is the convolution of dY, and dW is
   * Conv's with the two swapped.
   */
  ConvTranspose(context) {
    const { node, emit, give, input, ints, wants, required, requiredGradient } = context
    const [dY, x, w] = [requiredGradient(0), required(0), required(1)]
    const kernel = kernelOf(context, w)
    const group = intOf(node, 'group', 1)
    const plain = unpadded(context, kernel)
    if (input(2) !== undefined && wants(2)) give(2, biasGradient(context, dY, x))
    if (!wants(0) && !wants(1)) return
    const { begins, ends } = marginsOf(context, x, plain)
    // Elements beyond the windows are cut off, because a convolution cannot have negative pads.
    const fits = [...begins, ...ends].every((pad) => pad >= 0)
    const window: Window = fits ? { ...plain, begins, ends } : plain
    const source = fits ? dY : emit('Pad', [dY, ints([0, 0, ...begins, 0, 0, ...ends])])
    if (wants(0)) give(0, emit('Conv', [source, w], attributesOf(window, group)))
    if (wants(1)) {
      const [, dW] = convGrad(context, { dY: x, x: source, w, window, group }, [false, true])
      give(1, dW!)
    }
  },
}

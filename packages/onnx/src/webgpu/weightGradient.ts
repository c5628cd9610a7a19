import type { Convolution } from '../lowering/convolution.js'
import { known, reachOf } from '../lowering/window.js'
import type { LoweringContext } from '../rewrite/nodeContext.js'

/**
 * dW of a convolution by one other convolution: with batch and channels swapped, X is convolved with dY, whose elements lie as
 * far apart as the strides were, and the positions of the result are those of the kernel.
 *
 * @returns whether it applies: it does where the extents of X are known
 */
export function convolvedWeightGrad(
  context: LoweringContext,
  convolution: Convolution,
  output: string,
): boolean {
  const { emit, ints, typeOf } = context
  const { window, group, x, gradient, weights } = convolution
  const { kernel, strides, dilations, begins } = window
  const shape = known(typeOf(x).shape ?? [undefined])
  if (shape === undefined) return false
  const [m, c] = weights as [number, number]
  const [images, spatial] = [shape[0]!, shape.slice(2)]
  const span = reachOf(window)
  const positions = spatial.map(
    (extent, i) => Math.floor((extent + begins[i]! + window.ends[i]! - span[i]!) / strides[i]!) + 1,
  )
  const axes = kernel.map((_, i) => i + 2)
  // As much padding at the ends as the kernel's last position needs; where it needs less than none, the result is cut.
  const reach = reachOf({ ...window, kernel: positions, dilations: strides })
  const ends = spatial.map((extent, i) =>
    Math.max(0, dilations[i]! * (kernel[i]! - 1) + reach[i]! - extent - begins[i]!),
  )
  const made = spatial.map(
    (extent, i) => Math.floor((extent + begins[i]! + ends[i]! - reach[i]!) / dilations[i]!) + 1,
  )
  const rows = emit('Transpose', [gradient], { perm: [1, 0, ...axes] })
  const columns =
    group === 1
      ? emit('Transpose', [x], { perm: [1, 0, ...axes] })
      : emit('Reshape', [
          emit('Transpose', [emit('Reshape', [x, ints([images, group, c, ...spatial])])], {
            perm: [2, 1, 0, ...axes.map((axis) => axis + 1)],
          }),
          ints([c, group * images, ...spatial]),
        ])
  const whole = emit('Conv', [columns, rows], {
    strides: dilations,
    dilations: strides,
    pads: [...begins, ...ends],
    group,
    kernel_shape: positions,
  })
  const isLong = made.some((extent, i) => extent !== kernel[i])
  const cut = isLong ? emit('Slice', [whole, ints(axes.map(() => 0)), ints(kernel), ints(axes)]) : whole
  const swapped = emit('Transpose', [cut], { perm: [1, 0, ...axes] })
  emit('Reshape', [swapped, ints([m, c, ...kernel])], {}, output)
  return true
}

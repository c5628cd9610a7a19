import { activations } from './activations.js'
import { arithmetic } from './arithmetic.js'
import type { GradientRule } from './context.js'
import { control } from './control.js'
import { convolution } from './convolution.js'
import { gather } from './gather.js'
import { localNormalization } from './localNormalization.js'
import { loss } from './loss.js'
import { matrix } from './matrix.js'
import { normalization } from './normalization.js'
import { pad } from './pad.js'
import { pooling } from './pooling.js'
import { rearrangements } from './rearrangements.js'
import { recurrent } from './recurrent.js'
import { quantization } from './quantization.js'
import { reductions } from './reductions.js'
import { resize } from './resize.js'
import { sampling } from './sampling.js'
import { scatter } from './scatter.js'
import { shape } from './shape.js'
import { slices } from './slices.js'
import { softmax } from './softmax.js'
import { stops } from './stops.js'

/** Rules by operator, in operator sets by domain; '' is ONNX's own domain. */
export type GradientTable = Readonly<Record<string, Readonly<Record<string, GradientRule>>>>

const rules: Readonly<Record<string, GradientRule>> = {
  ...activations,
  ...arithmetic,
  ...control,
  ...convolution,
  ...gather,
  ...localNormalization,
  ...loss,
  ...matrix,
  ...normalization,
  ...pad,
  ...pooling,
  ...rearrangements,
  ...quantization,
  ...reductions,
  ...resize,
  ...sampling,
  ...scatter,
  ...shape,
  ...slices,
  ...softmax,
}

/**
 * The gradient rules of operators. Each is a function that adds the nodes of a gradient. Add rules of your own by
 * spreading this table. An operator that both domains have is listed under both.
 *
 * @example
 * ```ts
 * import { gradients, type GradientTable } from '@induced-metric/onnxruntime/artifacts'
 *
 * const mine: GradientTable = {
 *   ...gradients,
 *   'com.example': {
 *     // The gradient of x³ is 3x²·dY.
 *     Cube({ required, requiredGradient, give, emit, reals, realTypeOf }) {
 *       const x = required(0)
 *       const slope = emit('Mul', [reals([3], realTypeOf(x)), emit('Mul', [x, x])])
 *       give(0, emit('Mul', [requiredGradient(0), slope]))
 *     },
 *   },
 * }
 * ```
 */
export const gradients: GradientTable = {
  '': { ...rules, ...recurrent, ...stops },
  'com.microsoft': rules,
}

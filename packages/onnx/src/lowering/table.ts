import { activations } from './activations.js'
import { arithmetic } from './arithmetic.js'
import type { LoweringRule } from '../rewrite/nodeContext.js'
import { convolution } from './convolution.js'
import { gather } from './gather.js'
import { loss, onnxLoss } from './loss.js'
import { normalization } from './normalization.js'
import { pooling } from './pooling.js'
import { recurrent } from './recurrent.js'
import { resize } from './resize.js'
import { slices } from './slices.js'
import { softmax } from './softmax.js'

/** Rows by operator, in operator sets by domain; '' is ONNX's own domain. */
export type LoweringTable = Readonly<Record<string, Readonly<Record<string, LoweringRule>>>>

/**
 * Rows for the operators that only training builds of the runtime have, and for recurrent layers in the forms that no
 * kernel has: each is a function that replaces its operator by stock operators. Add rows of your own by spreading this table.
 *
 * @example
 * ```ts
 * import { lowerings, type LoweringTable } from '@induced-metric/onnxruntime'
 *
 * const mine: LoweringTable = {
 *   ...lowerings,
 *   'com.example': {
 *     // The gradient of x³ is 3x²·dY.
 *     CubeGrad({ required, output, emit, reals, realTypeOf }) {
 *       const [dY, x] = [required(0), required(1)]
 *       const slope = emit('Mul', [reals([3], realTypeOf(x)), emit('Mul', [x, x])])
 *       emit('Mul', [dY, slope], {}, output(0))
 *     },
 *   },
 * }
 * ```
 */
export const lowerings: LoweringTable = {
  // Pools keep the domain of the operators whose gradients they are.
  '': { ...pooling, ...recurrent },
  'com.microsoft': {
    ...activations,
    ...arithmetic,
    ...convolution,
    ...gather,
    ...loss,
    ...normalization,
    ...resize,
    ...slices,
    ...softmax,
  },
}

/**
 * Adds rows for operators that stock builds have but compute differently than training builds. Without them a model
 * runs, but its labels mean something else.
 */
export function withGenuineLosses(table: LoweringTable): LoweringTable {
  return { ...table, '': { ...onnxLoss, ...table[''] } }
}

/** Operators that training builds have besides gradients. Stock builds know none of them. */
const trainingOnly = new Set([
  'AdamOptimizer',
  'AdamWOptimizer',
  'AdasumAllReduce',
  'BiasSoftmaxDropout',
  'BitmaskBiasDropout',
  'FakeQuant',
  'Group',
  'InPlaceAccumulator',
  'InPlaceAccumulatorV2',
  'InplaceClipGradNorm',
  'LambOptimizer',
  'MixedPrecisionScale',
  'PassThrough',
  'PythonOp',
  'SGDOptimizer',
  'SGDOptimizerV2',
  'SoftmaxCrossEntropy',
  'SparseSoftmaxCrossEntropy',
  'TritonOp',
  'YieldOp',
  'ZeroGradient',
])

/** Whether only training builds know an operator, as far as its name tells. */
export function isTrainingOnly(domain: string, opType: string): boolean {
  if (domain !== '' && domain !== 'com.microsoft') return false
  return /Grad(_?\w+)?$|Training$|Internal$/.test(opType) || (domain !== '' && trainingOnly.has(opType))
}

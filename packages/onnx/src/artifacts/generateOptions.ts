import type { ExternalData } from '../externalData/resolve.js'
import type { GradientTable } from '../gradients/table.js'
import type { Ort } from '../runtime/ort.js'
import type { BoundInputs } from './bind.js'
import type { InputShapes } from './declarations.js'
import type { Loss } from './losses.js'
import type { OptimizerChoice } from './optimizers.js'
import type { ParameterTraits } from './parameters.js'
import type { Selector } from './select.js'

/** Options of `generateArtifacts`. */
export interface GenerateOptions {
  /** The loss. Default: the model's first output. */
  readonly loss?: Loss
  /**
   * The parameters to train: a name, a glob, a regular expression, a list of these, or a predicate. Default: all
   * initializers of float or double except constants of formulas. Such constants are trained if they are named, or if
   * a pattern fits nothing else.
   */
  readonly requiresGrad?: Selector<ParameterTraits>
  /** The parameters not to train, in the same form. The checkpoint contains them, too. */
  readonly frozen?: Selector<ParameterTraits>
  /**
   * Whether constants in `Constant` nodes are parameters, as initializers are. Default: if the model has no other
   * parameters.
   */
  readonly promoteConstants?: boolean
  /** Without it there is no optimizer model, and a session must be given an optimizer. */
  readonly optimizer?: OptimizerChoice
  /** Values of the model, besides the loss, that the training and the eval model return. */
  readonly additionalOutputs?: readonly string[]
  /** The values of the model that the loss is computed from. Default: its outputs. */
  readonly outputNames?: readonly string[]
  /**
   * Whether batch normalisations in the training model use the statistics of the batch and update the running ones
   * (`'training'`), or use the running ones as at inference. Default: the former, except where the model fixes a batch
   * with one value per channel, or computes the running statistics.
   */
  readonly batchNormalization?: 'training' | 'inference'
  /**
   * New extents of inputs: numbers, or symbols, which free an axis that the exporter has fixed, as in `{ x: ['batch',
   * 16, 96] }`. The extents of other values follow.
   */
  readonly inputs?: InputShapes
  /**
   * Values of inputs that are then constants of the model, as in `{ sr: 16000n }`. Branches that they decide are
   * replaced by the one that is taken.
   */
  readonly bind?: BoundInputs
  /** Gradient rules in addition to those of `gradients`, or replacing them. */
  readonly gradients?: GradientTable
  /** The package of the runtime that infers shapes and folds constants: onnxruntime-node or onnxruntime-web. */
  readonly ort: Ort
  /** External data of a model that is not given by its path. */
  readonly externalData?: ExternalData
}

import { optionError, shapeError, show } from '@induced-metric/core/adapter'
import type { LoweringContext } from '../rewrite/nodeContext.js'
import type { Extent } from '../rewrite/valueTypes.js'
import type { Artifact } from '../files/readArtifact.js'
import { isReal } from '../gradients/context.js'
import { dataType } from '../proto/dataType.js'
import type { Model } from '../proto/model.js'
import type { TensorProto } from '../proto/onnx_pb.js'

/** The tools of a loss: the values of a model that it is computed from, and functions that add nodes to the model. */
export interface LossContext extends Pick<
  LoweringContext,
  'opset' | 'typeOf' | 'producerOf' | 'emit' | 'emitAll' | 'reals' | 'ints'
> {
  /** The values that the loss is computed from: the model's outputs, or those named with `outputNames`. */
  readonly outputs: readonly string[]
  /**
   * Adds an input to the training and the eval model, for example for labels. An input that the model has already is
   * not changed.
   *
   * @returns its name
   */
  readonly input: (name: string, type: number, shape: readonly Extent[]) => string
  /** Adds a constant of any type. */
  readonly constant: (tensor: TensorProto) => string
  /** Returns a name that the model does not have yet. */
  readonly fresh: (hint: string) => string
}

/** Builds a loss: adds nodes to a model, and returns the name of the value that is the loss, one number. */
export type LossBuilder = (context: LossContext) => string

/** The losses that have a name. */
export type LossName = 'cross-entropy' | 'mse' | 'l1' | 'bce-with-logits'

/**
 * A loss: a name, a builder with options such as {@link crossEntropyLoss} returns, a function that builds one, or an
 * ONNX model that computes one. Inputs of such a model that are named like a value of the forward model read that
 * value; if none is, its first inputs read the forward model's outputs. Its other inputs become inputs of the
 * training model, and its first output is the loss.
 */
export type Loss = LossName | LossBuilder | { readonly model: Artifact | Model }

/** How the losses of single elements are reduced to one number. */
export type Reduction = 'mean' | 'sum'

/** Options of {@link crossEntropyLoss}. */
export interface CrossEntropyOptions {
  /** A weight for each class. */
  readonly weight?: readonly number[]
  /** The label whose examples are ignored. Default −1. */
  readonly ignoreIndex?: number
  /** Default `'mean'`. */
  readonly reduction?: Reduction
  /** The input that takes the labels. Default `'labels'`. */
  readonly labels?: string
  /** The element type of the labels. Default `'int64'`. */
  readonly labelType?: 'int64' | 'int32'
}

/**
 * Softmax cross-entropy of scores [batch, classes, …] with class indices [batch, …]: the weighted mean of −log
 * softmax(scores)[label].
 *
 * @throws ERR_OPTION for invalid options, and for scores that are probabilities already; ERR_SHAPE for scores of
 *   fewer than two axes
 */
export function crossEntropyLoss(options: CrossEntropyOptions = {}): LossBuilder {
  const { weight, ignoreIndex, labels = 'labels', labelType = 'int64' } = options
  const reduction = checkReduction(options.reduction)
  if (labelType !== 'int64' && labelType !== 'int32') {
    throw optionError(`labelType must be 'int64' or 'int32', given ${show(labelType)}`)
  }
  if (ignoreIndex !== undefined && !Number.isSafeInteger(ignoreIndex)) {
    throw optionError(`ignoreIndex must be a whole number, given ${String(ignoreIndex)}`)
  }
  return (context) => {
    const { outputs, typeOf, input, emitAll, reals, fresh } = context
    const [scores = ''] = outputs
    refuseActivated(context, scores, 'cross-entropy', 'Softmax')
    const { dataType: type = dataType.float, shape } = typeOf(scores)
    refuseWhole(context, scores, type)
    if (shape === undefined || shape.length < 2) {
      throw shapeError(
        `cross-entropy takes scores of [batch, classes, …], and ${JSON.stringify(scores)} is ${describeShape(shape)}; name ` +
          'another value with outputNames',
      )
    }
    const [, classes] = shape
    if (weight !== undefined && typeof classes === 'number' && weight.length !== classes) {
      throw shapeError(`cross-entropy: there are ${classes} classes and ${weight.length} weights`)
    }
    const elementType = labelType === 'int64' ? dataType.int64 : dataType.int32
    const given = [scores, input(labels, elementType, [shape[0], ...shape.slice(2)])]
    if (weight !== undefined) given.push(reals(weight, type, [weight.length]))
    const [loss, logProbabilities] = [fresh('loss'), fresh('log_prob')]
    const attributes = { reduction, ...(ignoreIndex !== undefined && { ignore_index: ignoreIndex }) }
    emitAll('SoftmaxCrossEntropyLoss', given, attributes, [loss, logProbabilities])
    return loss
  }
}

/** Options of losses that compare elements with targets of the same shape. */
export interface TargetOptions {
  /** Default `'mean'`. */
  readonly reduction?: Reduction
  /** The input that takes the targets. Default `'target'`. */
  readonly target?: string
}

/** The mean, or the sum, of (output − target)². */
export function mseLoss(options: TargetOptions = {}): LossBuilder {
  return elementwise(options, ({ emit, reals }, output, target, type) =>
    emit('Pow', [emit('Sub', [output, target]), reals([2], type)]),
  )
}

/** The mean, or the sum, of |output − target|. */
export function l1Loss(options: TargetOptions = {}): LossBuilder {
  return elementwise(options, ({ emit }, output, target) => emit('Abs', [emit('Sub', [output, target])]))
}

/** Options of {@link bceWithLogitsLoss}. */
export interface BceOptions extends TargetOptions {
  /** A weight for each element, of a shape that broadcasts to the output's, such as [outputs]. */
  readonly weight?: readonly number[]
  /** The factor by which positive examples count more, for each output. */
  readonly posWeight?: readonly number[]
}

/**
 * Binary cross-entropy of logits x with targets t in [0, 1]: the mean of p·t·softplus(−x) + (1 − t)·softplus(x), softplus(x) =
 * log(1 + eˣ), p the weight of positive examples. It does not overflow where log(sigmoid(x)) would.
 */
export function bceWithLogitsLoss(options: BceOptions = {}): LossBuilder {
  const { weight, posWeight } = options
  return elementwise(options, (context, logits, target, type) => {
    const { emit, reals } = context
    refuseActivated(context, logits, 'bce-with-logits', 'Sigmoid')
    const softplus = (x: string): string =>
      // The runtime has no Softplus of doubles. The exponents of a double leave enough room for this form.
      type === dataType.double
        ? emit('Neg', [emit('Log', [emit('Sigmoid', [emit('Neg', [x])])])])
        : emit('Softplus', [x])
    const vector = (values: readonly number[]): string => reals(values, type, [values.length])
    let positive = emit('Mul', [target, softplus(emit('Neg', [logits]))])
    if (posWeight !== undefined) positive = emit('Mul', [positive, vector(posWeight)])
    const negative = emit('Mul', [emit('Sub', [reals([1], type), target]), softplus(logits)])
    const loss = emit('Add', [positive, negative])
    return weight === undefined ? loss : emit('Mul', [loss, vector(weight)])
  })
}

/** Refuses an output to which the model has already applied the loss's activation, as models of Keras often do. */
function refuseActivated(
  { producerOf }: LossContext,
  output: string,
  loss: string,
  activation: string,
): void {
  let node = producerOf(output)
  while (node?.opType === 'Identity') node = producerOf(node.input[0]!)
  if (node?.opType !== activation) return
  throw optionError(
    `${loss} takes scores, to which it applies a ${activation} itself, and ${JSON.stringify(output)} comes from one; name the ` +
      `value before it: outputNames: [${JSON.stringify(node.input[0])}]`,
  )
}

/** Refuses an output of whole numbers, as models have whose last operator quantises. */
function refuseWhole({ producerOf }: LossContext, output: string, type: number): void {
  if (isReal(type)) return
  const [name] = Object.entries(dataType).find(([, value]) => value === type) ?? [`ONNX type ${type}`]
  const node = producerOf(output)
  const before =
    node?.opType === 'QuantizeLinear'
      ? `name the value before its quantisation: outputNames: [${JSON.stringify(node.input[0])}]`
      : 'name a value of real numbers with outputNames'
  throw optionError(
    `a loss is computed from real numbers, and ${JSON.stringify(output)} is of ${name}; ${before}`,
  )
}

const named: Readonly<Record<LossName, LossBuilder>> = {
  'cross-entropy': crossEntropyLoss(),
  mse: mseLoss(),
  l1: l1Loss(),
  'bce-with-logits': bceWithLogitsLoss(),
}

/** The names of the losses that have one. */
export const lossNames = Object.keys(named) as LossName[]

/** Returns the builder of a loss that is not a model. Throws ERR_OPTION for an unknown name. */
export function lossBuilder(loss: LossName | LossBuilder): LossBuilder {
  if (typeof loss === 'function') return loss
  if (typeof loss === 'string' && Object.hasOwn(named, loss)) return named[loss]
  throw optionError(
    `loss must be one of ${lossNames.join(', ')}, a function that builds a loss, or { model }, given ${show(loss)}`,
  )
}

function elementwise(
  options: TargetOptions,
  build: (context: LossContext, output: string, target: string, type: number) => string,
): LossBuilder {
  const { target = 'target' } = options
  const reduction = checkReduction(options.reduction)
  return (context) => {
    const [output = ''] = context.outputs
    const { dataType: type = dataType.float, shape } = context.typeOf(output)
    refuseWhole(context, output, type)
    if (shape === undefined) {
      throw shapeError(
        `the number of axes of ${JSON.stringify(output)} is not known, so that its target has no shape; add an input named ` +
          `${JSON.stringify(target)} to the model`,
      )
    }
    const losses = build(context, output, context.input(target, type, shape), type)
    return context.emit(
      reduction === 'mean' ? 'ReduceMean' : 'ReduceSum',
      [losses],
      { keepdims: 0 },
      context.fresh('loss'),
    )
  }
}

function checkReduction(reduction: Reduction = 'mean'): Reduction {
  if (reduction === 'mean' || reduction === 'sum') return reduction
  throw optionError(
    `reduction must be 'mean' or 'sum', as a loss to train on is one number, given ${show(reduction)}`,
  )
}

/** Formats a shape for an error message. */
export function describeShape(shape: readonly Extent[] | undefined): string {
  return shape === undefined
    ? 'of an unknown number of axes'
    : `[${shape.map((extent) => extent ?? '?').join(', ')}]`
}

import { optionalIntOf, stringOf } from '../../onnx/attribute.js'
import { denominator, readLabels } from '../../lowering/loss.js'
import { zerosOf } from '../../lowering/gather.js'
import type { GradientContext, GradientRule } from './context.js'

/** The weights of the classes: constants of the problem. */
function refuseWeights({ wants, refuse }: GradientContext): void {
  if (wants(2)) refuse('the weights of the classes have no gradient; freeze them')
}

/** The gradient operator of the training build, on log-probabilities that the forward one saves. */
function softmaxCrossEntropy(context: GradientContext): void {
  const { node, emit, give, gradient, input, required, saved, typeOf } = context
  refuseWeights(context)
  const [scores, labels] = [required(0), required(1)]
  const dY = gradient(0)
  const logProbability = saved(1, typeOf(scores))
  const parts: string[] = []
  if (dY !== undefined) {
    const attributes = {
      reduction: stringOf(node, 'reduction', 'mean'),
      ignore_index: optionalIntOf(node, 'ignore_index'),
    }
    const inputs = [dY, logProbability, labels, input(2)]
    parts.push(emit('com.microsoft:SoftmaxCrossEntropyLossGrad', inputs, attributes))
  }
  const dLog = gradient(1)
  if (dLog !== undefined) {
    parts.push(emit('com.microsoft:LogSoftmaxGrad_13', [dLog, logProbability], { axis: 1 }))
  }
  give(0, parts.length === 1 ? parts[0]! : emit('Sum', parts))
}

/** y = −Σ weight·X[label] / denominator: −weight·dY/denominator at the labels, 0 elsewhere. */
function negativeLogLikelihood(context: GradientContext): void {
  const { node, emit, give, input, required, requiredGradient, ints, int, realTypeOf, shapeOf } = context
  refuseWeights(context)
  const [x, dY] = [required(0), requiredGradient(0)]
  const type = realTypeOf(x)
  const reduction = stringOf(node, 'reduction', 'mean')
  const ignored = optionalIntOf(node, 'ignore_index')
  const labels = readLabels(
    context,
    required(1),
    input(2),
    ignored === undefined ? undefined : int(ignored),
    type,
  )
  let each = emit('Neg', [reduction === 'mean' ? emit('Div', [dY, denominator(context, labels, type)]) : dY])
  if (labels.weights !== undefined) each = emit('Mul', [each, labels.weights])
  const column = emit('Unsqueeze', [labels.indices, ints([1])])
  const updates =
    labels.weights === undefined && reduction !== 'none' ? each : emit('Unsqueeze', [each, ints([1])])
  const filled = emit('Expand', [updates, emit('Shape', [column])])
  give(0, emit('ScatterElements', [zerosOf(context, shapeOf(x), type), column, filled], { axis: 1 }))
}

/** Rules of the losses that are operators. */
export const loss: Readonly<Record<string, GradientRule>> = {
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
  NegativeLogLikelihoodLoss: negativeLogLikelihood,
}

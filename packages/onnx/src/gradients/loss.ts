import { optionalIntOf, stringOf } from '../proto/attribute.js'
import { readLabels } from '../lowering/loss.js'
import { zerosOf } from '../rewrite/operations.js'
import type { GradientContext, GradientRule } from './context.js'

/** A number that is never a label. */
const noLabel = -(2n ** 63n)

/** The class weights are constants of the problem, so they cannot be trained. */
function refuseWeights({ wants, refuse }: GradientContext): void {
  if (wants(2)) refuse('the weights of the classes have no gradient; freeze them')
}

/** The gradient operator of the training build, on the log-probabilities that the forward one saves. */
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

/**
 * y = −Σ weight·X[label] / Σ weight, so dX is −weight·dY / Σ weight at the labels and 0 elsewhere. Ignored labels
 * have weight 0.
 */
function negativeLogLikelihood(context: GradientContext): void {
  const { node, emit, give, input, required, requiredGradient, ints, int, realTypeOf, shapeOf } = context
  refuseWeights(context)
  const [x, dY] = [required(0), requiredGradient(0)]
  const type = realTypeOf(x)
  const reduction = stringOf(node, 'reduction', 'mean')
  const ignored = int(optionalIntOf(node, 'ignore_index') ?? noLabel)
  const { indices, weights, divisor } = readLabels(context, required(1), input(2), ignored, type)
  let scale = dY
  if (reduction === 'mean') scale = emit('Neg', [emit('Div', [dY, divisor()])])
  if (reduction === 'none') scale = emit('Unsqueeze', [dY, ints([1])])
  const updates = emit('Mul', [weights, scale])
  give(0, emit('ScatterElements', [zerosOf(context, shapeOf(x), type), indices, updates], { axis: 1 }))
}

/** Rules of the losses that are operators. */
export const loss: Readonly<Record<string, GradientRule>> = {
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
  NegativeLogLikelihoodLoss: negativeLogLikelihood,
}

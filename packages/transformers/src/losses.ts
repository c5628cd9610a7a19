import { shapeError } from '@induced-metric/core/adapter'
import { dataType } from '@induced-metric/onnx/proto'
import {
  bceWithLogitsLoss,
  crossEntropyLoss,
  mseLoss,
  type LossBuilder,
} from '@induced-metric/onnxruntime/artifacts'

/** The label of tokens and examples that do not count, as in PyTorch and Transformers. */
export const ignoredLabel = -100

/** The name of the input that takes the labels. */
export const labelsInput = 'labels'

/** What the labels of a classifier are, as `problem_type` in config.json names it. */
export type ProblemType = 'single_label_classification' | 'multi_label_classification' | 'regression'

/** The loss of a classifier on logits [batch, labels]. */
export function classificationLoss(problem: ProblemType): LossBuilder {
  if (problem === 'regression') return mseLoss({ target: labelsInput })
  if (problem === 'multi_label_classification') return bceWithLogitsLoss({ target: labelsInput })
  return crossEntropyLoss({ ignoreIndex: ignoredLabel, labels: labelsInput })
}

/**
 * The loss of a language model: the cross-entropy of logits [batch, tokens, vocabulary] with labels [batch, tokens], the
 * mean over the labels other than −100. The labels are those of the logits at the same place: the next tokens.
 */
export const nextTokenLoss: LossBuilder = ({
  outputs: [logits = ''],
  typeOf,
  input,
  emit,
  emitAll,
  ints,
  fresh,
}) => {
  const { shape } = typeOf(logits)
  if (shape?.length !== 3) {
    throw shapeError(
      `logits of a language model are [batch, tokens, vocabulary], these have ${shape?.length ?? '?'} axes`,
    )
  }
  const labels = input(labelsInput, dataType.int64, shape.slice(0, 2))
  const size = typeof shape[2] === 'number' ? shape[2] : 0
  if (size === 0) throw shapeError('the model does not say how large its vocabulary is')
  const scores = emit('Reshape', [logits, ints([-1, size])])
  const [loss, logProbabilities] = [fresh('loss'), fresh('log_prob')]
  const attributes = { reduction: 'mean', ignore_index: ignoredLabel }
  emitAll('SoftmaxCrossEntropyLoss', [scores, emit('Reshape', [labels, ints([-1])])], attributes, [
    loss,
    logProbabilities,
  ])
  return loss
}

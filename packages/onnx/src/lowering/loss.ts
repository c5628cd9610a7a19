import { optionalIntOf, stringOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import type { LoweringRule, LoweringContext } from '../rewrite/nodeContext.js'

/** Labels as cross-entropy uses them, with an axis of 1 where the scores have the classes. */
export interface Labels {
  /** As int64, and 0 where ignored. */
  readonly indices: string
  /** −1 for each label, 0 where ignored. */
  readonly signs: string
  /** The signs times the class weights. */
  readonly weights: string
  /** Their sum, or −1 if it is 0: minus the divisor of a mean. */
  readonly divisor: () => string
}

/**
 * Reads the labels of a classification.
 *
 * @param weight a weight for each class
 * @param ignored the label to ignore, as a value of the graph
 */
export function readLabels(
  { emit, int, ints, reals }: LoweringContext,
  label: string,
  weight: string | undefined,
  ignored: string,
  type: number,
): Labels {
  const given = emit('Unsqueeze', [emit('Cast', [label], { to: dataType.int64 }), ints([1])])
  const isIgnored = emit('Equal', [given, ignored])
  // Ignored labels are replaced before anything is looked up: they need not be a class.
  const indices = emit('Where', [isIgnored, int(0), given])
  const signs = emit('Where', [isIgnored, reals([0], type), reals([-1], type)])
  const weights = weight === undefined ? signs : emit('Mul', [emit('Gather', [weight, indices]), signs])
  const divisor = (): string => {
    const sum = emit('ReduceSum', [weights], { keepdims: 0 })
    const one = reals([-1], type)
    if (weight === undefined) return emit('Min', [sum, one])
    return emit('Where', [emit('Equal', [sum, reals([0], type)]), one, sum])
  }
  return { indices, signs, weights, divisor }
}

/** The label that the training build's cross-entropy ignores by default. */
export const ignoredByDefault = -1

/** The label to ignore: an attribute, or an input in the internal form of the operator. */
function ignoredLabel({ node, int, emit, input }: LoweringContext, inputIndex: number | undefined): string {
  const attribute = optionalIntOf(node, 'ignore_index')
  if (attribute !== undefined) return int(attribute)
  const value = inputIndex === undefined ? undefined : input(inputIndex)
  return value ? emit('Cast', [value], { to: dataType.int64 }) : int(ignoredByDefault)
}

/** dX = (softmax(X) − onehot(label)) · weight · dY / Σ weight, from log-probabilities. */
function crossEntropyGrad(ignoredInput?: number, addend?: number): LoweringRule {
  return (context) => {
    const { node, emit, required, input, output, ints, realTypeOf } = context
    const [dY, logProbability, label] = [required(0), required(1), required(2)]
    const type = realTypeOf(logProbability, dY)
    const reduction = stringOf(node, 'reduction', 'mean')
    const labels = readLabels(context, label, input(3), ignoredLabel(context, ignoredInput), type)

    const scale =
      reduction === 'mean'
        ? emit('Div', [dY, labels.divisor()])
        : emit('Neg', [reduction === 'none' ? emit('Unsqueeze', [dY, ints([1])]) : dY])
    const factor = emit('Mul', [labels.weights, scale])
    const difference = emit(
      'ScatterElements',
      [emit('Exp', [logProbability]), labels.indices, labels.signs],
      { axis: 1, reduction: 'add' },
    )
    const extra = addend === undefined ? undefined : input(addend)
    if (extra === undefined) emit('Mul', [difference, factor], {}, output(0))
    else
      emit(
        'Add',
        [emit('Mul', [difference, factor]), emit('Reshape', [extra, emit('Shape', [difference])])],
        {},
        output(0),
      )
  }
}

/**
 * The loss as the training build's kernel computes it: it ignores −1 by default and is 0 if all labels are ignored.
 * The stock runtime counts −1 from the end instead. In the internal form, the label to ignore is an input.
 */
const crossEntropy: LoweringRule = (context) => {
  const { node, emit, required, input, output, ints, realTypeOf } = context
  const [scores, label] = [required(0), required(1)]
  const type = realTypeOf(scores)
  const reduction = stringOf(node, 'reduction', 'mean')
  const labels = readLabels(
    context,
    label,
    input(2),
    ignoredLabel(context, node.opType.endsWith('Internal') ? 3 : undefined),
    type,
  )
  const logProbability = emit('LogSoftmax', [scores], { axis: 1 }, output(1))
  const picked = emit('GatherElements', [logProbability, labels.indices], { axis: 1 })
  const losses = emit('Mul', [picked, labels.weights])
  if (reduction === 'none') {
    emit('Squeeze', [losses, ints([1])], {}, output(0))
    return
  }
  const sum = emit('ReduceSum', [losses], { keepdims: 0 }, reduction === 'sum' ? output(0) : undefined)
  if (reduction === 'mean') emit('Div', [sum, emit('Neg', [labels.divisor()])], {}, output(0))
}

/** Rows for ONNX's own operators that stock builds compute differently. */
export const onnxLoss = { SoftmaxCrossEntropyLoss: crossEntropy } satisfies Record<string, LoweringRule>

export const loss = {
  SoftmaxCrossEntropyLossGrad: crossEntropyGrad(),
  SoftmaxCrossEntropyLossInternal: crossEntropy,
  SoftmaxCrossEntropyLossInternalGrad: crossEntropyGrad(4, 5),
} satisfies Record<string, LoweringRule>

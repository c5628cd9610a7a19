import { optionalIntOf, stringOf } from '../onnx/attribute.js'
import { dataType } from '../onnx/dataType.js'
import type { Lowering, LoweringContext } from './context.js'

/** What cross-entropy makes of its labels. */
export interface Labels {
  /** As int64, and 0 where ignored. */
  readonly indices: string
  /** The weight of each label, with 0 where ignored; `undefined` where all are 1. */
  readonly weights: string | undefined
}

/**
 * Reads the labels of a classification.
 *
 * @param ignored the label to ignore, as a value of the graph
 * @param weight a weight for each class
 */
export function readLabels(
  { emit, int, reals }: LoweringContext,
  label: string,
  weight: string | undefined,
  ignored: string | undefined,
  type: number,
): Labels {
  const given = emit('Cast', [label], { to: dataType.int64 })
  if (ignored === undefined) {
    return { indices: given, weights: weight && emit('Gather', [weight, given]) }
  }
  const isIgnored = emit('Equal', [given, ignored])
  // Before anything is looked up: the label to ignore need not be a class.
  const indices = emit('Where', [isIgnored, int(0), given])
  const weights = emit('Where', [
    isIgnored,
    reals([0], type),
    weight ? emit('Gather', [weight, indices]) : reals([1], type),
  ])
  return { indices, weights }
}

/** What the mean divides by: the number of labels, or the sum of their weights where that is not 0. */
export function denominator(
  { emit, reals }: LoweringContext,
  { indices, weights }: Labels,
  type: number,
): string {
  if (weights === undefined) return emit('Cast', [emit('Size', [indices])], { to: type })
  const sum = emit('ReduceSum', [weights], { keepdims: 0 })
  return emit('Where', [emit('Equal', [sum, reals([0], type)]), reals([1], type), sum])
}

/** The label to ignore: an attribute, or an input of the internal form of the operator. */
function ignoredLabel(
  { node, int, emit, input }: LoweringContext,
  inputIndex: number | undefined,
): string | undefined {
  const attribute = optionalIntOf(node, 'ignore_index')
  if (attribute !== undefined) return int(attribute)
  const value = inputIndex === undefined ? undefined : input(inputIndex)
  return value && emit('Cast', [value], { to: dataType.int64 })
}

/** dX = (softmax(X) − onehot(label)) · weight · dY / denominator, from log-probabilities. */
function crossEntropyGrad(ignoredInput?: number, addend?: number): Lowering {
  return (context) => {
    const { node, emit, required, input, output, ints, reals, realTypeOf } = context
    const [dY, logProbability, label] = [required(0), required(1), required(2)]
    const type = realTypeOf(logProbability, dY)
    const reduction = stringOf(node, 'reduction', 'mean')
    const labels = readLabels(context, label, input(3), ignoredLabel(context, ignoredInput), type)

    let factor = dY
    if (reduction === 'mean') factor = emit('Div', [dY, denominator(context, labels, type)])
    if (labels.weights !== undefined) factor = emit('Mul', [factor, labels.weights])
    if (labels.weights !== undefined || reduction === 'none') factor = emit('Unsqueeze', [factor, ints([1])])

    const column = emit('Unsqueeze', [labels.indices, ints([1])])
    const difference = emit(
      'ScatterElements',
      [emit('Exp', [logProbability]), column, emit('Expand', [reals([-1], type), emit('Shape', [column])])],
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

/** The loss with the label to ignore as an input, which ONNX's own operator cannot take. */
const crossEntropyInternal: Lowering = (context) => {
  const { node, emit, required, input, output, ints, realTypeOf } = context
  const [scores, label] = [required(0), required(1)]
  const type = realTypeOf(scores)
  const reduction = stringOf(node, 'reduction', 'mean')
  const labels = readLabels(context, label, input(2), ignoredLabel(context, 3), type)
  const logProbability = emit('LogSoftmax', [scores], { axis: 1 }, output(1))
  const column = emit('Unsqueeze', [labels.indices, ints([1])])
  const picked = emit('Squeeze', [emit('GatherElements', [logProbability, column], { axis: 1 }), ints([1])])
  const losses = emit('Neg', [labels.weights === undefined ? picked : emit('Mul', [picked, labels.weights])])
  if (reduction === 'none') {
    emit('Identity', [losses], {}, output(0))
    return
  }
  const sum = emit('ReduceSum', [losses], { keepdims: 0 })
  if (reduction === 'sum') emit('Identity', [sum], {}, output(0))
  else emit('Div', [sum, denominator(context, labels, type)], {}, output(0))
}

export const loss = {
  SoftmaxCrossEntropyLossGrad: crossEntropyGrad(),
  SoftmaxCrossEntropyLossInternal: crossEntropyInternal,
  SoftmaxCrossEntropyLossInternalGrad: crossEntropyGrad(4, 5),
} satisfies Record<string, Lowering>

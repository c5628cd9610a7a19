import { floatOf, intOf } from '../proto/attribute.js'
import type { LoweringContext, LoweringRule } from '../rewrite/nodeContext.js'
import { maxPool } from './maxPool.js'
import { scatterRows } from './scatter.js'
import { spaceToDepth } from './slices.js'

/** Folds a list of terms by an operator of two. */
function chain(opType: string): LoweringRule {
  return ({ node, emit, output }) => {
    const terms = node.input.filter((name) => name !== '')
    if (terms.length === 1) {
      emit('Identity', terms, {}, output(0))
      return
    }
    terms.slice(1).reduce((sum, term, i) => {
      const isLast = i === terms.length - 2
      return emit(opType, [sum, term], {}, isLast ? output(0) : undefined)
    }, terms[0]!)
  }
}

function reduced({ emit, ints, opset }: LoweringContext, opType: string, x: string, axis: number): string {
  return opset < 18 && opType !== 'ReduceSum'
    ? emit(opType, [x], { axes: [axis], keepdims: 1 })
    : emit(opType, [x, ints([axis])], { keepdims: 1 })
}

/** x − max − log Σ exp(x − max). */
const logSoftmax: LoweringRule = (context) => {
  const { node, emit, required, output } = context
  const x = required(0)
  const axis = intOf(node, 'axis', -1)
  const moved = emit('Sub', [x, reduced(context, 'ReduceMax', x, axis)])
  const sum = reduced(context, 'ReduceSum', emit('Exp', [moved]), axis)
  emit('Sub', [moved, emit('Log', [sum])], {}, output(0))
}

/** The provider gives 0 for a row with a NaN. Divided by their sum, which is 1 or 0, its values are NaN. */
const softmax: LoweringRule = (context) => {
  const { node, emit, required, output } = context
  const axis = intOf(node, 'axis', -1)
  const shares = emit('Softmax', [required(0)], { axis })
  emit('Div', [shares, reduced(context, 'ReduceSum', shares, axis)], {}, output(0))
}

/** The provider gives a number for NaN. Its results are never below a bound: the larger of both is the result, or NaN. */
function tracing(bound: (context: LoweringContext) => number): LoweringRule {
  return (context) => {
    const { node, emit, required, output, reals, realTypeOf } = context
    const x = required(0)
    const type = realTypeOf(x)
    const attributes = Object.fromEntries(node.attribute.map((given) => [given.name, given] as const))
    const trace = emit('Min', [x, reals([bound(context)], type)])
    emit('Max', [emit(node.opType, [x], attributes), trace], {}, output(0))
  }
}

const relu: LoweringRule = ({ emit, required, output, reals, realTypeOf }) => {
  emit('Max', [required(0), reals([0], realTypeOf(required(0)))], {}, output(0))
}

/** Min and Max keep NaN, and Clip does not. */
const clip: LoweringRule = ({ emit, required, input, output }) => {
  const [low, high] = [input(1), input(2)]
  if (low === undefined && high === undefined) emit('Identity', [required(0)], {}, output(0))
  else if (high === undefined) emit('Max', [required(0), low], {}, output(0))
  else {
    const raised = low === undefined ? required(0) : emit('Max', [required(0), low])
    emit('Min', [raised, high], {}, output(0))
  }
}

const sign: LoweringRule = ({ emit, required, output, reals, realTypeOf }) => {
  const x = required(0)
  const type = realTypeOf(x)
  const zero = reals([0], type)
  const isAbove = emit('Cast', [emit('Greater', [x, zero])], { to: type })
  emit('Sub', [isAbove, emit('Cast', [emit('Greater', [zero, x])], { to: type })], {}, output(0))
}

/** alpha · A · B, with the last two axes of each swapped where it says so. */
const fusedMatMul: LoweringRule = ({ node, emit, required, output, rankOf, reals, realTypeOf, refuse }) => {
  if (intOf(node, 'transBatchA', 0) !== 0 || intOf(node, 'transBatchB', 0) !== 0)
    refuse('transBatchA and transBatchB are not supported')
  const turned = (name: string, attribute: string): string => {
    if (intOf(node, attribute, 0) === 0) return name
    const axes = Array.from({ length: rankOf(name) }, (_, axis) => axis)
    const [a, b] = axes.splice(-2)
    return emit('Transpose', [name], { perm: [...axes, b!, a!] })
  }
  const factors = [turned(required(0), 'transA'), turned(required(1), 'transB')]
  const alpha = floatOf(node, 'alpha', 1)
  if (alpha === 1) emit('MatMul', factors, {}, output(0))
  else emit('Mul', [emit('MatMul', factors), reals([alpha], realTypeOf(required(0)))], {}, output(0))
}

/** ¬(¬a ∧ ¬b). */
const or: LoweringRule = ({ emit, required, output }) => {
  const neither = emit('And', [emit('Not', [required(0)]), emit('Not', [required(1)])])
  emit('Not', [neither], {}, output(0))
}

/** (a ∧ ¬b) ∨ (¬a ∧ b), as ¬(a ∧ b) ∧ ¬(¬a ∧ ¬b). */
const xor: LoweringRule = ({ emit, required, output }) => {
  const both = emit('And', [required(0), required(1)])
  const neither = emit('And', [emit('Not', [required(0)]), emit('Not', [required(1)])])
  emit('And', [emit('Not', [both]), emit('Not', [neither])], {}, output(0))
}

const castLike: LoweringRule = ({ emit, required, output, typeOf, refuse }) => {
  const to = typeOf(required(1)).dataType ?? refuse(`the type of ${JSON.stringify(required(1))} is not known`)
  if (typeOf(required(0)).dataType === to) emit('Identity', [required(0)], {}, output(0))
  else emit('Cast', [required(0)], { to }, output(0))
}

/** γ · (max(x, 0) + min(α · (eˣ − 1), 0)). */
const selu: LoweringRule = ({ node, emit, required, output, reals, realTypeOf }) => {
  const x = required(0)
  const type = realTypeOf(x)
  const [alpha, gamma] = [floatOf(node, 'alpha', 1.6732632), floatOf(node, 'gamma', 1.0507009)]
  const [zero, one] = [reals([0], type), reals([1], type)]
  const below = emit('Mul', [emit('Sub', [emit('Exp', [emit('Min', [x, zero])]), one]), reals([alpha], type)])
  const sum = emit('Add', [emit('Max', [x, zero]), below])
  emit('Mul', [sum, reals([gamma], type)], {}, output(0))
}

/** The sum of its inputs by their number. */
const mean: LoweringRule = ({ node, emit, output, reals, realTypeOf }) => {
  const [first = '', ...others] = node.input
  const sum = others.reduce((total, term) => emit('Add', [total, term]), first)
  emit('Div', [sum, reals([node.input.length], realTypeOf(first))], {}, output(0))
}

/**
 * Rows for operators of the stock runtime for which its WebGPU provider has no kernel, has one that fails, or has one that
 * loses NaN.
 *
 * @param zero names the input that holds a zero
 */
export function stockRows(
  zero: () => string,
): Readonly<Record<string, Readonly<Record<string, LoweringRule>>>> {
  return {
    '': {
      CastLike: castLike,
      Clip: clip,
      Elu: tracing(({ node }) => -floatOf(node, 'alpha', 1)),
      HardSigmoid: tracing(() => 0),
      LogSoftmax: logSoftmax,
      MaxPool: maxPool,
      Mean: mean,
      Or: or,
      Relu: relu,
      Selu: selu,
      Sigmoid: tracing(() => 0),
      Sign: sign,
      Softmax: softmax,
      Softplus: tracing(() => 0),
      SpaceToDepth: spaceToDepth,
      Sum: chain('Add'),
      Xor: xor,
      ...scatterRows(zero),
    },
    'com.microsoft': { FusedMatMul: fusedMatMul },
  }
}

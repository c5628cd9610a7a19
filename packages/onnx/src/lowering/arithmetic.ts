import { intOf, floatOf } from '../proto/attribute.js'
import type { LoweringRule, LoweringContext } from '../rewrite/nodeContext.js'
import type { Extent } from '../rewrite/valueTypes.js'

/** Whether each axis of `a` is broadcast to that of `b`, by axis of the result; `undefined` if that is unknown. */
export function stretchedAxes(a: readonly Extent[], b: readonly Extent[]): number[] | undefined {
  const rank = Math.max(a.length, b.length)
  const axes: number[] = []
  for (let axis = 0; axis < rank; axis++) {
    const i = axis - (rank - a.length)
    const j = axis - (rank - b.length)
    if (i < 0) axes.push(axis)
    else if (j >= 0 && a[i] !== b[j]) {
      if (a[i] === 1) axes.push(axis)
      // A symbol may stand for 1. Only if the other extent is 1 does it certainly stay unchanged.
      else if (b[j] !== 1 && typeof a[i] !== 'number') return undefined
    } else if (j >= 0 && a[i] === undefined) return undefined
  }
  return axes
}

/** Like {@link stretchedAxes}, but computed in the graph from two shapes that are values of the graph. */
function dynamicStretchedAxes(
  { emit, ints, int }: LoweringContext,
  a: string,
  b: string,
  output?: string,
): string {
  // Shapes of equal length, with −1 for missing axes.
  const rank = emit('Max', [emit('Shape', [a]), emit('Shape', [b])])
  const extend = (shape: string): string =>
    emit('Concat', [emit('Expand', [ints([-1]), emit('Sub', [rank, emit('Shape', [shape])])]), shape], {
      axis: 0,
    })
  const [x, y] = [extend(a), extend(b)]
  const is = (shape: string, extent: number): string => emit('Equal', [shape, int(extent)])
  const kept = emit('Or', [is(y, 1), is(y, -1)])
  const stretched = emit('Or', [is(x, -1), emit('And', [is(x, 1), emit('Not', [kept])])])
  return emit('Reshape', [emit('NonZero', [stretched]), ints([-1])], {}, output)
}

/**
 * Sums a gradient over the axes along which an operand was broadcast, and gives it the operand's shape.
 *
 * @param operand the operand, `other` the one it was broadcast against
 */
function unbroadcast(
  context: LoweringContext,
  gradient: string,
  operand: string,
  other: string,
  output: string,
): void {
  const { emit, ints, typeOf } = context
  const [a, b] = [typeOf(operand).shape, typeOf(other).shape]
  const axes = a && b && stretchedAxes(a, b)
  if (axes?.length === 0) {
    emit('Identity', [gradient], {}, output)
    return
  }
  const shape = emit('Shape', [operand])
  const reduced = emit(
    'ReduceSum',
    [gradient, axes ? ints(axes) : dynamicStretchedAxes(context, shape, emit('Shape', [other]))],
    { keepdims: 1, noop_with_empty_axes: 1 },
  )
  emit('Reshape', [reduced, shape], {}, output)
}

/** dA = dY/B, dB = −dY·A/B², each in its operand's shape. */
const divGrad: LoweringRule = (context) => {
  const { emit, required, output } = context
  const [dY, a, b] = [required(0), required(1), required(2)]
  const dA = output(0)
  const dB = output(1)
  const quotient = emit('Div', [dY, b])
  if (dA) unbroadcast(context, quotient, a, b, dA)
  if (dB) unbroadcast(context, emit('Neg', [emit('Mul', [quotient, emit('Div', [a, b])])]), b, a, dB)
}

const broadcastGradientArgs: LoweringRule = (context) => {
  const { required, output, emit, ints, producerOf, typeOf, constantOf } = context
  const shapeOf = (value: string): readonly Extent[] | undefined => {
    const constant = constantOf(value)
    if (constant) return constant
    const producer = producerOf(value)
    const whole = producer?.opType === 'Shape' && producer.attribute.length === 0
    return whole ? typeOf(producer.input[0]!).shape : undefined
  }
  const [a, b] = [required(0), required(1)]
  const [x, y] = [shapeOf(a), shapeOf(b)]
  const write = (name: string | undefined, from: string, to: string, axes: number[] | undefined): void => {
    if (name === undefined) return
    if (axes) emit('Identity', [ints(axes)], {}, name)
    else dynamicStretchedAxes(context, from, to, name)
  }
  write(output(0), a, b, x && y && stretchedAxes(x, y))
  write(output(1), b, a, x && y && stretchedAxes(y, x))
}

/** Divides or multiplies X by a scalar of any type. */
const scale: LoweringRule = ({ node, emit, required, output }) => {
  const x = required(0)
  const factor = emit('Squeeze', [emit('CastLike', [required(1), x])])
  emit(intOf(node, 'scale_down', 0) === 0 ? 'Mul' : 'Div', [x, factor], {}, output(0))
}

const scaledSum: LoweringRule = ({ node, emit, required, input, output, reals, realTypeOf }) => {
  const type = realTypeOf(required(0), input(1), input(2))
  const terms = [0, 1, 2].flatMap((i) => {
    const term = input(i)
    return term === undefined ? [] : [emit('Mul', [term, reals([floatOf(node, `scale_${i}`, 1)], type)])]
  })
  emit('Sum', terms, {}, output(0))
}

const batchScale: LoweringRule = ({ node, emit, required, output, reals, realTypeOf }) => {
  const x = required(0)
  node.output.forEach((_, i) => {
    const result = output(i)
    if (result)
      emit(
        'Mul',
        [x, reals([floatOf(node, `scale_${i}`, floatOf(node, `scale${i}`, 1))], realTypeOf(x))],
        {},
        result,
      )
  })
}

const reduceAllL2: LoweringRule = ({ node, emit, output }) => {
  const squares = node.input.map((x) => emit('ReduceSumSquare', [x], { keepdims: 0 }))
  emit('Sqrt', [emit('Sum', squares)], {}, output(0))
}

const reduceSumTraining: LoweringRule = ({ node, emit, required, output }) => {
  emit(
    'ReduceSum',
    [required(0), required(1)],
    { keepdims: intOf(node, 'keepdims', 1), noop_with_empty_axes: intOf(node, 'noop_with_empty_axes', 0) },
    output(0),
  )
}

/** Where(training, Where(mask, dY/(1−ratio), 0), dY). */
const dropoutGrad: LoweringRule = ({ emit, required, input, output, reals, realTypeOf, constantOf }) => {
  const [dY, mask, ratio, training] = [required(0), required(1), input(2), input(3)]
  const isTraining = training === undefined ? [1] : constantOf(training)
  if (isTraining?.[0] === 0) {
    emit('Identity', [dY], {}, output(0))
    return
  }
  const type = realTypeOf(dY)
  const one = reals([1], type)
  const rate = ratio === undefined ? reals([0.5], type) : emit('CastLike', [ratio, dY])
  const keep = emit('Squeeze', [emit('Sub', [one, rate])])
  const kept = emit(
    'Where',
    [mask, emit('Div', [dY, keep]), reals([0], type)],
    {},
    isTraining ? output(0) : undefined,
  )
  if (isTraining) return
  emit('Where', [training!, kept, dY], {}, output(0))
}

export const arithmetic = {
  DivGrad: divGrad,
  BroadcastGradientArgs: broadcastGradientArgs,
  Scale: scale,
  ScaledSum: scaledSum,
  BatchScale: batchScale,
  ReduceAllL2: reduceAllL2,
  ReduceSumTraining: reduceSumTraining,
  DropoutGrad: dropoutGrad,
} satisfies Record<string, LoweringRule>

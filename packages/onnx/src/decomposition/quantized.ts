import type { LoweringContext, LoweringRule } from '../rewrite/nodeContext.js'
import { convolutionAttributes } from './convolution.js'

/** The real values that numbers stand for, along an axis if there are several scales. */
function real(context: LoweringContext, first: number, axis: number): string {
  const { emit, required } = context
  return emit('DequantizeLinear', [required(first), required(first + 1), required(first + 2)], { axis })
}

/** The output, quantised. */
function quantized({ emit, required, output }: LoweringContext, y: string, scale: number): void {
  emit('QuantizeLinear', [y, required(scale), required(scale + 1)], {}, output(0))
}

/** A product of quantised matrices. The second one may have a scale for each column. */
const qLinearMatMul: LoweringRule = (context) => {
  const { emit, required, rankOf } = context
  const last = rankOf(required(3)) - 1
  quantized(context, emit('MatMul', [real(context, 0, 1), real(context, 3, last)]), 6)
}

/** A convolution of quantised values. The weights may have a scale for each output channel. */
const qLinearConv: LoweringRule = (context) => {
  const { node, emit, input, required } = context
  const bias = input(8)
  const scale = bias === undefined ? undefined : emit('Mul', [required(1), required(4)])
  const offset = scale === undefined ? undefined : emit('DequantizeLinear', [bias, scale], { axis: 0 })
  const convolved = emit(
    'Conv',
    [real(context, 0, 1), real(context, 3, 0), offset],
    convolutionAttributes(node),
  )
  quantized(context, convolved, 6)
}

export const linear = {
  QLinearMatMul: qLinearMatMul,
  QLinearConv: qLinearConv,
} satisfies Record<string, LoweringRule>

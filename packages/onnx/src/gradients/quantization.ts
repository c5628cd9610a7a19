import { intOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import type { NodeProto } from '../proto/onnx_pb.js'
import { readWindow } from '../lowering/window.js'
import { isReal, type GradientContext, type GradientRule } from './context.js'
import { convGrad, kernelOf } from './convolution.js'
import { unpackedWeights } from './packedWeights.js'

// Values of whole numbers that stand for real ones have gradients, too: with respect to the numbers, as if they were
// real, in float. So quantisation passes gradients straight through (Bengio and others, arXiv:1308.3432).

const { float } = dataType

/** The smallest and the largest number of a quantised type. */
const ranges: Readonly<Record<number, readonly [number, number]>> = {
  [dataType.uint8]: [0, 255],
  [dataType.int8]: [-128, 127],
  [dataType.uint16]: [0, 65535],
  [dataType.int16]: [-32768, 32767],
  [dataType.uint4]: [0, 15],
  [dataType.int4]: [-8, 7],
}

/** Operators that move the elements of their first input, whatever they are. */
const movers = new Set(['Identity', 'Reshape', 'Transpose', 'Flatten', 'Squeeze', 'Unsqueeze'])
/** Products of whole numbers. */
const products = new Set(['MatMulInteger', 'ConvInteger'])

/**
 * Whether an output of a node that depends on a trained parameter has a gradient, as far as its type decides: it is
 * real, or its whole numbers stand for real ones.
 *
 * @param type the element type of the output
 * @param isOrigin whether a value has a gradient
 */
export function carriesGradient(
  { opType, input }: NodeProto,
  output: number,
  type: number | undefined,
  isOrigin: (name: string) => boolean,
): boolean {
  if (opType === 'QuantizeLinear' || opType === 'DynamicQuantizeLinear') return output === 0
  if (movers.has(opType) || products.has(opType)) {
    return isReal(type) || input.slice(0, 2).some((name) => name !== '' && isOrigin(name))
  }
  return isReal(type)
}

/** Whether a node rounds values, and gradients pass as if it did not. */
export function isStraightThrough(
  { opType, input, output }: NodeProto,
  reached: ReadonlySet<string>,
): boolean {
  const rounds = ['QuantizeLinear', 'DynamicQuantizeLinear', 'DynamicQuantizeMatMul'].includes(opType)
  return rounds && reached.has(input[0]!) && reached.has(output[0]!)
}

/** The type of a value's gradient. */
export function gradientType<T extends { readonly dataType?: number | undefined }>(type: T): T {
  return isReal(type.dataType) ? type : { ...type, dataType: float }
}

function toFloat({ emit }: GradientContext, x: string): string {
  return emit('Cast', [x], { to: float })
}

/** A scale or a zero point, in a shape that broadcasts to X. */
function alongAxis(context: GradientContext, value: string, x: string, axis: number): string {
  const { node, emit, ints, rankOf, typeOf, refuse } = context
  const { shape } = typeOf(value)
  if (shape?.length === 0 || (shape?.length === 1 && shape[0] === 1)) return value
  if (intOf(node, 'block_size', 0) !== 0)
    refuse('blocks of activations have no gradient rule; give one scale')
  const rank = rankOf(x)
  const at = axis < 0 ? axis + rank : axis
  return emit('Reshape', [value, ints(Array.from({ length: rank }, (_, i) => (i === at ? -1 : 1)))])
}

/** X, scale and zero point of a quantisation, in float. */
function scaled(context: GradientContext): { scale: string; zero: string | undefined } {
  const { node, input, required } = context
  const axis = intOf(node, 'axis', 1)
  const [scale, zero] = [required(1), input(2)]
  return {
    scale: alongAxis(context, scale, required(0), axis),
    zero: zero === undefined ? undefined : toFloat(context, alongAxis(context, zero, required(0), axis)),
  }
}

/** The numbers themselves, less their zero point. */
function centered({ emit }: GradientContext, numbers: string, zero: string | undefined): string {
  return zero === undefined ? numbers : emit('Sub', [numbers, zero])
}

/** Straight through where the number is in the range, as PyTorch's fake quantisation, and 0 where it was cut off. */
const quantizeLinear: GradientRule = (context) => {
  const { node, emit, give, wants, required, requiredGradient, reals, typeOf, refuse } = context
  if (!wants(0)) return
  const { scale, zero } = scaled(context)
  const given = [node.output[0]!, ...node.input.slice(2)].map((name) => typeOf(name).dataType)
  const type = given.find((known) => known !== undefined) ?? intOf(node, 'output_dtype', dataType.uint8)
  const range = ranges[type] ?? refuse(`no gradients pass through numbers of ONNX type ${type}`)
  const rounded = emit('Round', [emit('Div', [required(0), scale])])
  const number = zero === undefined ? rounded : emit('Add', [rounded, zero])
  const [low, high] = range.map((bound) => reals([bound], float))
  const isKept = emit('And', [emit('GreaterOrEqual', [number, low!]), emit('LessOrEqual', [number, high!])])
  give(0, emit('Where', [isKept, emit('Div', [requiredGradient(0), scale]), reals([0], float)]))
}

/** y = scale·(x − zero). */
const dequantizeLinear: GradientRule = (context) => {
  const { emit, give, wants, required, requiredGradient, reduceTo } = context
  const dY = requiredGradient(0)
  const { scale, zero } = scaled(context)
  if (wants(0)) give(0, emit('Mul', [dY, scale]))
  if (!wants(1)) return
  const slope = emit('Mul', [dY, centered(context, toFloat(context, required(0)), zero)])
  const summed = reduceTo(slope, scale, required(0))
  give(1, scale === required(1) ? summed : emit('Reshape', [summed, context.shapeOf(required(1))]))
}

/** Its scale covers everything, so that nothing is cut off. The scale counts as a constant. */
const dynamicQuantizeLinear: GradientRule = ({ emit, give, requiredGradient, saved }) => {
  give(0, emit('Div', [requiredGradient(0), saved(1)]))
}

/** The rows of a product of quantised matrices: the other operand in float, less its zero point. */
function operand(context: GradientContext, index: number, zeroIndex: number): string {
  const { input, required } = context
  const zero = input(zeroIndex)
  const numbers = toFloat(context, required(index))
  return centered(context, numbers, zero === undefined ? undefined : toFloat(context, zero))
}

/** The gradients of two operands of Y = A·B. */
function giveProduct(
  context: GradientContext,
  dY: string,
  operands: { readonly a: () => string; readonly b: () => string },
): void {
  const { emit, give, wants, required, rankOf, refuse } = context
  if (rankOf(required(1)) > 2 && rankOf(required(1)) !== rankOf(required(0))) {
    refuse('a stack of quantised matrices is broadcast, which has no gradient rule')
  }
  if (wants(0)) give(0, emit('com.microsoft:FusedMatMul', [dY, operands.b()], { transB: 1 }))
  if (!wants(1)) return
  if (rankOf(required(1)) !== rankOf(required(0)))
    refuse('its second operand must have as many axes as its first')
  give(1, emit('com.microsoft:FusedMatMul', [operands.a(), dY], { transA: 1 }))
}

const matMulInteger: GradientRule = (context) => {
  giveProduct(context, context.requiredGradient(0), {
    a: () => operand(context, 0, 2),
    b: () => operand(context, 1, 3),
  })
}

const convInteger: GradientRule = (context) => {
  const { node, give, wants, required, requiredGradient, extentsOf, describe, typeOf } = context
  if (!wants(0)) return
  const [x, w] = [required(0), required(1)]
  const window = readWindow(context, kernelOf(context, w), extentsOf(x).slice(2))
  const real = (value: string, of: string): string => describe(value, { ...typeOf(of), dataType: float })
  const operands = { x: real(toFloat(context, x), x), w: real(operand(context, 1, 3), w) }
  const group = intOf(node, 'group', 1)
  const [dX] = convGrad(context, { dY: requiredGradient(0), ...operands, window, group }, [
    true,
    false,
    false,
  ])
  give(0, dX!)
}

function giveBias(
  { node, give, input, wants, requiredGradient, reduceTo }: GradientContext,
  index: number,
): void {
  const bias = input(index)
  if (bias !== undefined && wants(index)) give(index, reduceTo(requiredGradient(0), bias, node.output[0]!))
}

/** Y = scaleA·scaleB·A·B + bias, of quantised matrices. */
const matMulIntegerToFloat: GradientRule = (context) => {
  const { emit, required, requiredGradient, wants } = context
  giveBias(context, 6)
  if (!wants(0) && !wants(1)) return
  const dY = emit('Mul', [requiredGradient(0), emit('Mul', [required(2), required(3)])])
  giveProduct(context, dY, { a: () => operand(context, 0, 4), b: () => operand(context, 1, 5) })
}

/** Y = A·(scaleB·B) + bias, where A is quantised on the way. */
const dynamicQuantizeMatMul: GradientRule = (context) => {
  const { emit, required, requiredGradient, wants } = context
  giveBias(context, 4)
  if (!wants(0)) return
  const dY = emit('Mul', [requiredGradient(0), required(2)])
  giveProduct(context, dY, { a: () => required(0), b: () => operand(context, 1, 3) })
}

/** Y = A·Wᵀ + bias, where W is [outputs, inputs] and has few bits. W is unpacked at every step, and then forgotten. */
const matMulNBits: GradientRule = (context) => {
  const { emit, give, wants, requiredGradient } = context
  giveBias(context, 5)
  if (!wants(0)) return
  const dY = requiredGradient(0)
  give(0, emit('MatMul', [dY, unpackedWeights(context, dY)]))
}

export const quantization: Readonly<Record<string, GradientRule>> = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: matMulInteger,
  ConvInteger: convInteger,
  MatMulIntegerToFloat: matMulIntegerToFloat,
  DynamicQuantizeMatMul: dynamicQuantizeMatMul,
  MatMulNBits: matMulNBits,
}

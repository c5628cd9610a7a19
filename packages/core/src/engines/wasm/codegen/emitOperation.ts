import type { ConditionOp, ElementwiseOp } from '../../../graph/algebra.js'
import { emitBounded } from './bounds.js'
import type { Bytes } from './encoder.js'
import { emitFastAtan2, emitFastCubeRoot } from './fastFunctions.js'
import { call, get, tee } from './instructions.js'
import { constantIn, workingLocal, type Frame } from './loopFrame.js'
import { emitSquareRoot, type Surroundings } from './roots.js'
import { bits, type VectorOp } from './vectors.js'

/**
 * The operation of a node on vectors.
 *
 * @param value code for the value of an operand
 */
export function emitOperation(frame: Frame, node: number, value: (node: number) => Bytes): Bytes {
  const { type, again, ones } = frame
  const { op: operation, inputs } = frame.graph.nodes[node]!
  const [a, b, c] = inputs as [number, number, number]
  switch (operation as ElementwiseOp | ConditionOp) {
    case 'square':
      return [value(a), tee(again), get(again), type.op.mul]
    case 'sign': {
      // 1 with the sign of x where |x| > 0, else x itself: a zero or NaN.
      const signed = [value(a), tee(again), get(ones!.signBits), bits.and, get(ones!.one), bits.or]
      const isNonZero = [get(again), type.op.abs, zeros(frame), type.op.greater]
      return [signed, get(again), isNonZero, bits.select]
    }
    case 'max':
    case 'min':
      return emitExtreme(frame, operation as 'max', a, b, value)
    case 'greater':
      return [value(a), value(b), type.op.greater, constantIn(frame, 1), bits.and]
    case 'select':
    case 'when':
      return [value(b), value(c), [value(a), zeros(frame), type.op.greater], bits.select]
    case 'pow':
      return emitPower(frame, a, b, value)
    case 'atan2':
      return [value(a), value(b), emitAtan2(frame)]
    case 'exp':
    case 'log':
      return [value(a), call(frame.functions.get(operation as 'exp')!)]
    case 'sqrt':
    case 'abs':
    case 'neg':
      return [value(a), type.op[operation as 'sqrt']]
    default:
      return [value(a), value(b), type.op[operation as VectorOp]]
  }
}

/** The larger or the smaller one of two values. */
function emitExtreme(
  frame: Frame,
  op: 'max' | 'min',
  a: number,
  b: number,
  value: (node: number) => Bytes,
): Bytes {
  const isScalar = (node: number): boolean => frame.graph.nodes[node]!.shape === 'scalar'
  if (isScalar(a)) return emitBounded(frame, op, value(b), a)
  return isScalar(b) ? emitBounded(frame, op, value(a), b) : [value(a), value(b), frame.type.op[op]]
}

/** Whether an exponent is one of those that need no logarithm. */
export function rootOf(value: number | undefined): 2 | 3 | undefined {
  if (value === 1 / 2) return 2
  return value === 1 / 3 ? 3 : undefined
}

function emitPower(frame: Frame, x: number, y: number, value: (node: number) => Bytes): Bytes {
  switch (rootOf(frame.graph.nodes[y]!.value)) {
    case 2:
      return [value(x), emitSquareRoot(surroundings(frame))]
    case 3: {
      const otherwise = frame.functions.get('cbrt')!
      const isSingle = frame.type.name === 'float32'
      return [value(x), isSingle ? emitFastCubeRoot(surroundings(frame), otherwise) : call(otherwise)]
    }
    default:
      return [value(x), value(y), call(frame.functions.get('pow')!)]
  }
}

function emitAtan2(frame: Frame): Bytes {
  const otherwise = frame.functions.get('atan2')!
  return frame.type.name === 'float32' ? emitFastAtan2(surroundings(frame), otherwise) : call(otherwise)
}

function surroundings(frame: Frame): Surroundings {
  return {
    type: frame.type,
    local: (purpose) => workingLocal(frame, purpose),
    constant: (value) => constantIn(frame, value),
  }
}

function zeros(frame: Frame): Bytes {
  return get((frame.zero ??= frame.locals.add('v128')))
}

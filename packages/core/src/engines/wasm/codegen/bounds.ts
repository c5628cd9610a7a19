import type { Bytes } from './encoder.js'
import { get, set, simd } from './instructions.js'
import type { Bound, Frame } from './loopFrame.js'
import { bits } from './vectors.js'

/**
 * The larger or the smaller one of a tensor and a scalar. The exact maximum of two vectors costs eight instructions on
 * x64. One comparison does it where s is a number other than 0: x where x is not below s, else s. What is missing is then
 * added: NaN where s is NaN, and otherwise −0, which changes nothing, or for the larger one of −0 and 0, +0. (The smaller
 * one of 0 and s = −0 is 0.)
 */

const isEqualInteger = { float32: simd(0x37), float64: simd(0xd6) } as const

/**
 * Code for max or min of a tensor and a scalar.
 *
 * @param scalar the node of the scalar
 */
export function emitBounded(frame: Frame, op: 'max' | 'min', x: Bytes, scalar: number): Bytes {
  const { addend } = boundOf(frame, op, scalar)
  const fix = addend === undefined ? [] : [get(addend), frame.type.op.add]
  return [x, localOf(frame, scalar), op === 'max' ? frame.type.pseudoMax : frame.type.pseudoMin, fix]
}

function localOf({ scalars, constants }: Frame, node: number): Bytes {
  return get((scalars.get(node) ?? constants.get(node))!)
}

/** The bound of a scalar. Its local is set before the loop. */
function boundOf(frame: Frame, op: 'max' | 'min', node: number): Bound {
  const key = `${op} ${node}`
  let bound = frame.bounds.get(key)
  if (!bound) {
    const { value, name } = frame.graph.nodes[node]!
    // Hyperparameters have been checked.
    const isNumber = value === undefined ? (name?.startsWith('base.') ?? false) : !Number.isNaN(value)
    const isPlain = isNumber && (op === 'min' || (value !== undefined && value !== 0))
    bound = { op, node, addend: isPlain ? undefined : frame.locals.add('v128') }
    frame.bounds.set(key, bound)
  }
  return bound
}

/** Sets the locals of the bounds, once all code that needs them has been written. */
export function setBounds(frame: Frame): Bytes {
  const { type, bounds } = frame
  return [...bounds.values()].map(({ op, node, addend }) => {
    if (addend === undefined) return []
    const scalar = localOf(frame, node)
    const isPlusZero = [scalar, type.constant(0), isEqualInteger[type.name]]
    const zero = op === 'min' ? type.signBits : [type.signBits, isPlusZero, bits.andNot]
    return set(addend, zero, scalar, [scalar, scalar, type.op.equal], bits.select)
  })
}

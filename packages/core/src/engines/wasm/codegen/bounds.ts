import type { Bytes } from './encoder.js'
import { get, set, simd } from './instructions.js'
import type { Bound, Frame } from './loopFrame.js'
import { bits } from './vectors.js'

/**
 * The larger or the smaller one of a tensor and a scalar. The exact maximum of two vectors costs eight instructions on
 * x64. One comparison does it where s is a number other than 0: x where x is not below s, else s. One more operation puts the
 * rest right. The larger one gets an addend: NaN where s is NaN, and otherwise −0, which changes nothing, or +0 where s is +0,
 * which makes −0 of the result +0. The smaller one is joined with bits: those of NaN where s is NaN, and otherwise none, or the
 * sign where s is −0, where no result is above 0.
 */

const isEqualInteger = { float32: simd(0x37), float64: simd(0xd6) } as const

/**
 * Code for max or min of a tensor and a scalar.
 *
 * @param scalar the node of the scalar
 */
export function emitBounded(frame: Frame, op: 'max' | 'min', x: Bytes, scalar: number): Bytes {
  const { rest } = boundOf(frame, op, scalar)
  const fix = rest === undefined ? [] : [get(rest), op === 'max' ? frame.type.op.add : bits.or]
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
    const { value = NaN } = frame.graph.nodes[node]!
    // A constant that single precision cannot tell from 0 is one.
    const rounded = frame.type.name === 'float32' ? Math.fround(value) : value
    const isPlain = !Number.isNaN(rounded) && rounded !== 0
    bound = { op, node, rest: isPlain ? undefined : frame.locals.add('v128') }
    frame.bounds.set(key, bound)
  }
  return bound
}

/** Sets the locals of the bounds, once all code that needs them has been written. */
export function setBounds(frame: Frame): Bytes {
  const { type, bounds } = frame
  return [...bounds.values()].map(({ op, node, rest }) => {
    if (rest === undefined) return []
    const scalar = localOf(frame, node)
    const isEqual = (zero: Bytes): Bytes => [scalar, zero, isEqualInteger[type.name]]
    const ofNumber =
      op === 'max'
        ? [type.signBits, isEqual(type.constant(0)), bits.andNot]
        : [type.signBits, isEqual(type.signBits), bits.and]
    return set(rest, ofNumber, scalar, [scalar, scalar, type.op.equal], bits.select)
  })
}

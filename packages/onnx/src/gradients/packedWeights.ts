import { intOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import type { GradientContext } from './context.js'

const { float, uint8 } = dataType

/** The weights of a MatMulNBits. */
interface Packed {
  readonly bits: number
  readonly outputs: number
  readonly inputs: number
  /** The number of columns that share a scale. */
  readonly block: number
  readonly blocks: number
}

function packedOf({ node, refuse }: GradientContext): Packed {
  const [bits, outputs, inputs, block] = [
    intOf(node, 'bits', 4),
    intOf(node, 'N', 0),
    intOf(node, 'K', 0),
    intOf(node, 'block_size', 0),
  ]
  if (![2, 4, 8].includes(bits)) refuse(`numbers of ${bits} bits are not supported, only of 2, 4 and 8`)
  if (outputs < 1 || inputs < 1 || block < 1) refuse('its attributes N, K and block_size must be positive')
  return { bits, outputs, inputs, block, blocks: Math.ceil(inputs / block) }
}

/**
 * A scalar of bytes that is computed at run time. The runtime computes everything that depends on constants when it
 * loads a model, and would keep all weights unpacked.
 */
function byteAtRunTime({ emit, int }: GradientContext, value: number, probe: string): string {
  const zero = emit('Mul', [emit('Size', [probe]), int(0)])
  return emit('Cast', [emit('Add', [zero, int(value)])], { to: uint8 })
}

/** The numbers in bytes [rows, bytes], the lowest bits first: [rows, numbers], still bytes. */
function unpack(context: GradientContext, bytes: string, bits: number, probe: string): string {
  const { emit, ints } = context
  if (bits === 8) {
    // Nothing to unpack, but the bytes have to depend on the step.
    return emit('BitShift', [bytes, byteAtRunTime(context, 0, probe)], { direction: 'RIGHT' })
  }
  const down = byteAtRunTime(context, 8 - bits, probe)
  const parts = Array.from({ length: 8 / bits }, (_, i) => {
    const up = byteAtRunTime(context, 8 - bits * (i + 1), probe)
    const highest = emit('BitShift', [bytes, up], { direction: 'LEFT' })
    return emit('Unsqueeze', [emit('BitShift', [highest, down], { direction: 'RIGHT' }), ints([2])])
  })
  return emit('Reshape', [emit('Concat', parts, { axis: 2 }), ints([0, -1])])
}

/** The zero points by block, [outputs, blocks]: half of the range, bytes in which they are packed, or real numbers. */
function zeroPointsOf(context: GradientContext, { bits, outputs, blocks }: Packed, probe: string): string {
  const { emit, ints, input, reals, typeOf } = context
  const given = input(3)
  if (given === undefined) return reals([2 ** (bits - 1)], float)
  if (typeOf(given).dataType !== uint8) return emit('Reshape', [given, ints([outputs, blocks])])
  const bytes = emit('Reshape', [given, ints([outputs, -1])])
  const whole = unpack(context, bytes, bits, probe)
  return emit('Cast', [emit('Slice', [whole, ints([0]), ints([blocks]), ints([1])])], { to: float })
}

/**
 * The weights of a MatMulNBits as real numbers, [N, K].
 *
 * @param probe a value that no constant is computed from
 */
export function unpackedWeights(context: GradientContext, probe: string): string {
  const { emit, ints, input, required, refuse, typeOf } = context
  const packed = packedOf(context)
  const { outputs, inputs, block, blocks, bits } = packed
  const bytes = emit('Reshape', [required(1), ints([outputs, -1])])
  const numbers = emit('Cast', [unpack(context, bytes, bits, probe)], { to: float })
  const scales = emit('Reshape', [required(2), ints([outputs, blocks])])
  const order = input(4)
  const zeroPoints = input(3)
  if (order !== undefined && zeroPoints !== undefined && typeOf(zeroPoints).dataType === uint8) {
    refuse(
      'with g_idx the kernel reads packed zero points otherwise than the operator is defined; quantise without one of them',
    )
  }
  const zeros = zeroPointsOf(context, packed, probe)
  if (order !== undefined) {
    // Each column names its block.
    const at = (table: string): string => emit('Gather', [table, order], { axis: 1 })
    const columns = emit('Slice', [numbers, ints([0]), ints([inputs]), ints([1])])
    const rest = emit('Sub', [columns, input(3) === undefined ? zeros : at(zeros)])
    return emit('Mul', [rest, at(scales)])
  }
  const column = (table: string): string => emit('Unsqueeze', [table, ints([2])])
  const apart = emit('Reshape', [numbers, ints([outputs, blocks, block])])
  const rest = emit('Sub', [apart, input(3) === undefined ? zeros : column(zeros)])
  const whole = emit('Reshape', [emit('Mul', [rest, column(scales)]), ints([outputs, -1])])
  return blocks * block === inputs ? whole : emit('Slice', [whole, ints([0]), ints([inputs]), ints([1])])
}

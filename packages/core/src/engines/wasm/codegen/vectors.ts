import type { ElementType } from '../../../dtype.js'
import { float } from './encoder.js'
import { op, simd, simdMemory } from './instructions.js'

/** Operations that are one instruction. Comparisons set all bits of a lane where they hold. */
export type VectorOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'min'
  | 'max'
  | 'abs'
  | 'neg'
  | 'sqrt'
  | 'greater'
  | 'equal'
  | 'floor'

/** The vector instructions for one element type. */
export interface VectorType {
  readonly name: ElementType
  /** Bytes of an element. */
  readonly bytes: number
  /** Elements in a vector. */
  readonly lanes: number
  load(offset: number): number[]
  store(offset: number): number[]
  /** Loads one element into lane 0, zeros elsewhere. */
  loadLane(offset: number): number[]
  /** Stores lane 0. */
  storeLane(offset: number): number[]
  /** Loads one element into every lane. */
  loadSplat(offset: number): number[]
  /** A number in every lane. */
  constant(value: number): number[]
  readonly op: Readonly<Record<VectorOp, number[]>>
  /** b where a is less than b, else a. */
  readonly pseudoMax: number[]
  /** b where b is less than a, else a. */
  readonly pseudoMin: number[]
  /** Lane 0 as an f64. */
  readonly first: number[]
  /** The sign bit in every lane, as `constant` of −0. */
  readonly signBits: number[]
}

const f32x4: VectorType = {
  name: 'float32',
  bytes: 4,
  lanes: 4,
  load: (offset) => simdMemory(0x00, 2, offset),
  store: (offset) => simdMemory(0x0b, 2, offset),
  loadLane: (offset) => simdMemory(0x5c, 2, offset),
  storeLane: (offset) => simdMemory(0x5a, 2, offset, 0),
  loadSplat: (offset) => simdMemory(0x09, 2, offset),
  constant: (value) => splat(float(value, 'float32'), 4),
  op: {
    add: simd(0xe4),
    sub: simd(0xe5),
    mul: simd(0xe6),
    div: simd(0xe7),
    min: simd(0xe8),
    max: simd(0xe9),
    abs: simd(0xe0),
    neg: simd(0xe1),
    sqrt: simd(0xe3),
    greater: simd(0x44),
    equal: simd(0x41),
    floor: simd(0x68),
  },
  pseudoMin: simd(0xea),
  pseudoMax: simd(0xeb),
  first: [...simd(0x1f, 0), op.f64PromoteF32],
  signBits: splat(float(-0, 'float32'), 4),
}

const f64x2: VectorType = {
  name: 'float64',
  bytes: 8,
  lanes: 2,
  load: (offset) => simdMemory(0x00, 3, offset),
  store: (offset) => simdMemory(0x0b, 3, offset),
  loadLane: (offset) => simdMemory(0x5d, 3, offset),
  storeLane: (offset) => simdMemory(0x5b, 3, offset, 0),
  loadSplat: (offset) => simdMemory(0x0a, 3, offset),
  constant: (value) => splat(float(value, 'float64'), 2),
  op: {
    add: simd(0xf0),
    sub: simd(0xf1),
    mul: simd(0xf2),
    div: simd(0xf3),
    min: simd(0xf4),
    max: simd(0xf5),
    abs: simd(0xec),
    neg: simd(0xed),
    sqrt: simd(0xef),
    greater: simd(0x4a),
    equal: simd(0x47),
    floor: simd(0x75),
  },
  pseudoMin: simd(0xf6),
  pseudoMax: simd(0xf7),
  first: simd(0x21, 0),
  signBits: splat(float(-0, 'float64'), 2),
}

/** The vector instructions by element type. */
export const vectorTypes: Readonly<Record<ElementType, VectorType>> = { float32: f32x4, float64: f64x2 }

/** Instructions on vectors of bits. */
export const bits = {
  and: simd(0x4e),
  /** The bits of the first vector that the second one lacks. */
  andNot: simd(0x4f),
  or: simd(0x50),
  xor: simd(0x51),
  /** From a, b and a mask: the bits of a where the mask has them, else those of b. */
  select: simd(0x52),
} as const

/** f64x2 instructions for sums in double precision. */
export const pair = {
  /** The two low f32 lanes as f64. */
  promoteLow: simd(0x5f),
  /** Of a vector that is on the stack twice: its two high lanes, in place of the low ones. */
  high: simd(0x0d, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15),
  add: simd(0xf0),
  zero: simd(0x0c, ...new Array<number>(16).fill(0)),
  lane: (lane: number): number[] => simd(0x21, lane),
} as const

function splat(bytes: readonly number[], lanes: number): number[] {
  return simd(0x0c, ...Array.from({ length: lanes }, () => bytes).flat())
}

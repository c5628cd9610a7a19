import { float, signed, unsigned, type Bytes, type ValueType } from './encoder.js'

/** Instructions of WebAssembly as bytes. Operands are on the stack, in the order of the text format. */

/** The parameters and locals of a function while its body is written. */
export class Locals {
  readonly types: ValueType[] = []
  readonly #parameters: number

  constructor(parameters: number) {
    this.#parameters = parameters
  }

  /** A new local. */
  add(type: ValueType): number {
    return this.#parameters + this.types.push(type) - 1
  }
}

/** The instructions with a local, by instruction and local: most code consists of them. */
const ofLocals = new Map<number, number[]>()

function ofLocal(code: number, local: number): Bytes {
  const key = 0x100 * local + code
  let bytes = ofLocals.get(key)
  if (bytes === undefined) ofLocals.set(key, (bytes = [code, ...unsigned(local)]))
  return bytes
}

/** local.get */
export function get(local: number): Bytes {
  return ofLocal(0x20, local)
}

/** local.set of the value that the given instructions leave on the stack. */
export function set(local: number, ...value: Bytes[]): Bytes {
  return [value, ofLocal(0x21, local)]
}

/** local.tee of the value on the stack. */
export function tee(local: number): Bytes {
  return ofLocal(0x22, local)
}

/** i32.const */
export function i32(value: number): number[] {
  return [0x41, ...signed(value)]
}

/** i64.const, of a number that fits 32 bits */
export function i64(value: number): number[] {
  return [0x42, ...signed(value)]
}

/** f64.const */
export function f64(value: number): number[] {
  return [0x44, ...float(value, 'float64')]
}

/** local += value */
export function advance(local: number, value: Bytes): Bytes {
  return set(local, get(local), value, [op.i32Add])
}

/** do { body } while (condition) */
export function repeatWhile(body: Bytes, condition: Bytes): Bytes {
  return [0x03, 0x40, body, condition, 0x0d, 0, 0x0b]
}

/** if (condition) { then } else { otherwise } */
export function when(condition: Bytes, then: Bytes, otherwise: Bytes = []): Bytes {
  return [condition, 0x04, 0x40, then, otherwise.length > 0 ? [0x05, otherwise] : [], 0x0b]
}

/** A vector: `then` if the condition holds, else `otherwise`. */
export function vectorWhen(condition: Bytes, then: Bytes, otherwise: Bytes): Bytes {
  return [condition, 0x04, 0x7b, then, 0x05, otherwise, 0x0b]
}

/** Runs `body` until the local, which it counts down by one after each run, is 0. */
export function countDown(local: number, body: Bytes): Bytes {
  const decrement = [get(local), i32(1), op.i32Sub, tee(local)]
  return when(get(local), repeatWhile(body, decrement))
}

/** call */
export function call(index: number): Bytes {
  return [0x10, unsigned(index)]
}

/** One-byte instructions. */
export const op = {
  return: 0x0f,
  drop: 0x1a,
  select: 0x1b,
  i32Eqz: 0x45,
  i32LessUnsigned: 0x49,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32DivUnsigned: 0x6e,
  i32And: 0x71,
  i32Or: 0x72,
  i32ShiftLeft: 0x74,
  i32ShiftRightUnsigned: 0x76,
  f64Equal: 0x61,
  f64Less: 0x63,
  f64Greater: 0x64,
  f64Abs: 0x99,
  f64Neg: 0x9a,
  f64Floor: 0x9c,
  f64Sqrt: 0x9f,
  f64Add: 0xa0,
  f64Sub: 0xa1,
  f64Mul: 0xa2,
  f64Div: 0xa3,
  f64Min: 0xa4,
  f64Max: 0xa5,
  f32DemoteF64: 0xb6,
  f64ConvertI32: 0xb7,
  f64PromoteF32: 0xbb,
} as const

/** i32.load, from the address on the stack. */
export function loadI32(offset: number): number[] {
  return [0x28, 2, ...unsigned(offset)]
}

/** i64.load, from the address on the stack. */
export function loadI64(offset: number): number[] {
  return [0x29, 3, ...unsigned(offset)]
}

/** f64.load, from the address on the stack. */
export function loadF64(offset: number): number[] {
  return [0x2b, 3, ...unsigned(offset)]
}

/** i32.store, to the address below the value on the stack. */
export function storeI32(offset: number): number[] {
  return [0x36, 2, ...unsigned(offset)]
}

/** i64.store, to the address below the value on the stack. */
export function storeI64(offset: number): number[] {
  return [0x37, 3, ...unsigned(offset)]
}

/** f32.store, to the address below the value on the stack. */
export function storeF32(offset: number): number[] {
  return [0x38, 2, ...unsigned(offset)]
}

/** f64.store, to the address below the value on the stack. */
export function storeF64(offset: number): number[] {
  return [0x39, 3, ...unsigned(offset)]
}

/** A vector instruction with its immediate bytes. */
export function simd(code: number, ...immediate: number[]): number[] {
  return [0xfd, ...unsigned(code), ...immediate]
}

/** A vector instruction on memory. Addresses need no alignment; the hint is that of an element. */
export function simdMemory(code: number, align: number, offset: number, ...lane: number[]): number[] {
  return simd(code, align, ...unsigned(offset), ...lane)
}

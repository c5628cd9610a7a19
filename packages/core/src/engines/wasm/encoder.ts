/**
 * The binary format of WebAssembly, as much of it as the engine writes: LEB128 numbers, sections, and function bodies
 * given as bytes.
 */

/** Bytes under construction: parts within parts, put one after the other only at the end. */
export type Bytes = readonly (number | Bytes)[]

/** Types of values, as the format numbers them. */
export const valueType = { i32: 0x7f, f64: 0x7c, v128: 0x7b } as const

/** The name of a value type. */
export type ValueType = keyof typeof valueType

/** Unsigned LEB128, of a whole number in 0 … 2³²−1. */
export function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value >>> 0
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return bytes
}

/** Signed LEB128, of a 32-bit number. */
export function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value | 0
  while (rest < -0x40 || rest >= 0x40) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>= 7
  }
  bytes.push(rest & 0x7f)
  return bytes
}

/** The little-endian bytes of a number. */
export function float(value: number, type: 'float32' | 'float64'): number[] {
  const bytes = new Uint8Array(type === 'float32' ? 4 : 8)
  const view = new DataView(bytes.buffer)
  if (type === 'float32') view.setFloat32(0, value, true)
  else view.setFloat64(0, value, true)
  return [...bytes]
}

/** A function to be exported: its parameters are 32-bit whole numbers and it returns nothing. */
export interface FunctionCode {
  readonly name: string
  readonly parameters: number
  /** The types of its locals, which follow the parameters. */
  readonly locals: readonly ValueType[]
  readonly body: Bytes
}

/**
 * A module that imports a memory as `env.memory` and exports functions.
 *
 * @param shared whether the memory is shared between threads: the import has to say so
 */
export function encodeModule(functions: readonly FunctionCode[], shared: boolean): Uint8Array {
  const arities = [...new Set(functions.map(({ parameters }) => parameters))]
  const types = arities.map((n) => [0x60, vector(Array.from({ length: n }, () => [valueType.i32])), 0])
  // A shared memory must be imported with a maximum: the largest there is. Any other fits a minimum of 0.
  const limits = shared ? [0x03, 0, ...unsigned(65536)] : [0x00, 0]
  const memory = [text('env'), text('memory'), 0x02, limits]
  const exports = functions.map(({ name }, index) => [text(name), 0x00, unsigned(index)])
  const magic = [0x00, 0x61, 0x73, 0x6d]
  const version = [0x01, 0x00, 0x00, 0x00]
  return new Uint8Array(
    flatten([
      magic,
      version,
      section(1, vector(types)),
      section(2, vector([memory])),
      section(3, vector(functions.map(({ parameters }) => unsigned(arities.indexOf(parameters))))),
      section(7, vector(exports)),
      section(10, vector(functions.map(functionBody))),
    ]),
  )
}

function flatten(bytes: Bytes, to: number[] = []): number[] {
  for (const part of bytes) {
    if (typeof part === 'number') to.push(part)
    else flatten(part, to)
  }
  return to
}

function functionBody({ locals, body }: FunctionCode): Bytes {
  // Neighbours of one type are declared together.
  const runs: [number, ValueType][] = []
  for (const type of locals) {
    const last = runs.at(-1)
    if (last?.[1] === type) last[0]++
    else runs.push([1, type])
  }
  const declarations = vector(runs.map(([count, type]) => [unsigned(count), valueType[type]]))
  return sized([declarations, body, 0x0b])
}

function section(id: number, content: Bytes): Bytes {
  return [id, sized(content)]
}

function sized(content: Bytes): Bytes {
  const bytes = flatten(content)
  return [unsigned(bytes.length), bytes]
}

function vector(items: readonly Bytes[]): Bytes {
  return [unsigned(items.length), items]
}

function text(value: string): Bytes {
  return sized(Array.from(value, (character) => character.charCodeAt(0)))
}

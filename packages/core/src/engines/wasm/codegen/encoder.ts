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

/** A function to be exported: its parameters are 32-bit whole numbers. */
export interface FunctionCode {
  readonly name: string
  readonly parameters: number
  /** The type of what it returns; by default nothing. */
  readonly result?: ValueType
  /** The types of its locals, which follow the parameters. */
  readonly locals: readonly ValueType[]
  readonly body: Bytes
}

/** A function to be imported, as `env.NAME`. The functions of a module are numbered after those it imports. */
export interface FunctionImport {
  readonly name: string
  readonly parameters: readonly ValueType[]
  readonly result?: ValueType
}

/**
 * A module that imports a memory as `env.memory` and exports functions.
 *
 * @param shared whether the memory is shared between threads: the import has to say so
 */
export function encodeModule(
  functions: readonly FunctionCode[],
  shared: boolean,
  imports: readonly FunctionImport[] = [],
): Uint8Array {
  const signatures = new Map<string, { index: number; code: Bytes }>()
  const typeIndex = (parameters: readonly ValueType[], result: ValueType | undefined): number => {
    const key = `${parameters.join()}:${result ?? ''}`
    const code = [0x60, valueTypes(parameters), valueTypes(result === undefined ? [] : [result])]
    const found = signatures.get(key) ?? { index: signatures.size, code }
    signatures.set(key, found)
    return found.index
  }
  const imported = imports.map(({ name, parameters, result }) => [
    text('env'),
    text(name),
    0x00,
    unsigned(typeIndex(parameters, result)),
  ])
  const declared = functions.map(({ parameters, result }) =>
    unsigned(typeIndex(new Array<ValueType>(parameters).fill('i32'), result)),
  )
  // A shared memory must be imported with a maximum: the largest there is. Any other fits a minimum of 0.
  const limits = shared ? [0x03, 0, ...unsigned(65536)] : [0x00, 0]
  const memory = [text('env'), text('memory'), 0x02, limits]
  const exports = functions.map(({ name }, i) => [text(name), 0x00, unsigned(imports.length + i)])
  const magic = [0x00, 0x61, 0x73, 0x6d]
  const version = [0x01, 0x00, 0x00, 0x00]
  return new Uint8Array(
    flatten([
      magic,
      version,
      section(1, vector([...signatures.values()].map(({ code }) => code))),
      section(2, vector([memory, ...imported])),
      section(3, vector(declared)),
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

function valueTypes(types: readonly ValueType[]): Bytes {
  return vector(types.map((type) => [valueType[type]]))
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

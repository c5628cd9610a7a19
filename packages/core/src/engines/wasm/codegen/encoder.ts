/**
 * The part of WebAssembly's binary format that the engine writes: LEB128 numbers, sections, and function bodies given
 * as bytes.
 */

/** Bytes under construction: numbers and nested parts. */
export type Bytes = readonly (number | Bytes | Sized)[]

/** A part that begins with its number of bytes. */
interface Sized {
  readonly content: Bytes
}

/** The format's numbers for types of values. */
export const valueType = { i32: 0x7f, f64: 0x7c, v128: 0x7b } as const

/** The name of a value type. */
export type ValueType = keyof typeof valueType

const sectionId = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const
const externalKind = { function: 0x00, memory: 0x02 } as const
const functionType = 0x60
/** Limits of a memory: without a maximum, or shared, which needs one. */
const limitsKind = { minimum: 0x00, shared: 0x03 } as const
const endOfBody = 0x0b

/** The bytes by their values: most numbers in code are one. */
const singleBytes = Array.from({ length: 0x80 }, (_, value): readonly number[] => [value])

/** Unsigned LEB128, of an integer in 0 … 2³²−1. */
export function unsigned(value: number): readonly number[] {
  if (value >= 0 && value < 0x80) return singleBytes[value]!
  const bytes: number[] = []
  let rest = value >>> 0
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return bytes
}

/** Signed LEB128, of a 32-bit integer. */
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
  if (type === 'float32') floatView.setFloat32(0, value, true)
  else floatView.setFloat64(0, value, true)
  const bytes: number[] = []
  for (let i = 0; i < (type === 'float32' ? 4 : 8); i++) bytes.push(floatView.getUint8(i))
  return bytes
}

const floatView = new DataView(new ArrayBuffer(8))

/** A function. */
export interface FunctionCode {
  /** The name under which it is exported; without one, only the module itself calls it. */
  readonly name?: string
  /** The number of its parameters, which are 32-bit integers, or their types. */
  readonly parameters: number | readonly ValueType[]
  /** The type of its result; by default it returns nothing. */
  readonly result?: ValueType
  /** The types of its locals, which follow the parameters. */
  readonly locals: readonly ValueType[]
  readonly body: Bytes
}

/** A function to import, as `env.NAME`. A module numbers its own functions after those it imports. */
export interface FunctionImport {
  readonly name: string
  readonly parameters: readonly ValueType[]
  readonly result?: ValueType
}

/**
 * A module that imports a memory as `env.memory` and exports functions.
 *
 * @param shared whether the memory is shared between threads, which the import has to declare
 */
export function encodeModule(
  functions: readonly FunctionCode[],
  shared: boolean,
  imports: readonly FunctionImport[] = [],
): Uint8Array {
  const signatures = new Map<string, { index: number; code: Bytes }>()
  const typeIndex = (parameters: readonly ValueType[], result: ValueType | undefined): number => {
    const key = `${parameters.join()}:${result ?? ''}`
    let found = signatures.get(key)
    if (found === undefined) {
      const code = [functionType, valueTypes(parameters), valueTypes(result === undefined ? [] : [result])]
      signatures.set(key, (found = { index: signatures.size, code }))
    }
    return found.index
  }
  const imported = imports.map(({ name, parameters, result }) => [
    text('env'),
    text(name),
    externalKind.function,
    unsigned(typeIndex(parameters, result)),
  ])
  const declared = functions.map(({ parameters, result }) =>
    unsigned(typeIndex(parameterTypes(parameters), result)),
  )
  // The import of a shared memory must declare a maximum: the largest there is. Any other memory fits a minimum of 0.
  const limits = shared ? [limitsKind.shared, 0, ...unsigned(65536)] : [limitsKind.minimum, 0]
  const memory = [text('env'), text('memory'), externalKind.memory, limits]
  const exports = functions.flatMap(({ name }, i) =>
    name === undefined ? [] : [[text(name), externalKind.function, unsigned(imports.length + i)]],
  )
  const magic = [0x00, 0x61, 0x73, 0x6d]
  const version = [0x01, 0x00, 0x00, 0x00]
  return join([
    magic,
    version,
    section(sectionId.type, vector([...signatures.values()].map(({ code }) => code))),
    section(sectionId.import, vector([memory, ...imported])),
    section(sectionId.function, vector(declared)),
    section(sectionId.export, vector(exports)),
    section(sectionId.code, vector(functions.map(functionBody))),
  ])
}

/** Where parts are joined. It grows with the largest that it has held. */
let scratch = new Uint8Array(1 << 12)

/** Joins nested parts. */
function join(bytes: Bytes): Uint8Array {
  const end = write(bytes, 0)
  return scratch.slice(0, end)
}

/** The most bytes of a number in LEB128. */
const longest = 5

/** Writes bytes at an index of the scratch, and returns the index behind them. */
function write(bytes: Bytes, start: number): number {
  const end = start + bytes.length
  if (end > scratch.length) makeRoom(end)
  let at = start
  for (let i = 0; i < bytes.length; i++) {
    const part = bytes[i]!
    if (typeof part !== 'number') at = isSized(part) ? writeSized(part, at) : write(part, at)
    // A nested part may have taken the room that there was for the numbers behind it.
    else if (at < scratch.length) scratch[at++] = part
    else at = write([part], at)
  }
  return at
}

function isSized(part: Bytes | Sized): part is Sized {
  return !Array.isArray(part)
}

/** The same for a part with its size, which is known once the rest has been written. */
function writeSized({ content }: Sized, start: number): number {
  const end = write(content, start + longest)
  const size = end - start - longest
  const behind = write(unsigned(size), start)
  scratch.copyWithin(behind, start + longest, end)
  return behind + size
}

function makeRoom(end: number): void {
  const longer = new Uint8Array(2 * end)
  longer.set(scratch)
  scratch = longer
}

function parameterTypes(parameters: FunctionCode['parameters']): readonly ValueType[] {
  return typeof parameters === 'number' ? new Array<ValueType>(parameters).fill('i32') : parameters
}

function functionBody({ locals, body }: FunctionCode): Bytes {
  // Neighbouring locals of one type share a declaration.
  const runs: [number, ValueType][] = []
  for (const type of locals) {
    const last = runs.at(-1)
    if (last?.[1] === type) last[0]++
    else runs.push([1, type])
  }
  const declarations = vector(runs.map(([count, type]) => [unsigned(count), valueType[type]]))
  return sized([declarations, body, endOfBody])
}

function valueTypes(types: readonly ValueType[]): Bytes {
  return vector(types.map((type) => [valueType[type]]))
}

function section(id: number, content: Bytes): Bytes {
  return [id, sized(content)]
}

function sized(content: Bytes): Bytes {
  return [{ content }]
}

function vector(items: readonly Bytes[]): Bytes {
  return [unsigned(items.length), items]
}

function text(value: string): Bytes {
  return sized(Array.from(value, (character) => character.charCodeAt(0)))
}

import { elementType, type TypedArray } from '../engines/engine.js'
import { InducedMetricError, show } from '../errors.js'
import { sizeOf } from '../step/plan.js'

/** The state of one metric unit. */
export interface UnitState {
  /** '' for the default group, else a group's label or a parameter's name. */
  readonly key: string
  /** v, the running average of s before its bias correction. */
  readonly average: number
  /** Number of steps averaged. */
  readonly steps: number
  /** Other numbers that its metric keeps, by name: averages of losses, of a floor that follows or an averaged model. */
  readonly values?: Readonly<Record<string, number>>
}

/** The state of one parameter. */
export interface ParameterState {
  readonly name: string
  readonly shape: readonly number[]
  /** Element type of its slots. */
  readonly dtype: 'float32' | 'float64'
  /** Number of steps that updated it. */
  readonly steps: number
  /** Arrays of the parameter's size, by slot name. */
  readonly slots: Readonly<Record<string, TypedArray>>
}

/**
 * All that an optimiser keeps from step to step. It does not hold the parameters: the framework saves those. The same
 * checkpoint resumes in every adapter.
 */
export interface Checkpoint {
  readonly format: 'induced-metric-checkpoint'
  readonly version: 1
  /** Structural hash of the transformation: the bases and the scope of the metric. */
  readonly hash: string
  /** Number of steps taken. */
  readonly step: number
  /** Number of steps skipped. */
  readonly skippedSteps: number
  /** The learning rate that was set while training ran; absent where it is the transformation's. */
  readonly learningRate?: number
  readonly units: readonly UnitState[]
  readonly parameters: readonly ParameterState[]
}

// Layout, little-endian: "IMCK", version u32, length of header u32, CRC-32 of all that follows u32, header as JSON in
// ASCII padded with spaces to a multiple of 8, then the slots in the header's order, each padded likewise.
const magic = 0x4b434d49
const prefixLength = 16

interface Header extends Omit<Checkpoint, 'parameters'> {
  readonly parameters: readonly (Omit<ParameterState, 'slots'> & { readonly slots: readonly string[] })[]
}

/**
 * Writes a checkpoint as bytes.
 *
 * @returns a versioned, self-describing file with a checksum; readable by every adapter
 * @throws ERR_CHECKPOINT when it is no checkpoint, or a slot has not its parameter's size and element type
 *
 * @example
 * ```ts
 * import { adam, createOptimizer, decodeCheckpoint, encodeCheckpoint, inducedMetric } from '@induced-metric/core'
 *
 * const weights = { name: 'w', shape: [2], data: new Float32Array([1, 2]) }
 * const optimizer = createOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), [weights])
 * optimizer.step([new Float32Array([0.5, -0.5])])
 * const bytes = encodeCheckpoint(optimizer.save())
 * optimizer.load(decodeCheckpoint(bytes))
 * ```
 */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  checkCheckpoint(checkpoint)
  for (const state of checkpoint.parameters)
    checkParameterState(state, { ...state, slots: Object.keys(state.slots) })
  const { parameters, ...rest } = checkpoint
  const header: Header = {
    ...rest,
    parameters: parameters.map(({ slots, ...parameter }) => ({ ...parameter, slots: Object.keys(slots) })),
  }
  const text = encodeText(JSON.stringify(header))
  const headerLength = aligned(text.length)
  const arrays = parameters.flatMap(({ slots }) => Object.values(slots))
  const length = arrays.reduce(
    (total, array) => total + aligned(array.byteLength),
    prefixLength + headerLength,
  )

  const bytes = new Uint8Array(length)
  bytes.fill(0x20, prefixLength, prefixLength + headerLength).set(text, prefixLength)
  let offset = prefixLength + headerLength
  for (const array of arrays) {
    bytes.set(littleEndian(array), offset)
    offset += aligned(array.byteLength)
  }
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  view.setUint32(4, checkpoint.version, true)
  view.setUint32(8, headerLength, true)
  view.setUint32(12, crc32(bytes.subarray(prefixLength)), true)
  return bytes
}

/**
 * Reads a checkpoint from bytes, which may come from anyone: lengths are checked before anything is allocated.
 *
 * @throws ERR_CHECKPOINT when the bytes are no checkpoint, of another version, truncated or altered
 */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  if (!(bytes instanceof Uint8Array)) throw broken(`expected the bytes of a checkpoint, given ${show(bytes)}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < prefixLength || view.getUint32(0, true) !== magic) {
    throw broken('these bytes are not an induced-metric checkpoint')
  }
  const version = view.getUint32(4, true)
  if (version !== 1) throw broken(`the checkpoint has version ${version}; this release reads version 1`)
  const headerLength = view.getUint32(8, true)
  if (prefixLength + headerLength > bytes.length)
    throw broken('the checkpoint is truncated: its header is incomplete')
  const stored = view.getUint32(12, true)
  if (crc32(bytes.subarray(prefixLength)) !== stored)
    throw broken('the checkpoint is truncated or altered: checksum differs')

  const header = parseHeader(bytes.subarray(prefixLength, prefixLength + headerLength))
  let offset = prefixLength + headerLength
  const parameters = header.parameters.map(({ slots: names, ...parameter }): ParameterState => {
    const size = sizeOf(parameter.shape)
    const width = parameter.dtype === 'float64' ? 8 : 4
    const slots: [string, TypedArray][] = names.map((name) => {
      const byteLength = size * width
      if (offset + byteLength > bytes.length)
        throw broken(`the checkpoint is truncated at slot ${name} of ${parameter.name}`)
      // Not bytes.slice: that of a Node Buffer is no copy.
      const copy = new Uint8Array(bytes.subarray(offset, offset + byteLength))
      offset += aligned(byteLength)
      return [name, fromLittleEndian(copy, parameter.dtype)]
    })
    return { ...parameter, slots: Object.fromEntries(slots) }
  })
  if (offset !== bytes.length)
    throw broken(`the checkpoint has ${bytes.length - offset} bytes after its last slot`)
  return { ...header, parameters }
}

/**
 * Checks that a value has the form of a checkpoint; what does not concern its arrays, which their reader checks.
 *
 * @throws ERR_CHECKPOINT when it has not
 */
export function checkCheckpoint(value: unknown): asserts value is Checkpoint {
  checkHeader(value, (slots) => typeof slots === 'object' && slots !== null)
}

/**
 * Checks that a parameter's saved state fits the parameter.
 *
 * @throws ERR_CHECKPOINT naming the parameter and what differs
 */
export function checkParameterState(
  state: ParameterState,
  expected: {
    name: string
    shape: readonly number[]
    dtype: 'float32' | 'float64'
    slots: readonly string[]
  },
): void {
  const name = show(expected.name)
  if (state.shape.join() !== expected.shape.join()) {
    throw broken(
      `parameter ${name} has shape [${expected.shape.join(', ')}], in the checkpoint [${state.shape.join(', ')}]`,
    )
  }
  const slots = [...expected.slots].sort().join(', ')
  const saved = Object.keys(state.slots).sort().join(', ')
  if (slots !== saved) throw broken(`parameter ${name} keeps slots [${slots}], the checkpoint has [${saved}]`)
  for (const [slot, data] of Object.entries(state.slots)) {
    if (elementType(data) !== expected.dtype) {
      throw broken(`slot ${slot} of ${name} must be ${expected.dtype}, the checkpoint has ${show(data)}`)
    }
    if (data.length !== sizeOf(expected.shape)) {
      throw broken(
        `slot ${slot} of ${name} has ${sizeOf(expected.shape)} elements, in the checkpoint ${data.length}`,
      )
    }
  }
}

function parseHeader(bytes: Uint8Array): Header {
  let header: unknown
  try {
    header = JSON.parse(decodeText(bytes))
  } catch {
    throw broken('the checkpoint has a header that is not JSON')
  }
  checkHeader(header, (slots) => isNameList(slots))
  return header as Header
}

function checkHeader(value: unknown, isSlots: (slots: unknown) => boolean): void {
  const header = value as Partial<Header> | null | undefined
  const isCount = (count: unknown): boolean => Number.isSafeInteger(count) && (count as number) >= 0
  if (header?.format !== 'induced-metric-checkpoint')
    throw broken(`expected a checkpoint, given ${show(value)}`)
  if (header.version !== 1)
    throw broken(`the checkpoint has version ${show(header.version)}; this release reads version 1`)
  if (typeof header.hash !== 'string') throw broken('the checkpoint has no structural hash')
  if (!isCount(header.step) || !isCount(header.skippedSteps))
    throw broken('the checkpoint has no valid step count')
  const rate: unknown = header.learningRate
  if (rate !== undefined && !(typeof rate === 'number' && Number.isFinite(rate) && rate >= 0))
    throw broken(`the checkpoint has an invalid learning rate, ${show(rate)}`)
  if (!Array.isArray(header.units) || !Array.isArray(header.parameters)) {
    throw broken('the checkpoint has no list of metric units or of parameters')
  }
  checkUnique('metric units', header.units, 'key')
  checkUnique('parameters', header.parameters, 'name')
  for (const unit of header.units as readonly Partial<UnitState>[]) {
    if (
      typeof unit?.key !== 'string' ||
      !isCount(unit.steps) ||
      !Number.isFinite(unit.average) ||
      unit.average! < 0 ||
      !areNumbers(unit.values ?? {})
    ) {
      throw broken('the checkpoint has an invalid metric average')
    }
  }
  for (const parameter of header.parameters as readonly Partial<Header['parameters'][number]>[]) {
    const valid =
      typeof parameter?.name === 'string' &&
      Array.isArray(parameter.shape) &&
      parameter.shape.every(isCount) &&
      Number.isSafeInteger(sizeOf(parameter.shape)) &&
      (parameter.dtype === 'float32' || parameter.dtype === 'float64') &&
      isCount(parameter.steps) &&
      isSlots(parameter.slots)
    if (!valid) throw broken(`the checkpoint has an invalid entry for parameter ${show(parameter?.name)}`)
  }
}

function areNumbers(values: unknown): boolean {
  return typeof values === 'object' && values !== null && Object.values(values).every(Number.isFinite)
}

/** A list of different strings. */
function isNameList(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((name) => typeof name === 'string') &&
    new Set(value).size === value.length
  )
}

function checkUnique(what: string, entries: readonly unknown[], label: string): void {
  const labels = entries.map((entry) => (entry as Readonly<Record<string, unknown>> | null)?.[label])
  const twice = labels.find((value, i) => labels.indexOf(value) !== i)
  if (twice !== undefined) throw broken(`the checkpoint has two ${what} named ${show(twice)}`)
}

function broken(message: string): InducedMetricError {
  return new InducedMetricError('ERR_CHECKPOINT', message)
}

// ASCII by JSON's own escapes, so that no TextEncoder is needed: the core uses nothing but the language.
function encodeText(json: string): Uint8Array {
  const ascii = json.replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return Uint8Array.from(ascii, (character) => character.charCodeAt(0))
}

function decodeText(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096))
  return text
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8
}

const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

function littleEndian(array: TypedArray): Uint8Array {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  return hostIsLittleEndian ? bytes : swapped(bytes.slice(), array.BYTES_PER_ELEMENT)
}

function fromLittleEndian(bytes: Uint8Array<ArrayBuffer>, dtype: 'float32' | 'float64'): TypedArray {
  const width = dtype === 'float64' ? 8 : 4
  const { buffer } = hostIsLittleEndian ? bytes : swapped(bytes, width)
  return dtype === 'float64' ? new Float64Array(buffer) : new Float32Array(buffer)
}

function swapped(bytes: Uint8Array<ArrayBuffer>, width: number): Uint8Array<ArrayBuffer> {
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse()
  return bytes
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let c = index
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c >>> 0
})

/** CRC-32 as in zlib. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

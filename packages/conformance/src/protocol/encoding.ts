import { ProtocolFault } from './fault.js'

/** Numbers that JSON cannot write. −0 is among them, since many libraries read it as 0. */
const words: ReadonlyMap<unknown, number> = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['-0', -0],
])

/** A message as one line of JSON. Every double survives: `JSON.stringify` writes the shortest digits that give it back. */
export function encode(message: object): string {
  return JSON.stringify(written(message))
}

/** A value with words for numbers that JSON cannot write, and arrays for typed ones. */
function written(value: unknown): unknown {
  if (typeof value === 'number') return isPlainNumber(value) ? value : numberWord(value)
  if (value instanceof Float32Array || value instanceof Float64Array) return Array.from(value, written)
  if (Array.isArray(value)) return value.map(written)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, written(held)]))
}

function isPlainNumber(value: number): boolean {
  return Number.isFinite(value) && !Object.is(value, -0)
}

function numberWord(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** A part of an answer, and its place for messages. */
export interface Part {
  readonly value: unknown
  /** The answer, in words. */
  readonly answer: string
  /** The keys that lead to the part; empty for the whole answer. */
  readonly path: string
}

/** The place of a part, in words. */
export function placeOf({ answer, path }: Part): string {
  return path === '' ? answer : `${answer}: ${path}`
}

/** Fails: the part is not what it must be. */
export function wrong(part: Part, mustBe: string): never {
  const { value } = part
  const text = value === undefined ? 'is missing' : `is ${shorten(JSON.stringify(value))}`
  throw new ProtocolFault(`${placeOf(part)} must be ${mustBe}, ${text}`)
}

/** The first characters of a text. */
export function shorten(text: string, length = 80): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`
}

/** An entry of an object. */
export function entry(part: Part, key: string): Part {
  const { value, answer, path } = part
  if (!isObject(value)) return wrong(part, 'an object')
  const held = Object.hasOwn(value, key) ? value[key] : undefined
  return { value: held, answer, path: path === '' ? key : `${path}.${key}` }
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The elements of an array. */
export function elements(part: Part): Part[] {
  const { value, answer, path } = part
  if (!Array.isArray(value)) return wrong(part, 'an array')
  return value.map((element: unknown, i) => ({ value: element, answer, path: `${path}[${i}]` }))
}

/** A number, which may be written as a word. */
export function numberIn(part: Part): number {
  const { value } = part
  if (typeof value === 'number') return value
  return words.get(value) ?? wrong(part, 'a number, "NaN", "Infinity", "-Infinity" or "-0"')
}

/** An array of numbers. */
export function numbersIn(part: Part): number[] {
  const { value, answer, path } = part
  if (!Array.isArray(value)) return wrong(part, 'an array')
  return value.map((element: unknown, i) =>
    typeof element === 'number' ? element : numberIn({ value: element, answer, path: `${path}[${i}]` }),
  )
}

/** A text. */
export function textIn(part: Part): string {
  return typeof part.value === 'string' ? part.value : wrong(part, 'a string')
}

/** A truth value. */
export function booleanIn(part: Part): boolean {
  return typeof part.value === 'boolean' ? part.value : wrong(part, 'true or false')
}

/** Bytes, written in Base64. */
export function bytesIn(part: Part): Uint8Array {
  try {
    return Uint8Array.from(atob(textIn(part)), (character) => character.charCodeAt(0))
  } catch (error) {
    if (error instanceof ProtocolFault) throw error
    return wrong(part, 'bytes in Base64')
  }
}

/** Bytes in Base64. */
export function base64(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

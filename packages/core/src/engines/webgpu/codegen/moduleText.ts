import { arithmetic } from './arithmetic.js'
import { fixedMeta, stateWords, threads } from './words.js'

/** A binding of a module. */
export interface Binding {
  /** `state`, `words`, `arenaI`, `gradientK` or `parameterK`. */
  readonly name: string
  /** Those of the tensors, which may be others at every step, are in group 1. */
  readonly group: 0 | 1
  readonly binding: number
}

/** A module of WGSL, and the bindings that its entry point uses. */
export interface Module {
  readonly code: string
  readonly bindings: readonly Binding[]
}

/** What a kernel of a form is made for. */
export interface ModuleShape {
  /** The number of tensors in a dispatch. */
  readonly tensors: number
  /** The arena of each item. */
  readonly arenas: readonly number[]
  /** The number of words that describe a tensor. */
  readonly metaLength: number
}

const rowOf = `
fn rowOf(kind: u32, offset: u32, profileOffset: u32) -> u32 {
  let ring = state[${stateWords.ring}u];
  let record = ring + ((state[${stateWords.step}u] + 1u) % state[${stateWords.ringLength}u]) * state[${stateWords.recordWords}u];
  let slots = state[${stateWords.slots}u];
  var at = state[${stateWords.headers}u] + kind * 3u * slots;
  for (var j = 0u; j + 1u < slots; j += 1u) {
    if (state[at] == offset && state[at + 1u] == profileOffset) { break; }
    at += 3u;
  }
  return record + state[at + 2u];
}
`

/**
 * A function that joins the numbers of a workgroup's threads to one, which all of them get.
 *
 * @param join the two numbers `own` and `other` as one
 */
export const reduction = (name: string, join: string): string => `
fn ${name}(x: f32, lane: u32) -> f32 {
  shares[lane] = x;
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    if (lane < half) {
      let own = shares[lane];
      let other = shares[lane + half];
      shares[lane] = ${join};
    }
    workgroupBarrier();
  }
  let all = shares[0];
  workgroupBarrier();
  return all;
}
`

const totalOf = `var<workgroup> shares: array<f32, ${threads}>;${reduction('totalOf', 'own + other')}`

/** The first thread's value, which a compiler knows to be that of all. */
const agreedOn = `
var<workgroup> agreed: u32;
fn agreedOn(value: u32, lane: u32) -> u32 {
  if (lane == 0u) { agreed = value; }
  return workgroupUniformLoad(&agreed);
}
`

/** A sum whose parts are in the state. The entry point sets `ownLane`. */
const sumAt = `
var<private> ownLane: u32;
fn sumAt(address: u32, count: u32) -> f32 {
  var part = 0f;
  for (var j = ownLane; j < count; j += ${threads}u) { part += f32At(address + j); }
  return totalOf(part, ownLane);
}
`

const f32At = 'fn f32At(at: u32) -> f32 { return bitcast<f32>(state[at]); }\n'

/** Completes the text of a kernel of a form: its bindings, and the functions that it uses. */
export function kernelModule(body: string, { tensors, arenas, metaLength }: ModuleShape): Module {
  const placed = body.replace(/\barena_(\d+)\b/g, (_, item: string) => `arena${arenas[Number(item)]}`)
  const uses = (name: string): boolean => new RegExp(`\\b${name}\\(`).test(placed)
  const writes = uses('storeParameter')
  const list = Array.from({ length: tensors }, (_, tensor) => tensor)
  const gradient = uses('gradientAt') ? accessText('gradient', list) : ''
  const parameter = uses('parameterAt') ? accessText('parameter', list) : ''
  const store = writes ? storeText(list) : ''
  const names = [
    'state',
    'words',
    ...[...new Set(arenas)].sort((a, b) => a - b).map((arena) => `arena${arena}`),
    ...(parameter + store === '' ? [] : list.map((tensor) => `parameter${tensor}`)),
    ...(gradient === '' ? [] : list.map((tensor) => `gradient${tensor}`)),
  ].filter((name) => !name.startsWith('arena') || new RegExp(`\\b${name}\\b`).test(placed))
  let [first, second] = [0, 0]
  const bindings = names.map((name): Binding => {
    return /^(?:gradient|parameter)/.test(name)
      ? { name, group: 1, binding: second++ }
      : { name, group: 0, binding: first++ }
  })
  const declarations = bindings.map((binding) =>
    declarationText(binding, writes, (tensors * metaLength + 3) >> 2),
  )
  const meta = `fn word(k: u32, place: u32) -> u32 { let at = k * ${metaLength}u + place; return words[at >> 2u][at & 3u]; }\n`
  const code = [
    ...declarations,
    arithmetic,
    f32At,
    meta,
    rowOf,
    totalOf,
    agreedOn,
    sumAt,
    gradient,
    parameter,
    store,
    placed,
  ].join('\n')
  return { code, bindings }
}

/** Completes the text of a kernel of scalars, of one workgroup. */
export function scalarModule(body: string, metaAddress: number, metaLength: number): Module {
  const meta = `fn word(k: u32, place: u32) -> u32 { return state[${metaAddress}u + k * ${metaLength}u + place]; }\n`
  const sum = `
fn partsAt(address: u32, count: u32) -> f32 {
  var total = 0f;
  for (var j = 0u; j < count; j += 1u) { total += f32At(address + j); }
  return total;
}
`
  const state: Binding = { name: 'state', group: 0, binding: 0 }
  const code = [declarationText(state, false, 0), arithmetic, f32At, meta, rowOf, sum, body].join('\n')
  return { code, bindings: [state] }
}

function declarationText({ name, group, binding }: Binding, writes: boolean, vectors: number): string {
  const at = `@group(${group}) @binding(${binding})`
  if (name === 'words')
    return `${at} var<uniform> words: array<vec4<u32>, ${Math.max(vectors, fixedMeta / 4)}>;`
  if (name === 'state') return `${at} var<storage, read_write> state: array<u32>;`
  const isWritten = name.startsWith('arena') || (writes && name.startsWith('parameter'))
  return `${at} var<storage, ${isWritten ? 'read_write' : 'read'}> ${name}: array<f32>;`
}

/** Functions choose among bindings, as those have no index. */
function accessText(name: string, list: readonly number[]): string {
  const cases = list.slice(1).map((tensor) => `case ${tensor}u: { return ${name}${tensor}[i]; }`)
  return `fn ${name}At(k: u32, i: u32) -> f32 { switch k { ${cases.join(' ')} default: { return ${name}0[i]; } } }`
}

function storeText(list: readonly number[]): string {
  const cases = list.slice(1).map((tensor) => `case ${tensor}u: { parameter${tensor}[i] = value; }`)
  return `fn storeParameter(k: u32, i: u32, value: f32) { switch k { ${cases.join(' ')} default: { parameter0[i] = value; } } }`
}

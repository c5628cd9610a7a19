import type { TypedArray } from '../dtype.js'
import type { StepPlan } from './planned.js'

/** A sequence of normal numbers, apart from the step. */
export interface NormalSource {
  /** The base's seed, an integer. */
  readonly seed: number
  /** The parameter's name. */
  readonly name: string
  readonly stream: number
}

/** The normal numbers that a parameter's graph reads: one source for each of its inputs `normal.STREAM`. */
export function normalSources({ parameters, profiles }: StepPlan, index: number): NormalSource[] {
  const { graph, name, profile } = parameters[index]!
  const seed = profiles[profile]!.base.hyperparameters['seed'] as number
  return graph.normals.map((stream) => ({ seed, name, stream }))
}

/**
 * Fills an array with standard normal numbers, which follow from their arguments alone: Philox 4x32-10 (Salmon et al.,
 * 2011, "Parallel random numbers: as easy as 1, 2, 3") counts in blocks of four words, of which Box and Muller's formula
 * makes two numbers, in double precision.
 *
 * @param source `step` is the t of the parameter's update, counted from 1
 */
export function fillNormals(
  out: TypedArray,
  { seed, name, step, stream }: NormalSource & { readonly step: number },
): void {
  const key = [seed >>> 0, hashOf(name)] as const
  // The counter: the block, the step, and the stream beside the higher parts of step and seed.
  const high = (Math.floor(step / 2 ** 32) ^ Math.floor(seed / 2 ** 32)) >>> 0
  const words = new Uint32Array(4)
  for (let i = 0; i < out.length; i += 2) {
    philox(words, [i / 2, step >>> 0, stream >>> 0, high], key)
    // 53 bits in (0, 1], of which the logarithm is finite, and 53 bits in [0, 1).
    const radius = Math.sqrt(-2 * Math.log(1 - unit(words[0]!, words[1]!)))
    const angle = 2 * Math.PI * unit(words[2]!, words[3]!)
    out[i] = radius * Math.cos(angle)
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle)
  }
}

/** A number in [0, 1) of 53 bits. */
function unit(high: number, low: number): number {
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53
}

const multipliers = [0xd2511f53, 0xcd9e8d57] as const
const increments = [0x9e3779b9, 0xbb67ae85] as const

/** One block of Philox 4x32-10: the counter and the key as words, of 32 bits each. */
export function philox(
  out: Uint32Array,
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): void {
  let [a, b, c, d] = counter
  let [k, l] = key
  for (let round = 0; round < 10; round++) {
    const [x, y] = [a, c]
    a = (highProduct(multipliers[1], y) ^ b ^ k) >>> 0
    b = Math.imul(multipliers[1], y) >>> 0
    c = (highProduct(multipliers[0], x) ^ d ^ l) >>> 0
    d = Math.imul(multipliers[0], x) >>> 0
    k = (k + increments[0]) >>> 0
    l = (l + increments[1]) >>> 0
  }
  out[0] = a
  out[1] = b
  out[2] = c
  out[3] = d
}

/** The higher 32 bits of the product of two words. */
function highProduct(a: number, b: number): number {
  const [ah, al, bh, bl] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff]
  const middle = ah * bl + ((al * bl) >>> 16)
  const low = al * bh + (middle & 0xffff)
  return (ah * bh + Math.floor(middle / 65536) + Math.floor(low / 65536)) >>> 0
}

/** FNV-1a of a name's code units. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

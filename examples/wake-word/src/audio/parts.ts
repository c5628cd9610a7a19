import { sampleRate } from '../features/features.js'
import type { Random } from './random.js'
import { resample } from './resample.js'

/**
 * Plays a sound faster and higher, or slower and lower.
 *
 * @param samples 16 kHz
 * @param most the greatest change of the rate; .1 for a tenth
 */
export function bent(samples: Float32Array, random: Random, most: number): Float32Array {
  const rate = Math.round(random.between(1 - most, 1 + most) * 40) / 40
  return resample(samples, Math.round(sampleRate * rate), sampleRate)
}

/** A part of a wake word, or its parts in another order: a near miss that needs no synthesiser. */
export function scrambled(samples: Float32Array, random: Random): Float32Array {
  const cut = Math.round(samples.length * random.between(0.4, 0.65))
  const [first, second] = [samples.slice(0, cut), samples.slice(cut)]
  const kind = random.below(4)
  if (kind === 0) return first
  if (kind === 1) return second
  const swapped = new Float32Array(samples.length)
  const parts = kind === 2 ? [second, first] : [second.slice().reverse(), first.slice().reverse()]
  swapped.set(parts[0]!)
  swapped.set(parts[1]!, parts[0]!.length)
  return swapped
}

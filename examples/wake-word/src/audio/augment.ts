import { sampleRate } from '../features/features.js'
import type { Random } from './random.js'

/** How a stretch of sound is changed. A part that is absent changes nothing. */
export interface Change {
  /** Decibels. */
  readonly gain: number
  /** A room: delays in samples and strengths of its echoes. */
  readonly echoes?: readonly (readonly [delay: number, strength: number])[]
  /** Cut-off of a low-pass filter, in Hz. */
  readonly lowPass?: number
  /** Peaks and dips of a microphone and of a voice. */
  readonly colour?: readonly Peak[]
  /** Noise so many decibels below the sound's loud parts, with a spectrum that falls as f^(−slope/2). */
  readonly noise?: {
    readonly below: number
    readonly slope: number
    readonly hum: boolean
    readonly swell: number
  }
}

/** A peak of a spectrum, or a dip. */
export interface Peak {
  /** Hz. */
  readonly centre: number
  /** Decibels; negative for a dip. */
  readonly gain: number
  /** The centre over the width. */
  readonly quality: number
}

/** How often, and how much, {@link drawChange} changes. */
export interface ChangeRange {
  readonly gain: readonly [from: number, to: number]
  /** Decibels of the noise below the sound; absent for none. */
  readonly noise?: readonly [from: number, to: number]
  /** Share of stretches with noise. Default 1. */
  readonly noisy?: number
  /** Shares of stretches in a room, and behind a low-pass filter. */
  readonly echo: number
  readonly lowPass: number
  /** Decibels of peaks and dips at most; absent for none. */
  readonly colour?: number
}

/** As a close microphone in a quiet room hears. */
export const quiet: ChangeRange = { gain: [-16, 0], noise: [35, 50], echo: 0.2, lowPass: 0.1 }
/** As a microphone somewhere in a room hears beside fans, traffic and mains hum. */
export const loud: ChangeRange = { gain: [-28, 1], noise: [3, 25], echo: 0.5, lowPass: 0.3 }

/** For training: both, and other microphones and voices. */
export const varied: ChangeRange = {
  gain: [-28, 1],
  noise: [3, 40],
  noisy: 0.85,
  echo: 0.4,
  lowPass: 0.25,
  colour: 9,
}
/** For training: in noise as loud as that of the test, by other microphones and voices. */
export const loudVaried: ChangeRange = { ...loud, colour: 9 }

/** Draws a change. */
export function drawChange(random: Random, range: ChangeRange): Change {
  const gain = random.between(...range.gain)
  const echo = random.next() < range.echo
  const echoes = Array.from({ length: 3 + random.below(5) }, () => {
    const seconds = random.between(0.004, 0.09)
    return [Math.round(seconds * sampleRate), random.between(-0.5, 0.5) * Math.exp(-seconds * 18)] as const
  })
  const lowPass = random.next() < range.lowPass ? random.between(2200, 6500) : undefined
  const isNoisy = range.noise !== undefined && random.next() < (range.noisy ?? 1)
  const noise = {
    below: isNoisy ? random.between(...range.noise) : 0,
    slope: random.pick([0, 1, 1, 2]),
    hum: random.next() < 0.2,
    swell: random.between(0, 0.8),
  }
  const most = range.colour
  const colour =
    most === undefined
      ? undefined
      : Array.from({ length: 3 }, () => ({
          centre: 150 * 40 ** random.next(),
          gain: random.between(-most, most),
          quality: random.between(0.4, 1.2),
        }))
  return {
    gain,
    ...(colour !== undefined && { colour }),
    ...(echo && { echoes }),
    ...(lowPass !== undefined && { lowPass }),
    ...(isNoisy && { noise }),
  }
}

/**
 * Changes a stretch of sound.
 *
 * @param samples 16 kHz, at the scale of int16
 * @param random for the noise
 * @returns as many samples, clipped to int16's range
 */
export function applyChange(samples: Float32Array, change: Change, random: Random): Float32Array {
  const { gain, echoes = [], lowPass, colour = [], noise } = change
  let sound = samples.slice()
  for (const [delay, strength] of echoes)
    for (let i = delay; i < sound.length; i++) sound[i]! += strength * samples[i - delay]!
  if (lowPass !== undefined) sound = filtered(sound, lowPassOf(lowPass))
  for (const peak of colour) sound = filtered(sound, peakOf(peak))
  if (noise !== undefined) addNoise(sound, noise, random)
  const factor = 10 ** (gain / 20)
  for (let i = 0; i < sound.length; i++) sound[i] = Math.max(-32768, Math.min(32767, sound[i]! * factor))
  return sound
}

/** The root mean square of the loud tenths of a second: those within 20 dB of the loudest. */
export function loudness(samples: Float32Array): number {
  const width = sampleRate / 10
  const powers: number[] = []
  for (let at = 0; at < samples.length; at += width) {
    const part = samples.subarray(at, at + width)
    powers.push(part.reduce((sum, x) => sum + x * x, 0) / part.length)
  }
  const loudest = Math.max(...powers, 0)
  const counted = powers.filter((power) => power > loudest / 100)
  return counted.length === 0 ? 0 : Math.sqrt(counted.reduce((sum, x) => sum + x, 0) / counted.length)
}

/** The weights of a filter of second order, of the input and of the output. */
interface Biquad {
  readonly b: readonly [number, number, number]
  readonly a: readonly [number, number]
}

/** A Butterworth low-pass filter by the bilinear transform (R. Bristow-Johnson's cookbook, Q = 1/√2). */
function lowPassOf(cutoff: number): Biquad {
  const omega = (2 * Math.PI * cutoff) / sampleRate
  const alpha = Math.sin(omega) / Math.SQRT2
  const a0 = 1 + alpha
  const b0 = (1 - Math.cos(omega)) / 2 / a0
  return { b: [b0, 2 * b0, b0], a: [(-2 * Math.cos(omega)) / a0, (1 - alpha) / a0] }
}

/** A peaking filter (R. Bristow-Johnson's cookbook). */
function peakOf({ centre, gain, quality }: Peak): Biquad {
  const omega = (2 * Math.PI * centre) / sampleRate
  const [alpha, cosine] = [Math.sin(omega) / (2 * quality), Math.cos(omega)]
  const strength = 10 ** (gain / 40)
  const a0 = 1 + alpha / strength
  return {
    b: [(1 + alpha * strength) / a0, (-2 * cosine) / a0, (1 - alpha * strength) / a0],
    a: [(-2 * cosine) / a0, (1 - alpha / strength) / a0],
  }
}

function filtered(
  samples: Float32Array,
  { b: [b0, b1, b2], a: [a1, a2] }: Biquad,
): Float32Array<ArrayBuffer> {
  let [x1, x2, y1, y2] = [0, 0, 0, 0]
  const result = new Float32Array(samples.length)
  for (let i = 0; i < samples.length; i++) {
    const x = samples[i]!
    const y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
    x2 = x1
    x1 = x
    y2 = y1
    y1 = y
    result[i] = y
  }
  return result
}

function addNoise(sound: Float32Array, noise: NonNullable<Change['noise']>, random: Random): void {
  const { below, hum, swell } = noise
  const made = colouredNoise(sound.length, noise, random)
  const [pitch, phase] = [random.pick([50, 60, 100, 120]), random.between(0, 7)]
  const level = (loudness(sound) || 300) * 10 ** (-below / 20)
  const scale = level / Math.sqrt(made.reduce((sum, x) => sum + x * x, 0) / made.length)
  const turn = (2 * Math.PI) / (random.between(1, 4) * sampleRate)
  // The swelling changes slowly, so that a value for every 5 ms is enough.
  let strength = scale
  for (let i = 0; i < sound.length; i++) {
    if (i % 80 === 0) strength = scale * (1 + swell * Math.sin(turn * i + phase))
    sound[i]! += made[i]! * strength
  }
  if (hum) {
    const angle = (2 * Math.PI * pitch) / sampleRate
    for (let i = 0; i < sound.length; i++) sound[i]! += level * Math.sin(angle * i + phase)
  }
}

/** Noise that is white, or has passed one or two leaky integrators. */
function colouredNoise(length: number, { slope }: { readonly slope: number }, random: Random): Float32Array {
  const made = new Float32Array(length)
  const [first, second] = [slope > 0 ? 0.9 : 0, slope > 1 ? 0.98 : 0]
  let [a, b] = [0, 0]
  for (let i = 0; i < length; i++) {
    a = first * a + random.next() - 0.5
    b = second * b + a
    made[i] = b
  }
  return made
}

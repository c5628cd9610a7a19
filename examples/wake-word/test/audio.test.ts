import { describe, expect, it } from 'vitest'
import { applyChange, drawChange, loud, loudness, quiet, varied } from '../src/audio/augment.js'
import { bent, scrambled } from '../src/audio/parts.js'
import { createRandom } from '../src/audio/random.js'
import { resample } from '../src/audio/resample.js'
import { createSegmenter, utterancesIn } from '../src/audio/segment.js'
import { readWav, writeWav } from '../src/audio/wav.js'

const tone = (hertz: number, length: number, rate = 16_000, strength = 8000): Float32Array =>
  Float32Array.from({ length }, (_, i) => strength * Math.sin((2 * Math.PI * hertz * i) / rate))

/** The strength of a frequency. */
function strengthOf(hertz: number, samples: Float32Array): number {
  let [re, im] = [0, 0]
  samples.forEach((x, i) => {
    re += x * Math.cos((2 * Math.PI * hertz * i) / 16_000)
    im += x * Math.sin((2 * Math.PI * hertz * i) / 16_000)
  })
  return (2 * Math.hypot(re, im)) / samples.length
}

describe('WAV files', () => {
  it('are read as they were written, clipped and rounded', () => {
    const samples = Float32Array.of(0, 1, -1, 12_345, -32_768, 40_000, -40_000, 0.4)
    expect([...readWav(writeWav(samples))]).toEqual([0, 1, -1, 12_345, -32_768, 32_767, -32_768, 0])
  })

  it('may have a length that a program could not know when it began to write', () => {
    const bytes = writeWav(tone(440, 100))
    new DataView(bytes.buffer).setUint32(40, 0x7ffff000, true)
    expect(readWav(bytes).length).toBe(100)
  })

  it.each([
    [8, 1, (view: DataView, at: number, x: number) => view.setUint8(at, Math.round(x * 128) + 128), 300],
    [
      24,
      1,
      (view: DataView, at: number, x: number) => {
        const value = Math.round(x * 2 ** 23)
        view.setUint8(at, value & 255)
        view.setInt16(at + 1, value >> 8, true)
      },
      0.01,
    ],
    [
      32,
      1,
      (view: DataView, at: number, x: number) => view.setInt32(at, Math.round(x * 2 ** 31), true),
      0.01,
    ],
    [32, 3, (view: DataView, at: number, x: number) => view.setFloat32(at, x, true), 0.01],
  ] as const)('may have %i bits in format %i, and two channels', (bits, code, write, tolerance) => {
    const values = [0, 0.5, -0.5, 0.25, -0.25, 0.75]
    const width = bits / 8
    const bytes = new Uint8Array(44 + values.length * width)
    bytes.set(writeWav(new Float32Array(0)))
    const view = new DataView(bytes.buffer)
    view.setUint16(20, code, true)
    view.setUint16(22, 2, true)
    view.setUint16(34, bits, true)
    view.setUint32(40, values.length * width, true)
    values.forEach((x, i) => write(view, 44 + i * width, x))
    const read = readWav(bytes)
    const expected = [0.25, -0.125, 0.25].map((x) => x * 32_768)
    expect(read.length).toBe(3)
    expected.forEach((x, i) => expect(Math.abs(read[i]! - x)).toBeLessThan(tolerance))
  })

  it.each([
    ['text', new TextEncoder().encode('no sound at all, but text')],
    ['nothing', new Uint8Array(0)],
    ['a header alone', writeWav(new Float32Array(9)).slice(0, 36)],
    ['compressed sound', writeWav(new Float32Array(9)).fill(85, 20, 21)],
  ])('are refused if they are %s', (_, bytes) => {
    expect(() => readWav(bytes, 'kitchen.wav')).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    expect(() => readWav(bytes, 'kitchen.wav')).toThrow('kitchen.wav')
  })
})

describe('resampling', () => {
  it.each([22_050, 44_100, 48_000, 8_000])('keeps a tone from %i samples a second', (rate) => {
    const result = resample(tone(1000, rate, rate), rate, 16_000)
    expect(result.length).toBe(16_000)
    expect(strengthOf(1000, result.subarray(500, 15_700))).toBeCloseTo(8000, -2)
  })

  it('removes what 16 kHz cannot have', () => {
    const result = resample(tone(10_500, 44_100, 44_100), 44_100, 16_000)
    expect(Math.sqrt(result.reduce((sum, x) => sum + x * x, 0) / result.length)).toBeLessThan(80)
  })
})

describe('changes of sound', () => {
  const sound = tone(500, 16_000)

  it('change nothing if they are empty', () => {
    expect(applyChange(sound, { gain: 0 }, createRandom(1))).toEqual(sound)
  })

  it('change the level by decibels, and clip', () => {
    expect(loudness(applyChange(sound, { gain: -20 }, createRandom(1))) / loudness(sound)).toBeCloseTo(0.1)
    expect(Math.max(...applyChange(sound, { gain: 40 }, createRandom(1)))).toBe(32_767)
  })

  it.each([0, 1, 2])('add noise of slope %i at its level', (slope) => {
    const noise = { below: 12, slope, hum: false, swell: 0 }
    const noisy = applyChange(sound, { gain: 0, noise }, createRandom(3))
    const added = noisy.map((x, i) => x - sound[i]!)
    expect(20 * Math.log10(loudness(sound) / loudness(added))).toBeCloseTo(12, 0)
    const ratio = strengthOf(200, added) / strengthOf(6000, added)
    if (slope === 2) expect(ratio).toBeGreaterThan(5)
  })

  it('take high tones away behind a low-pass filter', () => {
    const high = tone(6000, 16_000)
    const both = sound.map((x, i) => x + high[i]!)
    const low = applyChange(both, { gain: 0, lowPass: 2500 }, createRandom(1))
    expect(strengthOf(500, low)).toBeGreaterThan(7500)
    expect(strengthOf(6000, low)).toBeLessThan(1200)
  })

  it('add echoes', () => {
    const click = new Float32Array(400)
    click[10] = 1000
    const echoes = [
      [100, 0.5],
      [200, -0.25],
    ] as const
    const heard = applyChange(click, { gain: 0, echoes }, createRandom(1))
    expect([heard[10], heard[110], heard[210]]).toEqual([1000, 500, -250])
  })

  it.each([8, -8])('give a peak of %i dB, and leave far tones as they are', (gain) => {
    const far = tone(5000, 16_000)
    const both = sound.map((x, i) => (x + far[i]!) / 4)
    const heard = applyChange(both, { gain: 0, colour: [{ centre: 500, gain, quality: 1 }] }, createRandom(1))
    expect(20 * Math.log10(strengthOf(500, heard) / strengthOf(500, both))).toBeCloseTo(gain, 1)
    expect(Math.abs(20 * Math.log10(strengthOf(5000, heard) / strengthOf(5000, both)))).toBeLessThan(0.4)
  })

  it('colour the sound only where a range says so', () => {
    expect(drawChange(createRandom(2), loud).colour).toBeUndefined()
    for (let seed = 0; seed < 50; seed++)
      for (const { centre, gain } of drawChange(createRandom(seed), varied).colour!) {
        expect(Math.abs(gain)).toBeLessThanOrEqual(varied.colour!)
        expect(centre).toBeGreaterThanOrEqual(150)
        expect(centre).toBeLessThan(6001)
      }
  })

  it('are the same for the same seed, within their ranges', () => {
    const draw = (seed: number) => drawChange(createRandom(seed), loud)
    expect(draw(5)).toEqual(draw(5))
    for (let seed = 0; seed < 100; seed++) {
      const { gain, noise } = drawChange(createRandom(seed), quiet)
      expect(gain).toBeGreaterThanOrEqual(quiet.gain[0])
      expect(gain).toBeLessThan(quiet.gain[1])
      expect(noise!.below).toBeGreaterThanOrEqual(35)
    }
  })
})

describe('parts of a wake word', () => {
  const [low, high] = [tone(400, 8000), tone(1600, 8000)]
  const word = Float32Array.from([...low, ...high])

  it('are played faster and higher, or slower and lower', () => {
    const lengths = new Set<number>()
    for (let seed = 0; seed < 20; seed++) {
      const played = bent(low, createRandom(seed), 0.1)
      lengths.add(played.length)
      const rate = low.length / played.length
      expect(Math.abs(rate - 1)).toBeLessThan(0.101)
      expect(strengthOf(400 * rate, played)).toBeGreaterThan(7000)
    }
    expect(lengths.size).toBeGreaterThan(4)
    expect(bent(low, createRandom(1), 0)).toEqual(low)
  })

  it('are a half of it, or both in the wrong order', () => {
    const kinds = new Set<string>()
    for (let seed = 0; seed < 30; seed++) {
      const made = scrambled(word, createRandom(seed))
      if (made.length < word.length) {
        kinds.add(strengthOf(400, made) > strengthOf(1600, made) ? 'begin' : 'end')
        continue
      }
      expect(made).not.toEqual(word)
      const begin = made.subarray(0, 4000)
      expect(strengthOf(1600, begin)).toBeGreaterThan(strengthOf(400, begin))
      kinds.add('wrong order')
    }
    expect([...kinds].sort()).toEqual(['begin', 'end', 'wrong order'])
  })
})

describe('utterances', () => {
  /** Silence with a little noise, and tones of so many seconds a second and a half apart. */
  function stream(...lengths: readonly number[]): Float32Array {
    const random = createRandom(4)
    const samples = new Float32Array(16_000 * (1 + lengths.length * 1.5 + lengths.reduce((a, b) => a + b, 0)))
    let at = 16_000
    for (const length of lengths) {
      samples.set(tone(400, length * 16_000, 16_000, 3000), at)
      at += (length + 1.5) * 16_000
    }
    return samples.map((x) => x + 20 * random.normal())
  }

  it('are cut out with a little around them', () => {
    const found = utterancesIn(stream(0.8, 1.2, 0.5))
    expect(found.length).toBe(3)
    const [first, second] = found
    expect(first!.from / 16_000).toBeGreaterThan(0.8)
    expect(first!.from / 16_000).toBeLessThan(1.01)
    expect(first!.samples.length / 16_000).toBeCloseTo(1.04, 1)
    expect(second!.from / 16_000).toBeCloseTo(3.2, 1)
  })

  it('are no clicks, and no longer than three seconds', () => {
    expect(utterancesIn(stream(0.1, 0.15))).toEqual([])
    for (const { samples } of utterancesIn(stream(7))) expect(samples.length).toBeLessThanOrEqual(48_000)
  })

  it('are the same however the stream is cut', () => {
    const sound = stream(0.8, 0.6)
    const segmenter = createSegmenter()
    const random = createRandom(1)
    const found = []
    for (let at = 0; at < sound.length;) {
      const length = 1 + random.below(3000)
      found.push(...segmenter.push(sound.subarray(at, at + length)))
      at += length
    }
    expect([...found, ...segmenter.end()]).toEqual(utterancesIn(sound))
  })

  it('come from silence never', () => {
    expect(utterancesIn(new Float32Array(80_000))).toEqual([])
  })
})

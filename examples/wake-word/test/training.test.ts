import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../src/audio/random.js'
import { parseListenOptions, parseOptions } from '../src/options.js'
import { findNearMisses } from '../src/speech/nearMisses.js'
import { createRespeller } from '../src/speech/pronunciation.js'
import { createSoundAlikes } from '../src/speech/soundAlikes.js'
import { espeak, espeakEach, hasProgram } from '../src/speech/synthesize.js'
import { readProse, wordsOf } from '../src/speech/text.js'
import { splitVoices } from '../src/speech/voices.js'
import { createStore } from '../src/store.js'

// What training from speech is made of. training.slow.test.ts trains.

const phrase = 'hey silver fox'
const hasSpeech = await hasProgram('espeak-ng')
if (!hasSpeech) process.stderr.write('espeak-ng is not installed: tests of speech are skipped\n')

describe('voices', () => {
  it('are in one part only, and a third of the test has accents of its own', () => {
    const { train, validation, test } = splitVoices()
    const names = [train, validation, test].map((part) => new Set(part.map(({ variant }) => variant)))
    const [a, b, c] = names as [Set<string>, Set<string>, Set<string>]
    expect([a.size, b.size, c.size]).toEqual([train.length, 10, 20])
    expect([...a].filter((name) => b.has(name) || c.has(name))).toEqual([])
    expect([...b].filter((name) => c.has(name))).toEqual([])
    const accents = new Set([...train, ...validation].map(({ accent }) => accent))
    expect(test.filter(({ accent }) => !accents.has(accent)).length).toBe(7)
  })

  it('are invented for the training, and only for it', () => {
    const { train, validation, test } = splitVoices()
    const invented = train.flatMap(({ definition }) => definition ?? [])
    expect(invented.length).toBeGreaterThan(100)
    expect(train.length - invented.length).toBeGreaterThan(40)
    expect(new Set(invented).size).toBe(invented.length)
    expect([...validation, ...test].filter(({ definition }) => definition !== undefined)).toEqual([])
  })
})

describe('prose', () => {
  it('shares no sentence between parts, and lacks the wake word', async () => {
    const { train, validation, test } = await readProse('the jury')
    expect(Math.min(train.length, validation.length, test.length)).toBeGreaterThan(5000)
    const trained = new Set(train)
    expect(test.filter((sentence) => trained.has(sentence)).length).toBeLessThan(30)
    expect(test.some((sentence) => wordsOf(sentence).join(' ').includes('the jury'))).toBe(false)
    expect(test.some((sentence) => /[`[\]{}]|''|\/(?:nn|vb|at|jj|in)\b/.test(sentence))).toBe(false)
  })
})

describe('the store', () => {
  it('makes a value once, and again if its file is damaged', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wake-word-store-'))
    const store = createStore(folder)
    let made = 0
    const make = () => Promise.resolve({ x: Float32Array.of(++made) })
    expect(await store('a', make)).toEqual({ x: Float32Array.of(1) })
    expect(await store('a', make)).toEqual({ x: Float32Array.of(1) })
    expect(await store('b', make)).toEqual({ x: Float32Array.of(2) })
    for (const file of await readdir(folder)) await writeFile(join(folder, file), 'half')
    expect(await store('a', make)).toEqual({ x: Float32Array.of(3) })
    await rm(folder, { recursive: true })
  })
})

describe('command lines', () => {
  it('have defaults, and take options', () => {
    expect(parseOptions([], '/store')).toMatchObject({ phrase, seed: 1, steps: 1400, voices: Infinity })
    expect(parseOptions(['--phrase', 'ahoy', '--voices', '3'], '/store')).toMatchObject({
      phrase: 'ahoy',
      voices: 3,
    })
    expect(parseListenOptions(['--threshold', '.7', 'a.wav', 'b.wav'])).toEqual({
      files: ['a.wav', 'b.wav'],
      model: 'wake-word.onnx',
      threshold: 0.7,
    })
  })
})

describe.skipIf(!hasSpeech)('speech', () => {
  it('has near misses that sound alike, in one part each', async () => {
    const near = await findNearMisses(phrase, ['box', 'fix', 'rocks', 'river', 'sliver', 'table', 'they'])
    const all = [...near.train, ...near.validation, ...near.test]
    expect(new Set(all).size).toBe(all.length)
    expect(all).toContain('hey silver box')
    expect(all).toContain('silver fox')
    expect(all).not.toContain(phrase)
  })

  it('is respelt as other accents may say it', async () => {
    const respell = await createRespeller([phrase, 'bay window'])
    const random = createRandom(1)
    const told = Array.from({ length: 200 }, () => respell(phrase, random))
    expect(told).toContain("[[h'eI s'Ilv3 f'0ks]]")
    expect(new Set(told).size).toBeGreaterThan(25)
    const mute = told.filter((one) => !one.startsWith('[[h')).length
    expect(mute).toBeGreaterThan(15)
    expect(mute).toBeLessThan(50)
    const say = espeak({ accent: 'en-gb', variant: 'f2', manner: { pitch: 50, speed: 160 } })
    const lengths = await Promise.all(
      [phrase, ...told.slice(0, 3)].map(async (one) => (await say(one)).length),
    )
    for (const length of lengths) expect(length / lengths[0]!).toBeCloseTo(1, 0)
    expect((await say(phrase, { gap: 20 })).length).toBeGreaterThan(lengths[0]! + 16_000 * 0.1)
  })

  it('is the same from one run of espeak-ng for many texts as from one for each', async () => {
    const { train } = splitVoices()
    const voices = [
      train.find(({ definition }) => definition === undefined)!,
      train.find(({ definition }) => definition !== undefined)!,
    ]
    const texts = [
      'hey silver fox.',
      "[[h'eI s'Ilv3 f'0ks]].",
      "[[h'eI s'Ilv3 f'0ks]]",
      'hey, silver & fox...',
      'silver fox?',
    ]
    const utterances = texts.map((text, i) => ({
      text,
      manner: { pitch: 20 + 12 * i, speed: 130 + 18 * i, gap: i < 3 ? 0 : 2 },
    }))
    for (const voice of voices) {
      const together = await espeakEach(voice)(utterances)
      for (const [i, { text, manner }] of utterances.entries()) {
        const alone = await espeak(voice)(text, manner)
        expect(Math.abs(together[i]!.length / alone.length - 1), `${voice.variant}: ${text}`).toBeLessThan(
          0.12,
        )
      }
    }
    const own = await espeak(voices[1]!)(phrase)
    const { definition: _, ...plain } = voices[1]!
    await expect(espeak({ ...plain, variant: 'f2' })(phrase)).resolves.not.toEqual(own)
  })

  it('has near misses made of the sounds of the wake word, but none of those it must not make', async () => {
    const withheld = ['bay silver fox', 'hey silver box', 'hey silver folks']
    const make = await createSoundAlikes(phrase, withheld)
    const random = createRandom(2)
    const made = Array.from({ length: 2000 }, () => make(random))
    const bare = new Set(made.map((one) => one.replace(/[',]/g, '')))
    expect(bare.size).toBeGreaterThan(300)
    for (const refused of [
      'heI sIlv3 f0ks',
      'eI sIlv3 f0ks',
      'beI sIlv3 f0ks',
      'heI sIlv3 b0ks',
      'heI sIlv3 foUks',
    ])
      expect(bare).not.toContain(`[[${refused}]]`)
    for (const near of ['deI sIlv3 f0ks', 'heI sIlv3 l0ks', 'heIk sIlv3 f0ks'])
      expect(bare).toContain(`[[${near}]]`)
    expect(made.every((one) => one.split(' ').length === 3)).toBe(true)
  })
})

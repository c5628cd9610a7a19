import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRandom } from '../src/audio/random.js'
import { utterancesIn } from '../src/audio/segment.js'
import { unpackBackground } from '../src/background.js'
import { createHead, findAlarms, type Head } from '../src/detector.js'
import { enrol } from '../src/enrol.js'
import { createFeatures, type Features } from '../src/features/features.js'
import { readFeatureFiles } from '../src/features/files.js'
import { createPool } from '../src/head/pool.js'
import { trainHead } from '../src/head/train.js'
import { figuresAt, scoreAll } from '../src/measure.js'
import { buildPart } from '../src/speech/build.js'
import { assemble } from '../src/speech/streams.js'
import { espeak, hasProgram } from '../src/speech/synthesize.js'
import { readProse } from '../src/speech/text.js'
import { splitVoices } from '../src/speech/voices.js'

// Training from speech, at a tenth of its size. The README has the figures of the whole.

const phrase = 'hey silver fox'
const hasSpeech = await hasProgram('espeak-ng')
if (!hasSpeech)
  process.stderr.write('espeak-ng is not installed: tests of training from speech are skipped\n')

describe.skipIf(!hasSpeech)('training from speech', () => {
  let features: Features

  beforeAll(async () => {
    features = await createFeatures(ort, await readFeatureFiles(), { intraOpNumThreads: 1 })
  })

  afterAll(() => features.release())

  it('gives a head that hears voices it was not trained on', async () => {
    const train = await buildPart(features, 'train', { phrase, voices: 8 })
    const model = await trainHead(createPool([...train.clean, ...train.noisy]), { ort, steps: 500 })
    const head = await createHead(ort, model)
    const { clean } = await buildPart(features, 'validation', { phrase, voices: 2 })
    // About the threshold that is chosen for the whole: .44 to .53.
    const figures = figuresAt(0.45, await scoreAll(head, clean))
    expect(figures.phrases).toBe(100)
    expect(figures.hours).toBeGreaterThan(0.12)
    expect(figures.heard).toBeGreaterThan(0.5)
    expect(figures.nearMisses).toBeLessThan(figures.heard - 0.25)
    expect(figures.alarmsAnHour).toBeLessThan(10)
    await head.release()
  }, 900_000)

  it('of one voice is enough for that voice, as in the page', async () => {
    const say = espeak({ accent: 'en-gb', variant: 'linda', manner: { pitch: 60, speed: 160 } })
    const random = createRandom(5)
    const repeat = async (count: number): Promise<Float32Array> => {
      const clips = []
      for (let i = 0; i < count; i++) {
        const manner = { pitch: 52 + random.below(16), speed: 145 + random.below(40) }
        clips.push({ kind: 'phrase' as const, samples: await say(phrase + ['.', '!', '?'][i % 3], manner) })
      }
      return assemble(clips, random, [0.9, 1.2], 1).samples.map((x) => x / 2 + 8 * random.normal())
    }
    const repetitions = utterancesIn(await repeat(6))
    expect(repetitions.length).toBe(6)
    const said = []
    for (const [i, { samples }] of repetitions.entries()) said.push(...(await enrol(features, samples, i)))
    const background = unpackBackground(
      await readFile(fileURLToPath(new URL('../page/background.bin', import.meta.url))),
    )
    const model = await trainHead(createPool([...said, ...background]), { ort, steps: 400 })
    const head = await createHead(ort, model)
    expect((await findAlarms(features, head, await repeat(10), 0.5)).length).toBeGreaterThanOrEqual(8)
    await checkQuiet(features, head)
    await head.release()
  })
})

/** Two minutes of sentences that the head was not trained on. */
async function checkQuiet(features: Features, head: Head): Promise<void> {
  const { test: sentences } = await readProse(phrase)
  const alarms = []
  for (const [i, voice] of splitVoices().test.slice(0, 4).entries()) {
    const sound = await espeak(voice)(sentences.slice(20 * i, 20 * i + 6).join(' '))
    alarms.push(...(await findAlarms(features, head, sound, 0.5)))
  }
  expect(alarms.length).toBeLessThanOrEqual(1)
}

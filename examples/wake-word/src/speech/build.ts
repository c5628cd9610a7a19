import { loud, loudVaried, quiet, varied, type ChangeRange } from '../audio/augment.js'
import { bent, scrambled } from '../audio/parts.js'
import { createRandom, type Random } from '../audio/random.js'
import type { Features } from '../features/features.js'
import type { Labelled } from '../head/pool.js'
import { record, speakAll } from './corpus.js'
import { findNearMisses } from './nearMisses.js'
import { createRespeller } from './pronunciation.js'
import { createSoundAlikes } from './soundAlikes.js'
import { assemble, type Clip } from './streams.js'
import { espeakEach, fliteEach, fliteVoices } from './synthesize.js'
import { frequentWords, readProse } from './text.js'
import { splitVoices } from './voices.js'

/** What speech is for: training, choosing a threshold, the test, and the test by a synthesiser that is not in the training. */
export type Part = 'train' | 'validation' | 'test' | 'unseen'

/** The same speech in a quiet room and in noise. */
export interface Conditions {
  readonly clean: readonly Labelled[]
  readonly noisy: readonly Labelled[]
}

/** What the voices of a part say. */
export interface Speech extends Conditions {
  readonly voices: number
}

/** Options of {@link buildPart}. */
export interface PartOptions {
  readonly phrase: string
  /** Voices at most; fewer for a quick look. */
  readonly voices?: number
  /** Gives what was stored of a voice, or makes and stores it. Default: makes it. */
  readonly stored?: <T>(key: string, make: () => Promise<T>) => Promise<T>
  readonly onProgress?: (done: number, total: number) => void
}

const amounts = {
  train: { phrases: 8, nearMisses: 36, speech: 8 },
  validation: { phrases: 50, nearMisses: 80, speech: 240 },
  test: { phrases: 25, nearMisses: 20, speech: 150 },
  unseen: { phrases: 40, nearMisses: 40, speech: 240 },
}

/** Draw what is said and how. They are always the same, so that the speech is made once for all seeds of the training. */
const speechSeeds = { train: 9000, validation: 777, test: 104_733, unseen: 104_735 }

/** How a training voice is recorded: each of these is a take. */
const takeRanges = { clean: [quiet], noisy: [varied, varied, varied, loudVaried] }
/** Near misses of a take that are made of the wake word's own sound. */
const scrambledOfTake = 4

/** Pieces of what a voice says that differ in noise, room and level: few voices then meet many conditions. */
const pieces = 6

/** Lets all voices of a part say what is needed, and computes the embeddings. */
export async function buildPart(features: Features, part: Part, options: PartOptions): Promise<Speech> {
  const { phrase, stored = (_, make) => make(), onProgress } = options
  const prose = await readProse(phrase)
  const near = await findNearMisses(phrase, frequentWords(prose.train, 2000))
  const source = part === 'unseen' ? 'test' : part
  const script = { phrase, nearMisses: near[source], sentences: prose[source] }
  const all = part === 'unseen' ? fliteVoices.map(fliteEach) : splitVoices()[part].map(espeakEach)
  const voices = all.slice(0, options.voices)
  const variation =
    part === 'train'
      ? {
          respell: await createRespeller([phrase, ...script.nearMisses]),
          soundAlike: await createSoundAlikes(phrase, [...near.validation, ...near.test]),
        }
      : undefined
  const both = { clean: [] as Labelled[], noisy: [] as Labelled[] }
  for (const [i, voice] of voices.entries()) {
    const key = JSON.stringify([part, i, phrase, amounts[part], pieces, takeRanges])
    const { clean, noisy } = await stored(key, async (): Promise<Conditions> => {
      const random = createRandom(speechSeeds[part] + i * 31)
      const clips = await speakAll(voice, script, amounts[part], random, variation)
      if (part === 'train') return takes(features, clips, random)
      const gap = [0.5, 1.5] as const
      const stream = assemble(random.shuffled(clips), random, gap)
      const clean = [await record(features, stream, quiet, random)]
      // A threshold is chosen in many noises. The test is recorded as it always was, so that its figures compare.
      const noisy =
        part === 'validation'
          ? await recordInPieces(features, clips, loud, gap, random)
          : [await record(features, stream, loud, random)]
      return { clean, noisy }
    })
    both.clean.push(...clean)
    both.noisy.push(...noisy)
    onProgress?.(i + 1, voices.length)
  }
  return { ...both, voices: voices.length }
}

/** Records what a voice says for training: bent, once as in a quiet room and four times in other conditions, with parts of the wake word as near misses. */
async function takes(features: Features, clips: readonly Clip[], random: Random): Promise<Conditions> {
  const phrases = clips.filter(({ kind }) => kind === 'phrase')
  const takeAll = async (ranges: readonly ChangeRange[]): Promise<Labelled[]> => {
    const results: Labelled[] = []
    for (const range of ranges) {
      const parts = Array.from({ length: scrambledOfTake }, () => ({
        kind: 'near' as const,
        samples: scrambled(random.pick(phrases).samples, random),
      }))
      const all = [...clips, ...parts].map(({ kind, samples }) => ({
        kind,
        samples: bent(samples, random, 0.12),
      }))
      results.push(...(await recordInPieces(features, all, range, [0.05, 1], random)))
    }
    return results
  }
  return { clean: await takeAll(takeRanges.clean), noisy: await takeAll(takeRanges.noisy) }
}

/** Records clips in random order, each piece in conditions of its own. */
async function recordInPieces(
  features: Features,
  clips: readonly Clip[],
  range: ChangeRange,
  gap: readonly [number, number],
  random: Random,
): Promise<Labelled[]> {
  const all = random.shuffled(clips)
  const size = Math.ceil(all.length / pieces)
  const results: Labelled[] = []
  for (let from = 0; from < all.length; from += size) {
    const stream = assemble(all.slice(from, from + size), random, gap)
    results.push(await record(features, stream, range, random))
  }
  return results
}

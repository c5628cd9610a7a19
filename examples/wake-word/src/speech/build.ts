import { loud, quiet } from '../audio/augment.js'
import { createRandom } from '../audio/random.js'
import type { Features } from '../features/features.js'
import type { Labelled } from '../head/pool.js'
import { record, speakAll } from './corpus.js'
import { findNearMisses } from './nearMisses.js'
import { assemble } from './streams.js'
import { espeak, flite, fliteVoices } from './synthesize.js'
import { frequentWords, readProse } from './text.js'
import { splitVoices } from './voices.js'

/** What speech is for: training, choosing a threshold, the test, and the test by a synthesiser that is not in the training. */
export type Part = 'train' | 'validation' | 'test' | 'unseen'

/** The same speech in a quiet room and in noise. */
export interface Conditions {
  readonly clean: readonly Labelled[]
  readonly noisy: readonly Labelled[]
}

/** Options of {@link buildPart}. */
export interface PartOptions {
  readonly phrase: string
  readonly seed: number
  /** Voices at most; fewer for a quick look. */
  readonly voices?: number
  /** Gives what was stored of a voice, or makes and stores it. Default: makes it. */
  readonly stored?: <T>(key: string, make: () => Promise<T>) => Promise<T>
  readonly onProgress?: (done: number, total: number) => void
}

const amounts = {
  train: { phrases: 6, nearMisses: 8, speech: 12 },
  validation: { phrases: 12, nearMisses: 12, speech: 120 },
  test: { phrases: 25, nearMisses: 20, speech: 150 },
  unseen: { phrases: 40, nearMisses: 40, speech: 240 },
}

/** Lets all voices of a part say what is needed, and computes the embeddings. */
export async function buildPart(features: Features, part: Part, options: PartOptions): Promise<Conditions> {
  const { phrase, seed, stored = (_, make) => make(), onProgress } = options
  const prose = await readProse(phrase)
  const near = await findNearMisses(phrase, frequentWords(prose.train, 2000), seed)
  const source = part === 'unseen' ? 'test' : part
  const script = { phrase, nearMisses: near[source], sentences: prose[source] }
  const all = part === 'unseen' ? fliteVoices.map(flite) : splitVoices(seed)[part].map(espeak)
  const voices = all.slice(0, options.voices)
  const both = { clean: [] as Labelled[], noisy: [] as Labelled[] }
  for (const [i, voice] of voices.entries()) {
    const key = JSON.stringify([part, i, seed, phrase, amounts[part]])
    const { clean, noisy } = await stored(key, async () => {
      const random = createRandom(seed * 104_729 + i * 31 + part.length)
      const clips = await speakAll(voice, script, amounts[part], random)
      const stream = assemble(random.shuffled(clips), random, part === 'train' ? [0.05, 1] : [0.5, 1.5])
      return {
        clean: await record(features, stream, quiet, random),
        noisy: await record(features, stream, loud, random),
      }
    })
    both.clean.push(clean)
    both.noisy.push(noisy)
    onProgress?.(i + 1, voices.length)
  }
  return both
}

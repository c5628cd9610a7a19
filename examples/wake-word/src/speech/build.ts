import { loud, quiet } from '../audio/augment.js'
import { createRandom } from '../audio/random.js'
import type { Features } from '../features/features.js'
import type { Labelled } from '../head/pool.js'
import { record, speakAll, type Amount } from './corpus.js'
import { findNearMisses } from './nearMisses.js'
import { assemble } from './streams.js'
import { espeak, flite, fliteVoices, type Speak } from './synthesize.js'
import { frequentWords, readProse } from './text.js'
import { splitVoices } from './voices.js'

/** Stretches to train on, to choose a threshold with, and to test with. */
export interface Corpus {
  readonly train: readonly Labelled[]
  readonly validation: Conditions
  readonly test: Conditions
  /** A synthesiser that is not in the training. */
  readonly unseen: Conditions
}

/** The same speech in a quiet room and in noise. */
export interface Conditions {
  readonly clean: readonly Labelled[]
  readonly noisy: readonly Labelled[]
}

/** Options of {@link buildCorpus}. */
export interface CorpusOptions {
  readonly phrase: string
  readonly seed: number
  /** Share of the voices of each kind; less for a quick look. */
  readonly share?: number
  readonly flite: boolean
  readonly onProgress?: (done: number, total: number) => void
}

const amounts = {
  train: { phrases: 6, nearMisses: 8, speech: 12 },
  validation: { phrases: 15, nearMisses: 15, speech: 150 },
  test: { phrases: 25, nearMisses: 25, speech: 240 },
  unseen: { phrases: 40, nearMisses: 40, speech: 240 },
}

/** Lets espeak-ng, and flite if it is there, say everything that is needed, and computes the embeddings. */
export async function buildCorpus(features: Features, options: CorpusOptions): Promise<Corpus> {
  const { phrase, seed, share = 1, onProgress } = options
  const prose = await readProse(phrase)
  const near = await findNearMisses(phrase, frequentWords(prose.train, 4000), seed)
  const voices = splitVoices(seed)
  const some = <T>(list: readonly T[]): readonly T[] => list.slice(0, Math.ceil(list.length * share))
  const parts = {
    train: some(voices.train).map(espeak),
    validation: some(voices.validation).map(espeak),
    test: some(voices.test).map(espeak),
    unseen: options.flite ? fliteVoices.map(flite) : [],
  }
  const total = Object.values(parts).reduce((sum, { length }) => sum + length, 0)
  let done = 0
  const speakers = async (part: keyof typeof parts, gap: readonly [number, number]): Promise<Conditions> => {
    const source = part === 'unseen' ? 'test' : part
    const script = { phrase, nearMisses: near[source], sentences: prose[source] }
    const both = { clean: [] as Labelled[], noisy: [] as Labelled[] }
    let next = speakOf(parts[part], 0, script, amounts[part], seed)
    for (let i = 0; i < parts[part].length; i++) {
      const random = createRandom(seed * 7919 + i * 31 + part.length)
      const clips = await next
      // The next voice speaks while this one is listened to.
      next = speakOf(parts[part], i + 1, script, amounts[part], seed)
      const stream = assemble(random.shuffled(clips), random, gap)
      both.clean.push(await record(features, stream, quiet, random))
      both.noisy.push(await record(features, stream, loud, random))
      onProgress?.(++done, total)
    }
    return both
  }
  const train = await speakers('train', [0.05, 1])
  return {
    train: [...train.clean, ...train.noisy],
    validation: await speakers('validation', [0.5, 1.5]),
    test: await speakers('test', [0.5, 1.5]),
    unseen: await speakers('unseen', [0.5, 1.5]),
  }
}

function speakOf(
  voices: readonly Speak[],
  i: number,
  script: Parameters<typeof speakAll>[1],
  amount: Amount,
  seed: number,
): ReturnType<typeof speakAll> {
  const voice = voices[i]
  return voice ? speakAll(voice, script, amount, createRandom(seed * 104_729 + i)) : Promise.resolve([])
}

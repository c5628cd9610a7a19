import { applyChange, drawChange, type ChangeRange } from './audio/augment.js'
import { bent, scrambled } from './audio/parts.js'
import { createRandom } from './audio/random.js'
import type { Features } from './features/features.js'
import type { Labelled } from './head/pool.js'
import { assemble, type Clip } from './speech/streams.js'

/** How many stretches are made of a repetition. */
const copies = 12
/** Near misses are made of the repetition's own parts in so many of them. */
const copiesOfParts = 7
/** How much faster and higher, or slower and lower, a copy may be. */
const rateChange = 0.1
/** Seconds before the first sound: as little as fills the head's window. */
const lead = 1.3
/** As a microphone in a room may hear the same voice on other days. */
const range: ChangeRange = { gain: [-18, 4], noise: [6, 40], noisy: 0.8, echo: 0.4, lowPass: 0.3 }

/**
 * Makes training data of one repetition of the wake word: the same faster and slower, higher and lower, near and far, in noise; and near misses
 * of its parts, so that half a wake word does not fire.
 *
 * @param samples 16 kHz, at the scale of int16
 */
export async function enrol(features: Features, samples: Float32Array, seed: number): Promise<Labelled[]> {
  const random = createRandom(seed)
  const results: Labelled[] = []
  for (let i = 0; i < copies; i++) {
    const clips: Clip[] = [{ kind: 'phrase', samples: bent(samples, random, rateChange) }]
    if (i < copiesOfParts)
      clips.push({ kind: 'near', samples: scrambled(bent(samples, random, rateChange), random) })
    const { samples: sound, spans } = assemble(random.shuffled(clips), random, [0.3, 0.9], lead)
    const changed = applyChange(sound, drawChange(random, range), random)
    results.push({ embeddings: await features.embed(changed), spans })
  }
  return results
}

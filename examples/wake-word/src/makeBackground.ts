import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import { applyChange, drawChange, loud, quiet } from './audio/augment.js'
import { createRandom } from './audio/random.js'
import { packBackground } from './background.js'
import { createFeatures } from './features/features.js'
import { readFeatureFiles } from './features/files.js'
import { assemble } from './speech/streams.js'
import { espeak } from './speech/synthesize.js'
import { readProse } from './speech/text.js'
import { splitVoices } from './speech/voices.js'

// Writes the background speech that the page trains against: training voices read a few sentences, most of them in noise.

const secondsEach = 12
const voices = 110
const features = await createFeatures(ort, await readFeatureFiles(), { intraOpNumThreads: 1 })
const { train: sentences } = await readProse()
const random = createRandom(1)
const stretches: Float32Array[] = []
for (const voice of splitVoices().train.slice(0, voices)) {
  const from = random.below(sentences.length - 2)
  const said = await espeak(voice)(sentences.slice(from, from + 2).join(' '))
  const samples = said.subarray(0, secondsEach * 16_000)
  const stream = assemble([{ kind: 'speech', samples }], random, [0, 0])
  const range = random.next() < 0.3 ? quiet : loud
  stretches.push(await features.embed(applyChange(stream.samples, drawChange(random, range), random)))
}
await features.release()
const file = fileURLToPath(new URL('../page/background.bin', import.meta.url))
const bytes = packBackground(stretches)
await writeFile(file, bytes)
const seconds = stretches.reduce((sum, { length }) => sum + (length / 96) * 0.08, 0)
process.stdout.write(`${file}: ${(bytes.length / 1e6).toFixed(2)} MB, ${(seconds / 60).toFixed(0)} minutes\n`)

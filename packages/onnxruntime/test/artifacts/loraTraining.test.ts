import { adam, inducedMetric } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { beforeAll, describe, expect, it } from 'vitest'
import { feedsOf } from '../../bench/torch/curve.mjs'
import { problems } from '../../bench/torch/problems.mjs'
import { addLora, generateArtifacts, mergeLora, type TrainingArtifacts } from '../../src/artifacts.js'
import { TrainingSession } from '../../src/index.js'
import { createTensor, readModel, readTensor, writeModel, type Model } from '@induced-metric/onnx/proto'
import { relativeError } from '../../../onnx/test/run.js'

// Adapters on the attention of a GPT of 0.8 million parameters.
const { model: forward, batch } = problems.gpt
const base = forward()
const { model: adapted, trainable } = addLora(base, {
  rank: 4,
  alpha: 8,
  targets: '*.attn.*.weight',
  seed: 1,
})

describe('a GPT with adapters', () => {
  let artifacts: TrainingArtifacts
  let session: TrainingSession
  const losses: number[] = []

  beforeAll(async () => {
    artifacts = await generateArtifacts(adapted, { loss: 'cross-entropy', requiresGrad: trainable })
    const { trainModel, evalModel, checkpointState } = artifacts
    const optimizer = inducedMetric(adam(), { learningRate: 1e-2 })
    session = await TrainingSession.create({ trainModel, evalModel, checkpointState, optimizer })
    for (let step = 0; step < 20; step++) {
      await session.runTrainStep(feedsOf(batch(0)))
      await session.runOptimizerStep()
      await session.lazyResetGrad()
      losses.push(session.report.loss!)
    }
  })

  const logitsOf = async (model: Model | Uint8Array): Promise<Float32Array> => {
    const bytes = model instanceof Uint8Array ? model : writeModel(model)
    const run = await ort.InferenceSession.create(bytes)
    const { input_ids: tokens } = feedsOf(batch(100))
    const { logits } = await run.run({ input_ids: tokens! })
    await run.release()
    return logits!.data as Float32Array
  }

  it('trains its adapters, less than 2 % of its parameters', () => {
    const { trainableScalars, frozenScalars } = artifacts.summary
    expect(artifacts.state.trainable.map(({ name }) => name).sort()).toEqual([...trainable].sort())
    expect(trainableScalars).toBe(4 * (4 * (128 + 384) + 4 * (128 + 128)))
    expect(trainableScalars / (trainableScalars + frozenScalars)).toBeLessThan(0.02)
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.1)
  })

  it('leaves all others as they were, bit for bit', () => {
    const changed = trainable.filter((name) => {
      const before = readTensor(adapted.graph.initializer.find((tensor) => tensor.name === name)!)
      return String(session.parameters.get(name)!.data) !== String(before.data)
    })
    expect(changed).toEqual(trainable)
    let compared = 0
    for (const tensor of base.graph.initializer) {
      const parameter = session.parameters.get(tensor.name)
      if (!parameter) continue
      const { buffer, byteOffset, byteLength } = parameter.data
      expect(
        Buffer.compare(new Uint8Array(buffer, byteOffset, byteLength), tensor.rawData),
        tensor.name,
      ).toBe(0)
      compared += parameter.data.length
    }
    expect(compared).toBe(809_856)
  })

  it('gives merged what it gives apart', async () => {
    const apart = readModel(writeModel(adapted))
    apart.graph.initializer = apart.graph.initializer.map((tensor) => {
      const parameter = session.parameters.get(tensor.name)
      return parameter ? createTensor(tensor.name, parameter.dims, tensor.dataType, parameter.data) : tensor
    })
    const merged = mergeLora(adapted, session.parameters)
    expect(merged.graph.node).toEqual(base.graph.node)
    const [together, beside, before] = [await logitsOf(merged), await logitsOf(apart), await logitsOf(base)]
    expect(relativeError(beside, together)).toBeLessThan(1e-6)
    expect(relativeError(before, together)).toBeGreaterThan(1e-2)
  })
})

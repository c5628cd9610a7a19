import { adam, inducedMetric } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { beforeAll, describe, expect, it } from 'vitest'
import { feedsOf } from '../../bench/torch/curve.mjs'
import { problems } from '../../bench/torch/problems.mjs'
import { addLora, generateArtifacts, mergeLora } from '../../src/artifacts.js'
import { TrainingSession } from '../../src/index.js'
import { createTensor, readModel, writeModel, type Model } from '@induced-metric/onnx/proto'
import { quantized, type Quantization } from '../../../onnx/test/quantize.js'
import { relativeError } from '../../../onnx/test/run.js'

// Adapters on the attention of a GPT of 0.8 million parameters, whose weights are of float or quantised.
const { model: forward, batch } = problems.gpt
const base = forward()
const lora = { rank: 4, alpha: 8, seed: 1 }

/** The losses of some steps on one batch, and the model with trained adapters. */
async function train(adapted: Model, trainable: readonly string[]) {
  const artifacts = await generateArtifacts(adapted, { loss: 'cross-entropy', requiresGrad: trainable })
  const { trainModel, evalModel, checkpointState } = artifacts
  const optimizer = inducedMetric(adam(), { learningRate: 3e-3 })
  const session = await TrainingSession.create({ trainModel, evalModel, checkpointState, optimizer })
  const losses: number[] = []
  for (let step = 0; step < 20; step++) {
    await session.runTrainStep(feedsOf(batch(0)))
    await session.runOptimizerStep()
    await session.lazyResetGrad()
    losses.push(session.report.loss!)
  }
  const exported = await session.exportModelForInference(['logits'])
  const parameters = new Map(
    [...session.parameters].map(([name, { data }]) => [name, { data: data.slice() }]),
  )
  await session.release()
  return { losses, exported, parameters, artifacts }
}

async function logitsOf(model: Model | Uint8Array): Promise<Float32Array> {
  // Optimised, the runtime fuses DequantizeLinear and MatMul to a product that rounds activations.
  const bytes = model instanceof Uint8Array ? model : writeModel(model)
  const run = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled' })
  const { input_ids: tokens } = feedsOf(batch(100))
  const { logits } = await run.run({ input_ids: tokens! })
  await run.release()
  return logits!.data as Float32Array
}

/** How far the loss falls. */
const fall = (losses: readonly number[]): number => losses[0]! - losses.at(-1)!

describe('adapters over quantised weights', () => {
  let real: Awaited<ReturnType<typeof train>>

  beforeAll(async () => {
    const { model, trainable } = addLora(base, { ...lora, targets: '*.attn.*.weight' })
    real = await train(model, trainable)
  })

  it.for<[Quantization, boolean]>([
    ['MatMulNBits', true],
    ['MatMulNBits with zero points', true],
    ['DequantizeLinear', true],
    ['MatMulInteger', false],
    ['DynamicQuantizeMatMul', false],
  ])('learn in %s as over weights of float', async ([kind, isExact], { annotate }) => {
    const model = quantized(base, kind)
    const { model: adapted, trainable } = addLora(model, { ...lora, targets: '*.attn.*_quant' })
    const { losses, exported, parameters, artifacts } = await train(adapted, trainable)
    await annotate(
      `the loss falls by ${fall(losses).toFixed(4)}, over float by ${fall(real.losses).toFixed(4)}`,
    )
    expect(fall(real.losses)).toBeGreaterThan(0.1)
    expect(
      Math.abs(fall(losses) / fall(real.losses) - 1),
      `${losses.join()} and ${real.losses.join()}`,
    ).toBeLessThan(0.1)

    // Products that round activations pass gradients as if they did not.
    expect(artifacts.summary.straightThrough > 0).toBe(!isExact)

    // The bytes of the base are what they were, in what is exported as well.
    const after = new Map(readModel(exported).graph.initializer.map((tensor) => [tensor.name, tensor]))
    const quantizedTensors = model.graph.initializer.filter(({ name }) => name.includes('_quant'))
    expect(quantizedTensors.length).toBeGreaterThan(0)
    for (const { name, rawData } of quantizedTensors)
      expect(Buffer.compare(after.get(name)!.rawData, rawData), name).toBe(0)

    const apart = readModel(writeModel(adapted))
    apart.graph.initializer = apart.graph.initializer.map((tensor) => {
      const parameter = parameters.get(tensor.name)
      return parameter
        ? createTensor(tensor.name, tensor.dims.map(Number), tensor.dataType, parameter.data)
        : tensor
    })
    const merged = mergeLora(adapted, parameters, { dequantize: true })
    const [beside, together, before] = [await logitsOf(apart), await logitsOf(merged), await logitsOf(model)]
    expect(relativeError(await logitsOf(exported), beside)).toBeLessThan(1e-5)
    // Products that round activations do so no more once they are merged.
    expect(relativeError(beside, together)).toBeLessThan(isExact ? 1e-5 : 0.02)
    expect(relativeError(before, together)).toBeGreaterThan(1e-2)
  })
})

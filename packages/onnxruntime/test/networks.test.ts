import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adam, inducedMetric } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import * as web from 'onnxruntime-web/wasm'
import { describe, expect, it } from 'vitest'
import { generateArtifacts } from '../src/artifacts.js'
import { TrainingSession } from '../src/index.js'
import { createModelBuilder, dataType, writeModel, type ModelBuilder } from '@induced-metric/onnx/proto'
import { drawn } from '../../onnx/test/gradients/harness.js'
import { checkTraining } from './artifacts/training.js'
import { convolutionArtifacts, denseArtifacts, numbers } from '../../onnx/test/builder.js'
import { relativeError } from '../../onnx/test/run.js'

const optimizer = inducedMetric(adam(), { learningRate: 0.01 })

function images(library: typeof ort | typeof web, batch: number) {
  const data = numbers(batch * 128, 3, 1)
  const labels = BigInt64Array.from({ length: batch }, (_, i) => BigInt(i % 3))
  return {
    x: new library.Tensor('float32', data, [batch, 2, 8, 8]),
    labels: new library.Tensor('int64', labels, [batch]),
  }
}

describe('a convolutional network whose model says nothing of its inner values', () => {
  it('has gradients that central differences confirm, and a frozen parameter', async () => {
    const session = await TrainingSession.create({ ...convolutionArtifacts(), optimizer })
    expect(session.trainingInputNames).toEqual(['x', 'labels'])
    expect(session.parameters.get('shift')).toMatchObject({ trainable: false, dims: [2, 8, 8] })
    expect([...session.gradients.keys()]).toEqual(['kernel', 'offset', 'dense', 'bias'])
    const feeds = images(ort, 3)
    await session.runTrainStep(feeds)
    for (const [name, { data }] of session.gradients) {
      const parameter = session.parameters.get(name)!.data as Float32Array
      const gradient = data as Float32Array
      for (let i = 0; i < gradient.length; i += 7) {
        const kept = parameter[i]!
        const loss = async (at: number): Promise<number> => {
          parameter[i] = at
          return ((await session.runEvalStep(feeds, ['loss']))['loss']!.data as Float32Array)[0]!
        }
        const slope = ((await loss(kept + 1e-3)) - (await loss(kept - 1e-3))) / 2e-3
        parameter[i] = kept
        expect(slope).toBeCloseTo(gradient[i]!, 2)
      }
    }
    await session.release()
  })

  it('keeps the frozen parameter through steps and checkpoints', async () => {
    const artifacts = convolutionArtifacts()
    const session = await TrainingSession.create({ ...artifacts, optimizer })
    await session.runTrainStep(images(ort, 3))
    await session.runOptimizerStep()
    const [shift] = artifacts.checkpointState.frozen
    expect(session.parameters.get('shift')!.data).toEqual(shift!.data)
    expect(await session.getParametersSize(false)).toBe((await session.getParametersSize()) + 128)
    const resumed = await TrainingSession.create({
      ...artifacts,
      checkpointState: await session.saveCheckpoint(),
      optimizer,
    })
    expect(resumed.parameters.get('shift')).toEqual(session.parameters.get('shift'))
    await Promise.all([session.release(), resumed.release()])
  })

  it('exports its values to a file beside the model', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'induced-onnx-'))
    const session = await TrainingSession.create({ ...convolutionArtifacts(), optimizer })
    const feeds = images(ort, 3)
    const { scores } = await session.runEvalStep(feeds, ['scores'])
    for (const externalData of [false, true]) {
      const path = join(folder, `model-${externalData}.onnx`)
      const bytes = await session.exportModelForInference(['scores'], { path, externalData })
      expect(new Uint8Array(readFileSync(path))).toEqual(new Uint8Array(bytes))
      expect(bytes.length < 2000).toBe(externalData)
      const inference = await ort.InferenceSession.create(path)
      expect(inference.inputNames).toEqual(['x'])
      const { scores: exported } = await inference.run({ x: feeds.x })
      // With constant parameters, the runtime fuses more.
      expect(relativeError(exported!.data as Float32Array, scores!.data as Float32Array)).toBeLessThan(1e-6)
      await inference.release()
    }
    await expect(session.exportModelForInference(['scores'], { externalData: true })).rejects.toMatchObject({
      code: 'ERR_OPTION',
    })
    await session.release()
    await rm(folder, { recursive: true })
  })

  it('has no kernels in double precision, which the runtime says before anything runs', async () => {
    const failed = TrainingSession.create({ ...convolutionArtifacts(11), optimizer })
    await expect(failed).rejects.toMatchObject({ code: 'ERR_NOT_SUPPORTED' })
    await expect(failed).rejects.toThrow(/Conv/)
  })
})

describe('onnxruntime-web in the place of onnxruntime-node', () => {
  web.env.wasm.numThreads = 1

  it('trains alike, though it does not write into the tensors it is given', async () => {
    const sessions = await Promise.all(
      [ort, web].map((library) =>
        TrainingSession.create({ ...convolutionArtifacts(), optimizer, ort: library }),
      ),
    )
    const steps = await Promise.all(
      [ort, web].map(async (library, i) => {
        const session = sessions[i]!
        for (let step = 0; step < 4; step++) {
          await session.runTrainStep(images(library, 3))
          await session.runTrainStep(images(library, 2))
          await session.runOptimizerStep()
          await session.lazyResetGrad()
        }
        const { data } = await session.getContiguousParameters()
        return { loss: session.report.loss!, data: data as Float32Array }
      }),
    )
    expect(steps[1]!.loss / steps[0]!.loss).toBeCloseTo(1, 5)
    expect(relativeError(steps[1]!.data, steps[0]!.data)).toBeLessThan(1e-4)
    await Promise.all(sessions.map((session) => session.release()))
  })
})

describe('a network in double precision', () => {
  it('trains', async () => {
    const artifacts = denseArtifacts([6, 5, 3], 17, 11)
    const session = await TrainingSession.create({ ...artifacts, optimizer })
    const feeds = {
      x: new ort.Tensor('float64', Float64Array.from(numbers(24, 1, 1)), [4, 6]),
      labels: new ort.Tensor('int64', BigInt64Array.of(0n, 1n, 2n, 0n), [4]),
    }
    const { loss: before } = await session.runEvalStep(feeds)
    for (let i = 0; i < 20; i++) {
      await session.runTrainStep(feeds)
      await session.runOptimizerStep()
      await session.lazyResetGrad()
    }
    const { loss: after } = await session.runEvalStep(feeds)
    expect(after!.data).toBeInstanceOf(Float64Array)
    expect((after!.data as Float64Array)[0]).toBeLessThan((before!.data as Float64Array)[0]!)
    const resumed = await TrainingSession.create({
      ...artifacts,
      checkpointState: await session.saveCheckpoint(),
      optimizer,
    })
    expect(resumed.saveOptimizer()).toEqual(session.saveOptimizer())
    expect([...resumed.parameters]).toEqual([...session.parameters])
    await Promise.all([session.release(), resumed.release()])
  })

  // The runtime's own optimiser turns these into operators that it has no kernel for.
  const activations: Readonly<Record<string, (builder: ModelBuilder, x: string) => string>> = {
    SiLU: ({ emit }, x) => emit('Mul', [x, emit('Sigmoid', [x])]),
    'SiLU, the other way round': ({ emit }, x) => emit('Mul', [emit('Sigmoid', [x]), x]),
    'x·σ(1.702·x)': ({ emit, real }, x) =>
      emit('Mul', [x, emit('Sigmoid', [emit('Mul', [x, real(1.702, dataType.double)])])]),
    ReLU6: ({ emit, real }, x) =>
      emit('Clip', [emit('Relu', [x]), real(0, dataType.double), real(6, dataType.double)]),
  }
  const inputs = { x: drawn([4, 3], 1), target: drawn([4, 2], 2) }

  it.each(Object.entries(activations))('trains with %s', async (_, activation) => {
    const builder = createModelBuilder(17)
    const weight = (name: string, dims: readonly number[], seed: number): string =>
      builder.initializer(name, dims, dataType.double, drawn(dims, seed).data)
    const x = builder.input('x', dataType.double, ['batch', 3])
    const inner = activation(builder, builder.emit('MatMul', [x, weight('w', [3, 5], 3)]))
    builder.output(builder.emit('MatMul', [inner, weight('v', [5, 2], 4)], {}, 'y'), dataType.double, [
      'batch',
      2,
    ])
    const model = builder.build('activation')
    await expect(ort.InferenceSession.create(writeModel(model), { logSeverityLevel: 4 })).rejects.toThrow()
    const { loss: expected } = await checkTraining(model, { loss: 'mse' }, inputs)

    const { trainModel, evalModel, checkpointState } = await generateArtifacts(model, { loss: 'mse' })
    const session = await TrainingSession.create(
      { trainModel, evalModel, checkpointState, ort: web },
      { extra: { optimization: { disable_specified_optimizers: 'MatMulAddFusion' } } },
    )
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { data, dims }]) => [
        name,
        new web.Tensor('float64', data as Float64Array, dims),
      ]),
    )
    for (const { loss } of [await session.runTrainStep(feeds), await session.runEvalStep(feeds)]) {
      expect((loss!.data as Float64Array)[0]).toBeCloseTo(expected, 12)
    }
    await session.release()
  })
})

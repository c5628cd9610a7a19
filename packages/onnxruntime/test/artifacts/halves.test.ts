import { adam, inducedMetric } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { addLora, generateArtifacts, mergeLora, withParameters } from '../../src/artifacts.js'
import { createOrtTensor, TrainingSession } from '../../src/index.js'
import {
  createModelBuilder,
  createTensor,
  dataType,
  readTensor,
  writeModel,
  type Model,
} from '@induced-metric/onnx/proto'
import { surveyForward } from '@induced-metric/onnx/adapter'
import { fromHalf, toHalf } from '../../../onnx/src/proto/half.js'
import { relativeError } from '../../../onnx/test/run.js'
import { quantized } from '../../../onnx/test/quantize.js'
import { drawn } from '../../../onnx/test/gradients/harness.js'

const { float, float16, bfloat16 } = dataType
const [inputs, hidden, outputs] = [6, 8, 3]
const values = (dims: readonly number[], seed: number): Float32Array =>
  Float32Array.from(drawn(dims, seed, { low: -1, high: 1 }).data as Float64Array)

/** A network of two layers, all of it in float16, or in bfloat16 with casts to float around. */
function network(type: number): Model {
  const b = createModelBuilder(17)
  const isHalf = type === float16
  const x = b.input('x', isHalf ? float16 : float, ['batch', inputs])
  const weight = (name: string, dims: readonly number[], seed: number): string => {
    const given = values(dims, seed)
    const bits = isHalf
      ? Uint16Array.from(given, toHalf)
      : Uint16Array.from(new Uint32Array(given.buffer), (word) => word >>> 16)
    return b.initializer(name, dims, type, bits)
  }
  const narrow = isHalf ? x : b.emit('Cast', [x], { to: type })
  const first = b.emit('Tanh', [b.emit('MatMul', [narrow, weight('first', [inputs, hidden], 1)])])
  const scaled = b.emit('Mul', [
    first,
    b.emit('Constant', [], {
      value: createTensor('', [], type, Uint16Array.of(isHalf ? toHalf(2) : 0x4000)),
    }),
  ])
  const y = b.emit('Add', [
    b.emit('MatMul', [scaled, weight('second', [hidden, outputs], 2)]),
    weight('bias', [outputs], 3),
  ])
  b.output(b.emit('Cast', [y], { to: isHalf ? float16 : float }, 'y'), isHalf ? float16 : float, [
    'batch',
    outputs,
  ])
  return b.build('halves')
}

const x = values([5, inputs], 7)
const target = values([5, outputs], 8)
const feeds = () => ({
  x: new ort.Tensor('float32', x, [5, inputs]),
  target: new ort.Tensor('float32', target, [5, outputs]),
})

/** What a model of float16 gives on a runtime. */
async function outputOf(model: Model): Promise<number[]> {
  const session = await ort.InferenceSession.create(writeModel(model))
  const given = createOrtTensor(ort, 'float16', Uint16Array.from(x, toHalf), [5, inputs])
  const { y } = await session.run({ x: given as ort.Tensor })
  await session.release()
  // Where there is a Float16Array, the runtime returns one.
  return y!.data instanceof Uint16Array ? Array.from(y!.data, fromHalf) : Array.from(y!.data as Float32Array)
}

async function train(model: Model, requiresGrad?: readonly string[]) {
  const { trainModel, evalModel, checkpointState, summary } = await generateArtifacts(model, {
    loss: 'mse',
    ...(requiresGrad && { requiresGrad }),
  })
  const optimizer = inducedMetric(adam(), { learningRate: 0.02 })
  const session = await TrainingSession.create({ trainModel, evalModel, checkpointState, optimizer })
  const losses: number[] = []
  for (let step = 0; step < 40; step++) {
    await session.runTrainStep(feeds())
    await session.runOptimizerStep()
    await session.lazyResetGrad()
    losses.push(session.report.loss!)
  }
  const parameters = new Map(
    [...session.parameters].map(([name, { data }]) => [name, { data: data.slice() }]),
  )
  await session.release()
  return { losses, summary, parameters }
}

describe('models of half precision', () => {
  it('train adapters of float32, and keep the bytes of their weights', async () => {
    const base = network(float16)
    const { model: adapted, trainable } = addLora(base, { rank: 2, targets: ['first', 'second'], seed: 1 })
    const { losses, summary, parameters } = await train(adapted, trainable)
    expect(summary.widened).toBe(4)
    expect((await surveyForward(writeModel(adapted), () => Promise.resolve(ort))).widened).toBe(4)
    expect(summary.inputs).toEqual(['x float32 [batch, 6]', 'target float32 [batch, 3]'])
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]!)

    const apart = withParameters(adapted, parameters)
    for (const tensor of base.graph.initializer) {
      expect(apart.graph.initializer.find(({ name }) => name === tensor.name)).toEqual(tensor)
    }
    const merged = mergeLora(adapted, parameters)
    expect(merged.graph.initializer.map(({ dataType: type }) => type)).toEqual([float16, float16, float16])
    const [beside, together, before] = [await outputOf(apart), await outputOf(merged), await outputOf(base)]
    expect(relativeError(beside, together)).toBeLessThan(5e-3)
    expect(relativeError(before, together)).toBeGreaterThan(0.1)
    // What was trained in float32 is what runs in float16.
    const loss = together.reduce((sum, value, i) => sum + (value - target[i]!) ** 2, 0) / together.length
    expect(Math.abs(loss - losses.at(-1)!)).toBeLessThan(0.02 * losses[0]!)
  })

  it('train adapters over weights of four bits whose scales are float16', async () => {
    const real = createModelBuilder(17)
    const wide = real.input('x', float, ['batch', inputs])
    const weight = real.initializer('weight', [inputs, outputs], float, values([inputs, outputs], 1))
    real.output(real.emit('MatMul', [wide, weight], {}, 'y'), float, ['batch', outputs])
    const base = quantized(real.build('q4f16'), 'MatMulNBits')
    const { graph } = base
    for (const { type } of [...graph.input, ...graph.output]) {
      if (type?.value.case === 'tensorType') type.value.value.elemType = float16
    }
    graph.initializer = graph.initializer.map((tensor) => {
      if (tensor.dataType !== float) return tensor
      const { name, dims, data } = readTensor(tensor)
      return createTensor(name, dims, float16, Uint16Array.from(data as Float32Array, toHalf))
    })
    const { model: adapted, trainable } = addLora(base, { rank: 2, targets: 'weight_quant', seed: 1 })
    expect(await outputOf(adapted)).toEqual(await outputOf(base))
    const { losses, parameters } = await train(adapted, trainable)
    expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]!)
    const apart = await outputOf(
      withParameters(adapted, new Map([...parameters].filter(([name]) => trainable.includes(name)))),
    )
    const loss = apart.reduce((sum, value, i) => sum + (value - target[i]!) ** 2, 0) / apart.length
    expect(Math.abs(loss - losses.at(-1)!)).toBeLessThan(0.02 * losses[0]!)
    expect(() => mergeLora(adapted, [], { dequantize: true })).toThrow(
      /ERR_NOT_SUPPORTED.*quantised from float16/,
    )
  })

  it.each([
    ['float16', float16],
    ['bfloat16', bfloat16],
  ])('train themselves in float32: %s', async (_, type) => {
    const model = network(type)
    const { losses, summary, parameters } = await train(model)
    expect(summary.parameters.filter(({ trainable }) => trainable)).toHaveLength(3)
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]!)
    expect(parameters.get('first')!.data).toBeInstanceOf(Float32Array)
    expect(readTensor(model.graph.initializer[0]!).data).toBeInstanceOf(Uint16Array)
  })
})

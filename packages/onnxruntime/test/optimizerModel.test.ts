import {
  adagrad,
  adam,
  algebra,
  cosine,
  createOptimizer,
  definePreconditioner,
  heavyBall,
  identity,
  inducedMetric,
  lion,
  log,
  logDamped,
  muon,
  rateFree,
  rmsprop,
  root,
  sgd,
  type Optimizer,
  type Transformation,
  type TypedArray,
} from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import {
  optimizerModel,
  TrainingSession,
  type OptimizerModel,
  type OptimizerModelParameter,
} from '../src/index.js'
import { opsetOf, readModel } from '@induced-metric/onnx/proto'
import { denseArtifacts, numbers, optimizerArtifact } from '../../onnx/test/builder.js'
import { relativeError } from '../../onnx/test/run.js'

const shapes: OptimizerModelParameter[] = [
  { name: 'wide', shape: [3, 5] },
  { name: 'tall', shape: [6, 4], group: 'second' },
  { name: 'vector', shape: [7] },
  { name: 'scalar', shape: [] },
]

const sizeOf = ({ shape }: OptimizerModelParameter) => shape.reduce((a, b) => a * b, 1)

/** The optimizer as a model, with its state carried from run to run. */
async function modelOptimizer(
  written: OptimizerModel,
  parameters: readonly { name: string; shape: readonly number[]; data: TypedArray }[],
) {
  const session = await ort.InferenceSession.create(written.model)
  const tensor = (type: string, dims: readonly number[], value: number) => {
    const size = dims.reduce((a, b) => a * b, 1)
    if (type === 'int64') return new ort.Tensor('int64', new BigInt64Array(size).fill(BigInt(value)), dims)
    if (type === 'float64') return new ort.Tensor('float64', new Float64Array(size).fill(value), dims)
    return new ort.Tensor('float32', new Float32Array(size).fill(value), dims)
  }
  const real = (data: TypedArray, dims: readonly number[]) =>
    data instanceof Float64Array
      ? new ort.Tensor('float64', data, dims)
      : new ort.Tensor('float32', data, dims)
  let state: Record<string, ort.Tensor> = Object.fromEntries([
    ...written.state.map(
      ({ input, type, dims, initial }) => [input, tensor(type, dims, Number(initial))] as const,
    ),
    ...parameters.map(({ name, shape, data }) => [name, real(data.slice(), shape)] as const),
  ])
  const carried = [
    ...written.state,
    ...written.parameters.map(({ name, output }) => ({ input: name, output })),
  ]
  return {
    async step(gradients: readonly TypedArray[], scalars: Readonly<Record<string, number>>) {
      const feeds = { ...state }
      written.parameters.forEach(({ gradient }, i) => {
        feeds[gradient] = real(gradients[i]!, parameters[i]!.shape)
      })
      for (const [name, value] of Object.entries(scalars)) feeds[name] = tensor('float64', [], value)
      const results = await session.run(feeds)
      state = Object.fromEntries(carried.map(({ input, output }) => [input, results[output]!]))
      return Object.fromEntries(
        ['status', 'dual_norm', 'metric', 'scale'].map((name) => [
          name,
          (results[name]!.data as Float64Array)[0]!,
        ]),
      )
    },
    read: (name: string) => Array.from(state[name]!.data as ArrayLike<number | bigint>, Number),
    release: () => session.release(),
  }
}

const gradientsAt = (step: number, dtype: 'float32' | 'float64') =>
  shapes.map((parameter, i) => {
    const values = numbers(sizeOf(parameter), step * 10 + i, 0.5)
    return dtype === 'float64' ? Float64Array.from(values) : values
  })

const lossAt = (step: number) => 1.5 / step

function parametersOf(dtype: 'float32' | 'float64') {
  return shapes.map((parameter, i) => {
    const values = numbers(sizeOf(parameter), i + 100, 1)
    return { ...parameter, data: dtype === 'float64' ? Float64Array.from(values) : values }
  })
}

function expectSame(
  model: { read: (name: string) => number[] },
  optimizer: Optimizer,
  tolerance: number,
): void {
  optimizer.parameters.forEach(({ name, data }, i) => {
    expect(relativeError(model.read(name), data)).toBeLessThan(tolerance)
    for (const [slot, values] of Object.entries(optimizer.slots[i]!)) {
      expect(relativeError(model.read(`${name}.${slot}`), values)).toBeLessThan(tolerance)
    }
  })
}

const absolute = definePreconditioner({
  name: 'absolute',
  hyperparameters: { decay: { kind: 'number', default: 0.9 } },
  update({ gradient, slot, decay }) {
    const size = algebra.ema(slot('size', 0.1), algebra.abs(gradient), decay)
    return { direction: algebra.div(gradient, algebra.add(size, 1e-3)), slots: { size } }
  },
})
const bases = {
  sgd: sgd(),
  'sgd with momentum': sgd({ momentum: 0.9 }),
  heavyBall: heavyBall({ nesterov: true, dampening: 0 }),
  rmsprop: rmsprop({ centered: true, momentum: 0.5, epsilon: 1e-3 }),
  adagrad: adagrad({ initialAccumulator: 0.1 }),
  adam: adam(),
  nadam: adam({ nesterov: true }),
  lion: lion(),
  muon: muon(),
  'one of a user': absolute(),
}
const embeddings = { identity: identity(), log: log({ floor: 0.05 }), logDamped: logDamped() }

async function compare(
  transformation: Transformation,
  dtype: 'float32' | 'float64',
  tolerance: number,
  scalars: (step: number) => Readonly<Record<string, number>> = () => ({}),
  steps = 6,
): Promise<void> {
  const parameters = parametersOf(dtype)
  const written = optimizerModel(
    transformation,
    shapes.map((shape) => ({ ...shape, dtype })),
  )
  const model = await modelOptimizer(written, parameters)
  const optimizer = createOptimizer(transformation, parameters)
  for (let step = 1; step <= steps; step++) {
    const gradients = gradientsAt(step, dtype)
    const loss = written.needsLoss ? { loss: lossAt(step) } : {}
    const report = optimizer.step(gradients, loss)
    const results = await model.step(gradients, { ...loss, ...scalars(step) })
    expect(results['status']).toBe(0)
    if (Number.isNaN(report.dualNorm)) continue
    expect(results['dual_norm']! / report.dualNorm).toBeCloseTo(1, 6)
    expect(results['scale']! / report.scale).toBeCloseTo(1, 6)
    expect(results['metric']! / report.metric).toBeCloseTo(1, 6)
  }
  expectSame(model, optimizer, tolerance)
  expect(model.read('step')).toEqual([steps])
  await model.release()
}

describe('optimizerModel agrees with the engine, run by the runtime', () => {
  for (const [baseName, base] of Object.entries(bases)) {
    for (const [name, embedding] of Object.entries(embeddings)) {
      const transformation = inducedMetric(base, {
        learningRate: 0.02,
        embedding,
        weightDecay: 0.1,
        beta: 0.7,
      })
      it(`${baseName} under ${name}, float`, () => compare(transformation, 'float32', 1e-6))
      // The runtime folds factors of matrix products into an attribute, which is a float.
      const tolerance = baseName === 'muon' ? 1e-7 : 1e-12
      it(`${baseName} under ${name}, double`, () => compare(transformation, 'float64', tolerance))
    }
    it(`${baseName} itself`, () =>
      compare(inducedMetric(base, { learningRate: 0.02, xi: 0 }), 'float32', 1e-6))
  }

  it.each(['global', 'group', 'parameter'] as const)('groups, clipping and scope %s', (metricScope) =>
    compare(
      inducedMetric(adam(), {
        learningRate: 0.02,
        metricScope,
        clipNorm: 0.3,
        decayMask: 'matrices',
        weightDecay: 0.01,
        groups: { second: { base: sgd({ momentum: 0.5 }), learningRate: 0.1, xi: 0.2, clipNorm: 0.1 } },
      }),
      'float32',
      1e-6,
    ),
  )

  const averaging = Object.entries(bases).filter(([name]) => !['rmsprop', 'one of a user'].includes(name))
  for (const [name, base] of averaging) {
    const tolerance = name === 'muon' ? 1e-6 : 1e-11
    it(`${name} without a rate, double`, async () => {
      await compare(rateFree(base, { steps: 10, learningRate: 0.3, weightDecay: 0.1 }), 'float64', tolerance)
      await compare(rateFree(base, { learningRate: 0.3 }), 'float64', tolerance)
    })
    it(`${name} under root with a floor that follows, double`, () =>
      compare(
        inducedMetric(base, { learningRate: 0.3, xi: 'rate', embedding: root({ floor: 'follow' }) }),
        'float64',
        tolerance,
      ))
  }

  it.each(['global', 'group', 'parameter'] as const)('averaged models of groups, scope %s', (metricScope) =>
    compare(
      inducedMetric(muon(), {
        learningRate: 0.5,
        xi: 'rate',
        embedding: log(),
        averagedModel: true,
        metricScope,
        clipNorm: 0.3,
        weightDecay: 0.1,
        groups: { second: { base: sgd({ momentum: 0.5 }), learningRate: 1, startAxis: { weight: 2 } } },
      }),
      'float64',
      1e-6,
    ),
  )

  it('ties ξ to a learning rate that is an input', async () => {
    const transformation = rateFree(sgd({ momentum: 0.5 }), { learningRate: 2 })
    const parameters = [{ name: 'w', shape: [2] }]
    const written = optimizerModel(transformation, parameters, { inputs: ['learning_rate', 'momentum'] })
    expect([...written.hyperparameters].sort()).toEqual(['learning_rate', 'momentum'])
    const data = Float32Array.of(1, -1)
    const model = await modelOptimizer(written, [{ name: 'w', shape: [2], data }])
    const optimizer = createOptimizer(rateFree(sgd({ momentum: 0.25 }), { learningRate: 1.5 }), [
      { name: 'w', shape: [2], data },
    ])
    for (let step = 1; step <= 4; step++) {
      const gradient = Float32Array.of(0.5 / step, 0.25)
      optimizer.step([gradient], { loss: 2 / step })
      await model.step([gradient], { learning_rate: 1.5, momentum: 0.25, loss: 2 / step })
    }
    expectSame(model, optimizer, 1e-6)
    await model.release()
  })

  it('lets a cap rise from a learning rate that is an input', async () => {
    const transform = (learningRate: number) =>
      inducedMetric(sgd(), { learningRate, xi: 'rate', embedding: root(), risingCap: { growth: 2 } })
    const parameters = [{ name: 'w', shape: [2] }]
    const written = optimizerModel(transform(2), parameters, { inputs: ['learning_rate'] })
    const data = Float32Array.of(1, -1)
    const model = await modelOptimizer(written, [{ name: 'w', shape: [2], data }])
    const optimizer = createOptimizer(transform(0.125), [{ name: 'w', shape: [2], data }])
    for (let step = 1; step <= 6; step++) {
      const gradient = Float32Array.of(0.5 / step, 0.25)
      optimizer.step([gradient], { loss: 2 / step })
      await model.step([gradient], { learning_rate: 0.125, loss: 2 / step })
    }
    // It has risen from .125 to 1, and may have stepped by more than the rate that was given.
    expect(optimizer.report.scale).toBeGreaterThan(1)
    expectSame(model, optimizer, 1e-6)
    await model.release()
  })

  it('takes what is scheduled as inputs', async () => {
    const [learningRate, xi] = [cosine({ from: 0.1, steps: 10 }), (step: number) => 0.01 * step]
    const transformation = inducedMetric(adam({ beta1: (step) => 0.9 - 0.1 / step }), { learningRate, xi })
    const written = optimizerModel(transformation, shapes)
    expect([...written.hyperparameters].sort()).toEqual(['beta1', 'learning_rate', 'xi'])
    await compare(transformation, 'float32', 1e-6, (step) => ({
      learning_rate: learningRate(step),
      xi: xi(step),
      beta1: 0.9 - 0.1 / step,
    }))
  })

  it('refuses to accumulate, and says what to feed instead', () => {
    const transformation = inducedMetric(adam(), { learningRate: 0.1, accumulate: 2 })
    expect(() => optimizerModel(transformation, [{ name: 'w', shape: [2] }])).toThrow(
      /ERR_NOT_SUPPORTED.*feed the mean/,
    )
  })

  it('makes inputs of what is asked for', async () => {
    const transformation = inducedMetric(sgd(), { learningRate: 0.5, xi: 0 })
    const parameters = [{ name: 'w', shape: [2] }]
    const written = optimizerModel(transformation, parameters, { inputs: ['learning_rate'] })
    const model = await modelOptimizer(written, [{ name: 'w', shape: [2], data: Float32Array.of(1, 1) }])
    await model.step([Float32Array.of(1, 2)], { learning_rate: 0.25 })
    expect(model.read('w')).toEqual([0.75, 0.5])
    await model.release()
    expect(() => optimizerModel(transformation, parameters, { inputs: ['beta1'] })).toThrow(
      /ERR_OPTION.*"beta1"/,
    )
  })

  it.each([
    ['a gradient that is not finite', NaN, 1, 1],
    ['an infinite gradient', Infinity, 1, 1],
    ['a loss that is not finite', 1, NaN, 1],
    ['a loss below the floor', 1, -1, 2],
  ])('gives everything back as it was at %s', async (_, gradient, loss, status) => {
    const transformation = inducedMetric(adam(), { learningRate: 0.1, embedding: log() })
    const written = optimizerModel(transformation, [{ name: 'w', shape: [2] }])
    const model = await modelOptimizer(written, [{ name: 'w', shape: [2], data: Float32Array.of(1, -1) }])
    await model.step([Float32Array.of(0.1, 0.2)], { loss: 2 })
    const names = ['w', 'w.m', 'w.v', 'metric.average', 'step']
    const before = names.map(model.read)
    expect(await model.step([Float32Array.of(gradient, 0.2)], { loss })).toMatchObject({ status })
    expect(names.map(model.read)).toEqual(before)
    expect(await model.step([Float32Array.of(0.1, 0.2)], { loss: 2 })).toMatchObject({ status: 0 })
    expect(model.read('w')).not.toEqual(before[0])
    await model.release()
  })

  it("is made of ONNX's own operators", () => {
    const { model } = optimizerModel(inducedMetric(muon(), { learningRate: 0.1, clipNorm: 1 }), shapes)
    const { graph, opsetImport } = readModel(model)
    expect(opsetImport.map(({ domain }) => domain)).toEqual([''])
    expect(opsetOf(readModel(model))).toBe(17)
    expect(new Set(graph.node.map(({ domain }) => domain))).toEqual(new Set(['']))
  })

  it('is what a session trains with, when given for its optimizer model', async () => {
    const transformation = inducedMetric(adam(), { learningRate: 0.01, embedding: log(), weightDecay: 0.1 })
    const artifacts = denseArtifacts([6, 5, 3])
    const parameters = artifacts.checkpointState.trainable.map(({ name, dims }) => ({ name, shape: dims }))
    const feeds = {
      x: new ort.Tensor('float32', numbers(24, 1, 1), [4, 6]),
      labels: new ort.Tensor('int64', BigInt64Array.of(0n, 1n, 2n, 0n), [4]),
    }
    const sessions = [
      await TrainingSession.create({ ...artifacts, optimizer: transformation }),
      await TrainingSession.create({
        ...artifacts,
        optimizerModel: optimizerModel(transformation, parameters).model,
      }),
    ]
    const values = await Promise.all(
      sessions.map(async (session) => {
        await session.runTrainStep(feeds)
        await session.runOptimizerStep()
        const { data } = await session.getContiguousParameters()
        await session.release()
        return data
      }),
    )
    expect(values[1]).toEqual(values[0])
  })

  it('refuses an optimizer model that says nothing', async () => {
    const given = optimizerArtifact('Lamb', {})
    await expect(
      TrainingSession.create({ ...denseArtifacts([6, 5, 3]), optimizerModel: given }),
    ).rejects.toMatchObject({ code: 'ERR_NOT_SUPPORTED' })
  })
})

import type { ConformanceTarget, TargetParameter } from '@induced-metric/conformance'
import { inducedMetric, type Transformation } from '@induced-metric/core'
import { createTensorOptimizer } from '@induced-metric/core/adapter'
import { inducedOptimizer as tfjsOptimizer } from '@induced-metric/tfjs'
import { optimizerModel, type OptimizerModel } from '@induced-metric/onnxruntime'
import { applyUpdates, inducedOptimizer, type InducedState } from '@induced-metric/jax-js'
import { defaultDevice, jit, numpy as np, tree } from '@jax-js/jax'
import * as tf from '@tensorflow/tfjs'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { tensorTarget } from '../packages/conformance/test/targets/tensors.js'
import { living, tensors, type Tensor } from '../packages/conformance/test/targets/arrays.js'
import { tfjsTarget } from '../packages/tfjs/test/conformance/target.js'
import { findAdapters } from '../scripts/adapters.js'
import { bases, hostBases } from '../packages/conformance/test/targets/algebraBases.js'
import {
  differentiate,
  distance,
  parametersOf,
  referenceRun,
  sessionRun,
} from '../packages/conformance/test/targets/algebraRuns.js'

// Everything in the algebra that a base may use, in every adapter and in every way that it takes steps, against the reference
// engine.

const adapters = (await findAdapters()).slice(1)
const steps = 6
const transformationOf = (base: (typeof bases)[string]): Transformation =>
  inducedMetric(base, { learningRate: 0.05, xi: 0.1, weightDecay: 0.01, clipNorm: 3 })

/** Other ways of taking steps than those that the adapters choose by themselves. */
const ways: {
  readonly name: string
  readonly start: () => ConformanceTarget | Promise<ConformanceTarget>
}[] = [
  ...['cpu', 'wasm'].flatMap((backend) =>
    (['host', 'device'] as const).map((stepGuard) => ({
      name: `tfjs ${backend}, operations, the ${stepGuard} decides`,
      async start() {
        await adapters.find(({ name }) => name === `tfjs ${backend}`)!.start()
        return tfjsTarget(tf, { backend, engine: 'ops', stepGuard })
      },
    })),
  ),
  { name: 'tensors of a framework', start: () => tensorTarget },
]

// First: once onnxruntime-web has started in a process, jax-js cannot compile functions for its wasm device any more.
describe.each(Object.entries(bases).filter(([name]) => !hostBases.has(name)))('%s', (_, base) => {
  it('inside of jit', () => {
    const transformation = transformationOf(base)
    defaultDevice('wasm')
    const given = parametersOf(Float32Array).map((parameter) => ({
      ...parameter,
      rowsAre: 'inputs' as const,
    }))
    const { values, evaluation } = referenceRun(transformation, given, steps)
    const solver = inducedOptimizer(transformation, { nameOf: ([index]) => given[Number(index)]!.name })
    let params = given.map(({ data, shape }) => np.array(data as Float32Array).reshape([...shape]))
    let state = solver.init(tree.ref(params))
    const update = jit((grads: np.Array[], before: InducedState, own: np.Array[], loss: np.Array) =>
      solver.update(grads, before, own, { loss }),
    )
    for (let step = 0; step < steps; step++) {
      const { loss, gradients } = differentiate(arraysOf(params), step)
      const grads = gradients.map((list, i) =>
        np.array(Float32Array.from(list)).reshape([...given[i]!.shape]),
      )
      const [updates, next] = update(grads, state, tree.ref(params), np.array(loss))
      state = next
      params = applyUpdates(params, updates)
    }
    expect(distance(arraysOf(params), values)).toBeLessThan(5e-5)
    expect(distance(arraysOf(solver.evaluationParams(state, params)), evaluation)).toBeLessThan(5e-5)
  })
})

describe.each(Object.entries(bases))('%s', (baseName, base) => {
  const transformation = transformationOf(base)

  it.each([...adapters, ...ways])('$name', async ({ name, start }) => {
    const target = await start()
    const Type = target.manifest.dtypes.includes('float64') ? Float64Array : Float32Array
    const tolerance = Type === Float64Array ? 1e-9 : 5e-5
    // Kernels of these frameworks are in × out.
    const rowsAre = /^(tfjs|jax-js)/.test(name) ? 'inputs' : 'outputs'
    const expected = referenceRun(
      transformation,
      parametersOf(Type).map((parameter) => ({ ...parameter, rowsAre })),
      steps,
    )

    const first = await target.create(transformation, parametersOf(Type))
    await sessionRun(first, 0, 3)
    const saved = await first.save!()
    const values = (await first.read()).map((data) => data.slice())
    await first.dispose?.()
    const parameters = parametersOf(Type).map((parameter, i) => ({ ...parameter, data: values[i]! }))
    const second = await target.create(transformation, parameters)
    await second.load!(saved)
    await sessionRun(second, 3, steps)

    expect(distance(await second.read(), expected.values)).toBeLessThan(tolerance)
    const slots = await second.slots!()
    for (const [owner, own] of Object.entries(expected.slots)) {
      const given = slots[owner]!
      expect(Object.keys(given).sort()).toEqual(Object.keys(own).sort())
      const lists = Object.keys(own).map((slot) => given[slot]!)
      expect(distance(lists, Object.values(own))).toBeLessThan(4 * tolerance)
    }
    await second.dispose?.()
    expect(living.size).toBe(0)
  })

  const expected = referenceRun(transformation, parametersOf(Float32Array), steps)

  it.runIf(hostBases.has(baseName))('is refused by an optimizer model, and inside of jit', () => {
    const message = new RegExp(`^ERR_NOT_SUPPORTED: the base ${baseName} needs .*, which the host`)
    expect(() => optimizerModel(transformation, parametersOf(Float32Array))).toThrow(message)
    defaultDevice('wasm')
    const solver = inducedOptimizer(transformation)
    const params = { w: np.ones([2, 3]) }
    const state = solver.init(tree.ref(params))
    const update = (grads: typeof params, given: InducedState) =>
      solver.update(grads, given, tree.ref(params), { loss: 1 })
    expect(() => jit(update)(tree.ref(params), state)).toThrow(message)
  })

  it.skipIf(hostBases.has(baseName))('as an optimizer model', async () => {
    const parameters = parametersOf(Float32Array)
    const written = optimizerModel(transformation, parameters)
    const run = await modelRun(written, parameters)
    for (let step = 0; step < steps; step++) await run.step(step)
    expect(distance(run.values(), expected.values)).toBeLessThan(5e-5)
  })
})

describe('weights to evaluate with', () => {
  const transformation = transformationOf(bases['averaging']!)
  const given = parametersOf(Float32Array)
  const expected = referenceRun(transformation, given, steps)

  it.each(['ops', 'wasm'] as const)(
    'are those of the base in TensorFlow.js, by engine %s',
    async (engine) => {
      await adapters.find(({ name }) => name === 'tfjs wasm')!.start()
      const variables = given.map(({ name, data, shape }) => {
        return tf.variable(tf.tensor(data as Float32Array, [...shape]), true, `${name}-${engine}`)
      })
      const optimizer = tfjsOptimizer(tf, transformation, { engine })
      const read = () => variables.map((variable) => variable.dataSync().slice() as Float32Array)
      for (let step = 0; step < steps; step++) {
        const { loss, gradients } = differentiate(read(), step)
        const named = variables.map(({ name, shape }, i) => ({
          name,
          tensor: tf.tensor(gradients[i]!, shape),
        }))
        optimizer.applyGradients(named, loss)
        tf.dispose(named.map(({ tensor }) => tensor))
      }
      const [own, held] = [read(), tf.memory().numTensors]
      expect(distance(own, expected.values)).toBeLessThan(5e-5)
      expect(distance(optimizer.withEvaluationWeights(read), expected.evaluation)).toBeLessThan(5e-5)
      expect(distance(own, expected.evaluation)).toBeGreaterThan(0.01)
      expect(read()).toEqual(own)
      expect(tf.memory().numTensors).toBe(held)
      optimizer.dispose()
      tf.dispose(variables)
    },
  )

  it('are new tensors of a framework, which it may free', () => {
    const values = given.map(({ data, shape }) => tensors.from(data, shape))
    const parameters = given.map(({ name, shape }, i) => ({
      name,
      shape,
      get: () => values[i]!,
      set(value: Tensor) {
        tensors.dispose!(values[i]!)
        values[i] = value
      },
    }))
    const optimizer = createTensorOptimizer(transformation, parameters, tensors)
    const read = () => values.map((value) => tensors.read(value).slice())
    for (let step = 0; step < steps; step++) {
      const { loss, gradients } = differentiate(read(), step)
      const made = gradients.map((list, i) => tensors.from(Float32Array.from(list), given[i]!.shape))
      optimizer.step(made, { loss })
      for (const gradient of made) tensors.dispose!(gradient)
    }
    const [own, held] = [read(), living.size]
    expect(distance(optimizer.withEvaluationWeights(read), expected.evaluation)).toBeLessThan(5e-5)
    expect(read()).toEqual(own)
    expect(living.size).toBe(held)
    optimizer.dispose()
    for (const value of values) tensors.dispose!(value)
    expect(living.size).toBe(0)
  })
})

function arraysOf(params: readonly np.Array[]): Float32Array[] {
  return params.map(({ ref }) => ref.dataSync() as Float32Array)
}

/** An optimizer model, with its state carried from run to run. */
async function modelRun(written: OptimizerModel, parameters: readonly TargetParameter[]) {
  const session = await ort.InferenceSession.create(written.model, { logSeverityLevel: 3 })
  const real = (data: Float32Array | Float64Array, dims: readonly number[]): ort.Tensor =>
    data instanceof Float64Array
      ? new ort.Tensor('float64', data, dims)
      : new ort.Tensor('float32', data, dims)
  let values = parameters.map(({ data, shape }) => real(data.slice(), shape))
  let state = Object.fromEntries(
    written.state.map(({ input, type, dims, initial }) => {
      const size = dims.reduce((a, b) => a * b, 1)
      if (type === 'int64') return [input, new ort.Tensor('int64', new BigInt64Array(size), dims)]
      const array = type === 'float64' ? new Float64Array(size) : new Float32Array(size)
      if (initial === 'identity') for (let i = 0; i < dims[0]!; i++) array[i * dims[0]! + i] = 1
      else array.fill(initial)
      return [input, real(array, dims)]
    }),
  )
  return {
    values: () => values.map(({ data }) => data as Float32Array),
    async step(step: number): Promise<void> {
      const { loss, gradients } = differentiate(
        values.map(({ data }) => data as Float32Array),
        step,
      )
      const feeds: Record<string, ort.Tensor> = { ...state }
      parameters.forEach(({ name, shape }, i) => {
        feeds[name] = values[i]!
        feeds[`${name}_grad`] = real(Float32Array.from(gradients[i]!), shape)
      })
      if (written.needsLoss) feeds['loss'] = real(Float64Array.of(loss), [])
      const results = await session.run(feeds)
      expect(Number(results['status']!.data[0])).toBe(0)
      values = written.parameters.map(({ output }) => results[output]!)
      state = Object.fromEntries(written.state.map(({ input, output }) => [input, results[output]!]))
    },
  }
}

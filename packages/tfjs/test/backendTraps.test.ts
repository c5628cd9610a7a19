import * as tf from '@tensorflow/tfjs'
import { adam, inducedMetric, lion, log, sgd } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { describeModes, useBackend } from './backends.js'
import { distance, line, network, normal, values } from './support.js'

// TensorFlow.js has traps that give no error. Each is tested twice: with an optimiser that falls into it, which shows that
// the test would notice, and with ours.

afterEach(() => vi.restoreAllMocks())

/** An optimiser from a function, to show what not to do. */
function optimizerOf(step: (variable: tf.Variable, gradient: tf.Tensor) => void): tf.Optimizer {
  class Naive extends tf.Optimizer {
    override applyGradients(gradients: tf.NamedTensorMap | { name: string; tensor: tf.Tensor }[]): void {
      const entries = Array.isArray(gradients)
        ? gradients
        : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }))
      for (const { name, tensor } of entries) step(tf.engine().registeredVariables[name]!, tensor)
    }
    override getConfig(): Record<string, never> {
      return {}
    }
  }
  return new Naive()
}

/** The values of a wasm tensor in the backend's memory. */
function wasmValues(tensor: tf.Tensor): Float32Array {
  const { wasm, dataIdMap } = tf.backend() as unknown as {
    wasm: { asm: { memory: WebAssembly.Memory } }
    dataIdMap: { get(dataId: object): { memoryOffset: number } }
  }
  return new Float32Array(wasm.asm.memory.buffer, dataIdMap.get(tensor.dataId).memoryOffset, tensor.size)
}

describeModes(({ backend, options }) => {
  const ours = (learningRate: number): tf.Optimizer =>
    inducedOptimizer(tf, inducedMetric(sgd(), { learningRate, xi: 0 }), options)
  const inPlace = (learningRate: number): tf.Optimizer =>
    optimizerOf((variable, gradient) => {
      const live = backend === 'wasm' ? wasmValues(variable) : (variable.dataSync() as Float32Array)
      const g = gradient.dataSync()
      for (let i = 0; i < live.length; i++) live[i]! -= learningRate * g[i]!
    })

  describe('a parameter’s buffer written in place', () => {
    if (backend === 'wasm') {
      const finalLoss = async (make: typeof ours): Promise<number> => {
        const { x, y } = line(64)
        const model = network([8, 1], { inputs: 3 })
        const optimizer = make(0.1)
        model.compile({ optimizer, loss: 'meanSquaredError' })
        const { history } = await model.fit(x, y, { epochs: 40, batchSize: 64, shuffle: false, verbose: 0 })
        model.dispose()
        optimizer.dispose()
        tf.dispose([x, y])
        return (history['loss'] as number[]).at(-1)!
      }

      it('stalls training, as kernels have packed the weights they saw first', async () => {
        expect(await finalLoss(inPlace)).toBeGreaterThan(0.5)
      })

      it('is not what we do: training goes on', async () => {
        expect(await finalLoss(ours)).toBeLessThan(0.1)
      })
    }

    const heldSince = async (make: typeof ours): Promise<{ before: Float32Array; held: Float32Array }> => {
      const variable = tf.tidy(() => tf.variable(normal([4, 4], 1)))
      // On cpu the live array; on wasm the place in memory, which another tensor on it keeps from being reused.
      const clone = variable.reshape([16])
      const held = backend === 'wasm' ? wasmValues(variable) : (variable.dataSync() as Float32Array)
      const before = held.slice()
      const optimizer = make(0.5)
      for (let step = 0; step < 3; step++)
        optimizer.minimize(() => variable.square().sum(), false, [variable])
      const after = { before, held: backend === 'wasm' ? wasmValues(clone).slice() : held.slice() }
      expect(distance(await values([variable]), [before])).toBeGreaterThan(0.1)
      optimizer.dispose()
      tf.dispose([variable, clone])
      return after
    }

    it('changes what others hold of it', async () => {
      const { before, held } = await heldSince(inPlace)
      expect(held).not.toEqual(before)
    })

    it('is not what we do: whoever holds the old values keeps them', async () => {
      const { before, held } = await heldSince(ours)
      expect(held).toEqual(before)
    })
  })

  describe('a sum in one float32', () => {
    const size = 4_000_000
    const errors = async (): Promise<{ naive: number; ours: number }> => {
      const gradient = tf.tidy(() => tf.randomUniform([size], 0.5, 1.5, 'float32', 7))
      const exact = (await gradient.data<'float32'>()).reduce((sum, value) => sum + value * value, 0)
      const naive = tf.tidy(() => gradient.square().sum())
      const variable = tf.tidy(() => tf.variable(tf.zeros([size])))
      const optimizer = inducedOptimizer(
        tf,
        inducedMetric(sgd(), { learningRate: 0.1, xi: 1, beta: 0 }),
        options,
      )
      optimizer.applyGradients({ [variable.name]: gradient })
      const { dualNorm } = await optimizer.report()
      const off = (got: number): number => Math.abs(got / exact - 1)
      const result = { naive: off((await naive.data())[0]!), ours: off(dualNorm) }
      optimizer.dispose()
      tf.dispose([gradient, naive, variable])
      return result
    }

    it(`is ${backend === 'wasm' ? 'far off for tf.sum, and not' : 'no matter'} for our dual norm`, async () => {
      const { naive, ours } = await errors()
      if (backend === 'wasm') expect(naive).toBeGreaterThan(1e-4)
      expect(ours).toBeLessThan(3e-6)
    })
  })

  describe('the backend’s epsilon', () => {
    // 1e-4 on webgl.
    const trajectory = async (make: () => tf.Optimizer, epsilon?: number): Promise<Float32Array[]> => {
      if (epsilon !== undefined) vi.spyOn(tf.backend(), 'epsilon').mockReturnValue(epsilon)
      const variable = tf.tidy(() => tf.variable(tf.tensor1d([1, -2, 3])))
      const optimizer = make()
      for (let step = 0; step < 3; step++)
        optimizer.minimize(() => variable.mul(1e-5).sum(), false, [variable])
      const result = await values([variable])
      optimizer.dispose()
      variable.dispose()
      vi.restoreAllMocks()
      return result
    }

    it('is what tf.train.adam takes', async () => {
      const make = (): tf.Optimizer => tf.train.adam(0.1)
      expect(distance(await trajectory(make, 1e-4), await trajectory(make))).toBeGreaterThan(0.01)
    })

    it('is not what we take', async () => {
      const make = (): tf.Optimizer =>
        inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.1 }), options)
      expect(await trajectory(make, 1e-4)).toEqual(await trajectory(make))
    })
  })

  describe('accumulators as variables', () => {
    const registered = (make: () => tf.Optimizer): string[] => {
      const before = new Set(Object.keys(tf.engine().registeredVariables))
      const variable = tf.tidy(() => tf.variable(tf.ones([2]), true, `traps ${named++}`))
      const optimizer = make()
      optimizer.minimize(() => variable.sum(), false, [variable])
      const found = Object.keys(tf.engine().registeredVariables).filter(
        (name) => !before.has(name) && name !== variable.name,
      )
      optimizer.dispose()
      variable.dispose()
      return found
    }

    it('are what tf.train.adam registers', () => {
      expect(registered(() => tf.train.adam(0.1))).not.toEqual([])
    })

    it('are not what we keep: nobody can train them', () => {
      expect(
        registered(() =>
          inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.1, embedding: log() }), options),
        ),
      ).toEqual([])
    })

    it('do not enter minimize() without a list', () => {
      const variable = tf.tidy(() => tf.variable(tf.ones([2])))
      const others = new Set(Object.keys(tf.engine().registeredVariables))
      const optimizer = inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.1 }), options)
      const gradients = vi.spyOn(optimizer, 'applyGradients')
      for (let step = 0; step < 2; step++) optimizer.minimize(() => variable.sum())
      for (const [given] of gradients.mock.calls)
        expect(Object.keys(given).filter((name) => !others.has(name))).toEqual([])
      optimizer.dispose()
      variable.dispose()
    })
  })

  describe('reads within a step', () => {
    const reads = async (make: () => tf.Optimizer): Promise<{ tensor: number; backend: number }> => {
      const { x, y } = line(16)
      const model = network([4, 1], { inputs: 3 })
      const optimizer = make()
      let stepping = false
      const count = { tensor: 0, backend: 0 }
      const proto = tf.Tensor.prototype as unknown as Record<string, () => unknown>
      const counted = (
        object: Record<string, () => unknown>,
        name: string,
        kind: 'tensor' | 'backend',
      ): void => {
        const original = object[name]!
        vi.spyOn(object, name).mockImplementation(function (this: unknown, ...given: []) {
          // Kernels on cpu read their inputs this way, from the same memory.
          if (stepping && !new Error().stack!.includes('kernelFunc')) count[kind]++
          return original.apply(this, given)
        })
      }
      for (const name of ['data', 'dataSync', 'array', 'arraySync', 'bytes', 'buffer', 'bufferSync'])
        counted(proto, name, 'tensor')
      for (const name of ['read', 'readSync'])
        counted(tf.backend() as unknown as Record<string, () => unknown>, name, 'backend')
      const minimize = optimizer.minimize.bind(optimizer)
      // fit reads the loss itself, between steps.
      optimizer.minimize = (...given) => {
        stepping = true
        try {
          return minimize(...given)
        } finally {
          stepping = false
        }
      }
      model.compile({ optimizer, loss: 'meanSquaredError' })
      await model.fit(x, y, { epochs: 3, batchSize: 8, verbose: 0 })
      vi.restoreAllMocks()
      optimizer.dispose()
      model.dispose()
      tf.dispose([x, y])
      return count
    }

    it('are noticed', async () => {
      const { tensor, backend } = await reads(() =>
        optimizerOf((variable, gradient) => {
          if (gradient.dataSync().length > 0) tf.tidy(() => variable.assign(variable.sub(gradient.mul(0.1))))
        }),
      )
      expect(tensor).toBe(24)
      expect(backend).toBeGreaterThanOrEqual(24)
    })

    it(`do not happen${options.stepGuard === 'device' ? '' : ', but for a look into the memory that the backend shares'}`, async () => {
      const transformation = inducedMetric(adam(), {
        learningRate: 0.05,
        embedding: log(),
        clipNorm: 1,
        weightDecay: 0.1,
      })
      const { tensor, backend } = await reads(() => inducedOptimizer(tf, transformation, options))
      expect(tensor).toBe(0)
      if (options.stepGuard === 'device') expect(backend).toBe(0)
    })
  })
})

let named = 0

describe('tf.sign on wasm', () => {
  it('takes numbers below 1e-7 for 0', async () => {
    await useBackend('wasm')
    const [signs] = await values([tf.sign([1e-3, 1e-8, 1e-30, -1e-8, 0])])
    expect([...signs!]).toEqual([1, 0, 0, 0, 0])
  })

  it.each(['ops', 'wasm'] as const)('is not what lion takes, by %s', async (engine) => {
    await useBackend('wasm')
    const variable = tf.tidy(() => tf.variable(tf.zeros([5])))
    const gradient = tf.tensor1d([1e-3, 1e-8, 1e-30, -1e-8, 0])
    const optimizer = inducedOptimizer(tf, inducedMetric(lion(), { learningRate: 1, xi: 0 }), { engine })
    optimizer.applyGradients({ [variable.name]: gradient })
    const [step] = await values([variable])
    expect([...step!]).toEqual([-1, -1, -1, 1, 0])
    optimizer.dispose()
    tf.dispose([variable, gradient])
  })
})

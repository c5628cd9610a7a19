import * as core from '@induced-metric/core'
import { afterAll, describe, expect, it } from 'vitest'
import { allCapabilities, mountConformance, type ConformanceTarget } from '../src/index.js'
import { living, tensors, type Tensor } from './targets/arrays.js'

// The core's optimiser over tensors of a framework, on the smallest framework there can be.

const target: ConformanceTarget = {
  manifest: {
    name: '@induced-metric/core',
    version: '0.1.0',
    backend: 'tensors',
    dtypes: ['float32', 'float64'],
    arithmetic: {
      // A scalar has the tensors' type, and so has a sum once it is one.
      float32: { elementwise: 'float32', sums: 'float64' },
      float64: { elementwise: 'float64', sums: 'float64' },
    },
    capabilities: allCapabilities,
  },
  core,
  create(transformation, parameters) {
    const values = parameters.map(({ name, data, shape }) => {
      if (data.length !== core.sizeOf(shape))
        throw new core.InducedMetricError(
          'ERR_SHAPE',
          `parameter ${name} has ${data.length} values for [${shape.join()}]`,
        )
      return tensors.from(data, shape)
    })
    const free = (tensor: Tensor): void => tensors.dispose!(tensor)
    let optimizer: core.TensorOptimizer<Tensor>
    try {
      optimizer = core.createTensorOptimizer(
        transformation,
        parameters.map((parameter, i) => ({
          ...parameter,
          get: () => values[i]!,
          set(value: Tensor) {
            free(values[i]!)
            values[i] = value
          },
        })),
        tensors,
      )
    } catch (error) {
      values.forEach(free)
      throw error
    }
    let disposed = false
    return {
      step(gradients, options) {
        const given = gradients.map((data, i) => {
          const shape = parameters[i]?.shape ?? []
          return data && tensors.from(data, data.length === core.sizeOf(shape) ? shape : [data.length])
        })
        try {
          return optimizer.step(given, options)
        } finally {
          for (const gradient of given) if (gradient) free(gradient)
        }
      },
      read: () => values.map((tensor) => tensors.read(tensor)),
      slots: () =>
        Object.fromEntries(optimizer.save().parameters.map(({ name, slots }) => [name, slots] as const)),
      save: () => core.encodeCheckpoint(optimizer.save()),
      load: (bytes) => optimizer.load(bytes),
      dispose() {
        if (!disposed) values.forEach(free)
        disposed = true
        optimizer.dispose()
      },
    }
  },
}

describe('createTensorOptimizer', () => {
  // After all cases, with steps that were skipped or failed in every way there is.
  afterAll(() => expect(living.size).toBe(0))
  mountConformance(target, { describe, it })
})

describe('a framework that fails', () => {
  it.each(['add', 'sqrt', 'sum', 'mul'] as const)('in %s leaves everything as it was', (op) => {
    let value = tensors.from(new Float32Array([1, 2, 3]), [3])
    let failing = false
    const fails: typeof tensors = {
      ...tensors,
      lowering: {
        ...tensors.lowering,
        [op]: (...operands: Tensor[]) => {
          if (failing) throw new Error('out of memory')
          return tensors.lowering[op](...operands)
        },
      },
    }
    const optimizer = core.createTensorOptimizer(
      core.inducedMetric(core.adam(), { learningRate: 0.1 }),
      [
        {
          name: 'w',
          shape: [3],
          get: () => value,
          set(next: Tensor) {
            tensors.dispose!(value)
            value = next
          },
        },
      ],
      fails,
    )
    const gradient = tensors.from(new Float32Array([1, -1, 2]), [3])
    optimizer.step([gradient])
    const [before, saved, count] = [[...value.values], optimizer.save(), living.size]
    failing = true
    expect(() => optimizer.step([gradient])).toThrow('out of memory')
    expect(optimizer.save()).toEqual(saved)
    expect([...value.values]).toEqual(before)
    expect(living.size).toBe(count)
    failing = false
    expect(optimizer.step([gradient]).step).toBe(2)
    for (const tensor of [value, gradient]) tensors.dispose!(tensor)
    optimizer.dispose()
    expect(living.size).toBe(0)
  })
})

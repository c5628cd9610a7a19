import * as core from '@induced-metric/core'
import { type TensorOptimizer, createTensorOptimizer, sizeOf } from '@induced-metric/core/adapter'
import { allCapabilities, type ConformanceTarget } from '../../src/index.js'
import { tensors, type Tensor } from './arrays.js'

/** The core's optimiser over tensors of a framework, on a minimal framework. */
export const tensorTarget: ConformanceTarget = {
  manifest: {
    name: '@induced-metric/core',
    version: '0.1.0',
    backend: 'tensors',
    dtypes: ['float32', 'float64'],
    arithmetic: {
      // Scalars have the tensors' type, and so do sums.
      float32: { elementwise: 'float32', sums: 'float64' },
      float64: { elementwise: 'float64', sums: 'float64' },
    },
    capabilities: allCapabilities,
  },
  core,
  create(transformation, parameters) {
    const values = parameters.map(({ name, data, shape }) => {
      if (data.length !== sizeOf(shape))
        throw new core.InducedMetricError(
          'ERR_SHAPE',
          `parameter ${name} has ${data.length} values for [${shape.join()}]`,
        )
      return tensors.from(data, shape)
    })
    const free = (tensor: Tensor): void => tensors.dispose!(tensor)
    let optimizer: TensorOptimizer<Tensor>
    try {
      optimizer = createTensorOptimizer(
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
          return data && tensors.from(data, data.length === sizeOf(shape) ? shape : [data.length])
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
      learningRate: () => optimizer.learningRate,
      setLearningRate: (rate) => void (optimizer.learningRate = rate),
      reset: () => optimizer.reset(),
      dispose() {
        if (!disposed) values.forEach(free)
        disposed = true
        optimizer.dispose()
      },
    }
  },
}

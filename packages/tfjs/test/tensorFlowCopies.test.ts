import * as tf from '@tensorflow/tfjs'
import { adam, inducedMetric, log } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { describeModes } from './backends.js'
import { values } from './support.js'

// Two copies of TensorFlow.js in one process share one engine, so each accepts the tensors of the other.

const require = createRequire(import.meta.url)

/** A second copy of TensorFlow.js as a whole. */
function anotherCopy(): typeof tf {
  for (const path of Object.keys(require.cache)) {
    if (path.includes('@tensorflow')) Reflect.deleteProperty(require.cache, path)
  }
  return require('@tensorflow/tfjs') as typeof tf
}

describeModes(({ options }) => {
  it('gradients, losses and variables may be of another copy', async () => {
    const other = anotherCopy()
    expect(other.Tensor).not.toBe(tf.Tensor)
    expect(other.Optimizer).not.toBe(tf.Optimizer)
    const transformation = inducedMetric(adam(), { learningRate: 0.1, embedding: log() })
    const run = async (library: typeof tf, source: typeof tf): Promise<Float32Array[]> => {
      const optimizer = inducedOptimizer(library, transformation, options)
      const variable = source.variable(source.tensor1d([1, -2]))
      for (let step = 1; step <= 3; step++) {
        const gradient = source.tensor1d([step, 0.5])
        optimizer.applyGradients({ [variable.name]: gradient }, source.scalar(3 / step))
      }
      expect(await optimizer.report()).toMatchObject({ step: 3, loss: 1 })
      return values([variable])
    }
    const expected = await run(tf, tf)
    expect(await run(tf, other)).toEqual(expected)
    expect(await run(other, tf)).toEqual(expected)
  })
})

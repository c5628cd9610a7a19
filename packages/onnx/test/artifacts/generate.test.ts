import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import {
  generateArtifacts,
  type GenerateOptions,
  type OptimizerParameter,
} from '../../src/artifacts/index.js'
import { mlp } from '../../src/models/index.js'

describe('generateArtifacts without a package that has a runtime', () => {
  it('refuses to work without one', async () => {
    const none = { loss: 'mse' } as unknown as GenerateOptions
    await expect(generateArtifacts(mlp({ sizes: [2, 2] }), none)).rejects.toThrow(
      /ERR_OPTION.*ort must be a package of ONNX Runtime.*given undefined/,
    )
  })

  it('lets a function write the optimizer model, of the trainable parameters in their order', async () => {
    let given: readonly OptimizerParameter[] = []
    const { optimizerModel } = await generateArtifacts(mlp({ sizes: [2, 3, 1], dtype: 'float64' }), {
      loss: 'mse',
      frozen: 'layers.0.bias',
      optimizer: (parameters) => {
        given = parameters
        return Uint8Array.of(1, 2, 3)
      },
      ort,
    })
    expect(optimizerModel).toEqual(Uint8Array.of(1, 2, 3))
    expect(given).toEqual([
      { name: 'layers.0.weight', shape: [3, 2], dtype: 'float64' },
      { name: 'layers.1.weight', shape: [1, 3], dtype: 'float64' },
      { name: 'layers.1.bias', shape: [1], dtype: 'float64' },
    ])
  })
})

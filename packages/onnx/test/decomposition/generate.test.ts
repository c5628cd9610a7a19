import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { generateArtifacts, gradients, type GradientTable } from '../../src/artifacts/index.js'
import { lowerTrainingModel } from '../../src/lowering/index.js'
import { createModelBuilder, dataType, readModel, type Model } from '../../src/proto/index.js'
import { numbers } from '../builder.js'
import { relativeError, runModel, type PlainTensor } from '../run.js'

const { float } = dataType
const [width, heads, length] = [8, 2, 3]

/** A block of a transformer as exporters for inference fuse it. */
function transformer(): Model {
  const b = createModelBuilder(17)
  const ids = b.input('ids', dataType.int32, ['batch', length])
  const mask = b.input('mask', dataType.int32, ['batch', length])
  const weight = (name: string, dims: readonly number[], seed: number, shift = 0) => {
    const size = dims.reduce((product, extent) => product * extent, 1)
    return b.initializer(
      name,
      dims,
      float,
      numbers(size, seed, 0.5).map((value) => value + shift),
    )
  }
  const [embedded] = b.emitAll(
    'com.microsoft:EmbedLayerNormalization',
    [
      ids,
      undefined,
      weight('words', [5, width], 1),
      weight('positions', [4, width], 2),
      undefined,
      weight('norm.gamma', [width], 3, 1),
      weight('norm.beta', [width], 4),
    ],
    { epsilon: { float: 1e-5 } },
    ['embedded', ''],
  )
  const attended = b.emit(
    'com.microsoft:Attention',
    [embedded, weight('qkv.weight', [width, 3 * width], 5), weight('qkv.bias', [3 * width], 6), mask],
    { num_heads: heads },
    'attended',
  )
  const [normed] = b.emitAll(
    'com.microsoft:SkipLayerNormalization',
    [attended, embedded, weight('skip.gamma', [width], 7, 1), weight('skip.beta', [width], 8)],
    { epsilon: { float: 1e-5 } },
    ['normed'],
  )
  const hidden = b.emit('com.microsoft:BiasGelu', [
    b.emit('MatMul', [normed, weight('dense.weight', [width, width], 9)]),
    weight('dense.bias', [width], 10),
  ])
  b.output(b.emit('ReduceMean', [hidden], { axes: [1], keepdims: 0 }, 'y'), float, ['batch', width])
  return b.build('transformer')
}

const feeds: Record<string, PlainTensor> = {
  ids: { type: 'int32', dims: [2, length], data: [4, 0, 2, 1, 3, 3] },
  mask: { type: 'int32', dims: [2, length], data: [1, 1, 0, 1, 1, 1] },
  target: { dims: [2, width], data: [...numbers(2 * width, 20, 1)] },
}

describe('generateArtifacts of fused transformers', () => {
  it('trains all their parameters, and keeps the kernels in the eval model', async () => {
    const { trainModel, evalModel, state, summary } = await generateArtifacts(transformer(), {
      loss: 'mse',
      ort,
    })
    expect(summary.unreached).toEqual([])
    expect(summary.writtenOut).toBe(2)
    expect(state.trainable).toHaveLength(10)
    const [evaluation, training] = [readModel(evalModel), lowerTrainingModel(readModel(trainModel))]
    expect(evaluation.graph.node.map(({ opType }) => opType)).toContain('Attention')
    const values = Object.fromEntries(
      state.trainable.map(({ name, dims, data }) => [name, { dims, data: Array.from(data as Float32Array) }]),
    )
    const lossOf = async (given: typeof values): Promise<number> =>
      Object.values(await runModel(evaluation, { ...feeds, ...given }, 'disabled'))[0]!.data[0]!
    const results = await runModel(training.model, { ...feeds, ...values })
    const loss = await lossOf(values)
    expect(relativeError(results[training.outputs[0]!]!.data, [loss])).toBeLessThan(1e-6)

    // Along every parameter's gradient the kernel's loss falls at the rate that the gradient says.
    for (const { parameter, output } of training.gradients) {
      const gradient = results[output]!.data
      const square = gradient.reduce((sum, value) => sum + value * value, 0)
      const step = 0.01 / Math.sqrt(square)
      const moved = (by: number) => {
        const { dims, data } = values[parameter]!
        return { ...values, [parameter]: { dims, data: data.map((value, i) => value + by * gradient[i]!) } }
      }
      const rate = ((await lossOf(moved(step))) - (await lossOf(moved(-step)))) / (2 * step)
      expect(Math.abs(rate - square) / square, parameter).toBeLessThan(5e-3)
    }
  })

  it('writes out only what depends on parameters to train', async () => {
    const { summary } = await generateArtifacts(transformer(), { loss: 'mse', requiresGrad: 'dense.*', ort })
    expect(summary.writtenOut).toBe(0)
    expect(summary.operators['com.microsoft::Attention']).toBe(1)
  })

  it('leaves operators to rules of the caller', async () => {
    const table: GradientTable = {
      ...gradients,
      'com.microsoft': {
        ...gradients['com.microsoft'],
        Attention: ({ required, requiredGradient, give }) => {
          required(0)
          give(0, requiredGradient(0))
        },
      },
    }
    const { summary } = await generateArtifacts(transformer(), {
      loss: 'mse',
      requiresGrad: 'words',
      gradients: table,
      ort,
    })
    expect(summary.operators['com.microsoft::Attention']).toBe(1)
  })

  it('does not train the angles of rotations', async () => {
    const b = createModelBuilder(17)
    const x = b.input('x', float, ['batch', length, width])
    const cos = b.initializer('cos', [length, 2], float, numbers(2 * length, 1, 1))
    const sin = b.initializer('sin', [length, 2], float, numbers(2 * length, 2, 1))
    const weight = b.initializer('weight', [width, width], float, numbers(width * width, 3, 0.4))
    const rotated = b.emit('com.microsoft:RotaryEmbedding', [
      b.emit('MatMul', [x, weight]),
      b.ints([0]),
      cos,
      sin,
    ])
    b.output(b.emit('Identity', [rotated], {}, 'y'), float, ['batch', length, width])
    const { state, summary } = await generateArtifacts(b.build('rotary'), { loss: 'mse', ort })
    expect(state.trainable.map(({ name }) => name)).toEqual(['weight'])
    expect(summary.constants.map(({ name, operator }) => [name, operator])).toEqual([
      ['cos', 'com.microsoft::RotaryEmbedding'],
      ['sin', 'com.microsoft::RotaryEmbedding'],
    ])
  })
})

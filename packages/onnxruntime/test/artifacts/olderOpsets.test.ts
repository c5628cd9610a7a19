import { describe, expect, it } from 'vitest'
import { generateArtifacts } from '../../src/artifacts.js'
import { createNode as node, dataType, type NodeProto } from '@induced-metric/onnx/proto'
import { drawn, tensor, type Tensor } from '../../../onnx/test/gradients/harness.js'
import { checkTraining, forward } from './training.js'

const target = drawn([4, 3], 9)
const dense = { w: drawn([3, 6], 1), b: drawn([3], 2) }

/** Models as exporters of their time wrote them. */
const models: readonly [string, number, readonly NodeProto[], Readonly<Record<string, Tensor>>][] = [
  [
    'a dense network, broadcast by attributes',
    6,
    [
      node('Flatten', ['x'], ['f'], { axis: 1 }),
      node('Gemm', ['f', 'w', 'b'], ['g'], { transB: 1, broadcast: 1 }),
      node('Add', ['g', 'v'], ['a'], { broadcast: 1, axis: 0 }),
      node('Clip', ['a'], ['y'], { min: -0.5, max: 0.9 }),
    ],
    { ...dense, v: drawn([4], 3) },
  ],
  [
    'slices and pads by attributes',
    7,
    [
      node('Slice', ['x'], ['s'], { starts: [0, 1], ends: [9, 9], axes: [0, 2] }),
      node('Pad', ['s'], ['p'], { pads: [0, 0, 1, 0, 0, 0], value: 0.5 }),
      node('Reshape', ['p', 'shape'], ['f']),
      node('Gemm', ['f', 'w', 'b'], ['g'], { transB: 1 }),
      node('LogSoftmax', ['g'], ['y'], { axis: 1 }),
    ],
    { ...dense, shape: tensor([2], [-1, 6], dataType.int64) },
  ],
  [
    'the largest and axes by attributes',
    9,
    [
      node('TopK', ['x'], ['t', 'i'], { k: 2, axis: 2 }),
      node('Unsqueeze', ['t'], ['u'], { axes: [1] }),
      node('Squeeze', ['u'], ['q'], { axes: [1] }),
      node('Flatten', ['q'], ['f'], { axis: 1 }),
      node('Mul', ['f', 'm'], ['h']),
      node('Softmax', ['h'], ['y'], { axis: 1 }),
    ],
    { m: drawn([4], 4) },
  ],
  [
    'dropouts, splits and sums',
    10,
    [
      node('Split', ['x'], ['p', 'q'], { axis: 1, split: [1, 1] }),
      node('Sub', ['p', 'q'], ['d']),
      node('Mul', ['d', 'm'], ['h']),
      node('ReduceSum', ['h'], ['y'], { axes: [1], keepdims: 0 }),
    ],
    { m: drawn([1, 1, 3], 4) },
  ],
]

describe('of an older version of the operators', () => {
  it.each(models)('%s (%d) train', async (_, opset, nodes, parameters) => {
    const columns = opset === 9 ? 4 : 3
    const model = forward(nodes, { x: [4, 2, 3] }, parameters, { y: [4, columns] }, { opset })
    const inputs = { x: drawn([4, 2, 3], 5), target: columns === 3 ? target : drawn([4, columns], 9) }
    const { gradients } = await checkTraining(model, { loss: 'mse' }, inputs)
    expect(gradients.size).toBeGreaterThan(0)
  })

  it('a file from before versions had numbers is of the first', async () => {
    const model = forward(
      [node('Reshape', ['x'], ['f'], { shape: [4, 6] }), node('MatMul', ['f', 'w'], ['y'])],
      { x: [4, 2, 3] },
      { w: drawn([6, 3], 1) },
      { y: [4, 3] },
    )
    Object.assign(model, { opsetImport: [], irVersion: 1n })
    await checkTraining(model, { loss: 'mse' }, { x: drawn([4, 2, 3], 5), target })
    model.irVersion = 3n
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(/does not say which version/)
  })
})

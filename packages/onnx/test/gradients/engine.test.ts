import { describe, expect, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { node } from '../builder.js'
import { isInstalled } from '../genuine/runtime.js'
import { checkGradients, composed, drawn, gradientModel, single, tensor } from './harness.js'

describe('the reverse walk', () => {
  it('adds up what several uses of a value contribute', async () => {
    const forward = composed(
      [node('Mul', ['x', 'x'], ['square']), node('Add', ['square', 'x'], ['y'])],
      { x: { dims: [3, 2] } },
      ['y', 'square'],
    )
    await checkGradients(forward, { x: drawn([3, 2], 1) }, { genuine: isInstalled })
  })

  it('sums over what was broadcast, known or not', async () => {
    for (const dims of [
      [3, 2],
      ['batch', 'width'],
      ['batch', 2],
    ]) {
      for (const shape of [[2], [1, 2], [3, 1], [1], [], [4, 3, 2]]) {
        const forward = single('Add', { a: { dims }, b: { dims: shape } })
        await checkGradients(forward, { a: drawn([3, 2], 1), b: drawn(shape, 2) }, { genuine: isInstalled })
      }
    }
  })

  it('passes through layers', async () => {
    const forward = composed(
      [
        node('Gemm', ['x', 'w', 'b'], ['z'], { transB: 1 }),
        node('Relu', ['z'], ['a']),
        node('MatMul', ['a', 'v'], ['y']),
      ],
      { x: { dims: ['batch', 3] }, w: { dims: [4, 3] }, b: { dims: [4] }, v: { dims: [4, 2] } },
      ['y'],
    )
    const inputs = { x: drawn([5, 3], 1), w: drawn([4, 3], 2), b: drawn([4], 3), v: drawn([4, 2], 4) }
    await checkGradients(forward, inputs, { genuine: isInstalled })
  })

  it('names an operator without a rule, and the parameter that it blocks', async () => {
    const forward = composed(
      [node('Mul', ['x', 'w'], ['z']), node('Det', ['z'], ['y']), node('Det', ['x'], ['unblocked'])],
      { x: { dims: [2, 2], type: dataType.float }, w: { dims: [2, 2], type: dataType.float } },
      ['y', 'unblocked'],
    )
    const seed = tensor([], [1], dataType.float)
    await expect(gradientModel(forward, { y: seed }, ['w'])).rejects.toThrow(
      /ERR_NOT_SUPPORTED: operator Det of domain ai.onnx \(node "Det\/y"\) .* the parameter "w" and the loss/,
    )
    await expect(gradientModel(forward, { unblocked: seed }, ['w'])).rejects.toThrow(/gives no gradient of w/)
  })
})

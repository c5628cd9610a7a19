import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { node } from '../builder.js'
import { isInstalled } from '../genuine/runtime.js'
import { checkNode, dims, forAll, gradientsOf, opsets, symbolics } from './arbitraries.js'
import { checkGradients, composed, drawn, gradientModel, single, tensor } from './harness.js'

const cases = fc.record({
  batch: fc.integer({ min: 1, max: 4 }),
  classes: fc.integer({ min: 2, max: 4 }),
  positions: dims({ max: 2 }),
  reduction: fc.constantFrom(undefined, 'mean', 'sum', 'none'),
  ignored: fc.constantFrom(undefined, 0, 1, -100),
  isWeighted: fc.boolean(),
  type: fc.constantFrom(dataType.int64, dataType.int32),
  seed: fc.nat(1000),
  opset: opsets,
  symbolic: symbolics,
})

describe('gradients of losses', () => {
  it.each(['SoftmaxCrossEntropyLoss', 'NegativeLogLikelihoodLoss'])('%s', async (opType) => {
    await forAll(
      cases,
      async ({ batch, classes, positions, reduction, ignored, isWeighted, type, seed, opset, symbolic }) => {
        const shape = [batch, ...positions]
        const size = shape.reduce((a, b) => a * b, 1)
        const values = Array.from(
          drawn([size], seed, { low: 0, high: classes }).data as Float64Array,
          (value) => Math.min(classes - 1, Math.floor(value)),
        )
        const ignores = values.map((value, i) => (ignored === -100 && i % 3 === 1 ? -100 : value))
        // At least one label must count.
        fc.pre(ignored === undefined || ignores.some((value) => value !== ignored))
        const attributes = {
          ...(reduction !== undefined && { reduction }),
          ...(ignored !== undefined && { ignore_index: ignored }),
        }
        const weight = drawn([classes], seed + 1, { low: 0.3 })
        await checkNode(
          opType,
          {
            x: drawn([batch, classes, ...positions], seed),
            labels: tensor(shape, ignores, type),
            ...(isWeighted && { weight }),
          },
          {
            wanted: ['x'],
            attributes,
            opset,
            symbolic: symbolic === 'equal' ? 'own' : symbolic,
            genuine: isInstalled && opset < 20 && opType === 'SoftmaxCrossEntropyLoss',
          },
        )
      },
      50,
    )
  })

  it('of the log-probabilities, too', async () => {
    const inputs = { x: drawn([3, 4], 1), labels: tensor([3], [0, 3, 1], dataType.int64) }
    for (const outputs of [['y', 'log'], ['log']]) {
      const forward = composed(
        [node('SoftmaxCrossEntropyLoss', ['x', 'labels'], ['y', 'log'])],
        { x: { dims: [3, 4] }, labels: { dims: [3], type: dataType.int64 } },
        outputs,
      )
      await checkGradients(forward, inputs, { genuine: isInstalled })
    }
  })

  it('are 0 where all labels are ignored', async () => {
    for (const opType of ['SoftmaxCrossEntropyLoss', 'NegativeLogLikelihoodLoss']) {
      const labels = { dims: [2], type: dataType.int64 }
      const forward = single(opType, { x: { dims: [2, 3] }, labels }, { ignore_index: -1 })
      const inputs = { x: drawn([2, 3], 1), labels: tensor([2], [-1, -1], dataType.int64) }
      const { x } = await gradientsOf(forward, inputs, { y: tensor([], [1]) }, ['x'])
      for (const value of x!) expect(value).toBeCloseTo(0, 15)
    }
  })

  it('of the weights of classes are refused', async () => {
    const forward = single('SoftmaxCrossEntropyLoss', {
      x: { dims: [2, 3] },
      labels: { dims: [2], type: dataType.int64 },
      weight: { dims: [3] },
    })
    await expect(gradientModel(forward, { y: tensor([], [1]) }, ['weight'])).rejects.toThrow(
      /ERR_NOT_SUPPORTED: .*the weights of the classes have no gradient; freeze them/,
    )
  })
})

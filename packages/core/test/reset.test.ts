import { describe, expect, it } from 'vitest'
import {
  adagrad,
  adam,
  cosine,
  createOptimizer,
  inducedMetric,
  muon,
  rateFree,
  root,
  sgd,
  type Optimizer,
  type Transformation,
} from '@induced-metric/core'
import { createModelOptimizer } from '@induced-metric/core/adapter'
import { expectError, gradientsOf, optimizerOver, stateBits, type Tensor } from './support.js'

const tensors: readonly Tensor[] = [
  { name: 'w', shape: [3, 4] },
  { name: 'b', shape: [4], group: 'head' },
]

function train(optimizer: Optimizer, steps: number): unknown[] {
  return Array.from({ length: steps }, (_, i) => {
    const { step, ...report } = optimizer.step(gradientsOf(optimizer, i + 1), { loss: 4 / (i + 1) })
    return { step, ...report }
  })
}

describe.each(['reference', 'auto'] as const)('reset of an optimiser, engine %s', (engine) => {
  it.each<[string, Transformation]>([
    ['adam on a schedule', inducedMetric(adam(), { learningRate: cosine({ from: 0.1, steps: 9 }) })],
    [
      'a slot that does not begin at 0',
      inducedMetric(adagrad({ initialAccumulator: 2 }), { learningRate: 0.1 }),
    ],
    ['muon and its fallback', inducedMetric(muon(), { learningRate: 0.1, weightDecay: 0.1 })],
    ['averages of the weights and of the losses', rateFree(adam(), { floor: 'follow' })],
    [
      'groups',
      inducedMetric(sgd({ momentum: 0.9 }), {
        learningRate: 0.1,
        xi: 'rate',
        embedding: root(),
        metricScope: 'group',
        groups: { head: { learningRate: 0.3, beta: 0.5 } },
      }),
    ],
  ])('makes it take the steps of a new one: %s', (_, transformation) => {
    const used = optimizerOver(transformation, tensors, { engine })
    train(used, 3)
    used.step(
      used.parameters.map(({ data }) => data.map(() => NaN)),
      { loss: 1 },
    )
    used.learningRate = 0.5
    train(used, 2)
    const data = used.parameters.map((parameter) => parameter.data.slice())
    used.reset()
    expect(used.parameters.map((parameter) => parameter.data)).toEqual(data)

    const parameters = tensors.map((tensor, i) => ({ ...tensor, data: data[i]! }))
    const fresh = createOptimizer(transformation, parameters, { engine })
    const of = ({ report, learningRate, fixedLearningRate }: Optimizer): unknown => ({
      report,
      learningRate,
      fixedLearningRate,
    })
    expect(of(used)).toEqual(of(fresh))
    expect(used.fixedLearningRate).toBeUndefined()
    expect(stateBits(used)).toEqual(stateBits(fresh))
    expect(used.save()).toEqual(fresh.save())
    expect(train(used, 5)).toEqual(train(fresh, 5))
    expect(stateBits(used)).toEqual(stateBits(fresh))
  })

  it('takes back parameters that were added', () => {
    const transformation = inducedMetric(adam(), { learningRate: 0.1 })
    const optimizer = optimizerOver(transformation, tensors, { engine })
    train(optimizer, 2)
    optimizer.add([{ name: 'late', shape: [2], data: new Float64Array([1, 2]) }])
    train(optimizer, 2)
    optimizer.reset()
    expect(optimizer.save().parameters.map(({ steps }) => steps)).toEqual([0, 0, 0])
    for (const slots of optimizer.slots)
      for (const data of Object.values(slots)) expect(new Set(data)).toEqual(new Set([0]))
  })

  it('is refused while the parameters hold their averages, and after dispose', () => {
    const optimizer = optimizerOver(rateFree(adam()), tensors, { engine })
    train(optimizer, 2)
    const before = stateBits(optimizer)
    optimizer.withEvaluationWeights(() =>
      expectError(() => optimizer.reset(), 'ERR_OPTION', 'reset was called within withEvaluationWeights'),
    )
    expect(stateBits(optimizer)).toEqual(before)
    optimizer.dispose()
    expectError(() => optimizer.reset(), 'ERR_DISPOSED')
  })
})

describe('reset of a model’s optimiser', () => {
  const transformation = inducedMetric(sgd({ momentum: 0.5 }), { learningRate: 0.1, xi: 0 })

  it('keeps the weights, and goes back to the learning rate of the transformation', () => {
    const model = { w: new Float64Array([1]) }
    const optimizer = createModelOptimizer(transformation, () => [{ name: 'w', shape: [1], data: model.w }])
    optimizer.learningRate = 0.5
    optimizer.step([new Float64Array([1])])
    optimizer.reset()
    expect([model.w[0], optimizer.report.step, optimizer.learningRate]).toEqual([0.5, 0, 0.1])
    optimizer.step([new Float64Array([2])])
    expect(model.w[0]).toBeCloseTo(0.3, 15)
    // The rate is not set again when the model is made anew.
    optimizer.learningRate = 0.5
    optimizer.reset()
    model.w = new Float64Array([1])
    optimizer.follow()
    expect([optimizer.learningRate, optimizer.fixedLearningRate]).toEqual([0.1, undefined])
  })

  it('works while the model has no weights, and not after dispose', () => {
    const optimizer = createModelOptimizer(transformation, {
      owner: () => undefined,
      parameters: (): undefined => undefined,
    })
    optimizer.learningRate = 0.5
    optimizer.reset()
    expect(optimizer.learningRate).toBe(0.1)
    optimizer.dispose()
    expectError(() => optimizer.reset(), 'ERR_DISPOSED')
  })
})

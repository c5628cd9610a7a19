import { adam, inducedMetric, lion, log, root, sgd, type Transformation } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { chooseOptimizer, type OptimizerFlags } from '../src/optimizerChoice.js'
import { UsageError } from '../src/usageError.js'

describe('--optimizer', () => {
  it.each<[OptimizerFlags, Transformation]>([
    [{ optimizer: 'adam' }, inducedMetric(adam(), { learningRate: 1e-3 })],
    [
      { optimizer: 'adam identity', learningRate: 0.1, xi: 0 },
      inducedMetric(adam(), { learningRate: 0.1, xi: 0 }),
    ],
    [
      {
        optimizer: 'sgd log',
        momentum: 0.9,
        floor: 0.5,
        beta: 0.7,
        weightDecay: 0.1,
        clipNorm: 1,
        xi: 'auto',
      },
      inducedMetric(sgd({ momentum: 0.9 }), {
        learningRate: 0.01,
        embedding: log({ floor: 0.5 }),
        beta: 0.7,
        weightDecay: 0.1,
        clipNorm: 1,
      }),
    ],
    [
      { optimizer: 'lion root', learningRate: 1, xi: 'rate', floor: 'follow' },
      inducedMetric(lion(), { learningRate: 1, xi: 'rate', embedding: root({ floor: 'follow' }) }),
    ],
  ])('%j', (flags, expected) => {
    expect(chooseOptimizer(flags).toJSON()).toEqual(expected.toJSON())
  })

  it('may be a file', () => {
    const given = inducedMetric(sgd(), { learningRate: 0.3, groups: { bias: { xi: 0 } } })
    const json = JSON.stringify(given)
    expect(chooseOptimizer({ optimizer: 'o.json' }, json).toJSON()).toEqual(given.toJSON())
  })

  it.each<[OptimizerFlags, string | undefined, RegExp]>([
    [{ optimizer: 'adamm' }, undefined, /"adamm".*bases: sgd, .*embeddings: identity/],
    [{ optimizer: 'adam lg' }, undefined, /Known bases/],
    [{ optimizer: 'adam log more' }, undefined, /Known bases/],
    [{ optimizer: 'toString' }, undefined, /Known bases/],
    [{ optimizer: '' }, undefined, /Known bases/],
    [{ optimizer: 'adam', learningRate: -1 }, undefined, /--optimizer adam: .*learningRate/],
    [{ optimizer: 'adam', momentum: 0.9 }, undefined, /--momentum goes with sgd/],
    [{ optimizer: 'adam', floor: 1 }, undefined, /--floor goes with/],
    [{ optimizer: 'o.json' }, '{', /o\.json is not JSON/],
    [{ optimizer: 'o.json' }, '{}', /--optimizer o\.json: /],
  ])('%j is refused', (flags, json, message) => {
    expect(() => chooseOptimizer(flags, json)).toThrow(message)
    expect(() => chooseOptimizer(flags, json)).toThrow(UsageError)
  })
})

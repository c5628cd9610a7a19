import * as core from '@induced-metric/core'
import { adam, adamw, inducedMetric, lion, log, root, sgd, type Transformation } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { chooseOptimizer, optimizerNames, type OptimizerFlags } from '../src/optimizerChoice.js'
import { UsageError } from '../src/usageError.js'

/** What a function returns without arguments; `undefined` if it throws or returns a promise that it rejects. */
async function attempt(make: () => unknown): Promise<unknown> {
  try {
    return await make()
  } catch {
    return undefined
  }
}

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
    [{ optimizer: 'adamw', weightDecay: 0.05 }, adamw({ learningRate: 1e-3, weightDecay: 0.05 })],
    [
      { optimizer: 'adamw log', learningRate: 0.1, xi: 'rate', set: { beta2: '0.99', nesterov: 'true' } },
      adamw({ learningRate: 0.1, xi: 'rate', embedding: log(), beta2: 0.99, nesterov: true }),
    ],
    [
      { optimizer: 'sgd', set: { momentum: '0.5' }, clipValue: 2, accumulate: 4 },
      inducedMetric(sgd({ momentum: 0.5 }), { learningRate: 0.01, clipValue: 2, accumulate: 4 }),
    ],
    [
      { optimizer: 'muon', set: { rows: 'inputs', iterations: '3' } },
      inducedMetric(core.muon({ rows: 'inputs', iterations: 3 }), { learningRate: 0.01 }),
    ],
  ])('%j', (flags, expected) => {
    expect(chooseOptimizer(flags).toJSON()).toEqual(expected.toJSON())
  })

  it('knows every base of the core that needs no arguments, and AdamW', async () => {
    const known: string[] = []
    for (const [name, value] of Object.entries(core)) {
      if (!/^[a-z]/.test(name) || typeof value !== 'function') continue
      const made = (await attempt(value as () => unknown)) as
        | { definition?: { update?: unknown } }
        | undefined
      if (typeof made?.definition?.update === 'function') known.push(name)
    }
    expect(known.length).toBeGreaterThan(18)
    expect(optimizerNames.bases).toEqual([...known, 'adamw'].sort())
    for (const name of known) {
      expect(chooseOptimizer({ optimizer: name }).settings.base).toMatchObject({ name })
    }
  })

  it('may be a file', () => {
    const given = inducedMetric(sgd(), { learningRate: 0.3, groups: { bias: { xi: 0 } } })
    const json = JSON.stringify(given)
    expect(chooseOptimizer({ optimizer: 'o.json' }, json).toJSON()).toEqual(given.toJSON())
  })

  it.each<[OptimizerFlags, string | undefined, RegExp]>([
    [{ optimizer: 'adamm' }, undefined, /"adamm".*bases: adabelief, .*sgd, .*embeddings: identity/],
    [{ optimizer: 'adam', set: { beta: '1' } }, undefined, /--set beta: adam has only beta1, beta2/],
    [{ optimizer: 'adam', set: { beta1: 'x' } }, undefined, /--optimizer adam: .*beta1/],
    [{ optimizer: 'adam', accumulate: 0.5 }, undefined, /--optimizer adam: accumulate/],
    [{ optimizer: 'adam lg' }, undefined, /Known bases/],
    [{ optimizer: 'adam log more' }, undefined, /Known bases/],
    [{ optimizer: 'toString' }, undefined, /Known bases/],
    [{ optimizer: '' }, undefined, /Known bases/],
    [{ optimizer: 'adam', learningRate: -1 }, undefined, /--optimizer adam: .*learningRate/],
    [{ optimizer: 'adam', momentum: 0.9 }, undefined, /--momentum goes with .*sgd/],
    [{ optimizer: 'adam', floor: 1 }, undefined, /--floor goes with/],
    [{ optimizer: 'o.json' }, '{', /o\.json is not JSON/],
    [{ optimizer: 'o.json' }, '{}', /--optimizer o\.json: /],
  ])('%j is refused', (flags, json, message) => {
    expect(() => chooseOptimizer(flags, json)).toThrow(message)
    expect(() => chooseOptimizer(flags, json)).toThrow(UsageError)
  })
})

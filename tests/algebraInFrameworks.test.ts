import { inducedMetric } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { findAdapters } from '../scripts/adapters.js'
import { bases } from './support/algebraBases.js'
import { distance, parametersOf, referenceRun, sessionRun } from './support/algebraRuns.js'

// Everything in the algebra that a base may use, in every adapter, against the reference engine.

const adapters = (await findAdapters()).slice(1)
const steps = 6

describe.each(Object.entries(bases))('%s', (_, base) => {
  const transformation = inducedMetric(base, { learningRate: 0.05, xi: 0.1, weightDecay: 0.01, clipNorm: 3 })

  it.each(adapters)('$name', { timeout: 60_000 }, async ({ name, start }) => {
    const target = await start()
    const Type = target.manifest.dtypes.includes('float64') ? Float64Array : Float32Array
    const tolerance = Type === Float64Array ? 1e-9 : 5e-5
    // Kernels of these frameworks are in × out.
    const rowsAre = /^(tfjs|jax-js)/.test(name) ? 'inputs' : 'outputs'
    const expected = referenceRun(
      transformation,
      parametersOf(Type).map((parameter) => ({ ...parameter, rowsAre })),
      steps,
    )

    const first = await target.create(transformation, parametersOf(Type))
    await sessionRun(first, 0, 3)
    const saved = await first.save!()
    const values = (await first.read()).map((data) => data.slice())
    await first.dispose?.()
    const parameters = parametersOf(Type).map((parameter, i) => ({ ...parameter, data: values[i]! }))
    const second = await target.create(transformation, parameters)
    await second.load!(saved)
    await sessionRun(second, 3, steps)

    expect(distance(await second.read(), expected.values)).toBeLessThan(tolerance)
    const slots = await second.slots!()
    for (const [name, own] of Object.entries(expected.slots)) {
      const given = slots[name]!
      expect(Object.keys(given).sort()).toEqual(Object.keys(own).sort())
      expect(distance(Object.keys(own).map((slot) => given[slot]!), Object.values(own))).toBeLessThan(4 * tolerance)
    }
    await second.dispose?.()
  })
})

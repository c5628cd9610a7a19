import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  adam,
  adamw,
  cosine,
  createOptimizer,
  fromJSON,
  inducedMetric,
  log,
  type AdamWOptions,
  type InducedMetricOptions,
} from '@induced-metric/core'
import { expectError, gradientsOf, optimizerOver, stateBits } from './support.js'

/** Written by scripts/golden/adamw.py. */
const fixture = JSON.parse(readFileSync(new URL('fixtures/adamw.json', import.meta.url), 'utf8')) as {
  readonly shape: readonly number[]
  readonly start: readonly number[]
  readonly gradients: readonly (readonly number[])[]
  readonly cases: readonly {
    readonly name: string
    readonly options: AdamWOptions
    readonly expected: readonly { readonly step: number; readonly data: readonly number[] }[]
  }[]
}

describe.each(['reference', 'wasm'] as const)('adamw on the engine %s', (engine) => {
  it.each(fixture.cases.map((one) => [one.name, one] as const))(
    'takes the steps of torch.optim.AdamW: %s',
    (_, { options, expected }) => {
      const data = Float64Array.from(fixture.start)
      const parameter = { name: 'w', shape: fixture.shape, data }
      const optimizer = createOptimizer(adamw(options), [parameter], { engine })
      let compared = 0
      fixture.gradients.forEach((gradient, i) => {
        optimizer.step([Float64Array.from(gradient)])
        const then = expected.find(({ step }) => step === i + 1)
        then?.data.forEach((value, j) => expect(Math.abs(data[j]! - value)).toBeLessThanOrEqual(1e-12))
        compared += then ? 1 : 0
      })
      expect(compared).toBe(expected.length)
      expect(optimizer.report.step).toBe(30)
    },
  )
})

describe('adamw', () => {
  const rest: Omit<InducedMetricOptions, 'learningRate'> = {
    xi: 0.5,
    embedding: log(),
    weightDecay: 0.2,
    decayMask: 'matrices',
    groups: { head: { learningRate: 0.5, base: adam({ beta1: 0.5 }) } },
  }

  it.each<[string, AdamWOptions, ReturnType<typeof inducedMetric>]>([
    [
      'its defaults',
      { learningRate: 0.1 },
      inducedMetric(adam(), { learningRate: 0.1, weightDecay: 0.01, xi: 0 }),
    ],
    [
      'options that are undefined, which count as absent',
      { learningRate: 0.1, beta1: undefined, weightDecay: undefined, xi: undefined } as never,
      inducedMetric(adam(), { learningRate: 0.1, weightDecay: 0.01, xi: 0 }),
    ],
    [
      'the options of adam',
      { learningRate: cosine({ from: 0.1, steps: 9 }), beta1: 0.5, beta2: 0.75, epsilon: 1, nesterov: true },
      inducedMetric(adam({ beta1: 0.5, beta2: 0.75, epsilon: 1, nesterov: true }), {
        learningRate: cosine({ from: 0.1, steps: 9 }),
        weightDecay: 0.01,
        xi: 0,
      }),
    ],
    [
      'the options of inducedMetric',
      { learningRate: 0.1, ...rest },
      inducedMetric(adam(), { learningRate: 0.1, ...rest }),
    ],
  ])('is inducedMetric of adam, as data and bit for bit: %s', (_, options, expected) => {
    expect(adamw(options).toJSON()).toEqual(expected.toJSON())
    const tensors = [
      { name: 'w', shape: [3, 4] },
      { name: 'b', shape: [4], group: 'head' },
    ]
    for (const engine of ['reference', 'auto'] as const) {
      const made = [adamw(options), expected, fromJSON(structuredClone(adamw(options).toJSON()))]
      const [own, ...others] = made.map((transformation) => {
        const optimizer = optimizerOver(transformation, tensors, { engine })
        for (let step = 1; step <= 5; step++) optimizer.step(gradientsOf(optimizer, step), { loss: 3 / step })
        return stateBits(optimizer)
      })
      expect(others).toEqual([own, own])
    }
  })

  it.each<[string, unknown, ...string[]]>([
    ['no options', undefined, 'adamw takes an object'],
    ['no learning rate', {}, 'learningRate is required'],
    ['a misspelt option', { learningRate: 0.1, beta3: 0.9 }, 'adamw has no option "beta3"', 'weightDecay'],
    ['a rate of 1', { learningRate: 0.1, beta1: 1 }, 'beta1'],
    ['a negative decay', { learningRate: 0.1, weightDecay: -1 }, 'weightDecay'],
    ['another base', { learningRate: 0.1, base: adam() }, '"base"'],
  ])('refuses %s', (_, options, ...words) => {
    expectError(() => adamw(options as never), 'ERR_OPTION', ...words)
  })
})

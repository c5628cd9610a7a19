import { describe, expect, it } from 'vitest'
import {
  adam,
  createOptimizer,
  heavyBall,
  identity,
  inducedMetric,
  lion,
  log,
  muon,
  rmsprop,
  sgd,
  type DecayMask,
  type GroupOptions,
  type InducedMetricOptions,
  type Optimizer,
  type ParameterInfo,
  type Preconditioner,
  type TypedArray,
} from '@induced-metric/core'
import { planStep } from '@induced-metric/core/adapter'
import { bits, expectError, gradientsOf, optimizerOver } from './support.js'

const tensors = [
  { name: 'kernel', shape: [3, 4] },
  { name: 'bias', shape: [4], group: 'biases' },
  { name: 'gain', shape: [2], group: 'biases' },
  { name: 'head', shape: [5], group: 'heads' },
]
const options: InducedMetricOptions = { learningRate: 0.1, xi: 0.3, weightDecay: 0.02, clipNorm: 2 }

const run = (base: Preconditioner, given: InducedMetricOptions, steps = 3, scale = 1): Optimizer => {
  const optimizer = optimizerOver(inducedMetric(base, given), tensors)
  for (let step = 1; step <= steps; step++) {
    optimizer.step(gradientsOf(optimizer, step, scale), { loss: 5 / step })
  }
  return optimizer
}
const values = (optimizer: Optimizer): string[] => optimizer.parameters.map(({ data }) => bits(data))
const squared = (arrays: readonly TypedArray[]): number =>
  arrays.flatMap((array) => [...array]).reduce((sum, x) => sum + x * x, 0)

describe('a group may override', () => {
  it.each<[option: keyof GroupOptions, GroupOptions]>([
    ['base', { base: lion() }],
    ['learningRate', { learningRate: 0.03 }],
    ['learningRate', { learningRate: (step) => 0.1 / step }],
    ['xi', { xi: 7 }],
    ['xi', { xi: 'auto' }],
    ['beta', { beta: 0.1 }],
    ['embedding', { embedding: log() }],
    ['weightDecay', { weightDecay: 0.5 }],
    ['decayMask', { decayMask: 'matrices' }],
    ['clipNorm', { clipNorm: 0.1 }],
  ])('%s: its parameters go as with that option for all, the others as without', (_, override) => {
    // Scope 'group', so that the groups don't meet in s; clipping is by itself where the group sets its own norm.
    const common: InducedMetricOptions = { ...options, metricScope: 'group' }
    delete (common as { clipNorm?: number }).clipNorm
    const mixed = values(run(adam(), { ...common, groups: { biases: override } }))
    const without = values(run(adam(), common))
    const { base = adam(), ...rest } = override
    // Clipping by one norm over all parameters differs: there the group sets its own norm.
    const everywhere = values(run(base, { ...common, groups: { biases: rest } }))
    expect(mixed[1]).toBe(everywhere[1])
    expect(mixed[2]).toBe(everywhere[2])
    expect(mixed[1]).not.toBe(without[1])
    expect([mixed[0], mixed[3]]).toEqual([without[0], without[3]])
    if (override.clipNorm === undefined) {
      expect(mixed.slice(1, 3)).toEqual(values(run(base, { ...common, ...rest })).slice(1, 3))
    }
  })

  it('fallback, when its base takes matrices only', () => {
    const mixed = run(muon(), { ...options, metricScope: 'group', groups: { biases: { fallback: sgd() } } })
    expect(mixed.slots.map((slots) => Object.keys(slots).join())).toEqual(['momentum', '', '', 'm,v'])
  })

  it('onBadLoss', () => {
    const given = {
      ...options,
      embedding: log(),
      onBadLoss: 'zero',
      groups: { biases: { onBadLoss: 'base' } },
    } as const
    const optimizer = optimizerOver(inducedMetric(sgd(), given), tensors)
    const report = optimizer.step(gradientsOf(optimizer, 1), { loss: -1 })
    expect(report.units!.map(({ key, scale }) => [key, scale])).toEqual([
      ['', 0],
      ['biases', 1],
    ])
    const skipping = { ...given, groups: { biases: { onBadLoss: 'skip' } } } as const
    const other = optimizerOver(inducedMetric(sgd(), skipping), tensors)
    expect(other.step(gradientsOf(other, 1), { loss: -1 }).skipped).toBe(true)
    const throwing = { ...given, groups: { biases: { onBadLoss: 'throw' } } } as const
    const third = optimizerOver(inducedMetric(sgd(), throwing), tensors)
    expectError(() => third.step(gradientsOf(third, 1), { loss: -1 }), 'ERR_BAD_LOSS')
  })

  it('nothing, and then is no group of its own', () => {
    expect(values(run(adam(), { ...options, groups: { biases: {} } }))).toEqual(values(run(adam(), options)))
  })

  it('options that are given apply to parameters whose label has none', () => {
    const { parameters, profiles } = planStep(
      inducedMetric(adam(), { ...options, groups: { biases: { learningRate: 1 } } }),
      tensors,
    )
    expect(parameters.map(({ profile }) => profiles[profile]!.settings.learningRate)).toEqual([
      0.1, 1, 1, 0.1,
    ])
  })
})

describe('metricScope', () => {
  const base = sgd()
  const plain: InducedMetricOptions = { learningRate: 0.1, xi: 0.3, beta: 0 }
  const first = (given: InducedMetricOptions) => {
    const optimizer = optimizerOver(inducedMetric(base, given), tensors)
    const gradients = gradientsOf(optimizer, 1)
    return { report: optimizer.step(gradients), gradients, optimizer }
  }

  it("'global' (default): one s over all groups, each with its own ξ", () => {
    const { report, gradients } = first({ ...plain, groups: { biases: { xi: 2 } } })
    const s = squared(gradients)
    expect(report.units!.map(({ key }) => key)).toEqual(['', 'biases'])
    report.units!.forEach(({ dualNorm }) => expect(dualNorm).toBeCloseTo(s, 12))
    expect(report.units![0]!.scale).toBeCloseTo(1 / (1 + 0.3 * s), 12)
    expect(report.units![1]!.scale).toBeCloseTo(1 / (1 + 2 * s), 12)
  })

  it("'group': each group's own", () => {
    const { report, gradients } = first({ ...plain, metricScope: 'group' })
    expect(report.units!.map(({ key }) => key)).toEqual(['', 'biases', 'heads'])
    const sums = [gradients.slice(0, 1), gradients.slice(1, 3), gradients.slice(3)].map(squared)
    report.units!.forEach(({ dualNorm }, i) => expect(dualNorm).toBeCloseTo(sums[i]!, 12))
    expect(report.dualNorm).toBeCloseTo(sums[0]!, 12)
  })

  it("'parameter': each parameter's own", () => {
    const { report, gradients } = first({ ...plain, metricScope: 'parameter' })
    expect(report.units!.map(({ key }) => key)).toEqual(['kernel', 'bias', 'gain', 'head'])
    report.units!.forEach(({ dualNorm }, i) => expect(dualNorm).toBeCloseTo(squared([gradients[i]!]), 12))
  })

  it('a unit none of whose parameters has a gradient keeps its average and its count', () => {
    const optimizer = optimizerOver(
      inducedMetric(base, { ...plain, beta: 0.8, metricScope: 'parameter' }),
      tensors,
    )
    optimizer.step(gradientsOf(optimizer, 1))
    const before = optimizer.save().units
    const gradients: (TypedArray | null)[] = gradientsOf(optimizer, 2)
    gradients[1] = null
    optimizer.step(gradients)
    const after = optimizer.save().units
    expect(after[1]).toEqual(before[1])
    expect(after.map(({ steps }) => steps)).toEqual([2, 1, 2, 2])
  })

  it.each([
    ['global', [23, 23]],
    ['group', [12, 6, 5]],
    ['parameter', [12, 4, 2, 5]],
  ] as const)("xi 'auto' is 1/N, N counted over what s sums: %s", (metricScope, sizes) => {
    const groups = metricScope === 'global' ? { biases: { learningRate: 0.2 } } : {}
    const { report } = first({ learningRate: 0.1, metricScope, groups })
    expect(report.units!.map(({ xi }) => xi)).toEqual(sizes.map((n) => 1 / n))
  })

  it("a unit's average counts the steps it was averaged, in its bias correction too", () => {
    const optimizer = optimizerOver(
      inducedMetric(base, { ...plain, beta: 0.8, metricScope: 'parameter' }),
      tensors,
    )
    const late: (TypedArray | null)[] = gradientsOf(optimizer, 1)
    late[2] = null
    for (let i = 0; i < 4; i++) optimizer.step(late)
    const [, , gain] = optimizer.step(gradientsOf(optimizer, 2)).units!
    expect(gain!.metric).toBeCloseTo(0.3 * gain!.dualNorm, 12)
  })

  it("xi 'auto' over a single scalar and over nothing is 1", () => {
    for (const shape of [[], [0]]) {
      const data = new Float64Array(shape.length === 0 ? 1 : 0)
      const optimizer = createOptimizer(inducedMetric(sgd(), { learningRate: 1 }), [
        { name: 'w', shape, data },
      ])
      expect(optimizer.step([data]).xi).toBe(1)
    }
  })
})

describe('decayMask', () => {
  /** Which parameters decay: with gradients of 0 those that change, and by −lr·wd·θ. */
  const decayed = (decayMask: DecayMask | undefined, groups = {}): boolean[] => {
    const given = { learningRate: 0.1, weightDecay: 0.5, groups, ...(decayMask && { decayMask }) }
    const optimizer = optimizerOver(inducedMetric(adam(), given), tensors)
    const before = optimizer.parameters.map(({ data }) => data.slice())
    optimizer.step(optimizer.parameters.map(({ data }) => data.map(() => 0)))
    return optimizer.parameters.map(({ data }, i) => {
      const changed = data.some((x, j) => x !== before[i]![j])
      if (changed) expect(data).toEqual(before[i]!.map((x) => x - 0.1 * 0.5 * x))
      return changed
    })
  }
  it.each<[what: string, mask: DecayMask | undefined, expected: number[]]>([
    ['left out', undefined, [1, 1, 1, 1]],
    ["'all'", 'all', [1, 1, 1, 1]],
    ["'matrices'", 'matrices', [1, 0, 0, 0]],
    ['names', ['bias', 'head'], [0, 1, 0, 1]],
    ['no names', [], [0, 0, 0, 0]],
    ['a function', ({ group }: ParameterInfo) => group === 'biases', [0, 1, 1, 0]],
    ['a function of the shape', ({ shape }: ParameterInfo) => shape[0] === 5, [0, 0, 0, 1]],
  ])('%s', (_, mask, expected) => {
    expect(decayed(mask)).toEqual(expected.map(Boolean))
  })

  it("'matrices' are all tensors of two axes or more", () => {
    const shapes = [[], [3], [2, 2], [1, 4], [2, 2, 2], [1, 1, 1, 1]]
    const given = { learningRate: 0.1, weightDecay: 0.5, decayMask: 'matrices' } as const
    const optimizer = optimizerOver(
      inducedMetric(sgd(), given),
      shapes.map((shape, i) => ({ name: `${i}`, shape })),
    )
    const before = values(optimizer)
    optimizer.step(optimizer.parameters.map(({ data }) => data.map(() => 0)))
    expect(values(optimizer).map((bytes, i) => bytes !== before[i])).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
    ])
  })

  it("of a group is the group's", () => {
    expect(decayed('matrices', { heads: { decayMask: 'all' } })).toEqual([true, false, false, true])
    expect(decayed('all', { biases: { weightDecay: 0 } })).toEqual([true, false, false, true])
  })

  it('is not scaled by ρ: with a tiny ρ the decay is all there is', () => {
    const parameter = { name: 'w', shape: [1], data: new Float64Array([4]) }
    const transformation = inducedMetric(sgd(), { learningRate: 0.1, xi: 1e300, beta: 0, weightDecay: 0.5 })
    const optimizer = createOptimizer(transformation, [parameter], { engine: 'reference' })
    expect(optimizer.step([new Float64Array([1])]).scale).toBeLessThan(1e-299)
    expect(parameter.data[0]).toBe(4 - 0.1 * 0.5 * 4)
  })
})

describe('clipNorm', () => {
  const first = (given: Omit<InducedMetricOptions, 'learningRate'>, scale: number, skipIndex?: number) => {
    // SGD from 0 with learning rate 1 and ξ = 0: the parameter is −g, clipped.
    const optimizer = optimizerOver(inducedMetric(sgd(), { learningRate: 1, xi: 0, ...given }), tensors)
    const start = optimizer.parameters.map(({ data }) => data.slice())
    const gradients: (TypedArray | null)[] = gradientsOf(optimizer, 1, scale)
    if (skipIndex !== undefined) gradients[skipIndex] = null
    optimizer.step(gradients)
    return optimizer.parameters.map(({ data }, i) => data.map((x, j) => start[i]![j]! - x))
  }
  const norm = (arrays: readonly TypedArray[]): number => Math.sqrt(squared(arrays))

  it('takes a gradient that is longer to its length, by one norm over all parameters', () => {
    const [raw, clipped] = [first({}, 10), first({ clipNorm: 0.5 }, 10)]
    expect(norm(clipped)).toBeCloseTo(0.5, 12)
    const factor = 0.5 / norm(raw)
    clipped.forEach((array, i) => array.forEach((x, j) => expect(x).toBeCloseTo(factor * raw[i]![j]!, 12)))
  })

  it('leaves a shorter one, and one of 0', () => {
    const [raw, kept] = [first({}, 0.01), first({ clipNorm: 1 }, 0.01)]
    expect(kept).toEqual(raw)
    expect(norm(first({ clipNorm: 1 }, 0))).toBe(0)
  })

  it('counts only the gradients there are', () => {
    const clipped = first({ clipNorm: 0.5 }, 10, 0)
    expect(norm(clipped)).toBeCloseTo(0.5, 12)
    expect(norm(clipped.slice(0, 1))).toBe(0)
  })

  it('a group with a norm of its own is clipped by itself', () => {
    const clipped = first({ clipNorm: 0.5, groups: { biases: { clipNorm: 0.25 } } }, 10)
    expect(norm(clipped.slice(1, 3))).toBeCloseTo(0.25, 12)
    expect(norm([clipped[0]!, clipped[3]!])).toBeCloseTo(0.5, 12)
  })

  it('a group may be the only one that is clipped', () => {
    const [raw, clipped] = [first({}, 10), first({ groups: { biases: { clipNorm: 0.25 } } }, 10)]
    expect(norm(clipped.slice(1, 3))).toBeCloseTo(0.25, 12)
    expect([clipped[0], clipped[3]]).toEqual([raw[0], raw[3]])
  })

  it('a group with options of its own, but no norm, is clipped together with the rest', () => {
    const clipped = first({ clipNorm: 0.5, groups: { biases: { weightDecay: 0 }, heads: { beta: 0 } } }, 10)
    expect(norm(clipped)).toBeCloseTo(0.5, 12)
  })

  it('comes before everything else: s and the slots are those of the clipped gradient', () => {
    const given = { learningRate: 1, xi: 1, beta: 0, clipNorm: 0.5 }
    for (const base of [sgd({ momentum: 0.9 }), heavyBall(), adam(), rmsprop(), muon()]) {
      const clipping = optimizerOver(inducedMetric(base, given), tensors)
      const clipped = optimizerOver(inducedMetric(base, { learningRate: 1, xi: 1, beta: 0 }), tensors)
      const gradients = gradientsOf(clipping, 1, 3)
      const factor = 0.5 / norm(gradients)
      const { dualNorm } = clipping.step(gradients)
      expect(dualNorm / clipped.step(gradients.map((g) => g.map((x) => factor * x))).dualNorm).toBeCloseTo(
        1,
        9,
      )
      clipping.slots.forEach((slots, i) =>
        Object.entries(slots).forEach(([name, slot]) =>
          slot.forEach((x, j) => expect(x).toBeCloseTo(clipped.slots[i]![name]![j]!, 9)),
        ),
      )
    }
  })
})

describe('two embeddings that read the loss or not', () => {
  it('may be side by side', () => {
    const given = { ...options, embedding: identity(), groups: { heads: { embedding: log({ floor: 1 }) } } }
    const optimizer = run(adam(), given)
    expect(optimizer.report.units).toHaveLength(2)
    expect(optimizer.report.skipped).toBe(false)
  })
})

import { describe, expect, it } from 'vitest'
import {
  adagrad,
  adam,
  algebra,
  constant,
  cosine,
  cosineRestarts,
  createOptimizer,
  definePreconditioner,
  exponential,
  fromJSON,
  heavyBall,
  identity,
  inducedMetric,
  inverseSqrt,
  linear,
  lion,
  log,
  logDamped,
  muon,
  oneCycle,
  piecewise,
  rateFree,
  rmsprop,
  root,
  sgd,
  warmup,
  warmupStableDecay,
  type GroupOptions,
  type InducedMetricOptions,
  type Transformation,
} from '@induced-metric/core'
import { planStep } from '@induced-metric/core/adapter'
import { expectError, randomArray } from './support.js'

const one = (value = 1) => [{ name: 'w', shape: [1], data: new Float64Array([value]) }]

/** ξ at some steps of training. */
function xiAt(transformation: Transformation, steps: readonly number[]): number[] {
  const optimizer = createOptimizer(transformation, one())
  const found: number[] = []
  for (let step = 1; step <= Math.max(...steps); step++) {
    const { xi } = optimizer.step([Float64Array.of(0.1)], { loss: 1 })
    if (steps.includes(step)) found.push(xi)
  }
  return found
}

describe('ξ tied to the learning rate', () => {
  it.each<[string, InducedMetricOptions['learningRate'], number[]]>([
    ['a number', 0.3, [0.3, 0.3, 0.3]],
    ['constant', constant(0.3), [0.3, 0.3, 0.3]],
    ['linear down', linear({ from: 2, to: 0, steps: 4 }), [2, 2, 2]],
    ['linear up', linear({ from: 0, to: 2, steps: 4 }), [2, 2, 2]],
    ['cosine', cosine({ from: 2, steps: 4 }), [2, 2, 2]],
    ['piecewise', piecewise({ values: [1, 5, 2], boundaries: [2, 3] }), [5, 5, 5]],
    ['exponential decay', exponential({ from: 2, rate: 0.5 }), [2, 2, 2]],
    ['exponential growth, which has no peak', exponential({ from: 2, rate: 2 }), [2, 4, 8]],
    ['warmup', warmup(cosine({ from: 3, steps: 10 }), { steps: 2 }), [3, 3, 3]],
    ['warmup from above', warmup(1, { steps: 2, from: 4 }), [4, 4, 4]],
    ['one cycle', oneCycle({ peak: 3, steps: 10 }), [3, 3, 3]],
    ['warmup, stable, decay', warmupStableDecay({ peak: 3, warmup: 2, stable: 0, decay: 1 }), [3, 3, 3]],
    ['inverse square root', inverseSqrt({ from: 3, steps: 1 }), [3, 3, 3]],
    ['restarts', cosineRestarts({ from: 3, steps: 2, peakFactor: 0.5 }), [3, 3, 3]],
    ['restarts that grow, at each step', cosineRestarts({ from: 1, steps: 1, peakFactor: 2 }), [1, 2, 4]],
    ['a function, at each step', (step) => 1 / step, [1, 1 / 2, 1 / 3]],
    ['warmup into a function, at each step', warmup((step) => step, { steps: 1, from: 8 }), [8, 1, 2]],
  ])('is κ times the peak of the rate: %s', (_, learningRate, expected) => {
    const base = sgd()
    expect(xiAt(inducedMetric(base, { learningRate, xi: 'rate' }), [1, 2, 3])).toEqual(expected)
    const scaled = inducedMetric(base, { learningRate, xi: { perRate: 0.5 }, embedding: root() })
    expect(xiAt(scaled, [1, 2, 3])).toEqual(expected.map((xi) => xi / 2))
  })

  it('goes by the rate of each group, in every scope', () => {
    const parameters = ['a', 'b', 'c'].map((name) => ({
      name,
      shape: [1],
      data: new Float64Array([1]),
      ...(name === 'a' ? {} : { group: name }),
    }))
    for (const metricScope of ['global', 'group', 'parameter'] as const) {
      const transformation = inducedMetric(sgd(), {
        learningRate: 1,
        xi: 'rate',
        metricScope,
        groups: {
          b: { learningRate: 2 },
          c: { learningRate: linear({ from: 3, to: 0, steps: 9 }), xi: { perRate: 2 } },
        },
      })
      const optimizer = createOptimizer(transformation, parameters)
      for (let i = 0; i < 3; i++) {
        const { units } = optimizer.step(parameters.map(() => Float64Array.of(0.1)))
        expect(units!.map(({ xi }) => xi)).toEqual([1, 2, 6])
      }
    }
  })

  it('keeps its peak where a lower rate is set, and follows a higher one', () => {
    const optimizer = createOptimizer(
      inducedMetric(sgd(), { learningRate: 1, xi: 'rate', embedding: root() }),
      one(),
    )
    const xi = () => optimizer.step([Float64Array.of(0.1)], { loss: 1 }).xi
    expect(xi()).toBe(1)
    optimizer.learningRate = 0.1
    expect([xi(), optimizer.report.learningRate]).toEqual([1, 0.1])
    optimizer.learningRate = 10
    expect(xi()).toBe(10)
  })

  it('makes 1/(ηρ) = 1/η + κs/ℓ under root, and the step one of ℓ/s at most', () => {
    for (const learningRate of [1e-3, 1, 1e6]) {
      const optimizer = createOptimizer(
        inducedMetric(sgd(), { learningRate, xi: 'rate', beta: 0, embedding: root({ floor: 0.5 }) }),
        one(2),
      )
      const { scale } = optimizer.step([Float64Array.of(3)], { loss: 2.5 })
      expect(learningRate * scale).toBeCloseTo(1 / (1 / learningRate + 9 / 2), 12)
    }
  })

  it('scales decay by ρ by default; where ξ is not tied, only on request', () => {
    const decayed = (options: Partial<InducedMetricOptions>): number => {
      const optimizer = createOptimizer(
        inducedMetric(sgd(), { learningRate: 100, weightDecay: 0.01, embedding: root(), ...options }),
        one(1),
      )
      const { scale } = optimizer.step([Float64Array.of(1)], { loss: 1 })
      return (1 - 100 * scale - optimizer.parameters[0]!.data[0]!) / scale
    }
    // θ′ = θ − ηρ·g − (ρ or 1)·η·wd·θ, with η·wd·θ = 1.
    expect(decayed({ xi: 'rate' })).toBeCloseTo(1, 9)
    expect(decayed({ xi: { perRate: 1 } })).toBeCloseTo(1, 9)
    expect(decayed({ xi: 100, decayScaling: 'step' })).toBeCloseTo(1, 9)
    expect(decayed({ xi: 100 })).toBeCloseTo(101, 9)
    expect(decayed({ xi: 'rate', decayScaling: 'rate' })).toBeCloseTo(101, 9)
  })

  it('does not move at a loss that is not above the floor, by default', () => {
    const at = (options: Partial<InducedMetricOptions>) =>
      inducedMetric(sgd(), { learningRate: 1, ...options })
    expect(at({ xi: 'rate', embedding: root() }).settings.onBadLoss).toBe('zero')
    expect(at({ embedding: log({ floor: 'follow' }) }).settings.onBadLoss).toBe('zero')
    expect(at({ embedding: log(), averagedModel: true }).settings.onBadLoss).toBe('zero')
    expect(at({ embedding: root() }).settings.onBadLoss).toBe('throw')
    expect(at({ xi: 'rate', embedding: root(), onBadLoss: 'skip' }).settings.onBadLoss).toBe('skip')
    const optimizer = createOptimizer(at({ xi: 'rate', embedding: root() }), one())
    expect(optimizer.step([Float64Array.of(1)], { loss: 0 })).toMatchObject({ scale: 0, skipped: false })
    expect(optimizer.parameters[0]!.data[0]).toBe(1)
  })

  it('gives groups the defaults of their own options', () => {
    const group = (options: Partial<InducedMetricOptions>, own: GroupOptions) =>
      inducedMetric(sgd(), { learningRate: 1, ...options, groups: { b: own } }).groups['b']!
    expect(group({}, { xi: 'rate' })).toMatchObject({ onBadLoss: 'zero', decayScaling: 'step' })
    expect(group({ xi: 'rate' }, { xi: 1 })).toMatchObject({ onBadLoss: 'throw', decayScaling: 'rate' })
    expect(group({ xi: 'rate', onBadLoss: 'skip', decayScaling: 'rate' }, { learningRate: 2 })).toMatchObject(
      {
        onBadLoss: 'skip',
        decayScaling: 'rate',
      },
    )
  })
})

describe('as data', () => {
  it.each([
    inducedMetric(adam(), { learningRate: 0.1, xi: 'rate', embedding: root({ floor: 'follow' }) }),
    inducedMetric(lion(), {
      learningRate: 0.1,
      xi: { perRate: 2 },
      embedding: log({ floor: { follow: -1 } }),
    }),
    inducedMetric(muon({ rows: 'inputs' }), {
      learningRate: 0.1,
      xi: 0.5,
      decayScaling: 'step',
      averageWeights: 3,
    }),
    rateFree(adam(), { steps: 100, floor: 0.5, weightDecay: 0.1 }),
    rateFree(sgd({ momentum: 0.9 }), { learningRate: cosine({ from: 2, steps: 5 }), floor: 'follow' }),
    rateFree(adam(), { steps: 100, learningRate: 0.01 }),
    inducedMetric(sgd(), { learningRate: 1, risingCap: {}, groups: { a: { risingCap: { to: 2 } } } }),
    inducedMetric(sgd(), {
      learningRate: 0.1,
      xi: 'rate',
      averagedModel: true,
      decayScaling: 'rate',
      groups: {
        a: { averagedModel: false, decayScaling: 'step', startAxis: { weight: 2, steps: 3, power: 0 } },
      },
    }),
  ])('comes back the same: %#', (transformation) => {
    const text = JSON.stringify(transformation)
    const restored = fromJSON(JSON.parse(text))
    expect(JSON.stringify(restored)).toBe(text)
    const settings = ({ settings, groups }: Transformation) => JSON.stringify([settings, groups])
    expect(settings(restored)).toBe(settings(transformation))
  })

  it('is what was saved before there were such options', () => {
    const saved = inducedMetric(adam(), { learningRate: 0.1 }).toJSON()
    expect(Object.keys(saved)).not.toContain('decayScaling')
    expect(Object.keys(saved)).not.toContain('averagedModel')
  })

  it.each<[unknown, string]>([
    [
      { xi: 'rates' },
      "xi must be a finite number ≥ 0, or a function of the step that gives one, or 'auto', 'rate' or",
    ],
    [{ xi: {} }, 'xi.perRate must be'],
    [{ xi: { perRate: 0 } }, 'xi.perRate must be a finite number > 0'],
    [{ xi: { perRate: 1, per: 2 } }, 'per'],
    [{ decayScaling: 'both' }, 'decayScaling must be one of'],
    [{ averagedModel: 1 }, 'averagedModel must be true or false'],
    [{ startAxis: {} }, 'startAxis.weight must be'],
    [{ startAxis: { weight: 0 } }, 'startAxis.weight must be a finite number > 0'],
    [{ startAxis: { weight: 1, steps: 0.5 } }, 'startAxis.steps must be a whole number ≥ 1'],
    [{ startAxis: { weight: 1, power: -1 } }, 'startAxis.power must be'],
  ])('%j is refused', (options, words) => {
    expectError(() => inducedMetric(sgd(), { learningRate: 1, ...(options as object) }), 'ERR_OPTION', words)
  })

  it.each<[() => unknown, string]>([
    [() => root({ floor: 'follows' as never }), "'follow'"],
    [() => root({ floor: { follow: Infinity } }), 'root.floor.follow must be a finite number'],
    [() => muon({ rows: 'rows' as never }), "muon.rows must be 'outputs', 'inputs' or 'auto'"],
    [() => rateFree(adam(), { steps: 0 }), 'rateFree.steps must be a whole number ≥ 1, given 0'],
    [() => rateFree(adam(), { xi: 1 } as never), 'xi'],
    [() => rateFree(adam(), { risingCap: {} } as never), 'risingCap'],
    [
      () => definePreconditioner({ name: 'b', hyperparameters: { f: { kind: 'number', default: 0, follows: true } }, update: ({ gradient }) => ({ direction: gradient, slots: {} }) }), // prettier-ignore
      'only the floor of an embedding',
    ],
    [
      () => definePreconditioner({ name: 'b', hyperparameters: { rows: { kind: 'rows', default: 'auto' } }, update: ({ gradient }) => ({ direction: gradient, slots: {} }) }), // prettier-ignore
      'matrix: true',
    ],
  ])('%s is refused', (make, words) => {
    expectError(make, 'ERR_OPTION', words)
  })
})

describe('a cap below 1', () => {
  const capOf = (transformation: Transformation) => transformation.settings.risingCap

  it('rises to 1 in rateFree, as fast as steps may grow', () => {
    expect(capOf(rateFree(adam(), { learningRate: 0.5, steps: 600 }))).toEqual({ growth: 1.02, to: 1 })
    expect(capOf(rateFree(adam(), { learningRate: 0.5, steps: 60 }))).toEqual({ growth: 1.1, to: 1 })
    expect(capOf(rateFree(adam(), { learningRate: 0.5 }))).toEqual({ growth: 1.02, to: 1 })
    const own = { learningRate: 0.5, steps: 60, growthRate: 1.5 }
    expect(capOf(rateFree(adam(), own))).toEqual({ growth: 1.5, to: 1 })
  })

  it('is left as it is where nothing is to rise: at 1 and above, at 0, and on a schedule', () => {
    for (const learningRate of [1, 100, 0, cosine({ from: 0.1, steps: 9 })]) {
      expect(capOf(rateFree(adam(), { learningRate, steps: 600 }))).toBeUndefined()
    }
  })

  it('limits the step until it has risen: 1/t = 1/cap + s/ℓ', () => {
    const w = { name: 'w', shape: [1], data: Float64Array.of(0) }
    const options = { learningRate: 0.25, xi: 'rate', beta: 0, embedding: root() } as const
    const optimizer = createOptimizer(inducedMetric(sgd(), { ...options, risingCap: { growth: 2, to: 4 } }), [
      w,
    ])
    const steps = [1, 2, 3, 4, 5, 6, 7].map(() => {
      const { learningRate, scale } = optimizer.step([Float64Array.of(0.5)], { loss: 1 })
      return learningRate * scale
    })
    expect(steps).toEqual(
      [0.25, 0.5, 1, 2, 4, 4, 4].map((cap): unknown => expect.closeTo(1 / (1 / cap + 0.25), 14)),
    )
  })

  it('hardly matters to rateFree: a noisy quadratic ends within a half of the best loss, from η = .001 to 100', () => {
    const n = 100
    const curvature = Array.from({ length: n }, (_, i) => 1 / (i + 1))
    const train = (learningRate: number): number => {
      // Uniform numbers of variance 1.
      const draw = (seed: number) => randomArray('float64', n, seed).map((x) => x * Math.sqrt(3))
      const w = { name: 'w', shape: [n], data: draw(1) }
      const optimizer = createOptimizer(rateFree(adam(), { steps: 2000, learningRate }), [w])
      const lossOf = () => curvature.reduce((sum, h, i) => sum + (h * w.data[i]! ** 2) / 2, 0)
      for (let step = 1; step <= 2000; step++) {
        const noise = draw(step + 1)
        const gradient = w.data.map((x, i) => curvature[i]! * x + (Math.sqrt(curvature[i]!) * noise[i]!) / 10)
        optimizer.step([gradient], { loss: lossOf() })
      }
      optimizer.dispose()
      return lossOf()
    }
    const losses = [0.001, 0.01, 1, 100].map(train)
    expect(Math.min(...losses)).toBeGreaterThan(0)
    // With a cap that stays at .001 the largest is 150 times the smallest.
    expect(Math.max(...losses) / Math.min(...losses)).toBeLessThan(1.5)
  })
})

describe('the loss at the start', () => {
  const first = (losses: readonly number[]) => {
    const w = { name: 'w', shape: [1], data: Float64Array.of(1) }
    const options = { learningRate: 0.1, xi: 'rate', embedding: root(), startAxis: { weight: 9 } } as const
    const optimizer = createOptimizer(inducedMetric(sgd(), options), [w])
    return losses.map((loss) => {
      optimizer.step([Float64Array.of(1)], { loss })
      return optimizer.save().units[0]!.values!['firstLoss']
    })
  }

  it('is the first, where losses fall', () => {
    expect(first([5, 4, 3, 0.1])).toEqual([5, 5, 5, 5])
  })

  it('is the largest average of ten, where the first is that of an example which was right by chance', () => {
    const found = first([0.1, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1000])
    // .9·.01 + .1·4 over 1 − .9², and so on.
    expect(found[0]).toBe(0.1)
    for (const value of found.slice(1)) expect(value).toBeCloseTo(0.409 / 0.19, 12)
  })

  it('begins above the floor', () => {
    expect(first([-1, 0, 3, 1]).slice(1)).toEqual([0, 3, 3])
  })

  it('lets a network learn an example at a time, whatever the first example', () => {
    const learn = (seed: number): number => {
      // y = ⟨1, x⟩ by steps of one example, the first of which is right almost from the start.
      let state = seed
      const random = () => (state = (state * 16807) % 2147483647) / 1073741823.5 - 1
      const w = { name: 'w', shape: [5], data: new Float64Array(5) }
      const optimizer = createOptimizer(rateFree(adam(), { steps: 600 }), [w])
      for (let step = 1; step <= 600; step++) {
        const x = Float64Array.from({ length: 5 }, () => random() * (step === 1 ? 1e-3 : 1))
        const error = x.reduce((sum, value, i) => sum + value * (w.data[i]! - 1), 0)
        optimizer.step([x.map((value) => error * value)], { loss: error ** 2 / 2 })
      }
      return Math.max(...w.data.map((value) => Math.abs(value - 1)))
    }
    for (const seed of [1, 2, 3]) expect(learn(seed)).toBeLessThan(1e-3)
  })
})

describe('the averaged model', () => {
  it('is refused for a base that does not say how it averages, or not linearly', () => {
    const silent = definePreconditioner({
      name: 'silent',
      update: ({ gradient, slot }) => {
        const momentum = algebra.ema(slot('momentum'), gradient, 0.9)
        return { direction: algebra.sign(momentum), slots: { momentum } }
      },
    })
    const crooked = definePreconditioner({
      name: 'crooked',
      update: ({ gradient }) => ({ direction: gradient, average: algebra.square(gradient), slots: {} }),
    })
    for (const base of [silent(), crooked(), rmsprop({ momentum: 0.9 })]) {
      const transformation = inducedMetric(base, { learningRate: 1, embedding: root(), averagedModel: true })
      expectError(
        () => createOptimizer(transformation, one()),
        'ERR_NOT_SUPPORTED',
        base.name,
        'averagedModel',
      )
    }
  })

  it('is exact of a linear loss, whose model it is: ψ = L whatever the base averages', () => {
    // L = ⟨c, θ⟩ + 10: all its linearisations are L itself. Under root, ρ tells ψ: ψ = ξ⟨x̂,d⟩ρ/(1−ρ).
    const c = [0.5, -1.5]
    for (const base of [
      sgd(),
      sgd({ momentum: 0.9 }),
      heavyBall({ dampening: 0.3 }),
      heavyBall({ nesterov: true }),
      adam(),
      adam({ nesterov: true }),
      adagrad(),
      lion(),
      rmsprop(),
    ])
      // prettier-ignore
      for (const engine of ['wasm', 'reference'] as const) {
        const data = new Float64Array([1, 2])
        const optimizer = createOptimizer(
          inducedMetric(base, { learningRate: 0.05, xi: 'rate', embedding: root(), averagedModel: true }),
          [{ name: 'w', shape: [2], data }],
          { engine },
        )
        for (let step = 0; step < 12; step++) {
          const loss = c[0]! * data[0]! + c[1]! * data[1]! + 10
          const { scale, metric } = optimizer.step([Float64Array.from(c)], { loss })
          expect((metric * scale) / (1 - scale) / loss).toBeCloseTo(1, 9)
        }
      }
  })
})

describe('the layout of matrices', () => {
  const stepOf = (
    rows: 'outputs' | 'inputs' | 'auto' | undefined,
    rowsAre?: 'outputs' | 'inputs',
  ): number[] => {
    const data = new Float64Array(8)
    const transformation = inducedMetric(muon(rows === undefined ? {} : { rows }), { learningRate: 1, xi: 0 })
    const optimizer = createOptimizer(transformation, [
      { name: 'w', shape: [4, 2], data, ...(rowsAre && { rowsAre }) },
    ])
    optimizer.step([Float64Array.of(1, 2, 0, -1, 3, 1, -2, 1)])
    return [...data]
  }

  it('scales by √max(1, outputs/inputs): as the option says, else the parameter, else with outputs as rows', () => {
    const tall = stepOf(undefined)
    expect(stepOf('outputs')).toEqual(tall)
    expect(stepOf('auto', 'outputs')).toEqual(tall)
    expect(stepOf('outputs', 'inputs')).toEqual(tall)
    for (const wide of [stepOf('inputs'), stepOf('auto', 'inputs'), stepOf('inputs', 'outputs')])
      wide.forEach((x, i) => expect(x * Math.SQRT2).toBeCloseTo(tall[i]!, 12))
    expectError(() => stepOf('auto', 'columns' as never), 'ERR_OPTION', 'rowsAre')
  })
})

describe('structural hashes', () => {
  it('are those of the first release, so that checkpoints of before load', () => {
    const bases = { sgd: sgd(), momentum: sgd({ momentum: 0.9 }), heavyBall: heavyBall({ nesterov: true }),
      rmsprop: rmsprop({ centered: true, momentum: 0.5 }), adagrad: adagrad(), adam: adam(), nadam: adam({ nesterov: true }),
      lion: lion(), muon: muon(), plainMuon: muon({ nesterov: false }) } // prettier-ignore
    const parameters = [[3, 2], [2, 3], [2]].map((shape, i) => ({ name: `p${i}`, shape }))
    const found = Object.entries(bases).map(([name, base]) => {
      const plain = planStep(inducedMetric(base, { learningRate: 1 }), parameters)
      const options = {
        learningRate: 1,
        xi: 'rate',
        clipNorm: 1,
        weightDecay: 1,
        embedding: logDamped(),
      } as const
      const other = planStep(
        inducedMetric(base, options),
        parameters.map((parameter) => ({ ...parameter, rowsAre: 'inputs' as const })),
      )
      expect(other.hash).toBe(plain.hash)
      return [name, plain.hash]
    })
    expect(Object.fromEntries(found)).toEqual({
      sgd: '4edd0ea8871c74f3',
      momentum: 'c0f4fe32f894f4f1',
      heavyBall: '7b52d0660591786f',
      rmsprop: 'bc3b6ec1be3f6b13',
      adagrad: '01481b3f2b901621',
      adam: '7bfc77c06ec61bca',
      nadam: 'aeb0037a6baf03ca',
      lion: '28aa2cacd03d67b2',
      muon: 'b260da3d41af14b5',
      plainMuon: '4e36a8a7c880a797',
    })
  })

  it('let a checkpoint without the new state begin it', () => {
    const parameters = () => [{ name: 'w', shape: [2], data: new Float64Array([1, -1]) }]
    const before = createOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), parameters())
    for (let i = 0; i < 50; i++) before.step([Float64Array.of(1, 1)])
    const saved = before.save()
    expect(saved.units[0]).not.toHaveProperty('values')
    const followed = inducedMetric(adam(), {
      learningRate: 0.1,
      xi: 'rate',
      embedding: root({ floor: 'follow' }),
    })
    const [resumed, fresh] = [
      createOptimizer(followed, parameters()),
      createOptimizer(followed, parameters()),
    ]
    resumed.load(saved)
    for (const optimizer of [resumed, fresh]) optimizer.step([Float64Array.of(1, 1)], { loss: 2 })
    expect(resumed.save().units[0]!.values).toEqual(fresh.save().units[0]!.values)
    expect(resumed.save().units[0]!.values).toMatchObject({ losses: 1 })
  })

  it('identity without ξ is the base, whatever else may be tied', () => {
    expect(isPlain({ xi: 0, embedding: identity() })).toBe(true)
    expect(isPlain({ xi: 0, embedding: identity(), startAxis: { weight: 1 } })).toBe(false)
  })

  const isPlain = (options: Partial<InducedMetricOptions>): boolean =>
    !planStep(inducedMetric(sgd(), { learningRate: 1, ...options }), [{ name: 'w', shape: [1] }]).units[0]!
      .graph.metric
})

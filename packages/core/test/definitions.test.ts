import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  adam,
  algebra,
  createOptimizer,
  defineEmbedding,
  definePreconditioner,
  fromJSON,
  identity,
  inducedMetric,
  log,
  logDamped,
  muon,
  sgd,
  type Embedding,
  type Preconditioner,
} from '@induced-metric/core'
import { planStep } from '@induced-metric/core/adapter'
import { bits, expectError, gradientsOf, optimizerOver, randomArray, stateBits, thrownBy } from './support.js'

const { add, div, dot, ema, matmul, mul, pow, sqrt, square, sub, sum, transpose } = algebra

/** LAMB's layerwise trust ratio over Adam's direction: sums that feed back into the tensor. */
const trusting = definePreconditioner({
  name: 'trusting',
  hyperparameters: { beta1: { kind: 'number', default: 0.9 }, beta2: { kind: 'number', default: 0.99 } },
  update({ gradient: g, parameter, step, slot, beta1, beta2 }) {
    const m = ema(slot('m'), g, beta1)
    const v = ema(slot('v'), square(g), beta2)
    const unbias = (beta: algebra.Expr) => sub(1, pow(beta, step))
    const u = div(div(m, unbias(beta1)), add(sqrt(div(v, unbias(beta2))), 1e-6))
    const trust = div(sqrt(dot(parameter, parameter)), sqrt(dot(u, u)))
    return { direction: mul(trust, u), dual: mul(u, g), slots: { m, v } }
  },
})

/** (GGᵀ)·G, scaled by its norm: a base for matrices only, by both kinds of product. */
const cubic = definePreconditioner({
  name: 'cubic',
  matrix: true,
  hyperparameters: {},
  update({ gradient: g, rows, columns, tall }) {
    const product = tall ? matmul(g, matmul(transpose(g), g)) : matmul(matmul(g, transpose(g)), g)
    return { direction: mul(sqrt(div(rows, columns)), div(product, sqrt(dot(product, product)))), slots: {} }
  },
})

describe('a preconditioner of your own', () => {
  it.each([
    ['one form', {}, 1],
    ['another form where its gradient is clipped', { clipNorm: 1 }, 2],
    ['also where the model is averaged', { averagedModel: true, embedding: log() }, 1],
  ])('is recorded once per form: %s', (_, options, expected) => {
    let calls = 0
    const counted = definePreconditioner({
      name: 'counted',
      update({ gradient }) {
        calls++
        return { direction: gradient, average: gradient, slots: {} }
      },
    })
    const parameters = ['a', 'b', 'c'].map((name, i) => ({ name, shape: [i + 1] }))
    planStep(
      inducedMetric(counted(), {
        learningRate: 0.1,
        weightDecay: 0.1,
        decayMask: ['a'],
        metricScope: 'parameter',
        ...options,
      }),
      parameters,
    )
    expect(calls).toBe(expected)
  })

  it.each([5, 1024, 1300])('may use sums inside, as LAMB does: %d elements', (size) => {
    const data = randomArray('float64', size, 1)
    const expected = Float64Array.from(data)
    const optimizer = createOptimizer(
      inducedMetric(trusting(), { learningRate: 0.1, xi: 0.01, beta: 0 }),
      [{ name: 'w', shape: [size], data }],
      { engine: 'reference' },
    )
    const [m, v] = [new Float64Array(size), new Float64Array(size)]
    for (let t = 1; t <= 4; t++) {
      const g = randomArray('float64', size, 10 + t)
      const { scale, dualNorm } = optimizer.step([g])
      m.forEach((_, i) => (m[i] = 0.9 * m[i]! + 0.1 * g[i]!))
      v.forEach((_, i) => (v[i] = 0.99 * v[i]! + 0.01 * g[i]! ** 2))
      const u = m.map((x, i) => x / (1 - 0.9 ** t) / (Math.sqrt(v[i]! / (1 - 0.99 ** t)) + 1e-6))
      const trust = Math.hypot(...expected) / Math.hypot(...u)
      const s = Math.max(
        0,
        u.reduce((total, x, i) => total + x * g[i]!, 0),
      )
      expect(dualNorm).toBeCloseTo(s, 8)
      expect(scale).toBeCloseTo(1 / (1 + 0.01 * s), 10)
      expected.forEach((_, i) => (expected[i]! -= 0.1 * scale * trust * u[i]!))
      data.forEach((x, i) => expect(x).toBeCloseTo(expected[i]!, 10))
    }
  })

  it('whose inner sum is not finite is skipped', () => {
    const optimizer = optimizerOver(inducedMetric(trusting(), { learningRate: 0.1, xi: 0 }), [
      { name: 'w', shape: [3] },
    ])
    optimizer.step(gradientsOf(optimizer, 1))
    const before = stateBits(optimizer)
    // The parameter's own norm overflows: no gradient and no s does.
    optimizer.parameters[0]!.data.fill(1e200)
    const huge = bits(optimizer.parameters[0]!.data)
    expect(optimizer.step(gradientsOf(optimizer, 2)).skipped).toBe(true)
    expect(bits(optimizer.parameters[0]!.data)).toBe(huge)
    expect({ ...(stateBits(optimizer) as object), parameters: 0 }).toEqual({
      ...(before as object),
      parameters: 0,
    })
  })

  it.each([
    [2, 3],
    [3, 2],
    [4, 4],
    [1, 5],
    [40, 30],
  ])('may be for matrices: %d × %d', (rows, columns) => {
    const data = new Float64Array(rows * columns)
    const optimizer = createOptimizer(
      inducedMetric(cubic(), { learningRate: 1, xi: 0 }),
      [{ name: 'k', shape: [rows, columns], data }],
      { engine: 'reference' },
    )
    const g = randomArray('float64', rows * columns, 3)
    optimizer.step([g])
    const at = (i: number, j: number): number => g[i * columns + j]!
    const product: number[] = []
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let total = 0
        for (let k = 0; k < rows; k++)
          for (let l = 0; l < columns; l++) total += at(i, l) * at(k, l) * at(k, j)
        product.push(total)
      }
    }
    const factor = Math.sqrt(rows / columns) / Math.hypot(...product)
    data.forEach((x, i) => expect(x).toBeCloseTo(-factor * product[i]!, 10))
  })

  it('for matrices gives everything else to the fallback: vectors, scalars, and tensors of three axes', () => {
    const fallback = sgd({ momentum: 0.5 })
    const transformation = inducedMetric(cubic(), { learningRate: 0.1, fallback })
    const { parameters, profiles } = planStep(
      transformation,
      [[], [3], [2, 3], [1, 3], [2, 2, 2]].map((shape, i) => ({ name: `${i}`, shape })),
    )
    expect(parameters.map(({ profile }) => profiles[profile]!.base.name)).toEqual([
      'sgd',
      'sgd',
      'cubic',
      'cubic',
      'sgd',
    ])
  })

  it('gets its hyperparameters: numbers as expressions, switches and counts as they are', () => {
    const seen: unknown[] = []
    const base = definePreconditioner({
      name: 'seen',
      hyperparameters: {
        rate: { kind: 'number', default: 0.5, min: 0 },
        none: { kind: 'number', default: 0, zeroIsStructural: true },
        flag: { kind: 'boolean', default: true },
        count: { kind: 'integer', default: 3 },
      },
      update({ gradient, rate, none, flag, count }) {
        seen.push(rate.name, none.value, flag, count)
        return { direction: gradient, slots: {} }
      },
    })
    planStep(inducedMetric(base(), { learningRate: 1 }), [{ name: 'w', shape: [1] }])
    expect(seen.slice(0, 4)).toEqual(['base.rate', 0, true, 3])
    planStep(inducedMetric(base({ none: () => 0, flag: false }), { learningRate: 1 }), [
      { name: 'w', shape: [1] },
    ])
    expect(seen.slice(-4)).toEqual(['base.rate', undefined, false, 3])
  })

  it('has its schedules read at every step', () => {
    const scaled = definePreconditioner({
      name: 'scaled',
      hyperparameters: { by: { kind: 'number', default: 1 } },
      update: ({ gradient, by }) => ({ direction: mul(by, gradient), slots: {} }),
    })
    const data = new Float64Array([0])
    const transformation = inducedMetric(scaled({ by: (step) => 10 ** step }), { learningRate: 1, xi: 0 })
    const optimizer = createOptimizer(transformation, [{ name: 'w', shape: [1], data }], {
      engine: 'reference',
    })
    for (let i = 0; i < 3; i++) optimizer.step([new Float64Array([1])])
    expect(data[0]).toBe(-1110)
  })
})

describe("Muon's fallback", () => {
  const tensors = [
    { name: 'kernel', shape: [3, 4] },
    { name: 'bias', shape: [4] },
    { name: 'gain', shape: [] },
    { name: 'conv', shape: [2, 2, 3] },
  ]
  it.each<[string, Preconditioner | undefined]>([
    ['adam by default', undefined],
    ['what the options say', sgd({ momentum: 0.9 })],
  ])('is %s', (_, fallback) => {
    const common = { learningRate: 0.1, xi: 0 }
    const mixed = optimizerOver(inducedMetric(muon(), { ...common, ...(fallback && { fallback }) }), tensors)
    const plain = optimizerOver(inducedMetric(fallback ?? adam(), common), tensors)
    for (let step = 1; step <= 3; step++)
      for (const each of [mixed, plain]) each.step(gradientsOf(each, step))
    const same = tensors.map((_, i) => bits(mixed.parameters[i]!.data) === bits(plain.parameters[i]!.data))
    expect(same).toEqual([false, true, true, true])
    expect(mixed.slots.map((slots) => Object.keys(slots))).toEqual([
      ['momentum'],
      ...plain.slots.slice(1).map((slots) => Object.keys(slots)),
    ])
  })
})

describe('an embedding', () => {
  /** The first step's ρ for gradient 2, β = 0. */
  const factorOf = (embedding: Embedding, xi: number, loss?: number): number => {
    const transformation = inducedMetric(sgd(), { learningRate: 1, xi, beta: 0, embedding })
    const parameter = { name: 'w', shape: [1], data: new Float64Array([0]) }
    const optimizer = createOptimizer(transformation, [parameter], { engine: 'reference' })
    return optimizer.step([new Float64Array([2])], loss === undefined ? {} : { loss }).scale
  }
  const halfRoot = defineEmbedding({
    name: 'halfRoot',
    slope: (loss) => div(0.5, sqrt(loss)),
    descends: () => 1,
    domain: (loss) => loss,
  })
  const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true })
  const close = (got: number, expected: number): void => {
    expect(Math.abs(got / expected - 1)).toBeLessThan(1e-12)
  }

  it('√L of your own: ρ = 1/(1 + v̂/4L)', () => {
    fc.assert(
      fc.property(positive, positive, (xi, loss) =>
        close(factorOf(halfRoot(), xi, loss), 1 / (1 + (xi * 4) / (4 * loss))),
      ),
    )
  })

  it('identity: ρ = 1/(1 + v̂)', () => {
    fc.assert(fc.property(positive, (xi) => close(factorOf(identity(), xi), 1 / (1 + 4 * xi))))
  })

  it('log: ρ = ℓ/(ℓ² + v̂), and by its slopes', () => {
    const bySlopes = defineEmbedding({
      name: 'bySlopes',
      hyperparameters: { floor: { kind: 'number', default: 0 } },
      slope: (loss, { floor }) => div(1, sub(loss, floor)),
      descends: (loss, { floor }) => div(1, sub(loss, floor)),
    })
    fc.assert(
      fc.property(
        positive,
        positive,
        fc.double({ min: -100, max: 100, noNaN: true }),
        (xi, height, floor) => {
          const loss = floor + height
          const l = loss - floor
          fc.pre(l > 0)
          close(factorOf(log({ floor }), xi, loss), l / (l * l + 4 * xi))
          close(factorOf(bySlopes({ floor }), xi, loss), l / (l * l + 4 * xi))
        },
      ),
    )
  })

  it('logDamped: ρ = ℓ²/(ℓ² + v̂)', () => {
    fc.assert(
      fc.property(positive, positive, (xi, l) =>
        close(factorOf(logDamped(), xi, l), (l * l) / (l * l + 4 * xi)),
      ),
    )
  })

  it.each([1e-200, 1e-300, 1e200, 1e300])(
    'log and logDamped neither overflow nor vanish at a loss of %d',
    (loss) => {
      // ℓ² would be 0 or infinite.
      const xi = loss > 1 ? 1e10 : 1e-10
      const expected = 1 / (loss + (4 * xi) / loss)
      close(factorOf(log(), xi, loss), expected)
      const damped = factorOf(logDamped(), xi, loss)
      expect(damped).toBeGreaterThanOrEqual(0)
      expect(damped).toBeLessThanOrEqual(1)
    },
  )

  it('outside its domain, or with a factor below 0, has a bad loss', () => {
    const parameter = { name: 'w', shape: [1], data: new Float64Array([0]) }
    const linear = defineEmbedding({ name: 'linear', slope: () => 0, descends: (loss) => loss })
    for (const embedding of [halfRoot(), linear()]) {
      const transformation = inducedMetric(sgd(), { learningRate: 1, embedding })
      const optimizer = createOptimizer(transformation, [parameter], { engine: 'reference' })
      expectError(() => optimizer.step([new Float64Array([1])], { loss: -1 }), 'ERR_BAD_LOSS', embedding.name)
      expect(parameter.data[0]).toBe(0)
    }
  })

  it('whose factor is wrong by itself says so, and does not blame the loss', () => {
    const parameter = { name: 'w', shape: [1], data: new Float64Array([0]) }
    const broken = defineEmbedding({ name: 'broken', slope: () => NaN, descends: () => 1 })
    const optimizer = createOptimizer(inducedMetric(sgd(), { learningRate: 1, embedding: broken() }), [
      parameter,
    ])
    const step = (): unknown => optimizer.step([new Float64Array([1])])
    expectError(step, 'ERR_BAD_LOSS', 'broken', 'a factor that is negative or not finite', 'definition')
    expect(thrownBy(step).message).not.toMatch(/null|floor/)
    expect(parameter.data[0]).toBe(0)
  })

  it('that never reads the loss needs none', () => {
    const half = defineEmbedding({ name: 'half', slope: () => 0.5, descends: () => 1 })
    close(factorOf(half(), 1), 1 / (1 + 0.25 * 4))
  })

  it.each(['slope', 'descends', 'domain', 'factor'] as const)(
    'is scalar: a %s over tensors is refused',
    (part) => {
      const definition = { name: 'wrong', slope: () => 1, descends: () => 1 }
      const wrong = defineEmbedding({ ...definition, [part]: () => algebra.input('gradient', 'tensor') })
      const parameter = { name: 'w', shape: [1], data: new Float64Array([0]) }
      const transformation = inducedMetric(sgd(), { learningRate: 1, embedding: wrong() })
      expectError(() => createOptimizer(transformation, [parameter]), 'ERR_SHAPE', 'wrong', part, 'scalar')
    },
  )

  it('has hyperparameters that can be scheduled: the floor of log', () => {
    const transformation = inducedMetric(sgd(), {
      learningRate: 1,
      xi: 1,
      beta: 0,
      embedding: log({ floor: (step) => step / 10 }),
    })
    const parameter = { name: 'w', shape: [1], data: new Float64Array([0]) }
    const optimizer = createOptimizer(transformation, [parameter], { engine: 'reference' })
    for (let step = 1; step <= 3; step++) {
      const l = 2 - step / 10
      close(optimizer.step([new Float64Array([2])], { loss: 2 }).scale, l / (l * l + 4))
    }
  })

  it('comes back from JSON when it is passed to fromJSON', () => {
    const saved = inducedMetric(trusting(), { learningRate: 1, embedding: halfRoot() }).toJSON()
    expectError(() => fromJSON(saved), 'ERR_OPTION', '"trusting"', 'preconditioners: [yours]')
    expectError(
      () => fromJSON(saved, { preconditioners: [trusting] }),
      'ERR_OPTION',
      '"halfRoot"',
      'embeddings: [yours]',
    )
    const restored = fromJSON(saved, { preconditioners: [trusting], embeddings: [halfRoot] })
    expect(restored.toJSON()).toEqual(saved)
    expect(restored.settings.base.definition).toBe(trusting.definition)
  })
})

it('sum is not taken of what holds no tensor', () => {
  expectError(() => sum(1), 'ERR_SHAPE')
})

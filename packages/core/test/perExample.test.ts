import { describe, expect, it } from 'vitest'
import {
  adagrad,
  adam,
  algebra,
  createOptimizer,
  defineEmbedding,
  definePreconditioner,
  heavyBall,
  inducedMetric,
  linear,
  lion,
  log,
  logDamped,
  muon,
  perExample,
  rmsprop,
  root,
  sgd,
  type PerExampleOptimizer,
  type PerExampleOptions,
  type Preconditioner,
} from '@induced-metric/core'
import { arrayOf, bits, expectError, randomArray, type Dtype } from './support.js'

const bases: Readonly<Record<string, Preconditioner>> = {
  sgd: sgd(),
  'sgd with momentum': sgd({ momentum: 0.9 }),
  heavyBall: heavyBall(),
  'heavyBall, nesterov': heavyBall({ nesterov: true, dampening: 0.1 }),
  rmsprop: rmsprop(),
  'rmsprop, centered, with momentum': rmsprop({ centered: true, momentum: 0.5 }),
  adagrad: adagrad({ initialAccumulator: 0.1 }),
  adam: adam(),
  'adam, nesterov': adam({ nesterov: true }),
}
/** Those without momentum, whose step at ξ = 0 is −η P g. */
const plain = { sgd: sgd(), rmsprop: rmsprop(), adagrad: adagrad(), adam: adam({ beta1: 0 }) }

const N = 7

function weights(dtype: Dtype = 'float64', seed = 1) {
  const values = randomArray(dtype, N, seed)
  return [
    { name: 'a', shape: [2, 2], data: values.slice(0, 4) },
    { name: 'b', shape: [3], data: values.slice(4) },
  ]
}

const flat = (parameters: readonly { readonly data: ArrayLike<number> }[]): number[] =>
  parameters.flatMap(({ data }) => Array.from(data))

/** Jᵀw */
function transposed(rows: ArrayLike<number>, w: readonly number[], n = N): number[] {
  return Array.from({ length: n }, (_, k) => w.reduce((sum, x, i) => sum + x * rows[i * n + k]!, 0))
}

/** x with A x = b, by elimination with pivots. */
function denseSolve(matrix: readonly (readonly number[])[], b: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, b[i]!])
  rows.forEach((_, k) => {
    const best = rows
      .slice(k)
      .reduce((most, row, i) => (Math.abs(row[k]!) > Math.abs(rows[most]![k]!) ? k + i : most), k)
    ;[rows[k], rows[best]] = [rows[best]!, rows[k]!]
    rows.forEach((row, i) => {
      if (i === k) return
      const share = row[k]! / rows[k]![k]!
      row.forEach((_, j) => (row[j]! -= share * rows[k]![j]!))
    })
  })
  return rows.map((row, k) => row[b.length]! / row[k]!)
}

const steps = Array.from({ length: 4 }, (_, i) => i)
const gap = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i]!) / (1 + Math.abs(b[i]!))))

describe('the step', () => {
  it.each(Object.entries(plain).flatMap(([name, base]) => [5, 7, 20].map((B) => ({ name, base, B }))))(
    'is the dense N × N solve, with the P of $name and $B examples',
    ({ base, B }) => {
      const [eta, xi] = [0.3, 2]
      const own = weights()
      const optimizer = perExample(base, own, { learningRate: eta, xi })
      const reference = createOptimizer(inducedMetric(base, { learningRate: 1, xi: 0 }), weights())
      for (const i of steps) {
        const rows = randomArray('float64', B * N, 10 + i)
        const residuals = [...randomArray('float64', B, 20 + i)]
        const gradient = transposed(
          rows,
          residuals.map((r) => r / B),
        )
        // The base's own step tells its P.
        const at = flat(reference.parameters)
        reference.step([Float64Array.from(gradient.slice(0, 4)), Float64Array.from(gradient.slice(4))])
        const P = flat(reference.parameters).map((x, k) => (at[k]! - x) / gradient[k]!)
        const matrix = P.map((p, k) =>
          P.map((_, l) => {
            const sum = residuals.reduce((sum, _, i) => sum + rows[i * N + k]! * rows[i * N + l]!, 0)
            return (xi / B) * sum + (k === l ? 1 / p : 0)
          }),
        )
        const before = flat(own)
        const expected = denseSolve(matrix, gradient).map((d, k) => before[k]! - eta * d)
        optimizer.step(rows, { residuals })
        expect(gap(flat(own), expected)).toBeLessThan(1e-9)
      }
    },
  )

  it('is that of Levenberg and Marquardt on least squares, with the damping 1/ξ', () => {
    const [xs, ys] = [
      [0, 1, 2, 3, 4],
      [2, 1.1, 0.7, 0.45, 0.2],
    ]
    const damping = 0.01
    const data = new Float64Array([1, 0])
    const optimizer = perExample(sgd(), [{ name: 'ab', shape: [2], data }], { learningRate: 1 / damping })
    let [a, b] = [1, 0]
    for (let step = 0; step < 12; step++) {
      const rows = xs.flatMap((x) => [Math.exp(data[1]! * x), data[0]! * x * Math.exp(data[1]! * x)])
      optimizer.step(Float64Array.from(rows), {
        residuals: xs.map((x, i) => data[0]! * Math.exp(data[1]! * x) - ys[i]!),
      })
      // (λ + JᵀJ/B) δ = −Jᵀr/B, by Cramer's rule.
      let [aa, ab, bb, ra, rb] = [damping, 0, damping, 0, 0]
      xs.forEach((x, i) => {
        const [da, db] = [Math.exp(b * x), a * x * Math.exp(b * x)]
        const r = a * Math.exp(b * x) - ys[i]!
        aa += (da * da) / 5
        ab += (da * db) / 5
        bb += (db * db) / 5
        ra += (da * r) / 5
        rb += (db * r) / 5
      })
      const determinant = aa * bb - ab * ab
      ;[a, b] = [a - (bb * ra - ab * rb) / determinant, b - (aa * rb - ab * ra) / determinant]
      expect(gap([...data], [a, b])).toBeLessThan(1e-11)
    }
    expect(optimizer.report.loss).toBeLessThan(2e-3)
  })

  const embeddings = {
    identity: undefined,
    root: root({ floor: -1 }),
    log: log({ floor: -1 }),
    logDamped: logDamped({ floor: -1 }),
  }
  it.each(
    Object.entries(bases).flatMap(([name, base]) =>
      Object.keys(embeddings).map((key) => ({ name, base, key })),
    ),
  )('of one example is the step with one axis: $name, $key', ({ base, key }) => {
    const embedding = embeddings[key as keyof typeof embeddings]
    const options = { learningRate: 0.3, xi: 2, ...(embedding && { embedding }) }
    const [own, others] = [weights(), weights()]
    const optimizer = perExample(base, own, options)
    const one = createOptimizer(inducedMetric(base, { ...options, beta: 0 }), others)
    for (const i of steps) {
      const row = randomArray('float64', N, 30 + i)
      const loss = 1 + i / 3
      const report = optimizer.step(row, { losses: [loss] })
      const expected = one.step([row.slice(0, 4), row.slice(4)], { loss })
      expect(gap(flat(own), flat(others))).toBeLessThan(1e-12)
      expect(report.scale).toBeCloseTo(expected.scale, 12)
      expect(report.dualNorm).toBeCloseTo(expected.dualNorm, 10)
      expect(report).toMatchObject({
        step: i + 1,
        loss,
        learningRate: 0.3,
        xi: 2,
        skipped: false,
        skippedSteps: 0,
      })
    }
  })

  it.each(
    Object.entries(bases).flatMap(([name, base]) =>
      (['float32', 'float64'] as const).map((dtype) => ({ name, base, dtype })),
    ),
  )('with ξ = 0 is the step of the base, bit for bit: $name, $dtype', ({ base, dtype }) => {
    const [own, others] = [weights(dtype), weights(dtype)]
    const optimizer = perExample(base, own, { learningRate: 0.3, xi: 0 })
    const reference = createOptimizer(inducedMetric(base, { learningRate: 0.3, xi: 0 }), others, {
      engine: 'reference',
    })
    for (const i of steps) {
      // Two examples of one gradient, whose mean has no rounding.
      const row = randomArray(dtype, N, 40 + i)
      const report = optimizer.step(arrayOf(dtype, [...row, ...row]), { losses: [1, 2] })
      const expected = reference.step([row.slice(0, 4), row.slice(4)])
      expect(own.map(({ data }) => bits(data))).toEqual(others.map(({ data }) => bits(data)))
      expect(report).toEqual({ ...expected, loss: 1.5 })
    }
    expect(optimizer.save()).toEqual(reference.save())
  })

  it('goes over into the step of the base as ξ goes to 0', () => {
    for (const base of Object.values(bases)) {
      const [own, others] = [weights(), weights()]
      const optimizer = perExample(base, own, { learningRate: 0.3, xi: 1e-14 })
      const plain = perExample(base, others, { learningRate: 0.3, xi: 0 })
      for (const i of steps) {
        const rows = randomArray('float64', 3 * N, 50 + i)
        for (const one of [optimizer, plain]) one.step(rows, { residuals: [1, -2, 0.5] })
      }
      expect(gap(flat(own), flat(others))).toBeLessThan(1e-10)
    }
  })

  it('with a huge ξ is that of Gauss and Newton, which solves a linear problem at once', () => {
    // Fewer examples than weights, then more.
    for (const B of [4, 30]) {
      const own = weights()
      const rows = randomArray('float64', B * N, 60)
      // One of them says what two others do: a system that only the 1 keeps regular.
      for (let k = 0; k < N; k++) rows[2 * N + k] = rows[k]! + rows[N + k]!
      const truth = [...randomArray('float64', N, 61)]
      const residualsAt = (): number[] =>
        Array.from({ length: B }, (_, i) =>
          flat(own).reduce((sum, x, k) => sum + rows[i * N + k]! * (x - truth[k]!), 0),
        )
      perExample(sgd(), own, { learningRate: 1e20 }).step(rows, { residuals: residualsAt() })
      expect(Math.max(...residualsAt().map(Math.abs))).toBeLessThan(1e-9)
    }
  })
})

describe('invariances', () => {
  const B = 6
  const rows = [...randomArray('float64', B * N, 70)]
  const residuals = [...randomArray('float64', B, 71)]
  const row = (i: number): number[] => rows.slice(i * N, (i + 1) * N)
  const after = (
    given: readonly number[],
    targets: Parameters<PerExampleOptimizer['step']>[1],
    options: Partial<PerExampleOptions> = {},
    base: Preconditioner = adam(),
  ): number[] => {
    const own = weights()
    const optimizer = perExample(base, own, { learningRate: 3, ...options })
    steps.forEach(() => optimizer.step(Float64Array.from(given), targets))
    return flat(own)
  }
  const before = after(rows, { residuals })

  it('examples in another order', () => {
    const order = [3, 0, 5, 1, 4, 2]
    expect(
      gap(after(order.flatMap(row), { residuals: order.map((i) => residuals[i]!) }), before),
    ).toBeLessThan(1e-9)
  })

  it('residuals of the other sign', () => {
    const signs = [1, -1, -1, 1, 1, -1]
    const given = signs.flatMap((sign, i) => row(i).map((x) => sign * x))
    expect(gap(after(given, { residuals: residuals.map((r, i) => signs[i]! * r) }), before)).toBeLessThan(
      1e-9,
    )
  })

  it('residuals that are turned into one another', () => {
    const [c, s] = [Math.cos(1), Math.sin(1)]
    const turn = (a: number, b: number): [number, number] => [c * a - s * b, s * a + c * b]
    const turned = row(0).map((x, k) => turn(x, row(1)[k]!))
    const given = [...turned.map(([x]) => x), ...turned.map(([, x]) => x), ...rows.slice(2 * N)]
    const [first, second] = turn(residuals[0]!, residuals[1]!)
    expect(gap(after(given, { residuals: [first, second, ...residuals.slice(2)] }), before)).toBeLessThan(
      1e-9,
    )
  })

  it('every example twice', () => {
    const twice = { residuals: [...residuals, ...residuals] }
    expect(gap(after([...rows, ...rows], twice), before)).toBeLessThan(1e-9)
  })

  it('a loss in other units, L → 4L with η → η/4', () => {
    const expected = after(rows, { residuals }, { learningRate: 4 }, sgd())
    const given = after(
      rows.map((x) => 2 * x),
      { residuals: residuals.map((r) => 2 * r) },
      { learningRate: 1 },
      sgd(),
    )
    expect(gap(given, expected)).toBeLessThan(1e-12)
  })

  it('a loss in other units, where η = ξ is per loss', () => {
    const options = { learningRate: { perLoss: 2 } }
    const expected = after(rows, { residuals }, options, sgd())
    const twice = rows.map((x) => 3 * x)
    const given = after(twice, { residuals: residuals.map((r) => 3 * r) }, options, sgd())
    expect(gap(given, expected)).toBeLessThan(1e-12)
  })

  it('losses under f = √(2L) as residuals', () => {
    const half = defineEmbedding({
      name: 'half',
      slope: (loss) => algebra.div(1, algebra.sqrt(algebra.mul(2, loss))),
      descends: () => 1,
      domain: (loss) => loss,
    })
    const gradients = residuals.flatMap((r, i) => row(i).map((x) => r * x))
    const losses = residuals.map((r) => r ** 2 / 2)
    expect(gap(after(gradients, { losses }, { embedding: half() }), before)).toBeLessThan(1e-9)
  })

  it('rows in blocks by parameter, of either element type', () => {
    const own = weights()
    const optimizer = perExample(adam(), own, { learningRate: 3 })
    const blocks = [[0, 4] as const, [4, N] as const].map(([from, to]) =>
      Float64Array.from(residuals.flatMap((_, i) => row(i).slice(from, to))),
    )
    steps.forEach(() => optimizer.step(blocks, { residuals: Float64Array.from(residuals) }))
    expect(flat(own)).toEqual(before)
    const single = weights('float32')
    const inSingle = perExample(adam(), single, { learningRate: 3 })
    steps.forEach(() => inSingle.step(Float64Array.from(rows), { residuals }))
    expect(gap(flat(single), before)).toBeLessThan(1e-3)
    expect(gap(flat(single), before)).toBeGreaterThan(0)
  })

  it('counts examples, not rows, where an example has several residuals', () => {
    const options = { learningRate: 0.3 }
    const expected = after(
      rows.map((x) => x * Math.SQRT2),
      { residuals: residuals.map((r) => r * Math.SQRT2) },
      options,
      sgd(),
    )
    expect(gap(after(rows, { residuals, examples: 3 }, options, sgd()), expected)).toBeLessThan(1e-12)
    expect(gap(after(rows, { residuals }, options, sgd()), expected)).toBeGreaterThan(1e-2)
  })
})

describe('rates', () => {
  const rows = randomArray('float64', 2 * N, 110)

  it('per loss are those of the mean loss at the step, and both 1/L unless told otherwise', () => {
    const [own, others] = [weights(), weights()]
    const report = perExample(sgd(), own).step(rows, { residuals: [1, 3] })
    expect(report).toMatchObject({ loss: 2.5, learningRate: 0.4, xi: 0.4 })
    perExample(sgd(), others, { learningRate: 0.4, xi: 0.4 }).step(rows, { residuals: [1, 3] })
    expect(flat(own)).toEqual(flat(others))
    const mixed = perExample(sgd(), weights(), { learningRate: (step) => step, xi: { perLoss: 5 } })
    expect(mixed.step(rows, { residuals: [1, 3] })).toMatchObject({ learningRate: 1, xi: 2 })
    expect(mixed.step(rows, { residuals: [1, 3] })).toMatchObject({ learningRate: 2, xi: 2 })
  })

  it('per loss stand still at a loss of 0, and refuse one below', () => {
    const own = weights()
    const before = flat(own)
    const optimizer = perExample(sgd(), own)
    expect(optimizer.step(rows, { residuals: [0, 0] })).toMatchObject({
      step: 1,
      learningRate: 0,
      skipped: false,
    })
    expectError(() => optimizer.step(rows, { losses: [1, -2] }), 'ERR_BAD_LOSS', 'perLoss', '-0.5')
    expect(flat(own)).toEqual(before)
  })
})

describe('errors', () => {
  const rows = randomArray('float64', 2 * N, 80)
  const residuals = [1, -1]

  it.each([
    ['ERR_OPTION', () => perExample(sgd(), weights(), { xi: { perLoss: -1 } }), ['xi.perLoss', '-1']],
    [
      'ERR_OPTION',
      () => perExample(sgd(), weights(), { xi: { perRate: 1 } as never }),
      ['perRate', 'perLoss'],
    ],
    [
      'ERR_OPTION',
      () => perExample(sgd(), weights(), { learningRate: null as never }),
      ['learningRate', 'null'],
    ],
    ['ERR_OPTION', () => perExample(sgd(), weights(), { learningRate: -1 }), ['learningRate', '-1']],
    ['ERR_OPTION', () => perExample(sgd(), weights(), { learningRate: 1, xi: NaN }), ['xi', 'NaN']],
    [
      'ERR_OPTION',
      () => perExample(sgd(), weights(), { learningRate: 1, xi: 'auto' as never }),
      ['xi', 'auto'],
    ],
    [
      'ERR_OPTION',
      () => perExample(sgd(), weights(), { learningRate: 1, beta: 0 } as never),
      ['no option "beta"'],
    ],
    [
      'ERR_OPTION',
      () => perExample(sgd(), weights(), { learningRate: 1, onBadLoss: 'base' as never }),
      ['onBadLoss'],
    ],
    ['ERR_OPTION', () => perExample(sgd as never, weights(), { learningRate: 1 }), ['call it']],
    ['ERR_NOT_SUPPORTED', () => perExample(muon(), weights(), { learningRate: 1 }), ['muon', 'matrices']],
    ['ERR_NOT_SUPPORTED', () => perExample(lion(), weights(), { learningRate: 1 }), ['lion', 'adam']],
  ] as const)('%s when it is made: %s', (code, make, words) => {
    expectError(make, code, ...words)
  })

  it.each([
    ['ERR_OPTION', rows, {}, ['either']],
    ['ERR_OPTION', rows, { residuals, losses: residuals }, ['either']],
    ['ERR_OPTION', rows, { residuals, loss: 1 }, ['"loss"']],
    ['ERR_OPTION', rows, { losses: residuals, examples: 2 }, ['examples']],
    ['ERR_OPTION', rows, { residuals, examples: 0 }, ['examples', '0']],
    ['ERR_SHAPE', rows, { residuals, examples: 3 }, ['2 of 3']],
    ['ERR_OPTION', rows, { residuals: ['1', '2'] }, ['residuals', 'numbers']],
    ['ERR_SHAPE', rows, { residuals: [] }, ['residuals', 'empty']],
    ['ERR_SHAPE', rows, { residuals: [1, 2, 3] }, ['21 elements', '3 rows × 7', 'given 14']],
    ['ERR_SHAPE', [...rows], { residuals }, ['2 parameters', '14 blocks']],
    ['ERR_SHAPE', [rows, rows], { residuals }, ['block 0', '8 elements', 'given 14']],
    ['ERR_SHAPE', new Int32Array(14), { residuals }, ['Int32Array']],
    ['ERR_NON_FINITE', rows, { residuals: [NaN, 1] }, ['skip']],
    ['ERR_NON_FINITE', rows.map(() => 1e200), { residuals }, ['skip']],
  ] as const)('%s in a step, which then has changed nothing: %#', (code, given, targets, words) => {
    const own = weights()
    const optimizer = perExample(adam(), own, { learningRate: 1, onNonFinite: 'throw' })
    optimizer.step(rows, { residuals })
    const before = [own.map(({ data }) => bits(data)), optimizer.save(), optimizer.report]
    expectError(() => optimizer.step(given as never, targets as never), code, ...words)
    expect([own.map(({ data }) => bits(data)), optimizer.save(), optimizer.report]).toEqual(before)
  })

  it('a floor that follows', () => {
    const options = { learningRate: 1, embedding: root({ floor: 'follow' }) } as const
    expectError(() => perExample(sgd(), weights(), options), 'ERR_NOT_SUPPORTED', 'floor')
  })

  it('a residual for which there is an embedding', () => {
    const optimizer = perExample(sgd(), weights(), { learningRate: 1, embedding: log() })
    expectError(() => optimizer.step(rows, { residuals }), 'ERR_OPTION', 'log', 'losses')
  })

  it('takes rows or weights up to 512, and refuses more of both', () => {
    const step = (count: number, size: number) => {
      const data = new Float64Array(size)
      const rows = new Float64Array(count * size)
      return perExample(sgd(), [{ name: 'w', shape: [size], data }]).step(rows, {
        residuals: new Float64Array(count),
      })
    }
    for (const [count, size] of [
      [2, 600],
      [600, 2],
    ] as const)
      expect(step(count, size).step).toBe(1)
    expectError(() => step(513, 514), 'ERR_OPTION', '512', '513 rows', '514 weights', 'createOptimizer')
  })

  it('a schedule that leaves its range', () => {
    const optimizer = perExample(sgd(), weights(), { learningRate: 1, xi: (step) => 1 - step })
    optimizer.step(rows, { residuals })
    expectError(() => optimizer.step(rows, { residuals }), 'ERR_OPTION', 'xi', 'step 2')
  })

  it.each([
    ['a residual', rows, [1, Infinity]],
    ['a row', arrayOf('float64', [NaN, ...rows.slice(1)]), residuals],
    ['a product', rows.map(() => 1e160), residuals],
  ])('skips a step whose numbers are not finite: %s', (_, given, numbers) => {
    const [own, others] = [weights(), weights()]
    const optimizer = perExample(adam(), own, { learningRate: 1 })
    const undisturbed = perExample(adam(), others, { learningRate: 1 })
    for (const one of [optimizer, undisturbed]) one.step(rows, { residuals })
    const report = optimizer.step(given, { residuals: numbers })
    expect(report).toMatchObject({ step: 1, skipped: true, skippedSteps: 1, scale: 0 })
    expect(optimizer.save()).toEqual({ ...undisturbed.save(), skippedSteps: 1 })
    for (const one of [optimizer, undisturbed]) one.step(rows, { residuals })
    expect(own.map(({ data }) => bits(data))).toEqual(others.map(({ data }) => bits(data)))
    expect(optimizer.report).toEqual({ ...undisturbed.report, skippedSteps: 1 })
  })

  it('a weight that would overflow', () => {
    const own = weights('float32')
    const before = own.map(({ data }) => bits(data))
    const report = perExample(sgd(), own, { learningRate: 1e30, xi: 0.001 }).step(
      rows.map((x) => x * 1e-3),
      {
        residuals: [1e15, 1e15],
      },
    )
    expect(report.skipped).toBe(true)
    expect(own.map(({ data }) => bits(data))).toEqual(before)
  })

  it('a loss outside of the domain', () => {
    const bad = { losses: [1, 0] }
    const make = (onBadLoss: 'throw' | 'skip' | 'zero') => {
      const own = weights()
      const optimizer = perExample(sgd(), own, {
        learningRate: 1,
        embedding: log(),
        onBadLoss,
        onNonFinite: 'throw',
      })
      return { own, optimizer, before: flat(own) }
    }
    const thrown = make('throw')
    expectError(() => thrown.optimizer.step(rows, bad), 'ERR_BAD_LOSS', 'log', 'example 1', "'zero'")
    expect(flat(thrown.own)).toEqual(thrown.before)
    const skipped = make('skip')
    expect(skipped.optimizer.step(rows, bad)).toMatchObject({ step: 0, skipped: true, skippedSteps: 1 })
    expect(flat(skipped.own)).toEqual(skipped.before)
    // The one that is left, as one of two: half of ξ, and half of the step.
    const [left, single] = [make('zero'), weights()]
    left.optimizer.step(rows, bad)
    perExample(sgd(), single, { learningRate: 0.5, xi: 0.5, embedding: log() }).step(rows.slice(0, N), {
      losses: [1],
    })
    expect(gap(flat(left.own), flat(single))).toBeLessThan(1e-14)
  })

  it('is disposed of', () => {
    const optimizer = perExample(sgd(), weights(), { learningRate: 1 })
    optimizer.dispose()
    expectError(() => optimizer.step(rows, { residuals }), 'ERR_DISPOSED')
    expectError(() => optimizer.save(), 'ERR_DISPOSED')
    expectError(() => optimizer.load({} as never), 'ERR_DISPOSED')
  })
})

describe('state', () => {
  const rows = (i: number) => randomArray('float64', 3 * N, 90 + i)
  const residuals = [1, -1, 0.5]

  it.each(Object.entries(bases))('continues from a checkpoint, bit for bit: %s', (_, base) => {
    const options = { learningRate: linear({ from: 1, to: 0.5, steps: 10 }) }
    const own = weights()
    const optimizer = perExample(base, own, options)
    for (const i of steps) optimizer.step(rows(i), { residuals })
    const saved = optimizer.save()
    const others = own.map((parameter) => ({ ...parameter, data: parameter.data.slice() }))
    const resumed = perExample(base, others, options)
    resumed.load(saved)
    for (const one of [optimizer, resumed]) for (const i of steps) one.step(rows(i + 4), { residuals })
    expect(others.map(({ data }) => bits(data))).toEqual(own.map(({ data }) => bits(data)))
    expect(resumed.report).toEqual(optimizer.report)
    expect(resumed.save()).toEqual(optimizer.save())
  })

  it.each(Object.entries(bases))(
    'after a reset it takes the steps of a new one, bit for bit: %s',
    (_, base) => {
      const own = weights()
      const used = perExample(base, own, { learningRate: 0.5 })
      used.step(rows(0), { residuals: [NaN, 0, 0] })
      for (const i of steps) used.step(rows(i), { residuals })
      used.reset()
      const others = own.map((parameter) => ({ ...parameter, data: parameter.data.slice() }))
      const fresh = perExample(base, others, { learningRate: 0.5 })
      expect(used.report).toEqual(fresh.report)
      for (const one of [used, fresh]) for (const i of steps) one.step(rows(i + 4), { residuals })
      expect(own.map(({ data }) => bits(data))).toEqual(others.map(({ data }) => bits(data)))
      expect(used.report).toEqual(fresh.report)
      expect(used.save()).toEqual(fresh.save())
      used.dispose()
      expectError(() => used.reset(), 'ERR_DISPOSED')
    },
  )

  it('continues from an optimiser with one axis whose parameters have other step counts', () => {
    const own = weights()
    const one = createOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), own, { engine: 'reference' })
    const gradient = rows(0)
    one.step([gradient.slice(0, 4), gradient.slice(4, N)])
    one.step([gradient.slice(0, 4), null])
    const optimizer = perExample(adam(), own, { learningRate: 0.1, xi: 0 })
    optimizer.load(one.save())
    const tied = perExample(
      adam(),
      own.map((p) => ({ ...p, data: p.data.slice() })),
      { learningRate: 0.1, xi: 1e-13 },
    )
    tied.load(one.save())
    for (const each of [optimizer, tied]) each.step(rows(1), { residuals })
    expect(optimizer.save().parameters.map(({ steps }) => steps)).toEqual([3, 2])
    expect(tied.save()).toEqual(optimizer.save())
    expect(tied.report.scale).toBeCloseTo(1, 10)
    expectError(
      () => optimizer.load(perExample(sgd(), weights(), { learningRate: 1 }).save()),
      'ERR_CHECKPOINT',
    )
  })
})

describe('bases of your own', () => {
  const { abs, add, div, ema, mul, sign, square } = algebra
  const half = { kind: 'number', default: 0.5 } as const
  const absprop = definePreconditioner({
    name: 'absprop',
    hyperparameters: { decay: half },
    update({ gradient: g, slot, decay }) {
      const size = ema(slot('size'), abs(g), decay)
      return { direction: div(g, add(size, 1e-8)), slots: { size } }
    },
  })
  // The average is written once more where it is used.
  const twice = definePreconditioner({
    name: 'twice',
    hyperparameters: { decay: half },
    update({ gradient: g, slot, decay }) {
      const size = () => ema(slot('size'), abs(g), decay)
      const m = ema(slot('m'), g, decay)
      const dual = div(mul(g, g), add(size(), 1e-8))
      return { direction: div(m, add(size(), 1e-8)), dual, slots: { size: size(), m } }
    },
  })

  it.each([
    definePreconditioner({
      name: 'summed',
      update: ({ gradient: g, total }) => ({ direction: mul(total(square(g)), g), slots: {} }),
    }),
    definePreconditioner({
      name: 'lossy',
      update: ({ gradient: g, loss }) => ({ direction: mul(loss, g), slots: {} }),
    }),
    definePreconditioner({
      name: 'countdown',
      update: ({ gradient: g, slot }) => {
        const left = slot('left', { shape: 'scalar', initial: 1 })
        return { direction: mul(left, g), slots: { left: div(left, 2) } }
      },
    }),
  ])('are refused where a step needs more than elements: %#', (base) => {
    expectError(
      () => perExample(base(), weights(), { learningRate: 1 }),
      'ERR_NOT_SUPPORTED',
      base.definition.name,
      'take sgd',
    )
  })

  it.each([absprop(), twice()])('are taken where P is diagonal: $name', (base) => {
    const [own, others] = [weights(), weights()]
    const row = randomArray('float64', N, 100)
    perExample(base, own, { learningRate: 0.3, xi: 2 }).step(row, { losses: [1] })
    const one = createOptimizer(inducedMetric(base, { learningRate: 0.3, xi: 2, beta: 0 }), others)
    one.step([row.slice(0, 4), row.slice(4)])
    expect(gap(flat(own), flat(others))).toBeLessThan(1e-12)
  })

  it.each([
    definePreconditioner({
      name: 'signed',
      update: ({ gradient: g }) => ({ direction: sign(g), slots: {} }),
    }),
    definePreconditioner({
      name: 'cubed',
      update: ({ gradient: g }) => ({ direction: mul(g, square(g)), slots: {} }),
    }),
    definePreconditioner({
      name: 'shifted',
      update: ({ gradient: g }) => ({ direction: add(g, 1), slots: {} }),
    }),
    definePreconditioner({
      name: 'inverse',
      update: ({ gradient: g }) => ({ direction: div(1, g), slots: {} }),
    }),
    definePreconditioner({
      name: 'quotient',
      update: ({ gradient: g }) => ({ direction: div(square(g), g), slots: {} }),
    }),
  ])('are refused where it is not seen to be', (base) => {
    const { name } = base.definition
    expectError(
      () => perExample(base(), weights(), { learningRate: 1 }),
      'ERR_NOT_SUPPORTED',
      name,
      'diagonal',
    )
  })
})

import { describe, expect, it } from 'vitest'
import {
  adagrad,
  adam,
  algebra,
  createOptimizer,
  definePreconditioner,
  heavyBall,
  identity,
  inducedMetric,
  lion,
  log,
  logDamped,
  muon,
  rmsprop,
  sgd,
  type InducedMetricOptions,
  type Optimizer,
  type TypedArray,
} from '@induced-metric/core'
import {
  arrayOf,
  bits,
  expectError,
  gradientsOf,
  optimizerOver,
  stateBits,
  thrownBy,
  type Dtype,
} from './support.js'

const bases = {
  sgd: sgd(),
  'sgd with momentum': sgd({ momentum: 0.9 }),
  heavyBall: heavyBall(),
  rmsprop: rmsprop({ centered: true, momentum: 0.5 }),
  adagrad: adagrad(),
  adam: adam(),
  lion: lion(),
  muon: muon(),
}
const tensors = [
  { name: 'kernel', shape: [3, 4] },
  { name: 'bias', shape: [4] },
]
const options: InducedMetricOptions = { learningRate: 0.1, xi: 0.3, weightDecay: 0.01 }
const over = (embedding = identity(), more: Partial<InducedMetricOptions> = {}, base = adam()): Optimizer =>
  optimizerOver(inducedMetric(base, { ...options, embedding, ...more }), tensors)

/** Takes some good steps, with a loss that falls. */
function train(optimizer: Optimizer, from: number, to: number): void {
  for (let step = from; step <= to; step++) optimizer.step(gradientsOf(optimizer, step), { loss: 3 / step })
}

describe('gradients', () => {
  const kernel = new Float64Array(12)
  const bias = new Float64Array(4)
  it.each<[what: string, gradients: unknown, ...words: string[]]>([
    ['none', [], '2 gradients', 'given 0'],
    ['too few', [kernel], '2 gradients', 'given 1'],
    ['too many', [kernel, bias, bias], '2 gradients', 'given 3'],
    ['no array', undefined, '2 gradients', 'given undefined'],
    ['one array in place of a list', kernel, '2 gradients', 'Float64Array'],
    ['a record', { kernel, bias }, '2 gradients', 'an object'],
    ['one that is too short', [kernel, new Float64Array(3)], '"bias"', '4 elements', 'given 3'],
    ['one that is too long', [new Float64Array(13), bias], '"kernel"', '12 elements', 'given 13'],
    ['an empty one', [kernel, new Float64Array(0)], '"bias"', '4 elements', 'given 0'],
    ['one of the other precision', [kernel, new Float32Array(4)], '"bias"', 'Float64Array', 'Float32Array'],
    ['one of integers', [new Int32Array(12), bias], '"kernel"', 'Float64Array', 'Int32Array'],
    ['a plain array', [kernel, [1, 2, 3, 4]], '"bias"', 'Float64Array', 'array of length 4'],
    ['undefined', [kernel, undefined], '"bias"', 'undefined'],
    // oxlint-disable-next-line no-sparse-arrays
    ['a hole', [, bias], '"kernel"', 'undefined'],
    ['a number', [kernel, 3], '"bias"', '3'],
    ['a DataView', [kernel, new DataView(new ArrayBuffer(32))], '"bias"', 'DataView'],
  ])('%s: ERR_SHAPE, and nothing changes', (_, gradients, ...words) => {
    const optimizer = over()
    train(optimizer, 1, 3)
    const before = stateBits(optimizer)
    const report = optimizer.report
    expectError(() => optimizer.step(gradients as TypedArray[]), 'ERR_SHAPE', ...words)
    expect(stateBits(optimizer)).toEqual(before)
    expect(optimizer.report).toBe(report)
  })

  it('may be views into larger buffers, and are only read', () => {
    const [one, two] = [over(), over()]
    const gradients = gradientsOf(one, 1)
    const buffer = new Float64Array(100)
    buffer.set(gradients[0]!, 7)
    buffer.set(gradients[1]!, 41)
    const views = [buffer.subarray(7, 19), buffer.subarray(41, 45)]
    const before = bits(buffer)
    one.step(gradients)
    two.step(views)
    expect(stateBits(two)).toEqual(stateBits(one))
    expect(bits(buffer)).toBe(before)
  })

  it('may be the parameter itself, as on L = ½|θ|²', () => {
    for (const base of [sgd(), adam(), muon()]) {
      const [one, two] = [over(identity(), {}, base), over(identity(), {}, base)]
      for (let i = 0; i < 3; i++) {
        one.step(one.parameters.map(({ data }) => data))
        two.step(two.parameters.map(({ data }) => data.slice()))
      }
      expect(stateBits(one)).toEqual(stateBits(two))
    }
  })
})

describe('a missing gradient', () => {
  it.each(Object.entries(bases))('leaves value, slots and count of its parameter alone: %s', (_, base) => {
    const optimizer = over(identity(), {}, base)
    train(optimizer, 1, 2)
    const before = optimizer.save()
    const bias = bits(optimizer.parameters[1]!.data)
    const [gradient] = gradientsOf(optimizer, 3)
    const report = optimizer.step([gradient!, null])
    const after = optimizer.save()
    expect(bits(optimizer.parameters[1]!.data)).toBe(bias)
    expect(after.parameters[1]).toEqual(before.parameters[1])
    expect(after.parameters[0]!.steps).toBe(3)
    expect(after.units[0]!.steps).toBe(3)
    expect(report).toMatchObject({ step: 3, skipped: false })
  })

  it('does not enter s', () => {
    const optimizer = over(identity(), {}, sgd())
    const [gradient] = gradientsOf(optimizer, 1)
    const { dualNorm } = optimizer.step([gradient!, null])
    expect(dualNorm).toBeCloseTo(
      [...gradient!].reduce((sum, g) => sum + g * g, 0),
      12,
    )
  })

  it('lets a parameter count its own steps: one that joins late starts its bias corrections at 1', () => {
    const late = over(identity(), { xi: 0 })
    train(late, 1, 5)
    const [late2, fresh] = [over(identity(), { xi: 0 }), over(identity(), { xi: 0 })]
    for (let step = 1; step <= 5; step++) late2.step([gradientsOf(late2, step)[0]!, null])
    late2.step(gradientsOf(late2, 6))
    fresh.step(gradientsOf(fresh, 6))
    expect(bits(late2.parameters[1]!.data)).toBe(bits(fresh.parameters[1]!.data))
    expect(late2.save().parameters.map(({ steps }) => steps)).toEqual([6, 1])
  })

  it('everywhere: the step is skipped, whatever the loss', () => {
    const optimizer = over(log())
    train(optimizer, 1, 2)
    const before = stateBits(optimizer)
    for (const loss of [1, NaN]) {
      expect(optimizer.step([null, null], { loss })).toMatchObject({ skipped: true, step: 2, scale: 0 })
    }
    expect(stateBits(optimizer)).toEqual(before)
    expect(optimizer.report.skippedSteps).toBe(2)
  })
})

describe('the loss', () => {
  it.each([
    ['log', log()],
    ['logDamped', logDamped()],
  ])('is required by %s', (name, embedding) => {
    const optimizer = over(embedding)
    train(optimizer, 1, 2)
    const before = stateBits(optimizer)
    for (const given of [undefined, {}, { loss: undefined }]) {
      const step = () => optimizer.step(gradientsOf(optimizer, 3), given as { loss: number })
      expectError(step, 'ERR_LOSS_REQUIRED', name, 'loss')
    }
    expect(stateBits(optimizer)).toEqual(before)
  })

  it('is required when any group reads it', () => {
    const transformation = inducedMetric(sgd(), { learningRate: 0.1, groups: { b: { embedding: log() } } })
    const optimizer = optimizerOver(transformation, [tensors[0]!, { ...tensors[1]!, group: 'b' }])
    expectError(() => optimizer.step(gradientsOf(optimizer, 1)), 'ERR_LOSS_REQUIRED', 'log')
  })

  it.each(['0.5', null, [0.5], {}, 1n, true])('must be a number, not %o', (loss) => {
    const optimizer = over(log())
    const before = stateBits(optimizer)
    expectError(
      () => optimizer.step(gradientsOf(optimizer, 1), { loss: loss as number }),
      'ERR_OPTION',
      'loss',
    )
    expect(stateBits(optimizer)).toEqual(before)
  })

  it.each([[{ Loss: 1 }], [{ loss: 1, lr: 2 }], [1], [null]])(
    'comes in an object of options: %o',
    (given) => {
      const optimizer = over()
      const step = () => optimizer.step(gradientsOf(optimizer, 1), given as unknown as { loss: number })
      expectError(step, 'ERR_OPTION', 'step')
    },
  )

  it.each([NaN, Infinity, -1, undefined])('never matters to identity: %o', (loss) => {
    const [one, two] = [over(), over()]
    one.step(gradientsOf(one, 1), loss === undefined ? {} : { loss })
    two.step(gradientsOf(two, 1), { loss: 1 })
    expect(stateBits(one)).toEqual(stateBits(two))
    expect(one.report).toMatchObject({ skipped: false, loss: loss ?? null })
  })
})

describe.each([
  ['log', log],
  ['logDamped', logDamped],
])('a loss at or below the floor of %s', (_, embedding) => {
  const cases = [
    [0, 0],
    [0, -1e-300],
    [0, -5],
    [2, 2],
    [2, 1.5],
    [-3, -4],
  ] as const

  it.each(cases)("onBadLoss 'throw' (default): floor %d, loss %d", (floor, loss) => {
    const optimizer = over(embedding({ floor }))
    train2(optimizer, floor)
    const before = stateBits(optimizer)
    const step = () => optimizer.step(gradientsOf(optimizer, 3), { loss })
    expectError(step, 'ERR_BAD_LOSS', `${loss}`, 'floor', "'skip', 'base' or 'zero'")
    expect(stateBits(optimizer)).toEqual(before)
    expect(optimizer.report).toMatchObject({ step: 2, skipped: false, skippedSteps: 0 })
  })

  it.each(cases)("onBadLoss 'skip': floor %d, loss %d", (floor, loss) => {
    const optimizer = over(embedding({ floor }), { onBadLoss: 'skip' })
    train2(optimizer, floor)
    const before = stateBits(optimizer)
    const report = optimizer.step(gradientsOf(optimizer, 3), { loss })
    expect(report).toMatchObject({ step: 2, skipped: true, skippedSteps: 1, scale: 0, loss })
    expect(stateBits(optimizer)).toEqual(before)
  })

  it.each(cases)("onBadLoss 'base': floor %d, loss %d takes the base's step", (floor, loss) => {
    const optimizer = over(embedding({ floor }), { onBadLoss: 'base' })
    const plain = over(identity(), { xi: 0 })
    const gradients = gradientsOf(optimizer, 1)
    expect(optimizer.step(gradients, { loss })).toMatchObject({ scale: 1, skipped: false, step: 1 })
    plain.step(gradients)
    expect(optimizer.parameters.map(({ data }) => bits(data))).toEqual(
      plain.parameters.map(({ data }) => bits(data)),
    )
  })

  it.each(cases)("onBadLoss 'zero': floor %d, loss %d decays, and lets the slots go on", (floor, loss) => {
    const optimizer = over(embedding({ floor }), { onBadLoss: 'zero' })
    const plain = over(identity(), { xi: 0 })
    const expected = optimizer.parameters.map(({ data }) => data.map((x) => x - 0.1 * 0.01 * x))
    const gradients = gradientsOf(optimizer, 1)
    expect(optimizer.step(gradients, { loss })).toMatchObject({ scale: 0, skipped: false, step: 1 })
    plain.step(gradients)
    expect(optimizer.slots).toEqual(plain.slots)
    optimizer.parameters.forEach(({ data }, i) =>
      data.forEach((x, j) => expect(x).toBeCloseTo(expected[i]![j]!, 14)),
    )
  })

  function train2(optimizer: Optimizer, floor: number): void {
    for (let step = 1; step <= 2; step++)
      optimizer.step(gradientsOf(optimizer, step), { loss: floor + 3 / step })
  }
})

describe('something that is not finite', () => {
  const fine = (): void => {}
  const poisons: [what: string, spoil: (gradients: TypedArray[]) => void, loss: number][] = [
    ['a NaN in a gradient', ([, g]) => void (g![1] = NaN), 1],
    ['an Infinity in a gradient', ([g]) => void (g![11] = Infinity), 1],
    ['a −Infinity in a gradient', ([g]) => void (g![0] = -Infinity), 1],
    ['two infinities that cancel', ([g]) => void g!.fill(Infinity, 0, 1).fill(-Infinity, 1, 2), 1],
    ['a gradient of NaN alone', ([g]) => void g!.fill(NaN), 1],
  ]
  const losses: typeof poisons = [
    ['a NaN loss', fine, NaN],
    ['an infinite loss', fine, Infinity],
    ['a loss of −Infinity', fine, -Infinity],
  ]
  const names = Object.keys(bases) as (keyof typeof bases)[]
  const every = names.flatMap((name) =>
    ([log(), identity()] as const).flatMap((embedding) =>
      [...poisons, ...(embedding.name === 'log' ? losses : [])].map(
        ([what, spoil, loss]) => [name, embedding.name, what, spoil, loss, embedding] as const,
      ),
    ),
  )

  it.each(every)('%s, %s: %s is skipped as if it had never been', (name, _, __, spoil, loss, embedding) => {
    const [hit, spared] = [over(embedding, {}, bases[name]), over(embedding, {}, bases[name])]
    for (const optimizer of [hit, spared]) train(optimizer, 1, 3)
    const before = stateBits(hit)
    for (let i = 1; i <= 2; i++) {
      const gradients = gradientsOf(hit, 4)
      spoil(gradients)
      expect(hit.step(gradients, { loss })).toMatchObject({
        step: 3,
        scale: 0,
        skipped: true,
        skippedSteps: i,
        loss,
      })
      expect(stateBits(hit)).toEqual(before)
    }
    // The average of s is not poisoned either: training continues as if nothing had happened.
    for (const optimizer of [hit, spared]) train(optimizer, 5, 8)
    expect(stateBits(hit)).toEqual(stateBits(spared))
    expect(hit.report).toEqual({ ...spared.report, skippedSteps: 2 })
  })

  it.each(every)(
    "%s, %s: %s is an error with onNonFinite: 'throw'",
    (name, _, what, spoil, loss, embedding) => {
      const optimizer = over(embedding, { onNonFinite: 'throw' }, bases[name])
      train(optimizer, 1, 2)
      const before = stateBits(optimizer)
      const gradients = gradientsOf(optimizer, 3)
      spoil(gradients)
      const error = thrownBy(() => optimizer.step(gradients, { loss }))
      expect(error.code).toBe('ERR_NON_FINITE')
      expect(error.message).toContain(what.includes('loss') ? `the loss is ${loss}` : 'a gradient')
      expect(stateBits(optimizer)).toEqual(before)
      expect(optimizer.report).toMatchObject({ step: 2, skippedSteps: 0 })
    },
  )

  it.each(names)('is found without the metric too, at ξ = 0: %s', (name) => {
    const optimizer = over(identity(), { xi: 0 }, bases[name])
    train(optimizer, 1, 2)
    const before = stateBits(optimizer)
    for (const [, spoil] of poisons) {
      const gradients = gradientsOf(optimizer, 3)
      spoil(gradients)
      expect(optimizer.step(gradients).skipped).toBe(true)
    }
    expect(stateBits(optimizer)).toEqual(before)
  })

  it('is found by clipping: NaN and infinities are not clipped to something finite', () => {
    for (const value of [NaN, Infinity, 1e200]) {
      const optimizer = over(identity(), { clipNorm: 1 })
      const before = stateBits(optimizer)
      const gradients = gradientsOf(optimizer, 1)
      gradients[1]![0] = value
      // The square of 1e200 overflows, and with it the norm.
      expect(optimizer.step(gradients).skipped).toBe(true)
      expect(stateBits(optimizer)).toEqual(before)
    }
  })

  it.each<[name: keyof typeof bases, dtype: Dtype, size: number, skipped: boolean]>([
    ['sgd', 'float32', 1e30, true],
    ['sgd', 'float64', 1e30, false],
    ['sgd', 'float64', 1e200, true],
    ['heavyBall', 'float32', 1e30, true],
    ['adam', 'float32', 1e30, true],
    ['adam', 'float64', 1e30, false],
    ['adagrad', 'float32', 1e30, true],
    ['lion', 'float32', 1e30, true],
    ['lion', 'float64', 1e30, false],
    ['muon', 'float32', 1e30, true],
    ['sgd', 'float32', 1e-30, false],
    ['adam', 'float32', 1e-30, false],
    ['muon', 'float32', 1e-30, false],
    ['lion', 'float32', 1e-30, false],
  ])('is found in s: %s, %s, gradients of %d: skipped %o', (name, dtype, size, skipped) => {
    const transformation = inducedMetric(bases[name], options)
    const optimizer = optimizerOver(transformation, tensors, { dtype })
    const before = stateBits(optimizer)
    const gradients = optimizer.parameters.map(({ data }) =>
      arrayOf(
        dtype,
        Array.from(data, () => size),
      ),
    )
    const report = optimizer.step(gradients)
    expect(report.skipped).toBe(skipped)
    if (skipped) expect(stateBits(optimizer)).toEqual(before)
    for (const { data } of optimizer.parameters) expect(data.every((x) => Number.isFinite(x))).toBe(true)
  })
})

describe('the report', () => {
  it('is there before the first step', () => {
    expect(over().report).toMatchObject({ step: 0, loss: null, skipped: false, skippedSteps: 0 })
  })

  it('tells what the step did', () => {
    const optimizer = over(log({ floor: 0.5 }), { beta: 0 }, sgd())
    const gradients = gradientsOf(optimizer, 1)
    const report = optimizer.step(gradients, { loss: 2 })
    const s = gradients.flatMap((g) => [...g]).reduce((sum, g) => sum + g * g, 0)
    expect(report).toBe(optimizer.report)
    expect(report).toMatchObject({
      step: 1,
      loss: 2,
      learningRate: 0.1,
      xi: 0.3,
      skipped: false,
      skippedSteps: 0,
    })
    expect(report.dualNorm).toBeCloseTo(s, 12)
    expect(report.metric).toBeCloseTo(0.3 * s, 12)
    expect(report.scale).toBeCloseTo(1.5 / (1.5 ** 2 + 0.3 * s), 12)
    expect(report.units).toBeUndefined()
  })

  it('of one step is not changed by the next', () => {
    const optimizer = over()
    const report = optimizer.step(gradientsOf(optimizer, 1))
    const copy = { ...report }
    optimizer.step(gradientsOf(optimizer, 2))
    expect(report).toEqual(copy)
  })

  it('has no dual norm where none is computed', () => {
    const optimizer = over(identity(), { xi: 0 })
    expect(optimizer.step(gradientsOf(optimizer, 1))).toMatchObject({
      scale: 1,
      metric: 0,
      dualNorm: NaN,
      xi: 0,
    })
  })
})

describe('a negative s, as momentum can make it where a base does not give its average,', () => {
  const signed = definePreconditioner({
    name: 'signed',
    update({ gradient, slot }) {
      const momentum = algebra.ema(slot('momentum'), gradient, 0.9)
      return { direction: algebra.sign(momentum), slots: { momentum } }
    },
  })

  it('counts as 0, in the report and in the average', () => {
    const tensor = [{ name: 'w', shape: [2, 2] }]
    for (const base of [signed()]) {
      const transformation = inducedMetric(base, { learningRate: 0.1, xi: 1, beta: 0.5 })
      const optimizer = optimizerOver(transformation, tensor)
      const along = new Float64Array([1, 2, -1, 1])
      for (let i = 0; i < 5; i++) expect(optimizer.step([along]).dualNorm).toBeGreaterThan(0)
      const { average } = optimizer.save().units[0]!
      const report = optimizer.step([along.map((g) => -g / 100)])
      expect(report.dualNorm).toBe(0)
      expect(optimizer.save().units[0]!.average).toBe(0.5 * average)
      expect(report.scale).toBeGreaterThan(0)
      expect(report.scale).toBeLessThanOrEqual(1)
    }
  })

  it('counts as 0 in the sum, not tensor by tensor', () => {
    const transformation = inducedMetric(signed(), { learningRate: 0.1, xi: 1, beta: 0 })
    const optimizer = optimizerOver(transformation, [
      { name: 'a', shape: [1] },
      { name: 'b', shape: [1] },
    ])
    for (let i = 0; i < 5; i++) optimizer.step([new Float64Array([1]), new Float64Array([1])])
    const { dualNorm } = optimizer.step([new Float64Array([-0.0625]), new Float64Array([0.5])])
    expect(dualNorm).toBe(0.5 - 0.0625)
  })
})

describe('after dispose()', () => {
  it.each<[string, (optimizer: Optimizer) => unknown]>([
    ['step', (optimizer) => optimizer.step(gradientsOf(optimizer, 1))],
    ['save', (optimizer) => optimizer.save()],
    ['load', (optimizer) => optimizer.load({} as never)],
    ['slots', (optimizer) => optimizer.slots],
  ])('%s is ERR_DISPOSED', (_, use) => {
    const optimizer = over()
    train(optimizer, 1, 1)
    optimizer.dispose()
    expectError(() => use(optimizer), 'ERR_DISPOSED')
  })

  it('dispose() again does nothing, and the caller keeps the parameters', () => {
    const data = new Float64Array([1])
    const optimizer = createOptimizer(inducedMetric(sgd(), options), [{ name: 'w', shape: [1], data }])
    optimizer.step([new Float64Array([1])])
    optimizer.dispose()
    expect(() => optimizer.dispose()).not.toThrow()
    expect(data[0]).toBeLessThan(1)
  })
})

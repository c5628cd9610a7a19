import { describe, expect, it } from 'vitest'
import {
  adam,
  algebra,
  asgd,
  createOptimizer,
  dadaptation,
  definePreconditioner,
  dog,
  encodeCheckpoint,
  fromJSON,
  ftrl,
  inducedMetric,
  lars,
  linear,
  lion,
  madgrad,
  mars,
  momo,
  muon,
  nadam,
  polyak,
  prodigy,
  rateFree,
  scheduleFree,
  sgd,
  type Optimizer,
  type Preconditioner,
} from '@induced-metric/core'
import { planStep } from '@induced-metric/core/adapter'
import { bits, expectError, randomArray } from './support.js'

const engines = ['reference', 'wasm'] as const

function optimizerOf(
  base: Preconditioner,
  options: Partial<Parameters<typeof inducedMetric>[1]> = {},
  engine: 'reference' | 'wasm' = 'reference',
): Optimizer {
  const transformation = inducedMetric(base, { learningRate: 0.25, xi: 0, ...options })
  const parameters = [
    { name: 'w', shape: [2, 3], data: randomArray('float64', 6, 1) },
    { name: 'b', shape: [3], data: randomArray('float64', 3, 2), group: 'other' },
  ]
  return createOptimizer(transformation, parameters, { engine })
}

const gradients = (seed: number): Float64Array[] => [
  randomArray('float64', 6, seed) as Float64Array,
  randomArray('float64', 3, seed + 100) as Float64Array,
]

/** All that a step may change, as text. */
function stateOf(optimizer: Optimizer): string {
  const { skippedSteps: _, ...state } = optimizer.save()
  const checkpoint = Buffer.from(encodeCheckpoint({ ...state, skippedSteps: 0 })).toString('hex')
  return [...optimizer.parameters.map(({ data }) => bits(data)), checkpoint].join()
}

const all: readonly Preconditioner[] = [
  nadam(),
  asgd(),
  lars(),
  mars(),
  madgrad(),
  madgrad({ momentum: 0 }),
  ftrl({ l1: 0.01 }),
  prodigy(),
  dadaptation(),
  dog(),
  dog({ layerwise: true }),
  polyak(),
  momo(),
  scheduleFree(adam({ beta1: 0 })),
]

describe.each(engines)('on the %s engine', (engine) => {
  it.each(all.map((base) => [base.name, base] as const))(
    '%s leaves all of its state as it is where a gradient is not finite',
    (_, base) => {
      const optimizer = optimizerOf(base, {}, engine)
      optimizer.step(gradients(3), { loss: 2 })
      const before = stateOf(optimizer)
      const bad = gradients(4)
      bad[1]![2] = NaN
      expect(optimizer.step(bad, { loss: 1 }).skipped).toBe(true)
      expect(stateOf(optimizer)).toBe(before)
    },
  )

  it.each(all.map((base) => [base.name, base] as const))(
    '%s takes steps at a learning rate of 0, and with gradients of 0, that move nothing',
    (_, base) => {
      const optimizer = optimizerOf(base, {}, engine)
      optimizer.learningRate = 0
      const start = optimizer.parameters.map(({ data }) => bits(data))
      for (let i = 0; i < 3; i++) expect(optimizer.step(gradients(i), { loss: 1 }).skipped).toBe(false)
      optimizer.parameters.forEach(({ data }, i) => expect(bits(data)).toBe(start[i]))
      const zeros = [new Float64Array(6), new Float64Array(3)]
      const resting = optimizerOf(base, {}, engine)
      for (let i = 0; i < 3; i++) expect(resting.step(zeros, { loss: 1 }).skipped).toBe(false)
      for (const { data } of resting.parameters) expect(data.every(Number.isFinite)).toBe(true)
    },
  )

  it('ftrl comes back from a learning rate of 0 as if those steps had not been', () => {
    const [a, b] = [optimizerOf(ftrl(), {}, engine), optimizerOf(ftrl(), {}, engine)] as [
      Optimizer,
      Optimizer,
    ]
    for (const seed of [1, 2]) a.step(gradients(seed))
    b.step(gradients(1))
    b.learningRate = 0
    b.step(gradients(7))
    b.learningRate = 0.25
    b.step(gradients(2))
    a.parameters.forEach(({ data }, i) => expect(bits(b.parameters[i]!.data)).toBe(bits(data)))
  })

  it('asgd evaluates the mean of the weights after the steps from averageFrom + 2 on, decay and all', () => {
    const optimizer = optimizerOf(asgd({ averageFrom: 2 }), { weightDecay: 0.5 }, engine)
    const seen: Float64Array[] = []
    for (let t = 1; t <= 8; t++) {
      optimizer.step(gradients(t))
      seen.push(optimizer.parameters[0]!.data.slice() as Float64Array)
      const averaged = optimizer.withEvaluationWeights(() => optimizer.parameters[0]!.data.slice())
      // The third step's weights are the first of the average, and the fourth's take their place: the factor is 1 for both.
      const counted = t <= 4 ? [seen[t - 1]!] : seen.slice(3)
      averaged.forEach((value, i) => {
        const mean = counted.reduce((sum, weights) => sum + weights[i]!, 0) / counted.length
        expect(value).toBeCloseTo(mean, 13)
      })
    }
  })

  it('scheduleFree evaluates the average of z, and the parameter lies between it and z', () => {
    const optimizer = optimizerOf(scheduleFree(sgd(), { beta: 0.75, ratePower: 0 }), {}, engine)
    const fast: Float64Array[] = []
    for (let t = 1; t <= 5; t++) {
      optimizer.step(gradients(t))
      fast.push(optimizer.slots[0]!['z']!.slice() as Float64Array)
      const average = optimizer.withEvaluationWeights(() => optimizer.parameters[0]!.data.slice())
      average.forEach((value, i) => {
        const mean = fast.reduce((sum, z) => sum + z[i]!, 0) / fast.length
        expect(value).toBeCloseTo(mean, 13)
        expect(optimizer.parameters[0]!.data[i]).toBeCloseTo(0.75 * mean + 0.25 * fast.at(-1)![i]!, 13)
      })
    }
  })

  it('scheduleFree starts at a learning rate of 0, as a warm-up does', () => {
    const optimizer = optimizerOf(
      scheduleFree(adam({ beta1: 0 })),
      { learningRate: linear({ from: 0, to: 0.1, steps: 4 }) },
      engine,
    )
    const start = bits(optimizer.parameters[0]!.data)
    optimizer.step(gradients(1))
    expect(bits(optimizer.parameters[0]!.data)).toBe(start)
    optimizer.step(gradients(2))
    expect(bits(optimizer.parameters[0]!.data)).not.toBe(start)
  })

  it('the estimates of prodigy, dadaptation and dog are those of a group', () => {
    for (const base of [prodigy({ initialDistance: 0.01 }), dadaptation({ initialDistance: 0.01 }), dog()]) {
      const alone = optimizerOf(base, { groups: { other: { learningRate: 0.25 } } }, engine)
      const without = optimizerOf(base, { groups: { other: { learningRate: 0.25 } } }, engine)
      for (let t = 1; t <= 4; t++) {
        alone.step(gradients(t))
        without.step([gradients(t)[0]!, null])
      }
      expect(bits(alone.parameters[0]!.data), base.name).toBe(bits(without.parameters[0]!.data))
    }
  })

  it('polyak and momo need the loss at every step, skip one that is not finite, and rest below the floor', () => {
    for (const base of [polyak({ floor: 1 }), momo({ floor: 1, beta: 0 })]) {
      const optimizer = optimizerOf(base, {}, engine)
      const before = stateOf(optimizer)
      expectError(() => optimizer.step(gradients(1)), 'ERR_LOSS_REQUIRED', base.name)
      expect(optimizer.step(gradients(1), { loss: NaN }).skipped).toBe(true)
      expect(stateOf(optimizer)).toBe(before)
      const start = bits(optimizer.parameters[0]!.data)
      expect(optimizer.step(gradients(1), { loss: 0.5 }).skipped).toBe(false)
      expect(bits(optimizer.parameters[0]!.data)).toBe(start)
    }
  })
})

describe('scheduleFree', () => {
  const plan = (base: Preconditioner) =>
    planStep(inducedMetric(base, { learningRate: 0.1, xi: 0 }), [{ name: 'w', shape: [2, 3] }])

  it('stands in JSON with its base inside, and comes back', () => {
    const base = scheduleFree(adam({ beta1: 0, beta2: linear({ from: 0.9, to: 0.99, steps: 5 }) }), {
      beta: 0.75,
    })
    const saved = inducedMetric(base, { learningRate: 0.1 }).toJSON()
    expect(saved.base).toMatchObject({
      name: 'scheduleFree',
      base: { name: 'adam', beta1: 0, beta2: { schedule: 'linear', from: 0.9 } },
      beta: 0.75,
    })
    const read = fromJSON(JSON.parse(JSON.stringify(saved)))
    expect(read.toJSON()).toEqual(saved)
    expect(plan(read.settings.base).hash).toBe(plan(base).hash)
  })

  it('has a structure that depends on its base', () => {
    expect(plan(scheduleFree(sgd())).hash).not.toBe(plan(scheduleFree(lion())).hash)
    const optimizer = optimizerOf(scheduleFree(sgd()))
    const other = optimizerOf(scheduleFree(lion()))
    expectError(() => other.load(optimizer.save()), 'ERR_CHECKPOINT')
  })

  it('takes a base of one’s own whose names are its own names, and finds it again', () => {
    const own = definePreconditioner({
      name: 'own',
      hyperparameters: { beta: { kind: 'number', default: 0.5 } },
      update({ gradient, slot, shared, total, beta }) {
        const z = algebra.ema(slot('z'), gradient, beta)
        const peak = algebra.add(shared('peak'), total(algebra.square(gradient)))
        const direction = algebra.div(z, algebra.add(algebra.sqrt(peak), 1))
        return { direction, slots: { z }, shared: { peak } }
      },
    })
    const base = scheduleFree(own({ beta: 0.25 }), { beta: 0.75 })
    const optimizer = optimizerOf(base)
    optimizer.step(gradients(1))
    expect(Object.keys(optimizer.slots[0]!).sort()).toEqual(['baseZ', 'peak', 'weights', 'z'])
    const z = optimizer.slots[0]!['baseZ']!
    z.forEach((value, i) => expect(value).toBeCloseTo(0.75 * gradients(1)[0]![i]!, 14))
    const saved = inducedMetric(base, { learningRate: 0.1 }).toJSON()
    expect(fromJSON(saved, { preconditioners: [own] }).toJSON()).toEqual(saved)
    expectError(() => fromJSON(saved), 'ERR_OPTION', 'base.base', 'own')
  })

  it('takes a base for matrices, which leaves the others to the fallback', () => {
    const optimizer = optimizerOf(scheduleFree(muon()), { fallback: scheduleFree(adam({ beta1: 0 })) })
    optimizer.step(gradients(1))
    expect(Object.keys(optimizer.slots[0]!)).toContain('baseMomentum')
    expect(Object.keys(optimizer.slots[1]!)).toContain('baseV')
  })

  it('refuses what is no base, a base that computes the parameter, and options that it does not have', () => {
    expectError(() => scheduleFree(adam as never), 'ERR_OPTION', 'call it')
    expectError(() => scheduleFree(undefined as never), 'ERR_OPTION', 'undefined')
    for (const base of [ftrl(), madgrad(), asgd(), scheduleFree(sgd())])
      expectError(() => plan(scheduleFree(base)), 'ERR_OPTION', base.name)
    expectError(() => scheduleFree(sgd(), { beta: 0 }), 'ERR_OPTION', 'scheduleFree.beta')
    expectError(() => scheduleFree(sgd(), { momentum: 0.9 } as never), 'ERR_OPTION', 'momentum')
    expectError(() => optimizerOf(scheduleFree(sgd()), { averageWeights: 8 }), 'ERR_OPTION', 'averageWeights')
  })
})

describe('the averages of gradients', () => {
  it.each(
    [nadam(), lars({ momentum: 0 }), dog(), momo(), polyak(), scheduleFree(lion())].map(
      (b) => [b.name, b] as const,
    ),
  )('rateFree takes %s', (_, base) => {
    const parameters = [{ name: 'w', shape: [6], data: randomArray('float64', 6, 1) }]
    const optimizer = createOptimizer(rateFree(base, { steps: 10 }), parameters)
    expect(optimizer.step([gradients(1)[0]!], { loss: 3 }).skipped).toBe(false)
  })

  it.each([lars(), mars(), madgrad(), ftrl(), prodigy(), dadaptation()].map((b) => [b.name, b] as const))(
    'rateFree refuses %s, which has none',
    (_, base) => {
      const parameters = [{ name: 'w', shape: [6], data: randomArray('float64', 6, 1) }]
      expectError(
        () => createOptimizer(rateFree(base, { steps: 10 }), parameters),
        'ERR_NOT_SUPPORTED',
        base.name,
      )
    },
  )
})

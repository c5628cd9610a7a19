import { describe, expect, it } from 'vitest'
import {
  choice,
  grid,
  integer,
  listed,
  logUniform,
  quasiRandom,
  random,
  type Sampler,
  tpe,
  uniform,
  when,
} from '../src/index.js'
import { parzen, shares } from '../src/samplers/parzen.js'
import { halton } from '../src/samplers/quasiRandom.js'
import { createRandom } from '../src/random.js'
import { toLoss } from '../src/runs/outcome.js'
import type { Hyperparameters, Space } from '../src/space/space.js'
import type { TriedConfiguration } from '../src/samplers/sampler.js'

const space: Space = {
  optimizer: choice(['adam', 'sgd']),
  learningRate: logUniform(1e-4, 1),
  momentum: when({ optimizer: 'sgd' }, uniform(0, 0.99)),
  nesterov: when({ optimizer: 'sgd' }, choice([true, false])),
}

/** Proposals one after the other, each told what came of all before it. */
function search(
  sampler: Sampler,
  space: Space,
  seed: number,
  count: number,
  loss: (values: Hyperparameters) => number,
) {
  const tried: TriedConfiguration[] = []
  for (let index = 0; index < count; index++) {
    const hyperparameters = sampler.propose({ space, index, seed, tried })
    const found = loss(hyperparameters)
    tried.push({ hyperparameters, status: Number.isNaN(found) ? 'failed' : 'finished', loss: found })
  }
  return tried
}

describe.each([random(), quasiRandom(), tpe({ startup: 3 }), grid({ points: 2 })])('$name', (sampler) => {
  const few = search(sampler, space, 5, 8, ({ learningRate }) => learningRate as number)

  it('leaves out what a condition does not allow, and nothing else', () => {
    for (const { hyperparameters } of few) {
      const names =
        hyperparameters['optimizer'] === 'sgd' ? Object.keys(space) : ['optimizer', 'learningRate']
      expect(Object.keys(hyperparameters)).toEqual(names)
    }
    expect(new Set(few.map(({ hyperparameters }) => hyperparameters['optimizer'])).size).toBe(2)
  })

  it('proposes the same again', () => {
    expect(search(sampler, space, 5, 8, ({ learningRate }) => learningRate as number)).toEqual(few)
  })
})

it.each([random(), quasiRandom(), tpe({ startup: 3 })])(
  '$name proposes others with another seed',
  (sampler) => {
    const loss = ({ learningRate }: Hyperparameters): number => learningRate as number
    const few = search(sampler, space, 5, 8, loss)
    const others = search(sampler, space, 6, 8, loss)
    expect(others.map((one) => one.hyperparameters)).not.toEqual(few.map((one) => one.hyperparameters))
  },
)

describe('grid', () => {
  it('has every combination once', () => {
    const sampler = grid({ points: { learningRate: 3, momentum: 2 } })
    expect(sampler.size!(space)).toBe(3 + 3 * 2 * 2)
    const all = search(sampler, space, 0, sampler.size!(space), () => 0).map((one) =>
      JSON.stringify(one.hyperparameters),
    )
    expect(new Set(all).size).toBe(15)
  })

  it('takes whole numbers as they are', () => {
    const all = search(grid(), { n: integer(1, 3) }, 0, 3, () => 0)
    expect(all.map(({ hyperparameters }) => hyperparameters['n'])).toEqual([1, 2, 3])
  })

  it.each([
    [() => grid({ points: 1 }), 'at least 2'],
    [() => grid({ points: { rate: 3 } }).size!(space), 'rate'],
    [() => grid({ points: 101 }).size!({ a: uniform(0, 1), b: uniform(0, 1), c: uniform(0, 1) }), '1000000'],
    [() => listed([]), 'listed'],
  ])('refuses what makes no sense: %#', (make, message) => {
    expect(make).toThrow(message)
  })
})

describe('quasi-random search', () => {
  it.each([2, 3, 5, 7])('has one of every b^k points in each part of size b^-k (base %i)', (base) => {
    const count = base ** 3
    for (const block of [0, 1, 4]) {
      const parts = Array.from({ length: count }, (_, i) =>
        Math.floor(halton(block * count + i, base, 9) * count + 1e-9),
      )
      expect(new Set(parts).size).toBe(count)
    }
  })

  it('leaves smaller gaps than independent draws, in two dimensions of a high base as well', () => {
    // The mean squared distance of 4000 places to the nearest of 200 points.
    const gap = (points: readonly (readonly [number, number])[]): number => {
      const places = createRandom(77)
      let sum = 0
      for (let i = 0; i < 4000; i++) {
        const [x, y] = [places(), places()]
        sum += Math.min(...points.map(([a, b]) => (a - x) ** 2 + (b - y) ** 2))
      }
      return sum
    }
    const indices = Array.from({ length: 200 }, (_, i) => i)
    const independent = gap(indices.map((i) => [createRandom(1, i, 0)(), createRandom(1, i, 1)()]))
    for (const [a, b] of [
      [2, 3],
      [11, 13],
    ] as const)
      expect(gap(indices.map((i) => [halton(i, a, 3), halton(i, b, 3)]))).toBeLessThan(independent * 0.9)
  })
})

describe('the densities of the Parzen estimator', () => {
  it.each([[[]], [[0.1, 0.12, 0.9]], [[0, 0, 1, 0.5, 0.5]]])('have mass one: %j', (places) => {
    const { logDensity } = parzen(places)
    const count = 20_000
    let mass = 0
    for (let i = 0; i < count; i++) mass += Math.exp(logDensity((i + 0.5) / count)) / count
    expect(mass).toBeCloseTo(1, 4)
  })

  it('draw as they are dense', () => {
    const { draw, logDensity } = parzen([0.2, 0.22, 0.25, 0.7])
    const stream = createRandom(4)
    const count = 20_000
    const seen = new Array<number>(10).fill(0)
    for (let i = 0; i < count; i++) seen[Math.floor(draw(stream) * 10)]!++
    for (const [part, number] of seen.entries()) {
      let mass = 0
      for (let i = 0; i < 100; i++) mass += Math.exp(logDensity((part + (i + 0.5) / 100) / 10)) / 1000
      expect(Math.abs(number / count - mass)).toBeLessThan(0.015)
    }
  })

  it('of choices count each once more', () => {
    const { logDensity, draw } = shares([0.1, 0.2, 0.9], 2)
    expect(Math.exp(logDensity(0.25))).toBeCloseTo(3 / 5)
    const stream = createRandom(6)
    const first = Array.from({ length: 5000 }, () => draw(stream)).filter((place) => place < 0.5).length
    expect(Math.abs(first / 5000 - 0.6)).toBeLessThan(0.03)
  })
})

describe('tpe', () => {
  // The middle of a valley in four parameters, one of them conditional and one a choice.
  const loss = ({ optimizer, learningRate, momentum = 0.9 }: Hyperparameters): number =>
    (Math.log10(learningRate as number) + 2) ** 2 +
    4 * ((momentum as number) - 0.9) ** 2 +
    (optimizer === 'adam' ? 0.5 : 0)

  const bests = (sampler: Sampler): number[] =>
    Array.from({ length: 15 }, (_, seed) =>
      Math.min(...search(sampler, space, seed, 60, loss).map((one) => one.loss)),
    ).sort((a, b) => a - b)

  it('finds better configurations than random search with as many tries', () => {
    const [model, draws] = [bests(tpe()), bests(random())]
    expect(model[7]!).toBeLessThan(draws[7]! / 5)
  })

  it('takes no notice of how large losses are, and keeps away from failures', () => {
    const failing = (values: Hyperparameters): number =>
      (values['learningRate'] as number) > 0.02 ? NaN : loss(values)
    const tried = search(tpe(), space, 1, 60, failing)
    const late = tried.slice(30).filter(({ status }) => status === 'failed').length
    expect(late).toBeLessThan(8)
    const scaled = search(tpe(), space, 1, 60, (values) => 1e6 * failing(values))
    expect(scaled.map((one) => one.hyperparameters)).toEqual(tried.map((one) => one.hyperparameters))
  })

  it('stays quick after 10,000 configurations', () => {
    const stream = createRandom(8)
    const tried = Array.from({ length: 10_000 }, (_, index): TriedConfiguration => {
      const hyperparameters = random().propose({ space, index, seed: 1, tried: [] })
      return { hyperparameters, status: 'finished', loss: stream() }
    })
    const begin = process.cpuUsage()
    for (let index = 0; index < 10; index++) tpe().propose({ space, index, seed: 1, tried })
    const { user, system } = process.cpuUsage(begin)
    expect((user + system) / 1e6 / 10).toBeLessThan(0.1)
  })

  it('maximises what is given as a negated loss', () => {
    expect(toLoss({ goal: 'maximize' }, 3)).toBe(-3)
  })
})

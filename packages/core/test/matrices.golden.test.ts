import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createOracle } from '@induced-metric/conformance/oracle'
import { createOptimizer, fromJSON, inducedMetric, sgd } from '@induced-metric/core'
import { arrayOf, type Dtype } from './support.js'

type Rows = readonly (readonly number[])[]

/** Made by scripts/golden/matrices.py. */
interface Golden {
  readonly data: {
    readonly quadratic: { readonly left: Rows; readonly right: Rows; readonly centre: Rows }
    readonly network: { readonly inputs: Rows; readonly targets: Rows; readonly batch: number }
    readonly filter: {
      readonly diagonal: readonly number[]
      readonly coupling: number
      readonly centre: readonly number[]
    }
  }
  readonly problems: readonly {
    readonly name: string
    readonly params: readonly {
      readonly name: string
      readonly shape: readonly number[]
      readonly data: readonly number[]
    }[]
  }[]
  readonly vectors: readonly {
    readonly base: { readonly name: string; readonly [option: string]: unknown }
    readonly learningRate: number
    readonly source: string
    readonly problem: string
    readonly expected: readonly { readonly step: number; readonly params: Rows }[]
  }[]
}
const { data, problems, vectors } = JSON.parse(
  readFileSync(new URL('fixtures/matrices.json', import.meta.url), 'utf8'),
) as Golden

const sum = (count: number, term: (i: number) => number): number =>
  Array.from({ length: count }, (_, i) => term(i)).reduce((total, value) => total + value, 0)
const table = (rows: number, columns: number, at: (i: number, j: number) => number): number[] =>
  Array.from({ length: rows * columns }, (_, k) => at(Math.floor(k / columns), k % columns))

/** The gradients of the script's problems, in double precision. */
const gradients: Readonly<
  Record<string, (theta: readonly ArrayLike<number>[], step: number) => readonly number[][]>
> = {
  quadratic([w]) {
    const { left, right, centre } = data.quadratic
    const half = table(4, 3, (i, j) => sum(4, (k) => left[i]![k]! * (w![3 * k + j]! - centre[k]![j]!)))
    return [table(4, 3, (i, j) => sum(3, (k) => half[3 * i + k]! * right[k]![j]!))]
  },
  filter([w]) {
    const { diagonal, coupling, centre } = data.filter
    const distance = centre.map((c, i) => w![i]! - c)
    const total = sum(12, (i) => distance[i]!)
    return [distance.map((d, i) => (diagonal[i]! - coupling) * d + coupling * total)]
  },
  network([hidden, bias, output], step) {
    const { inputs, targets, batch } = data.network
    const start = ((step - 1) * batch) % inputs.length
    const x = inputs.slice(start, start + batch)
    const y = targets.slice(start, start + batch)
    const h = table(batch, 4, (n, i) => Math.tanh(sum(3, (k) => x[n]![k]! * hidden![3 * i + k]!) + bias![i]!))
    const e = table(
      batch,
      3,
      (n, i) => (sum(4, (k) => h[4 * n + k]! * output![4 * i + k]!) - y[n]![i]!) / batch,
    )
    const back = table(
      batch,
      4,
      (n, i) => sum(3, (k) => e[3 * n + k]! * output![4 * k + i]!) * (1 - h[4 * n + i]! ** 2),
    )
    return [
      table(4, 3, (i, j) => sum(batch, (n) => back[4 * n + i]! * x[n]![j]!)),
      table(1, 4, (_, i) => sum(batch, (n) => back[4 * n + i]!)),
      table(3, 4, (i, j) => sum(batch, (n) => e[3 * n + i]! * h[4 * n + j]!)),
    ]
  },
}

function worst(got: ArrayLike<number>, expected: readonly number[]): number {
  const size = Math.max(...expected.map(Math.abs))
  return Math.max(...expected.map((x, i) => Math.abs(got[i]! - x))) / size
}

const named = vectors.map((vector) => {
  const { name, ...options } = vector.base
  return [`${name} ${JSON.stringify(options)} on ${vector.problem}: ${vector.source}`, vector] as const
})

describe('golden vectors of bases for matrices on the oracle of the conformance suite', () => {
  it.each(named)('%s', (_, { base, learningRate, problem, expected }) => {
    const { params } = problems.find(({ name }) => name === problem)!
    const oracle = createOracle({ base, learningRate, xi: 0 }, params)
    for (let step = 1; step <= 30; step++) {
      oracle.step(gradients[problem]!(oracle.read(), step))
      const entry = expected.find((candidate) => candidate.step === step)
      entry?.params.forEach((values, i) => {
        expect(worst(oracle.read()[i]!, values), `step ${step}`).toBeLessThanOrEqual(1e-12)
      })
    }
  })
})

describe.each<[engine: 'reference' | 'wasm', dtype: Dtype, tolerance: number]>([
  ['reference', 'float64', 1e-12],
  ['wasm', 'float64', 1e-12],
  ['reference', 'float32', 2e-5],
  ['wasm', 'float32', 2e-5],
])('golden vectors of bases for matrices on %s in %s', (engine, dtype, tolerance) => {
  it.each(named)('%s', (_, { base, learningRate, problem, expected }) => {
    const saved = inducedMetric(sgd(), { learningRate, xi: 0 }).toJSON()
    const parameters = problems
      .find(({ name }) => name === problem)!
      .params.map((p) => ({ name: p.name, shape: p.shape, data: arrayOf(dtype, p.data) }))
    const optimizer = createOptimizer(fromJSON({ ...saved, base }), parameters, { engine })
    let checked = 0
    for (let step = 1; step <= 30; step++) {
      const theta = optimizer.parameters.map((p) => p.data)
      optimizer.step(gradients[problem]!(theta, step).map((g) => arrayOf(dtype, g)))
      const entry = expected.find((candidate) => candidate.step === step)
      if (entry === undefined) continue
      checked++
      entry.params.forEach((values, i) => {
        expect(worst(optimizer.parameters[i]!.data, values), `step ${step}`).toBeLessThanOrEqual(tolerance)
      })
    }
    expect(checked).toBe(5)
    expect(optimizer.report.skippedSteps).toBe(0)
    optimizer.dispose()
  })
})

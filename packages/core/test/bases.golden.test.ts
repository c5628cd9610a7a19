import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createOptimizer, fromJSON, inducedMetric, sgd } from '@induced-metric/core'
import { arrayOf, type Dtype } from './support.js'

/** Made by scripts/golden/bases.py. */
interface Golden {
  readonly data: {
    readonly quadratic: {
      readonly diagonal: readonly number[]
      readonly coupling: number
      readonly centre: readonly number[]
    }
    readonly logistic: {
      readonly inputs: readonly (readonly number[])[]
      readonly labels: readonly number[]
      readonly batch: number
    }
  }
  readonly problems: readonly {
    readonly name: string
    readonly params: readonly {
      readonly name: string
      readonly shape: readonly number[]
      readonly data: number | readonly number[]
    }[]
  }[]
  readonly vectors: readonly {
    readonly base: { readonly name: string; readonly [option: string]: unknown }
    readonly learningRate: number
    readonly source: string
    readonly problem: string
    readonly expected: readonly {
      readonly step: number
      readonly params: readonly (readonly number[])[]
    }[]
  }[]
}
const { data, problems, vectors } = JSON.parse(
  readFileSync(new URL('fixtures/bases.json', import.meta.url), 'utf8'),
) as Golden

/** The gradients of the script's problems, in double precision. */
const gradients: Readonly<
  Record<string, (theta: readonly ArrayLike<number>[], step: number) => readonly number[][]>
> = {
  quadratic([w]) {
    const { diagonal, coupling, centre } = data.quadratic
    const distance = centre.map((c, i) => w![i]! - c)
    const total = distance.reduce((sum, d) => sum + d, 0)
    return [distance.map((d, i) => (diagonal[i]! - coupling) * d + coupling * total)]
  },
  rosenbrock([x]) {
    const pair = (a: number, b: number): number[] => [-40 * a * (b - a * a) - 2 * (1 - a), 20 * (b - a * a)]
    return [[...pair(x![0]!, x![1]!), ...pair(x![2]!, x![3]!)]]
  },
  logistic([kernel, bias], step) {
    const { inputs, labels, batch } = data.logistic
    const start = ((step - 1) * batch) % labels.length
    const [along, shift] = [[0, 0, 0], [0]]
    for (let i = start; i < start + batch; i++) {
      const x = inputs[i]!
      const z = x.reduce((sum, value, j) => sum + value * kernel![j]!, bias![0]!)
      const p = -labels[i]! / (1 + Math.exp(labels[i]! * z)) / batch
      x.forEach((value, j) => (along[j] = along[j]! + value * p))
      shift[0] = shift[0]! + p
    }
    return [along, shift]
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

describe.each<[engine: 'reference' | 'wasm', dtype: Dtype, tolerance: number]>([
  ['reference', 'float64', 1e-12],
  ['wasm', 'float64', 1e-12],
  ['reference', 'float32', 2e-5],
  ['wasm', 'float32', 2e-5],
])('golden vectors of bases on %s in %s', (engine, dtype, tolerance) => {
  it.each(named)('%s', (_, { base, learningRate, problem, expected }) => {
    const saved = inducedMetric(sgd(), { learningRate, xi: 0 }).toJSON()
    const transformation = fromJSON({ ...saved, base })
    const parameters = problems
      .find(({ name }) => name === problem)!
      .params.map((p) => ({ name: p.name, shape: p.shape, data: arrayOf(dtype, [p.data].flat()) }))
    const optimizer = createOptimizer(transformation, parameters, { engine })
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

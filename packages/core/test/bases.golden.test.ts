import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createOracle } from '@induced-metric/conformance/oracle'
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
    readonly learningRate: number | { readonly schedule: string }
    readonly source: string
    readonly problem: string
    /** Whether single precision cannot follow it; the script says why. */
    readonly double?: boolean
    readonly expected: readonly {
      readonly step: number
      readonly params: readonly (readonly number[])[]
      /** The weights to evaluate with, where they are others. */
      readonly evaluation?: readonly (readonly number[])[]
    }[]
  }[]
}
const { data, problems, vectors } = JSON.parse(
  readFileSync(new URL('fixtures/bases.json', import.meta.url), 'utf8'),
) as Golden

/** The loss and the gradients of the script's problems, in double precision. */
const problemAt: Readonly<
  Record<
    string,
    (
      theta: readonly ArrayLike<number>[],
      step: number,
    ) => { readonly loss: number; readonly gradients: readonly number[][] }
  >
> = {
  quadratic([w]) {
    const { diagonal, coupling, centre } = data.quadratic
    const distance = centre.map((c, i) => w![i]! - c)
    const total = distance.reduce((sum, d) => sum + d, 0)
    const gradient = distance.map((d, i) => (diagonal[i]! - coupling) * d + coupling * total)
    return { loss: gradient.reduce((sum, g, i) => sum + (g * distance[i]!) / 2, 0), gradients: [gradient] }
  },
  rosenbrock([x]) {
    const pair = (a: number, b: number): number[] => [-40 * a * (b - a * a) - 2 * (1 - a), 20 * (b - a * a)]
    const height = (a: number, b: number): number => 10 * (b - a * a) ** 2 + (1 - a) ** 2
    return {
      loss: height(x![0]!, x![1]!) + height(x![2]!, x![3]!),
      gradients: [[...pair(x![0]!, x![1]!), ...pair(x![2]!, x![3]!)]],
    }
  },
  logistic([kernel, bias], step) {
    const { inputs, labels, batch } = data.logistic
    const start = ((step - 1) * batch) % labels.length
    const [along, shift] = [[0, 0, 0], [0]]
    let loss = 0
    for (let i = start; i < start + batch; i++) {
      const x = inputs[i]!
      const z = x.reduce((sum, value, j) => sum + value * kernel![j]!, bias![0]!)
      const p = -labels[i]! / (1 + Math.exp(labels[i]! * z)) / batch
      loss += Math.log1p(Math.exp(-labels[i]! * z)) / batch
      x.forEach((value, j) => (along[j] = along[j]! + value * p))
      shift[0] = shift[0]! + p
    }
    return { loss, gradients: [along, shift] }
  },
}

function worst(got: ArrayLike<number>, expected: readonly number[]): number {
  const size = Math.max(...expected.map(Math.abs))
  return Math.max(...expected.map((x, i) => Math.abs(got[i]! - x))) / (size === 0 ? 1 : size)
}

const named = vectors.map((vector) => {
  const { name, ...options } = vector.base
  return [`${name} ${JSON.stringify(options)} on ${vector.problem}: ${vector.source}`, vector] as const
})

describe('golden vectors of bases on the oracle of the conformance suite', () => {
  it.each(named)('%s', (_, { base, learningRate, problem, expected }) => {
    const { params } = problems.find(({ name }) => name === problem)!
    const parameters = params.map((p) => ({ name: p.name, shape: p.shape, data: [p.data].flat() }))
    const oracle = createOracle({ base, learningRate, xi: 0 }, parameters)
    for (let step = 1; step <= 30; step++) {
      const { loss, gradients } = problemAt[problem]!(oracle.read(), step)
      oracle.step(gradients, { loss })
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
])('golden vectors of bases on %s in %s', (engine, dtype, tolerance) => {
  const followed = named.filter(([, { double = false }]) => dtype === 'float64' || !double)
  it.each(followed)('%s', (_, { base, learningRate, problem, expected }) => {
    const saved = inducedMetric(sgd(), { learningRate: 1, xi: 0 }).toJSON()
    const transformation = fromJSON({ ...saved, base, learningRate })
    const parameters = problems
      .find(({ name }) => name === problem)!
      .params.map((p) => ({ name: p.name, shape: p.shape, data: arrayOf(dtype, [p.data].flat()) }))
    const optimizer = createOptimizer(transformation, parameters, { engine })
    let checked = 0
    for (let step = 1; step <= 30; step++) {
      const theta = optimizer.parameters.map((p) => p.data)
      const { loss, gradients } = problemAt[problem]!(theta, step)
      optimizer.step(
        gradients.map((g) => arrayOf(dtype, g)),
        { loss },
      )
      const entry = expected.find((candidate) => candidate.step === step)
      if (entry === undefined) continue
      checked++
      entry.params.forEach((values, i) => {
        expect(worst(optimizer.parameters[i]!.data, values), `step ${step}`).toBeLessThanOrEqual(tolerance)
      })
      if (entry.evaluation === undefined) continue
      const evaluated = optimizer.withEvaluationWeights(() => optimizer.parameters.map((p) => p.data.slice()))
      entry.evaluation.forEach((values, i) => {
        expect(worst(evaluated[i]!, values), `evaluation after ${step}`).toBeLessThanOrEqual(tolerance)
      })
    }
    expect(checked).toBe(5)
    expect(optimizer.report.skippedSteps).toBe(0)
    optimizer.dispose()
  })
})

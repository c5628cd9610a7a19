import { describe, expect, it } from 'vitest'
import {
  adam,
  createOptimizer,
  heavyBall,
  identity,
  inducedMetric,
  log,
  muon,
  sgd,
  type Transformation,
} from '@induced-metric/core'
import { planeFunctions } from '../../conformance/src/testFunctions.js'
import {
  smallFunctionRows,
  smallFunctions,
  type SmallFunctionRow,
} from '../../conformance/src/golden/index.js'

const limit = 1000

/**
 * The published rows that are not tested: their outcome depends on the last bit of rounding. By name, with the reason and
 * the settings they were published with.
 */
const chaotic: [row: string, reason: string, transformation: Transformation][] = [
  ['rosenbrock muon', 'rounding chooses between some 267, 426 and 580 iterations', nadam(0.1, 0.99, 0.999)],
  ['rosenbrock custom_sgd_log', 'a zig-zag at learning rate 10, 304 to 999 iterations', logOf(10, 0.01, 10)],
  ['ackley custom_sgd', 'the published value is the luckiest of 288 runs', identityOf(1, 0.1, 1)],
  ['ackley adam', 'never settles: the final value is anywhere in 8e-8 to 16', adamOf(1, 0.25, 0.999)],
  ['ackley sgd', 'never settles: the final value is anywhere in 9e-4 to 4.4', heavy(0.1, 0.1)],
  ['rastrigin custom_sgd', 'converges in 37 of 2000 runs that differ in rounding', identityOf(1, 0.1, 0.1)],
  [
    'rastrigin custom_sgd_rms',
    'converges in 66 of 2000 runs that differ in rounding',
    rmsOf(10, 0.1, 1, 0.9),
  ],
  ['rastrigin adam', 'the final value is anywhere in 1e-12 to 800', adamOf(10, 0.99, 0.999)],
]

function heavy(learningRate: number, momentum: number): Transformation {
  return inducedMetric(heavyBall({ momentum }), { learningRate, xi: 0 })
}
function adamOf(learningRate: number, beta1: number, beta2: number): Transformation {
  return inducedMetric(adam({ beta1, beta2 }), { learningRate, xi: 0 })
}
/** The published Muon on a vector: its fallback, Adam with Nesterov momentum. */
function nadam(learningRate: number, beta1: number, beta2: number): Transformation {
  const fallback = adam({ beta1, beta2, nesterov: true })
  return inducedMetric(muon(), { learningRate, xi: 0, fallback })
}
function identityOf(learningRate: number, momentum: number, xi: number): Transformation {
  return inducedMetric(sgd({ momentum }), { learningRate, xi, beta: 0, embedding: identity() })
}
function logOf(learningRate: number, momentum: number, xi: number): Transformation {
  return inducedMetric(sgd({ momentum }), { learningRate, xi, beta: 0, embedding: log() })
}
function rmsOf(learningRate: number, beta1: number, xi: number, beta2: number): Transformation {
  return inducedMetric(adam({ beta1, beta2 }), { learningRate, xi, beta: 0 })
}

function read({ optimiser, hyperparameters: h }: SmallFunctionRow): Transformation {
  const lr = h['learning_rate']!
  switch (optimiser) {
    case 'sgd':
      return heavy(lr, h['momentum']!)
    case 'adam':
      return adamOf(lr, h['b1']!, h['b2']!)
    case 'muon':
      return nadam(lr, h['adam_b1']!, h['adam_b2']!)
    case 'custom_sgd':
      return identityOf(lr, h['momentum']!, h['xi']!)
    case 'custom_sgd_log':
      return logOf(lr, h['momentum']!, h['xi']!)
    case 'custom_sgd_rms':
      return rmsOf(lr, h['momentum']!, h['xi']!, h['beta_rms']!)
    default:
      throw new Error(`no optimiser ${optimiser}`)
  }
}

/** Runs to the function's tolerance; the final value as Python prints it with '%.2e'. */
function descend(transformation: Transformation, name: string, nudge = 0) {
  const evaluate = planeFunctions[name]!
  const { start, tolerance } = smallFunctions[name]!
  const data = Float64Array.from(start, (x) => x + nudge)
  const optimizer = createOptimizer(transformation, [{ name: 'p', shape: [2], data }], {
    engine: 'reference',
  })
  let { value: loss, gradient } = evaluate(data[0]!, data[1]!)
  let iterations = 0
  while (iterations < limit) {
    optimizer.step([Float64Array.from(gradient)], { loss })
    iterations++
    ;({ value: loss, gradient } = evaluate(data[0]!, data[1]!))
    if (loss <= tolerance) break
  }
  return { converged: loss <= tolerance, iterations, finalValue: pythonStyle(loss) }
}

function pythonStyle(value: number): string {
  return value.toExponential(2).replace(/e([+-])(\d)$/, 'e$10$2')
}

describe('published runs on functions of two variables', () => {
  it.each(smallFunctionRows.map((row) => [`${row.function} ${row.optimiser}`, row] as const))(
    '%s: iterations, and the final value in three digits',
    (_, row) => {
      expect(descend(read(row), row.function)).toEqual(row.published)
    },
  )

  it('are 30: 22 that reproduce exactly, and 8 that depend on rounding', () => {
    const exact = smallFunctionRows.map((row) => `${row.function} ${row.optimiser}`)
    const all = Object.keys(smallFunctions).flatMap((name) =>
      ['sgd', 'adam', 'muon', 'custom_sgd', 'custom_sgd_log', 'custom_sgd_rms'].map(
        (optimiser) => `${name} ${optimiser}`,
      ),
    )
    expect(exact).toHaveLength(22)
    expect([...exact, ...chaotic.map(([name]) => name)].sort()).toEqual(all.sort())
  })

  it.each(chaotic)('%s is no test: %s', (row, _, transformation) => {
    const [name] = row.split(' ') as [string]
    const nudges = [0, 1, 2].map((k) => k * 2 ** -50)
    const outcomes = nudges.map((nudge) => JSON.stringify(descend(transformation, name, nudge)))
    expect(new Set(outcomes).size).toBeGreaterThan(1)
  })

  it('are printed as they were published', () => {
    expect([8.884e-8, 0, 0.00664, 2.44, 123].map(pythonStyle)).toEqual([
      '8.88e-08',
      '0.00e+00',
      '6.64e-03',
      '2.44e+00',
      '1.23e+02',
    ])
  })
})

import { describe, expect, it } from 'vitest'
import {
  adagrad,
  adam,
  createOptimizer,
  heavyBall,
  identity,
  inducedMetric,
  log,
  muon,
  rmsprop,
  sgd,
  type Optimizer,
  type Preconditioner,
  type Transformation,
  type TypedArray,
} from '@induced-metric/core'
// The vectors are the kit's; how they are read is this test's own.
import { golden, newtonSchulz, type GoldenCase } from '../../conformance/src/golden/index.js'
import { arrayOf, expectError } from './support.js'

const cases = Object.entries(golden).flatMap(([suite, vectors]) =>
  vectors.map((vector): [string, GoldenCase] => [`${suite}: ${vector.name}`, vector]),
)
/** Vectors that a default refuses; each is run with the option that gives the reference's behaviour. */
const quirks: Readonly<Record<string, string>> = {
  'log: log loss exactly 0 at some steps':
    "the reference takes the formula's limit there, a factor of 0; a loss at the floor is an error by default",
}

/** A vector's transformation, and the weight decay that its reference adds to the gradient. */
function read(vector: GoldenCase): { transformation: Transformation; coupledDecay: number } {
  const { base, embedding, hyperparameters: h } = vector
  const number = (key: string, otherwise = 0): number => (h[key] as number | undefined) ?? otherwise
  const lr = number('lr')
  let current = lr
  const rates = vector.steps.map((step) => (current = step.lr ?? current))
  const learningRate = (step: number): number => rates[step - 1]! / (1 + (step - 1) * number('lr_decay'))
  const decay = number('weight_decay')

  if (embedding !== 'none') {
    const momentum = number('momentum')
    const bases: Record<string, () => Preconditioner> = {
      sgd: () => sgd({ momentum }),
      rms: () => adam({ beta1: momentum, beta2: number('beta_rms'), epsilon: number('eps') }),
    }
    const transformation = inducedMetric(bases[base]!(), {
      learningRate,
      xi: number('xi'),
      beta: number('beta'),
      weightDecay: decay,
      embedding: embedding === 'log' ? log() : identity(),
      onBadLoss: `log: ${vector.name}` in quirks ? 'zero' : 'throw',
    })
    return { transformation, coupledDecay: 0 }
  }
  const [beta1, beta2] = (h['betas'] as [number, number] | undefined) ?? [0.9, 0.999]
  const bases: Record<string, () => Preconditioner> = {
    sgd: () => heavyBall({ momentum: number('momentum'), nesterov: h['nesterov'] === true }),
    adam: () => adam({ beta1, beta2, epsilon: number('eps') }),
    adamw: () => adam({ beta1, beta2, epsilon: number('eps') }),
    rmsprop: () =>
      rmsprop({
        decay: number('alpha'),
        epsilon: number('eps'),
        centered: h['centered'] === true,
        momentum: number('momentum'),
      }),
    adagrad: () =>
      adagrad({ epsilon: number('eps'), initialAccumulator: number('initial_accumulator_value') }),
    muon: () => muon({ momentum: number('momentum') }),
  }
  const decoupled = base === 'adamw' || base === 'muon'
  const transformation = inducedMetric(bases[base]!(), {
    learningRate,
    xi: 0,
    weightDecay: decoupled ? decay : 0,
  })
  return { transformation, coupledDecay: decoupled ? 0 : decay }
}

/** max|got − expected| relative to max|expected|. */
function relativeError(got: ArrayLike<number>, expected: readonly number[]): number {
  const largest = Math.max(...expected.map(Math.abs))
  const worst = Math.max(...expected.map((x, i) => Math.abs(got[i]! - x)))
  return worst === 0 ? 0 : worst / largest
}

function start(transformation: Transformation, vector: GoldenCase): Optimizer {
  const parameters = vector.params.map(({ name, shape, data }) => ({
    name,
    shape,
    data: arrayOf(vector.dtype, data),
  }))
  return createOptimizer(transformation, parameters, { engine: 'reference' })
}

function takeStep(optimizer: Optimizer, vector: GoldenCase, index: number, coupledDecay = 0): void {
  const { grads, loss } = vector.steps[index]!
  const gradients = grads.map((gradient, i): TypedArray | null => {
    if (gradient === null) return null
    const { data } = optimizer.parameters[i]!
    const given = arrayOf(vector.dtype, gradient)
    return coupledDecay === 0
      ? given
      : arrayOf(
          vector.dtype,
          given.map((g, j) => g + coupledDecay * data[j]!),
        )
  })
  optimizer.step(gradients, loss === null ? {} : { loss })
}

describe('golden trajectories', () => {
  it('are all there', () => {
    expect(cases).toHaveLength(52)
  })

  it.each(cases)('%s', (_, vector) => {
    const { transformation, coupledDecay } = read(vector)
    const optimizer = start(transformation, vector)
    const { rtol } = vector
    let checked = 0
    for (const index of vector.steps.keys()) {
      takeStep(optimizer, vector, index, coupledDecay)
      const expected = vector.expected.find(({ step }) => step === index + 1)
      if (expected === undefined) continue
      checked++
      const at = `step ${expected.step}`
      expected.params.forEach((values, i) => {
        const { name, data } = optimizer.parameters[i]!
        expect(relativeError(data, values), `${name}, ${at}`).toBeLessThanOrEqual(rtol)
      })
      const { scale, metric, xi } = optimizer.report
      if (expected.metricScale !== undefined) {
        expect(relativeError([scale], [expected.metricScale]), `ρ, ${at}`).toBeLessThanOrEqual(rtol)
      }
      if (expected.metricCorrected !== undefined) {
        expect(relativeError([metric], [expected.metricCorrected]), `v̂, ${at}`).toBeLessThanOrEqual(rtol)
      }
      if (expected.metricEma !== undefined) {
        const average = xi === 0 ? 0 : xi * optimizer.save().units[0]!.average
        expect(relativeError([average], [expected.metricEma]), `ξv, ${at}`).toBeLessThanOrEqual(rtol)
      }
    }
    expect(checked).toBe(vector.expected.length)
    expect(optimizer.report.skippedSteps).toBe(0)
  })

  it.each(Object.entries(quirks))('%s: needs an option, as %s', (name) => {
    const [, vector] = cases.find(([candidate]) => candidate === name)!
    const at = vector.steps.findIndex(({ loss }) => loss === 0)
    const optimizer = start(inducedMetric(sgd(), { learningRate: 0.1, embedding: log() }), vector)
    for (let i = 0; i < at; i++) takeStep(optimizer, vector, i)
    expectError(() => takeStep(optimizer, vector, at), 'ERR_BAD_LOSS', "'zero'")
  })
})

describe('golden Newton–Schulz', () => {
  it('is all there', () => {
    expect(newtonSchulz).toHaveLength(7)
  })

  it.each(newtonSchulz.map((matrix) => [matrix.name, matrix] as const))('%s', (_, matrix) => {
    const [rows, columns] = matrix.shape
    const shapeFactor = Math.sqrt(Math.max(1, rows / columns))
    const data = new Float64Array(rows * columns)
    const base = muon({ momentum: 0, nesterov: false, iterations: matrix.iterations })
    // From 0 with learning rate 1 and ξ tiny, the parameter is −direction; s is ⟨g, direction⟩.
    const transformation = inducedMetric(base, { learningRate: 1, xi: 1e-300, beta: 0 })
    const optimizer = createOptimizer(transformation, [{ name: 'x', shape: matrix.shape, data }], {
      engine: 'reference',
    })
    const { dualNorm, scale } = optimizer.step([Float64Array.from(matrix.input)])
    expect(scale).toBe(1)
    const got = Array.from(data, (x) => -x / shapeFactor)
    expect(relativeError(got, matrix.output)).toBeLessThanOrEqual(1e-12)
    expect(relativeError([dualNorm / shapeFactor], [matrix.inner])).toBeLessThanOrEqual(1e-12)
  })
})

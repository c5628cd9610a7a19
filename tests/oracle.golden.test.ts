import { describe, expect, it } from 'vitest'
import { createOracle } from '@induced-metric/conformance/oracle'
import * as elementwise from '../packages/core/test/baseProblems.js'
import { gradients, named, problems, worst } from '../packages/core/test/matrixProblems.js'

// The oracle of the conformance suite, by the golden vectors of the core, which does not know the suite.

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

describe('golden vectors of elementwise bases on the oracle of the conformance suite', () => {
  it.each(elementwise.named)('%s', (_, { base, learningRate, problem, expected }) => {
    const { params } = elementwise.problems.find(({ name }) => name === problem)!
    const parameters = params.map((p) => ({ name: p.name, shape: p.shape, data: [p.data].flat() }))
    const oracle = createOracle({ base, learningRate, xi: 0 }, parameters)
    for (let step = 1; step <= 30; step++) {
      const { loss, gradients } = elementwise.problemAt[problem]!(oracle.read(), step)
      oracle.step(gradients, { loss })
      const entry = expected.find((candidate) => candidate.step === step)
      entry?.params.forEach((values, i) => {
        expect(elementwise.worst(oracle.read()[i]!, values), `step ${step}`).toBeLessThanOrEqual(1e-12)
      })
    }
  })
})

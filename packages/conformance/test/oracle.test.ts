import { describe, expect, it } from 'vitest'
import { planeFunctions } from '../src/testFunctions.js'
import {
  golden,
  newtonSchulz as goldenMatrices,
  smallFunctionRows,
  smallFunctions,
  tied,
  translate,
  translateRow,
} from '../src/golden/index.js'
import { createOracle, newtonSchulz } from '../src/oracle/index.js'

function worst(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let error = 0
  let size = 0
  for (let i = 0; i < expected.length; i++) {
    error = Math.max(error, Math.abs(got[i]! - expected[i]!))
    size = Math.max(size, Math.abs(expected[i]!))
  }
  return size === 0 ? error : error / size
}

describe.each(Object.entries(golden))('the oracle and the golden vectors: %s', (_suite, cases) => {
  it.each(cases.map((c) => [c.name, c] as const))('%s', (_name, c) => {
    const { transformation, coupledDecay } = translate(c)
    const oracle = createOracle(transformation, c.params)
    const xi = transformation.xi as number
    c.steps.forEach(({ grads, loss }, i) => {
      const theta = oracle.read()
      const given = grads.map((g, p) => g && g.map((value, j) => value + coupledDecay * theta[p]![j]!))
      const report = oracle.step(given, { loss: loss ?? undefined })
      const expected = c.expected.find((e) => e.step === i + 1)
      if (expected === undefined) return
      expected.params.forEach((values, p) => {
        expect(worst(oracle.read()[p]!, values)).toBeLessThanOrEqual(c.rtol)
      })
      if (expected.metricScale === undefined) return
      expect(worst([report.scale], [expected.metricScale])).toBeLessThanOrEqual(c.rtol)
      if (xi > 0) expect(worst([report.metric], [expected.metricCorrected!])).toBeLessThanOrEqual(c.rtol)
    })
  })
})

it.each(tied.map((vector) => [vector.name, vector] as const))(
  'the oracle and what the whole history gives: %s',
  (_name, { transformation, params, steps, expected }) => {
    const oracle = createOracle(transformation, params)
    let checked = 0
    steps.forEach(({ grads, loss }, i) => {
      const report = oracle.step(grads, { loss })
      const entry = expected.find(({ step }) => step === i + 1)
      if (entry === undefined) return
      checked++
      for (const key of ['scale', 'metric', 'dualNorm'] as const)
        expect(worst([report[key]], [entry[key]]), key).toBeLessThanOrEqual(1e-12)
      const averages = oracle.readAverages()
      entry.params.forEach((values, p) => {
        expect(worst(oracle.read()[p]!, values)).toBeLessThanOrEqual(1e-12)
        if (entry.averages) expect(worst(averages[p]!, entry.averages[p]!)).toBeLessThanOrEqual(1e-12)
      })
    })
    expect(checked).toBe(expected.length)
  },
)

it.each(goldenMatrices.map((c) => [c.name, c] as const))('Newton–Schulz of %s', (_name, c) => {
  const [rows, columns] = c.shape
  const output = newtonSchulz(Float64Array.from(c.input), rows, columns, c.iterations)
  expect(worst(output, c.output)).toBeLessThanOrEqual(1e-12)
})

describe('the two-dimensional functions', () => {
  it.each(Object.entries(smallFunctions))('%s has the published values', (name, { samples }) => {
    for (const { point, value, gradient } of samples) {
      const got = planeFunctions[name]!(...point)
      expect(Math.abs(got.value - value)).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(value)))
      gradient.forEach((g, i) =>
        expect(Math.abs(got.gradient[i]! - g)).toBeLessThanOrEqual(1e-11 * Math.max(1, Math.abs(g))),
      )
    }
  })

  it.each(smallFunctionRows.map((row) => [row.function, row.optimiser, row] as const))(
    '%s by %s',
    (name, _by, row) => {
      const { start, tolerance } = smallFunctions[name]!
      const oracle = createOracle(translateRow(row), [{ name: 'p', shape: [2], data: start }])
      let at = planeFunctions[name]!(...start)
      let steps = 0
      while (steps < 1000 && !(at.value <= tolerance)) {
        oracle.step([at.gradient], { loss: at.value })
        const [x, y] = oracle.read()[0]!
        at = planeFunctions[name]!(x!, y!)
        steps++
      }
      expect(steps).toBe(row.published.iterations)
      expect(at.value.toExponential(2).replace(/e([+-])(\d)$/, 'e$10$2')).toBe(row.published.finalValue)
    },
  )
})

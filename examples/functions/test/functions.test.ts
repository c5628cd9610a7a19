import { expect, test } from 'vitest'

import {
  descend,
  descendAll,
  formatTable,
  rows,
  runTrials,
  testFunctions,
  trialTable,
  type FunctionId,
} from '../src/index.js'

// Symbolic derivatives, evaluated in double precision by another program.
const samples: [FunctionId, [number, number], number, [number, number]][] = [
  ['beale', [0.3, -0.7], 10.31523741, [-11.4735006, 0.7924122]],
  ['beale', [-1.25, 0.5], 28.5048828125, [-13.4140625, -20.25390625]],
  ['rosenbrock', [0.3, -0.7], 62.9, [93.4, -158]],
  ['rosenbrock', [-1.25, 0.5], 117.953125, [-535.75, -212.5]],
  ['himmelblau', [0.3, -0.7], 173.3562, [-26.352, -5.832]],
  ['himmelblau', [-1.25, 0.5], 143.87890625, [28.6875, -33.875]],
  ['ackley', [0.3, -0.7], 4.0262342249673075, [3.193979982164299, -0.14071448930505204]],
  ['ackley', [-1.25, 0.5], 5.579089061156317, [-4.076317151752938, 0.8683379548091034]],
  ['rastrigin', [0.3, -0.7], 26.760339887498947, [60.35664329483113, 58.356643294831116]],
  ['rastrigin', [-1.25, 0.5], 31.8125, [-65.33185307179585, 1]],
]

test.each(samples)(
  '%s has the right value and gradient at %j',
  (id, [x, y], value, [gradientX, gradientY]) => {
    const { value: valueAt, gradient } = testFunctions[id]
    expect(valueAt(x, y)).toBeCloseTo(value, 9)
    expect(gradient(x, y)[0]).toBeCloseTo(gradientX, 9)
    expect(gradient(x, y)[1]).toBeCloseTo(gradientY, 9)
  },
)

test.each(Object.values(testFunctions))('$title is 0 at its minima', ({ value, minima }) => {
  for (const [x, y] of minima) expect(value(x, y)).toBeLessThan(1e-14)
})

const steady = rows.filter((row) => row.chaotic === undefined)

test('thirty runs were published, of which eight are chaotic', () => {
  expect(rows).toHaveLength(30)
  expect(steady).toHaveLength(22)
})

test.each(steady)('$optimizer on $function takes the published steps to the published value', (row) => {
  const { iterations, reproduced, path, values, finalValue } = descend(row)
  expect(iterations).toBe(row.published.iterations)
  expect(Number(finalValue.toPrecision(3))).toBe(Number(row.published.value))
  expect(reproduced).toBe(true)
  expect(path).toHaveLength((iterations ?? 1000) + 1)
  expect(values).toHaveLength(path.length)
})

test('another learning rate does not count as the published run', () => {
  const row = steady[0]!
  expect(descend({ ...row, learningRate: row.learningRate * 1.01 }).reproduced).toBe(false)
})

test('the table has a line for every run and marks the chaotic ones', () => {
  const lines = formatTable(descendAll()).split('\n').slice(2)
  expect(lines).toHaveLength(30)
  expect(lines.filter((line) => line.endsWith(' yes')).length).toBeGreaterThanOrEqual(22)
  expect(lines.filter((line) => line.endsWith(' NO'))).toEqual([])
})

test('where ξ is tied to the learning rate, its size does not matter from 1 on', () => {
  const trials = runTrials()
  const steps = (title: string, id: FunctionId, rate: number): number | null =>
    trials.find(
      ({ title: other, testFunction, learningRate }) =>
        other === title && testFunction.id === id && learningRate === rate,
    )!.iterations
  for (const [title, id] of [
    ['Heavy ball, root', 'beale'],
    ['Heavy ball, root', 'rosenbrock'],
    ['Heavy ball, root', 'himmelblau'],
    ['Adam, rate-free', 'beale'],
    ['Adam, rate-free', 'himmelblau'],
  ] as const) {
    const [one, hundred] = [steps(title, id, 1)!, steps(title, id, 100)!]
    expect(one).toBeGreaterThan(0)
    expect(Math.abs(hundred / one - 1), `${title} on ${id}`).toBeLessThan(0.1)
  }
  // Alone, the base fails there, and no step size leaves a local minimum of Rastrigin's function.
  expect(steps('Heavy ball', 'beale', 1)).toBeNull()
  expect(trials.filter(({ testFunction }) => testFunction.id === 'rastrigin')).toMatchObject(
    Array.from({ length: 15 }, () => ({ iterations: null })),
  )
  const { headings, rows: cells } = trialTable(trials)
  expect(headings).toEqual(['Optimiser', 'η', 'Beale', 'Rosenbrock', 'Himmelblau', 'Ackley', 'Rastrigin'])
  expect(cells).toHaveLength(15)
})

import { describe, expect, it } from 'vitest'
import {
  adafactor,
  adam,
  createOptimizer,
  inducedMetric,
  muon,
  normuon,
  rateFree,
  shampoo,
  sgd,
  sm3,
  soap,
  type Preconditioner,
} from '@induced-metric/core'
import { planStep, slotShape } from '@induced-metric/core/adapter'

const engines = ['reference', 'wasm'] as const
const bases = [
  adafactor(),
  sm3(),
  normuon(),
  shampoo({ every: 2 }),
  soap({ every: 2 }),
  muon({ flatten: true }),
]
const shapes = [[3, 4], [4, 3], [1, 4], [4, 1], [1, 1], [3, 2, 2], [4], [], [0, 3]]

/** Elements of state of one parameter, by its plan: nothing is allocated. */
function stateOf(base: Preconditioner, shape: readonly number[]): number {
  const plan = planStep(inducedMetric(base, { learningRate: 1 }), [{ name: 'w', shape }])
  const [parameter] = plan.parameters
  const sizes = parameter!.graph.slots.map((slot) => slotShape(parameter!, slot).reduce((a, b) => a * b, 1))
  return sizes.reduce((a, b) => a + b, 0)
}

function optimizerOf(base: Preconditioner, shape: readonly number[], engine: (typeof engines)[number]) {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + 1))
  const optimizer = createOptimizer(
    inducedMetric(base, { learningRate: 0.1, xi: 0 }),
    [{ name: 'w', shape, data }],
    {
      engine,
    },
  )
  const gradient = (of: (i: number) => number): Float32Array => data.map((_, i) => of(i))
  return { data, optimizer, gradient }
}

it('Adafactor keeps less than a hundredth of what Adam keeps', () => {
  const shape = [4096, 4096]
  expect(stateOf(adam(), shape)).toBe(2 * 4096 ** 2)
  expect(stateOf(adafactor(), shape)).toBe(2 * 4096)
  expect(stateOf(adafactor(), shape) / stateOf(adam(), shape)).toBeCloseTo(0.000244, 6)
})

describe.each(engines)('on %s', (engine) => {
  describe.each(bases.map((base) => [base.name, base] as const))('%s', (_, base) => {
    it.each(shapes.map((shape) => [shape]))('steps from a gradient of zeros on: shape [%s]', (shape) => {
      const { data, optimizer, gradient } = optimizerOf(base, shape, engine)
      const before = data.slice()
      optimizer.step([gradient(() => 0)])
      expect(data).toEqual(before)
      for (let t = 1; t <= 4; t++) optimizer.step([gradient((i) => Math.cos(3 * i + t))])
      expect([...data].every(Number.isFinite)).toBe(true)
      expect(optimizer.report.skippedSteps).toBe(0)
      if (data.length > 0) expect(data).not.toEqual(before)
    })
  })

  it('adafactor takes a relative step of 1/√t at most, whatever the learning rate, and none at 0', () => {
    for (const [learningRate, step] of [
      [1e6, 1],
      [1e-3, 1e-3],
      [0, 0],
    ] as const) {
      const data = new Float64Array([2, 2, 2, 2])
      const transformation = inducedMetric(adafactor({ scaleParameter: false }), { learningRate, xi: 0 })
      const optimizer = createOptimizer(transformation, [{ name: 'w', shape: [2, 2], data }], { engine })
      optimizer.step([new Float64Array([1, -1, 1, -1])])
      expect(optimizer.report.skippedSteps).toBe(0)
      expect([...data].map((x) => 2 - x)).toEqual(
        [step, -step, step, -step].map((x) => expect.closeTo(x, 12) as number),
      )
    }
  })

  it('shampoo takes its roots at the first step and at every k-th after it', () => {
    const { optimizer, gradient } = optimizerOf(shampoo({ every: 3 }), [3, 3], engine)
    const roots = [1, 2, 3, 4, 5].map((t) => {
      optimizer.step([gradient((i) => Math.cos(i * t))])
      return [...optimizer.slots[0]!['leftRoot']!].join()
    })
    expect(roots[0]).not.toBe([1, 0, 0, 0, 1, 0, 0, 0, 1].join())
    expect(roots[1]).toBe(roots[0])
    expect(roots[2]).toBe(roots[0])
    expect(roots[3]).not.toBe(roots[0])
    expect(roots[4]).toBe(roots[3])
  })

  it('soap keeps orthogonal bases, moves nothing at its first step, and goes on with ε = 0', () => {
    const { data, optimizer, gradient } = optimizerOf(soap({ every: 2, epsilon: 0 }), [3, 3], engine)
    const before = data.slice()
    optimizer.step([gradient((i) => Math.cos(i * i))])
    expect(data).toEqual(before)
    for (let t = 2; t <= 6; t++) optimizer.step([gradient((i) => Math.cos(i * i * t))])
    expect(optimizer.report).toMatchObject({ step: 6, skippedSteps: 0 })
    const q = [...optimizer.slots[0]!['leftBasis']!]
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const along = [0, 1, 2].reduce((sum, k) => sum + q[3 * k + i]! * q[3 * k + j]!, 0)
        expect(along).toBeCloseTo(i === j ? 1 : 0, 5)
      }
    }
  })

  it('muon takes kernels only where it flattens them, by the meaning of their rows', () => {
    const slots = (flatten: boolean): string[] => {
      const { optimizer } = optimizerOf(muon({ flatten }), [3, 2, 2], engine)
      return Object.keys(optimizer.slots[0]!)
    }
    expect(slots(false)).toEqual(['m', 'v'])
    expect(slots(true)).toEqual(['momentum'])
    const length = (rows: 'outputs' | 'inputs'): number => {
      const { data, optimizer, gradient } = optimizerOf(normuon({ rows }), [3, 2, 2], engine)
      optimizer.step([gradient((i) => Math.cos(i))])
      expect(data.length).toBe(12)
      return optimizer.slots[0]!['meanSquare']!.length
    }
    expect([length('outputs'), length('inputs')]).toEqual([3, 2])
  })
})

it('rateFree takes those that give their average of gradients, and says which do not', () => {
  const make = (base: Preconditioner) => (): unknown =>
    createOptimizer(rateFree(base, { steps: 9 }), [{ name: 'w', shape: [2, 2], data: new Float32Array(4) }])
  for (const base of [adafactor(), sm3({ momentum: 0 }), normuon(), shampoo(), soap(), sgd()]) {
    expect(make(base), base.name).not.toThrow()
  }
  expect(make(sm3())).toThrow(/ERR_NOT_SUPPORTED.*sm3 gives none/)
  expect(make(adafactor({ momentum: 0.5 }))).toThrow(/ERR_NOT_SUPPORTED.*adafactor gives none/)
})

describe.each([
  ['adafactor', adafactor, { clip: 0 }],
  ['adafactor', adafactor, { decay: 0 }],
  ['sm3', sm3, { decay: 1.5 }],
  ['normuon', normuon, { iterations: 0 }],
  ['shampoo', shampoo, { every: 0 }],
  ['soap', soap, { every: 1.5 }],
] as const)('%s', (_, make, options) => {
  it(`refuses ${JSON.stringify(options)}`, () => {
    expect(() => (make as (options: object) => Preconditioner)(options)).toThrow(/ERR_OPTION/)
  })
})

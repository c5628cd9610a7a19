import { adam, inducedMetric, lion, sgd } from '@induced-metric/core'
import { applyUpdates, inducedOptimizer, perExampleOptimizer } from '@induced-metric/jax-js'
import { numpy as np, tree, valueAndGrad } from '@jax-js/jax'
import { describe, expect, it } from 'vitest'
import { countsOf, valuesOf } from './support/problem.js'

type Params = { hidden: { kernel: np.Array; bias: np.Array }; out: np.Array }
type Example = { x: np.Array; y: np.Array }

const wave = (length: number, phase: number): np.Array =>
  np.array(Float32Array.from({ length }, (_, i) => Math.sin(3 * i * i + phase)))
const first = (): Params => ({ hidden: { kernel: wave(8, 0), bias: wave(8, 1) }, out: wave(8, 2) })
const count = 24
const points = Float32Array.from({ length: count }, (_, i) => i / 12 - 1)
const examples = (): Example => ({ x: np.array(points), y: np.array(points.map((x) => Math.sin(3 * x))) })
const residual = ({ hidden, out }: Params, { x, y }: Example): np.Array =>
  np.tanh(hidden.kernel.mul(x).add(hidden.bias)).mul(out).sum().sub(y)
const loss = (params: Params, example: Example): np.Array => np.square(residual(params, example)).mul(0.5)
const gap = (a: readonly number[][], b: readonly number[][]): number =>
  Math.max(...a.flatMap((row, i) => row.map((x, k) => Math.abs(x - b[i]![k]!))))

function codeOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    return (error as { code: string }).code
  }
  throw new Error('nothing was thrown')
}

describe('perExampleOptimizer', () => {
  it('fits residuals in a few steps', () => {
    const solver = perExampleOptimizer({ residual }, adam({ beta1: 0 }))
    let params = first()
    for (let i = 0; i < 40; i++) params = solver.update(params, examples())
    expect(solver.report!.step).toBe(40)
    expect(solver.report!.loss).toBeLessThan(1e-5)
  })

  it.each([
    ['residuals', { residual }],
    ['losses', { loss }],
  ])('without the metric steps on the mean loss as the other optimiser: %s', (_, one) => {
    const solver = perExampleOptimizer(one, adam(), { learningRate: 0.1, xi: 0 })
    const plain = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1, xi: 0 }))
    let [params, other] = [first(), first()]
    let state = plain.init(tree.ref(other))
    for (let i = 0; i < 3; i++) {
      params = solver.update(params, examples())
      const { x, y } = examples()
      const mean = ({ hidden, out }: Params): np.Array => {
        const z = np.tanh(x.ref.reshape([count, 1]).mul(hidden.kernel).add(hidden.bias))
        return np.square(np.matmul(z, out).sub(y.ref)).mean().mul(0.5)
      }
      const [value, grads] = valueAndGrad(mean)(tree.ref(other))
      expect(solver.report!.loss).toBeCloseTo(value.item(), 5)
      const [updates, next] = plain.update(grads, state, tree.ref(other))
      other = applyUpdates(other, updates)
      state = next
    }
    expect(gap(valuesOf(params), valuesOf(other))).toBeLessThan(1e-4)
    expect(gap(valuesOf(params), valuesOf(first()))).toBeGreaterThan(0.1)
  })

  it('consumes what it is given, and nothing where it throws', () => {
    const solver = perExampleOptimizer({ residual }, sgd(), { learningRate: 1, onNonFinite: 'throw' })
    const [params, data] = [first(), examples()]
    const after = solver.update(tree.ref(params), tree.ref(data))
    expect([...countsOf(params), ...countsOf(data)]).toEqual([1, 1, 1, 1, 1])
    const bad = { x: data.x, y: np.full([count], NaN) }
    expect(codeOf(() => solver.update(after, bad))).toBe('ERR_NON_FINITE')
    expect([...countsOf(after), ...countsOf(bad)]).toEqual([1, 1, 1, 1, 1])
    solver.update(after, data)
    expect([...countsOf(after), ...countsOf(data)]).toEqual([0, 0, 0, 0, 0])
  })

  it('goes on from a checkpoint, and starts over with another tree', () => {
    const make = () => perExampleOptimizer({ residual }, adam(), { learningRate: 10 })
    const [solver, resumed] = [make(), make()]
    expect(codeOf(() => solver.save())).toBe('ERR_CHECKPOINT')
    const params = solver.update(first(), examples())
    resumed.load(solver.save(), params)
    const [a, b] = [solver.update(tree.ref(params), examples()), resumed.update(params, examples())]
    expect(valuesOf(a)).toEqual(valuesOf(b))
    expect(resumed.report).toEqual(solver.report)
    resumed.reset()
    expect(resumed.report!.step).toBe(0)
    const { hidden, out } = first()
    solver.update({ out, hidden }, examples())
    expect(solver.report!.step).toBe(1)
    solver.dispose()
    expect(solver.report).toBeUndefined()
  })

  it('says what it cannot do', () => {
    expect(codeOf(() => perExampleOptimizer({ residual }, lion()))).toBe('ERR_NOT_SUPPORTED')
    expect(codeOf(() => perExampleOptimizer({ residual }, sgd(), { xi: -1 }))).toBe('ERR_OPTION')
    expect(codeOf(() => perExampleOptimizer({} as never, sgd()))).toBe('ERR_OPTION')
    expect(codeOf(() => perExampleOptimizer({ residual, loss } as never, sgd()))).toBe('ERR_OPTION')
  })
})

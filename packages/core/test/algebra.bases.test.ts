import { describe, expect, it } from 'vitest'
import {
  algebra,
  createOptimizer,
  decodeCheckpoint,
  definePreconditioner,
  encodeCheckpoint,
  inducedMetric,
  type Optimizer,
  type Transformation,
} from '@induced-metric/core'

const {
  add,
  columnSums,
  div,
  dot,
  ema,
  every,
  inverseRoot,
  matmul,
  mul,
  rowSums,
  select,
  greater,
  sqrt,
  square,
  sub,
  sum,
  transpose,
} = algebra

/** A base with a factored second moment, a scalar state and work at every second step. */
const factored = definePreconditioner({
  name: 'factored',
  matrix: 'optional',
  flatten: true,
  hyperparameters: { decay: { kind: 'number', default: 0.9, min: 0, max: 1, below: true } },
  update({ gradient: g, slot, matrix, rows, columns, size, step, decay }) {
    const product = mul(slot('product', { shape: 'scalar', initial: 1 }), decay)
    const unbias = sub(1, product)
    const squared = add(square(g), 1e-12)
    if (!matrix) {
      const v = ema(slot('v'), squared, decay)
      return { direction: div(g, sqrt(div(v, unbias))), slots: { v, product } }
    }
    const [r, c] = [slot('r', { shape: 'rows' }), slot('c', { shape: 'columns' })]
    const row = ema(r, div(rowSums(squared), columns), decay)
    const column = every(2, ema(c, div(columnSums(squared), rows), decay), c)
    const mean = div(sum(row), mul(rows, unbias))
    const used = select(greater(step, 1), column, row.shape === 'rows' ? add(column, 1) : column)
    return {
      direction: div(g, sqrt(div(mul(div(row, unbias), used), add(mean, mul(0, size))))),
      slots: { r: row, c: column, product },
    }
  },
})

type Shapes = readonly (readonly number[])[]

interface Run {
  readonly optimizer: Optimizer
  readonly parameters: readonly { readonly name: string; readonly data: Float64Array }[]
  readonly gradients: (t: number) => Float64Array[]
}

function trainOn(engine: 'reference' | 'wasm') {
  return (transformation: Transformation, steps: number, shapes: Shapes = [[2, 3], [4]]): Run => {
    const parameters = shapes.map((shape, i) => ({
      name: `p${i}`,
      shape,
      data: Float64Array.from({ length: shape.reduce((x, y) => x * y, 1) }, (_, k) => Math.sin(k + i)),
    }))
    const optimizer = createOptimizer(transformation, parameters, { engine })
    const gradients = (t: number): Float64Array[] =>
      parameters.map(({ data }, i) => data.map((_, k) => Math.cos(3 * k + t + i)))
    for (let t = 1; t <= steps; t++) optimizer.step(gradients(t), { loss: 1 })
    return { optimizer, parameters, gradients }
  }
}

describe.each(['reference', 'wasm'] as const)('on the engine %s', (engine) => {
  const train = trainOn(engine)

  describe('a base with a factored slot, a scalar state and every(k)', () => {
    it('is computed as plain loops compute it', () => {
      const { optimizer, parameters } = train(inducedMetric(factored(), { learningRate: 0.1, xi: 0 }), 3)
      const [r, c] = [
        [0, 0],
        [0, 0, 0],
      ]
      const w = Array.from({ length: 6 }, (_, k) => Math.sin(k))
      let product = 1
      for (let t = 1; t <= 3; t++) {
        product *= 0.9
        const g = w.map((_, k) => Math.cos(3 * k + t))
        const s = g.map((x) => x * x + 1e-12)
        for (let i = 0; i < 2; i++)
          r[i] = 0.9 * r[i]! + 0.1 * ((s[3 * i]! + s[3 * i + 1]! + s[3 * i + 2]!) / 3)
        if (t % 2 === 0) for (let j = 0; j < 3; j++) c[j] = 0.9 * c[j]! + 0.1 * ((s[j]! + s[3 + j]!) / 2)
        const mean = (r[0]! + r[1]!) / (2 * (1 - product))
        w.forEach((_, k) => {
          const used = t > 1 ? c[k % 3]! : c[k % 3]! + 1
          w[k]! -= (0.1 * g[k]!) / Math.sqrt(((r[Math.floor(k / 3)]! / (1 - product)) * used) / mean)
        })
      }
      expect([...parameters[0]!.data]).toEqual(w.map((x) => expect.closeTo(x, 12) as number))
      expect(optimizer.slots[0]!['product']).toEqual(new Float64Array([0.9 ** 3].map(() => 0.9 * 0.9 * 0.9)))
      expect(optimizer.slots[0]!['r']).toHaveLength(2)
      expect(optimizer.slots[0]!['c']).toHaveLength(3)
      expect(optimizer.slots[1]!['v']).toHaveLength(4)
    })

    it('takes kernels of convolutions as matrices', () => {
      const { optimizer } = train(inducedMetric(factored(), { learningRate: 0.1 }), 1, [[3, 3, 2, 5]])
      expect([optimizer.slots[0]!['r']!.length, optimizer.slots[0]!['c']!.length]).toEqual([3, 30])
    })

    it('resumes from a checkpoint, bit for bit', () => {
      const transformation = inducedMetric(factored(), { learningRate: 0.1 })
      const first = train(transformation, 3)
      const bytes = encodeCheckpoint(first.optimizer.save())
      expect(decodeCheckpoint(bytes).parameters[0]!.slotShapes).toEqual({ r: [2, 1], c: [1, 3], product: [] })
      const second = train(transformation, 0)
      second.optimizer.load(bytes)
      second.parameters.forEach(({ data }, i) => data.set(first.parameters[i]!.data))
      for (const { optimizer, gradients } of [first, second]) optimizer.step(gradients(4), { loss: 1 })
      expect(second.parameters).toEqual(first.parameters)
      expect(second.optimizer.save()).toEqual(first.optimizer.save())
    })
  })

  describe('totals and shared scalars', () => {
    const spread = definePreconditioner({
      name: 'spread',
      update({ gradient: g, total, shared, profileStep, loss }) {
        const squared = total(dot(g, g))
        const d = add(shared('d', 1), div(sqrt(squared), profileStep))
        return { direction: mul(d, g), slots: {}, shared: { d }, dual: mul(mul(d, loss), square(g)) }
      },
    })

    it('are of all parameters', () => {
      const { optimizer, parameters, gradients } = train(
        inducedMetric(spread(), { learningRate: 0.1, xi: 0 }),
        2,
      )
      let d = 1
      const w = parameters.map(({ data }, i) => data.map((_, k) => Math.sin(k + i)))
      for (let t = 1; t <= 2; t++) {
        const g = gradients(t)
        d += Math.sqrt(g.flatMap((x) => [...x]).reduce((s, x) => s + x * x, 0)) / t
        w.forEach((x, i) => x.forEach((_, k) => (x[k]! -= 0.1 * d * g[i]![k]!)))
      }
      parameters.forEach(({ data }, i) => data.forEach((x, k) => expect(x).toBeCloseTo(w[i]![k]!, 12)))
      expect(optimizer.save().profiles).toEqual([
        { key: '', steps: 2, values: { d: expect.closeTo(d, 12) as number } },
      ])
    })
  })

  describe('matrix functions', () => {
    const shampoo = definePreconditioner({
      name: 'tinyshampoo',
      matrix: true,
      update({ gradient: g, slot }) {
        const left = add(slot('left', { shape: 'rows,rows', initial: 'identity' }), matmul(g, transpose(g)))
        const root = every(
          2,
          inverseRoot(left, 2, 0),
          slot('root', { shape: 'rows,rows', initial: 'identity' }),
        )
        return { direction: matmul(root, g), slots: { left, root } }
      },
    })

    it('are taken at every k-th step', () => {
      const { optimizer } = train(inducedMetric(shampoo(), { learningRate: 0.1 }), 1, [[2, 3]])
      expect([...optimizer.slots[0]!['root']!]).toEqual([1, 0, 0, 1])
      const { optimizer: second } = train(inducedMetric(shampoo(), { learningRate: 0.1 }), 2, [[2, 3]])
      const [left, root] = [second.slots[0]!['left']!, second.slots[0]!['root']!]
      // root·left·root = I
      const times = (a: ArrayLike<number>, b: ArrayLike<number>) =>
        [0, 1, 2, 3].map((k) => a[k & 2]! * b[k & 1]! + a[(k & 2) + 1]! * b[2 + (k & 1)]!)
      times(times(root, left), root).forEach((x, k) => expect(x).toBeCloseTo(k % 3 === 0 ? 1 : 0, 12))
    })
  })
})

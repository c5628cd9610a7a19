import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { algebra, type Expr, type Shape } from '@induced-metric/core'
import { compilePass, Scratch } from '../src/engines/reference/interpreter.js'
import { buildGraph } from '../src/graph/graph.js'
import { randomArray, type Dtype } from './support.js'

// Random expressions over matrices and vectors of one parameter, against loops over single elements.

const extents = { rows: 3, columns: 4 }
const { input } = algebra
const leaves: readonly Expr[] = [
  input('w', 'rows,columns'),
  input('t', 'columns,rows'),
  input('q', 'rows,rows'),
  input('u', 'columns,columns'),
  input('r', 'rows'),
  input('c', 'columns'),
  algebra.identity('rows'),
  algebra.identity('columns'),
  input('a', 'scalar'),
  algebra.literal(0.5),
]

const unary: readonly ((x: Expr) => Expr)[] = [
  algebra.abs,
  algebra.neg,
  algebra.sign,
  algebra.square,
  algebra.exp,
  (x) => algebra.log(algebra.add(algebra.abs(x), 1)),
  (x) => algebra.sqrt(algebra.abs(x)),
  algebra.transpose,
  algebra.rowSums,
  algebra.columnSums,
  algebra.rowMax,
  algebra.columnMax,
  algebra.diagonal,
  algebra.trace,
  algebra.sum,
]
const binary: readonly ((x: Expr, y: Expr) => Expr)[] = [
  algebra.add,
  algebra.sub,
  algebra.mul,
  algebra.max,
  algebra.min,
  algebra.greater,
  algebra.atan2,
  algebra.matmul,
  (x, y) => algebra.div(x, algebra.add(algebra.abs(y), 1)),
  (x, y) => algebra.pow(algebra.add(algebra.abs(x), 0.5), algebra.min(algebra.abs(y), 2)),
]

/** Applies an operation, unless the shapes do not suit it: then it is left out. */
function attempt(operate: () => Expr, otherwise: Expr): Expr {
  try {
    return operate()
  } catch {
    return otherwise
  }
}

const expressions = fc.letrec<{ any: Expr }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 5, depthSize: 'large' },
    fc.constantFrom(...leaves),
    fc.tuple(fc.constantFrom(...unary), tie('any')).map(([op, x]) => attempt(() => op(x), x)),
    fc
      .tuple(fc.constantFrom(...binary), tie('any'), tie('any'))
      .map(([op, x, y]) => attempt(() => op(x, y), x)),
    fc.tuple(tie('any'), tie('any'), tie('any')).map(([x, y, z]) =>
      attempt(
        () => algebra.select(x, y, z),
        attempt(() => algebra.select(1, x, y), z),
      ),
    ),
  ),
})).any

/** The value of one element: a scalar has the place (0, 0), a vector of rows (i, 0), of columns (0, j). */
type At = (i: number, j: number) => number

function sizesOf(shape: Shape): [number, number] {
  if (shape === 'scalar' || shape === 'tensor') return [1, 1]
  const [p, q] = shape.split(',') as ['rows' | 'columns', ('rows' | 'columns')?]
  if (q !== undefined) return [extents[p], extents[q]]
  return p === 'rows' ? [extents.rows, 1] : [1, extents.columns]
}

/** An operand's place for an element of the result. */
function placeIn(x: Expr, result: Shape, i: number, j: number): [number, number] {
  if (x.shape === 'scalar') return [0, 0]
  if (x.shape === result || x.shape.includes(',')) return [i, j]
  const along = result.split(',')[0] === x.shape ? i : j
  return x.shape === 'rows' ? [along, 0] : [0, along]
}

function evaluate(x: Expr, given: Readonly<Record<string, ArrayLike<number>>>, dtype: Dtype): At {
  const round = dtype === 'float32' ? Math.fround : (value: number) => value
  const known = new Map<Expr, At>()
  const visit = (y: Expr): At => {
    let at = known.get(y)
    if (!at) {
      const of = y.inputs.map(visit)
      const values = new Map<string, number>()
      const compute = elementOf(y, of, given)
      at = (i, j) => {
        const key = `${i},${j}`
        let value = values.get(key)
        if (value === undefined) {
          value = compute(i, j)
          values.set(key, (value = y.shape === 'scalar' ? value : round(value)))
        }
        return value
      }
      known.set(y, at)
    }
    return at
  }
  /** A scalar is rounded where it meets a tensor. */
  const elementOf = (y: Expr, of: readonly At[], inputs: Readonly<Record<string, ArrayLike<number>>>): At => {
    const [a, b] = of as [At, At]
    const [p = 1, q = 1] = y.inputs[0] ? sizesOf(y.inputs[0].shape) : []
    const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k)
    const total = (xs: number[]): number => xs.reduce((sum, v) => sum + v, 0)
    switch (y.op) {
      case 'constant':
        return () => y.value!
      case 'input':
        return (i, j) => inputs[y.name!]![i * sizesOf(y.shape)[1] + j]!
      case 'identity':
        return (i, j) => (i === j ? 1 : 0)
      case 'transpose':
        return (i, j) => a(j, i)
      case 'matmul':
        return (i, j) => total(range(q).map((k) => a(i, k) * b(k, j)))
      case 'rowSums':
        return (i, j) => total(range(q).map((k) => a(y.shape === 'rows' ? i : j, k)))
      case 'columnSums':
        return (i, j) => total(range(p).map((k) => a(k, y.shape === 'rows' ? i : j)))
      case 'rowMax':
        return (i, j) => Math.max(...range(q).map((k) => a(y.shape === 'rows' ? i : j, k)))
      case 'columnMax':
        return (i, j) => Math.max(...range(p).map((k) => a(k, y.shape === 'rows' ? i : j)))
      case 'sum':
        return () => total(range(p).flatMap((i) => range(q).map((j) => a(i, j))))
      default:
        return (i, j) => {
          const operand = (k: number): number => {
            if (!of[k]) return 0
            const value = of[k](...placeIn(y.inputs[k]!, y.shape, i, j))
            return y.shape === 'scalar' ? value : round(value)
          }
          return algebra.evaluateScalar(y.op, operand(0), operand(1), operand(2))
        }
    }
  }
  return visit(x)
}

describe.each<Dtype>(['float32', 'float64'])('matrices and vectors: %s', (dtype) => {
  const lengths = { w: 12, t: 12, q: 9, u: 16, r: 3, c: 4 }
  const tensors = Object.fromEntries(
    Object.entries(lengths).map(([name, length], i) => [name, randomArray(dtype, length, 3 + i)]),
  )

  it('are computed as loops over single elements compute them', () => {
    fc.assert(
      fc.property(expressions, (x) => {
        const graph = buildGraph({ x })
        const pass = compilePass(graph, ['x'], new Scratch(dtype))
        const [p, q] = sizesOf(x.shape)
        const out = randomArray(dtype, p * q, 1)
        pass.run({ size: 12, ...extents }, tensors, { a: 1.5 }, x.shape === 'scalar' ? {} : { x: out })
        const result = x.shape === 'scalar' ? [pass.scalar('x')] : [...out]
        const at = evaluate(x, { ...tensors, a: [1.5] }, dtype)
        const expected = Array.from({ length: p * q }, (_, k) => at(Math.floor(k / q), k % q))
        // Sums over several extents accumulate in different orders.
        const close = (value: number, k: number): boolean =>
          Object.is(value + 0, result[k]! + 0) ||
          Math.abs(value - result[k]!) <= (dtype === 'float32' ? 1e-4 : 1e-12) * (1 + Math.abs(value))
        expect(expected.every(close), `${JSON.stringify(expected)} ${JSON.stringify(result)}`).toBe(true)
      }),
      { numRuns: 1500 },
    )
  })
})

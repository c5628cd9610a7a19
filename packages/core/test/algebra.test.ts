import { describe, expect, it } from 'vitest'
import {
  adam,
  algebra,
  definePreconditioner,
  heavyBall,
  inducedMetric,
  lion,
  muon,
  sgd,
  type ErrorCode,
  type Operand,
  type Preconditioner,
  type Shape,
  type Transformation,
} from '@induced-metric/core'
import { planStep, type Graph } from '@induced-metric/core/adapter'
import { buildGraph, neededNodes } from '../src/graph/graph.js'
import { compileScalars } from '../src/graph/hostScalars.js'
import { expectError } from './support.js'

const { literal, input, isZero, evaluateScalar } = algebra
const x = input('x', 'tensor')
const y = input('y', 'tensor')
const a = input('a', 'scalar')
const b = input('b', 'scalar')
const wide = input('w', 'rows,columns')
const tall = input('t', 'columns,rows')
const square = input('q', 'rows,rows')
const rows = input('r', 'rows')
const columns = input('c', 'columns')

describe('constants', () => {
  it.each<[name: string, folded: algebra.Expr, value: number]>([
    ['add', algebra.add(2, 3), 5],
    ['sub', algebra.sub(2, 3), -1],
    ['mul', algebra.mul(2, 3), 6],
    ['div', algebra.div(1, 3), 1 / 3],
    ['div by 0', algebra.div(3, 0), Infinity],
    ['max', algebra.max(2, 3), 3],
    ['min', algebra.min(2, 3), 2],
    ['max of NaN', algebra.max(NaN, 3), NaN],
    ['min of NaN', algebra.min(3, NaN), NaN],
    ['sqrt', algebra.sqrt(2), Math.SQRT2],
    ['square', algebra.square(-3), 9],
    ['abs', algebra.abs(-3), 3],
    ['neg', algebra.neg(0), -0],
    ['sign', algebra.sign(-3), -1],
    ['pow', algebra.pow(2, 10), 1024],
    ['finite', algebra.finite(Infinity), 0],
    ['greater', algebra.greater(1, NaN), 0],
    ['select', algebra.select(0, NaN, 4), 4],
    ['ema', algebra.ema(1, 3, 0.75), 1.5],
    ['exp', algebra.exp(1), Math.E],
    ['log', algebra.log(-1), NaN],
    ['atan2', algebra.atan2(1, -1), (3 * Math.PI) / 4],
    ['floor', algebra.floor(-1.5), -2],
    ['when', algebra.when(0, NaN, 4), 4],
    ['nested', algebra.sqrt(algebra.add(algebra.square(3), algebra.square(4))), 5],
  ])('are folded: %s', (_, folded, value) => {
    expect(folded).toEqual({ op: 'constant', inputs: [], shape: 'scalar', value })
    expect(Object.is(folded.value, value)).toBe(true)
  })

  it('are not folded into tensors', () => {
    expect(algebra.add(x, algebra.add(1, 2))).toEqual({
      op: 'add',
      inputs: [x, literal(3)],
      shape: 'tensor',
    })
  })

  it('1 is no factor and no divisor', () => {
    expect(algebra.mul(1, x)).toBe(x)
    expect(algebra.mul(x, 1)).toBe(x)
    expect(algebra.div(x, 1)).toBe(x)
    expect(algebra.mul(1, a)).toBe(a)
  })

  it('0 is kept: 0 times NaN is NaN', () => {
    expect(algebra.mul(0, x).op).toBe('mul')
    expect(algebra.add(x, 0).op).toBe('add')
  })

  it('isZero recognises the constant zero, not a run-time value', () => {
    expect([isZero(literal(0)), isZero(literal(-0)), isZero(literal(1)), isZero(a)]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})

describe('scalar factors of a tensor', () => {
  it('are gathered into one', () => {
    const chain = algebra.mul(a, algebra.mul(algebra.mul(x, b), 2))
    expect(chain.op).toBe('mul')
    expect(chain.inputs[1]).toBe(x)
    expect(chain.inputs[0]!.shape).toBe('scalar')
  })

  it('come out of sums', () => {
    const total = algebra.sum(algebra.mul(a, x))
    expect(total).toEqual(algebra.mul(a, algebra.sum(x)))
    expect(total.shape).toBe('scalar')
  })

  it('division by a scalar is a product with its reciprocal', () => {
    expect(algebra.div(x, a)).toEqual(algebra.mul(algebra.div(1, a), x))
  })
})

describe('shapes', () => {
  it.each<[what: string, make: () => algebra.Expr, shape: Shape]>([
    ['tensor and scalar', () => algebra.add(x, a), 'tensor'],
    ['scalar and tensor', () => algebra.div(a, x), 'tensor'],
    ['matrix and number', () => algebra.sub(wide, 1), 'rows,columns'],
    ['a product of matrices', () => algebra.matmul(wide, tall), 'rows,rows'],
    ['the other product', () => algebra.matmul(tall, wide), 'columns,columns'],
    ['a transpose', () => algebra.transpose(wide), 'columns,rows'],
    ['a transpose of a square', () => algebra.transpose(algebra.matmul(wide, tall)), 'rows,rows'],
    ['a sum', () => algebra.sum(wide), 'scalar'],
    ['a dot product', () => algebra.dot(x, y), 'scalar'],
    ['a vector and a matrix', () => algebra.mul(rows, wide), 'rows,columns'],
    ['a matrix and a vector', () => algebra.mul(wide, columns), 'rows,columns'],
    ['a vector and a transpose', () => algebra.mul(rows, tall), 'columns,rows'],
    ['vectors of rows and of columns', () => algebra.mul(columns, rows), 'rows,columns'],
    ['a vector and a number', () => algebra.add(rows, 1), 'rows'],
    ['a choice by a tensor', () => algebra.select(x, 1, 2), 'tensor'],
    ['a choice by a vector', () => algebra.select(algebra.greater(rows, 1), wide, columns), 'rows,columns'],
    ['a power by a tensor', () => algebra.pow(2, x), 'tensor'],
    ['sums of rows', () => algebra.rowSums(wide), 'rows'],
    ['sums of rows of a transpose', () => algebra.rowSums(tall), 'columns'],
    ['sums of columns', () => algebra.columnSums(wide), 'columns'],
    ['the largest of rows', () => algebra.rowMax(wide), 'rows'],
    ['a diagonal', () => algebra.diagonal(square), 'rows'],
    ['a trace', () => algebra.trace(algebra.identity('columns')), 'scalar'],
    ['eigenvalues', () => algebra.symmetricEigen(square).values, 'rows'],
    ['eigenvectors', () => algebra.symmetricEigen(square).vectors, 'rows,rows'],
    ['an inverse root', () => algebra.inverseRoot(square, 4, 1e-6), 'rows,rows'],
  ])('%s', (_, make, shape) => {
    expect(make().shape).toBe(shape)
  })

  it.each<[what: string, make: () => unknown, ...words: string[]]>([
    ['a tensor and a matrix', () => algebra.add(x, wide), 'add', 'tensor', 'rows,columns'],
    ['a matrix and its transpose', () => algebra.mul(wide, tall), 'mul', 'rows,columns', 'columns,rows'],
    ['matrices that do not chain', () => algebra.matmul(wide, wide), 'matmul', 'columns', 'rows'],
    ['a product of tensors', () => algebra.matmul(x, y), 'matmul', 'a matrix', '`matrix: true`'],
    ['a product with a scalar', () => algebra.matmul(a, wide), 'matmul', 'a matrix'],
    ['a transposed tensor', () => algebra.transpose(x), 'transpose', 'a matrix'],
    ['the sum of a scalar', () => algebra.sum(a), 'sum', 'any number of elements'],
    ['the sum of a number', () => algebra.sum(2), 'sum'],
    ['a tensor and a vector', () => algebra.add(x, rows), 'add', 'rows'],
    [
      'a vector that could be rows or columns of a matrix',
      () => algebra.mul(rows, square),
      'mul',
      'diagonal',
    ],
    ['a vector of another extent', () => algebra.mul(columns, square), 'mul', 'columns'],
    ['rows of a vector', () => algebra.rowSums(rows), 'rowSums', 'matrix'],
    ['the largest of a tensor', () => algebra.columnMax(x), 'columnMax', 'matrix'],
    ['the diagonal of an oblong', () => algebra.diagonal(wide), 'diagonal', 'square'],
    ['eigenvalues of an oblong', () => algebra.symmetricEigen(wide), 'eigenvalues', 'square'],
    ['the factor of an oblong', () => algebra.qr(tall), 'qr', 'square'],
    ['a root by a tensor', () => algebra.inverseRoot(square, x, 0), 'inverseRoot', 'scalars'],
    ['a tensor as a condition', () => algebra.when(x, x, y), 'when', 'scalar'],
    ['a choice between shapes', () => algebra.when(a, x, b), 'when', 'tensor'],
    ['the floor of a tensor', () => algebra.floor(x), 'floor', 'scalars'],
    ['the finiteness of a tensor', () => algebra.finite(x), 'finite', 'scalars'],
  ])('%s do not agree', (_, make, ...words) => {
    expectError(make, 'ERR_SHAPE', ...words)
  })

  it.each([undefined, null, 'x', [1], new Float32Array(2), { value: 1 }, () => 1])(
    '%o is no operand',
    (wrong) => {
      for (const use of [algebra.add, algebra.mul, algebra.pow, algebra.max]) {
        expectError(() => use(1, wrong as Operand), 'ERR_OPTION', 'expressions and numbers')
      }
      expectError(() => algebra.sqrt(wrong as Operand), 'ERR_OPTION')
      expectError(() => algebra.sum(wrong as Operand), 'ERR_OPTION')
    },
  )

  it('an operation on tensors is none on scalars', () => {
    expectError(() => evaluateScalar('matmul', 1, 2, 3), 'ERR_NOT_SUPPORTED', 'matmul')
    expectError(() => evaluateScalar('input', 1, 2, 3), 'ERR_NOT_SUPPORTED', 'input')
  })
})

describe('a graph', () => {
  it('has equal subexpressions once, however often they are written', () => {
    const twice = () => algebra.sqrt(algebra.add(algebra.square(input('x', 'tensor')), 1))
    const graph = buildGraph({ out: algebra.mul(twice(), twice()), other: twice() })
    expect(graph.nodes.map(({ op }) => op)).toEqual(['input', 'square', 'constant', 'add', 'sqrt', 'mul'])
    expect(graph.outputs['other']).toBe(4)
  })

  it('keeps 0 and −0 apart, and inputs of different names or shapes', () => {
    const graph = buildGraph({ p: literal(0), m: literal(-0), x, y, s: input('x', 'scalar') })
    expect(graph.nodes).toHaveLength(5)
  })

  it('is in evaluation order, and a part of it too', () => {
    const graph = buildGraph({ s: algebra.sum(algebra.mul(x, y)), t: algebra.add(x, a) })
    graph.nodes.forEach((node, index) => node.inputs.forEach((i) => expect(i).toBeLessThan(index)))
    const needed = neededNodes(graph, ['t'])
    expect(needed.map((i) => graph.nodes[i]!.op)).toEqual(['input', 'input', 'add'])
  })

  it('is plain data', () => {
    const graph = buildGraph({ s: algebra.sum(algebra.mul(x, algebra.add(a, 1))) })
    expect(JSON.parse(JSON.stringify(graph))).toEqual(graph)
  })

  it('takes a deep chain', () => {
    let chain: algebra.Expr = x
    for (let i = 0; i < 1000; i++) chain = algebra.sqrt(chain)
    expect(buildGraph({ chain }).nodes).toHaveLength(1001)
  })
})

describe('compileScalars', () => {
  const graph = buildGraph({ c: algebra.sqrt(algebra.sub(1, algebra.pow(a, b))), t: algebra.add(x, a) })
  it('computes in double precision on the host', () => {
    const program = compileScalars(graph, ['c'])
    expect(program({ a: 0.999, b: 7 })[0]).toBe(Math.sqrt(1 - 0.999 ** 7))
  })
  it('says which input it is not given', () => {
    expectError(() => compileScalars(graph, ['c'])({ a: 1 }), 'ERR_OPTION', ' b')
  })
  it('computes no tensors', () => {
    expect(() => compileScalars(graph, ['t'])({ a: 1 })).toThrow()
  })
})

describe('the structural hash', () => {
  const parameters = [
    { name: 'k', shape: [4, 3] },
    { name: 'b', shape: [3] },
  ]
  const hash = (transformation: Transformation, infos = parameters): string =>
    planStep(transformation, infos).hash
  const of = (base: Preconditioner, more: object = {}): string =>
    hash(inducedMetric(base, { learningRate: 0.1, ...more }))

  it('does not depend on values', () => {
    expect(of(adam({ beta1: 0.5, beta2: 0.9, epsilon: 1e-3 }))).toBe(of(adam()))
    expect(of(heavyBall({ momentum: 0.5, dampening: 0.1 }))).toBe(of(heavyBall()))
    expect(of(lion({ beta1: () => 0.3 }))).toBe(of(lion()))
    expect(of(adam(), { learningRate: () => 1, xi: 5, beta: 0.1, weightDecay: 0.1, clipNorm: 1 })).toBe(
      of(adam()),
    )
  })

  it('does not depend on the sizes of the tensors, nor on names', () => {
    expect(hash(inducedMetric(adam(), { learningRate: 0.1 }), [{ name: 'z', shape: [9] }])).toBe(of(adam()))
  })

  it.each<[what: string, one: string, other: string]>([
    ['bases', of(adam()), of(lion())],
    ['momentum or none', of(sgd()), of(sgd({ momentum: 0.9 }))],
    ['a switch', of(adam()), of(adam({ nesterov: true }))],
    ['a count', of(muon()), of(muon({ iterations: 6 }))],
    ['fallbacks', of(muon()), of(muon(), { fallback: sgd() })],
    ['scopes of the metric', of(adam()), of(adam(), { metricScope: 'parameter' })],
  ])('tells %s apart', (_, one, other) => {
    expect(one).toMatch(/^[0-9a-f]{16}$/)
    expect(one).not.toBe(other)
  })

  it('is the same in every release: checkpoints carry it', () => {
    expect({ adam: of(adam()), sgd: of(sgd({ momentum: 0.9 })), muon: of(muon()) }).toMatchInlineSnapshot(`
      {
        "adam": "7bfc77c06ec61bca",
        "muon": "95f5a4b5d4ced93b",
        "sgd": "c0f4fe32f894f4f1",
      }
    `)
  })

  it('tells graphs with different roles of their nodes apart', () => {
    const one = buildGraph({ p: algebra.add(x, y), q: algebra.sub(x, y) })
    const other = buildGraph({ q: algebra.add(x, y), p: algebra.sub(x, y) })
    expect(one.hash).not.toBe(other.hash)
  })
})

describe('recording a base', () => {
  interface Given {
    readonly gradient: algebra.Expr
    readonly step: algebra.Expr
    readonly slot: (name: string, initial?: Operand) => algebra.Expr
  }
  const record = (update: (given: Given) => unknown, matrix = false): Graph => {
    const base = definePreconditioner({ name: 'mine', hyperparameters: {}, matrix, update: update as never })
    const info = matrix ? { name: 'k', shape: [2, 3] } : { name: 'b', shape: [3] }
    return planStep(inducedMetric(base(), { learningRate: 0.1 }), [info]).parameters[0]!.graph
  }
  const returning = (make: (g: algebra.Expr, m: algebra.Expr) => unknown) => {
    return ({ gradient, slot }: Given) => make(gradient, slot('m'))
  }

  it.each<[what: string, update: (given: Given) => unknown, code: ErrorCode, ...words: string[]]>([
    [
      'a slot not given back',
      returning((g) => ({ direction: g, slots: {} })),
      'ERR_SHAPE',
      'slot m',
      'undefined',
    ],
    [
      'a slot never asked for',
      ({ gradient: g }) => ({ direction: g, slots: { m: g } }),
      'ERR_OPTION',
      'slot m',
      'never asked for',
    ],
    [
      'a slot that is a scalar',
      returning((g, m) => ({ direction: g, slots: { m: algebra.sum(m) } })),
      'ERR_SHAPE',
      'slot m',
      'scalar',
    ],
    [
      'a slot that is a number',
      returning((g) => ({ direction: g, slots: { m: 1 } })),
      'ERR_SHAPE',
      'slot m',
      '1',
    ],
    ['no direction', () => ({ slots: {} }), 'ERR_SHAPE', 'direction', 'undefined'],
    [
      'a scalar direction',
      ({ step }) => ({ direction: step, slots: {} }),
      'ERR_SHAPE',
      'direction',
      'scalar',
    ],
    [
      'a scalar dual',
      ({ gradient: g }) => ({ direction: g, dual: algebra.dot(g, g), slots: {} }),
      'ERR_SHAPE',
      'dual',
      'scalar',
    ],
    ['no slots', ({ gradient: g }) => ({ direction: g }), 'ERR_OPTION', 'slots'],
    ['nothing', () => undefined, 'ERR_OPTION', 'direction', 'undefined'],
    [
      'a slot of an odd name',
      ({ gradient: g, slot }) => ({ direction: slot('a.b'), slots: { 'a.b': g } }),
      'ERR_OPTION',
      '"a.b"',
    ],
    [
      'a slot that starts as a tensor',
      ({ gradient: g, slot }) => ({ direction: slot('m', g), slots: { m: g } }),
      'ERR_SHAPE',
      'slot m',
      'initial',
    ],
    [
      'a slot that starts from a sum',
      ({ gradient: g, slot }) => ({ direction: slot('m', algebra.sum(g)), slots: { m: g } }),
      'ERR_SHAPE',
      'slot m',
      'initial',
    ],
    [
      'a slot asked for with two beginnings',
      ({ gradient: g, slot }) => ({ direction: algebra.add(slot('m'), slot('m', 1)), slots: { m: g } }),
      'ERR_OPTION',
      'slot m',
      'twice',
    ],
  ])('%s is an error that names it', (_, update, code, ...words) => {
    expectError(() => record(update), code, 'mine', ...words)
  })

  it('a slot may be asked for as often as one likes', () => {
    const update = ({ gradient: g, slot }: Given) => ({
      direction: algebra.add(slot('m', 1), slot('m', 1)),
      slots: { m: g },
    })
    expect(() => record(update)).not.toThrow()
  })

  it('gives matrices to a base that takes them, and its transposes must come back', () => {
    const update = ({ gradient: g }: Given) => ({ direction: algebra.transpose(g), slots: {} })
    expectError(() => record(update, true), 'ERR_SHAPE', 'mine', 'columns,rows')
  })

  it('shares the graph between parameters of one form', () => {
    const [vector, matrix] = planStep(inducedMetric(adam(), { learningRate: 0.1 }), [
      { name: 'a', shape: [2] },
      { name: 'b', shape: [3, 3] },
    ]).parameters
    expect(vector!.graph).toBe(matrix!.graph)
  })

  it('keeps every hyperparameter a run-time input: no value of theirs is among the constants', () => {
    const base = adam({ beta1: 0.123, beta2: 0.456, epsilon: 0.789 })
    const transformation = inducedMetric(base, { learningRate: 0.321, weightDecay: 0.654, xi: 0.987 })
    const { graph } = planStep(transformation, [{ name: 'a', shape: [2] }]).parameters[0]!
    const constants = graph.nodes.filter(({ op }) => op === 'constant').map(({ value }) => value)
    expect(new Set(constants)).toEqual(new Set([0, 1]))
    const inputs = graph.nodes.filter(({ op }) => op === 'input').map(({ name }) => name)
    const numbers = [
      'base.beta1',
      'base.beta2',
      'base.epsilon',
      'learningRate',
      'scale',
      'step',
      'weightDecay',
    ]
    expect(new Set(inputs)).toEqual(new Set(['gradient', 'parameter', 'slot.m', 'slot.v', ...numbers]))
  })
})

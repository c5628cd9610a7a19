import { algebra, definePreconditioner, type Preconditioner } from '@induced-metric/core'

const {
  abs,
  add,
  atan2,
  columnMax,
  columnSums,
  diagonal,
  div,
  ema,
  every,
  exp,
  greater,
  identity,
  inverseRoot,
  log,
  matmul,
  max,
  mul,
  neg,
  pow,
  qr,
  rowMax,
  rowSums,
  select,
  sqrt,
  square,
  sub,
  sum,
  symmetricEigen,
  trace,
  transpose,
  when,
} = algebra

const decay = { kind: 'number', default: 0.8, min: 0, max: 1 } as const

/** Second moments by rows and columns of a matrix, kernels of layers included; the transposed matrix is used on the way. */
const factored = definePreconditioner({
  name: 'factored',
  matrix: 'optional',
  flatten: true,
  hyperparameters: { decay },
  update({ gradient, parameter, slot, decay, size, matrix }) {
    const squares = add(square(gradient), 1e-6)
    const rms = sqrt(add(div(sum(square(parameter)), size), 0.01))
    if (!matrix) {
      const v = ema(slot('v'), squares, decay)
      return { direction: mul(rms, div(gradient, sqrt(v))), slots: { v } }
    }
    const r = ema(slot('r', { shape: 'rows' }), rowSums(squares), decay)
    const c = ema(slot('c', { shape: 'columns', initial: 0.1 }), columnSums(squares), decay)
    // Vectors meet matrices of both orders, and each other.
    const turned = div(mul(c, transpose(gradient)), add(1, r))
    const outer = div(mul(r, c), add(sum(r), 1e-3))
    const bounded = div(transpose(turned), add(1, rowSums(abs(turned))))
    const direction = add(mul(rms, div(gradient, sqrt(outer))), mul(0.1, bounded))
    return { direction, slots: { r, c } }
  },
})

/** The largest elements of rows and columns, along both axes. */
const largest = definePreconditioner({
  name: 'largest',
  matrix: true,
  update({ gradient, slot }) {
    const r = max(slot('r', { shape: 'rows' }), rowMax(square(gradient)))
    const c = max(slot('c', { shape: 'columns' }), columnMax(square(gradient)))
    const turned = transpose(abs(gradient))
    const both = add(columnMax(turned), rowMax(turned))
    const v = sqrt(max(r, c))
    return { direction: div(gradient, add(v, mul(0.1, both))), slots: { r, c } }
  },
})

/** A scalar per parameter, and one that depends on nothing but numbers. */
const counted = definePreconditioner({
  name: 'counted',
  hyperparameters: { decay },
  update({ gradient, slot, decay, step }) {
    const product = mul(slot('product', { shape: 'scalar', initial: 1 }), sub(decay, div(0.1, step)))
    const norm = ema(slot('norm', { shape: 'scalar' }), sqrt(sum(square(gradient))), decay)
    const m = ema(slot('m'), gradient, decay)
    const direction = div(m, mul(sub(1, product), add(norm, 0.1)))
    return { direction, slots: { product, norm, m } }
  },
})

/** Starts from the parameter, writes it itself, and evaluates with something else. Reads η, ρ and the loss. */
const averaging = definePreconditioner({
  name: 'averaging',
  hyperparameters: { decay },
  update({ gradient, parameter, slot, decay, learningRate, scale, loss, step }) {
    const start = slot('start', { initial: 'parameter' })
    const z = sub(slot('z', { initial: 'parameter' }), mul(mul(learningRate, scale), gradient))
    const pulled = add(mul(0.9, z), mul(0.1, start))
    return {
      direction: gradient,
      parameter: add(mul(decay, parameter), mul(sub(1, decay), pulled)),
      slots: { start, z, losses: add(slot('losses', { shape: 'scalar' }), loss) },
      evaluation: add(mul(0.5, slot('z', { initial: 'parameter' })), mul(div(0.5, step), parameter)),
    }
  },
})

/** Functions of elements. */
const functions = definePreconditioner({
  name: 'functions',
  hyperparameters: { power: { kind: 'number', default: 1 / 3, min: 0, max: 3 } },
  update({ gradient, parameter, slot, power }) {
    const v = add(slot('v'), abs(gradient))
    const root = pow(v, power)
    const bounded = mul(atan2(gradient, add(v, 0.1)), exp(neg(square(parameter))))
    const signs = select(greater(gradient, parameter), log(add(1.5, v)), pow(square(gradient), 0.75))
    return { direction: add(bounded, div(mul(gradient, signs), add(root, 1e-3))), slots: { v } }
  },
})

/** Sums over all parameters, and scalars that are kept once for them. */
const shared = definePreconditioner({
  name: 'shared',
  hyperparameters: { start: { kind: 'number', default: 0.5, min: 0 } },
  update({ gradient, parameter, slot, total, shared, start, size, profileStep, loss, learningRate }) {
    const before = shared('estimate', start)
    const origin = slot('origin', { initial: 'parameter' })
    const moved = total(square(sub(parameter, origin)))
    const norm = total(square(gradient))
    const estimate = max(before, div(sqrt(moved), add(mul(learningRate, sqrt(norm)), 0.1)))
    const lowest = select(greater(profileStep, 1), algebra.min(shared('lowest'), loss), loss)
    const count = total(size)
    const direction = mul(
      div(mul(add(1, estimate), sub(add(loss, 1), mul(0.5, lowest))), sqrt(count)),
      gradient,
    )
    return { direction, slots: { origin }, shared: { estimate, lowest } }
  },
})

/** Work that is done every few steps only, of scalars too. */
const seldom = definePreconditioner({
  name: 'seldom',
  update({ gradient, slot, step }) {
    const v = every(3, square(gradient), slot('v', { initial: 1 }))
    const norm = when(
      greater(2.5, step),
      sqrt(sum(square(gradient))),
      slot('norm', { shape: 'scalar', initial: 1 }),
    )
    const kept = slot('kept')
    return {
      direction: div(gradient, mul(sqrt(add(v, 0.1)), add(0.1, norm))),
      slots: { v, norm, kept: every(2, add(kept, mul(v, v)), kept) },
    }
  },
})

/** Products of matrices with identity matrices in them. */
const identities = definePreconditioner({
  name: 'identities',
  matrix: true,
  update({ gradient, slot }) {
    const kept = slot('left', { shape: 'rows,rows', initial: 'identity' })
    const left = ema(kept, matmul(gradient, transpose(gradient)), 0.9)
    const right = ema(slot('right', { shape: 'columns,columns' }), identity('columns'), 0.5)
    const size = add(1, div(diagonal(left), trace(left)))
    return {
      direction: div(matmul(add(left, identity('rows')), matmul(gradient, right)), size),
      slots: { left, right },
    }
  },
})

/** Matrix functions that the host computes. */
const rooted = definePreconditioner({
  name: 'rooted',
  matrix: true,
  flatten: true,
  update({ gradient, slot }) {
    const left = add(
      slot('left', { shape: 'rows,rows', initial: 'identity' }),
      matmul(gradient, transpose(gradient)),
    )
    const right = add(slot('right', { shape: 'columns,columns' }), matmul(transpose(gradient), gradient))
    const root = every(
      2,
      inverseRoot(left, 4, 1e-4),
      slot('root', { shape: 'rows,rows', initial: 'identity' }),
    )
    const { values, vectors } = symmetricEigen(add(right, identity('columns')))
    const turned = div(matmul(gradient, vectors), sqrt(values))
    const basis = qr(add(identity('rows'), mul(0.1, left)))
    const direction = matmul(basis, matmul(root, matmul(turned, transpose(vectors))))
    return { direction, slots: { left, right, root } }
  },
})

/** Normal numbers. */
const noisy = definePreconditioner({
  name: 'noisy',
  hyperparameters: { seed: { kind: 'integer', default: 7, min: 0 } },
  update: ({ gradient, normal }) => ({
    direction: add(gradient, add(mul(0.1, normal()), mul(0.05, normal(1)))),
    slots: {},
  }),
})

/** Bases that together use everything in the algebra beyond scalars and products of matrices. */
export const bases: Readonly<Record<string, Preconditioner>> = {
  factored: factored(),
  largest: largest(),
  counted: counted(),
  averaging: averaging(),
  functions: functions(),
  shared: shared(),
  seldom: seldom(),
  identities: identities(),
  rooted: rooted(),
  noisy: noisy(),
}

/** Those that need the host in every step, or in some. */
export const hostBases: ReadonlySet<string> = new Set(['rooted', 'noisy'])

import type { CaseBody } from '../case.js'
import { expectClose, expectError, expectSame, expectTrue } from '../compare.js'
import { lossOption, readCopies, runProblem, scalarsOf, toCore, type Context } from '../context.js'
import { createOracle } from '../oracle/index.js'
import { problemParameters, problemStep } from '../problem.js'
import type { Core, CoreTransformation } from '../target.js'
import { expectUntouched } from './trajectory.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** A schedule whose data are wrong is ERR_OPTION, and the message names the entry. */
export async function badSchedule(context: Context, { schedule, names }: Body<'badSchedule'>): Promise<void> {
  const { core } = context.target
  const error = await expectError(
    `a schedule ${JSON.stringify(schedule)}`,
    'ERR_OPTION',
    () => toCore(context.target, { base: { name: 'sgd' }, learningRate: schedule as { schedule: string } }),
    core.InducedMetricError,
  )
  expectTrue(error.message.includes(names), `the message of ERR_OPTION must name ${names}: ${error.message}`)
}

/** Data that are no transformation are ERR_OPTION, and the message names the entry. */
export async function badTransformation(
  context: Context,
  { change, names }: Body<'badTransformation'>,
): Promise<void> {
  const { core } = context.target
  const plain = { format: 'induced-metric', version: 1, base: { name: 'sgd' }, learningRate: 0.1 }
  const given: unknown =
    change === null || Array.isArray(change) ? change : { ...plain, ...withoutLeftOut(change as object) }
  const error = await expectError(
    `a transformation with ${JSON.stringify(change)}`,
    'ERR_OPTION',
    () => core.fromJSON(given),
    core.InducedMetricError,
  )
  expectTrue(error.message.includes(names), `the message of ERR_OPTION must name ${names}: ${error.message}`)
}

/** The changes, with `undefined` for what a case's data call left out. */
function withoutLeftOut(change: object): object {
  return Object.fromEntries(
    Object.entries(change).map(([key, value]: [string, unknown]) => [
      key,
      value === 'left out' ? undefined : value,
    ]),
  )
}

/** A transformation with one option that is a function of the step. */
function withFunction(
  core: Core,
  option: Body<'badFunction'>['option'],
  value: (step: number) => number,
): CoreTransformation {
  const given = { learningRate: 0.25, xi: 0.25, weightDecay: 0.125, [option]: value }
  if (option === 'momentum')
    return core.inducedMetric(core.heavyBall({ momentum: value }), { learningRate: 0.25 })
  if (option === 'floor') {
    const embedding = core.log({ floor: value })
    return core.inducedMetric(core.sgd(), { learningRate: 0.25, embedding })
  }
  return core.inducedMetric(core.sgd(), given)
}

/** A function of the step that leaves its range is ERR_OPTION at that step, before anything is written. */
export async function badFunction(
  context: Context,
  { problem, option, value }: Body<'badFunction'>,
): Promise<void> {
  const { core } = context.target
  let isBad = true
  // Good from the third call on, where the step that failed is taken after all.
  const transformation = withFunction(core, option, (step) => (step === 3 && isBad ? Number(value) : 0.25))
  const session = await context.create(transformation, problemParameters(problem, context.dtype))
  await runProblem(context, problem, { session, to: 2 })
  const { gradients, loss } = problemStep(problem, 3, context.dtype)
  await expectUntouched(context, session, `${option} = ${value} at step 3`, 'ERR_OPTION', gradients, loss, 2)
  isBad = false
  const report = await session.step(gradients, lossOption(loss))
  expectSame(context.ledger, 'report.step after ERR_OPTION', [report.step], [3])
}

/** A decayMask that is a function decays the parameters for which it is true; it sees their names, shapes and groups. */
export async function maskFunction(
  context: Context,
  { problem, names }: Body<'maskFunction'>,
): Promise<void> {
  const { core } = context.target
  const { learningRate, weightDecay } = problem.transformation as {
    learningRate: number
    weightDecay: number
  }
  const seen: string[] = []
  const transformation = core.inducedMetric(core.sgd({ momentum: 0.5 }), {
    learningRate,
    weightDecay,
    xi: 0.25,
    decayMask: ({ name, shape }) => {
      seen.push(`${name}:${shape.join()}`)
      return names.includes(name)
    },
  })
  const start = problemParameters(problem, context.dtype)
  const oracle = createOracle({ ...problem.transformation, decayMask: names }, start)
  const session = await context.create(transformation, start)
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    await session.step(gradients, lossOption(loss))
    oracle.step(gradients, { loss })
  }
  const got = await session.read()
  oracle.read().forEach((values, i) => {
    const where = `parameter ${problem.parameters[i]!.name}`
    expectClose(context.ledger, where, got[i]!, values, context.tolerance(scalarsOf(problem)))
  })
  for (const { name, shape } of problem.parameters) {
    const asked = `${name}:${shape.join()}`
    expectTrue(
      seen.includes(asked),
      `the function was not asked about parameter ${name} of shape [${shape.join(', ')}]`,
    )
  }
}

/**
 * A base of the kit's own out of the operations that no built-in base uses alike: min, neg, a slot that hands on what another
 * held, choices between scalars, and products whose sign and order count.
 */
function operationsTransformation(core: Core): CoreTransformation {
  const { add, div, dot, greater, max, min, mul, neg, pow, select, sign, sqrt, square, sub, sum } =
    core.algebra
  const base = core.definePreconditioner({
    name: 'conformance-operations',
    hyperparameters: { limit: { kind: 'number', default: 0.75, min: 0 } },
    update({ gradient: g, parameter, slot, step, limit }) {
      const [latest, before] = [slot('latest'), slot('before', -0.5)]
      const clamped = max(min(g, limit), neg(limit))
      const odd = select(greater(sum(mul(g, parameter)), 0), 2, pow(0.5, step))
      const size = sqrt(add(square(dot(g, g)), 1))
      const way = add(mul(odd, sub(clamped, mul(0.25, before))), div(sign(neg(g)), 8))
      return { direction: div(way, size), dual: square(clamped), slots: { latest: clamped, before: latest } }
    },
  })
  return core.inducedMetric(base(), { learningRate: 0.25, xi: 0.5, beta: 0.5 })
}

/** The kit's own base steps by its formula. */
export async function customOperations(
  context: Context,
  { problem }: Body<'customOperations'>,
): Promise<void> {
  const start = problemParameters(problem, context.dtype)
  const session = await context.create(operationsTransformation(context.target.core), start)
  const theta = problemParameters(problem, context.dtype).map(({ data }) => new Float64Array(data))
  let latest = theta.map((data) => new Float64Array(data.length))
  let before = theta.map((data) => new Float64Array(data.length).fill(-0.5))
  let average = 0
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients } = problemStep(problem, step, context.dtype)
    let s = 0
    const ways = gradients.map((g, p) => {
      let [along, squares] = [0, 0]
      g!.forEach((x, i) => {
        along += x * theta[p]![i]!
        squares += x * x
      })
      const odd = along > 0 ? 2 : 0.5 ** step
      const size = Math.sqrt(squares ** 2 + 1)
      return Float64Array.from(g!, (x, i) => {
        const clamped = Math.max(Math.min(x, 0.75), -0.75)
        s += clamped * clamped
        return (odd * (clamped - 0.25 * before[p]![i]!) + Math.sign(-x) / 8) / size
      })
    })
    before = latest
    latest = gradients.map((g) => Float64Array.from(g!, (x) => Math.max(Math.min(x, 0.75), -0.75)))
    average = 0.5 * average + 0.5 * s
    const rho = 1 / (1 + (0.5 * average) / (1 - 0.5 ** step))
    ways.forEach((way, p) => way.forEach((x, i) => (theta[p]![i] = theta[p]![i]! - 0.25 * rho * x)))
    const report = await session.step(gradients)
    const tolerance = context.tolerance(scalarsOf(problem))
    expectClose(context.ledger, `step ${step}, report.dualNorm`, [report.dualNorm], [s], tolerance)
    const got = await readCopies(session)
    theta.forEach((values, p) =>
      expectClose(
        context.ledger,
        `step ${step}, parameter ${problem.parameters[p]!.name}`,
        got[p]!,
        values,
        tolerance,
      ),
    )
  }
}

/** A base over matrices whose products depend on order and sign: d = g + ½·(g gᵀ)g − ¼·θ(gᵀg), as a matrix of its own shape. */
function matricesTransformation(core: Core): CoreTransformation {
  const { add, matmul, mul, neg, transpose } = core.algebra
  const base = core.definePreconditioner({
    name: 'conformance-matrices',
    matrix: true,
    update({ gradient: g, parameter }) {
      const left = matmul(matmul(g, transpose(g)), g)
      const right = matmul(neg(parameter), matmul(transpose(g), g))
      return { direction: add(g, add(mul(0.5, left), mul(0.25, right))), slots: {} }
    },
  })
  return core.inducedMetric(base(), { learningRate: 0.0625, xi: 0 })
}

/** The kit's own base over matrices steps by its formula, tall, wide and square. */
export async function customMatrices(context: Context, { problem }: Body<'customMatrices'>): Promise<void> {
  const start = problemParameters(problem, context.dtype)
  const session = await context.create(matricesTransformation(context.target.core), start)
  const theta = problemParameters(problem, context.dtype).map(({ data }) => new Float64Array(data))
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients } = problemStep(problem, step, context.dtype)
    await session.step(gradients)
    const got = await session.read()
    problem.parameters.forEach(({ name, shape }, p) => {
      const [rows, columns] = shape as [number, number]
      const g = Float64Array.from(gradients[p]!)
      const inner = product(transposed(g, rows, columns), g, [columns, rows, columns])
      const left = product(g, inner, [rows, columns, columns])
      const right = product(theta[p]!, inner, [rows, columns, columns])
      theta[p] = theta[p]!.map((x, i) => x - 0.0625 * (g[i]! + 0.5 * left[i]! - 0.25 * right[i]!))
      const where = `step ${step}, parameter ${name}`
      expectClose(context.ledger, where, got[p]!, theta[p], 4 * context.tolerance(scalarsOf(problem)))
    })
  }
}

/** A base over matrices of identity matrices and a diagonal: d = ½·(I + diag(diag(g gᵀ)))·g + ¼·g·I. */
function identityTransformation(core: Core): CoreTransformation {
  const { add, diagonal, identity, matmul, mul, transpose } = core.algebra
  const base = core.definePreconditioner({
    name: 'conformance-identity',
    matrix: true,
    update({ gradient: g }) {
      const scaled = mul(diagonal(matmul(g, transpose(g))), g)
      const left = mul(0.5, add(matmul(identity('rows'), g), scaled))
      return { direction: add(left, mul(0.25, matmul(g, identity('columns')))), slots: {} }
    },
  })
  return core.inducedMetric(base(), { learningRate: 0.0625, xi: 0 })
}

/** The kit's own base of identity matrices steps by its formula. */
export async function customIdentity(context: Context, { problem }: Body<'customIdentity'>): Promise<void> {
  const session = await context.create(
    identityTransformation(context.target.core),
    problemParameters(problem, context.dtype),
  )
  const theta = problemParameters(problem, context.dtype).map(({ data }) => new Float64Array(data))
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients } = problemStep(problem, step, context.dtype)
    await session.step(gradients)
    const got = await session.read()
    problem.parameters.forEach(({ name, shape }, p) => {
      const [, columns] = shape as [number, number]
      const g = new Float64Array(gradients[p]!)
      const squares = (row: number): number => {
        let sum = 0
        for (let j = 0; j < columns; j++) sum += g[row * columns + j]! ** 2
        return sum
      }
      theta[p] = theta[p]!.map(
        (x, i) => x - 0.0625 * (0.5 * (1 + squares(Math.floor(i / columns))) + 0.25) * g[i]!,
      )
      const where = `step ${step}, parameter ${name}`
      expectClose(context.ledger, where, got[p]!, theta[p], 4 * context.tolerance(scalarsOf(problem)))
    })
  }
}

function transposed(a: Float64Array, rows: number, columns: number): Float64Array {
  return Float64Array.from(a, (_, i) => a[(i % rows) * columns + Math.floor(i / rows)]!)
}

function product(
  a: Float64Array,
  b: Float64Array,
  [p, q, r]: readonly [number, number, number],
): Float64Array {
  return Float64Array.from({ length: p * r }, (_, at) => {
    const [i, j] = [Math.floor(at / r), at % r]
    let sum = 0
    for (let k = 0; k < q; k++) sum += a[i * q + k]! * b[k * r + j]!
    return sum
  })
}

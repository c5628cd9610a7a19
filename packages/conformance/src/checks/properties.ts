import type { CaseBody } from '../case.js'
import { expectClose, expectSame, expectTrue, show } from '../compare.js'
import { lossOption, readCopies, runProblem, scalarsOf, type Context } from '../context.js'
import type { PlainTransformation } from '../plain.js'
import { arrayOf, problemParameters, problemStep, sizeOf } from '../problem.js'
import type { TypedArray } from '../target.js'
import { singularValues, solve } from './linear.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** Two runs end in the same place. */
export async function equal(context: Context, { problem, other, exact }: Body<'equal'>): Promise<void> {
  const a = await runProblem(context, problem)
  const b = await runProblem(context, other)
  a.parameters.forEach((got, i) => {
    const where = `parameter ${problem.parameters[i]!.name}`
    if (exact && context.bitwise) expectSame(context.ledger, where, got, b.parameters[i]!)
    else expectClose(context.ledger, where, got, b.parameters[i]!, context.tolerance(scalarsOf(problem)))
  })
}

/** The same numbers, cut into other tensors, give the same step. */
export async function layout(context: Context, body: Body<'layout'>): Promise<void> {
  const { problem, order } = body
  const flatten = (arrays: readonly (TypedArray | null)[]): number[] => arrays.flatMap((array) => [...array!])
  const arrange = <T>(values: readonly T[]): T[] => (order === 'kept' ? [...values] : [...values].reverse())
  const cut = (values: readonly number[]): TypedArray[] => {
    let at = 0
    return body.layout.map(({ shape }) => arrayOf(context.dtype, values.slice(at, (at += sizeOf(shape)))))
  }

  const starts = cut(arrange(flatten(problemParameters(problem, context.dtype).map(({ data }) => data))))
  const one = await runProblem(context, problem)
  const session = await context.create(
    problem.transformation,
    body.layout.map((p, i) => ({ ...p, data: starts[i]! })),
  )
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    await session.step(cut(arrange(flatten(gradients))), lossOption(loss))
  }
  const got = arrange(flatten(await readCopies(session)))
  const tolerance = context.tolerance(scalarsOf(problem))
  expectClose(context.ledger, 'the same numbers in other tensors', got, flatten(one.parameters), tolerance)
}

/** Another ξ changes the length of a step but not its direction, and the factor is the ratio of lengths. */
export async function parallel(context: Context, { problem, xi }: Body<'parallel'>): Promise<void> {
  const a = await runProblem(context, problem)
  const b = await runProblem(context, { ...problem, transformation: { ...problem.transformation, xi } })
  const ratio = a.reports[0]!.scale / b.reports[0]!.scale
  expectTrue(
    ratio !== 1,
    `ξ = ${xi} must change the factor, which is ${show(a.reports[0]!.scale)} in both runs`,
  )
  const tolerance = 2 * context.tolerance(scalarsOf(problem))
  a.parameters.forEach((got, i) => {
    const expected = Array.from(b.parameters[i]!, (value) => value * ratio)
    expectClose(
      context.ledger,
      `step of parameter ${problem.parameters[i]!.name}, from 0`,
      got,
      expected,
      tolerance,
    )
  })
}

/** ρ in (0, 1] (log: ≤ 1/ℓ and ≤ 1/(2√v̂)), and s ≥ 0. */
export async function factorRange(context: Context, { problem }: Body<'factorRange'>): Promise<void> {
  const { reports } = await runProblem(context, problem)
  const { name = 'identity', floor = 0 } = problem.transformation.embedding ?? {}
  const slack = 1 + context.tolerance(scalarsOf(problem))
  reports.forEach(({ scale, dualNorm, metric }, i) => {
    const where = `step ${i + 1}`
    expectTrue(dualNorm >= 0, `${where}: the squared dual norm must not be negative, is ${show(dualNorm)}`)
    expectTrue(metric >= 0, `${where}: the metric must not be negative, is ${show(metric)}`)
    expectTrue(scale > 0, `${where}: the factor must be positive, is ${show(scale)}`)
    if (name === 'log') {
      const height = problemStep(problem, i + 1, context.dtype).loss! - (floor as number)
      expectTrue(
        scale <= slack / height,
        `${where}: the factor ${show(scale)} is above 1/ℓ = ${show(1 / height)}`,
      )
      const polyak = 1 / (2 * Math.sqrt(metric))
      expectTrue(
        scale <= slack * polyak,
        `${where}: the factor ${show(scale)} is above 1/(2√v̂) = ${show(polyak)}`,
      )
    } else {
      expectTrue(scale <= 1, `${where}: the factor must be at most 1, is ${show(scale)}`)
    }
  })
}

/** ρ falls as ξ or the gradients grow. */
export async function falling(context: Context, { problem, along, values }: Body<'falling'>): Promise<void> {
  let before = Infinity
  for (const value of values) {
    const { reports } = await runProblem(
      context,
      along === 'xi'
        ? { ...problem, transformation: { ...problem.transformation, xi: value } }
        : { ...problem, gradientScale: value },
    )
    const { scale } = reports.at(-1)!
    expectTrue(
      scale < before,
      `at ${along} = ${value} the factor is ${show(scale)}, not below ${show(before)}`,
    )
    before = scale
  }
}

/** |Δθ| grows with the gradient up to s = 1/ξ and shrinks after it. */
export async function redescends(context: Context, { problem }: Body<'redescends'>): Promise<void> {
  const unit = norm2(problemStep(problem, 1, context.dtype).gradients)
  const lengths: number[] = []
  // s = 1/16, 1/4, 1, 4 and 16 over ξ.
  for (const times of [0.25, 0.5, 1, 2, 4]) {
    const xi = 1 / (unit * 4)
    const { parameters } = await runProblem(context, {
      ...problem,
      transformation: { ...problem.transformation, xi },
      gradientScale: times * 2,
    })
    lengths.push(Math.sqrt(norm2(parameters)))
  }
  const list = lengths.map(show).join(', ')
  const [a, b, c, d, e] = lengths as [number, number, number, number, number]
  expectTrue(a < b && b < c, `the step must grow up to s = 1/ξ; lengths ${list}`)
  expectTrue(c > d && d > e, `the step must shrink after s = 1/ξ (it is no clipping); lengths ${list}`)
}

/** One step is the solution of (γ + ξ f′² g gᵀ) Δθ = −lr·h′·g with the dense matrix. */
export async function denseSolve(context: Context, { problem }: Body<'denseSolve'>): Promise<void> {
  const { gradients, loss } = problemStep(problem, 1, context.dtype)
  const { parameters } = await runProblem(context, problem, { to: 1 })
  const g = Float64Array.from(gradients.flatMap((array) => [...array!]))
  const { f, h } = slopes(problem.transformation, loss)
  const gamma = firstMetric(problem.transformation, g)
  const n = g.length
  const matrix = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      matrix[i * n + j] =
        (i === j ? gamma[i]! : 0) + (problem.transformation.xi as number) * f * f * g[i]! * g[j]!
    }
  }
  const expected = solve(
    matrix,
    g.map((value) => -(problem.transformation.learningRate as number) * h * value),
  )
  const got = parameters.flatMap((data) => [...data])
  expectClose(context.ledger, 'the first step, from 0', got, expected, 4 * context.tolerance(n))
}

/** |Δθ|_γ ≤ lr/(2√ξ) for h = f, with equality where ξ f′² s = 1. */
export async function stepBound(context: Context, { problem }: Body<'stepBound'>): Promise<void> {
  const base = problem.transformation
  const tolerance = context.tolerance(scalarsOf(problem))
  for (const gradientScale of [2 ** -6, 2 ** -3, 1, 2 ** 3, 2 ** 6]) {
    const scaled = { ...problem, gradientScale }
    const { gradients, loss } = problemStep(scaled, 1, context.dtype)
    const g = Float64Array.from(gradients.flatMap((array) => [...array!]))
    const gamma = firstMetric(base, g)
    const s = g.reduce((sum, value, i) => sum + (value * value) / gamma[i]!, 0)
    const { f } = slopes(base, loss)
    for (const [xi, equality] of [
      [base.xi as number, false],
      [1 / (f * f * s), true],
    ] as const) {
      const run = await runProblem(context, { ...scaled, transformation: { ...base, xi } }, { to: 1 })
      const step = run.parameters.flatMap((data) => [...data])
      const length = Math.sqrt(step.reduce((sum, value, i) => sum + gamma[i]! * value * value, 0))
      const bound = (base.learningRate as number) / (2 * Math.sqrt(xi))
      const where = `gradients × ${gradientScale}, ξ = ${show(xi)}: |Δθ|_γ`
      expectTrue(
        length <= bound * (1 + tolerance),
        `${where} = ${show(length)} is above lr/(2√ξ) = ${show(bound)}`,
      )
      if (equality) expectClose(context.ledger, `${where} at s = 1/ξ`, [length], [bound], tolerance)
    }
  }
}

/** Without momentum every step goes downhill. */
export async function descends(context: Context, { problem }: Body<'descends'>): Promise<void> {
  const session = await context.create(problem.transformation, problemParameters(problem, context.dtype))
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    const before = await readCopies(session)
    await session.step(gradients, lossOption(loss))
    const after = await readCopies(session)
    let slope = 0
    gradients.forEach((g, i) => g!.forEach((value, j) => (slope += value * (after[i]![j]! - before[i]![j]!))))
    expectTrue(slope < 0, `step ${step}: ⟨g, Δθ⟩ must be negative, is ${show(slope)}`)
  }
}

/** With a gradient of 0 a step is exactly −lr·wd·θ, for any ρ. */
export async function decayAlone(context: Context, { problem }: Body<'decayAlone'>): Promise<void> {
  const { learningRate, weightDecay } = problem.transformation as {
    learningRate: number
    weightDecay: number
  }
  const start = problemParameters(problem, context.dtype)
  const { parameters } = await runProblem(context, problem, { to: 1 })
  parameters.forEach((got, i) => {
    const where = `parameter ${problem.parameters[i]!.name} at g = 0: θ − lr·wd·θ`
    const expected = arrayOf(context.dtype, start[i]!.data).map(
      (theta) => theta - learningRate * weightDecay * theta,
    )
    if (context.bitwise) expectSame(context.ledger, where, got, expected)
    else expectClose(context.ledger, where, got, expected, context.tolerance(1))
  })
}

/** Muon's s without momentum is the nuclear norm of g, times √max(1, rows/columns), up to Newton–Schulz's error. */
export async function nuclearNorm(context: Context, { problem }: Body<'nuclearNorm'>): Promise<void> {
  const { gradients } = problemStep(problem, 1, context.dtype)
  const { reports } = await runProblem(context, problem, { to: 1 })
  let [low, high] = [0, 0]
  problem.parameters.forEach(({ shape }, i) => {
    const [rows, columns] = shape as [number, number]
    const sum = singularValues(gradients[i]!, rows, columns).reduce((a, b) => a + b, 0)
    const scaled = sum * Math.sqrt(Math.max(1, rows / columns))
    low += 0.65 * scaled
    high += 1.2 * scaled
  })
  const { dualNorm } = reports[0]!
  expectTrue(
    dualNorm >= low && dualNorm <= high,
    `s = ${show(dualNorm)} is not near the nuclear norm of the gradient (${show(low)} to ${show(high)})`,
  )
}

/** Equal runs give equal results. */
export async function repeatable(context: Context, { problem }: Body<'repeatable'>): Promise<void> {
  const a = await runProblem(context, problem)
  const b = await runProblem(context, problem)
  a.parameters.forEach((got, i) => {
    const where = `second run, parameter ${problem.parameters[i]!.name}`
    if (context.bitwise) expectSame(context.ledger, where, b.parameters[i]!, got)
    else expectClose(context.ledger, where, b.parameters[i]!, got, context.tolerance(scalarsOf(problem)))
  })
}

/** The caller's gradients are read and never written, and the caller may reuse them after the step. */
export async function keepsGradient(context: Context, { problem }: Body<'keepsGradient'>): Promise<void> {
  const expected = await runProblem(context, problem)
  const session = await context.create(problem.transformation, problemParameters(problem, context.dtype))
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    const copies = gradients.map((g) => g!.slice())
    await session.step(gradients, lossOption(loss))
    gradients.forEach((g, i) => {
      expectSame(context.ledger, `step ${step}: the caller's gradient ${i} after the step`, g!, copies[i]!)
      g!.fill(777)
    })
  }
  const got = await readCopies(session)
  expected.parameters.forEach((values, i) => {
    const where = `parameter ${i}, when the gradient arrays are overwritten after every step`
    expectClose(context.ledger, where, got[i]!, values, context.tolerance(scalarsOf(problem)))
  })
}

/**
 * Two optimisers at once, over parameters of the same names, do not disturb each other; disposing of one does
 * not disturb the other either.
 */
export async function independent(context: Context, { problem }: Body<'independent'>): Promise<void> {
  const other = { ...problem, seed: problem.seed + 500, steps: problem.steps - 1 }
  const expected = await runProblem(context, problem)
  const a = await context.create(problem.transformation, problemParameters(problem, context.dtype))
  const b = await context.create(other.transformation, problemParameters(other, context.dtype))
  for (let step = 1; step <= problem.steps; step++) {
    await runProblem(context, problem, { session: a, from: step, to: step })
    if (step < problem.steps) await runProblem(context, other, { session: b, from: step, to: step })
    else await b.dispose?.()
  }
  const got = await readCopies(a)
  expected.parameters.forEach((values, i) => {
    const where = `parameter ${problem.parameters[i]!.name}, with another optimiser beside it`
    if (context.bitwise) expectSame(context.ledger, where, got[i]!, values)
    else expectClose(context.ledger, where, got[i]!, values, context.tolerance(scalarsOf(problem)))
  })
}

/** The values of f′ and h′ at this loss. */
function slopes({ embedding }: PlainTransformation, loss: number | undefined): { f: number; h: number } {
  if (embedding === undefined || embedding.name === 'identity') return { f: 1, h: 1 }
  const slope = 1 / (loss! - ((embedding.floor as number | undefined) ?? 0))
  return { f: slope, h: embedding.name === 'log' ? slope : 1 }
}

/** The diagonal γ of a base at its first step. */
function firstMetric({ base }: PlainTransformation, g: Float64Array): Float64Array {
  const h = (name: string, otherwise: number): number => (base[name] as number | undefined) ?? otherwise
  switch (base.name) {
    case 'sgd':
    case 'heavyBall':
      return g.map(() => 1)
    case 'adam':
      return g.map((value) => Math.abs(value) + h('epsilon', 1e-8))
    case 'rmsprop':
      return g.map((value) => Math.sqrt(1 - h('decay', 0.99)) * Math.abs(value) + h('epsilon', 1e-8))
    case 'adagrad':
      return g.map((value) => Math.sqrt(value * value + h('initialAccumulator', 0)) + h('epsilon', 1e-10))
    default:
      throw new Error(`no diagonal metric for ${base.name}`)
  }
}

function norm2(arrays: readonly (ArrayLike<number> | null)[]): number {
  let sum = 0
  for (const array of arrays) for (let i = 0; i < array!.length; i++) sum += array![i]! * array![i]!
  return sum
}

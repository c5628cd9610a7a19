import type { CaseBody } from '../case.js'
import { expectClose, expectTrue, show } from '../compare.js'
import { lossOption, readCopies, runProblem, scalarsOf, type Context } from '../context.js'
import { valueAt } from '../oracle/index.js'
import { isTied } from '../plain.js'
import { problemParameters, problemStep } from '../problem.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** ξ = κη*, and each step is η/(1 + κη*s/ℓ) times the gradient: the schedule scales the step, κη* caps it. */
export async function cappedStep(context: Context, { problem, peaks }: Body<'cappedStep'>): Promise<void> {
  const { learningRate, xi, embedding } = problem.transformation
  const kappa = (xi as { readonly perRate: number }).perRate
  const floor = (embedding?.floor ?? 0) as number
  const tolerance = context.tolerance(scalarsOf(problem))
  const session = await context.create(problem.transformation, problemParameters(problem, context.dtype))
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    const before = await readCopies(session)
    const report = await session.step(gradients, lossOption(loss))
    const peak = peaks[Math.min(step, peaks.length) - 1]!
    expectClose(context.ledger, `step ${step}, report.xi`, [report.xi], [kappa * peak], 1e-12)
    let s = 0
    for (const g of gradients) for (const x of g!) s += x * x
    const rate = valueAt(learningRate, step) / (1 + (kappa * peak * s) / (loss! - floor))
    const after = await readCopies(session)
    gradients.forEach((g, i) => {
      const expected = Array.from(before[i]!, (theta, j) => theta - rate * g![j]!)
      const where = `step ${step}, parameter ${problem.parameters[i]!.name}`
      expectClose(context.ledger, where, after[i]!, expected, tolerance)
    })
  }
}

/** ρ is in [0, 1]. Under `root` with a fixed floor, ρ·v̂ ≤ ℓ: no step promises more than is left. */
export async function promise(context: Context, { problem }: Body<'promise'>): Promise<void> {
  const { reports } = await runProblem(context, problem)
  const { averagedModel, embedding } = problem.transformation
  const floor = embedding?.floor ?? 0
  const slack = 1 + context.tolerance(scalarsOf(problem))
  const isPlain = embedding?.name === 'root' && averagedModel !== true && typeof floor === 'number'
  expectTrue(!isPlain || isTied(problem.transformation), 'a case of this kind has its ξ tied')
  reports.forEach(({ scale, metric }, i) => {
    const where = `step ${i + 1}`
    expectTrue(scale >= 0 && scale <= slack, `${where}: the factor must be in [0, 1], is ${show(scale)}`)
    expectTrue(metric >= 0, `${where}: the metric must not be negative, is ${show(metric)}`)
    if (!isPlain) return
    const height = Math.max(0, problemStep(problem, i + 1, context.dtype).loss! - floor)
    expectTrue(
      scale * metric <= height * slack,
      `${where}: ρ·v̂ = ${show(scale * metric)} promises more than the ${show(height)} above the floor`,
    )
  })
}

/** A run leaves the weights with at least half of their length. */
export async function keepsWeights(context: Context, { problem }: Body<'keepsWeights'>): Promise<void> {
  const length = (arrays: readonly ArrayLike<number>[]): number =>
    Math.sqrt(arrays.reduce((sum, array) => sum + Array.from(array).reduce((a, x) => a + x * x, 0), 0))
  const before = length(problemParameters(problem, context.dtype).map(({ data }) => data))
  const after = length((await runProblem(context, problem)).parameters)
  expectTrue(after >= before / 2, `|θ| goes from ${show(before)} to ${show(after)}: the decay wipes it out`)
}

import type { CaseBody } from '../case.js'
import { expectBits, expectClose, expectError, expectSame } from '../compare.js'
import { lossOption, readCopies, runProblem, scalarsOf, type Context } from '../context.js'
import { createOracle, valueAt } from '../oracle/index.js'
import { arrayOf, problemParameters, problemStep, type Problem } from '../problem.js'
import type { Session } from '../target.js'
import { loadInto, saveOf } from './bytes.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

const set = 0.0625

/**
 * A session that shows its learning rate shows that of the next step. A rate that is set holds from the next step on, survives
 * a checkpoint, and is gone after a reset; a wrong one is refused and changes nothing.
 */
export async function rateSet(context: Context, { problem, after }: Body<'rateSet'>): Promise<void> {
  const { session } = await runProblem(context, problem, { to: after })
  if (session.learningRate === undefined || session.setLearningRate === undefined) {
    context.unasked = 'the session does not show its learning rate'
    return
  }
  const schedule = problem.transformation.learningRate
  const expectRate = async (where: string, of: Session, rate: number): Promise<void> =>
    expectSame(context.ledger, `${where}, the learning rate`, [await of.learningRate!()], [rate])
  await expectRate(`after ${after} steps`, session, valueAt(schedule, after + 1))
  for (const wrong of [NaN, -1, Infinity])
    await expectError(
      `a rate of ${wrong}`,
      'ERR_OPTION',
      () => session.setLearningRate!(wrong),
      context.target.core.InducedMetricError,
    )
  await expectRate('after rates that were refused', session, valueAt(schedule, after + 1))

  await session.setLearningRate(set)
  await expectRate('once it was set', session, set)
  const other = context.declares('checkpoint') ? await loaded(context, problem, session) : undefined
  const oracle = createOracle(constantAfter(problem, after), problemParameters(problem, context.dtype))
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    oracle.step(gradients, { loss })
    if (step <= after) continue
    for (const [where, one] of [
      ['set', session],
      ['set and loaded', other],
    ] as const) {
      const report = await one?.step(gradients, lossOption(loss))
      if (report !== undefined)
        expectSame(
          context.ledger,
          `step ${step} once it was ${where}, report.learningRate`,
          [report.learningRate],
          [set],
        )
    }
  }
  const tolerance = context.tolerance(scalarsOf(problem))
  const got = await readCopies(session)
  oracle
    .read()
    .forEach((values, i) =>
      expectClose(context.ledger, `at a rate that was set, parameter ${i}`, got[i]!, values, tolerance),
    )
  const again = await other?.read()
  if (context.bitwise)
    again?.forEach((values, i) => expectBits(`set and loaded, parameter ${i}`, values, got[i]!))

  if (session.reset === undefined) return
  await session.reset()
  await expectRate('after reset()', session, valueAt(schedule, 1))
}

/** A second session that has loaded the state of the first. */
async function loaded(context: Context, problem: Problem, session: Session): Promise<Session> {
  const values = await readCopies(session)
  const parameters = problemParameters(problem, context.dtype).map((p, i) => ({
    ...p,
    data: arrayOf(context.dtype, values[i]!),
  }))
  const other = await context.create(problem.transformation, parameters)
  await loadInto(other, await saveOf(session))
  expectSame(context.ledger, 'set and loaded, the learning rate', [await other.learningRate!()], [set])
  return other
}

/** The problem's transformation, whose learning rate becomes the one that is set. */
function constantAfter({ transformation }: Problem, after: number) {
  const before = Array.from({ length: after }, (_, i) => valueAt(transformation.learningRate, i + 1))
  const boundaries = Array.from({ length: after }, (_, i) => i + 1)
  return { ...transformation, learningRate: { schedule: 'piecewise', values: [...before, set], boundaries } }
}

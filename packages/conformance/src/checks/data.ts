import type { CaseBody } from '../case.js'
import { expectError, expectSame, expectTrue } from '../compare.js'
import { runProblem, toCore, type Context } from '../context.js'
import { problemParameters } from '../problem.js'
import type { CoreTransformation } from '../target.js'
import { averageTransformation } from './custom.js'
import { compareWithOracle } from './trajectory.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** A transformation written as JSON text and read again. */
function reread(context: Context, transformation: CoreTransformation): CoreTransformation {
  return context.target.core.fromJSON(JSON.parse(JSON.stringify(transformation)))
}

/** The core's `rateFree` of a base is the recipe that the problem's transformation spells out, in JSON, too. */
export async function rateFree(context: Context, { problem, options }: Body<'rateFree'>): Promise<void> {
  const { core } = context.target
  const { base } = toCore(context.target, {
    base: problem.transformation.base,
    learningRate: 1,
  }).settings
  const made = core.rateFree(base, options)
  await compareWithOracle(context, problem, made)
  await compareWithOracle(context, problem, reread(context, made))
}

/** Written as JSON and read again a transformation is the same: its data and its steps. */
export async function roundTrip(context: Context, { problem }: Body<'roundTrip'>): Promise<void> {
  const made = toCore(context.target, problem.transformation)
  const read = reread(context, made)
  const [before, after] = [JSON.stringify(made), JSON.stringify(read)]
  expectTrue(before === after, `read again, ${before} is ${after}`)
  const expected = await runProblem(context, problem)
  const session = await context.create(read, problemParameters(problem, context.dtype))
  const { parameters } = await runProblem(context, problem, { session })
  expected.parameters.forEach((values, i) => {
    const where = `parameter ${problem.parameters[i]!.name}, of the transformation read again`
    expectSame(context.ledger, where, parameters[i]!, values)
  })
}

/** A base that gives no average has no averaged model: ERR_NOT_SUPPORTED when the optimiser is made. */
export async function refused(context: Context, { problem, base }: Body<'refused'>): Promise<void> {
  const { core } = context.target
  const transformation =
    base === 'own' ? averageTransformation(core, 'without', true) : problem.transformation
  const error = await expectError(
    'averagedModel over a base that gives no average',
    'ERR_NOT_SUPPORTED',
    () => context.create(transformation, problemParameters(problem, context.dtype)),
    core.InducedMetricError,
  )
  expectTrue(
    error.message.includes('averagedModel'),
    `the message of ERR_NOT_SUPPORTED must name averagedModel: ${error.message}`,
  )
}

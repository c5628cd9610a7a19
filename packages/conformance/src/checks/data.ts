import type { CaseBody } from '../case.js'
import { expectBits, expectError, expectSame, expectTrue } from '../compare.js'
import { readCopies, runProblem, toCore, type Context } from '../context.js'
import { problemParameters } from '../problem.js'
import type { CoreTransformation, Session } from '../target.js'
import { averageTransformation } from './custom.js'
import { compareWithOracle } from './trajectory.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** Writes a transformation as JSON text and reads it again. */
function reread(context: Context, transformation: CoreTransformation): CoreTransformation {
  return context.target.core.fromJSON(JSON.parse(JSON.stringify(transformation)))
}

/** The core's `rateFree` of a base equals the recipe that the problem's transformation spells out, in JSON as well. */
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

/** A transformation that is written as JSON and read again has the same data and takes the same steps. */
export async function roundTrip(context: Context, { problem }: Body<'roundTrip'>): Promise<void> {
  const made = toCore(context.target, problem.transformation)
  const read = reread(context, made)
  const lacking = missingIn(problem.transformation, made.toJSON(), '')
  expectTrue(lacking === undefined, `as JSON it lacks ${lacking}`)
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

/** The first given entry that the data do not contain. */
function missingIn(given: unknown, data: unknown, path: string): string | undefined {
  if (typeof given !== 'object' || given === null) {
    return Object.is(given, data) ? undefined : `${path}: ${JSON.stringify(given)}`
  }
  for (const [key, value] of Object.entries(given)) {
    const held = (data as Readonly<Record<string, unknown>> | undefined)?.[key]
    const missing = missingIn(value, held, path === '' ? key : `${path}.${key}`)
    if (missing !== undefined) return missing
  }
  return undefined
}

/**
 * A base that returns no average has no averaged model. The adapter throws ERR_NOT_SUPPORTED when the optimiser is created, or
 * at the first step if it learns its parameters only then; nothing changes.
 */
export async function refused(context: Context, { problem, base }: Body<'refused'>): Promise<void> {
  const { core } = context.target
  const transformation =
    base === 'own' ? averageTransformation(core, 'without', true) : problem.transformation
  const start = problemParameters(problem, context.dtype)
  let session: Session | undefined
  const error = await expectError(
    'averagedModel over a base that gives no average',
    'ERR_NOT_SUPPORTED',
    async () => {
      session = await context.create(
        transformation,
        start.map((p) => ({ ...p, data: p.data.slice() })),
      )
      await runProblem(context, problem, { session, to: 1 })
    },
    core.InducedMetricError,
  )
  expectTrue(
    error.message.includes('averagedModel'),
    `the message of ERR_NOT_SUPPORTED must name averagedModel: ${error.message}`,
  )
  if (session === undefined) return
  const after = await readCopies(session)
  start.forEach(({ data }, i) => expectBits(`parameter ${i}, where the step was refused,`, after[i]!, data))
}

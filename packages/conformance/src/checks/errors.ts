import type { CaseBody } from '../case.js'
import { expectBits, expectError, expectSame, expectTrue, fail } from '../compare.js'
import { lossOption, runProblem, type Context } from '../context.js'
import { arrayOf, problemParameters, problemStep } from '../problem.js'
import type { TypedArray } from '../target.js'
import { expectUntouched } from './trajectory.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** Gradients or data that don't fit are ERR_SHAPE, name the parameter and change nothing. */
export async function badShape(context: Context, { problem, mistake }: Body<'badShape'>): Promise<void> {
  if (mistake === 'data') {
    const [first, ...others] = problemParameters(problem, context.dtype)
    const short = { ...first!, data: first!.data.slice(1) }
    const error = await expectError(
      `parameter ${short.name} with an element too few`,
      'ERR_SHAPE',
      () => context.create(problem.transformation, [short, ...others]),
      context.target.core.InducedMetricError,
    )
    namesParameter(error, short.name)
    return
  }
  const { session } = await runProblem(context, problem)
  const { gradients, loss } = problemStep(problem, problem.steps + 1, context.dtype)
  // The last one, since an adapter that checks while it writes would have written the others by then.
  const last = arrayOf(context.dtype, [...gradients.at(-1)!, 1])
  const wrong: (TypedArray | null)[] = [...gradients.slice(0, -1), ...(mistake === 'count' ? [] : [last])]
  await expectUntouched(
    context,
    session,
    `a gradient too ${mistake === 'count' ? 'few' : 'long'}`,
    'ERR_SHAPE',
    wrong,
    loss,
    problem.steps,
  )
  if (mistake === 'length') {
    const error = await expectError('a gradient too long', 'ERR_SHAPE', () =>
      session.step(wrong, lossOption(loss)),
    )
    namesParameter(error, problem.parameters.at(-1)!.name)
  }
  const report = await session.step(gradients, lossOption(loss))
  expectSame(context.ledger, 'report.step after ERR_SHAPE', [report.step], [problem.steps + 1])
}

function namesParameter(error: Error, name: string): void {
  expectTrue(
    error.message.includes(name),
    `the message of ERR_SHAPE must name parameter ${name}: ${error.message}`,
  )
}

/** An invalid option is ERR_OPTION when the transformation is created, and the message names it. */
export async function badOption(context: Context, body: Body<'badOption'>): Promise<void> {
  const { option, value, base = 'sgd' } = body
  const number = (x: unknown): unknown =>
    x === 'NaN' || x === 'Infinity' || x === '-Infinity' ? Number(x) : x
  const name = option.slice(option.indexOf('.') + 1)
  const { core } = context.target
  const given: Record<string, unknown> = {
    format: 'induced-metric',
    version: 1,
    base: { name: base },
    learningRate: 0.1,
  }
  if (option.startsWith('base.')) given['base'] = { name: base, [name]: number(value) }
  else if (option.startsWith('embedding.')) given['embedding'] = { name: 'log', [name]: number(value) }
  else given[option] = number(value)
  const error = await expectError(
    `${option}: ${JSON.stringify(value)}`,
    'ERR_OPTION',
    () => core.fromJSON(given),
    core.InducedMetricError,
  )
  expectTrue(error.message.includes(name), `the message of ERR_OPTION must name ${name}: ${error.message}`)
}

/** After dispose(), every use but dispose() itself is ERR_DISPOSED, and arrays read before stay as they are. */
export async function disposed(context: Context, { problem }: Body<'disposed'>): Promise<void> {
  const { session, parameters } = await runProblem(context, problem)
  // A session may have nothing to free.
  if (session.dispose === undefined) return
  const copies = parameters.map((data) => data.slice())
  await session.dispose()
  const { gradients, loss } = problemStep(problem, problem.steps + 1, context.dtype)
  const { InducedMetricError } = context.target.core
  await expectError(
    'step() after dispose()',
    'ERR_DISPOSED',
    () => session.step(gradients, lossOption(loss)),
    InducedMetricError,
  )
  if (session.save !== undefined && context.declares('checkpoint')) {
    await expectError('save() after dispose()', 'ERR_DISPOSED', () => session.save!(), InducedMetricError)
  }
  try {
    await session.dispose()
  } catch (error) {
    fail(`a second dispose() must do nothing, and threw ${String(error)}`)
  }
  parameters.forEach((data, i) => expectBits(`after dispose(), parameter ${i} read before`, data, copies[i]!))
}

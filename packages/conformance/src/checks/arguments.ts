import type { CaseBody, ParameterMistake } from '../case.js'
import { expectBits, expectClose, expectError, expectSame, expectTrue } from '../compare.js'
import { lossOption, readCopies, runProblem, scalarsOf, toCore, type Context } from '../context.js'
import { createOracle } from '../oracle/index.js'
import { problemParameters, problemStep, type Problem } from '../problem.js'
import type { Session, TargetParameter, TypedArray } from '../target.js'
import { expectUntouched } from './trajectory.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** A problem's parameters with a mistake in them, and a text that the message must contain. */
function mistaken(
  context: Context,
  problem: Problem,
  mistake: ParameterMistake,
): { readonly parameters: TargetParameter[]; readonly names: string } {
  const start = problemParameters(problem, context.dtype)
  const [first, second, ...others] = start as [TargetParameter, TargetParameter, ...TargetParameter[]]
  const changed = (change: object): TargetParameter[] => [first, { ...second, ...change }, ...others]
  const { name, data } = second
  switch (mistake) {
    case 'two of one name':
      return { parameters: changed({ name: first.name }), names: first.name }
    case 'a name that is no text':
      return { parameters: changed({ name: 7 }), names: 'name' }
    case 'nothing':
      return { parameters: [first, null as unknown as TargetParameter], names: 'parameter' }
    case 'data of numbers that are no typed array':
      return { parameters: changed({ data: Array.from(data) }), names: name }
    case 'data of whole numbers':
      return { parameters: changed({ data: Int32Array.from(data) }), names: name }
    case 'a shape that is no list':
      return { parameters: changed({ shape: data.length }), names: name }
    case 'a shape of fractions':
      return { parameters: changed({ shape: [data.length / 2.5, 2.5] }), names: name }
    case 'a shape below 0':
      return { parameters: changed({ shape: [-1, -data.length] }), names: name }
    case 'a group that is no text':
      return { parameters: changed({ group: 1 }), names: name }
    case 'data too long':
      return { parameters: changed({ data: joined(context, [...data, 1]) }), names: name }
    case 'one array for two':
    case 'arrays that overlap in part':
    case 'an array within another': {
      const offset =
        mistake === 'one array for two' ? 0 : mistake === 'an array within another' ? 1 : data.length - 1
      const whole = joined(context, [...data, ...data])
      const size = mistake === 'an array within another' ? data.length + 2 : data.length
      const parts = [whole.subarray(0, size), whole.subarray(offset, offset + data.length)] as const
      const parameters = [
        { name: 'longer', shape: [size], data: parts[0] },
        { name, shape: second.shape, data: parts[1] },
      ]
      // The one that begins later comes first, where its place does not follow from the order.
      return {
        parameters: mistake === 'an array within another' ? [...parameters].reverse() : parameters,
        names: name,
      }
    }
  }
}

function joined(context: Context, values: readonly number[]): TypedArray {
  return context.dtype === 'float32' ? new Float32Array(values) : new Float64Array(values)
}

/** Parameters that are wrong are refused when the optimiser is created, or at its first step; nothing is written. */
export async function badParameters(context: Context, body: Body<'badParameters'>): Promise<void> {
  const { problem, mistake, code } = body
  const { parameters, names } = mistaken(context, problem, mistake)
  const given = parameters.map((p: TargetParameter | null) => ({
    data: ArrayBuffer.isView(p?.data) ? p.data : undefined,
  }))
  const copies = given.map(({ data }) => data?.slice())
  const error = await expectError(
    `parameters with ${mistake}`,
    code,
    async () => {
      const session = await context.create(problem.transformation, parameters)
      // Gradients that fit, so that nothing but the parameters can be refused.
      const gradients = given.map(({ data }) => data?.slice().fill(0.5) ?? null)
      await session.step(gradients, lossOption(problemStep(problem, 1, context.dtype).loss))
    },
    context.target.core.InducedMetricError,
  )
  expectTrue(error.message.includes(names), `the message of ${code} must name ${names}: ${error.message}`)
  given.forEach(({ data }, i) => {
    if (data !== undefined) expectBits(`after ${code}, parameter ${i}`, data, copies[i]!)
  })
}

/** Options that name what is not there are refused when the optimiser is created, or at its first step. */
export async function badNames(context: Context, { problem, names }: Body<'badNames'>): Promise<void> {
  const error = await expectError(
    'an option that names what is not there',
    'ERR_OPTION',
    async () => {
      const session = await context.create(problem.transformation, problemParameters(problem, context.dtype))
      const { gradients, loss } = problemStep(problem, 1, context.dtype)
      await session.step(gradients, lossOption(loss))
    },
    context.target.core.InducedMetricError,
  )
  for (const name of names)
    expectTrue(error.message.includes(name), `the message of ERR_OPTION must name ${name}: ${error.message}`)
}

/** Options of a step that are wrong are refused, and change nothing. */
export async function badStep(context: Context, { problem, options, code }: Body<'badStep'>): Promise<void> {
  const { session } = await runProblem(context, problem)
  const { gradients, loss } = problemStep(problem, problem.steps + 1, context.dtype)
  const step = (given: unknown): Promise<unknown> =>
    Promise.resolve(session.step(gradients, given as { readonly loss?: number }))
  const unchanged = await readCopies(session)
  const error = await expectError(
    `a step with ${JSON.stringify(options)}`,
    code,
    () => step(options),
    context.target.core.InducedMetricError,
  )
  const [name] = Object.keys(options ?? {})
  expectTrue(
    error.message.includes(name ?? 'option'),
    `the message of ${code} must name ${name}: ${error.message}`,
  )
  const after = await readCopies(session)
  unchanged.forEach((data, i) => expectBits(`after ${code}, parameter ${i}`, after[i]!, data))
  const report = await session.step(gradients, lossOption(loss))
  expectSame(context.ledger, `report.step after ${code}`, [report.step], [problem.steps + 1])
}

/** Gradients that do not fit are ERR_SHAPE, whatever is wrong with them, and change nothing. */
export async function badGradients(context: Context, body: Body<'badGradients'>): Promise<void> {
  const { problem, mistake } = body
  const { session } = await runProblem(context, problem)
  const next = problem.steps + 1
  const { gradients, loss } = problemStep(problem, next, context.dtype)
  const last = gradients.at(-1)!
  const but = (gradient: unknown): unknown[] => [...gradients.slice(0, -1), gradient]
  const wrong = {
    'one too many': [...gradients, last],
    'an element too few': but(last.slice(1)),
    'another type': but(context.dtype === 'float32' ? Float64Array.from(last) : Float32Array.from(last)),
    'numbers that are no typed array': but(Array.from(last)),
    'nothing at all': but(undefined),
    'no list': last,
    'no gradients': undefined,
  }[mistake] as readonly (TypedArray | null)[]
  await expectUntouched(context, session, mistake, 'ERR_SHAPE', wrong, loss, problem.steps)
  const report = await session.step(gradients, lossOption(loss))
  expectSame(context.ledger, 'report.step after ERR_SHAPE', [report.step], [next])
}

/** Two optimisers of one transformation object, over parameters of other shapes and names, step as by themselves. */
export async function oneTransformation(context: Context, body: Body<'oneTransformation'>): Promise<void> {
  const { problem, other } = body
  const made = toCore(context.target, problem.transformation)
  const both = [problem, { ...other, transformation: problem.transformation }]
  const runs: { oracle: ReturnType<typeof createOracle>; session: Session; problem: Problem }[] = []
  for (const one of both) {
    const start = problemParameters(one, context.dtype)
    const oracle = createOracle(one.transformation, start)
    runs.push({ oracle, session: await context.create(made, start), problem: one })
  }
  for (let step = 1; step <= problem.steps; step++) {
    for (const [i, run] of runs.entries()) {
      const { gradients, loss } = problemStep(run.problem, step, context.dtype)
      await run.session.step(gradients, lossOption(loss))
      run.oracle.step(gradients, { loss })
      const got = await run.session.read()
      run.oracle.read().forEach((values, p) => {
        const where = `optimiser ${i + 1} of one transformation, step ${step}, parameter ${run.problem.parameters[p]!.name}`
        expectClose(context.ledger, where, got[p]!, values, context.tolerance(scalarsOf(run.problem)))
      })
    }
  }
}

import type { CaseBody, TransformationMistake } from '../case.js'
import { expectError, expectTrue } from '../compare.js'
import { lossOption, type Context } from '../context.js'
import { problemParameters, problemStep } from '../problem.js'
import type { CoreTransformation } from '../target.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** The message of ERR_NON_FINITE names what is not finite: the loss or the gradient. */
export async function namesNonFinite(
  context: Context,
  { problem, names }: Body<'namesNonFinite'>,
): Promise<void> {
  const session = await context.create(problem.transformation, problemParameters(problem, context.dtype))
  const { gradients, loss } = problemStep(problem, 1, context.dtype)
  const error = await expectError(
    'a step that is not finite',
    'ERR_NON_FINITE',
    () => session.step(gradients, lossOption(loss)),
    context.target.core.InducedMetricError,
  )
  // Only what comes before the advice: that may speak of both.
  const [reason] = error.message.split(';') as [string]
  expectTrue(reason.includes(names), `the message of ERR_NON_FINITE must name the ${names}: ${error.message}`)
}

/** An optimiser of something that is no transformation is ERR_OPTION. */
export async function noTransformation(
  context: Context,
  { problem, given }: Body<'noTransformation'>,
): Promise<void> {
  const { core } = context.target
  const real = core.inducedMetric(core.sgd(), { learningRate: 0.25 })
  const values: Readonly<Record<TransformationMistake, unknown>> = {
    nothing: undefined,
    'a name': 'adam',
    'a base': core.adam(),
    'its data': real.toJSON(),
    'an object with toJSON alone': { toJSON: () => real.toJSON() },
    'an object with settings alone': { settings: real.settings },
  }
  await expectError(
    `${given} for a transformation`,
    'ERR_OPTION',
    async () =>
      context.target.create(values[given] as CoreTransformation, problemParameters(problem, context.dtype)),
    core.InducedMetricError,
  )
}

/** A transformation of the kit's own base and embedding is read from its data by those who name both, and by nobody else. */
export async function ownData(context: Context): Promise<void> {
  const { core } = context.target
  const base = core.definePreconditioner({
    name: 'conformance-own',
    hyperparameters: { power: { kind: 'number', default: 1 } },
    update: ({ gradient }) => ({ direction: gradient, slots: {} }),
  })
  const embedding = core.defineEmbedding({ name: 'conformance-own', slope: () => 1, descends: () => 1 })
  const data = core.inducedMetric(base({ power: 2 }), { learningRate: 0.25, embedding: embedding() }).toJSON()
  const own = { preconditioners: [base], embeddings: [embedding] }
  const read = core.fromJSON(JSON.parse(JSON.stringify(data)), own)
  const [expected, got] = [data, read.toJSON()].map((value) => JSON.stringify(value))
  expectTrue(expected === got, `read from its data, a transformation of one's own is ${got}, not ${expected}`)
  const wrong = {
    'without the factories': {},
    'without the embedding': { preconditioners: [base] },
    'with a base in place of a list': { ...own, preconditioners: base },
    'with a base that was called': { ...own, preconditioners: [base()] },
    'with two of one name': { ...own, preconditioners: [base, base] },
    'with one of the name of another': { ...own, preconditioners: [base, core.adam] },
  }
  for (const [title, options] of Object.entries(wrong)) {
    await expectError(
      `its data, read ${title}`,
      'ERR_OPTION',
      () => core.fromJSON(data, options as never),
      core.InducedMetricError,
    )
  }
}

/** A transformation that holds a function is no data: `toJSON` is ERR_NOT_SUPPORTED. */
export async function unsaved(context: Context, { within }: Body<'unsaved'>): Promise<void> {
  const { core } = context.target
  const rate = (step: number): number => 1 / step
  const learningRate = within === 'warmup' ? core.warmup(rate, { steps: 3 }) : rate
  const given = {
    learningRate: within === 'group' ? 0.25 : learningRate,
    ...(within === 'group' && { groups: { head: { learningRate: rate } } }),
  }
  const made = core.inducedMetric(core.sgd(), given)
  const error = await expectError(
    'toJSON of a function',
    'ERR_NOT_SUPPORTED',
    () => made.toJSON(),
    core.InducedMetricError,
  )
  expectTrue(
    /function|learningRate/.test(error.message),
    `the message of ERR_NOT_SUPPORTED must say what cannot be saved: ${error.message}`,
  )
}

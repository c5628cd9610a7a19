import type { CaseBody, DefinitionMistake } from '../case.js'
import { expectClose, expectError, expectSame, expectTrue } from '../compare.js'
import { lossOption, readCopies, scalarsOf, type Context } from '../context.js'
import { problemParameters, problemStep } from '../problem.js'
import type { Core, CoreTransformation } from '../target.js'
import { expectUntouched } from './trajectory.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

type Definition = Parameters<Core['definePreconditioner']>[0]
type Update = Definition['update']
type EmbeddingDefinition = Parameters<Core['defineEmbedding']>[0]

/** A definition with a mistake: the code of its error, a text in the message, and the transformation made of it. */
interface Mistake {
  readonly code: 'ERR_OPTION' | 'ERR_SHAPE' | 'ERR_NOT_SUPPORTED'
  readonly names: string
  make(core: Core): CoreTransformation
}

function base(
  names: string,
  update: Update,
  more: object = {},
  code: Mistake['code'] = 'ERR_OPTION',
): Mistake {
  const definition = { name: 'wrong', update, ...more } as Definition
  return {
    code,
    names,
    make: (core) =>
      core.inducedMetric(core.definePreconditioner(definition)(), { learningRate: 0.25, xi: 0.25 }),
  }
}

/** A base whose average of gradients has no model of the losses. */
function averaged(update: Update): Mistake {
  return {
    code: 'ERR_NOT_SUPPORTED',
    names: 'averagedModel',
    make: (core) =>
      core.inducedMetric(core.definePreconditioner({ name: 'wrong', update })(), {
        learningRate: 0.25,
        xi: 'rate',
        embedding: core.root(),
        averagedModel: true,
      }),
  }
}

function embedding(names: string, definition: object, code: Mistake['code'] = 'ERR_OPTION'): Mistake {
  const whole = { name: 'wrong', slope: () => 1, descends: () => 1, ...definition } as EmbeddingDefinition
  return {
    code,
    names,
    make: (core) =>
      core.inducedMetric(core.sgd(), {
        learningRate: 0.25,
        xi: 0.25,
        embedding: core.defineEmbedding(whole)(),
      }),
  }
}

const plain: Update = ({ gradient }) => ({ direction: gradient, slots: {} })
const wrongly = (change: (given: Parameters<Update>[0]) => unknown): Update => change as Update
const number = { kind: 'number', default: 0.5 } as const

const ofBases = {
  'a base without a direction': base(
    'direction',
    wrongly(() => ({ slots: {} })),
    {},
    'ERR_SHAPE',
  ),
  'a base whose direction is a scalar': base(
    'direction',
    ({ step }) => ({ direction: step, slots: {} }),
    {},
    'ERR_SHAPE',
  ),
  'a base whose average is a scalar': base(
    'average',
    ({ gradient, step }) => ({ direction: gradient, average: step, slots: {} }),
    {},
    'ERR_SHAPE',
  ),
  'a base whose dual is a scalar': base(
    'dual',
    ({ gradient, step }) => ({ direction: gradient, dual: step, slots: {} }),
    {},
    'ERR_SHAPE',
  ),
  'a base that returns nothing': base(
    'update',
    wrongly(() => undefined),
  ),
  'a base that returns no slots': base(
    'slots',
    wrongly(({ gradient }) => ({ direction: gradient })),
  ),
  'a slot that is asked for and not written': base(
    'kept',
    ({ gradient, slot }) => {
      slot('kept')
      return { direction: gradient, slots: {} }
    },
    {},
    'ERR_SHAPE',
  ),
  'a slot that is written and was not asked for': base('kept', ({ gradient }) => ({
    direction: gradient,
    slots: { kept: gradient },
  })),
  'a slot of two initial values': base('kept', ({ gradient, slot }) => {
    slot('kept', 1)
    return { direction: gradient, slots: { kept: slot('kept', 2) } }
  }),
  'a slot that starts as a tensor': base(
    'kept',
    ({ gradient, slot }) => ({ direction: gradient, slots: { kept: slot('kept', gradient) } }),
    {},
    'ERR_SHAPE',
  ),
  'a slot whose name is no word': base('a b', ({ gradient, slot }) => ({
    direction: gradient,
    slots: { 'a b': slot('a b') },
  })),
  'a base without a name': base('name', plain, { name: '' }),
  'a base without an update': base('update', undefined as unknown as Update),
  'a base with an unknown entry': base('slots', plain, { slots: {} }),
  'a base that is a matrix by half': base('matrix', plain, { matrix: 1 }),
  'a hyperparameter of no kind': base('decay', plain, { hyperparameters: { decay: { default: 1 } } }),
  'a hyperparameter whose default is out of its range': base('decay', plain, {
    hyperparameters: { decay: { ...number, max: 0.25 } },
  }),
  'a hyperparameter whose default is no whole number': base('count', plain, {
    hyperparameters: { count: { kind: 'integer', default: 1.5 } },
  }),
  'a hyperparameter that is named as an input': base('gradient', plain, {
    hyperparameters: { gradient: number },
  }),
  'a hyperparameter whose name is no word': base('a b', plain, { hyperparameters: { 'a b': number } }),
  'hyperparameters in a list': base('hyperparameters', plain, { hyperparameters: [number] }),
  'rows of a base that takes no matrices': base('rows', plain, {
    hyperparameters: { rows: { kind: 'rows', default: 'auto' } },
  }),
  'a base that follows the losses': base('follow', plain, {
    hyperparameters: { decay: { ...number, follows: true } },
  }),
}

const ofEmbeddings = {
  'an embedding without a slope': embedding('slope', { slope: undefined }),
  'an embedding whose slope is no number': embedding('slope', { slope: () => 'steep' }, 'ERR_SHAPE'),
  'an embedding without a descent': embedding('descends', { descends: undefined }),
  'an embedding whose domain is no function': embedding('domain', { domain: 1 }),
  'an embedding without a name': embedding('name', { name: '' }),
  'an embedding with an unknown entry': embedding('floor', { floor: 1 }),
  'an embedding with rows': embedding('rows', {
    hyperparameters: { rows: { kind: 'rows', default: 'auto' } },
  }),
  'an embedding with an option that follows the losses': embedding('height', {
    hyperparameters: { height: { ...number, follows: true } },
  }),
}

/** Operands of the wrong shape or kind. */
const ofOperands = ({ add, floor }: Core['algebra']) => {
  const adds = (given: unknown): Mistake =>
    base('algebra', ({ gradient }) => ({ direction: add(gradient, given as number), slots: {} }))
  return {
    'a base that rounds a tensor': base(
      'floor',
      ({ gradient }) => ({ direction: floor(gradient), slots: {} }),
      {},
      'ERR_SHAPE',
    ),
    'a base that adds nothing': adds(null),
    'a base that adds an object': adds({ value: 1 }),
    'a base that adds a text': adds('1'),
  }
}

const ofEmbeddingsOptions = {
  'an embedding with a hyperparameter that is named name': embedding('name', {
    hyperparameters: { name: number },
  }),
  'an embedding with a hyperparameter of no kind': embedding('height', {
    hyperparameters: { height: { default: 1 } },
  }),
}

/** Averages of gradients of which there is no model. */
const ofAverages = ({ add, ema, mul, square }: Core['algebra']) => ({
  'an average of squares under an averaged model': averaged(({ gradient, slot }) => {
    const m = ema(slot('m'), square(gradient), 0.5)
    return { direction: gradient, average: m, slots: { m } }
  }),
  'an average that reads the parameter under an averaged model': averaged(({ gradient, parameter }) => ({
    direction: gradient,
    average: add(gradient, parameter),
    slots: {},
  })),
  'an average of a slot that does not start from 0 under an averaged model': averaged(
    ({ gradient, slot }) => {
      const m = ema(slot('m', 1), gradient, 0.5)
      return { direction: gradient, average: m, slots: { m } }
    },
  ),
  'an average of products of tensors under an averaged model': averaged(({ gradient, slot }) => {
    const m = ema(slot('m'), gradient, 0.5)
    return { direction: gradient, average: mul(m, gradient), slots: { m } }
  }),
})

function mistakeOf(name: DefinitionMistake, { algebra }: Core): Mistake {
  const all: Readonly<Record<DefinitionMistake, Mistake>> = {
    ...ofBases,
    ...ofEmbeddings,
    ...ofEmbeddingsOptions,
    ...ofOperands(algebra),
    ...ofAverages(algebra),
  }
  return all[name]
}

/** A definition that is wrong is refused when it is made, or when an optimiser of it is created or takes a step. */
export async function badDefinition(
  context: Context,
  { problem, mistake }: Body<'badDefinition'>,
): Promise<void> {
  const { core } = context.target
  const wrong = mistakeOf(mistake, core)
  const { code, names } = wrong
  const error = await expectError(
    mistake,
    code,
    async () => {
      const session = await context.create(wrong.make(core), problemParameters(problem, context.dtype))
      const { gradients, loss } = problemStep(problem, 1, context.dtype)
      await session.step(gradients, lossOption(loss))
    },
    core.InducedMetricError,
  )
  expectTrue(error.message.includes(names), `the message of ${code} must name ${names}: ${error.message}`)
}

/** An embedding of the kit's own whose factor is L/4: below 0 at a negative loss, where no policy may let it ascend. */
function factorEmbedding(core: Core, onBadLoss: 'throw' | 'skip' | 'base' | 'zero', withDomain: boolean) {
  const { add, mul, sub } = core.algebra
  const made = core.defineEmbedding({
    name: 'conformance-factor',
    hyperparameters: { lift: { kind: 'number', default: 0.5 } },
    slope: () => 1,
    descends: () => 1,
    factor: (loss, metric, { lift }) => mul(0.25, add(sub(loss, lift), mul(0, metric))),
    ...(withDomain && { domain: (loss) => sub(4, loss) }),
  })
  return core.inducedMetric(core.sgd(), { learningRate: 0.25, xi: 0.25, embedding: made(), onBadLoss })
}

/** The factor of an own embedding is used as it is; one below 0, or outside its domain, is a bad loss. */
export async function factorBelowZero(context: Context, body: Body<'factorBelowZero'>): Promise<void> {
  const { problem, policy, domain } = body
  const transformation = factorEmbedding(context.target.core, policy, domain)
  const session = await context.create(transformation, problemParameters(problem, context.dtype))
  const theta = problemParameters(problem, context.dtype).map(({ data }) => new Float64Array(data))
  let taken = 0
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    const factor = (loss! - 0.5) / 4
    const isBad = factor < 0 || (domain && loss! >= 4)
    const where = `call ${step}, at a loss of ${loss}`
    if (isBad && (policy === 'throw' || policy === 'skip')) {
      const outcome = policy === 'throw' ? 'ERR_BAD_LOSS' : 'skipped'
      await expectUntouched(context, session, where, outcome, gradients, loss, taken)
      continue
    }
    const rho = isBad ? (policy === 'base' ? 1 : 0) : factor
    theta.forEach((values, p) => values.forEach((x, i) => (values[i] = x - 0.25 * rho * gradients[p]![i]!)))
    const report = await session.step(gradients, lossOption(loss))
    taken++
    const tolerance = context.tolerance(scalarsOf(problem))
    expectSame(context.ledger, `${where}, report.step`, [report.step], [taken])
    expectClose(context.ledger, `${where}, report.scale`, [report.scale], [rho], tolerance)
    const got = await readCopies(session)
    theta.forEach((values, p) =>
      expectClose(
        context.ledger,
        `${where}, parameter ${problem.parameters[p]!.name}`,
        got[p]!,
        values,
        tolerance,
      ),
    )
  }
}

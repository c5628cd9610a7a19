import type { CaseBody } from '../case.js'
import { readFile, writeFile, type FileContents } from '../checkpointFile.js'
import { expectBits, expectClose, expectError, expectSame, expectTrue, fail } from '../compare.js'
import { lossOption, readCopies, runProblem, scalarsOf, type Context, type Run } from '../context.js'
import { createOracle, valueAt } from '../oracle/index.js'
import { isTied, type PlainOptions, type PlainTransformation } from '../plain.js'
import { arrayOf, problemParameters, problemStep, type Problem } from '../problem.js'
import type { Session } from '../target.js'
import { fromBase64, loadInto, saveOf } from './bytes.js'
import { oldCheckpoint } from './checkpoints.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** A problem's parameters with the values that a session has now. */
async function startedFrom(context: Context, problem: Problem, session: Session) {
  const values = await readCopies(session)
  return problemParameters(problem, context.dtype).map((p, i) => ({
    ...p,
    data: arrayOf(context.dtype, values[i]!),
  }))
}

/** A file that follows the format, as the kit reads it. */
function contentsOf(bytes: Uint8Array): FileContents {
  try {
    return readFile(bytes)
  } catch (error) {
    return fail(`the saved bytes are no checkpoint: ${(error as Error).message}`)
  }
}

/** An optimiser that has taken other steps continues from a loaded state like a new one, bit for bit. */
export async function usedCheckpoint(
  context: Context,
  { problem, after }: Body<'usedCheckpoint'>,
): Promise<void> {
  const { session } = await runProblem(context, problem, { to: after })
  const bytes = await saveOf(session)
  // Other gradients, one of them not finite, so that averages, counts and skipped steps differ from those saved.
  const other = {
    ...problem,
    seed: problem.seed + 300,
    inject: [{ step: after + 1, parameter: 0, element: 0, value: 'NaN' as const }],
  }
  await runProblem(context, other, { session, from: after + 1, to: problem.steps })
  const fresh = await context.create(problem.transformation, await startedFrom(context, problem, session))
  await loadInto(session, bytes)
  await loadInto(fresh, bytes)
  const runs: Run[] = []
  for (const one of [fresh, session])
    runs.push(await runProblem(context, problem, { session: one, from: after + 1, to: problem.steps }))
  const [expected, got] = runs as [Run, Run]
  expected.parameters.forEach((values, i) => {
    const where = `loaded into a used optimiser, parameter ${problem.parameters[i]!.name}`
    if (context.bitwise) expectSame(context.ledger, where, got.parameters[i]!, values)
    else expectClose(context.ledger, where, got.parameters[i]!, values, context.tolerance(scalarsOf(problem)))
  })
  for (const key of ['step', 'skippedSteps', 'learningRate'] as const) {
    const of = ({ reports }: typeof got): number[] => reports.map((report) => report[key])
    expectSame(context.ledger, `report.${key} after loading`, of(got), of(expected))
  }
}

/** The bytes that `save` returns and those that `load` is given belong to the caller. */
export async function checkpointBytes(
  context: Context,
  { problem, after }: Body<'checkpointBytes'>,
): Promise<void> {
  const whole = await runProblem(context, problem)
  const { session } = await runProblem(context, problem, { to: after })
  if (session.save === undefined) fail('the manifest declares checkpoint, but the session has no save()')
  const bytes = await session.save()
  const copy = bytes.slice()
  const second = await context.create(problem.transformation, await startedFrom(context, problem, session))
  await runProblem(context, problem, { session, from: after + 1 })
  await session.save()
  expectBits('the bytes that save() returned, after more steps and another save(),', bytes, copy)
  // As part of a longer array, where files of several kinds are read at once; then overwritten.
  const longer = new Uint8Array(copy.length + 11).fill(7)
  longer.set(copy, 5)
  const given = longer.subarray(5, 5 + copy.length)
  await loadInto(second, given)
  expectBits('the bytes that load() was given', given, copy)
  longer.fill(0xff)
  const rest = await runProblem(context, problem, { session: second, from: after + 1 })
  whole.parameters.forEach((values, i) => {
    const where = `with the loaded bytes overwritten, parameter ${problem.parameters[i]!.name}`
    if (context.bitwise) expectSame(context.ledger, where, rest.parameters[i]!, values)
    else
      expectClose(context.ledger, where, rest.parameters[i]!, values, context.tolerance(scalarsOf(problem)))
  })
}

/** A state is restored by the names of parameters, whatever the order in which they were saved. */
export async function permutedCheckpoint(
  context: Context,
  { problem, after }: Body<'permutedCheckpoint'>,
): Promise<void> {
  const whole = await runProblem(context, problem)
  const { session } = await runProblem(context, problem, { to: after })
  const { version, header, slots } = contentsOf(await saveOf(session))
  let at = 0
  const held = header.parameters.map((p) => ({ p, arrays: slots.slice(at, (at += p.slots.length)) }))
  // The slots of each parameter in another order as well.
  const turned = [...held].reverse().map(({ p, arrays }) => ({
    p: { ...p, slots: [...p.slots].reverse() },
    arrays: [...arrays].reverse(),
  }))
  const bytes = writeFile({
    version,
    header: { ...header, parameters: turned.map(({ p }) => p), units: [...header.units].reverse() },
    slots: turned.flatMap(({ arrays }) => arrays),
  })
  const second = await context.create(problem.transformation, await startedFrom(context, problem, session))
  await loadInto(second, bytes)
  const rest = await runProblem(context, problem, { session: second, from: after + 1 })
  whole.parameters.forEach((values, i) => {
    const where = `continued from a checkpoint in another order, parameter ${problem.parameters[i]!.name}`
    if (context.bitwise) expectSame(context.ledger, where, rest.parameters[i]!, values)
    else
      expectClose(context.ledger, where, rest.parameters[i]!, values, context.tolerance(scalarsOf(problem)))
  })
}

/**
 * A file of this release's form, kept in the kit, continues; and a run of the same steps writes a file of the same header and
 * the same numbers, up to rounding. The kit reads it by itself, so that a writer and reader that changed together are caught.
 */
export async function goldenCheckpoint(context: Context, body: Body<'goldenCheckpoint'>): Promise<void> {
  const { problem, after, bytes } = body
  await oldCheckpoint(context, { check: 'oldCheckpoint', problem, after, bytes })
  const { session } = await runProblem(context, problem, { to: after })
  const [expected, got] = [contentsOf(fromBase64(bytes)), contentsOf(await saveOf(session))]
  expectSame(context.ledger, 'the version of the saved file', [got.version], [expected.version])
  const texts = [expected, got].map(({ header }) => JSON.stringify(header, withoutNumbers))
  expectTrue(texts[0] === texts[1], `the header of the saved file is ${texts[1]}, must be ${texts[0]}`)
  const tolerance = context.tolerance(scalarsOf(problem))
  expected.header.units.forEach((unit, i) => {
    const held = got.header.units[i]!
    const numbers = ({ average, values = {} }: typeof unit): number[] => [average, ...Object.values(values)]
    numbers(unit).forEach((value, k) =>
      expectClose(
        context.ledger,
        `number ${k} of unit ${unit.key} in the file`,
        [numbers(held)[k]!],
        [value],
        tolerance,
      ),
    )
  })
  expected.slots.forEach((values, i) =>
    expectClose(context.ledger, `slot ${i} in the file`, got.slots[i]!, values, tolerance),
  )
}

/** Leaves the averages out of a header: the oracle's tolerance holds for them. Counts, names and their order stay. */
function withoutNumbers(key: string, value: unknown): unknown {
  if (key === 'average') return 'a number'
  if (key !== 'values') return value
  return Object.keys(value as object)
}

/**
 * A state holds the learning rate that was set while training ran: it takes the place of the transformation's from the next
 * step on, is saved again, and a reset forgets it.
 */
export async function fixedRate(
  context: Context,
  { problem, after, rate }: Body<'fixedRate'>,
): Promise<void> {
  const { transformation } = problem
  const oracle = createOracle(
    withRate(transformation, after, rate),
    problemParameters(problem, context.dtype),
  )
  const { session: first } = await runProblem(context, problem, { to: after })
  const { version, header, slots } = contentsOf(await saveOf(first))
  const bytes = writeFile({ version, slots, header: { ...header, learningRate: rate } })
  const session = await context.create(transformation, await startedFrom(context, problem, first))
  await loadInto(session, bytes)
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    const expected = oracle.step(gradients, { loss })
    if (step <= after) continue
    const report = await session.step(gradients, lossOption(loss))
    expectClose(
      context.ledger,
      `step ${step}, report.learningRate`,
      [report.learningRate],
      [expected.learningRate],
      1e-12,
    )
    const got = await session.read()
    oracle.read().forEach((values, i) => {
      const where = `step ${step}, parameter ${problem.parameters[i]!.name}, with the saved learning rate`
      expectClose(context.ledger, where, got[i]!, values, context.tolerance(scalarsOf(problem)))
    })
  }
  const held = async (): Promise<unknown> => contentsOf(await saveOf(session)).header['learningRate']
  expectTrue(
    (await held()) === rate,
    `the state must hold the learning rate ${rate} again, holds ${String(await held())}`,
  )
  if (session.reset === undefined || !context.declares('reset')) return
  await session.reset()
  expectTrue(
    (await held()) === undefined,
    `after reset() the state must hold no learning rate, holds ${String(await held())}`,
  )
}

/**
 * The transformation with another learning rate after some steps, of all groups that have the rate of the whole. A ξ that is tied
 * to the peak of a number follows if that is higher.
 */
export function withRate(
  transformation: PlainTransformation,
  after: number,
  rate: number,
): PlainTransformation {
  const { learningRate, groups } = transformation
  const text = JSON.stringify(learningRate)
  const changed = Object.entries(groups ?? {}).map(([label, options]) => [
    label,
    JSON.stringify(options.learningRate) === text ? ratedFrom(options, after, rate) : options,
  ])
  const whole = { ...transformation, ...ratedFrom(transformation, after, rate) }
  return groups === undefined ? whole : { ...whole, groups: Object.fromEntries(changed) as typeof groups }
}

function ratedFrom<T extends PlainOptions>(options: T, after: number, rate: number): T {
  const from = options.learningRate!
  const learningRate = (step: number): number => (step <= after ? valueAt(from, step) : rate)
  if (!isTied(options)) return { ...options, learningRate }
  const { xi } = options
  const perRate = typeof xi === 'object' ? (xi as { readonly perRate: number }).perRate : 1
  const peak = from as number
  const tied = (step: number): number => perRate * (step <= after ? peak : Math.max(peak, rate))
  return { ...options, learningRate, xi: tied, decayScaling: 'step', onBadLoss: 'zero' }
}

/** After dispose(), loading and resetting are ERR_DISPOSED as well, and another optimiser goes on. */
export async function disposedState(context: Context, { problem }: Body<'disposedState'>): Promise<void> {
  const whole = await runProblem(context, problem)
  const other = await runProblem(context, problem, { to: 1 })
  const { session } = await runProblem(context, problem)
  if (session.dispose === undefined) return
  const bytes = context.declares('checkpoint') ? await saveOf(session) : undefined
  await session.dispose()
  const { InducedMetricError } = context.target.core
  if (bytes !== undefined)
    await expectError(
      'load() after dispose()',
      'ERR_DISPOSED',
      () => loadInto(session, bytes),
      InducedMetricError,
    )
  if (session.reset !== undefined && context.declares('reset'))
    await expectError('reset() after dispose()', 'ERR_DISPOSED', () => session.reset!(), InducedMetricError)
  if (context.declares('asGiven')) {
    const { gradients, loss } = problemStep(problem, 1, context.dtype)
    // A gradient that does not fit either: the disposal is what a caller must be told.
    await expectError(
      'a wrong step() after dispose()',
      'ERR_DISPOSED',
      () => session.step(gradients.slice(1), lossOption(loss)),
      InducedMetricError,
    )
  }
  const rest = await runProblem(context, problem, { session: other.session, from: 2 })
  whole.parameters.forEach((values, i) => {
    const where = `parameter ${i}, where another optimiser was disposed of`
    expectClose(context.ledger, where, rest.parameters[i]!, values, context.tolerance(scalarsOf(problem)))
  })
}

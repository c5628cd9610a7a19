import type { CaseBody } from '../case.js'
import { expectClose, expectError, expectSame, expectTrue, fail } from '../compare.js'
import { lossOption, readCopies, runProblem, scalarsOf, type Context } from '../context.js'
import { isPlain } from '../manifest.js'
import { createOracle } from '../oracle/index.js'
import { arrayOf, problemParameters, problemStep, type Problem } from '../problem.js'
import type { Session, TargetParameter, TypedArray } from '../target.js'
import { fromBase64, loadInto, saveOf } from './bytes.js'
import { damagedBytes } from './damage.js'
import { referenceSession } from './referenceSession.js'
import { savedStates, snapshot } from './trajectory.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** A problem's parameters with other values. */
function at(problem: Problem, context: Context, values: readonly ArrayLike<number>[]): TargetParameter[] {
  return problemParameters(problem, context.dtype).map((p, i) => ({
    ...p,
    data: arrayOf(context.dtype, values[i]!),
  }))
}

/** A run that is saved after some steps and continued in a second session equals an uninterrupted run. */
export async function resume(context: Context, { problem, after, state }: Body<'resume'>): Promise<void> {
  const whole = await runProblem(context, problem)
  const first = await runProblem(context, problem, { to: after })
  const bytes = await saveOf(first.session)
  const second = await context.create(problem.transformation, at(problem, context, first.parameters))
  await loadInto(second, bytes)
  const rest = await runProblem(context, problem, { session: second, from: after + 1 })
  compareRuns(context, problem, rest.parameters, whole.parameters, 'continued from the checkpoint')
  expectSame(
    context.ledger,
    'report.step after resuming',
    [rest.reports.at(-1)!.step],
    [whole.reports.at(-1)!.step],
  )
  if (state === true && context.bitwise) {
    const [expected, got] = savedStates(context, await saveOf(whole.session), await saveOf(second))
    expectTrue(got === expected, `the state at the end, after resuming, is ${got}, not ${expected}`)
  }
  // Saving must not disturb the session that was saved.
  const undisturbed = await runProblem(context, problem, { session: first.session, from: after + 1 })
  compareRuns(context, problem, undisturbed.parameters, whole.parameters, 'continued after save()')
}

/** A session that was reset equals a new one of the same parameters, in its steps, reports and state. */
export async function reset(context: Context, { problem, after }: Body<'reset'>): Promise<void> {
  const { session, parameters } = await runProblem(context, problem, { to: after })
  if (session.reset === undefined) fail('the manifest declares reset, but the session has no reset()')
  await session.reset()
  const kept = await readCopies(session)
  parameters.forEach((values, i) =>
    expectSame(context.ledger, `parameter ${i} after reset()`, kept[i]!, values),
  )
  const got = await runProblem(context, problem, { session })
  const fresh = await context.create(problem.transformation, at(problem, context, parameters))
  const expected = await runProblem(context, problem, { session: fresh })
  compareRuns(context, problem, got.parameters, expected.parameters, 'continued after reset()')
  // A plain optimiser need not report.
  const keys = isPlain(context.target.manifest) ? [] : (['step', 'skippedSteps', 'learningRate'] as const)
  for (const key of keys) {
    const of = ({ reports }: typeof got): number[] => reports.map((report) => report[key])
    expectSame(context.ledger, `report.${key} after reset()`, of(got), of(expected))
  }
  if (context.declares('checkpoint') && context.bitwise) {
    const [left, right] = savedStates(context, await saveOf(fresh), await saveOf(session))
    expectTrue(left === right, `the state after reset() and the same steps is ${right}, not ${left}`)
  }
}

function compareRuns(
  context: Context,
  problem: Problem,
  got: readonly TypedArray[],
  expected: readonly TypedArray[],
  what: string,
): void {
  expected.forEach((values, i) => {
    const where = `${what}, parameter ${problem.parameters[i]!.name}`
    if (context.bitwise) expectSame(context.ledger, where, got[i]!, values)
    else expectClose(context.ledger, where, got[i]!, values, context.tolerance(scalarsOf(problem)))
  })
}

/** A checkpoint of the target continues in the core's reference engine, or the other way round. */
export async function handover(context: Context, { problem, after, from }: Body<'handover'>): Promise<void> {
  const start = problemParameters(problem, context.dtype)
  const oracle = createOracle(problem.transformation, start)
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    oracle.step(gradients, { loss })
  }

  const reference = (parameters: readonly TargetParameter[]) => referenceSession(context, problem, parameters)
  const target = (parameters: readonly TargetParameter[]) =>
    context.create(problem.transformation, parameters)
  const [giver, taker] = from === 'target' ? [target, reference] : [reference, target]

  const first = await giver(start)
  const { parameters } = await runProblem(context, problem, { session: first, to: after })
  const second = await taker(at(problem, context, parameters))
  await loadInto(second, await saveOf(first))
  await runProblem(context, problem, { session: second, from: after + 1 })
  const got = await readCopies(second)
  const tolerance = context.tolerance(scalarsOf(problem))
  oracle.read().forEach((values, i) => {
    const where = `continued ${from === 'target' ? 'by the reference engine' : 'from the reference engine’s checkpoint'}`
    expectClose(
      context.ledger,
      `${where}, parameter ${problem.parameters[i]!.name}`,
      got[i]!,
      values,
      tolerance,
    )
  })
}

/** A checkpoint of an earlier release continues like one of this release. */
export async function oldCheckpoint(
  context: Context,
  { problem, after, bytes }: Body<'oldCheckpoint'>,
): Promise<void> {
  const oracle = createOracle(problem.transformation, problemParameters(problem, context.dtype))
  const takeUntil = (from: number, to: number): void => {
    for (let step = from; step <= to; step++) {
      const { gradients, loss } = problemStep(problem, step, context.dtype)
      oracle.step(gradients, { loss })
    }
  }
  takeUntil(1, after)
  const session = await context.create(problem.transformation, at(problem, context, oracle.read()))
  await loadInto(session, fromBase64(bytes))
  const { reports } = await runProblem(context, problem, { session, from: after + 1 })
  expectSame(context.ledger, 'report.step after resuming', [reports.at(-1)!.step], [problem.steps])
  takeUntil(after + 1, problem.steps)
  const got = await readCopies(session)
  oracle.read().forEach((values, i) => {
    const where = `continued from an old checkpoint, parameter ${problem.parameters[i]!.name}`
    expectClose(context.ledger, where, got[i]!, values, context.tolerance(scalarsOf(problem)))
  })
}

/** A checkpoint that does not match or is damaged is refused and changes nothing. */
export async function badCheckpoint(
  context: Context,
  { problem, damage, names }: Body<'badCheckpoint'>,
): Promise<void> {
  const { session } = await runProblem(context, problem)
  const bytes = await damagedBytes(context, problem, damage)
  if (!context.declares('byName')) {
    if (damage === 'other name') return loadsByPosition(context, session, bytes)
    if (damage === 'a parameter too many') return keepsOthers(context, session, bytes)
  }
  const unchanged = await snapshot(context, session)
  const error = await expectError(
    `loading a checkpoint: ${damage}`,
    'ERR_CHECKPOINT',
    () => loadInto(session, bytes),
    context.target.core.InducedMetricError,
  )
  if (names !== undefined)
    expectTrue(error.message.includes(names), `the message must name ${names}: ${error.message}`)
  await unchanged(`after the refused checkpoint (${damage}): `)
  if (problem.transformation.accumulate !== undefined) return
  // The session still works.
  const { gradients, loss } = problemStep(problem, problem.steps + 1, context.dtype)
  const report = await session.step(gradients, lossOption(loss))
  expectSame(context.ledger, 'report.step after the refused checkpoint', [report.step], [problem.steps + 1])
}

/** If names do not bind, a parameter that is not there is refused, or its state waits until it is. */
async function keepsOthers(context: Context, session: Session, bytes: Uint8Array): Promise<void> {
  const unchanged = await snapshot(context, session)
  try {
    await loadInto(session, bytes)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_CHECKPOINT') throw error
    await unchanged('after the refused checkpoint (a parameter too many): ')
    return
  }
  const { decodeCheckpoint } = context.target.core
  const names = (checkpoint: Uint8Array): string[] =>
    decodeCheckpoint(checkpoint).parameters.map(({ name }) => name)
  const [expected, got] = [names(bytes), names(await saveOf(session))]
  if (got.length !== expected.length)
    fail(`a checkpoint of ${expected.join(', ')} was loaded, and only ${got.join(', ')} is saved again`)
}

/** If names do not bind, a state under another name is refused or restored by position. */
async function loadsByPosition(context: Context, session: Session, bytes: Uint8Array): Promise<void> {
  const unchanged = await snapshot(context, session)
  try {
    await loadInto(session, bytes)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_CHECKPOINT') throw error
    await unchanged('after the refused checkpoint (other name): ')
    return
  }
  const { decodeCheckpoint } = context.target.core
  const slots = (checkpoint: Uint8Array): number[][] =>
    decodeCheckpoint(checkpoint).parameters.flatMap((state) =>
      Object.values(state.slots).map((data) => [...data]),
    )
  const [expected, got] = [slots(bytes), slots(await saveOf(session))]
  expected.forEach((values, i) =>
    expectSame(context.ledger, `slot ${i} after loading by position`, got[i] ?? [], values),
  )
}

import type { CaseBody } from '../case.js'
import { expectClose, expectSame, expectTrue } from '../compare.js'
import { lossOption, runProblem, scalarsOf, type Context } from '../context.js'
import { createOracle } from '../oracle/index.js'
import { problemParameters, problemStep, type Problem } from '../problem.js'
import type { TypedArray } from '../target.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

const guard = 12345

/** A view of the values, between guards, at an offset that no vector instruction is aligned to. */
function viewOf(values: TypedArray): TypedArray {
  const make = values.constructor as new (length: number) => TypedArray
  const whole = new make(values.length + 4).fill(guard)
  const view = whole.subarray(3, 3 + values.length)
  view.set(values)
  return view
}

/** Copies of arrays that follow one another in one buffer. */
function neighbours(arrays: readonly TypedArray[]): TypedArray[] {
  const make = arrays[0]!.constructor as new (length: number) => TypedArray
  const whole = new make(arrays.reduce((sum, { length }) => sum + length, 0))
  let from = 0
  return arrays.map((array) => {
    const view = whole.subarray(from, (from += array.length))
    view.set(array)
    return view
  })
}

/** Whether the memory around a view is as it was. */
function isGuarded({ buffer, BYTES_PER_ELEMENT }: TypedArray): boolean {
  const whole = BYTES_PER_ELEMENT === 8 ? new Float64Array(buffer) : new Float32Array(buffer)
  return [0, 1, 2, whole.length - 1].every((i) => whole[i] === guard)
}

/** Parameters and gradients may be views of longer arrays, and a gradient may be the parameter's own array. */
export async function memory(context: Context, { problem, given }: Body<'memory'>): Promise<void> {
  const start = problemParameters(problem, context.dtype)
  const oracle = createOracle(problem.transformation, start)
  const own = start.map(({ data }) => data)
  const isViewed = given === 'parameters at an offset' || given === 'the parameters themselves'
  const placed = isViewed ? own.map(viewOf) : given === 'neighbours in one buffer' ? neighbours(own) : own
  const views = start.map((p, i) => ({ ...p, data: placed[i]! }))
  const session = await context.create(problem.transformation, views)
  const guarded: TypedArray[] = isViewed ? [...placed] : []
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    const read = given === 'the parameters themselves' ? await session.read() : undefined
    const expected = read?.map((data) => data.slice()) ?? gradients
    const handed =
      read ?? (given === 'gradients at an offset' ? gradients.map((g) => g && viewOf(g)) : gradients)
    if (given === 'gradients at an offset') guarded.push(...handed.flatMap((g) => g ?? []))
    await session.step(handed, lossOption(loss))
    oracle.step(expected, { loss })
    const got = await session.read()
    oracle.read().forEach((values, i) => {
      const where = `step ${step}, parameter ${problem.parameters[i]!.name}, where ${given} are given`
      expectClose(context.ledger, where, got[i]!, values, context.tolerance(scalarsOf(problem)))
    })
  }
  expectTrue(guarded.every(isGuarded), 'the memory beside a view was written')
}

/**
 * All that a run has made is gone when its sessions are disposed of. Where a target counts what lives, the count is as before;
 * a step that is refused or skipped leaves nothing behind either.
 */
export async function living(context: Context, { problem }: Body<'living'>): Promise<void> {
  const count = async (): Promise<number> => context.target.living!()
  const run = async (steps: number): Promise<number> => {
    const { session } = await runProblem(context, problem, { to: steps })
    await disturb(context, problem, session)
    const within = await count()
    await session.dispose?.()
    return within
  }
  // What is made once and kept, such as compiled functions, is made by the first run.
  await run(problem.steps)
  const before = await count()
  const few = await run(2)
  expectSame(context.ledger, 'what lives after dispose()', [await count()], [before])
  const many = await run(problem.steps)
  expectSame(context.ledger, 'what lives after dispose()', [await count()], [before])
  expectSame(context.ledger, `what lives after ${problem.steps} steps, in place of 2`, [many], [few])
}

/** A step that is skipped and one that is refused. */
async function disturb(
  context: Context,
  problem: Problem,
  session: Awaited<ReturnType<typeof runProblem>>['session'],
): Promise<void> {
  const { gradients, loss } = problemStep(problem, problem.steps + 1, context.dtype)
  const bad = gradients.map((g) => g!.slice().fill(NaN))
  const { skipped } = await session.step(bad, lossOption(loss))
  expectTrue(skipped, 'a step with a gradient of NaN must be skipped')
  try {
    await session.step(gradients.slice(1), lossOption(loss))
  } catch {
    return
  }
  expectTrue(false, 'a step with a gradient too few must be refused')
}

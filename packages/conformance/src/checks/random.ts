import * as fc from 'fast-check'
import type { CaseBody } from '../case.js'
import { expectClose, expectSame, fail } from '../compare.js'
import { createContext, lossOption, readCopies, runProblem, scalarsOf, type Context } from '../context.js'
import { describeError } from '../describeError.js'
import { ProtocolFault } from '../protocol/fault.js'
import { problemParameters, problemStep, sizeOf, type Problem } from '../problem.js'
import type { Session } from '../target.js'
import { loadInto, saveOf } from './bytes.js'
import { someGroupedProblem, someProblem, someTiedProblem } from './drawn.js'
import { factorRange, layout } from './properties.js'
import { trajectory } from './trajectory.js'

/** A disturbance of a run. */
interface Disturbance {
  readonly before: number
  readonly kind: 'NaN' | 'Infinity' | 'too long' | 'too few'
  readonly parameter: number
}

/** Steps that fail or are skipped leave no trace in later steps. */
async function undisturbed(
  context: Context,
  problem: Problem,
  disturbances: readonly Disturbance[],
): Promise<void> {
  const expected = await runProblem(context, problem)
  const session = await context.create(problem.transformation, problemParameters(problem, context.dtype))
  for (let step = 1; step <= problem.steps; step++) {
    for (const { before, kind, parameter } of disturbances) {
      if (before === step)
        await disturb(context, session, problem, step, kind, parameter % problem.parameters.length)
    }
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    const report = await session.step(gradients, lossOption(loss))
    expectSame(context.ledger, 'report.step', [report.step], [step])
  }
  const got = await readCopies(session)
  expected.parameters.forEach((values, i) => {
    const where = `parameter p${i}, after steps that were skipped or failed`
    if (context.bitwise) expectSame(context.ledger, where, got[i]!, values)
    else expectClose(context.ledger, where, got[i]!, values, context.tolerance(scalarsOf(problem)))
  })
}

async function disturb(
  context: Context,
  session: Session,
  problem: Problem,
  step: number,
  kind: Disturbance['kind'],
  parameter: number,
): Promise<void> {
  const { gradients, loss } = problemStep({ ...problem, seed: problem.seed + 1 }, step, context.dtype)
  if (kind === 'too few') gradients.pop()
  else if (kind === 'too long') {
    const longer = [...gradients[parameter]!, 1]
    gradients[parameter] = context.dtype === 'float32' ? Float32Array.from(longer) : Float64Array.from(longer)
  } else {
    const g = gradients[parameter]!
    g[g.length - 1] = Number(kind)
  }
  try {
    const report = await session.step(gradients, lossOption(loss))
    if (!report.skipped) fail(`step ${step}: a step with ${kind} in parameter p${parameter} was taken`)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_SHAPE' || kind === 'NaN' || kind === 'Infinity')
      throw error
  }
}

/** A run that is saved and loaded into a new session at any step continues unchanged. */
async function interrupted(context: Context, problem: Problem, stops: readonly number[]): Promise<void> {
  const expected = await runProblem(context, problem)
  let session = await context.create(problem.transformation, problemParameters(problem, context.dtype))
  for (let step = 1; step <= problem.steps; step++) {
    if (stops.includes(step)) {
      const data = await readCopies(session)
      const bytes = await saveOf(session)
      const parameters = problemParameters(problem, context.dtype).map((p, i) => ({ ...p, data: data[i]! }))
      session = await context.create(problem.transformation, parameters)
      await loadInto(session, bytes)
    }
    await runProblem(context, problem, { session, from: step, to: step })
  }
  const got = await readCopies(session)
  expected.parameters.forEach((values, i) => {
    const where = `parameter p${i}, saved and loaded before step ${stops.join(', ')}`
    if (context.bitwise) expectSame(context.ledger, where, got[i]!, values)
    else expectClose(context.ledger, where, got[i]!, values, context.tolerance(scalarsOf(problem)))
  })
}

const someStops = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 })

type Check = (context: Context) => Promise<void>

/** The properties by name: the examples to draw, and the check of each. */
const properties: Readonly<Record<string, (context: Context) => fc.Arbitrary<Check & { shown?: unknown }>>> =
  {
    oracle: (context) =>
      someProblem(context).map((problem) =>
        shown({ problem }, (c) => trajectory(c, { check: 'trajectory', problem }, 'largest')),
      ),

    missing: (context) =>
      fc
        .tuple(
          someProblem(context),
          fc.array(fc.array(fc.nat(3), { maxLength: 3 }), { minLength: 6, maxLength: 6 }),
        )
        .map(([problem, absent]) => {
          // The first parameter always has a gradient, since a step without any is skipped.
          const missing = Object.fromEntries(absent.map((list, i) => [i + 1, list.filter((p) => p > 0)]))
          const all = { ...problem, missing }
          return shown({ problem: all }, (c) =>
            trajectory(c, { check: 'trajectory', problem: all }, 'largest'),
          )
        }),

    factor: (context) =>
      someProblem(context)
        .filter(({ transformation: { xi, embedding } }) => xi !== 0 || embedding?.name !== 'identity')
        .map((problem) => shown({ problem }, (c) => factorRange(c, { check: 'factorRange', problem }))),

    layout: (context) =>
      fc
        .tuple(
          // The s of lion is a sum over tensors.
          someProblem(context, ['lion']),
          fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 6 }),
          fc.constantFrom('kept' as const, 'reversed' as const),
        )
        .map(([problem, sizes, order]) => {
          let left = problem.parameters.reduce((n, { shape }) => n + sizeOf(shape), 0)
          const pieces: { name: string; shape: number[] }[] = []
          for (let i = 0; left > 0; i++) {
            const size = Math.min(left, sizes[i % sizes.length]!)
            pieces.push({ name: `q${i}`, shape: [size] })
            left -= size
          }
          return shown({ problem, layout: pieces, order }, (c) =>
            layout(c, { check: 'layout', problem, layout: pieces, order }),
          )
        }),

    atomic: (context) =>
      fc
        .tuple(
          someProblem(context),
          fc.array(
            fc.record({
              before: fc.integer({ min: 1, max: 6 }),
              kind: fc.constantFrom(
                'NaN' as const,
                'Infinity' as const,
                'too long' as const,
                'too few' as const,
              ),
              parameter: fc.nat(3),
            }),
            { minLength: 1, maxLength: 5 },
          ),
        )
        .map(([problem, disturbances]) =>
          shown({ problem, disturbances }, (c) => undisturbed(c, problem, disturbances)),
        ),

    resume: (context) =>
      fc
        .tuple(someProblem(context), someStops)
        .map(([problem, stops]) => shown({ problem, stops }, (c) => interrupted(c, problem, stops))),

    tied: (context) =>
      someTiedProblem(context).map((problem) =>
        shown({ problem }, (c) => trajectory(c, { check: 'trajectory', problem }, 'largest')),
      ),

    groups: (context) =>
      someGroupedProblem(context).map((problem) =>
        shown({ problem }, (c) => trajectory(c, { check: 'trajectory', problem }, 'largest')),
      ),

    tiedResume: (context) =>
      fc
        .tuple(someTiedProblem(context), someStops)
        .map(([problem, stops]) => shown({ problem, stops }, (c) => interrupted(c, problem, stops))),
  }

function shown(value: unknown, check: Check): Check & { shown?: unknown } {
  return Object.assign(check, { shown: value })
}

/**
 * Draws `runs` examples from the case's seed and checks each; a failure is shrunk, and its message contains the
 * example with the seed and path that replay it.
 */
export async function random(
  context: Context,
  { property, runs }: Extract<CaseBody, { check: 'random' }>,
): Promise<void> {
  const draw = properties[property]
  if (draw === undefined) throw new Error(`no property ${property}`)
  // Where a process has failed, no smaller example is looked for: each may cost the time in which a process hangs.
  let processFailed = false
  const details = await fc.check(
    fc.asyncProperty(draw(context), async (check) => {
      fc.pre(!processFailed)
      const one = createContext(context.target, context.dtype, context)
      try {
        try {
          await check(one)
        } finally {
          await one.finish()
        }
      } catch (error) {
        processFailed = error instanceof ProtocolFault
        throw error
      }
      const { worst } = one.ledger
      if (worst !== undefined) context.ledger.worst ??= worst
    }),
    { seed: context.seed, numRuns: runs, ...(context.path === undefined ? {} : { path: context.path }) },
  )
  if (!details.failed) return
  const error = details.errorInstance
  const example = details.counterexample?.[0].shown
  fail(
    `${describeError(error)}\n` +
      `  smallest example found: ${JSON.stringify(example)}\n` +
      `  replay it with seed ${details.seed} and path ${details.counterexamplePath ?? ''}`,
    error,
  )
}

import type { CaseBody } from '../case.js'
import { expectClose, expectSame, expectTrue } from '../compare.js'
import { lossOption, scalarsOf, type Context } from '../context.js'
import { createOracle, type OracleReport } from '../oracle/index.js'
import { problemParameters, problemStep } from '../problem.js'
import type { SessionReport } from '../target.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/**
 * Every field of every report equals the oracle's, units and skipped steps included, and a report that was handed out never
 * changes.
 */
export async function reports(context: Context, { problem, keys }: Body<'reports'>): Promise<void> {
  const start = problemParameters(problem, context.dtype)
  const oracle = createOracle(problem.transformation, start)
  const session = await context.create(problem.transformation, start)
  const handed: { readonly report: SessionReport; readonly text: string }[] = []
  const tolerance = context.tolerance(scalarsOf(problem))
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    const report = await session.step(gradients, lossOption(loss))
    const expected = oracle.step(gradients, { loss })
    handed.push({ report, text: textOf(report) })
    compare(context, report, expected, { where: `call ${step}`, tolerance, keys, loss })
  }
  handed.forEach(({ report, text }, i) =>
    expectTrue(
      textOf(report) === text,
      `the report of call ${i + 1} was changed by a later one: ${textOf(report)}`,
    ),
  )
}

function textOf(report: SessionReport): string {
  return JSON.stringify(report, (_key, value: unknown) => (typeof value === 'number' ? String(value) : value))
}

function compare(
  context: Context,
  report: SessionReport,
  expected: OracleReport,
  given: {
    readonly where: string
    readonly tolerance: number
    readonly keys: readonly string[]
    readonly loss: number | undefined
  },
): void {
  const { where, tolerance, keys, loss } = given
  const { ledger } = context
  expectSame(ledger, `${where}, report.step`, [report.step], [expected.step])
  expectSame(ledger, `${where}, report.skippedSteps`, [report.skippedSteps], [expected.skippedSteps])
  expectTrue(
    report.skipped === expected.skipped,
    `${where}, report.skipped is ${String(report.skipped)}, must be ${String(expected.skipped)}`,
  )
  if (report.loss !== undefined)
    expectTrue(
      Object.is(report.loss, loss ?? null),
      `${where}, report.loss is ${String(report.loss)}, must be ${String(loss ?? null)}`,
    )
  if (expected.skipped) {
    expectSame(ledger, `${where}: nothing moved, report.scale`, [report.scale], [0])
    for (const [i, unit] of (report.units ?? []).entries())
      expectSame(ledger, `${where}: nothing moved, report.units[${i}].scale`, [unit.scale], [0])
    return
  }
  for (const key of ['dualNorm', 'metric', 'scale', 'learningRate', 'xi'] as const)
    expectClose(ledger, `${where}, report.${key}`, [report[key]], [expected[key]], tolerance)
  const { units } = report
  // A single unit is the whole report.
  if (keys.length < 2) {
    expectTrue(units === undefined, `${where}, report.units must be left out where there is one unit`)
    return
  }
  expectSame(ledger, `${where}, number of units`, [units?.length ?? 0], [keys.length])
  units!.forEach((unit, i) => {
    if (unit.key !== undefined)
      expectTrue(
        unit.key === keys[i],
        `${where}, report.units[${i}].key is ${JSON.stringify(unit.key)}, must be ${JSON.stringify(keys[i])}`,
      )
    for (const key of ['dualNorm', 'metric', 'scale', 'xi'] as const)
      expectClose(
        ledger,
        `${where}, report.units[${i}].${key}`,
        [unit[key]],
        [expected.units[i]![key]],
        tolerance,
      )
  })
}

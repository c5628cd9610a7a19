import { expectBits, expectClose, expectSame, expectTrue, fail } from '../compare.js'
import { readCopies, type Context } from '../context.js'
import type { OracleReport } from '../oracle/index.js'
import type { Session, SessionReport } from '../target.js'

/** A call that only adds to an update leaves the counts as they are, and says how many wait. */
export function compareCount(
  context: Context,
  report: SessionReport,
  { step, waiting }: OracleReport,
  where: string,
): void {
  if (waiting !== undefined) {
    expectTrue(!report.skipped, `${where} of an update: it is no skipped step`)
    expectSame(context.ledger, `${where} of an update, report.step`, [report.step], [step])
  }
  if (report.accumulated === undefined) return
  expectSame(context.ledger, `${where}, report.accumulated`, [report.accumulated], [waiting ?? 0])
}

/** Compares the arrays that are kept beside the parameters for evaluation, if a session shows them. */
export async function compareKept(
  context: Context,
  parameters: readonly { readonly name: string }[],
  session: Session,
  expected: readonly (Float64Array | undefined)[],
  where: string,
  slot = 'averagedParameter',
): Promise<void> {
  if (expected.every((values) => values === undefined)) return
  const bytes = context.declares('checkpoint') ? await session.save?.() : undefined
  const saved = bytes && context.target.core.decodeCheckpoint(bytes).parameters.map(({ slots }) => slots)
  const shown = session.slots && Object.values(await session.slots())
  for (const [place, slots] of [
    ['its checkpoint', saved],
    ['its slots', shown],
  ] as const) {
    if (slots === undefined) continue
    expected.forEach((values, i) => {
      if (values === undefined) return
      const { name } = parameters[i]!
      const got = slots[i]?.[slot]
      if (got === undefined) fail(`${where}: ${place} must hold ${slot} of ${name}`)
      const tolerance = context.tolerance(1)
      expectClose(context.ledger, `${where}, ${slot} of ${name} in ${place}`, got, values, tolerance)
    })
  }
}

/** Compares the weights to evaluate with, if a session shows them, and that showing them leaves the parameters as they are. */
export async function compareEvaluation(
  context: Context,
  parameters: readonly { readonly name: string }[],
  session: Session,
  expected: readonly (Float64Array | undefined)[],
  where: string,
): Promise<void> {
  if (session.evaluationWeights === undefined) return
  const before = await readCopies(session)
  const shown = (await session.evaluationWeights()).map((values) => values.slice())
  const after = await session.read()
  before.forEach((values, i) =>
    expectBits(`${where}, parameter ${parameters[i]!.name} after evaluationWeights()`, after[i]!, values),
  )
  expected.forEach((values, i) => {
    const what = `${where}, evaluation weights of ${parameters[i]!.name}`
    if (values === undefined) expectBits(what, shown[i]!, before[i]!)
    else expectClose(context.ledger, what, shown[i]!, values, context.tolerance(1))
  })
}

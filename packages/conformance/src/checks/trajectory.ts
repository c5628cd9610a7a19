import type { CaseBody, Outcome } from '../case.js'
import { compareCount, compareEvaluation, compareKept } from './kept.js'
import { expectBits, expectClose, expectError, expectSame, expectTrue } from '../compare.js'
import { lossOption, readCopies, scalarsOf, type Context } from '../context.js'
import { planeFunctions } from '../testFunctions.js'
import { golden, smallFunctionRows, smallFunctions, tied, translate, translateRow } from '../golden/index.js'
import { isPlain } from '../manifest.js'
import { createOracle, type OracleReport } from '../oracle/index.js'
import type { PlainTransformation } from '../plain.js'
import { arrayOf, problemParameters, problemStep, type Problem } from '../problem.js'
import type { CoreTransformation, Session, SessionReport, TypedArray } from '../target.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/**
 * Every step equals the oracle's; steps with an outcome leave every bit unchanged.
 *
 * @param relativeTo - errors are relative to the tensor's current size or to its largest size so far. In a drawn problem a
 *   tensor of one element may end near 0, and its rounding errors on the way there are relative to its former size
 */
export async function trajectory(
  context: Context,
  body: Body<'trajectory'>,
  relativeTo: 'current' | 'largest' = 'current',
): Promise<void> {
  await compareWithOracle(context, body.problem, body.problem.transformation, { ...body, relativeTo })
}

/** Compares every step of a transformation with the oracle's step of the problem's transformation. */
export async function compareWithOracle(
  context: Context,
  problem: Problem,
  transformation: PlainTransformation | CoreTransformation,
  options: Pick<Body<'trajectory'>, 'outcomes' | 'reports'> & {
    readonly relativeTo?: 'current' | 'largest'
  } = {},
): Promise<void> {
  const { outcomes, reports = true, relativeTo = 'current' } = options
  const start = problemParameters(problem, context.dtype)
  const largest = relativeTo === 'largest' ? start.map(({ data }) => magnitude(data)) : undefined
  const oracle = createOracle(problem.transformation, start)
  const mayWait = (problem.transformation.accumulate ?? 1) > 1
  const isKept = (values: Float64Array | undefined): boolean => values !== undefined
  const keepsAverages = oracle.readAverages().some(isKept)
  const keepsSlow = oracle.readSlow().some(isKept)
  const comparesReports = reports && !isPlain(context.target.manifest)
  const session = await context.create(
    transformation,
    start.map((p) => ({ ...p, data: p.data.slice() })),
  )
  const tolerance = context.tolerance(scalarsOf(problem))
  let taken = 0
  let skipped = 0
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    const where = `call ${step}`
    const outcome = outcomes?.[step]
    if (outcome !== undefined) {
      await expectUntouched(context, session, where, outcome, gradients, loss, taken)
      if (outcome === 'skipped') skipped++
      continue
    }
    const before = mayWait && context.bitwise ? await readCopies(session) : undefined
    const report = await session.step(gradients, lossOption(loss))
    const expected = oracle.step(gradients, { loss })
    compareCount(context, report, expected, where)
    if (expected.waiting !== undefined) {
      const after = await session.read()
      before?.forEach((data, i) => expectBits(`${where} of an update, parameter ${i}`, after[i]!, data))
      continue
    }
    taken++
    expectTrue(!report.skipped, `${where}: the step was skipped, and should have been taken`)
    expectSame(context.ledger, `${where}, report.step`, [report.step], [taken])
    expectSame(context.ledger, `${where}, report.skippedSteps`, [report.skippedSteps], [skipped])
    const theta = oracle.read()
    if (largest) theta.forEach((values, i) => (largest[i] = Math.max(largest[i]!, magnitude(values))))
    const { parameters } = problem
    await compareParameters(context, problem, session, theta, where, tolerance, largest)
    if (keepsAverages) {
      await compareKept(context, parameters, session, oracle.readAverages(), where)
      await compareEvaluation(context, parameters, session, oracle.readEvaluation(), where)
    }
    if (keepsSlow) await compareKept(context, parameters, session, oracle.readSlow(), where, 'slowParameter')
    if (comparesReports) compareReport(context, report, expected, where, tolerance)
  }
}

/** A step that must not be taken has the named outcome, and changes no bit of parameters, slots or state. */
export async function expectUntouched(
  context: Context,
  session: Session,
  where: string,
  outcome: Outcome,
  gradients: readonly (TypedArray | null)[],
  loss: number | undefined,
  taken: number,
): Promise<void> {
  const unchanged = await snapshot(context, session)
  if (outcome === 'skipped') {
    const report = await session.step(gradients, lossOption(loss))
    expectTrue(
      report.skipped,
      `${where}: the step must be skipped (report.skipped is ${String(report.skipped)})`,
    )
    expectSame(context.ledger, `${where}: a skipped step does not count, report.step`, [report.step], [taken])
  } else {
    await expectError(
      where,
      outcome,
      () => session.step(gradients, lossOption(loss)),
      context.target.core.InducedMetricError,
    )
  }
  await unchanged(`${where} (${outcome === 'skipped' ? 'skipped' : `after ${outcome}`}): `)
}

/** Records every visible bit. The returned function fails if one has changed. */
export async function snapshot(
  context: Context,
  session: Session,
): Promise<(prefix: string) => Promise<void>> {
  const save = async (): Promise<Uint8Array | undefined> => {
    if (!context.declares('checkpoint') || session.save === undefined) return undefined
    return (await session.save()).slice()
  }
  const slots = async (): Promise<[string, TypedArray][]> =>
    Object.entries((await session.slots?.()) ?? {}).flatMap(([parameter, byName]) =>
      Object.entries(byName).map(([name, data]): [string, TypedArray] => [
        `slot ${name} of ${parameter}`,
        data.slice(),
      ]),
    )
  const before = { parameters: await readCopies(session), slots: await slots(), bytes: await save() }
  return async (prefix) => {
    const parameters = await readCopies(session)
    before.parameters.forEach((data, i) => expectBits(`${prefix}parameter ${i}`, parameters[i]!, data))
    const after = new Map(await slots())
    for (const [name, data] of before.slots)
      expectBits(`${prefix}${name}`, after.get(name) ?? new Uint8Array(), data)
    const bytes = await save()
    if (before.bytes !== undefined && bytes !== undefined) {
      const [was, is] = savedStates(context, before.bytes, bytes)
      expectTrue(is === was, `${prefix}the saved state changed: it is ${is}, was ${was}`)
    }
  }
}

/**
 * The states of two checkpoints as text, slots included, for comparison. The count of skipped steps is not part of the
 * optimisation's state. An adapter that learns its parameters at their first step has nothing to save before it.
 */
export function savedStates(
  context: Context,
  before: Uint8Array,
  after: Uint8Array,
): [was: string, is: string] {
  const { decodeCheckpoint } = context.target.core
  const { skippedSteps: _, ...was } = decodeCheckpoint(before)
  const { skippedSteps: __, ...is } = decodeCheckpoint(after)
  const units = is.units.filter(({ key, steps }) => steps > 0 || was.units.some((unit) => unit.key === key))
  const parameters = is.parameters.filter(
    ({ name, steps }) => steps > 0 || was.parameters.some((parameter) => parameter.name === name),
  )
  const text = (state: object): string =>
    JSON.stringify(state, (_key, value: unknown) =>
      value instanceof Float32Array || value instanceof Float64Array ? Array.from(value, String) : value,
    )
  return [text(was), text({ ...is, ...(was.hash === '' && { hash: '' }), units, parameters })]
}

async function compareParameters(
  context: Context,
  problem: Problem,
  session: Session,
  expected: readonly Float64Array[],
  where: string,
  tolerance: number,
  scales: readonly number[] | undefined,
): Promise<void> {
  const got = await session.read()
  expectSame(context.ledger, `${where}: number of parameters`, [got.length], [expected.length])
  expected.forEach((values, i) => {
    const name = `${where}, parameter ${problem.parameters[i]!.name}`
    expectClose(context.ledger, name, got[i]!, values, tolerance, scales?.[i])
  })
}

function magnitude(values: TypedArray): number {
  let size = 0
  for (const value of values) size = Math.max(size, Math.abs(value))
  return size
}

/** Compares a report, including every unit that it lists. */
function compareReport(
  context: Context,
  report: SessionReport,
  expected: OracleReport,
  where: string,
  tolerance: number,
): void {
  for (const key of ['dualNorm', 'metric', 'scale', 'learningRate', 'xi'] as const) {
    expectClose(context.ledger, `${where}, report.${key}`, [report[key]], [expected[key]], tolerance)
  }
  if (report.units === undefined) return
  expectSame(context.ledger, `${where}: number of units`, [report.units.length], [expected.units.length])
  expected.units.forEach((unit, i) => {
    for (const key of ['dualNorm', 'metric', 'scale', 'xi'] as const) {
      const name = `${where}, report.units[${i}].${key}`
      expectClose(context.ledger, name, [report.units![i]![key]], [unit[key]], tolerance)
    }
  })
}

/** Every step equals the golden vector's. */
export async function goldenTrajectory(context: Context, { suite, name }: Body<'golden'>): Promise<void> {
  const vector = golden[suite]!.find((candidate) => candidate.name === name)!
  const { transformation, coupledDecay } = translate(vector)
  const session = await context.create(
    transformation,
    vector.params.map((p) => ({ name: p.name, shape: p.shape, data: arrayOf(context.dtype, p.data) })),
  )
  const terms = vector.params.reduce((n, p) => n + p.data.length, 0)
  const tolerance = Math.max(vector.rtol, context.tolerance(terms))
  for (const [i, { grads, loss }] of vector.steps.entries()) {
    const theta = coupledDecay === 0 ? [] : await session.read()
    const gradients = grads.map(
      (g, p) =>
        g &&
        arrayOf(
          context.dtype,
          g.map((value, j) => value + (coupledDecay && coupledDecay * theta[p]![j]!)),
        ),
    )
    const report = await session.step(gradients, lossOption(loss ?? undefined))
    const expected = vector.expected.find((entry) => entry.step === i + 1)
    if (expected === undefined) continue
    const got = await session.read()
    expected.params.forEach((values, p) => {
      expectClose(
        context.ledger,
        `step ${i + 1}, parameter ${vector.params[p]!.name}`,
        got[p]!,
        values,
        tolerance,
      )
    })
    if (expected.metricScale !== undefined) {
      expectClose(
        context.ledger,
        `step ${i + 1}, report.scale`,
        [report.scale],
        [expected.metricScale],
        tolerance,
      )
    }
    if (expected.metricCorrected !== undefined && transformation.xi !== 0) {
      expectClose(
        context.ledger,
        `step ${i + 1}, report.metric`,
        [report.metric],
        [expected.metricCorrected],
        tolerance,
      )
    }
  }
}

/** Every step equals the one computed from the whole history. */
export async function goldenTied(context: Context, { name }: Body<'goldenTied'>): Promise<void> {
  const { transformation, params, steps, expected } = tied.find((vector) => vector.name === name)!
  const session = await context.create(
    transformation,
    params.map((p) => ({ name: p.name, shape: p.shape, data: arrayOf(context.dtype, p.data) })),
  )
  const tolerance = context.tolerance(params.reduce((n, p) => n + p.data.length, 0))
  for (const [i, { grads, loss }] of steps.entries()) {
    const gradients = grads.map((g) => arrayOf(context.dtype, g))
    const report = await session.step(gradients, { loss })
    const entry = expected.find(({ step }) => step === i + 1)
    if (entry === undefined) continue
    const where = `step ${i + 1}`
    for (const key of ['scale', 'metric', 'dualNorm'] as const) {
      expectClose(context.ledger, `${where}, report.${key}`, [report[key]], [entry[key]], tolerance)
    }
    const got = await session.read()
    entry.params.forEach((values, p) =>
      expectClose(context.ledger, `${where}, parameter ${params[p]!.name}`, got[p]!, values, tolerance),
    )
    const averages = entry.averages?.map((values) => new Float64Array(values)) ?? []
    await compareKept(context, params, session, averages, where)
  }
}

/** The number of iterations and the final value are as published. */
export async function plane(context: Context, body: Body<'plane'>): Promise<void> {
  const row = smallFunctionRows.find((r) => r.function === body.function && r.optimiser === body.optimiser)!
  const { start, tolerance } = smallFunctions[body.function]!
  const f = planeFunctions[body.function]!
  const session = await context.create(translateRow(row), [
    { name: 'p', shape: [2], data: arrayOf(context.dtype, start) },
  ])
  let at = f(...start)
  let steps = 0
  while (steps < 1000 && !(at.value <= tolerance)) {
    await session.step([arrayOf(context.dtype, at.gradient)], { loss: at.value })
    const [p] = await session.read()
    at = f(p![0]!, p![1]!)
    steps++
  }
  expectSame(
    context.ledger,
    `iterations to reach ${tolerance} on ${body.function}`,
    [steps],
    [row.published.iterations],
  )
  const value = at.value.toExponential(2).replace(/e([+-])(\d)$/, 'e$10$2')
  expectTrue(
    value === row.published.finalValue,
    `final value ${value}, published ${row.published.finalValue}`,
  )
}

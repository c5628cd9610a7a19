import { needsOf, type Case } from './case.js'
import { cases, casesVersion } from './cases/index.js'
import { toCore } from './context.js'
import { isPlain, toleranceOf, type Dtype, type Manifest } from './manifest.js'
import { createOracle } from './oracle/index.js'
import type { PlainBase } from './plain.js'
import { problemParameters, problemStep, sizeOf, type Problem } from './problem.js'
import { checkTarget } from './run.js'
import type { ConformanceTarget, Session } from './target.js'

/** How far a target is from the convention of a base, in one of the suite's problems. */
export interface Convention {
  /** The case whose problem was run; where the target has no metric, at ξ = 0. */
  readonly id: string
  /** The base, and its hyperparameters that differ from their defaults. */
  readonly base: string
  /** The title of the case. */
  readonly title: string
  readonly status: 'follows' | 'deviates' | 'refused' | 'fails'
  /** The largest error of a parameter over all steps, relative to the parameter's largest magnitude; `null` if it is not finite. */
  readonly error?: number | null
  /** The error that the manifest's arithmetic allows. */
  readonly tolerance?: number
  /** The first call at which the error is larger than that. */
  readonly call?: number
  /** Changes of hyperparameters with which the same problem shows no deviation, such as `epsilon → 0`. */
  readonly agreesWith?: readonly string[]
  /** The error with which the target refuses the problem, or fails. */
  readonly message?: string
}

/** The conventions that a target follows: plain data. */
export interface ConventionReport {
  readonly format: 'induced-metric-conventions'
  /** Version of the set of cases. */
  readonly version: number
  readonly manifest: Manifest
  readonly dtype: Dtype
  readonly conventions: readonly Convention[]
}

/** Values of hyperparameters that switch a part of an update rule off. ε is not 0, so that 0/0 does not arise. */
const neutral: Readonly<Record<string, number | boolean>> = {
  epsilon: 1e-30,
  momentum: 0,
  dampening: 0,
  beta1: 0,
  initialAccumulator: 0,
  weightDecay: 0,
  nesterov: false,
  centered: false,
  amsgrad: false,
  cautious: false,
}

/**
 * Compares a target with the convention of every base that it declares: each problem of `step/…` is run, and its error is
 * measured over all steps. Unlike a case, a problem does not end at the first deviation, reports are not compared, and
 * nothing has to be refused. Where a target deviates, the problem is run again with single hyperparameters switched
 * off, which shows the part of the rule that differs.
 *
 * @param target - a plain optimiser is asked for steps at ξ = 0, any other for the problem's own
 * @returns a report that can be written as JSON, in float64 if the target has it
 * @throws TypeError if the target is invalid
 */
export async function conventionsOf(target: ConformanceTarget): Promise<ConventionReport> {
  checkTarget(target)
  const { manifest } = target
  const dtype = manifest.dtypes.includes('float64') ? 'float64' : 'float32'
  const conventions: Convention[] = []
  for (const oneCase of cases) {
    const problem = problemOf(oneCase, manifest, dtype)
    if (problem !== undefined) conventions.push(await measure(target, oneCase, problem, dtype))
  }
  return { format: 'induced-metric-conventions', version: casesVersion, manifest, dtype, conventions }
}

/** The problem of a case that a target can be asked for; `undefined` if there is none. */
function problemOf(oneCase: Case, manifest: Manifest, dtype: Dtype): Problem | undefined {
  if (oneCase.check !== 'trajectory' || oneCase.dtype !== dtype) return undefined
  const { id, problem, outcomes } = oneCase
  const [family, name] = id.split('/')
  // A new base is found by its name: its cases are those of `step/NAME`.
  const isOfBase = name === 'plain' || name === problem.transformation.base.name
  if (family !== 'step' || !isOfBase || outcomes !== undefined) return undefined
  const { transformation } = problem
  const plain = isPlain(manifest)
  const isIdentity = (transformation.embedding?.name ?? 'identity') === 'identity'
  if (plain && !isIdentity) return undefined
  const asked = plain ? { ...problem, transformation: { ...transformation, xi: 0 } } : problem
  const missing = needsOf(asked).some(
    (name) => !manifest.capabilities.includes(name) && !(plain && name === 'embedding/identity'),
  )
  return missing ? undefined : asked
}

async function measure(
  target: ConformanceTarget,
  { id, title }: Case,
  problem: Problem,
  dtype: Dtype,
): Promise<Convention> {
  const { base } = problem.transformation
  const named = { id, base: describeBase(base), title }
  const first = await run(target, problem, dtype)
  if ('message' in first) return { ...named, ...first }
  const { moved: _, ...measured } = first
  if (first.call === undefined) return { ...named, status: 'follows', ...measured }
  const agreesWith: string[] = []
  const { base: complete } = toCore(target, problem.transformation).toJSON() as { base: PlainBase }
  for (const [name, value] of Object.entries(neutral)) {
    if (!(name in complete) || complete[name] === value) continue
    const without = {
      ...problem,
      transformation: { ...problem.transformation, base: { ...base, [name]: value } },
    }
    const again = await run(target, without, dtype)
    // A run that stays where it began agrees with anything.
    if (!('message' in again) && again.call === undefined && again.moved > 1e3 * again.tolerance)
      agreesWith.push(`${name} → ${name === 'epsilon' ? 0 : String(value)}`)
  }
  return { ...named, status: 'deviates', ...measured, ...(agreesWith.length === 0 ? {} : { agreesWith }) }
}

function describeBase({ name, ...hyperparameters }: PlainBase): string {
  const given = Object.entries(hyperparameters).map(
    ([key, value]) => `${key}: ${typeof value === 'object' ? 'a schedule' : JSON.stringify(value)}`,
  )
  return `${name}(${given.join(', ')})`
}

/** The largest error of a run, and the first call at which it is too large. */
type Measured =
  | {
      readonly error: number | null
      readonly tolerance: number
      readonly call?: number
      /** The distance that the parameters should move from their start, relative to their size there; the least of all. */
      readonly moved: number
    }
  | { readonly status: 'refused' | 'fails'; readonly message: string }

async function run(target: ConformanceTarget, problem: Problem, dtype: Dtype): Promise<Measured> {
  let session: Session | undefined
  try {
    const start = problemParameters(problem, dtype)
    const own = start.map((p) => ({ ...p, data: p.data.slice() }))
    session = await target.create(toCore(target, problem.transformation), own)
    return await follow(target, session, problem, dtype)
  } catch (error) {
    const { code } = error as { code?: unknown }
    const message = error instanceof Error ? error.message : String(error)
    return { status: code === 'ERR_NOT_SUPPORTED' ? 'refused' : 'fails', message }
  } finally {
    await session?.dispose?.()
  }
}

async function follow(
  target: ConformanceTarget,
  session: Session,
  problem: Problem,
  dtype: Dtype,
): Promise<Measured> {
  const scalars = problem.parameters.reduce((n, { shape }) => n + sizeOf(shape), 0)
  const tolerance = toleranceOf(target.manifest.arithmetic[dtype]!, dtype, scalars)
  const start = problemParameters(problem, dtype).map(({ data }) => data)
  const oracle = createOracle(problem.transformation, problemParameters(problem, dtype))
  let largest = 0
  let call: number | undefined
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, dtype)
    await session.step(gradients, loss === undefined ? {} : { loss })
    oracle.step(gradients, { loss })
    const got = await session.read()
    const error = Math.max(...oracle.read().map((values, i) => relativeError(got[i]!, values)))
    largest = Math.max(largest, error)
    // Not `error > tolerance`, which is false for NaN.
    if (!(error <= tolerance)) call ??= step
  }
  const error = Number.isFinite(largest) ? largest : null
  const moved = Math.min(...oracle.read().map((values, i) => relativeError(values, start[i]!)))
  return { error, tolerance, moved, ...(call === undefined ? {} : { call }) }
}

function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [size, worst] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    size = Math.max(size, Math.abs(expected[i]!))
    worst = Math.max(worst, Math.abs(got[i]! - expected[i]!))
  }
  return worst === 0 ? 0 : worst / size
}

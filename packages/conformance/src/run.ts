import { familyOf, needsOf, type Case } from './case.js'
import { casesVersion } from './cases/index.js'
import { runCheck } from './checks/index.js'
import { notAsked } from './asked.js'
import { refuses, refusesDtype, undeclaredIn } from './checks/capabilities.js'
import { createContext, type Context } from './context.js'
import { describeError } from './describeError.js'
import { isPlain, manifestProblems, type Dtype, type Feature } from './manifest.js'
import { probe, smallest } from './cases/capabilities.js'
import type { CaseResult, CaseStatus, ConformanceReport } from './report.js'
import { describePart, selectCases, type CaseFilter } from './selection.js'
import type { ConformanceTarget } from './target.js'

/** The options of a run. */
export interface RunOptions {
  /** Runs only a part of the suite. The report says so, and proves no conformance. */
  readonly filter?: CaseFilter | undefined
  /**
   * Runs one of n parts of about equal size, such as `'2/3'` for the second of three. A case stays in its part when others are
   * added. The report says so, as of a filter.
   */
  readonly shard?: string | undefined
  /** Seed of the property cases; default: the environment's INDUCED_CONFORMANCE_SEED, else 1. */
  readonly seed?: number | undefined
  /** The path in fast-check's tree of examples at which to start; a failure's message gives it. */
  readonly path?: string | undefined
  /** Adds the stage of large tensors, many tensors and long runs. */
  readonly thorough?: boolean | undefined
  /** Called after every case. */
  readonly onCase?: ((result: CaseResult) => void) | undefined
}

/** The seed to use: as given, from the environment where there is one, or 1. */
export function seedOf(given?: number): number {
  if (given !== undefined) return given
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }
  const text = process?.env?.['INDUCED_CONFORMANCE_SEED']
  if (text === undefined || text === '') return 1
  const seed = Number(text)
  if (!Number.isInteger(seed))
    throw new RangeError(`INDUCED_CONFORMANCE_SEED must be a whole number, is ${text}`)
  return seed
}

/** Fails early, with a message, if a target cannot be run at all. */
export function checkTarget(target: unknown): asserts target is ConformanceTarget {
  if (typeof target !== 'object' || target === null) {
    throw new TypeError(
      `a conformance target is { manifest, core, create }, given ${target === null ? 'null' : typeof target}`,
    )
  }
  const { manifest, core, create } = target as Partial<ConformanceTarget>
  const problems = manifestProblems(manifest)
  if (typeof create !== 'function')
    problems.push('create must be a function (transformation, parameters) => session')
  if (typeof core?.fromJSON !== 'function' || typeof core.InducedMetricError !== 'function') {
    problems.push(
      `core must be the namespace of @induced-metric/core: import * as core from '@induced-metric/core'`,
    )
  }
  if (problems.length > 0)
    throw new TypeError(`this conformance target can't be run:\n  ${problems.join('\n  ')}`)
}

/** Whether a case's own problem uses the feature. Otherwise a probe for that feature is run. */
function runsInto(oneCase: Case, missing: Feature): boolean {
  if (!('problem' in oneCase)) return false
  return missing !== 'checkpoint' && needsOf(oneCase.problem).includes(missing)
}

/**
 * Asks the question of a case.
 *
 * @returns the feature or type that the manifest leaves out, where the target had to refuse and did
 * @throws if the target's answer is wrong
 */
async function ask(context: Context, oneCase: Case): Promise<Feature | Dtype | undefined> {
  const { manifest } = context.target
  const missing = undeclaredIn(manifest, oneCase)
  if (missing === undefined) {
    await runCheck(context, oneCase)
    return undefined
  }
  const problem = 'problem' in oneCase ? oneCase.problem : smallest(manifest)
  if (missing === 'float32' || missing === 'float64') await refusesDtype(context, problem)
  else await refuses(context, missing, runsInto(oneCase, missing) ? problem : probe(missing, manifest))
  return missing
}

/**
 * The reason why a plain optimiser is let off a case: it has the base, but not with these hyperparameters. The probe of the
 * base itself, at its defaults, is not let off.
 */
function refusalOfPlain(
  { manifest }: ConformanceTarget,
  { check }: Case,
  error: unknown,
): string | undefined {
  const { code, message } = error as { readonly code?: unknown; readonly message?: string }
  const mayRefuse = isPlain(manifest) && check !== 'support' && code === 'ERR_NOT_SUPPORTED'
  return mayRefuse ? `it refused the hyperparameters: ${message}` : undefined
}

/** Runs one case. Never throws because of the target. */
export async function runCase(
  target: ConformanceTarget,
  oneCase: Case,
  options: CaseOptions = {},
): Promise<CaseResult> {
  return (await askCase(target, oneCase, options)).result
}

/** The options of a case. */
interface CaseOptions {
  readonly seed?: number | undefined
  readonly path?: string | undefined
}

/** A case's result, and the error that failed it, for runners that show its stack. */
export async function askCase(
  target: ConformanceTarget,
  oneCase: Case,
  options: CaseOptions,
): Promise<{ readonly result: CaseResult; readonly error?: unknown }> {
  const { id, title } = oneCase
  // A feature is probed in any element type that the target has.
  const { dtypes } = target.manifest
  const dtype = oneCase.check === 'support' && !dtypes.includes(oneCase.dtype) ? dtypes[0]! : oneCase.dtype
  const context = createContext(target, dtype, { seed: seedOf(options.seed), path: options.path })
  const result = (status: CaseStatus, message?: string): CaseResult => ({
    id,
    family: familyOf(id),
    title,
    status,
    ...(message === undefined ? {} : { message }),
    ...(context.ledger.worst === undefined ? {} : { worst: context.ledger.worst }),
  })
  const reason = notAsked(target, oneCase)
  if (reason !== undefined) return { result: result('not-supported-as-declared', reason) }

  let missing: Feature | Dtype | undefined
  const failures: unknown[] = []
  try {
    missing = await ask(context, oneCase)
  } catch (error) {
    failures.push(error)
  }
  try {
    await context.finish()
  } catch (error) {
    failures.push(error)
  }
  const refused = failures.length === 1 ? refusalOfPlain(target, oneCase, failures[0]) : undefined
  if (refused !== undefined) return { result: result('not-supported-as-declared', refused) }
  const [error] = failures
  if (failures.length > 0) return { result: result('failed', `${title}\n  ${describeError(error)}`), error }
  if (context.unasked !== undefined) return { result: result('not-supported-as-declared', context.unasked) }
  if (missing === undefined) return { result: result('passed') }
  return { result: result('not-supported-as-declared', `the manifest does not declare ${missing}`) }
}

/**
 * Runs the suite on a target, case by case.
 *
 * @param target - the adapter, its manifest and the core it uses
 * @returns a report that can be written as JSON
 * @throws TypeError if the target is invalid, RangeError if a filter leaves no case; the faults of the target are in
 *   the report
 *
 * @example
 * ```ts no-run
 * import { runConformance, type ConformanceTarget } from '@induced-metric/conformance'
 *
 * declare const target: ConformanceTarget
 * const { totals, cases } = await runConformance(target, { filter: 'step/adam' })
 * console.log(totals, cases.filter(({ status }) => status === 'failed'))
 * ```
 */
export async function runConformance(
  target: ConformanceTarget,
  options: RunOptions = {},
): Promise<ConformanceReport> {
  checkTarget(target)
  const seed = seedOf(options.seed)
  const filter = describePart(options)
  const results: CaseResult[] = []
  const totals: Record<CaseStatus, number> = { passed: 0, failed: 0, 'not-supported-as-declared': 0 }
  for (const oneCase of selectCases(options.filter, options.thorough, options.shard)) {
    const result = await runCase(target, oneCase, { seed, path: options.path })
    totals[result.status]++
    results.push(result)
    options.onCase?.(result)
  }
  return {
    format: 'induced-metric-conformance',
    version: casesVersion,
    manifest: target.manifest,
    seed,
    ...(filter === undefined ? {} : { filter }),
    ...(options.thorough === true ? { thorough: true } : {}),
    totals,
    cases: results,
  }
}

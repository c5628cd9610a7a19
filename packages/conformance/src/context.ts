import type { Ledger } from './compare.js'
import { toleranceOf, type Capability, type Dtype } from './manifest.js'
import type { PlainOptions, PlainTransformation } from './plain.js'
import { problemParameters, problemStep, sizeOf, type Problem } from './problem.js'
import type {
  ConformanceTarget,
  CoreTransformation,
  Session,
  SessionReport,
  TargetParameter,
  TypedArray,
} from './target.js'

/** What a check works with: the target, the element type, and a place to note errors. */
export interface Context {
  readonly target: ConformanceTarget
  readonly dtype: Dtype
  /** Seeds the property cases. */
  readonly seed: number
  /** Where in fast-check's tree of counterexamples to start, to replay one. */
  readonly path: string | undefined
  readonly ledger: Ledger
  /** Whether equal runs must be equal bit for bit. */
  readonly bitwise: boolean
  declares(capability: Capability): boolean
  /** What the manifest's arithmetic allows on a problem of so many scalars. */
  tolerance(terms: number): number
  /** Makes a session that is disposed of when the case ends. */
  create(
    transformation: PlainTransformation | CoreTransformation,
    parameters: readonly TargetParameter[],
  ): Promise<Session>
  /** Disposes of what is left. */
  finish(): Promise<void>
}

/** The transformation as the target's core makes it from plain data. */
export function toCore(target: ConformanceTarget, transformation: PlainTransformation): CoreTransformation {
  return target.core.fromJSON({ format: 'induced-metric', version: 1, ...withRows(transformation) })
}

/** The rows of `muon` said wherever they are left out, so that no adapter's layout comes in. */
function withRows(transformation: PlainTransformation): PlainTransformation {
  const say = <T extends PlainOptions>(options: T): T =>
    options.base?.name === 'muon'
      ? { ...options, base: { ...options.base, rows: options.base['rows'] ?? 'outputs' } }
      : options
  const { groups } = transformation
  if (groups === undefined) return say(transformation)
  const said = Object.entries(groups).map(([label, options]) => [label, say(options)] as const)
  return { ...say(transformation), groups: Object.fromEntries(said) }
}

/** Sets a case up. */
export function createContext(
  target: ConformanceTarget,
  dtype: Dtype,
  options: { readonly seed: number; readonly path?: string | undefined },
): Context {
  const sessions: Session[] = []
  const { manifest } = target
  return {
    target,
    dtype,
    seed: options.seed,
    path: options.path,
    ledger: {},
    bitwise: manifest.capabilities.includes('bitwise'),
    declares: (capability) => manifest.capabilities.includes(capability),
    tolerance(terms) {
      const arithmetic = manifest.arithmetic[dtype]
      if (arithmetic === undefined) throw new Error(`manifest.arithmetic.${dtype} is missing`)
      return toleranceOf(arithmetic, dtype, terms)
    },
    async create(transformation, parameters) {
      const made = 'toJSON' in transformation ? transformation : toCore(target, transformation)
      const session = await target.create(made, parameters)
      sessions.push(session)
      return session
    },
    async finish() {
      for (const session of sessions.splice(0)) {
        try {
          await session.dispose?.()
        } catch {
          // Cases that dispose of a session themselves leave nothing to do.
        }
      }
    },
  }
}

/** Copies of a session's parameters as they stand. */
export async function readCopies(session: Session): Promise<TypedArray[]> {
  return (await session.read()).map((data) => data.slice())
}

/** What a run of a problem leaves. */
export interface Run {
  readonly session: Session
  readonly parameters: readonly TypedArray[]
  readonly reports: readonly SessionReport[]
}

/** Runs a problem's steps `from` to `to` (all of them by default), on a new session unless one is given. */
export async function runProblem(
  context: Context,
  problem: Problem,
  options: { readonly session?: Session; readonly from?: number; readonly to?: number } = {},
): Promise<Run> {
  const { from = 1, to = problem.steps } = options
  const session =
    options.session ??
    (await context.create(problem.transformation, problemParameters(problem, context.dtype)))
  const reports: SessionReport[] = []
  for (let step = from; step <= to; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    // Copied: a report may be an object that later steps overwrite.
    reports.push({ ...(await session.step(gradients, lossOption(loss))) })
  }
  return { session, parameters: await readCopies(session), reports }
}

/** The options of a step with this loss, or without one. */
export function lossOption(loss: number | undefined): { readonly loss?: number } {
  return loss === undefined ? {} : { loss }
}

/** How many scalars a problem has. */
export function scalarsOf(problem: Problem): number {
  return problem.parameters.reduce((n, { shape }) => n + sizeOf(shape), 0)
}

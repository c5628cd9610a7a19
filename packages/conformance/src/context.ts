import type { Ledger } from './compare.js'
import { ProtocolFault } from './protocol/fault.js'
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

/** The context of a check: the target, the element type, and a ledger of errors. */
export interface Context {
  readonly target: ConformanceTarget
  readonly dtype: Dtype
  /** The seed of the property cases. */
  readonly seed: number
  /** The path in fast-check's tree of counterexamples from which to replay one. */
  readonly path: string | undefined
  readonly ledger: Ledger
  /** The reason why the question could not be asked of this session, where that shows only once there is one. */
  unasked?: string
  /** Whether equal runs must be equal bit for bit. */
  readonly bitwise: boolean
  declares(capability: Capability): boolean
  /** The tolerance that follows from the manifest's arithmetic for a problem of that many scalars. */
  tolerance(terms: number): number
  /** Creates a session, which is disposed of when the case ends. */
  create(
    transformation: PlainTransformation | CoreTransformation,
    parameters: readonly TargetParameter[],
  ): Promise<Session>
  /**
   * Disposes of the remaining sessions.
   *
   * @throws ProtocolFault if the target's process fails meanwhile
   */
  finish(): Promise<void>
}

/** The transformation that the target's core builds from plain data. */
export function toCore(target: ConformanceTarget, transformation: PlainTransformation): CoreTransformation {
  return target.core.fromJSON({ format: 'induced-metric', version: 1, ...withRows(transformation) })
}

/** The bases that have the option `rows`. */
const withSides = new Set(['muon', 'normuon', 'adafactor', 'sm3', 'shampoo', 'soap'])

/** Sets the `rows` of such a base wherever they are left out, so that no case depends on an adapter's layout. */
function withRows(transformation: PlainTransformation): PlainTransformation {
  const say = <T extends PlainOptions>(options: T): T =>
    withSides.has(options.base?.name ?? '')
      ? { ...options, base: { ...options.base!, rows: options.base!['rows'] ?? 'outputs' } }
      : options
  const { groups } = transformation
  if (groups === undefined) return say(transformation)
  const said = Object.entries(groups).map(([label, options]) => [label, say(options)] as const)
  return { ...say(transformation), groups: Object.fromEntries(said) }
}

/** Sets up a case. */
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
      let fault: ProtocolFault | undefined
      for (const session of sessions.splice(0)) {
        try {
          await session.dispose?.()
        } catch (error) {
          // Any other error is let be: a case may have disposed of its session already.
          if (error instanceof ProtocolFault) fault ??= error
        }
      }
      if (fault !== undefined) throw fault
    },
  }
}

/** Copies of a session's current parameters. */
export async function readCopies(session: Session): Promise<TypedArray[]> {
  return (await session.read()).map((data) => data.slice())
}

/** The result of running a problem. */
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
    // Copied, since later steps may overwrite the report object.
    reports.push({ ...(await session.step(gradients, lossOption(loss))) })
  }
  return { session, parameters: await readCopies(session), reports }
}

/** The options of a step with this loss, or without one. */
export function lossOption(loss: number | undefined): { readonly loss?: number } {
  return loss === undefined ? {} : { loss }
}

/** The number of scalars in a problem. */
export function scalarsOf(problem: Problem): number {
  return problem.parameters.reduce((n, { shape }) => n + sizeOf(shape), 0)
}

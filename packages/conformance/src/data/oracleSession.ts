import { withRate } from '../checks/files.js'
import { createOracle, type Oracle } from '../oracle/index.js'
import type { PlainTransformation } from '../plain.js'
import { arrayOf } from '../problem.js'
import type {
  Core,
  CoreTransformation,
  Session,
  SessionReport,
  TargetParameter,
  TypedArray,
} from '../target.js'

/** The steps of a run: enough to take them again. */
export interface History {
  readonly transformation: PlainTransformation
  readonly start: readonly TargetParameter[]
  readonly steps: readonly {
    readonly gradients: readonly (TypedArray | null)[]
    readonly loss: number | undefined
  }[]
  readonly skipped: number
}

/** The states that have been saved, by what they contain. */
export type Saved = Map<string, History>

/** What a checkpoint contains, whatever the order of its parameters and slots. */
export function keyOf(core: Core, bytes: Uint8Array): string {
  const { learningRate: _, ...state } = core.decodeCheckpoint(bytes)
  const sorted = (record: object): unknown =>
    Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
  const parameters = state.parameters
    .map(({ slots, ...p }) => ({ ...p, slots: sorted(slots) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const units = [...state.units].sort((a, b) => (a.key < b.key ? -1 : 1))
  return JSON.stringify({ ...state, parameters, units }, (_key, value: unknown) =>
    ArrayBuffer.isView(value) ? Array.from(value as Float64Array, String) : value,
  )
}

/** An oracle that has taken the steps of a history, of which `rate` is the learning rate from then on. */
function replay({ transformation, start, steps }: History, rate: number | undefined): Oracle {
  const oracle = createOracle(
    rate === undefined ? transformation : withRate(transformation, steps.length, rate),
    start,
  )
  for (const { gradients, loss } of steps) oracle.step(gradients, { loss })
  return oracle
}

/** A session whose numbers are the oracle's. Errors, skipped steps and checkpoints are the reference engine's. */
export interface OracleSession extends Session {
  /** Copies of the parameters, as the oracle has them. */
  values(): Float64Array[]
  /** Whether it has taken or been given any step. */
  hasStepped(): boolean
}

/** Creates a session that takes the steps of the oracle beside those of the reference engine. */
export function oracleSession(
  core: Core,
  made: CoreTransformation,
  parameters: readonly TargetParameter[],
  saved: Saved,
): OracleSession {
  const transformation = made.toJSON() as unknown as PlainTransformation
  const copies = (): TargetParameter[] => parameters.map((p) => ({ ...p, data: p.data.slice() }))
  const reference = core.createOptimizer(made, copies(), { engine: 'reference' })
  let history: History = { transformation, start: copies(), steps: [], skipped: 0 }
  let oracle = createOracle(transformation, history.start)
  return {
    values: () => oracle.read(),
    hasStepped: () => history.steps.length > 0,
    read: () =>
      oracle
        .read()
        .map((values, i) =>
          arrayOf(parameters[i]!.data instanceof Float32Array ? 'float32' : 'float64', values),
        ),
    step(gradients, options): SessionReport {
      const report = reference.step(gradients, options)
      if (report.skipped) {
        history = { ...history, skipped: history.skipped + 1 }
        return { ...report, skippedSteps: report.skippedSteps }
      }
      const taken = gradients.map((g) => g && g.slice())
      const loss = options?.loss
      const { step: _, skipped: __, skippedSteps: ___, units, ...numbers } = oracle.step(taken, { loss })
      history = { ...history, steps: [...history.steps, { gradients: taken, loss }] }
      const keyed = report.units?.map(({ key }, i) => ({ ...units[i]!, key }))
      return { ...report, ...numbers, ...(keyed && { units: keyed }) }
    },
    save() {
      const bytes = core.encodeCheckpoint(reference.save())
      saved.set(keyOf(core, bytes), history)
      return bytes
    },
    load(bytes) {
      const checkpoint = core.decodeCheckpoint(bytes)
      reference.load(checkpoint)
      const values = oracle.read()
      const known = saved.get(keyOf(core, bytes))
      if (known === undefined) throw new Error('no run is known that led to this checkpoint')
      // The state is that of the other run, and the parameters are this one's.
      oracle = replay(known, checkpoint.learningRate)
      oracle.place(values)
      history = known
    },
    reset() {
      reference.reset()
      const values = oracle.read()
      const start = copies().map((p, i) => ({ ...p, data: arrayOf('float64', values[i]!) }))
      history = { transformation, start, steps: [], skipped: 0 }
      oracle = createOracle(transformation, start)
    },
    dispose: () => reference.dispose(),
  }
}

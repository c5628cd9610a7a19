import * as core from '@induced-metric/core'
import type {
  ConformanceTarget,
  CoreTransformation,
  Session,
  SessionReport,
  TargetParameter,
} from '../../src/index.js'
import { coreTarget } from '../conformance/targets.js'
import { argumentBreaks, stateBreaks } from './moreBreaks.js'

type Settings = CoreTransformation['settings']
type Checkpoint = core.Checkpoint

/** A defect: one way in which the core's reference engine receives other inputs than the target. */
export interface Break {
  /** Replaces the options of the whole transformation and of each group. */
  readonly settings?: (settings: Settings, top: Settings) => Settings
  readonly saved?: (checkpoint: Checkpoint) => Checkpoint
  readonly loaded?: (checkpoint: Checkpoint) => Checkpoint
  /** The state after a reset, from those before and after it. */
  readonly afterReset?: (before: Checkpoint, after: Checkpoint) => Checkpoint
  readonly report?: (report: SessionReport) => SessionReport
  /** Replaces the state after a skipped step. */
  readonly afterSkip?: (checkpoint: Checkpoint) => Checkpoint
  readonly core?: Partial<typeof core>
  /** Replaces the session, over the parameters that were given. */
  readonly session?: (session: Session, parameters: readonly TargetParameter[]) => Session
  /** Replaces the parameters. */
  readonly parameters?: (parameters: readonly TargetParameter[]) => readonly TargetParameter[]
  /** What lives in the target. */
  readonly living?: () => number
  /** Whether unsupported options are ignored silently. */
  readonly leavesOut?: boolean
}

const { algebra } = core
type Update = (
  given: Parameters<Settings['base']['definition']['update']>[0],
) => ReturnType<Settings['base']['definition']['update']>

/** The settings with another update of the bases of a name. */
function rewritten(name: string, change: (update: Update) => Update) {
  return (settings: Settings): Settings => {
    const { base } = settings
    if (base.name !== name) return settings
    const definition = { ...base.definition, update: change((given) => base.definition.update(given)) }
    return { ...settings, base: { ...base, definition } }
  }
}

function perRateOf({ xi }: Settings): number | undefined {
  return xi === 'rate' ? 1 : typeof xi === 'object' ? xi.perRate : undefined
}

function retied(change: (perRate: number, settings: Settings, top: Settings) => Settings['xi']) {
  return (settings: Settings, top: Settings): Settings => {
    const perRate = perRateOf(settings)
    return perRate === undefined ? settings : { ...settings, xi: change(perRate, settings, top) }
  }
}

const without = (slots: Readonly<Record<string, core.TypedArray>>): Record<string, core.TypedArray> =>
  Object.fromEntries(Object.entries(slots).filter(([name]) => name !== 'averagedParameter'))

const valuesOff = (checkpoint: Checkpoint): Checkpoint => ({
  ...checkpoint,
  units: checkpoint.units.map(({ values: _, ...unit }) => unit),
})

/** Defects of a ξ that is tied to the rate, and of the options that belong to it. */
export const breaks = {
  'ξ from the rate at the step': {
    settings: retied((perRate, { learningRate }) =>
      typeof learningRate === 'function' ? (step) => perRate * learningRate(step) : { perRate },
    ),
  },
  'κ ignored': { settings: retied(() => 'rate') },
  'four fifths of κ': { settings: retied((perRate) => ({ perRate: 0.8 * perRate })) },
  'ξ of a group from the rate of all': {
    settings: retied((perRate, _, { learningRate }) =>
      typeof learningRate === 'number' ? perRate * learningRate : { perRate },
    ),
  },
  'ξ = 1/N where it is tied': { settings: retied(() => 'auto') },
  'f = √ℓ in root': {
    settings: (settings) =>
      settings.embedding.name === 'root'
        ? { ...settings, xi: retied((perRate) => ({ perRate: perRate / 4 }))(settings, settings).xi }
        : settings,
  },
  'decay not scaled': { settings: (settings) => ({ ...settings, decayScaling: 'rate' }) },
  'decay always scaled': { settings: (settings) => ({ ...settings, decayScaling: 'step' }) },
  'bad losses throw': { settings: (settings) => ({ ...settings, onBadLoss: 'throw' }) },
  'floor not followed': {
    settings(settings) {
      const { floor } = settings.embedding.hyperparameters
      if (floor !== 'follow' && typeof floor !== 'object') return settings
      const hyperparameters = { floor: floor === 'follow' ? 0 : floor.follow }
      return { ...settings, embedding: { ...settings.embedding, hyperparameters } }
    },
  },
  'bound of a floor ignored': {
    settings(settings) {
      const { embedding } = settings
      if (typeof embedding.hyperparameters['floor'] !== 'object') return settings
      return { ...settings, embedding: { ...embedding, hyperparameters: { floor: 'follow' } } }
    },
  },
  'a skipped step enters the averages of the losses': {
    afterSkip: (checkpoint) => ({
      ...checkpoint,
      units: checkpoint.units.map(({ values = {}, ...unit }) => ({
        ...unit,
        values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value + 1])),
      })),
    }),
  },
  'state of the losses not saved': { saved: valuesOff },
  'reset keeps the slots': {
    afterReset: ({ parameters }, after) => ({
      ...after,
      parameters: after.parameters.map((state, i) => ({ ...state, slots: parameters[i]!.slots })),
    }),
  },
  'reset keeps the averages of s': { afterReset: ({ units }, after) => ({ ...after, units }) },
  'reset keeps the count of steps': { afterReset: ({ step }, after) => ({ ...after, step }) },
  'reset keeps the count of skipped steps': {
    afterReset: ({ skippedSteps }, after) => ({ ...after, skippedSteps }),
  },
  'reset keeps the counts of the parameters': {
    afterReset: ({ parameters }, after) => ({
      ...after,
      parameters: after.parameters.map((state, i) => ({ ...state, steps: parameters[i]!.steps })),
    }),
  },
  'old checkpoints refused': {
    loaded(checkpoint) {
      if (checkpoint.units.some(({ values }) => values !== undefined)) return checkpoint
      throw new core.InducedMetricError('ERR_CHECKPOINT', 'the units of this checkpoint have no values')
    },
  },
  'x̂ not corrected for bias': {
    settings: rewritten('adam', (update) => (given) => {
      const { average, ...result } = update(given)
      const kept = algebra.sub(1, algebra.pow(given['beta1'] as core.Expr, given.step))
      return { ...result, ...(average && { average: algebra.mul(kept, average) }) }
    }),
  },
  'the gradient for x̂': {
    settings: rewritten('heavyBall', (update) => (given) => ({ ...update(given), average: given.gradient })),
  },
  's of lion as ⟨g, d⟩': {
    settings: rewritten('lion', (update) => (given) => {
      const result = update(given)
      return { ...result, dual: algebra.mul(given.gradient, result.direction) }
    }),
  },
  's of muon as ⟨x̂, d⟩': {
    settings: rewritten('muon', (update) => (given) => {
      const result = update(given)
      return { ...result, dual: algebra.mul(result.average!, result.direction) }
    }),
  },
  'rows of muon taken for columns': {
    settings(settings) {
      const { base } = settings
      const { rows } = base.hyperparameters
      if (rows === undefined) return settings
      const hyperparameters = { ...base.hyperparameters, rows: rows === 'inputs' ? 'outputs' : 'inputs' }
      return { ...settings, base: { ...base, hyperparameters } as Settings['base'] }
    },
  },
  'averaged model ignored': { settings: (settings) => ({ ...settings, averagedModel: false }) },
  'averaged model over any base': { leavesOut: true },
  'start axis ignored': { settings: (settings) => ({ ...settings, startAxis: undefined }) },
  'power of the start axis ignored': {
    settings: ({ startAxis, ...settings }) => ({
      ...settings,
      startAxis: startAxis && { ...startAxis, power: 0.75 },
    }),
  },
  'end of the start axis ignored': {
    settings: ({ startAxis, ...settings }) => ({
      ...settings,
      startAxis: startAxis && { weight: startAxis.weight, power: startAxis.power },
    }),
  },
  'rising cap ignored': { settings: (settings) => ({ ...settings, risingCap: undefined }) },
  'growth rate ignored': { settings: (settings) => ({ ...settings, growthRate: undefined }) },
  'averages of the weights missing': {
    saved: (checkpoint) => ({
      ...checkpoint,
      parameters: checkpoint.parameters.map((state) => ({ ...state, slots: without(state.slots) })),
    }),
  },
  'averages of the weights forget slower': {
    settings: ({ averageWeights, ...settings }) => ({
      ...settings,
      averageWeights: typeof averageWeights === 'number' ? averageWeights + 1 : averageWeights,
    }),
  },
  'averages of the weights begin anew': {
    loaded: (checkpoint) => ({
      ...checkpoint,
      parameters: checkpoint.parameters.map(({ slots, ...state }) => ({
        ...state,
        slots: Object.fromEntries(
          Object.entries(slots).map(([name, data]) => [
            name,
            name === 'averagedParameter' ? data.slice().fill(0) : data,
          ]),
        ),
      })),
    }),
  },
  'one report for all units': {
    report: ({ units, ...report }) => ({ ...report, ...(units && { units: units.map(() => units[0]!) }) }),
  },
  'rateFree without a growth rate': {
    core: { rateFree: (base, options) => core.rateFree(base, { ...options, growthRate: 100 }) },
  },
  'rateFree with another cap': {
    core: { rateFree: (base, options) => core.rateFree(base, { ...options, learningRate: 0.5 }) },
  },
  'averageWeights left out of the JSON': {
    core: {
      fromJSON(json, own) {
        const made = core.fromJSON(json, own)
        const toJSON = (): core.TransformationJSON => {
          const { averageWeights: _, ...rest } = made.toJSON()
          return rest
        }
        return { ...made, toJSON }
      },
    },
  },
  ...stateBreaks,
  ...argumentBreaks,
} as const satisfies Readonly<Record<string, Break>>

/** The name of a defect. */
export type BreakName = keyof typeof breaks

/** The core's reference engine with one defect. */
export function brokenTarget(name: BreakName): ConformanceTarget {
  const broken: Break = breaks[name]
  const whole = coreTarget('reference')
  const change = (settings: Settings, top: Settings): Settings => broken.settings?.(settings, top) ?? settings
  return {
    manifest: { ...whole.manifest, name: `broken: ${name}` },
    core: { ...core, ...broken.core },
    ...(broken.living && { living: broken.living }),
    async create(transformation, parameters) {
      const top = transformation.settings
      const groups = Object.entries(transformation.groups).map(([label, one]) => [label, change(one, top)])
      const changed: CoreTransformation = {
        ...transformation,
        settings: change(top, top),
        groups: Object.fromEntries(groups) as CoreTransformation['groups'],
      }
      try {
        const given = broken.parameters?.(parameters) ?? parameters
        const session = spoiled(broken, await whole.create(changed, given))
        return broken.session?.(session, parameters) ?? session
      } catch (error) {
        if (broken.leavesOut !== true) throw error
        const settings = { ...changed.settings, averagedModel: false }
        return whole.create({ ...changed, settings }, parameters)
      }
    },
  }
}

function spoiled(broken: Break, session: Session): Session {
  const save = async (): Promise<Checkpoint> => core.decodeCheckpoint((await session.save!()).slice())
  return {
    ...session,
    async step(gradients, options) {
      const report = await session.step(gradients, options)
      if (report.skipped && broken.afterSkip) {
        await session.load!(core.encodeCheckpoint(broken.afterSkip(await save())))
      }
      return broken.report?.(report) ?? report
    },
    async save() {
      const checkpoint = await save()
      return core.encodeCheckpoint(broken.saved?.(checkpoint) ?? checkpoint)
    },
    async reset() {
      const before = await save()
      await session.reset!()
      if (!broken.afterReset) return
      await session.load!(core.encodeCheckpoint(broken.afterReset(before, await save())))
    },
    async load(bytes) {
      const checkpoint = core.decodeCheckpoint(bytes)
      await session.load!(core.encodeCheckpoint(broken.loaded?.(checkpoint) ?? checkpoint))
    },
  }
}

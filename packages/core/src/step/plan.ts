import { optionError, shapeError, show } from '../errors.js'
import { hashText, type Graph } from '../graph/graph.js'
import { sizeOf } from '../shape.js'
import { checkRows } from '../transformation/hyperparameter.js'
import {
  matrixViewOf,
  rowsFor,
  type MatrixView,
  type Preconditioner,
} from '../transformation/preconditioner.js'
import { checkNamesInOptions, type RestOfModel } from '../transformation/namesInOptions.js'
import { checkTransformation } from '../transformation/transformation.js'
import type { GroupSettings, ParameterInfo, Transformation } from '../transformation/types.js'
import { isPlainBase, recordMetric, type MetricGraph } from './metricGraph.js'
import { finishProfiles, readsLoss, recordShared, type SharedGraph } from './profiles.js'
import { createRecorder, type Recorder } from './recordings.js'
import {
  changeOutput,
  recordEvaluation,
  recordStep,
  structuralHashOf,
  type Reduction,
  type StepForm,
  type StepGraph,
} from './stepGraph.js'

/** A parameter's place in a step. */
export interface PlannedParameter extends ParameterInfo {
  /** The number of its elements. */
  readonly size: number
  /** The extents of the matrix that it is to its base; if it is none, of its first two axes. */
  readonly rows: number
  readonly columns: number
  /** Whether it is a matrix to its base; its tensors then have the shape [rows, columns] in the graph. */
  readonly isMatrix: boolean
  /** The index in `plan.profiles` of its group's options and the base that updates it. */
  readonly profile: number
  readonly graph: StepGraph
  /** The index of the metric unit whose ρ scales it. */
  readonly unit: number
  /** The index of the clip unit whose norm limits it, or −1. */
  readonly clip: number
  /**
   * The weights to evaluate with, where they are not the parameter itself. Inputs: `parameter`, `slot.NAME`, `base.NAME`,
   * `step` (the number of updates so far), `rows`, `columns` and `size`. Output: `evaluation`.
   */
  readonly evaluation?: Graph
}

/** The options of a group with one base, its own or its fallback. The scalars of a step depend on these. */
export interface Profile {
  readonly settings: GroupSettings
  readonly base: Preconditioner
  /** Its name in checkpoints: the label of its group, and whether its base is the fallback. */
  readonly key: string
  /** Indices of its parameters. */
  readonly members: readonly number[]
  /** The totals that its base reads: outputs of the parameters' graphs, and the inputs that their sums are. */
  readonly totals: readonly string[]
  /** The scalars that its base keeps once for all parameters. */
  readonly shared: SharedGraph
  /** Whether it has shared scalars, or a count of its steps that is read. */
  readonly keepsState: boolean
}

/** Parameters under one ρ. */
export interface MetricUnit {
  /** Its name in checkpoints: '' for the default group, else the group's label or the parameter's name. */
  readonly key: string
  readonly settings: GroupSettings
  /** Indices of the parameters whose dual norms it sums. */
  readonly contributors: readonly number[]
  /** N, the number of elements summed over; `xi: 'auto'` is 1/N. */
  readonly size: number
  readonly graph: MetricGraph
  /** The sums that `graph` reads; `dualNorm` is the first. */
  readonly sums: readonly UnitSum[]
  /** The sums that are added to its state after the parameters have been written. */
  readonly changes: readonly UnitChange[]
  /** The bases for which `graph` was recorded, if the model is averaged; else none. */
  readonly bases: readonly Preconditioner[]
}

/** A sum over parameters that a metric graph reads. */
export interface UnitSum {
  readonly input: string
  readonly output: Reduction
  /** Indices of the parameters. */
  readonly members: readonly number[]
}

/** A sum over parameters that is added to a scalar of a metric's state. */
export interface UnitChange {
  /** The index of the scalar in the graph's `state`. */
  readonly state: number
  readonly output: string
  /** Indices of the parameters. */
  readonly members: readonly number[]
}

/** Parameters clipped by one norm. */
export interface ClipUnit {
  readonly clipNorm: number
  readonly members: readonly number[]
}

/** A transformation recorded for given parameters: everything that an engine or adapter needs to run steps. */
export interface StepPlan {
  readonly transformation: Transformation
  readonly parameters: readonly PlannedParameter[]
  readonly profiles: readonly Profile[]
  readonly units: readonly MetricUnit[]
  readonly clips: readonly ClipUnit[]
  /** The sums that a step takes over each parameter before it writes. A parameter's own graph may lack all but the first. */
  readonly reductions: readonly Reduction[]
  /** The sums that a step takes over each parameter while it writes. Most parameters' own graphs have none. */
  readonly changes: readonly string[]
  /** The totals of all profiles. A step takes them after `norm` and before `reductions`, where there are any. */
  readonly totals: readonly string[]
  /** Whether a step must be given its loss. */
  readonly needsLoss: boolean
  /** Structural hash of the bases and of the metric's scope. Checkpoints carry it. */
  readonly hash: string
}

/**
 * Records a transformation for a set of parameters. Adapters to frameworks with their own tensors start here; where
 * gradients come as typed arrays, `createOptimizer` does everything.
 *
 * @param rest the model's other parameters, where an optimiser does not have all of them in every step
 * @throws ERR_OPTION when two parameters have the same name, a group that has options has no parameter, or `decayMask`
 *   lists a name that no parameter has
 * @throws ERR_SHAPE when a shape is not an array of whole numbers ≥ 0
 * @throws ERR_NOT_SUPPORTED when the model of the loss is to be averaged and a base gives no average
 */
export function planStep(
  transformation: Transformation,
  parameters: readonly ParameterInfo[],
  rest: RestOfModel = {},
): StepPlan {
  checkTransformation(transformation)
  checkParameters(parameters)
  checkNamesInOptions(transformation, parameters, rest)
  const record = createRecorder()
  const profiles: Pick<Profile, 'settings' | 'base'>[] = []
  const graphs = new Map<string, ParameterGraphs>()
  const shared: SharedGraph[] = []

  const units: { key: string; settings: GroupSettings; contributors: number[] }[] = []
  const clips: { settings: GroupSettings; clipNorm: number; members: number[] }[] = []
  const { metricScope, groups } = transformation
  // In the global scope a unit sums over the parameters of all groups, including those of plain bases.
  const all = [transformation.settings, ...Object.values(groups)]
  const inScope = (settings: GroupSettings): readonly GroupSettings[] =>
    metricScope === 'global' ? all : [settings]
  const planned = parameters.map((parameter, index): PlannedParameter => {
    const settings = settingsOf(transformation, parameter)
    const base = baseFor(settings, parameter)
    const view = matrixViewOf(base, parameter.shape, parameter.rowsAre)
    let profile = profiles.findIndex(
      (candidate) => candidate.settings === settings && candidate.base === base,
    )
    if (profile === -1) profile = profiles.push({ settings, base }) - 1

    const form: StepForm = {
      base,
      matrix: matrixForm(view),
      rows: rowsFor(base, parameter.rowsAre),
      metric: inScope(settings).some((one) => !isPlainBase(one)),
      decays: settings.weightDecay !== 0 && isDecayed(settings, parameter) ? settings.decayScaling : 'no',
      clips: settings.clipNorm !== undefined,
      model: inScope(settings).some((one) => one.averagedModel),
      averages: settings.averageWeights !== undefined,
    }
    const formKey = [profile, form.matrix, form.rows, form.decays].join()
    const recorded = graphs.get(formKey) ?? recordParameter(form, record)
    graphs.set(formKey, recorded)
    shared.push(recorded.shared)
    const { graph, evaluation } = recorded

    const key = unitKey(transformation, parameter)
    let unit = units.findIndex((candidate) => candidate.key === key)
    if (unit === -1) unit = units.push({ key, settings, contributors: [] }) - 1
    units[unit]!.contributors.push(index)

    let clip = -1
    if (settings.clipNorm !== undefined) {
      // Groups that inherit the norm are clipped together; a group that sets its own is clipped by itself.
      const owner =
        settings.clipNorm === transformation.settings.clipNorm ? transformation.settings : settings
      clip = clips.findIndex((candidate) => candidate.settings === owner)
      if (clip === -1) clip = clips.push({ settings: owner, clipNorm: settings.clipNorm, members: [] }) - 1
      clips[clip]!.members.push(index)
    }
    const size = sizeOf(parameter.shape)
    return { ...parameter, ...view, size, profile, graph, unit, clip, ...(evaluation && { evaluation }) }
  })

  // In the global scope every unit (one per group with options) sums over all parameters.
  const everything = planned.map((_, index) => index)
  const finished = units.map((unit): MetricUnit => {
    const contributors = metricScope === 'global' ? everything : unit.contributors
    const size = contributors.reduce((total, index) => total + planned[index]!.size, 0)
    const baseOf = (index: number): Preconditioner => profiles[planned[index]!.profile]!.base
    return { ...unit, contributors, size, ...recordUnit(unit.settings, contributors, baseOf, record) }
  })
  return {
    transformation,
    parameters: planned,
    profiles: finishProfiles(transformation, profiles, planned, shared),
    units: finished,
    reductions: [...new Set<Reduction>(['dual', ...planned.flatMap(({ graph }) => graph.reductions)])],
    changes: [...new Set(planned.flatMap(({ graph }) => graph.averaging.map(changeOutput)))],
    clips: clips.map(({ clipNorm, members }) => ({ clipNorm, members })),
    totals: [...new Set(planned.flatMap(({ graph }) => graph.totals))],
    needsLoss: finished.some((unit) => unit.graph.needsLoss) || planned.some(readsLoss),
    hash: structuralHash(transformation, planned, profiles, record),
  }
}

/** Records the metric of a unit, and finds the parameters that its graph sums over. */
function recordUnit(
  settings: GroupSettings,
  contributors: readonly number[],
  baseOf: (index: number) => Preconditioner,
  record: Recorder,
): Pick<MetricUnit, 'graph' | 'sums' | 'changes' | 'bases'> {
  const bases = settings.averagedModel ? [...new Set(contributors.map(baseOf))] : []
  const graph = recordMetric(settings, bases, record)
  const sums = graph.sums.map(({ input, output }) => ({ input, output, members: contributors }))
  const changes = graph.changes.map(({ state, slot, base }) => ({
    state: graph.state.indexOf(state),
    output: changeOutput(slot),
    members: contributors.filter((index) => baseOf(index) === bases[base]),
  }))
  return { graph, sums, changes, bases }
}

function settingsOf(transformation: Transformation, parameter: ParameterInfo): GroupSettings {
  const { group } = parameter
  return group !== undefined && Object.hasOwn(transformation.groups, group)
    ? transformation.groups[group]!
    : transformation.settings
}

function unitKey(transformation: Transformation, parameter: ParameterInfo): string {
  switch (transformation.metricScope) {
    case 'parameter':
      return parameter.name
    case 'group':
      return parameter.group ?? ''
    case 'global':
      return parameter.group !== undefined && Object.hasOwn(transformation.groups, parameter.group)
        ? parameter.group
        : ''
  }
}

function isDecayed(settings: GroupSettings, parameter: ParameterInfo): boolean {
  const { decayMask } = settings
  if (decayMask === 'all') return true
  if (decayMask === 'matrices') return parameter.shape.length >= 2
  return typeof decayMask === 'function' ? decayMask(parameter) : decayMask.includes(parameter.name)
}

/** The base that updates a parameter. */
function baseFor({ base, fallback }: GroupSettings, { shape, rowsAre }: ParameterInfo): Preconditioner {
  const isRefused = base.definition.matrix === true && !matrixViewOf(base, shape, rowsAre).isMatrix
  return isRefused ? fallback : base
}

/** The form of a parameter to its base: Muon transposes tall matrices. */
function matrixForm({ isMatrix, rows, columns }: MatrixView): StepForm['matrix'] {
  if (!isMatrix) return 'any'
  return rows > columns ? 'tall' : 'wide'
}

/** What is recorded of a parameter. */
interface ParameterGraphs {
  readonly graph: StepGraph
  readonly evaluation: Graph | undefined
  readonly shared: SharedGraph
}

function recordParameter(form: StepForm, record: Recorder): ParameterGraphs {
  return {
    graph: recordStep(form, record),
    evaluation: recordEvaluation(form, record),
    shared: recordShared(record(form).update),
  }
}

/**
 * The structural hash of a plan. It covers the bases and the metric's scope. The embedding, weight decay and clipping keep
 * no state per parameter, so they may change when training is resumed.
 */
function structuralHash(
  transformation: Transformation,
  parameters: readonly PlannedParameter[],
  profiles: readonly Pick<Profile, 'base'>[],
  record: Recorder,
): string {
  const hashes = new Map<string, string>()
  for (const parameter of parameters) {
    const { profile } = parameter
    const { base } = profiles[profile]!
    const matrix = matrixForm(parameter)
    const key = `${profile},${matrix}`
    if (hashes.has(key)) continue
    hashes.set(key, structuralHashOf(base, matrix, record))
  }
  // Sorted: a checkpoint identifies parameters by name, so their order is not part of the state.
  return hashText([transformation.metricScope, ...[...new Set(hashes.values())].sort()].join())
}

function checkParameters(parameters: readonly ParameterInfo[]): void {
  const names = new Set<string>()
  for (const parameter of parameters as readonly (ParameterInfo | null | undefined)[]) {
    if (typeof parameter !== 'object' || parameter === null) {
      throw optionError(`a parameter must be { name, shape, data, group? }, given ${show(parameter)}`)
    }
    const { name, shape, group, rowsAre } = parameter
    if (typeof name !== 'string') {
      throw optionError(`a parameter's name must be a string, given ${show(name)}`)
    }
    if (names.has(name)) {
      throw optionError(`two parameters are named ${show(name)}: names must be unique`)
    }
    if (!Array.isArray(shape) || !shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
      throw shapeError(
        `parameter ${show(name)}: shape must be an array of whole numbers ≥ 0 ([] for a scalar), given ${show(shape)}`,
      )
    }
    if (group !== undefined && typeof group !== 'string') {
      throw optionError(`parameter ${show(name)}: group must be a string, given ${show(group)}`)
    }
    if (rowsAre !== undefined) checkRows(`parameter ${show(name)}: rowsAre`, rowsAre, false)
    names.add(name)
  }
}

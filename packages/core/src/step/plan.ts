import { optionError, shapeError, show } from '../errors.js'
import { hashText, type Graph } from '../graph/graph.js'
import { sizeOf } from '../shape.js'
import { checkRows } from '../transformation/hyperparameter.js'
import {
  matrixViewOf,
  structureOf,
  type MatrixView,
  type Preconditioner,
} from '../transformation/preconditioner.js'
import { checkNamesInOptions, type RestOfModel } from '../transformation/namesInOptions.js'
import { checkTransformation } from '../transformation/transformation.js'
import type { GroupSettings, ParameterInfo, Transformation } from '../transformation/types.js'
import { accumulatedSlot } from './accumulation.js'
import { checkSpelling } from './checks.js'
import { createClipUnits } from './clipUnits.js'
import { metricGraphOf } from './metricGraph.js'
import type { MetricUnit, PlannedParameter, Profile, StepPlan } from './planned.js'
import { finishProfiles, readsLoss } from './profiles.js'
import { recordShared, type SharedGraph } from './sharedGraph.js'
import { matrixForm, stepForm, textOfForm, viewFor } from './stepForm.js'
import { createRecorder, type Recorder } from './recordings.js'
import { createRecordingStore } from './recordingStore.js'
import {
  changeOutput,
  recordEvaluation,
  recordStep,
  structuralHashOf,
  type Reduction,
  type StepForm,
  type StepGraph,
} from './stepGraph.js'

export type { MetricUnit, PlannedParameter, Profile, StepPlan, UnitChange, UnitSum } from './planned.js'

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
  const clips = createClipUnits(transformation)
  const { metricScope, groups } = transformation
  // In the global scope a unit sums over the parameters of all groups, including those of plain bases.
  const all = [transformation.settings, ...Object.values(groups)]
  const inScope = (settings: GroupSettings): readonly GroupSettings[] =>
    metricScope === 'global' ? all : [settings]
  const planned = parameters.map((parameter, index): PlannedParameter => {
    const settings = settingsOf(transformation, parameter)
    const base = baseFor(settings, parameter)
    const view = viewFor(settings, base, parameter)
    let profile = profiles.findIndex(
      (candidate) => candidate.settings === settings && candidate.base === base,
    )
    if (profile === -1) profile = profiles.push({ settings, base }) - 1

    const form = stepForm(settings, base, parameter, inScope(settings))
    const { matrix, rows, isOwnMatrix, clipsUnits, decays } = form
    const formKey = `${profile},${matrix},${rows},${isOwnMatrix},${clipsUnits},${decays}`
    const recorded = graphs.get(formKey) ?? recordParameter(form, record)
    graphs.set(formKey, recorded)
    shared.push(recorded.shared)
    const { graph, evaluation } = recorded
    if (transformation.accumulate > 1) checkSlotNames(base, graph)

    const key = unitKey(transformation, parameter)
    let unit = units.findIndex((candidate) => candidate.key === key)
    if (unit === -1) unit = units.push({ key, settings, contributors: [] }) - 1
    units[unit]!.contributors.push(index)

    const clip = clips.add(index, settings)
    const size = sizeOf(parameter.shape)
    return plannedParameter(parameter, view, { size, profile, graph, unit, clip, evaluation })
  })

  // In the global scope every unit (one per group with options) sums over all parameters.
  const everything = planned.map((_, index) => index)
  const finished = units.map((unit): MetricUnit => {
    const contributors = metricScope === 'global' ? everything : unit.contributors
    const size = contributors.reduce((total, index) => total + planned[index]!.size, 0)
    const baseOf = (index: number): Preconditioner => profiles[planned[index]!.profile]!.base
    const baseReadsLoss = contributors.some((index) => readsLoss(planned[index]!))
    const { graph, sums, changes, bases } = recordUnit(unit.settings, contributors, baseOf, record)
    const { key, settings } = unit
    return { key, settings, contributors, size, baseReadsLoss, graph, sums, changes, bases }
  })
  return {
    transformation,
    parameters: planned,
    profiles: finishProfiles(transformation, profiles, planned, shared),
    units: finished,
    reductions: [...new Set<Reduction>(['dual', ...planned.flatMap(({ graph }) => graph.reductions)])],
    changes: [...new Set(planned.flatMap(({ graph }) => graph.averaging.map(changeOutput)))],
    clips: clips.units,
    totals: [...new Set(planned.flatMap(({ graph }) => graph.totals))],
    needsLoss: finished.some((unit) => unit.graph.needsLoss) || planned.some(readsLoss),
    hash: structuralHash(transformation, planned, profiles, record),
  }
}

/** A parameter with its place. Written out: V8 takes long to add properties to a copy made by a spread. */
function plannedParameter(
  { name, shape, group, rowsAre }: ParameterInfo,
  { isMatrix, rows, columns }: MatrixView,
  given: Pick<PlannedParameter, 'size' | 'profile' | 'graph' | 'unit' | 'clip'> & {
    readonly evaluation: Graph | undefined
  },
): PlannedParameter {
  const { size, profile, graph, unit, clip, evaluation } = given
  return {
    name,
    shape,
    isMatrix,
    rows,
    columns,
    size,
    profile,
    graph,
    unit,
    clip,
    ...(group !== undefined && { group }),
    ...(rowsAre !== undefined && { rowsAre }),
    ...(evaluation && { evaluation }),
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
  const graph = metricGraphOf(settings, bases, record)
  const sums = graph.sums.map(({ input, output }) => ({ input, output, members: contributors }))
  const changes = graph.changes.map(({ state, slot, base }) => ({
    state: graph.state.indexOf(state),
    output: changeOutput(slot),
    members: contributors.filter((index) => baseOf(index) === bases[base]),
  }))
  return { graph, sums, changes, bases }
}

/** Throws ERR_OPTION where a base has a slot of the name under which checkpoints hold sums of gradients. */
function checkSlotNames({ name }: Preconditioner, { slots }: StepGraph): void {
  if (!slots.includes(accumulatedSlot)) return
  throw optionError(
    `${name}: accumulate keeps a slot named ${accumulatedSlot}, and so does the base; rename that`,
  )
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

/** The base that updates a parameter. */
function baseFor({ base, fallback }: GroupSettings, { shape, rowsAre }: ParameterInfo): Preconditioner {
  const isRefused = base.definition.matrix === true && !matrixViewOf(base, shape, rowsAre).isMatrix
  return isRefused ? fallback : base
}

/** What is recorded of a parameter. */
interface ParameterGraphs {
  readonly graph: StepGraph
  readonly evaluation: Graph | undefined
  readonly shared: SharedGraph
}

const parameterGraphs = createRecordingStore<ParameterGraphs>()

function recordParameter(form: StepForm, record: Recorder): ParameterGraphs {
  return parameterGraphs(textOfForm(form), () => ({
    graph: recordStep(form, record),
    evaluation: recordEvaluation(form, record),
    shared: recordShared(record(form).update),
  }))
}

const structuralHashes = createRecordingStore<string>()

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
    const { base } = profiles[parameter.profile]!
    const matrix = matrixForm(matrixViewOf(base, parameter.shape, parameter.rowsAre))
    const key = `${parameter.profile},${matrix}`
    if (hashes.has(key)) continue
    const structure = structureOf(base)
    const text = structure === undefined ? undefined : `${structure},${matrix}`
    hashes.set(
      key,
      structuralHashes(text, () => structuralHashOf(base, matrix, record)),
    )
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
    checkSpelling(parameter)
    names.add(name)
  }
}

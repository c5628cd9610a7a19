import { InducedMetricError, type ParameterInfo, type Transformation } from '@induced-metric/core'
import {
  createDeferredStep,
  initialProfile,
  initialSlots,
  planStep,
  unsupported,
  slotShape,
  type DeferredInputs,
  type DeferredStep,
  type DeferredUnit,
  type StepPlan,
} from '@induced-metric/core/adapter'
import { createModelBuilder, dataType, type ModelBuilder, writeModel } from '@induced-metric/onnx/proto'
import {
  createHyperparameters,
  profileSuffix,
  unitSuffix,
  type ModelHyperparameters,
} from './hyperparameters.js'
import { createModelBackend, type ModelBackend } from './modelBackend.js'
import { transformationKey } from './read.js'

/** A parameter that an optimizer model updates. */
export interface OptimizerModelParameter extends ParameterInfo {
  /** The element type of its values, gradient and slots. Default `'float32'`. */
  readonly dtype?: 'float32' | 'float64'
}

/** A tensor that an optimizer model takes as an input and returns for the next step. */
export interface ModelState {
  readonly input: string
  readonly output: string
  readonly type: 'float32' | 'float64' | 'int64'
  readonly dims: readonly number[]
  /** The value of its elements before the first step; `'identity'` for an identity matrix. */
  readonly initial: number | 'identity'
}

/** An optimizer as a model. */
export interface OptimizerModel {
  /** The content of an `optimizer_model.onnx`. */
  readonly model: Uint8Array
  /** The parameters, in the order given: the names of their input, their gradient's input and their output. */
  readonly parameters: readonly {
    readonly name: string
    readonly gradient: string
    readonly output: string
  }[]
  /** Everything that is kept from step to step: slots, averages of the metric, and the count of steps. */
  readonly state: readonly ModelState[]
  /** The hyperparameters to feed at every step, as double scalars: those on a schedule, and those asked for. */
  readonly hyperparameters: readonly string[]
  /** Whether the model has an input `loss`, a double scalar. */
  readonly needsLoss: boolean
}

/** The metadata key of the description of a model's state. */
const stateKey = 'induced-metric.state'
const opset = 17

/**
 * Writes an optimiser as a model of ONNX's own operators: one `run()` is one step. Any runtime can run it, and
 * `TrainingSession` accepts it as its `optimizerModel`.
 *
 * Inputs: every parameter `p`, its gradient `p_grad` and its slots `p.slot`; `step` (int64, steps taken so far);
 * `metric.average` and the other scalars that the metric keeps (double, for each of its units); `shared.name` of the scalars that a
 * base keeps for all its parameters (double); `loss` (double), if it is read; and the hyperparameters that are not the same at every step (`learning_rate`, `xi`, `beta1`, … as double scalars).
 *
 * Outputs: each parameter and state with `.next` after its name, to be fed back; `status`, which is 0 for a step, 1 if something
 * was not finite, and 2 if the embedding cannot take the loss; and `dual_norm`, `metric` and `scale` of the first unit. Unless
 * `status` is 0, parameters and state are returned as they were.
 *
 * @param transformation the result of `inducedMetric`. It may contain functions, but only one made of built-in parts is stored
 *   in the model's metadata, where `TrainingSession` reads it
 * @param parameters their names, shapes, types and groups
 * @param options `inputs`: the names of hyperparameters that are inputs although they are numbers, such as `['learning_rate']`
 * @throws ERR_OPTION, ERR_SHAPE and ERR_NOT_SUPPORTED as the core's `planStep`; ERR_NOT_SUPPORTED for a base that has the host
 *   compute with matrices or draw normal numbers
 *
 * @example
 * ```ts
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { optimizerModel } from '@induced-metric/onnxruntime'
 *
 * const transformation = inducedMetric(adam(), { learningRate: 0.001 })
 * const { model, state } = optimizerModel(transformation, [{ name: 'w', shape: [3, 4] }])
 * console.log(model.length, state.map(({ input }) => input)) // … ['w.m', 'w.v', 'metric.average', 'step']
 * ```
 */
export function optimizerModel(
  transformation: Transformation,
  parameters: readonly OptimizerModelParameter[],
  options: { readonly inputs?: readonly string[] } = {},
): OptimizerModel {
  const plan = planStep(transformation, parameters)
  if (transformation.accumulate > 1) {
    throw unsupported(
      'an optimizer model takes an update at every run: leave accumulate out, and feed the mean of the gradients and of the losses',
    )
  }
  const builder = createModelBuilder(opset)
  const types = parameters.map(({ dtype }) => (dtype === 'float64' ? dataType.double : dataType.float))
  const hyperparameters = createHyperparameters(builder, plan, options.inputs ?? [])
  const writing: Writing = { plan, types, builder, backend: createModelBackend(builder), hyperparameters }
  const count = writeCount(builder)

  const step = createDeferredStep(plan, writing.backend, stepInputs(writing, count.asReal))
  const units = step.units as readonly DeferredUnit<string>[]
  const status = units.map((unit) => unit.status).reduce((a, b) => builder.emit('Max', [a, b]))
  const isWritten = builder.emit('Equal', [status, builder.real(0, dataType.double)])
  const keep: Keep = (next, old, type, dims) =>
    builder.output(builder.emit('Where', [isWritten, next, old], {}, `${old}.next`), type, dims)

  const written = keepParameters(writing, step, keep)
  const metricState = [...keepUnits(plan, units, keep), ...keepProfiles(plan, step, keep)]
  keep(count.next, count.before, dataType.int64, [])
  const state = [...written.state, ...metricState, stateOf(count.before, dataType.int64, [], 0)]
  writeReport(builder, status, units[0]!)
  hyperparameters.checkAsked()
  return {
    model: writeModel(builder.build('induced-metric optimizer', metadataOf(transformation, state))),
    parameters: written.parameters,
    state,
    hyperparameters: hyperparameters.inputs,
    needsLoss: plan.needsLoss,
  }
}

/** A model that is being written, and its plan. */
interface Writing {
  readonly plan: StepPlan
  /** The element types of the parameters. */
  readonly types: readonly number[]
  readonly builder: ModelBuilder
  readonly backend: ModelBackend
  readonly hyperparameters: ModelHyperparameters
}

/** Adds an output with the next value of an input, or with the old one if the step is refused. Returns its name. */
type Keep = (next: string, old: string, type: number, dims: readonly number[]) => string

function gradientName(parameter: string): string {
  return `${parameter}_grad`
}

function slotName(parameter: string, slot: string): string {
  return `${parameter}.${slot}`
}

/** The name of a scalar that a metric unit keeps: `average`, or one of its `state`. */
function metricName(plan: StepPlan, unit: number, scalar: string): string {
  return `metric.${scalar}${unitSuffix(plan.units[unit]!)}`
}

/** The name of a scalar that the parameters of a profile share. */
function sharedName(profile: number, scalar: string): string {
  return `shared.${scalar}${profileSuffix(profile)}`
}

/** The count of steps: an int64 in the model's state, a real number where the step reads it. */
function writeCount({ input, emit, real }: ModelBuilder) {
  const before = input('step', dataType.int64, [])
  const one = emit('Cast', [real(1, dataType.double)], { to: dataType.int64 })
  const next = emit('Add', [before, one])
  return { before, next, asReal: emit('Cast', [next], { to: dataType.double }) }
}

/** Every parameter has a gradient at every step, so one count serves them all, and their metric units. */
function stepInputs(writing: Writing, count: string): DeferredInputs<string> {
  const { plan, types, builder, backend, hyperparameters } = writing
  const tensor = (index: number, name: string): string =>
    backend.tensor(name, types[index]!, plan.parameters[index]!.shape)
  const scalar = (name: string): string => builder.input(name, dataType.double, [])
  const nameOf = (index: number): string => plan.parameters[index]!.name
  return {
    active: plan.parameters.map((_, index) => index),
    gradient: (index) => tensor(index, gradientName(nameOf(index))),
    parameter: (index) => tensor(index, nameOf(index)),
    slot(index, slot) {
      const parameter = plan.parameters[index]!
      const name = slotName(nameOf(index), slot)
      const value = backend.tensor(name, types[index]!, slotShape(parameter, slot))
      return parameter.graph.slotShapes[slot] === 'scalar' ? backend.toDouble(value) : value
    },
    step: () => count,
    profile: hyperparameters.profile,
    unit: hyperparameters.unit,
    metricStep: () => count,
    average: (unit) => scalar(metricName(plan, unit, 'average')),
    state: (unit, name) => scalar(metricName(plan, unit, name)),
    loss: () => scalar('loss'),
    profileStep: () => count,
    shared: (profile, name) => scalar(sharedName(profile, name)),
  }
}

/** Writes the new values of parameters and slots. */
function keepParameters(
  { plan, types, backend }: Writing,
  step: DeferredStep<string>,
  keep: Keep,
): Pick<OptimizerModel, 'parameters' | 'state'> {
  const initial = initialSlots(plan)
  const state: ModelState[] = []
  const parameters = plan.parameters.map((parameter, index) => {
    const { name, shape, graph } = parameter
    const type = types[index]!
    const { value, slots } = step.update(index)
    for (const [slot, next] of Object.entries(slots)) {
      const dims = slotShape(parameter, slot)
      const old = backend.tensor(slotName(name, slot), type, dims)
      const isScalar = graph.slotShapes[slot] === 'scalar'
      keep(isScalar ? backend.toType(next, type) : next, old, type, dims)
      state.push(stateOf(old, type, dims, initial[index]![slot]!))
    }
    const old = backend.tensor(name, type, shape)
    return { name, gradient: gradientName(name), output: keep(value, old, type, shape) }
  })
  return { parameters, state }
}

/** Writes the new values of the scalars that the metric units keep. */
function keepUnits(plan: StepPlan, units: readonly DeferredUnit<string>[], keep: Keep): ModelState[] {
  return units.flatMap((unit, index) => {
    const names = ['average', ...plan.units[index]!.graph.state]
    const values = [unit.average, ...unit.nextState()]
    return names.map((name, i) => {
      const old = metricName(plan, index, name)
      keep(values[i]!, old, dataType.double, [])
      return stateOf(old, dataType.double, [], 0)
    })
  })
}

/** Writes the new values of the scalars that a base keeps for a profile. */
function keepProfiles({ profiles }: StepPlan, step: DeferredStep<string>, keep: Keep): ModelState[] {
  return profiles.flatMap((profile, index) => {
    const initial = initialProfile(profile).values
    const next = step.profiles[index]!.nextShared()
    return profile.shared.names.map((name, i) => {
      const old = sharedName(index, name)
      keep(next[i]!, old, dataType.double, [])
      return stateOf(old, dataType.double, [], initial[i]!)
    })
  })
}

function stateOf(
  input: string,
  type: number,
  dims: readonly number[],
  initial: ModelState['initial'],
): ModelState {
  const name = type === dataType.int64 ? 'int64' : type === dataType.double ? 'float64' : 'float32'
  return { input, output: `${input}.next`, type: name, dims, initial }
}

/** Writes the outputs that report the step: its status, and the scalars of its first unit. */
function writeReport(
  { emit, output }: ModelBuilder,
  status: string,
  { dualNorm, metric, scale }: DeferredUnit<string>,
): void {
  for (const [name, value] of Object.entries({ status, dual_norm: dualNorm, metric, scale })) {
    output(emit('Identity', [value], {}, name), dataType.double, [])
  }
}

/** The metadata of a model: its state and, if it is made of built-in parts, its transformation. */
function metadataOf(transformation: Transformation, state: readonly ModelState[]): Record<string, string> {
  const metadata = { [stateKey]: JSON.stringify(state) }
  try {
    return { [transformationKey]: JSON.stringify(transformation.toJSON()), ...metadata }
  } catch (error) {
    if (error instanceof InducedMetricError && error.code === 'ERR_NOT_SUPPORTED') return metadata
    throw error
  }
}

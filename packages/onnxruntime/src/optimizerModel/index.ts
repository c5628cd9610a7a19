import { InducedMetricError, type ParameterInfo, type Transformation } from '@induced-metric/core'
import {
  createDeferredStep,
  initialSlots,
  planStep,
  type DeferredInputs,
  type DeferredStep,
  type DeferredUnit,
  type StepPlan,
} from '@induced-metric/core/adapter'
import { createModelBuilder, dataType, type ModelBuilder, writeModel } from '@induced-metric/onnx/proto'
import { createHyperparameters, unitSuffix, type ModelHyperparameters } from './hyperparameters.js'
import { createModelBackend, type ModelBackend } from './modelBackend.js'
import { transformationKey } from './read.js'

/** A parameter that an optimizer model updates. */
export interface OptimizerModelParameter extends ParameterInfo {
  /** The element type of its values, gradient and slots. Default `'float32'`. */
  readonly dtype?: 'float32' | 'float64'
}

/** A tensor that an optimizer model takes and gives back for the next step. */
export interface ModelState {
  readonly input: string
  readonly output: string
  readonly type: 'float32' | 'float64' | 'int64'
  readonly dims: readonly number[]
  /** What its elements are before the first step. */
  readonly initial: number
}

/** An optimizer as a model. */
export interface OptimizerModel {
  /** The content of an `optimizer_model.onnx`. */
  readonly model: Uint8Array
  /** The parameters, in the order given: what goes in, what comes out, and the gradient that goes in beside it. */
  readonly parameters: readonly {
    readonly name: string
    readonly gradient: string
    readonly output: string
  }[]
  /** All that is kept from step to step: slots, averages of the metric, and the count of steps. */
  readonly state: readonly ModelState[]
  /** Hyperparameters to feed at every step, double scalars: those on a schedule, and those asked for. */
  readonly hyperparameters: readonly string[]
  /** Whether the model has an input `loss`, a double scalar. */
  readonly needsLoss: boolean
}

/** The metadata under which a model says what its state is. */
const stateKey = 'induced-metric.state'
const opset = 17

/**
 * Writes an optimiser as a model of ONNX's own operators: one `run()` is one step. Any runtime can run it, and a
 * `TrainingSession` takes it for its `optimizerModel`.
 *
 * Inputs: every parameter `p`, its gradient `p_grad` and its slots `p.slot`, `step` (int64, steps taken so far),
 * `metric.average` and whatever else the metric keeps (double, for each of its units), `loss` (double) where it is read, and the
 * hyperparameters that are not the same at every step (`learning_rate`, `xi`, `beta1`, … as double scalars). Outputs:
 * each parameter and state with `.next` after its name, to be fed back; `status` (0: stepped; 1: something was not
 * finite; 2: the embedding cannot take the loss; where it is not 0, everything is given back as it was), and of the first
 * unit `dual_norm`, `metric` and `scale`.
 *
 * @param transformation what `inducedMetric` returned. One that holds functions becomes a model, too, but only one of
 *   built-in parts is written into its metadata, for `TrainingSession` to read
 * @param parameters their names, shapes, types and groups
 * @param options `inputs`: hyperparameters to be inputs even though they are numbers, as `['learning_rate']`
 * @throws ERR_OPTION and ERR_SHAPE as the core's `planStep`
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
  const metricState = keepUnits(plan, units, keep)
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

/** The parts of a model that is being written. */
interface Writing {
  readonly plan: StepPlan
  /** The element types of the parameters. */
  readonly types: readonly number[]
  readonly builder: ModelBuilder
  readonly backend: ModelBackend
  readonly hyperparameters: ModelHyperparameters
}

/** Makes an output of the next value of an input, or of its old one when the step is refused; returns its name. */
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
    slot: (index, slot) => tensor(index, slotName(nameOf(index), slot)),
    step: () => count,
    profile: hyperparameters.profile,
    unit: hyperparameters.unit,
    metricStep: () => count,
    average: (unit) => scalar(metricName(plan, unit, 'average')),
    state: (unit, name) => scalar(metricName(plan, unit, name)),
    loss: () => scalar('loss'),
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
  const parameters = plan.parameters.map(({ name, shape }, index) => {
    const type = types[index]!
    const { value, slots } = step.update(index)
    for (const [slot, next] of Object.entries(slots)) {
      const old = backend.tensor(slotName(name, slot), type, shape)
      keep(next, old, type, shape)
      state.push(stateOf(old, type, shape, initial[index]![slot]!))
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

function stateOf(input: string, type: number, dims: readonly number[], initial: number): ModelState {
  const name = type === dataType.int64 ? 'int64' : type === dataType.double ? 'float64' : 'float32'
  return { input, output: `${input}.next`, type: name, dims, initial }
}

/** Writes the outputs that tell about the step: its status, and the scalars of its first unit. */
function writeReport(
  { emit, output }: ModelBuilder,
  status: string,
  { dualNorm, metric, scale }: DeferredUnit<string>,
): void {
  for (const [name, value] of Object.entries({ status, dual_norm: dualNorm, metric, scale })) {
    output(emit('Identity', [value], {}, name), dataType.double, [])
  }
}

/** What a model says of itself: its state and, if it is made of built-in parts, its transformation. */
function metadataOf(transformation: Transformation, state: readonly ModelState[]): Record<string, string> {
  const metadata = { [stateKey]: JSON.stringify(state) }
  try {
    return { [transformationKey]: JSON.stringify(transformation.toJSON()), ...metadata }
  } catch (error) {
    if (error instanceof InducedMetricError && error.code === 'ERR_NOT_SUPPORTED') return metadata
    throw error
  }
}

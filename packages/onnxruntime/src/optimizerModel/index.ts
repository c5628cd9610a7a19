import { InducedMetricError, type ParameterInfo, type Transformation } from '@induced-metric/core'
import {
  clipGraph,
  initialSlots,
  isTied,
  parseModelInput,
  perRateOf,
  planStep,
  profileEntries,
  unitEntries,
  type MetricUnit,
  type Profile,
  type ScalarEntry,
  type StepPlan,
} from '@induced-metric/core/adapter'
import { transformationKey } from './read.js'
import { createModelBuilder, dataType, type ModelBuilder, writeModel } from '@induced-metric/onnx/proto'
import { writeGraph, type GraphValues } from './graphValues.js'

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
  const initial = initialSlots(plan)
  const builder = createModelBuilder(opset)
  const { emit, real, input, output } = builder
  const variable: Variable = { asked: new Set(options.inputs), found: new Set() }
  const state: ModelState[] = []

  // Counts are whole numbers; what reads them is not.
  const step = input('step', dataType.int64, [])
  const nextStep = emit('Add', [step, emit('Cast', [real(1, dataType.double)], { to: dataType.int64 })])
  const count = emit('Cast', [nextStep], { to: dataType.double })
  const profiles = plan.profiles.map((profile) =>
    scalarInputs(builder, profileEntries(profile), labelOf(plan, profile), variable),
  )

  const rounded = new Map<string, string>()
  /** Scalars that are known once all parameters have been reduced; the graphs ask for them after that. */
  const late: (Record<string, string> | undefined)[] = []
  const graphs = plan.parameters.map((parameter, index): GraphValues => {
    const { name, shape, graph, profile } = parameter
    const type = typeOf(parameters[index]!)
    return writeGraph(
      builder,
      graph,
      type,
      (given, isScalar) => {
        if (given === 'gradient') return input(gradientName(name), type, shape)
        if (given === 'parameter') return input(name, type, shape)
        if (!isScalar) return input(slotName(name, given.replace(/^slot\./, '')), type, shape)
        if (given === 'step') return count
        if (given === 'rows') return real(shape[0] ?? 1, dataType.double)
        if (given === 'columns') return real(shape[1] ?? 1, dataType.double)
        return late[index]?.[given] ?? profiles[profile]!(given)
      },
      rounded,
    )
  })
  const sum = (values: readonly string[]): string =>
    values.length === 1 ? values[0]! : values.length === 0 ? real(0, dataType.double) : emit('Sum', values)

  for (const { clipNorm, members } of plan.clips) {
    const given: Readonly<Record<string, string>> = {
      normSquared: sum(members.map((index) => graphs[index]!.get('norm'))),
      clipNorm: real(clipNorm, dataType.double),
    }
    const clip = writeGraph(builder, clipGraph, dataType.double, (name) => given[name]!, rounded).get('clip')
    for (const index of members) late[index] = { clip }
  }

  const units = plan.units.map((unit) => {
    const key = unit.key === '' ? '' : `.${unit.key}`
    const kept = (name: string): string => {
      const value = input(`metric.${name}${key}`, dataType.double, [])
      state.push({ input: value, output: `${value}.next`, type: 'float64', dims: [], initial: 0 })
      return value
    }
    const average = kept('average')
    const states = unit.graph.state.map((name) => ({ name: `state.${name}`, value: kept(name) }))
    const sums = unit.sums.map(({ input: name, output: of, members }) => {
      return [name, sum(members.map((index) => graphs[index]!.get(of)))] as const
    })
    const given: Readonly<Record<string, string>> = {
      ...Object.fromEntries(sums),
      ...Object.fromEntries(states.map(({ name, value }) => [name, value])),
      average,
      metricStep: count,
    }
    const hyperparameters = unitInputs(builder, { plan, profiles, unit, suffix: key, variable })
    const graph = writeGraph(
      builder,
      unit.graph,
      dataType.double,
      (name) => given[name] ?? (name === 'loss' ? input(name, dataType.double, []) : hyperparameters(name)),
      rounded,
    )
    return { unit, average, states, dualNorm: given['dualNorm']!, graph }
  })
  const status = units.map(({ graph }) => graph.get('status')).reduce((a, b) => emit('Max', [a, b]))
  const ok = emit('Equal', [status, real(0, dataType.double)])
  const keep = (next: string, old: string, type: number, dims: readonly number[]): string => {
    const name = emit('Where', [ok, next, old], {}, `${old}.next`)
    return output(name, type, dims)
  }

  let slotCount = 0
  const written = plan.parameters.map(({ name, shape, unit, graph: { slots } }, index) => {
    const type = typeOf(parameters[index]!)
    late[index] = { ...late[index], scale: units[unit]!.graph.get('scale') }
    const graph = graphs[index]!
    const next = graph.get('parameter')
    const slotStates = slots.map((slot): ModelState => {
      const old = input(slotName(name, slot), type, shape)
      keep(graph.get(`slot.${slot}`), old, type, shape)
      return {
        input: old,
        output: `${old}.next`,
        type: type === dataType.double ? 'float64' : 'float32',
        dims: shape,
        initial: initial[index]![slot]!,
      }
    })
    state.splice(slotCount, 0, ...slotStates)
    slotCount += slotStates.length
    return { name, gradient: gradientName(name), output: keep(next, input(name, type, shape), type, shape) }
  })
  for (const { unit, average, states, graph } of units) {
    keep(graph.get('average'), average, dataType.double, [])
    states.forEach(({ name, value }, i) => {
      const changed = unit.changes
        .filter((change) => change.state === i)
        .map(({ output: of, members }) => sum(members.map((index) => graphs[index]!.get(of))))
      keep(sum([graph.get(name), ...changed]), value, dataType.double, [])
    })
  }
  keep(nextStep, step, dataType.int64, [])
  state.push({ input: step, output: `${step}.next`, type: 'int64', dims: [], initial: 0 })
  const [first] = units
  const report = {
    status,
    dual_norm: first!.dualNorm,
    metric: first!.graph.get('metric'),
    scale: first!.graph.get('scale'),
  }
  for (const [name, value] of Object.entries(report)) {
    output(emit('Identity', [value], {}, name), dataType.double, [])
  }

  const unused = [...variable.asked].find((name) => !variable.found.has(name))
  if (unused !== undefined) {
    throw new InducedMetricError(
      'ERR_OPTION',
      `inputs: the optimiser reads no hyperparameter ${JSON.stringify(unused)}; name them as learning_rate, xi, beta1`,
    )
  }
  const json = transformationText(transformation)
  const model = builder.build('induced-metric optimizer', {
    ...(json !== undefined && { [transformationKey]: json }),
    [stateKey]: JSON.stringify(state),
  })
  return {
    model: writeModel(model),
    parameters: written,
    state,
    hyperparameters: [...variable.found],
    needsLoss: plan.needsLoss,
  }
}

function typeOf({ dtype }: OptimizerModelParameter): number {
  return dtype === 'float64' ? dataType.double : dataType.float
}

function gradientName(parameter: string): string {
  return `${parameter}_grad`
}

function slotName(parameter: string, slot: string): string {
  return `${parameter}.${slot}`
}

/** What tells the inputs of one profile from those of another: nothing for the first. */
function labelOf(plan: StepPlan, profile: Profile): string {
  const index = plan.profiles.indexOf(profile)
  return index === 0 ? '' : `.${index}`
}

/** The hyperparameters that are inputs: those that a caller asked for, and those that have become so. */
interface Variable {
  readonly asked: ReadonlySet<string>
  readonly found: Set<string>
}

/** The name of the input for a hyperparameter. */
function inputName(name: string, suffix: string): string {
  const plain = name === 'beta' ? 'metric.beta' : name.replace(/^(base|embedding)\./, '')
  return `${plain.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}${suffix}`
}

/** Scalars that are the same at every step as constants, and those of a schedule or asked for as inputs. */
function scalarInputs(
  builder: ModelBuilder,
  entries: readonly ScalarEntry[],
  suffix: string,
  variable: Variable,
): (name: string) => string {
  const known = new Map(entries.map((entry) => [entry.input, entry.value]))
  return (name) => {
    const value = known.get(name)
    if (value === undefined)
      throw new InducedMetricError(
        'ERR_NOT_SUPPORTED',
        `the graph reads a scalar ${name} that a model is not given`,
      )
    const input = inputName(name, suffix)
    if (typeof value === 'number' && !variable.asked.has(input)) return builder.real(value, dataType.double)
    variable.found.add(input)
    return builder.input(input, dataType.double, [])
  }
}

/** The scalars of a metric unit. What it has in common with a profile, it takes from there. */
function unitInputs(
  builder: ModelBuilder,
  of: {
    readonly plan: StepPlan
    readonly profiles: readonly ((name: string) => string)[]
    readonly unit: MetricUnit
    readonly suffix: string
    readonly variable: Variable
  },
): (name: string) => string {
  const { plan, profiles, unit, suffix, variable } = of
  const { settings } = unit
  const own = scalarInputs(builder, unitEntries(unit), suffix, variable)
  const index = plan.profiles.findIndex((profile) => profile.settings === settings)
  const rateIsGiven = variable.asked.has(inputName('learningRate', labelOf(plan, plan.profiles[index]!)))
  return (name) => {
    const averaged = parseModelInput(name)
    if (averaged) {
      const base = unit.bases[averaged.model]!
      return profiles[plan.profiles.findIndex((profile) => profile.base === base)]!(`base.${averaged.name}`)
    }
    if (rateIsGiven && name === 'startAxis.rate') return profiles[index]!('learningRate')
    if (rateIsGiven && name === 'xi' && isTied(settings.xi)) {
      const perRate = builder.real(perRateOf(settings.xi), dataType.double)
      return builder.emit('Mul', [perRate, profiles[index]!('learningRate')])
    }
    return own(name)
  }
}

/** A transformation as text, if it is made of built-in parts. */
function transformationText(transformation: Transformation): string | undefined {
  try {
    return JSON.stringify(transformation.toJSON())
  } catch (error) {
    if (error instanceof InducedMetricError && error.code === 'ERR_NOT_SUPPORTED') return undefined
    throw error
  }
}

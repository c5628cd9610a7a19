import {
  checkCheckpoint,
  checkParameterState,
  decodeCheckpoint,
  type Checkpoint,
  type ParameterState,
} from './checkpoint.js'
import { createReferenceEngine } from './engines/reference/index.js'
import {
  elementType,
  type Engine,
  type EngineFactory,
  type Slots,
  type TypedArray,
} from './engines/engine.js'
import { createWasmEngine } from './engines/wasm/index.js'
import { isWasmMemory, isWasmSupported, type WasmMemory } from './engines/wasm/webassembly.js'
import { InducedMetricError, show } from './errors.js'
import { checkKeys } from './hyperparameter.js'
import {
  planStep,
  profileScalars,
  unitScalars,
  type MetricUnit,
  type Scalars,
  type StepPlan,
} from './plan.js'
import { clipGraph, stepStatus } from './record.js'
import { composeReport, idle, initialReport, refusal, type StepReport } from './report.js'
import { compileScalars, type ScalarProgram } from './scalars.js'
import { checkTransformation, type ParameterInfo, type Transformation } from './transformation.js'

/** A parameter to optimise: its name, shape and values. */
export interface Parameter extends ParameterInfo {
  /** Row-major values, one per scalar of `shape`; updated in place by every step. */
  readonly data: TypedArray
}

/** A parameter, or its gradient, as the optimiser holds it. */
export interface OptimizerParameter extends ParameterInfo {
  /**
   * The live values: the caller's own array, or a view of the engine's memory, which is another one after that memory
   * has grown (only a `memory` that is shared with something else grows after the optimiser was created).
   */
  readonly data: TypedArray
}

/** An induced-metric optimiser over typed arrays. */
export interface Optimizer {
  /**
   * Takes one step: updates the parameters in place.
   *
   * @param gradients ∂L/∂θ, one array per parameter, of its length and element type; `null` leaves that parameter
   *   alone: its values, its slots and its step count
   * @param options `loss`: L at the parameters before the step; required by `log` and `logDamped`
   * @returns what the step did
   * @throws ERR_SHAPE for a gradient of another length or type; ERR_LOSS_REQUIRED; ERR_BAD_LOSS; ERR_NON_FINITE with
   *   `onNonFinite: 'throw'`; ERR_OPTION when a schedule leaves its range; ERR_DISPOSED. After any of them the
   *   parameters and slots are as before, bit for bit.
   */
  step(gradients: readonly (TypedArray | null)[], options?: { readonly loss?: number }): StepReport
  /** What the latest step did; before the first, a report with `step: 0`. */
  readonly report: StepReport
  /** The parameters, with the arrays that are updated. */
  readonly parameters: readonly OptimizerParameter[]
  /**
   * An array per parameter, of its length and element type, in the engine's own memory: a gradient written into it
   * and then given to `step` is not copied. Nothing but the caller writes into it.
   */
  readonly gradients: readonly OptimizerParameter[]
  /** The arrays kept per parameter from step to step, by name. */
  readonly slots: readonly Slots[]
  /** A copy of the optimiser's state, which `load` takes here or in another adapter. */
  save(): Checkpoint
  /**
   * Goes on from a saved state. The parameters themselves are not in it.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters, and nothing has changed
   */
  load(checkpoint: Checkpoint | Uint8Array): void
  /** Lets go of all arrays; every later call throws ERR_DISPOSED. */
  dispose(): void
}

/** The options of {@link createOptimizer}. */
export interface OptimizerOptions {
  /**
   * What computes: `'wasm'`, loops compiled for the transformation at hand into WebAssembly with vector instructions;
   * the `'reference'` interpreter; or `'auto'` (default) for the fastest there is.
   */
  readonly engine?: 'auto' | 'wasm' | 'reference'
  /**
   * The `WebAssembly.Memory` for the wasm engine to work in, where it should not make its own. It grows by what slots,
   * gradients and copies of parameters need, and nothing that lies in it is moved. A parameter or gradient whose array
   * is a view of this memory is worked on where it is.
   */
  readonly memory?: WasmMemory
  /**
   * Whether the wasm engine takes the parameters over: their values are copied into its memory once, and
   * `optimizer.parameters[i].data` are the parameters from then on. Otherwise (default) the caller's arrays remain the
   * parameters, and the wasm engine copies them in and out at every step.
   */
  readonly adopt?: boolean
}

/**
 * Creates an optimiser over arrays of the caller's, which every step updates in place.
 *
 * @param transformation what `inducedMetric` returned
 * @param parameters names, shapes and row-major values, Float32Array or Float64Array
 * @throws ERR_OPTION for an invalid option or a name used twice; ERR_SHAPE when data and shape do not agree;
 *   ERR_NOT_SUPPORTED for an engine that is not available
 *
 * @example
 * ```ts
 * import { createOptimizer, inducedMetric, sgd } from '@induced-metric/core'
 *
 * // The landscape L(x, y) = x² + 10y², from (1, 1).
 * const data = new Float64Array([1, 1])
 * const transformation = inducedMetric(sgd(), { learningRate: 0.05, xi: 0.1 })
 * const optimizer = createOptimizer(transformation, [{ name: 'position', shape: [2], data }])
 * for (let i = 0; i < 100; i++) {
 *   const [x, y] = data
 *   optimizer.step([new Float64Array([2 * x!, 20 * y!])], { loss: x! ** 2 + 10 * y! ** 2 })
 * }
 * console.log(data, optimizer.report.scale)
 * ```
 */
export function createOptimizer(
  transformation: Transformation,
  parameters: readonly Parameter[],
  options: OptimizerOptions = {},
): Optimizer {
  checkTransformation(transformation)
  checkKeys('createOptimizer', options, ['engine', 'memory', 'adopt'])
  const { engine: engineName = 'auto', memory, adopt = false } = options
  if (!Array.isArray(parameters)) {
    throw new InducedMetricError('ERR_OPTION', `parameters must be an array, given ${show(parameters)}`)
  }
  const createEngine = chooseEngine(engineName)
  if (memory !== undefined && (createEngine !== createWasmEngine || !isWasmMemory(memory))) {
    const problem =
      createEngine === createWasmEngine ? show(memory) : 'one to an engine that has no use for it'
    throw new InducedMetricError(
      'ERR_OPTION',
      `memory must be a WebAssembly.Memory for the wasm engine, given ${problem}`,
    )
  }
  if (typeof adopt !== 'boolean') {
    throw new InducedMetricError('ERR_OPTION', `adopt must be true or false, given ${show(adopt)}`)
  }
  const plan = planStep(transformation, parameters)
  parameters.forEach(({ name, shape, data }, index) => {
    if (elementType(data) === undefined) {
      throw new InducedMetricError(
        'ERR_SHAPE',
        `parameter ${show(name)}: data must be a Float32Array or Float64Array, given ${show(data)}`,
      )
    }
    const { size } = plan.parameters[index]!
    if (data.length === size) return
    throw new InducedMetricError(
      'ERR_SHAPE',
      `parameter ${show(name)}: shape [${shape.join(', ')}] has ${size} elements, data has ${data.length}`,
    )
  })
  const engine = createEngine(
    plan,
    parameters.map(({ data }) => data),
    initialSlots(plan),
    { adopt, ...(memory && { memory }) },
  )
  return new PlannedOptimizer(plan, engine, parameters)
}

function chooseEngine(name: unknown): EngineFactory {
  if (name === 'auto') return isWasmSupported() ? createWasmEngine : createReferenceEngine
  if (name === 'reference') return createReferenceEngine
  if (name === 'wasm') {
    if (isWasmSupported()) return createWasmEngine
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      "WebAssembly with vector instructions cannot be compiled here; use engine: 'auto' or 'reference'. A content " +
        "security policy has to allow 'wasm-unsafe-eval'",
    )
  }
  throw new InducedMetricError(
    'ERR_OPTION',
    `engine must be 'auto', 'wasm' or 'reference', given ${show(name)}`,
  )
}

/** The first value of each slot of each parameter. */
export function initialSlots(plan: StepPlan): Record<string, number>[] {
  const scalars = plan.profiles.map((profile) => profileScalars({}, profile, 1))
  return plan.parameters.map(({ graph, profile, shape }) => {
    const outputs = graph.slots.map((name) => `initial.${name}`)
    const values = compileScalars(graph, outputs)({ ...scalars[profile]!, ...shapeScalars(shape), step: 1 })
    return Object.fromEntries(graph.slots.map((name, i) => [name, values[i]!]))
  })
}

function shapeScalars(shape: readonly number[]): Scalars {
  return { rows: shape[0] ?? 1, columns: shape[1] ?? 1 }
}

/** The cohort of each parameter. */
function createCohorts(plan: StepPlan): Cohort[] {
  const cohorts = new Map<string, Cohort>()
  return plan.parameters.map(({ graph, profile, unit, clip, shape }) => {
    const readsShape = graph.nodes.some(({ name }) => name === 'rows' || name === 'columns')
    const key = [profile, unit, clip, ...(readsShape ? shape : [])].join()
    let cohort = cohorts.get(key)
    if (!cohort) cohorts.set(key, (cohort = { scalars: shapeScalars(shape), turn: 0, steps: 0 }))
    return cohort
  })
}

interface UnitWork {
  readonly unit: MetricUnit
  readonly scalars: Scalars
  readonly evaluate: ScalarProgram
  average: number
  steps: number
}

/** Parameters whose scalars are the same as long as they have been updated equally often. */
interface Cohort {
  readonly scalars: Scalars
  /** The call of `step` in which the scalars were filled in last, and for which count. */
  turn: number
  steps: number
}

class PlannedOptimizer implements Optimizer {
  readonly parameters: readonly OptimizerParameter[]
  readonly gradients: readonly OptimizerParameter[]
  readonly #plan: StepPlan
  readonly #profiles: Scalars[]
  readonly #cohorts: readonly Cohort[]
  /** Scalars of parameters that have fallen out of step with their cohort. */
  readonly #stragglers: Scalars[] = []
  /** The scalars of each parameter in the current step. */
  readonly #scalars: Scalars[]
  readonly #active: number[] = []
  readonly #norms: Float64Array
  readonly #duals: Float64Array
  #turn = 0
  readonly #units: UnitWork[]
  readonly #clip = compileScalars(clipGraph, ['clip'])
  /** Number of steps that updated each parameter. */
  readonly #steps: number[]
  #engine: Engine | undefined
  #report: StepReport

  constructor(plan: StepPlan, engine: Engine, parameters: readonly Parameter[]) {
    this.#plan = plan
    this.#engine = engine
    this.parameters = parameters.map((parameter, index) => ({
      ...parameter,
      get data() {
        return engine.parameters[index]!
      },
    }))
    this.gradients = parameters.map((parameter, index) => ({
      ...parameter,
      get data() {
        return engine.gradients[index]!
      },
    }))
    this.#profiles = plan.profiles.map(() => ({}))
    this.#cohorts = createCohorts(plan)
    this.#scalars = this.#cohorts.map(({ scalars }) => scalars)
    this.#norms = new Float64Array(parameters.length)
    this.#duals = new Float64Array(parameters.length)
    this.#steps = plan.parameters.map(() => 0)
    this.#units = plan.units.map((unit) => ({
      unit,
      scalars: {},
      evaluate: compileScalars(unit.graph, ['average', 'metric', 'scale', 'status']),
      average: 0,
      steps: 0,
    }))
    this.#report = initialReport
  }

  get report(): StepReport {
    return this.#report
  }

  get slots(): readonly Slots[] {
    return this.#alive().slots
  }

  step(gradients: readonly (TypedArray | null)[], options: { readonly loss?: number } = {}): StepReport {
    const engine = this.#alive()
    const plan = this.#plan
    this.#checkGradients(gradients)
    const loss = this.#checkLoss(options)

    // Everything that can go wrong goes wrong before the first write.
    const step = this.#report.step + 1
    plan.profiles.forEach((profile, i) => profileScalars(this.#profiles[i]!, profile, step))
    this.#turn++
    const active = this.#active
    active.length = 0
    for (let index = 0; index < gradients.length; index++) {
      if (gradients[index] === null) continue
      active.push(index)
      this.#scalars[index] = this.#scalarsOf(index)
    }
    engine.begin(active, gradients, this.#scalars)
    if (plan.clips.length > 0) this.#clipGradients(engine, gradients)

    const duals = this.#duals
    engine.reduce(duals)
    const results = this.#units.map((work) => {
      let dualNorm = 0
      let contributions = 0
      for (const index of work.unit.contributors) {
        if (gradients[index] === null) continue
        dualNorm += duals[index]!
        contributions++
      }
      if (contributions === 0) return undefined
      const scalars = unitScalars(work.scalars, work.unit, step)
      Object.assign(scalars, {
        dualNorm,
        loss: loss ?? NaN,
        average: work.average,
        metricStep: work.steps + 1,
      })
      const [average, metric, scale, status] = work.evaluate(scalars) as unknown as [
        number,
        number,
        number,
        number,
      ]
      return { dualNorm, average, metric, scale, status, xi: scalars['xi']! }
    })

    const failed = results.findIndex((result) => result !== undefined && result.status !== stepStatus.ok)
    if (failed !== -1) {
      const { status, dualNorm } = results[failed]!
      const error = refusal(plan.transformation, this.#units[failed]!.unit, status, { dualNorm, loss })
      if (error) throw error
    }
    const skipped = failed !== -1 || active.length === 0
    if (!skipped) {
      for (const index of active) {
        this.#scalars[index]!['scale'] = results[plan.parameters[index]!.unit]!.scale
        this.#steps[index]!++
      }
      engine.update()
      results.forEach((result, i) => {
        if (result === undefined) return
        this.#units[i]!.average = result.average
        this.#units[i]!.steps++
      })
    }

    return (this.#report = composeReport({
      step: skipped ? step - 1 : step,
      loss,
      skipped,
      skippedSteps: this.#report.skippedSteps + (skipped ? 1 : 0),
      learningRate: this.#profiles[0]?.['learningRate'] ?? NaN,
      units: results.map((result, i) => ({ unit: this.#units[i]!.unit, ...(result ?? idle) })),
    }))
  }

  save(): Checkpoint {
    const engine = this.#alive()
    const { hash, parameters } = this.#plan
    return {
      format: 'induced-metric-checkpoint',
      version: 1,
      hash,
      step: this.#report.step,
      skippedSteps: this.#report.skippedSteps,
      units: this.#units.map(({ unit, average, steps }) => ({ key: unit.key, average, steps })),
      parameters: parameters.map(({ name, shape }, index): ParameterState => {
        const slots = Object.entries(engine.slots[index]!).map(
          ([slot, data]) => [slot, data.slice()] as const,
        )
        const dtype = elementType(engine.parameters[index])!
        return {
          name,
          shape: [...shape],
          dtype,
          steps: this.#steps[index]!,
          slots: Object.fromEntries(slots),
        }
      }),
    }
  }

  load(given: Checkpoint | Uint8Array): void {
    const engine = this.#alive()
    const checkpoint = given instanceof Uint8Array ? decodeCheckpoint(given) : given
    checkCheckpoint(checkpoint)
    const refuse = (message: string): never => {
      throw new InducedMetricError('ERR_CHECKPOINT', message)
    }

    const states = new Map(checkpoint.parameters.map((state) => [state.name, state]))
    const units = new Map(checkpoint.units.map((unit) => [unit.key, unit]))
    const matched = this.#plan.parameters.map(({ name, shape }, index) => {
      const state = states.get(name) ?? refuse(`the checkpoint has no parameter ${show(name)}`)
      checkParameterState(state, {
        name,
        shape,
        dtype: elementType(engine.parameters[index])!,
        slots: Object.keys(engine.slots[index]!),
      })
      return state
    })
    if (states.size !== matched.length) {
      const known = new Set(matched.map(({ name }) => name))
      refuse(
        `the checkpoint has parameters unknown here: ${[...states.keys()].filter((name) => !known.has(name)).join(', ')}`,
      )
    }
    const averages = this.#units.map(
      ({ unit: { key } }) => units.get(key) ?? refuse(`the checkpoint has no metric unit ${show(key)}`),
    )
    if (units.size !== averages.length) refuse('the checkpoint has metric units unknown here')
    if (checkpoint.hash !== this.#plan.hash) {
      refuse(
        'the checkpoint was saved by a transformation of another form: its bases or its metricScope differ',
      )
    }

    matched.forEach((state, index) => {
      for (const [slot, data] of Object.entries(engine.slots[index]!)) data.set(state.slots[slot]!)
      this.#steps[index] = state.steps
    })
    averages.forEach(({ average, steps }, i) => Object.assign(this.#units[i]!, { average, steps }))
    this.#report = {
      ...this.#report,
      step: checkpoint.step,
      skippedSteps: checkpoint.skippedSteps,
      skipped: false,
    }
  }

  dispose(): void {
    this.#engine?.dispose()
    this.#engine = undefined
  }

  #alive(): Engine {
    if (this.#engine) return this.#engine
    throw new InducedMetricError('ERR_DISPOSED', 'this optimiser was disposed of; create another')
  }

  #checkGradients(gradients: readonly (TypedArray | null)[]): void {
    const { parameters } = this
    if (!Array.isArray(gradients) || gradients.length !== parameters.length) {
      const given = Array.isArray(gradients) ? `${gradients.length}` : show(gradients)
      throw new InducedMetricError(
        'ERR_SHAPE',
        `step takes an array of ${parameters.length} gradients, one per parameter, given ${given}`,
      )
    }
    // Over the parameters, as a walk over the gradients would pass by holes.
    const own = this.#alive().gradients
    for (let index = 0; index < parameters.length; index++) {
      const gradient: unknown = gradients[index]
      if (gradient === null || gradient === own[index]) continue
      const { name, data } = parameters[index]!
      if (elementType(gradient) !== elementType(data)) {
        throw new InducedMetricError(
          'ERR_SHAPE',
          `the gradient of parameter ${show(name)} must be a ${data.constructor.name} or null, given ${show(gradient)}`,
        )
      }
      const { length } = gradient as TypedArray
      if (length === data.length) continue
      throw new InducedMetricError(
        'ERR_SHAPE',
        `the gradient of parameter ${show(name)} must have ${data.length} elements, given ${length}`,
      )
    }
  }

  #checkLoss(options: { readonly loss?: number }): number | null {
    checkKeys('step', options, ['loss'])
    const { loss } = options
    if (loss !== undefined && typeof loss !== 'number') {
      throw new InducedMetricError('ERR_OPTION', `loss must be a number, given ${show(loss)}`)
    }
    if (loss === undefined && this.#plan.needsLoss) {
      const { embedding } = this.#units.find(({ unit }) => unit.graph.needsLoss)!.unit.settings
      throw new InducedMetricError(
        'ERR_LOSS_REQUIRED',
        `the embedding ${embedding.name} reads the loss: pass it, as in step(gradients, { loss })`,
      )
    }
    return loss ?? null
  }

  /** A parameter's scalars at this step, but for those that are known only after a pass. */
  #scalarsOf(index: number): Scalars {
    const cohort = this.#cohorts[index]!
    const steps = this.#steps[index]!
    const { profile, shape } = this.#plan.parameters[index]!
    if (cohort.turn !== this.#turn) {
      cohort.turn = this.#turn
      cohort.steps = steps
    } else if (cohort.steps === steps) {
      return cohort.scalars
    }
    const isFirst = cohort.steps === steps
    const scalars = isFirst ? cohort.scalars : (this.#stragglers[index] ??= shapeScalars(shape))
    Object.assign(scalars, this.#profiles[profile])
    scalars['step'] = steps + 1
    return scalars
  }

  /** Gives each clipped parameter its factor. */
  #clipGradients(engine: Engine, gradients: readonly (TypedArray | null)[]): void {
    const norms = this.#norms
    engine.norm(norms)
    for (const { clipNorm, members } of this.#plan.clips) {
      const clipped = members.filter((index) => gradients[index] !== null)
      const normSquared = clipped.reduce((total, index) => total + norms[index]!, 0)
      const [clip] = this.#clip({ normSquared, clipNorm }) as unknown as [number]
      for (const index of clipped) this.#scalars[index]!['clip'] = clip
    }
  }
}

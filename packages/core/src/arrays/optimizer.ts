import type { Checkpoint, ParameterState } from '../checkpoint/checkpoint.js'
import { matchCheckpoint, saveUnit } from '../checkpoint/match.js'
import { elementType, type Slots, type TypedArray } from '../dtype.js'
import type { Engine, EngineFactory } from '../engines/engine.js'
import { createReferenceEngine } from '../engines/reference/index.js'
import { isShared, isWasmMemory, isWasmSupported, type WasmMemory } from '../engines/wasm/memory.js'
import { isNoMemory } from '../engines/wasm/pool.js'
import { createWasmEngine } from '../engines/wasm/tenant.js'
import type { Helper } from '../engines/wasm/threads/host.js'
import { InducedMetricError, isList, show } from '../errors.js'
import { sizeOf } from '../shape.js'
import { initialSlots } from '../step/initialSlots.js'
import { checkLearningRate, learningRateAt, withLearningRate } from '../step/learningRate.js'
import { checkLoss, planStep, type StepPlan } from '../step/plan.js'
import { composeReport, initialReport, restoredReport, type StepReport } from '../step/report.js'
import { averagedSlot } from '../step/stepGraph.js'
import { createStepper, initialUnit, type ScalarState, type Stepper } from '../step/stepper.js'
import { checkOwnValues, withValues } from '../step/withValues.js'
import type { Company } from '../transformation/roster.js'
import { checkTransformation } from '../transformation/transformation.js'
import type { ParameterInfo, Transformation } from '../transformation/types.js'
import { checkOptions } from '../validation/options.js'

/** A parameter to optimise: its name, shape and values. */
export interface Parameter extends ParameterInfo {
  /** Row-major values, one per scalar of `shape`; updated in place by every step. */
  readonly data: TypedArray
}

/** A parameter, or its gradient, as the optimiser holds it. */
export interface OptimizerParameter extends ParameterInfo {
  /**
   * The live values: the caller's own array, or a view of the engine's memory, which is another one after that memory
   * has grown: when parameters were added, or by what else uses a `memory` that was given.
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
  /**
   * The learning rate of the next step, of a schedule its value there. A number ≥ 0 that is set takes the place of the
   * transformation's number or schedule from the next step on, in every group whose learning rate is no other than the
   * transformation's; a group with one of its own keeps that. It is part of the state: checkpoints hold it.
   *
   * @throws ERR_OPTION when anything else is set, and nothing has changed
   *
   * @example
   * ```ts
   * import { adam, createOptimizer, inducedMetric } from '@induced-metric/core'
   *
   * const weights = { name: 'w', shape: [1], data: new Float32Array([1]) }
   * const optimizer = createOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), [weights])
   * optimizer.step([new Float32Array([0.5])])
   * optimizer.learningRate /= 10
   * ```
   */
  learningRate: number
  /** The number that {@link learningRate} was set to, or the checkpoint held; `undefined` where it is the transformation's. */
  readonly fixedLearningRate: number | undefined
  /** What computes: with `engine: 'auto'`, the reference where WebAssembly does not compile or has no memory left. */
  readonly engine: Engine['kind']
  /** The parameters, with the arrays that are updated. */
  readonly parameters: readonly OptimizerParameter[]
  /**
   * An array per parameter, of its length and element type, in the engine's own memory: a gradient written into it
   * and then given to `step` is not copied. Nothing but the caller writes into it.
   */
  readonly gradients: readonly OptimizerParameter[]
  /** The arrays kept per parameter from step to step, by name. */
  readonly slots: readonly Slots[]
  /**
   * Runs a function while the parameters hold their averages, where the transformation keeps any (`averageWeights`), and puts
   * their own values back when it has returned or its promise is settled. A parameter that has taken no step is its own average.
   *
   * @param evaluate works with the averages; it must not take steps
   * @returns what the function returned
   * @throws what the function throws; ERR_OPTION when it is called within itself; ERR_DISPOSED
   *
   * @example
   * ```ts
   * import { adam, createOptimizer, inducedMetric } from '@induced-metric/core'
   *
   * const data = new Float32Array([1])
   * const transformation = inducedMetric(adam(), { learningRate: 0.1, averageWeights: 8 })
   * const optimizer = createOptimizer(transformation, [{ name: 'w', shape: [1], data }])
   * for (let i = 0; i < 10; i++) optimizer.step([Float32Array.of(2 * data[0]!)])
   * const loss = optimizer.withAveragedWeights(() => data[0]! ** 2)
   * console.log(loss)
   * ```
   */
  withAveragedWeights<R>(evaluate: () => R): R
  /**
   * Takes on more parameters, behind those there are: the memory grows, and `parameters`, `gradients` and `slots` have
   * to be asked for again. The steps so far stay counted for the parameters that took them; `xi: 'auto'` and the metric
   * are over all parameters from the next step on.
   *
   * @param parameters as for {@link createOptimizer}
   * @throws what `createOptimizer` throws; then nothing has been added
   *
   * @example
   * ```ts
   * import { adam, createOptimizer, inducedMetric } from '@induced-metric/core'
   *
   * const layer = (name: string) => ({ name, shape: [8], data: new Float32Array(8).fill(1) })
   * const optimizer = createOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), [layer('first')])
   * optimizer.step([new Float32Array(8).fill(1)])
   * optimizer.add([layer('second')])
   * optimizer.step([null, new Float32Array(8).fill(1)])
   * ```
   */
  add(parameters: readonly Parameter[]): void
  /** A copy of the optimiser's state, which `load` takes here or in another adapter. */
  save(): Checkpoint
  /**
   * Goes on from a saved state. The parameters themselves are not in it.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters, and nothing has changed
   */
  load(checkpoint: Checkpoint | Uint8Array): void
  /**
   * Lets go of all arrays; every later call throws ERR_DISPOSED. In a `memory` that was given, what held gradients and
   * slots is there for the next optimiser; parameters that were adopted stay where they are.
   */
  dispose(): void
}

/** The options of {@link createOptimizer}. */
export interface OptimizerOptions {
  /**
   * What computes: `'wasm'`, loops compiled for the transformation at hand into WebAssembly with vector instructions;
   * the `'reference'` interpreter; or `'auto'` (default) for the fastest there is: `optimizer.engine` says which that is.
   * `'auto'` takes the reference where WebAssembly does not compile, and where there is no memory for it to be had.
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
  /**
   * Parameters of the model that are not optimised, such as frozen ones: options may name them and their groups. Called
   * where an option names what is not among the parameters.
   */
  readonly others?: () => readonly ParameterInfo[]
  /**
   * A `Worker`, of a browser or of `node:worker_threads`, in which {@link assist} was called: a second thread for the wasm
   * engine, which takes a part of the work from a million parameters on and sleeps otherwise. It is worth it where a core
   * has nothing else to do, and a loss where none is free. The engine's memory is shared with it, and views of it
   * are ones of a `SharedArrayBuffer`, which a page has only if it is isolated from other origins; a `memory` that is given
   * has to be shared, too. A worker that is not up yet, or busy, holds no step up. Dispose of optimisers before you end their
   * helper: a step that it is ended in waits ten seconds for it and throws ERR_DISPOSED. `muon` does without.
   */
  readonly helper?: Helper
}

/**
 * Creates an optimiser over arrays of the caller's, which every step updates in place.
 *
 * @param transformation what `inducedMetric` returned
 * @param parameters names, shapes and row-major values, Float32Array or Float64Array
 * @throws ERR_OPTION for an invalid option or a name used twice; ERR_SHAPE when data and shape do not agree, or two
 *   parameters share elements;
 *   ERR_NOT_SUPPORTED for an engine that is not available, or for which there is no memory
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
 *
 * @example
 * Without copies: the parameters live in the optimiser's memory, and gradients are written there.
 *
 * ```ts
 * import { adam, createOptimizer, inducedMetric } from '@induced-metric/core'
 *
 * const optimizer = createOptimizer(
 *   inducedMetric(adam(), { learningRate: 0.1 }),
 *   [{ name: 'w', shape: [1000], data: new Float32Array(1000).fill(1) }],
 *   { adopt: true },
 * )
 * const [w, gradient] = [optimizer.parameters[0]!.data, optimizer.gradients[0]!.data]
 * for (let step = 0; step < 10; step++) {
 *   for (let i = 0; i < w.length; i++) gradient[i] = 2 * w[i]!
 *   optimizer.step([gradient])
 * }
 * ```
 */
export function createOptimizer(
  transformation: Transformation,
  parameters: readonly Parameter[],
  options: OptimizerOptions = {},
): Optimizer {
  checkTransformation(transformation)
  checkOptions('createOptimizer', options, {
    engine: ['auto', 'wasm', 'reference'],
    memory: 'any',
    adopt: 'boolean',
    others: 'function',
    helper: 'any',
  })
  const { engine: engineName = 'auto', memory, adopt = false, others, helper } = options
  checkList(parameters)
  const createEngine = chooseEngine(engineName)
  if (memory !== undefined && (createEngine !== createWasmEngine || !isWasmMemory(memory))) {
    const problem =
      createEngine === createWasmEngine ? show(memory) : 'one to an engine that has no use for it'
    throw new InducedMetricError(
      'ERR_OPTION',
      `memory must be a WebAssembly.Memory for the wasm engine, given ${problem}`,
    )
  }
  if (helper !== undefined) checkHelper(helper, createEngine === createWasmEngine, memory)
  const company = others === undefined ? {} : { others }
  const plan = planStep(transformation, parameters.map(infoOf), company)
  checkData(parameters)
  checkApart(parameters)
  const create = (make: EngineFactory, givesWay: boolean): Engine => {
    const arrays = parameters.map(({ data }) => data)
    try {
      return make(plan, arrays, initialSlots(plan), {
        adopt,
        ...(memory && { memory }),
        ...(helper && { helper }),
      })
    } catch (error) {
      if (!givesWay || !isNoMemory(error)) throw error
      return create(createReferenceEngine, false)
    }
  }
  // Who gives a memory or a helper has chosen the engine that has a use for them.
  const isOpen = engineName === 'auto' && memory === undefined && helper === undefined
  return new PlannedOptimizer(plan, company, create(createEngine, isOpen), parameters)
}

/** Throws ERR_OPTION unless a helper is one, and of use; ERR_NOT_SUPPORTED where threads share no memory. */
function checkHelper(helper: unknown, isWasm: boolean, memory: WasmMemory | undefined): void {
  const { postMessage } = (helper ?? {}) as Partial<Helper>
  const problem = !isWasm
    ? 'one to an engine that has no use for it'
    : typeof postMessage !== 'function'
      ? show(helper)
      : memory !== undefined && !isShared(memory)
        ? 'one with a memory that is not shared'
        : undefined
  if (problem !== undefined) {
    throw new InducedMetricError(
      'ERR_OPTION',
      `helper must be a Worker for the wasm engine, on its own memory or a shared one, given ${problem}`,
    )
  }
  if (typeof SharedArrayBuffer !== 'undefined') return
  throw new InducedMetricError(
    'ERR_NOT_SUPPORTED',
    'threads share no memory here: a page has to be isolated from other origins for a helper',
  )
}

/** What a plan is to know of a parameter, which should not keep hold of its array. */
function infoOf(parameter: ParameterInfo): ParameterInfo {
  // What is no object is for the plan to complain of.
  if (typeof parameter !== 'object' || parameter === null) return parameter
  const { name, shape, group, rowsAre } = parameter
  return { name, shape, ...(group !== undefined && { group }), ...(rowsAre !== undefined && { rowsAre }) }
}

/** Throws ERR_OPTION unless parameters are given as an array. */
function checkList(parameters: unknown): void {
  if (isList(parameters)) return
  throw new InducedMetricError('ERR_OPTION', `parameters must be an array, given ${show(parameters)}`)
}

/** Throws ERR_SHAPE unless the arrays are of a type to work on, and of the size of their shapes. */
function checkData(parameters: readonly Parameter[]): void {
  for (const { name, shape, data } of parameters) {
    if (elementType(data) === undefined) {
      throw new InducedMetricError(
        'ERR_SHAPE',
        `parameter ${show(name)}: data must be a Float32Array or Float64Array, given ${show(data)}`,
      )
    }
    const size = sizeOf(shape)
    if (data.length === size) continue
    throw new InducedMetricError(
      'ERR_SHAPE',
      `parameter ${show(name)}: shape [${shape.join(', ')}] has ${size} elements, data has ${data.length}`,
    )
  }
}

/** Throws ERR_SHAPE when two parameters have elements in common: each would undo what is done to the other. */
function checkApart(parameters: readonly OptimizerParameter[]): void {
  const byBuffer = new Map<ArrayBufferLike, OptimizerParameter[]>()
  for (const parameter of parameters) {
    const { buffer, length } = parameter.data
    const others = byBuffer.get(buffer)
    if (length === 0) continue
    if (others) others.push(parameter)
    else byBuffer.set(buffer, [parameter])
  }
  for (const sharers of byBuffer.values()) {
    sharers.sort((a, b) => a.data.byteOffset - b.data.byteOffset)
    for (let i = 1; i < sharers.length; i++) {
      const [before, after] = [sharers[i - 1]!, sharers[i]!]
      if (before.data.byteOffset + before.data.byteLength <= after.data.byteOffset) continue
      throw new InducedMetricError(
        'ERR_SHAPE',
        `parameters ${show(before.name)} and ${show(after.name)} share elements of one array; give weights that are ` +
          'tied once, with the sum of their gradients',
      )
    }
  }
}

function chooseEngine(name: NonNullable<OptimizerOptions['engine']>): EngineFactory {
  if (name === 'reference') return createReferenceEngine
  if (isWasmSupported()) return createWasmEngine
  if (name === 'auto') return createReferenceEngine
  throw new InducedMetricError(
    'ERR_NOT_SUPPORTED',
    "WebAssembly with vector instructions cannot be compiled here; use engine: 'auto' or 'reference'. A content " +
      "security policy has to allow 'wasm-unsafe-eval'",
  )
}

class PlannedOptimizer implements Optimizer {
  parameters: readonly OptimizerParameter[] = []
  gradients: readonly OptimizerParameter[] = []
  readonly engine: Engine['kind']
  readonly #state: ScalarState = { steps: [], units: [] }
  readonly #company: Company
  #plan: StepPlan
  #stepper: Stepper
  #engine: Engine | undefined
  /** After `dispose`, where the parameters are. */
  #left: ReturnType<Engine['dispose']> | undefined
  #report: StepReport = initialReport
  #fixedRate: number | undefined
  /** Whether the parameters hold their averages at the moment. */
  #isAveraged = false

  constructor(plan: StepPlan, company: Company, engine: Engine, parameters: readonly Parameter[]) {
    this.#plan = plan
    this.#company = company
    this.#engine = engine
    this.engine = engine.kind
    this.#stepper = createStepper(plan)
    this.#takeOn(parameters)
  }

  add(parameters: readonly Parameter[]): void {
    const engine = this.#alive()
    checkList(parameters)
    const { transformation, parameters: before } = this.#plan
    const plan = planStep(transformation, [...before, ...parameters].map(infoOf), this.#company)
    checkData(parameters)
    checkApart([...this.parameters, ...parameters])
    const another = engine.add(
      plan,
      parameters.map(({ data }) => data),
      initialSlots(plan).slice(before.length),
    )
    if (another) this.#engine = another
    this.#plan = plan
    this.#fix(this.#fixedRate)
    this.#takeOn(parameters)
  }

  get learningRate(): number {
    return learningRateAt(this.#plan.transformation, this.#fixedRate, this.#report.step + 1)
  }

  set learningRate(value: number) {
    this.#alive()
    checkLearningRate(value)
    this.#fix(value)
  }

  get fixedLearningRate(): number | undefined {
    return this.#fixedRate
  }

  #fix(rate: number | undefined): void {
    this.#fixedRate = rate
    this.#stepper = createStepper(withLearningRate(this.#plan, rate))
  }

  /** Adds parameters that the engine has. */
  #takeOn(added: readonly Parameter[]): void {
    const { steps, units } = this.#state
    const first = steps.length
    const live = (arrayOf: (index: number) => TypedArray) =>
      added.map((parameter, i): OptimizerParameter => ({
        ...parameter,
        get data() {
          return arrayOf(first + i)
        },
      }))
    const parameterOf = (index: number) => (this.#left?.() ?? this.#engine!.arrays().parameters)[index]!
    const gradientOf = (index: number) => this.#alive().arrays('gradients').gradients[index]!
    this.parameters = [...this.parameters, ...live(parameterOf)]
    this.gradients = [...this.gradients, ...live(gradientOf)]
    steps.push(...added.map(() => 0))
    units.push(...this.#plan.units.slice(units.length).map(initialUnit))
  }

  get report(): StepReport {
    return this.#report
  }

  get slots(): readonly Slots[] {
    return this.#alive().arrays('slots').slots
  }

  step(gradients: readonly (TypedArray | null)[], options: { readonly loss?: number } = {}): StepReport {
    const engine = this.#alive()
    checkOwnValues('step', this.#isAveraged)
    this.#checkGradients(gradients, engine.arrays().gradients)
    const loss = checkLoss(this.#plan, options)
    const step = this.#report.step + 1
    const { skipped, learningRate, units } = this.#stepper.take(engine, gradients, this.#state, {
      step,
      loss,
    })
    return (this.#report = composeReport({
      step: skipped ? step - 1 : step,
      loss,
      skipped,
      skippedSteps: this.#report.skippedSteps + (skipped ? 1 : 0),
      learningRate,
      units,
    }))
  }

  withAveragedWeights<R>(evaluate: () => R): R {
    const engine = this.#alive()
    const averaged = this.parameters.flatMap((_, index) =>
      averagedSlot in engine.arrays().slots[index]! && this.#state.steps[index]! > 0 ? [index] : [],
    )
    const own = averaged.map((index) => this.parameters[index]!.data.slice())
    return withValues(
      () => {
        checkOwnValues('withAveragedWeights', this.#isAveraged)
        averaged.forEach((index) => this.parameters[index]!.data.set(this.slots[index]![averagedSlot]!))
        this.#isAveraged = true
      },
      evaluate,
      () => {
        this.#isAveraged = false
        averaged.forEach((index, i) => this.parameters[index]!.data.set(own[i]!))
      },
    )
  }

  save(): Checkpoint {
    const arrays = this.#alive().arrays()
    const { hash, parameters, units } = this.#plan
    return {
      format: 'induced-metric-checkpoint',
      version: 1,
      hash,
      step: this.#report.step,
      skippedSteps: this.#report.skippedSteps,
      ...(this.#fixedRate !== undefined && { learningRate: this.#fixedRate }),
      units: units.map((unit, i) => saveUnit(unit, this.#state.units[i]!)),
      parameters: parameters.map(({ name, shape }, index): ParameterState => {
        const slots = Object.entries(arrays.slots[index]!).map(
          ([slot, data]) => [slot, data.slice()] as const,
        )
        const dtype = elementType(arrays.parameters[index])!
        return {
          name,
          shape: [...shape],
          dtype,
          steps: this.#state.steps[index]!,
          slots: Object.fromEntries(slots),
        }
      }),
    }
  }

  load(given: Checkpoint | Uint8Array): void {
    const arrays = this.#alive().arrays()
    const { checkpoint, states, averages } = matchCheckpoint(this.#plan, given, (index) =>
      elementType(arrays.parameters[index])!,
    )
    states.forEach((state, index) => {
      for (const [slot, data] of Object.entries(arrays.slots[index]!)) data.set(state.slots[slot]!)
      this.#state.steps[index] = state.steps
    })
    averages.forEach((unit, i) => Object.assign(this.#state.units[i]!, unit))
    this.#fix(checkpoint.learningRate)
    this.#report = restoredReport(this.#report, checkpoint)
  }

  dispose(): void {
    if (!this.#engine) return
    this.#left = this.#engine.dispose()
    this.#engine = undefined
  }

  #alive(): Engine {
    if (this.#engine) return this.#engine
    throw new InducedMetricError('ERR_DISPOSED', 'this optimiser was disposed of; create another')
  }

  #checkGradients(gradients: readonly (TypedArray | null)[], own: readonly TypedArray[]): void {
    const { parameters } = this
    if (!isList(gradients) || gradients.length !== parameters.length) {
      const given = isList(gradients) ? `${gradients.length}` : show(gradients)
      throw new InducedMetricError(
        'ERR_SHAPE',
        `step takes an array of ${parameters.length} gradients, one per parameter, given ${given}`,
      )
    }
    // Over the parameters, as a walk over the gradients would pass by holes.
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
}

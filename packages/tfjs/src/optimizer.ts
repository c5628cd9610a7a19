import {
  checkCheckpoint,
  checkTransformation,
  clipGraph,
  composeReport,
  decodeCheckpoint,
  encodeCheckpoint,
  fromJSON,
  idle,
  InducedMetricError,
  initialReport,
  initialSlots,
  planStep,
  profileScalars,
  refusal,
  stepStatus,
  unitScalars,
  type Checkpoint,
  type MetricUnit,
  type ParameterInfo,
  type ParameterState,
  type PlannedParameter,
  type StepPlan,
  type StepReport,
  type Transformation,
} from '@induced-metric/core'
import type { Optimizer } from '@tensorflow/tfjs-core'
import { createConstants } from './constants.js'
import { hostReader } from './device.js'
import { evaluate, type Evaluation } from './evaluation.js'
import { createLowering } from './lowering.js'
import type {
  ConfigDict,
  NamedTensor,
  NamedTensorMap,
  Scalar,
  Serializable,
  SerializableConstructor,
  Tensor,
  TensorFlow,
  Variable,
} from './namespace.js'
import { matchStates } from './restore.js'
import { addAll } from './sums.js'

/** Options of {@link inducedOptimizer}. */
export interface InducedOptimizerOptions {
  /**
   * Puts variables into parameter groups: the label of a variable's group, or `undefined` for none. A function cannot be
   * saved with a model: set `optimizer.groupOf` again after loading.
   */
  readonly groupOf?: (variable: ParameterInfo) => string | undefined
  /**
   * Who decides whether a step may be written (finite, loss in the embedding's domain): `'host'`, which reads one number
   * per step, or `'device'`, which computes both and selects, and never reads. Default: the host where tensors lie in its
   * memory (cpu, wasm), else the device.
   */
  readonly verdict?: 'host' | 'device'
}

/** A `tf.Optimizer` that takes induced-metric steps. */
export interface InducedOptimizer extends Optimizer {
  readonly transformation: Transformation
  /** See {@link InducedOptimizerOptions}. */
  groupOf: ((variable: ParameterInfo) => string | undefined) | undefined
  /**
   * Updates variables.
   *
   * @param variableGradients gradients by variable name, or an array of `{ name, tensor }`; a `null` gradient leaves its
   *   variable, slots and step count alone
   * @param loss L at the variables before the step, a scalar. Only for gradients that did not come from
   *   `computeGradients` of this optimiser, which keeps the loss itself.
   * @throws ERR_SHAPE, ERR_LOSS_REQUIRED, ERR_OPTION, ERR_DISPOSED; with the verdict on the host ERR_BAD_LOSS and
   *   ERR_NON_FINITE. After any of them the variables and slots are as before, bit for bit.
   */
  applyGradients(variableGradients: NamedTensorMap | NamedTensor[], loss?: Scalar | number): void
  /**
   * What the latest step did. Reads from the device, so call it when you want to look, not in every step.
   *
   * @throws ERR_BAD_LOSS, ERR_NON_FINITE where a step since the last report was refused on the device and the
   *   transformation says `'throw'`; no step that was refused has changed anything
   */
  report(): Promise<StepReport>
  /** The optimiser's state, which `load` takes here or in any other adapter. */
  save(): Promise<Checkpoint>
  /**
   * Goes on from a saved state: by variable name, else by position with a check of shapes.
   *
   * @param variables those to be trained, to be told of a checkpoint that does not fit now and not at the next step
   * @throws ERR_CHECKPOINT when it does not fit; nothing has changed then
   */
  load(checkpoint: Checkpoint | Uint8Array, variables?: readonly Variable[]): void
}

/** State of one variable. */
interface VariableState {
  steps: number
  readonly shape: readonly number[]
  readonly slots: Record<string, Tensor>
}

/** State of one metric unit: the average v lives on the device. */
interface UnitState {
  average: Tensor
  steps: number
}

/** What the latest step left to look at: numbers, or scalars on the device. */
interface Latest {
  readonly step: number
  readonly learningRate: number
  readonly loss: Tensor | number | null
  readonly units: readonly {
    readonly unit: MetricUnit
    readonly xi: number
    readonly values?: Readonly<Record<'dualNorm' | 'metric' | 'scale' | 'status', Tensor | number>>
  }[]
}

interface ActiveParameter {
  readonly planned: PlannedParameter
  readonly variable: Variable
  readonly state: VariableState
  readonly evaluation: Evaluation
}

const className = 'InducedMetric'
const checkpointName = 'induced-metric/checkpoint'

interface InducedOptimizerClass extends SerializableConstructor<Optimizer> {
  new (transformation: Transformation, options?: InducedOptimizerOptions): InducedOptimizer
}

const classes = new WeakMap<TensorFlow['Optimizer'], InducedOptimizerClass>()

/** The optimiser class of a copy of TensorFlow.js, registered for loading models the first time. */
export function optimizerClass(tf: TensorFlow): InducedOptimizerClass {
  let found = classes.get(tf.Optimizer)
  if (found === undefined) {
    found = createClass(tf)
    classes.set(tf.Optimizer, found)
    tf.serialization.registerClass(found)
  }
  return found
}

function createClass(tf: TensorFlow): InducedOptimizerClass {
  const lowering = createLowering(tf)

  class Induced extends tf.Optimizer implements InducedOptimizer {
    static get className(): string {
      return className
    }

    /** Rebuilds an optimiser from a model's saved configuration. */
    static override fromConfig<T extends Serializable>(cls: SerializableConstructor<T>, config: ConfigDict): T {
      const saved = config['name']
      if (typeof saved !== 'string') {
        throw new InducedMetricError('ERR_CHECKPOINT', 'the saved model holds no transformation of an induced-metric optimiser')
      }
      return new (cls as unknown as InducedOptimizerClass)(fromJSON(JSON.parse(saved))) as Serializable as T
    }

    readonly transformation: Transformation
    groupOf: InducedOptimizerOptions['groupOf']
    readonly #verdict: InducedOptimizerOptions['verdict']
    readonly #constants = createConstants(tf)
    readonly #plans = new Map<string, StepPlan>()
    readonly #states = new Map<string, VariableState>()
    readonly #units = new Map<string, UnitState>()
    /** Saved states whose variables have not been seen yet. */
    #unclaimed: ParameterState[] = []
    #latestPlan: StepPlan | undefined
    #hash = ''
    /** The loss of the gradients computed last. */
    #loss: Scalar | undefined
    #latest: Latest | undefined
    /** Steps attempted; with the verdict on the device less the skipped ones that are known of. */
    #step = 0
    #skippedSteps = 0
    #skipped = false
    /** With the verdict on the device: how many steps it refused, and the largest status, since they were last read. */
    #refused: { count: Tensor; worst: Tensor } | undefined
    #disposed = false

    constructor(transformation: Transformation, options: InducedOptimizerOptions = {}) {
      super()
      checkTransformation(transformation)
      this.transformation = transformation
      this.groupOf = options.groupOf
      this.#verdict = options.verdict
    }

    override get iterations(): number {
      return this.#step
    }

    override computeGradients(
      f: () => Scalar,
      variables?: Variable[],
    ): { value: Scalar; grads: NamedTensorMap } {
      this.#checkAlive()
      const result = super.computeGradients(f, variables)
      this.#loss?.dispose()
      this.#loss = tf.keep(result.value.clone())
      return result
    }

    override applyGradients(variableGradients: NamedTensorMap | NamedTensor[], loss?: Scalar | number): void {
      this.#checkAlive()
      const computed = this.#loss
      this.#loss = undefined
      try {
        const entries: { name: string; tensor: Tensor | null }[] = Array.isArray(variableGradients)
          ? variableGradients
          : Object.entries(variableGradients).map(([name, tensor]) => ({ name, tensor }))
        const variables = entries.map(({ name, tensor }) => checkedVariable(name, tensor))
        const plan = this.#plan(variables)
        const given = loss ?? computed
        if (given === undefined && plan.needsLoss) throw lossRequired(plan)
        this.#restore(plan)
        tf.tidy(() => this.#applyPlan(plan, variables, entries, given ?? null))
      } finally {
        computed?.dispose()
        this.#constants.sweep()
      }
    }

    #applyPlan(
      plan: StepPlan,
      variables: readonly Variable[],
      entries: readonly { tensor: Tensor | null }[],
      loss: Scalar | number | null,
    ): void {
      const step = this.#step + 1
      const profiles = plan.profiles.map((profile) => profileScalars({}, profile, step))
      const active = plan.parameters.flatMap((planned, index): ActiveParameter[] => {
        const gradient = entries[index]!.tensor ?? null
        if (gradient === null) return []
        const variable = variables[index]!
        const state = this.#states.get(planned.name)!
        const inputs: Record<string, Tensor | number> = {
          ...profiles[planned.profile],
          gradient,
          parameter: variable,
          step: state.steps + 1,
          rows: planned.shape[0] ?? 1,
          columns: planned.shape[1] ?? 1,
        }
        for (const [name, slot] of Object.entries(state.slots)) inputs[`slot.${name}`] = slot
        return [{ planned, variable, state, evaluation: evaluate(planned.graph, lowering, this.#constants, inputs) }]
      })
      this.#clip(plan, active)

      const results = plan.units.map((unit) => this.#evaluateUnit(plan, unit, active, step, loss))
      const learningRate = profiles[0]?.['learningRate'] ?? NaN
      const statuses = results.flatMap(({ status }) => (status === undefined ? [] : [status]))

      let write: (fresh: Tensor, old: Tensor) => Tensor = (fresh) => fresh
      const reader = this.#verdict === 'device' ? undefined : hostReader(tf)
      if (reader) {
        const numbers = results.map(({ status }) =>
          status === undefined || typeof status === 'number' ? (status ?? stepStatus.ok) : reader(status),
        )
        const failed = numbers.findIndex((status) => status !== stepStatus.ok)
        this.#skipped = failed !== -1 || active.length === 0
        if (failed !== -1) {
          const { unit, dualNorm } = results[failed]!
          const read = (x: Tensor | number | null | undefined): number => (typeof x === 'object' && x !== null ? reader(x) : (x ?? NaN))
          const error = refusal(this.transformation, unit, numbers[failed]!, { dualNorm: read(dualNorm), loss: read(loss) })
          if (error) throw error
        }
        if (this.#skipped) {
          this.#skippedSteps++
          this.#remember({ step: step - 1, learningRate, loss, units: results.map(latestOf) })
          return
        }
      } else {
        this.#skipped = active.length === 0
        if (this.#skipped) this.#skippedSteps++
        else write = this.#decideOnDevice(statuses)
      }

      const kept: (() => void)[] = []
      for (const { planned, variable, state, evaluation } of active) {
        evaluation.supply('scale', results[planned.unit]!.scale!)
        // All new values are computed before any is written: an update may read every slot.
        const slots = planned.graph.slots.map((name) => {
          const slot = evaluation.fresh(`slot.${name}`)
          return [name, tf.keep(write(slot, state.slots[name]!))] as const
        })
        // A fresh buffer by assign, never in place: the wasm backend caches packed weights by tensor.
        const value = write(evaluation.fresh('parameter'), variable)
        kept.push(() => {
          variable.assign(value as never)
          for (const [name, slot] of slots) {
            state.slots[name]!.dispose()
            state.slots[name] = slot
          }
          state.steps++
        })
      }
      kept.forEach((commit) => commit())
      for (const { unit, average } of results) {
        if (average === undefined) continue
        const state = this.#units.get(unit.key)!
        const previous = state.average
        state.average = tf.keep(write(toTensor(average).clone(), previous))
        previous.dispose()
        state.steps++
      }
      if (active.length > 0) this.#step = step
      this.#remember({ step: this.#step, learningRate, loss, units: results.map(latestOf) })
    }

    /** Gives each clipped gradient its factor. */
    #clip(plan: StepPlan, active: readonly ActiveParameter[]): void {
      plan.clips.forEach(({ clipNorm }, clip) => {
        const clipped = active.filter(({ planned }) => planned.clip === clip)
        if (clipped.length === 0) return
        const normSquared = addAll(tf, clipped.map(({ evaluation }) => toTensor(evaluation.get('norm'))))
        const factor = evaluate(clipGraph, lowering, this.#constants, { normSquared, clipNorm }).get('clip')
        for (const { evaluation } of clipped) evaluation.supply('clip', factor)
      })
    }

    #evaluateUnit(
      plan: StepPlan,
      unit: MetricUnit,
      active: readonly ActiveParameter[],
      step: number,
      loss: Scalar | number | null,
    ): UnitResult {
      const members = new Set(unit.contributors.map((index) => plan.parameters[index]!))
      const duals = active.filter(({ planned }) => members.has(planned)).map(({ evaluation }) => toTensor(evaluation.get('dual')))
      if (duals.length === 0) return { unit, xi: NaN }
      const state = this.#units.get(unit.key)!
      const dualNorm = addAll(tf, duals)
      const scalars = unitScalars({}, unit, step)
      const evaluation = evaluate(unit.graph, lowering, this.#constants, {
        ...scalars,
        dualNorm,
        average: state.average,
        metricStep: state.steps + 1,
        ...(loss === null ? {} : { loss }),
      })
      return {
        unit,
        xi: scalars['xi']!,
        dualNorm,
        average: evaluation.get('average'),
        metric: evaluation.get('metric'),
        scale: evaluation.get('scale'),
        status: evaluation.get('status'),
      }
    }

    /** A selection between new and old that the device makes, and its record of steps it refused. */
    #decideOnDevice(statuses: readonly (Tensor | number)[]): (fresh: Tensor, old: Tensor) => Tensor {
      const total = addAll(tf, statuses.map(toTensor))
      const ok = tf.equal(total, this.#constants.at(0))
      const count = tf.sub(this.#constants.at(1), tf.cast(ok, 'float32'))
      const previous = this.#refused
      this.#refused = {
        count: tf.keep(previous ? tf.add(previous.count, count) : count),
        worst: tf.keep(previous ? tf.maximum(previous.worst, total) : total.clone()),
      }
      if (previous) tf.dispose([previous.count, previous.worst])
      return (fresh, old) => tf.where(ok, fresh, old)
    }

    #remember(latest: Latest): void {
      const keep = <T extends Tensor | number | null>(x: T): T => (typeof x === 'object' && x !== null ? (tf.keep(x.clone()) as T) : x)
      const kept: Latest = {
        ...latest,
        loss: keep(latest.loss),
        units: latest.units.map(({ values, ...rest }) => ({
          ...rest,
          ...(values && {
            values: {
              dualNorm: keep(values.dualNorm),
              metric: keep(values.metric),
              scale: keep(values.scale),
              status: keep(values.status),
            },
          }),
        })),
      }
      this.#forget()
      this.#latest = kept
    }

    #forget(): void {
      if (!this.#latest) return
      tf.dispose([this.#latest.loss, ...this.#latest.units.map(({ values }) => values ?? {})] as never)
      this.#latest = undefined
    }

    async report(): Promise<StepReport> {
      this.#checkAlive()
      const latest = this.#latest
      if (!latest) return { ...initialReport, step: this.#step, skippedSteps: this.#skippedSteps }
      const values = latest.units.flatMap(({ values: found }) => (found ? [found.dualNorm, found.metric, found.scale, found.status] : []))
      const [loss, ...numbers] = await readScalars([latest.loss ?? NaN, ...values])
      const units = latest.units.map(({ unit, xi, values: found }) => {
        if (!found) return { unit, ...idle, status: stepStatus.ok }
        const [dualNorm, metric, scale, status] = numbers.splice(0, 4) as [number, number, number, number]
        return { unit, xi, dualNorm, metric, scale, status }
      })
      await this.#reconcile(units, latest.loss === null ? null : loss!)
      const skipped = this.#skipped || units.some(({ status }) => status !== stepStatus.ok)
      return composeReport({
        step: this.#step,
        loss: latest.loss === null ? null : loss!,
        skipped,
        skippedSteps: this.#skippedSteps,
        learningRate: latest.learningRate,
        units,
      })
    }

    /**
     * Takes the steps that the device refused since the last time off the counts that the host kept meanwhile.
     */
    async #reconcile(units: readonly { unit: MetricUnit; status: number; dualNorm: number }[], loss: number | null): Promise<void> {
      const refused = this.#refused
      if (!refused) return
      this.#refused = undefined
      const [count, worst] = (await readScalars([refused.count, refused.worst])) as [number, number]
      tf.dispose([refused.count, refused.worst])
      if (count === 0) return
      this.#step -= count
      this.#skippedSteps += count
      for (const state of [...this.#states.values(), ...this.#units.values()]) state.steps = Math.max(state.steps - count, 0)
      const failed = units.find(({ status }) => status !== stepStatus.ok) ?? units[0]!
      const error = refusal(this.transformation, failed.unit, failed.status || worst, { dualNorm: failed.dualNorm, loss })
      if (error) throw error
    }

    async save(): Promise<Checkpoint> {
      this.#checkAlive()
      if (this.#refused) await this.report()
      const units = await Promise.all(
        [...this.#units].map(async ([key, { average, steps }]) => ({ key, average: (await average.data())[0]!, steps })),
      )
      const states = await Promise.all(
        [...this.#states].map(async ([name, { shape, steps, slots }]): Promise<ParameterState> => {
          const read = Object.entries(slots).map(async ([slot, tensor]) => [slot, new Float32Array(await tensor.data())] as const)
          return { name, shape, dtype: 'float32', steps, slots: Object.fromEntries(await Promise.all(read)) }
        }),
      )
      return {
        format: 'induced-metric-checkpoint',
        version: 1,
        hash: this.#latestPlan?.hash ?? this.#hash,
        step: this.#step,
        skippedSteps: this.#skippedSteps,
        units,
        parameters: [...states, ...this.#unclaimed],
      }
    }

    load(given: Checkpoint | Uint8Array, variables?: readonly Variable[]): void {
      this.#checkAlive()
      const checkpoint = given instanceof Uint8Array ? decodeCheckpoint(given) : given
      checkCheckpoint(checkpoint)
      const known = variables ?? (this.#latestPlan ? this.#latestPlan.parameters.map(({ name }) => checkedVariable(name, null)) : [])
      if (known.length > 0) {
        const plan = this.#plan(known)
        const matched = matchStates(plan.parameters, checkpoint.parameters)
        const missing = plan.parameters.find((parameter) => !matched.some((match) => match.parameter === parameter))
        if (missing) throw new InducedMetricError('ERR_CHECKPOINT', `the checkpoint has no state that fits variable ${missing.name}`)
        if (matched.length === checkpoint.parameters.length && checkpoint.hash !== plan.hash) {
          throw new InducedMetricError(
            'ERR_CHECKPOINT',
            'the checkpoint was saved by a transformation of another form: its bases or its metricScope differ',
          )
        }
      }
      this.#release()
      this.#unclaimed = [...checkpoint.parameters]
      this.#hash = checkpoint.hash
      this.#step = checkpoint.step
      this.#skippedSteps = checkpoint.skippedSteps
      for (const { key, average, steps } of checkpoint.units) {
        this.#units.set(key, { average: tf.keep(tf.scalar(average, 'float32')), steps })
      }
    }

    override async getWeights(): Promise<NamedTensor[]> {
      const bytes = encodeCheckpoint(await this.save())
      this.iterations_ = this.#step
      return [await this.saveIterations(), { name: checkpointName, tensor: tf.tensor([bytes] as never, [1], 'string') }]
    }

    override async setWeights(weights: NamedTensor[]): Promise<void> {
      const saved = weights.find(({ name }) => name === checkpointName)
      if (!saved) {
        throw new InducedMetricError(
          'ERR_CHECKPOINT',
          `these are not the weights of an induced-metric optimiser: there is no ${checkpointName} among them`,
        )
      }
      const [bytes] = (await saved.tensor.bytes()) as Uint8Array[]
      this.load(bytes!)
    }

    /** The transformation as text under `name`, the one key whose value TensorFlow.js leaves as it is on loading. */
    override getConfig(): ConfigDict {
      return { name: JSON.stringify(this.transformation) }
    }

    override dispose(): void {
      if (this.#disposed) return
      this.#release()
      this.#constants.dispose()
      this.#disposed = true
    }

    /** Lets go of all state. */
    #release(): void {
      this.#forget()
      this.#loss?.dispose()
      this.#loss = undefined
      for (const { slots } of this.#states.values()) tf.dispose(slots)
      for (const { average } of this.#units.values()) average.dispose()
      if (this.#refused) tf.dispose([this.#refused.count, this.#refused.worst])
      this.#refused = undefined
      this.#states.clear()
      this.#units.clear()
      this.#unclaimed = []
      this.#skipped = false
    }

    #checkAlive(): void {
      if (this.#disposed) throw new InducedMetricError('ERR_DISPOSED', 'this optimiser was disposed of; create another')
    }

    /** The plan for a set of variables, recorded when the set is first seen. */
    #plan(variables: readonly Variable[]): StepPlan {
      const key = variables.map(({ name }) => name).join('\n')
      let plan = this.#plans.get(key)
      if (plan === undefined) {
        const infos = variables.map(({ name, shape }): ParameterInfo => {
          const group = this.groupOf?.({ name, shape })
          return { name, shape: [...shape], ...(group === undefined ? {} : { group }) }
        })
        plan = planStep(this.transformation, infos)
        this.#plans.set(key, plan)
      }
      return plan
    }

    /** Gives every variable and unit of a plan its state: the one it has, the one that was loaded, or a first one. */
    #restore(plan: StepPlan): void {
      if (plan === this.#latestPlan && this.#unclaimed.length === 0) return
      const fresh = plan.parameters.filter(({ name }) => !this.#states.has(name))
      if (fresh.length > 0) {
        const matched = this.#unclaimed.length > 0 ? matchStates(fresh, this.#unclaimed) : []
        if (this.#unclaimed.length > 0 && matched.length === 0 && this.#states.size === 0) {
          const names = fresh.map(({ name }) => name).join(', ')
          throw new InducedMetricError('ERR_CHECKPOINT', `no state in the loaded checkpoint fits any of the variables ${names}`)
        }
        const states = new Map(matched.map(({ parameter, state }) => [parameter, state]))
        const initial = initialSlots(plan)
        for (const parameter of fresh) {
          const { name, shape, graph } = parameter
          const saved = states.get(parameter)
          const slots = graph.slots.map((slot) => {
            const first = initial[plan.parameters.indexOf(parameter)]![slot]!
            const tensor = saved
              ? tf.tensor(saved.slots[slot]!, [...shape], 'float32')
              : tf.fill([...shape], first, 'float32')
            return [slot, tf.keep(tensor)] as const
          })
          this.#states.set(name, { steps: saved?.steps ?? 0, shape, slots: Object.fromEntries(slots) })
        }
        const claimed = new Set(states.values())
        this.#unclaimed = this.#unclaimed.filter((state) => !claimed.has(state))
      }
      for (const { key } of plan.units) {
        if (!this.#units.has(key)) this.#units.set(key, { average: tf.keep(tf.scalar(0, 'float32')), steps: 0 })
      }
      this.#latestPlan = plan
    }
  }

  interface UnitResult {
    readonly unit: MetricUnit
    readonly xi: number
    readonly dualNorm?: Tensor
    readonly average?: Tensor | number
    readonly metric?: Tensor | number
    readonly scale?: Tensor | number
    readonly status?: Tensor | number
  }

  function latestOf({ unit, xi, dualNorm, metric, scale, status }: UnitResult): Latest['units'][number] {
    if (dualNorm === undefined) return { unit, xi }
    return { unit, xi, values: { dualNorm, metric: metric!, scale: scale!, status: status! } }
  }

  function toTensor(x: Tensor | number): Tensor {
    return typeof x === 'number' ? tf.scalar(x, 'float32') : x
  }

  /** Reads scalars in one go. */
  async function readScalars(values: readonly (Tensor | number)[]): Promise<number[]> {
    const tensors = values.filter((x) => typeof x !== 'number')
    if (tensors.length === 0) return values as number[]
    const packed = tf.tidy(() => tf.stack(tensors.map((x) => tf.cast(x, 'float32'))))
    const read = [...(await packed.data())]
    packed.dispose()
    return values.map((x) => (typeof x === 'number' ? x : read.shift()!))
  }

  /** The variable a gradient is for, and that the gradient fits it. */
  function checkedVariable(name: string, gradient: Tensor | null | undefined): Variable {
    const variable = tf.engine().registeredVariables[name]
    if (variable === undefined) {
      throw new InducedMetricError('ERR_SHAPE', `there is no variable named ${name}: gradients go by variable name`)
    }
    if (variable.dtype !== 'float32') {
      throw new InducedMetricError('ERR_SHAPE', `variable ${name} must be float32 to be trained, it is ${variable.dtype}`)
    }
    if (gradient === null || gradient === undefined) return variable
    if (gradient.dtype !== 'float32' || gradient.shape.join() !== variable.shape.join()) {
      throw new InducedMetricError(
        'ERR_SHAPE',
        `the gradient of variable ${name} must be float32 of shape [${variable.shape.join(', ')}], ` +
          `given ${gradient.dtype} of shape [${gradient.shape.join(', ')}]`,
      )
    }
    return variable
  }

  function lossRequired(plan: StepPlan): InducedMetricError {
    const { embedding } = plan.units.find(({ graph }) => graph.needsLoss)!.settings
    return new InducedMetricError(
      'ERR_LOSS_REQUIRED',
      `the embedding ${embedding.name} reads the loss: use minimize or computeGradients of this optimiser, or pass it, ` +
        'as in applyGradients(gradients, loss)',
    )
  }

  return Induced as unknown as InducedOptimizerClass
}

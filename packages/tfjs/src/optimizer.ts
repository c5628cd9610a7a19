import {
  decodeCheckpoint,
  encodeCheckpoint,
  fromJSON,
  inducedMetric,
  InducedMetricError,
  sgd,
  type Checkpoint,
  type FromJSONOptions,
  type ParameterInfo,
  type StepReport,
  type Transformation,
} from '@induced-metric/core'
import {
  averagedSlot,
  changeOutput,
  checkCheckpoint,
  checkLearningRate,
  checkOptions,
  checkOwnValues,
  checkTransformation,
  composeReport,
  createStepper,
  initialReport,
  lossCount,
  learningRateAt,
  planStep,
  raiseEpsilons,
  refusal,
  stepStatus,
  withGroups,
  withValues,
  withLearningRate,
  type GroupOf,
  type ScalarState,
  type StepPlan,
  type Stepper,
} from '@induced-metric/core/adapter'
import type { Optimizer } from '@tensorflow/tfjs-core'
import { checkFit, checkLoss, checkVariables, lossRequired } from './checks.js'
import { createConstants } from './constants.js'
import { createEvaluator, type Evaluator } from './evaluation.js'
import { createFusedPasses, type FusedPasses } from './wasmPasses.js'
import type { InducedOptimizer, InducedOptimizerOptions } from './inducedOptimizer.js'
import { hostMemory, type HostMemory } from './wasmMemory.js'
import { forgetLatest, keepLatest, readLatest, type Latest, type LatestValues } from './pendingReport.js'
import { createLosses } from './losses.js'
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
import { forVariables } from './names.js'
import { warn } from './platform.js'
import { isHalfPrecision, leastHalfEpsilon } from './precision.js'
import {
  createState,
  forgetScalars,
  takeBack,
  valuesOf,
  type State,
  type UnitState,
  type VariableState,
} from './state.js'
import { freshValues, reduceStep, type FreshValues, type Reduced } from './step.js'
import { pairGradients, variableNamed, type VariableGradient } from './variables.js'
import {
  decideOnDevice,
  decideOnHost,
  forgetRefused,
  hostReader,
  readRefused,
  type Refused,
} from './stepGuard.js'

interface InducedOptimizerClass extends SerializableConstructor<Optimizer> {
  new (transformation: Transformation, options?: InducedOptimizerOptions): InducedOptimizer
}

const checkpointName = 'induced-metric/checkpoint'
const classes = new WeakMap<TensorFlow['Optimizer'], InducedOptimizerClass>()
/** The caller's own definitions, which saved models may name. */
const definitions = new WeakMap<TensorFlow['Optimizer'], FromJSONOptions>()

/** Makes definitions known to the models that a copy of TensorFlow.js loads from now on. */
export function addDefinitions(tf: TensorFlow, own: FromJSONOptions): void {
  const { preconditioners = [], embeddings = [] } = definitions.get(tf.Optimizer) ?? {}
  const together = <T>(known: readonly T[], more: readonly T[] = []): T[] => [...new Set([...known, ...more])]
  // Wrong definitions are wrong now, and not when a model is loaded.
  const trial = inducedMetric(sgd(), { learningRate: 0 }).toJSON()
  fromJSON(trial, own)
  const all = {
    preconditioners: together(preconditioners, own.preconditioners),
    embeddings: together(embeddings, own.embeddings),
  }
  fromJSON(trial, all)
  definitions.set(tf.Optimizer, all)
}

/** The optimiser class of a copy of TensorFlow.js, registered for loading models when it is first asked for. */
export function optimizerClass(tf: TensorFlow): InducedOptimizerClass {
  if (typeof tf?.Optimizer !== 'function' || typeof tf.engine !== 'function') {
    throw new InducedMetricError(
      'ERR_OPTION',
      "the first argument must be the namespace of TensorFlow.js: import * as tf from '@tensorflow/tfjs'",
    )
  }
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
      return 'InducedMetric'
    }

    /** Rebuilds an optimiser from a model's saved configuration. */
    static override fromConfig<T extends Serializable>(
      cls: SerializableConstructor<T>,
      config: ConfigDict,
    ): T {
      const saved = config['name']
      if (typeof saved !== 'string') {
        throw new InducedMetricError(
          'ERR_CHECKPOINT',
          'the saved model holds no transformation of an induced-metric optimiser',
        )
      }
      const own = definitions.get(tf.Optimizer) ?? {}
      const transformation = fromJSON(JSON.parse(saved), own)
      return new (cls as unknown as InducedOptimizerClass)(transformation) as Serializable as T
    }

    readonly transformation: Transformation
    groupOf: InducedOptimizerOptions['groupOf']
    readonly #verdict: InducedOptimizerOptions['verdict']
    readonly #engine: NonNullable<InducedOptimizerOptions['engine']>
    #fused: Fused | undefined
    readonly #constants = createConstants(tf)
    readonly #state: State
    readonly #plans = new Map<string, StepPlan>()
    /** The variables of all plans so far, by name. */
    readonly #met = new Map<string, ParameterInfo>()
    /** The plan of the latest step. */
    #plan: StepPlan | undefined
    /** Structural hash of what was loaded, until there is a plan. */
    #hash = ''
    readonly #losses = createLosses(tf)
    /** Whether it was told what half precision means. */
    #isWarned = false
    #latest: Latest | undefined
    /** The learning rate that was set. */
    #rate: number | undefined
    #step = 0
    #skippedSteps = 0
    /** Whether the host skipped the latest step. */
    #skipped = false
    /** Steps the device refused that are still counted as taken, by the names of what they would have changed. */
    readonly #refused = new Map<
      string,
      Refused & { readonly counted: readonly (VariableState | UnitState)[] }
    >()
    /** What `getWeights` gave out, latest first. */
    readonly #handedOut: NamedTensor[] = []
    #disposed = false
    /** Whether the variables hold their averages at the moment. */
    #isAveraged = false

    constructor(transformation: Transformation, options: InducedOptimizerOptions = {}) {
      super()
      checkTransformation(transformation)
      checkOptions('inducedOptimizer', options, {
        groupOf: 'function',
        verdict: ['host', 'device'],
        engine: ['auto', 'ops', 'wasm'],
      })
      this.transformation = transformation
      this.#state = createState(tf, transformation)
      this.groupOf = options.groupOf
      this.#verdict = options.verdict
      this.#engine = options.engine ?? 'auto'
    }

    override get iterations(): number {
      return this.#step
    }

    get learningRate(): number {
      return learningRateAt(this.transformation, this.#rate, this.#step + 1)
    }

    set learningRate(value: number) {
      this.#checkAlive()
      checkLearningRate(value)
      this.#rate = value
    }

    override computeGradients(
      f: () => Scalar,
      variables?: Variable[],
    ): { value: Scalar; grads: NamedTensorMap } {
      this.#checkAlive()
      const result = super.computeGradients(f, variables)
      this.#losses.remember(result.value, result.grads)
      return result
    }

    override applyGradients(variableGradients: NamedTensorMap | NamedTensor[], loss?: Scalar | number): void {
      this.#checkAlive()
      checkOwnValues('applyGradients', this.#isAveraged)
      try {
        const pairs = pairGradients(tf, variableGradients)
        const plan = this.#planOf(pairs.map(({ variable }) => variable))
        checkLoss(tf, loss)
        const given = loss ?? this.#losses.of(pairs)
        if (given === undefined && plan.needsLoss) throw lossRequired(plan)
        this.#state.ensure(plan)
        const host = this.#hostMemory()
        tf.tidy(() =>
          host ? this.#takeFused(host, plan, pairs, given) : this.#takeByOperations(plan, pairs, given),
        )
        this.#losses.release(pairs)
      } finally {
        this.#constants.sweep()
      }
    }

    /** The memory for compiled loops, where they are wanted and can be. */
    #hostMemory(): HostMemory | undefined {
      if (this.#engine === 'ops' || (this.#engine === 'auto' && this.#verdict === 'device')) return undefined
      const host = hostMemory(tf)
      if (host === undefined && this.#engine === 'wasm') {
        throw new InducedMetricError(
          'ERR_NOT_SUPPORTED',
          `there are no compiled loops, or no memory for them, on the ${tf.getBackend()} backend; use engine: 'auto' or 'ops'`,
        )
      }
      return host
    }

    /** A step by the core's compiled loops. */
    #takeFused(
      host: HostMemory,
      plan: StepPlan,
      pairs: readonly VariableGradient[],
      loss: Scalar | number | undefined,
    ): void {
      const { passes, stepper } = this.#fusedFor(host, plan)
      const read = (x: Tensor | number): number => (typeof x === 'number' ? x : host.read(x))
      const variables = plan.parameters.map(({ name }) => this.#state.variables.get(name)!)
      const units = plan.units.map(({ key }) => this.#state.units.get(key)!)
      const state: ScalarState = {
        steps: variables.map(({ steps }) => steps),
        units: plan.units.map((unit, i) => ({
          average: read(units[i]!.average),
          steps: units[i]!.steps,
          values: valuesOf(unit, units[i]!).map(read),
        })),
      }
      const gradients = pairs.map(({ variable, gradient }, index) =>
        gradient === null ? null : { variable, gradient, state: variables[index]! },
      )
      const lossValue = loss === undefined ? undefined : read(loss)
      try {
        const outcome = stepper.take(passes, gradients, state, { step: this.#step + 1, loss: lossValue })
        this.#skipped = outcome.skipped
        if (outcome.skipped) this.#skippedSteps++
        else this.#step++
        const { learningRate } = outcome
        const outcomes = outcome.units.map(({ unit, xi, ...values }) => ({
          unit,
          xi,
          values: { ...values, average: NaN, status: stepStatus.ok, state: {} },
        }))
        forgetLatest(tf, this.#latest)
        this.#latest = { learningRate, loss: lossValue, outcomes }
      } finally {
        passes.end()
      }
      this.#plan = plan
      state.steps.forEach((steps, index) => (variables[index]!.steps = steps))
      state.units.forEach(({ average, steps, values }, index) => {
        const previous = units[index]!
        forgetScalars([previous.average, ...Object.values(previous.values)])
        const names = plan.units[index]!.graph.state
        const named = Object.fromEntries(names.map((name, i) => [name, values[i]!]))
        Object.assign(previous, { average, steps, values: named })
      })
    }

    /** The compiled passes of a plan, with a stepper at the learning rate of now. */
    #fusedFor(host: HostMemory, plan: StepPlan): Fused {
      const before = this.#fused
      const rate = this.#rate
      const isSame = before?.plan === plan && before.host === host
      if (isSame && before.rate === rate) return before
      if (!isSame) before?.passes.dispose()
      const passes = isSame ? before.passes : createFusedPasses(plan, host)
      const stepper = createStepper(withLearningRate(plan, rate))
      return (this.#fused = { plan, host, passes, rate, stepper })
    }

    /** A step by operations of TensorFlow.js. */
    #takeByOperations(
      plan: StepPlan,
      pairs: readonly VariableGradient[],
      loss: Scalar | number | undefined,
    ): void {
      const evaluator = createEvaluator(tf, lowering, this.#constants)
      const reduced = reduceStep(
        evaluator,
        withLearningRate(plan, this.#rate),
        this.#state,
        pairs,
        this.#step + 1,
        loss,
      )
      const { outcomes, learningRate, active } = reduced
      const reader = this.#verdict === 'device' ? undefined : hostReader(tf)
      this.#skipped =
        active.length === 0 ||
        (reader !== undefined && !decideOnHost(this.transformation, outcomes, loss, reader))
      if (this.#skipped) {
        this.#skippedSteps++
      } else if (reader) {
        this.#write(plan, reduced, evaluator, (fresh) => fresh)
      } else {
        const key = active.map(({ planned }) => planned.name).join('\n')
        const previous = this.#refused.get(key)
        const fresh = isHalfPrecision(tf) ? active.map((each) => freshValues(each, outcomes)) : undefined
        const written = fresh?.flatMap(({ value, slots }) => [value, ...slots.map(([, slot]) => slot)])
        const { choose, refused } = decideOnDevice(tf, evaluator, outcomes, previous, written)
        forgetRefused(tf, previous)
        const units = outcomes.flatMap(({ unit, values }) =>
          values ? [this.#state.units.get(unit.key)!] : [],
        )
        this.#refused.set(key, { ...refused, counted: [...active.map(({ state }) => state), ...units] })
        this.#write(plan, reduced, evaluator, choose, fresh)
      }
      const latest = keepLatest(tf, { learningRate, loss, outcomes })
      forgetLatest(tf, this.#latest)
      this.#latest = latest
    }

    /** The writing half of a step; `choose` has the last word on every value. */
    #write(
      plan: StepPlan,
      { active, outcomes, evaluationsOf }: Reduced,
      evaluator: Evaluator,
      choose: Choose,
      fresh?: readonly FreshValues[],
    ): void {
      for (const [index, each] of active.entries()) {
        const { planned, variable, state, evaluation } = each
        const made = fresh?.[index] ?? freshValues(each, outcomes)
        const value = choose(made.value, variable)
        const slots = made.slots.map(([name, slot]) => {
          return [name, tf.keep(choose(slot, state.slots[name]!))] as const
        })
        // While the variable has its old value.
        for (const name of planned.graph.averaging) evaluation.get(changeOutput(name))
        // A fresh buffer by assign, never in place: the wasm backend caches packed weights by tensor.
        variable.assign(value)
        for (const [name, slot] of slots) {
          state.slots[name]!.dispose()
          state.slots[name] = slot
        }
        state.steps++
      }
      for (const { unit, values } of outcomes) {
        if (!values) continue
        const state = this.#state.units.get(unit.key)!
        const tensor = (x: Tensor | number): Tensor => (typeof x === 'number' ? tf.scalar(x) : x)
        const next = (fresh: Tensor | number, old: Tensor | number): Tensor =>
          tf.keep(choose(tensor(fresh), tensor(old)).clone())
        const before = valuesOf(unit, state)
        const names = unit.graph.state
        const changed = (i: number): Tensor | number =>
          unit.changes
            .filter((change) => change.state === i)
            .flatMap(({ output, members }) => {
              const evaluations = evaluationsOf(members)
              return evaluations.length === 0 ? [] : [evaluator.total(evaluations, output)]
            })
            .reduce<Tensor | number>((sum, x) => tf.add(tensor(sum), x), values.state[names[i]!]!)
        const kept = names.map((name, i) => {
          const value = changed(i)
          // The count stays with the host, as that of steps does.
          const isCount = name === lossCount && typeof value === 'number'
          return [name, isCount ? value : next(value, before[i]!)] as const
        })
        const average = next(values.average, state.average)
        forgetScalars([state.average, ...Object.values(state.values)])
        Object.assign(state, { average, values: Object.fromEntries(kept) })
        state.steps++
      }
      this.#plan = plan
      this.#step++
    }

    async report(): Promise<StepReport> {
      this.#checkAlive()
      if (!this.#latest) return { ...initialReport, step: this.#step, skippedSteps: this.#skippedSteps }
      const latest = await readLatest(tf, this.#latest)
      await this.#takeBackRefused(latest)
      return composeReport({
        step: this.#step,
        loss: latest.loss,
        skipped: this.#skipped || latest.units.some(({ status }) => status !== stepStatus.ok),
        skippedSteps: this.#skippedSteps,
        learningRate: latest.learningRate,
        units: latest.units,
      })
    }

    /** Takes steps that the device refused off the counts, which the host had to keep without knowing. */
    async #takeBackRefused(latest: LatestValues): Promise<void> {
      const records = [...this.#refused.values()]
      this.#refused.clear()
      const read = await readRefused(tf, records)
      let [total, worst] = [0, 0]
      records.forEach((record, index) => {
        forgetRefused(tf, record)
        const { count, worst: status } = read[index]!
        for (const state of record.counted) takeBack(state, count)
        total += count
        worst = Math.max(worst, status)
      })
      if (total === 0) return
      this.#step -= total
      const { unit, dualNorm } = latest.units.find(({ status }) => status === worst) ?? latest.units[0]!
      const error = refusal(this.transformation, unit, worst, { dualNorm, loss: latest.loss })
      if (error) throw error
      this.#skippedSteps += total
    }

    withAveragedWeights<R>(evaluate: () => R): R {
      this.#checkAlive()
      checkOwnValues('withAveragedWeights', this.#isAveraged)
      const averaged = [...this.#state.variables].flatMap(([name, { steps, slots }]) => {
        const average = slots[averagedSlot]
        return steps > 0 && average ? [{ variable: variableNamed(tf, name), average }] : []
      })
      const own = averaged.map(({ variable }) => tf.keep(variable.clone()))
      return withValues(
        () => {
          this.#isAveraged = true
          // A copy, as slots may be updated in place.
          for (const { variable, average } of averaged) tf.tidy(() => variable.assign(tf.add(average, 0)))
        },
        evaluate,
        () => {
          this.#isAveraged = false
          averaged.forEach(({ variable }, i) => variable.assign(own[i]!))
          tf.dispose(own)
        },
      )
    }

    async save(): Promise<Checkpoint> {
      this.#checkAlive()
      if (this.#latest) await this.#takeBackRefused(await readLatest(tf, this.#latest))
      return {
        format: 'induced-metric-checkpoint',
        version: 1,
        hash: this.#hashOfAll(),
        step: this.#step,
        skippedSteps: this.#skippedSteps,
        ...(this.#rate !== undefined && { learningRate: this.#rate }),
        ...(await this.#state.save()),
      }
    }

    load(given: Checkpoint | Uint8Array, variables?: readonly Variable[]): void {
      this.#checkAlive()
      const checkpoint = given instanceof Uint8Array ? decodeCheckpoint(given) : given
      checkCheckpoint(checkpoint)
      if (variables !== undefined) checkVariables(variables)
      const known = variables ?? this.#plan?.parameters.map(({ name }) => variableNamed(tf, name))
      if (known) checkFit(this.#planOf(known), checkpoint)
      this.#release()
      this.#state.replace(checkpoint)
      this.#hash = checkpoint.hash
      this.#rate = checkpoint.learningRate
      this.#step = checkpoint.step
      this.#skippedSteps = checkpoint.skippedSteps
    }

    override async getWeights(): Promise<NamedTensor[]> {
      const bytes = encodeCheckpoint(await this.save())
      this.iterations_ = this.#step
      const weights: NamedTensor[] = [
        await this.saveIterations(),
        { name: checkpointName, tensor: tf.tensor([bytes] as never, [1], 'string') },
      ]
      // A model that is saved does not dispose of them: so the optimiser does, of all but the latest two saves'.
      tf.dispose(this.#handedOut.splice(2).map(({ tensor }) => tensor))
      this.#handedOut.unshift(...weights)
      return weights
    }

    override async setWeights(weights: NamedTensor[]): Promise<void> {
      this.#checkAlive()
      const saved = Array.isArray(weights)
        ? weights.find((weight) => weight?.name === checkpointName)
        : undefined
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
      this.#fused?.passes.dispose()
      this.#fused = undefined
      this.#constants.dispose()
      tf.dispose(this.#handedOut.splice(0).map(({ tensor }) => tensor))
      this.#disposed = true
    }

    /** Lets go of all state. */
    #release(): void {
      forgetLatest(tf, this.#latest)
      for (const record of this.#refused.values()) forgetRefused(tf, record)
      this.#refused.clear()
      this.#losses.dispose()
      this.#state.dispose()
      this.#latest = this.#plan = undefined
      this.#skipped = false
    }

    #checkAlive(): void {
      if (this.#disposed)
        throw new InducedMetricError('ERR_DISPOSED', 'this optimiser was disposed of; create another')
    }

    /** Structural hash of all that is saved, whichever variables the latest step was of. */
    #hashOfAll(): string {
      const { variables, hasUnclaimed } = this.#state
      if (hasUnclaimed || variables.size === 0) return this.#hash
      return this.#planOf([...variables].map(([name, { shape }]) => ({ name, shape }))).hash
    }

    /** The plan for a set of variables, recorded when the set is first seen. */
    #planOf(variables: readonly Pick<ParameterInfo, 'name' | 'shape'>[]): StepPlan {
      const infos: ParameterInfo[] = withGroups(
        // Kernels of layers are in × out.
        variables.map(({ name, shape }) => ({ name, shape: [...shape], rowsAre: 'inputs' as const })),
        this.groupOf,
      )
      const keys = infos.map(({ name, shape, group }) => `${name} ${shape.join()} ${group}`)
      const key = `${isHalfPrecision(tf)}\n${keys.join('\n')}`
      let plan = this.#plans.get(key)
      if (plan === undefined) {
        const names = infos.map(({ name }) => name)
        const others = (): ParameterInfo[] => this.#others()
        const transformation = forVariables(this.transformation, names, () =>
          others().map(({ name }) => name),
        )
        plan = this.#fitted(planStep(transformation, infos, { others }))
        this.#plans.set(key, plan)
        for (const info of infos) this.#met.set(info.name, info)
      }
      return plan
    }

    /** A plan that the backend's precision can do with. */
    #fitted(given: StepPlan): StepPlan {
      if (!isHalfPrecision(tf)) return given
      const { plan, raised } = raiseEpsilons(given, leastHalfEpsilon)
      if (!this.#isWarned) {
        warn(
          'this backend computes in half precision, where numbers below 6e-5 are inexact or 0 and those above 65504 infinite: ' +
            `small learning rates and squares of small gradients are lost${raised.length > 0 ? `, and ${raised.join(' and ')} is ${leastHalfEpsilon} instead of less` : ''}`,
        )
      }
      this.#isWarned = true
      return plan
    }

    /** What options may name beside the variables at hand: those this optimiser has trained, and all there are. */
    #others(): ParameterInfo[] {
      const registered = Object.values(tf.engine().registeredVariables)
      const groupOf: GroupOf = (parameter) => {
        try {
          return this.groupOf?.(parameter)
        } catch {
          // The function need not know what to say of variables that are none of this optimiser's.
          return undefined
        }
      }
      const infos = registered.map(({ name, shape }) => ({ name, shape: [...shape] }))
      return [...this.#met.values(), ...withGroups(infos, groupOf)]
    }
  }
  return Induced
}

/** What takes the steps of a plan by compiled loops. */
interface Fused {
  readonly plan: StepPlan
  readonly host: HostMemory
  readonly passes: FusedPasses
  /** The learning rate that was set, which the stepper has. */
  readonly rate: number | undefined
  readonly stepper: Stepper
}

/** Chooses between a new value and the one it would replace. */
type Choose = (fresh: Tensor, old: Tensor) => Tensor

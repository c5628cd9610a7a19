import type { Checkpoint, ParameterState } from './checkpoint.js'
import type { Passes } from './engines/engine.js'
import { InducedMetricError, isList, show } from './errors.js'
import { arrayOf, createScalarTensors, evaluateGraph, type TensorBackend } from './lowering.js'
import { initialSlots } from './optimizer.js'
import { checkLoss, planStep, sizeOf, type Scalars, type StepPlan } from './plan.js'
import { composeReport, initialReport, restoredReport, type StepReport } from './report.js'
import { matchCheckpoint } from './restore.js'
import { createStepper, initialState } from './stepper.js'
import type { ParameterInfo, Transformation } from './transformation.js'

/** A parameter whose values are a tensor of the framework's. */
export interface TensorParameter<T> extends ParameterInfo {
  /** The tensor as it stands. */
  get(): T
  /** Puts a new tensor, of the same shape, in its place; it is the framework's from then on, to be freed by it. */
  set(value: T): void
}

/** An induced-metric optimiser over tensors of a framework. */
export interface TensorOptimizer<T> {
  /**
   * Takes one step: sets every parameter that has a gradient to a new tensor.
   *
   * @param gradients ∂L/∂θ, of the parameters' shapes, in their order; `null` leaves a parameter alone. They remain the
   *   caller's
   * @param options `loss`: L at the parameters before the step; required by `log` and `logDamped`
   * @throws ERR_SHAPE, ERR_LOSS_REQUIRED, ERR_BAD_LOSS, ERR_NON_FINITE with `onNonFinite: 'throw'`, ERR_OPTION when a
   *   schedule leaves its range, ERR_DISPOSED. After any of them parameters and slots are as before, bit for bit.
   */
  step(gradients: readonly (T | null)[], options?: { readonly loss?: number }): StepReport
  /** What the latest step did; before the first, a report with `step: 0`. */
  readonly report: StepReport
  /** A copy of the optimiser's state, read from the device; `load` takes it here or in another adapter. */
  save(): Checkpoint
  /**
   * Goes on from a saved state. The parameters themselves are not in it.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters, and nothing has changed
   */
  load(checkpoint: Checkpoint | Uint8Array): void
  /** Frees the slots; every later call throws ERR_DISPOSED. */
  dispose(): void
}

/**
 * Creates an optimiser over tensors of a framework, from a table of that framework's operations. All the work on tensors
 * is done by the framework, where they are; one number a step comes back, from which the host computes ρ.
 *
 * @param transformation what `inducedMetric` returned
 * @param parameters names, shapes, and how to get at their tensors
 * @param backend the framework's operations
 * @throws ERR_OPTION for an invalid option or a name used twice; ERR_SHAPE when a tensor is not of its shape
 *
 * @example
 * ```ts no-run
 * import { adam, createTensorOptimizer, inducedMetric, type TensorBackend } from '@induced-metric/core'
 *
 * interface Tensor { readonly shape: number[] } // the framework's
 * declare const backend: TensorBackend<Tensor>
 * declare let weights: Tensor
 * declare function gradient(of: Tensor): Tensor
 *
 * const optimizer = createTensorOptimizer(
 *   inducedMetric(adam(), { learningRate: 0.01 }),
 *   [{ name: 'weights', shape: [10, 3], get: () => weights, set: (value) => void (weights = value) }],
 *   backend,
 * )
 * optimizer.step([gradient(weights)])
 * ```
 */
export function createTensorOptimizer<T extends object>(
  transformation: Transformation,
  parameters: readonly TensorParameter<T>[],
  backend: TensorBackend<T>,
): TensorOptimizer<T> {
  if (!isList(parameters)) {
    throw new InducedMetricError('ERR_OPTION', `parameters must be an array, given ${show(parameters)}`)
  }
  const plan = planStep(transformation, parameters)
  parameters.forEach((parameter) => checkShape('parameter', parameter, backend.shape(parameter.get())))
  const dtypes = parameters.map((parameter) => backend.dtype(parameter.get()))
  const free = (tensor: T): void => backend.dispose?.(tensor)
  const stepper = createStepper(plan)
  const state = initialState(plan)
  const slots = initialSlots(plan).map((values, index) =>
    mapValues(values, (value) => {
      const { shape, size } = plan.parameters[index]!
      return backend.from(arrayOf(dtypes[index]!, size).fill(value), shape)
    }),
  )
  const passes = createPasses(plan, parameters, slots, dtypes, backend)
  let report = initialReport
  let disposed = false

  const checkAlive = (): void => {
    if (disposed)
      throw new InducedMetricError('ERR_DISPOSED', 'this optimiser was disposed of; create another')
  }
  return {
    get report() {
      return report
    },
    step(gradients, options = {}) {
      checkAlive()
      checkGradients(parameters, gradients, backend)
      const loss = checkLoss(plan, options)
      const step = report.step + 1
      const counts = [...state.steps]
      try {
        const { skipped, learningRate, units } = stepper.take(passes, gradients, state, { step, loss })
        report = composeReport({
          step: skipped ? step - 1 : step,
          loss,
          skipped,
          skippedSteps: report.skippedSteps + (skipped ? 1 : 0),
          learningRate,
          units,
        })
        return report
      } catch (error) {
        // The framework may fail where the core doesn't.
        counts.forEach((count, index) => (state.steps[index] = count))
        throw error
      } finally {
        passes.end()
      }
    },
    save() {
      checkAlive()
      return {
        format: 'induced-metric-checkpoint',
        version: 1,
        hash: plan.hash,
        step: report.step,
        skippedSteps: report.skippedSteps,
        units: plan.units.map(({ key }, i) => ({ key, ...state.units[i]! })),
        parameters: plan.parameters.map(({ name, shape, size }, index): ParameterState => {
          const dtype = dtypes[index]!
          const copy = (tensor: T) => {
            const array = arrayOf(dtype, size)
            array.set(backend.read(tensor))
            return array
          }
          return {
            name,
            shape: [...shape],
            dtype,
            steps: state.steps[index]!,
            slots: mapValues(slots[index]!, copy),
          }
        }),
      }
    },
    load(given) {
      checkAlive()
      const { checkpoint, states, averages } = matchCheckpoint(plan, given, (index) => dtypes[index]!)
      const restored = states.map((saved) =>
        mapValues(saved.slots, (data) => backend.from(data, saved.shape)),
      )
      restored.forEach((own, index) => replace(slots[index]!, own, free))
      states.forEach(({ steps }, index) => (state.steps[index] = steps))
      averages.forEach(({ average, steps }, i) => Object.assign(state.units[i]!, { average, steps }))
      report = restoredReport(report, checkpoint)
    },
    dispose() {
      if (disposed) return
      disposed = true
      for (const own of slots) Object.values(own).forEach(free)
    },
  }
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]))
}

function replace<T>(
  slots: Record<string, T>,
  values: Readonly<Record<string, T>>,
  free: (it: T) => void,
): void {
  for (const [name, value] of Object.entries(values)) {
    free(slots[name]!)
    slots[name] = value
  }
}

/** The passes of a step, by evaluating each parameter's graph. */
function createPasses<T extends object>(
  plan: StepPlan,
  parameters: readonly TensorParameter<T>[],
  slots: readonly Record<string, T>[],
  dtypes: readonly ('float32' | 'float64')[],
  backend: TensorBackend<T>,
): Passes<T> & { end(): void } {
  const free = (tensor: T): void => backend.dispose?.(tensor)
  const numbers = createScalarTensors(backend)
  let active: readonly number[] = []
  let gradients: readonly (T | null)[] = []
  let scalars: readonly Scalars[] = []

  const evaluate = (index: number, outputs: readonly string[]): Record<string, T | number> => {
    const input = (name: string): T | number => {
      if (name === 'gradient') return gradients[index]!
      if (name === 'parameter') return parameters[index]!.get()
      if (name.startsWith('slot.')) return slots[index]![name.slice('slot.'.length)]!
      const value = scalars[index]![name]
      if (value === undefined) throw new Error(`the graph reads a scalar ${name}, which was not given`)
      return value
    }
    const context = { backend, scalars: numbers, dtype: dtypes[index]! }
    return evaluateGraph(plan.parameters[index]!.graph, outputs, input, context)
  }

  interface Total {
    readonly index: number
    total: T
  }
  /** One number for all parameters that share their scalars, so that the host waits once. */
  const reduce = (members: readonly number[], output: string, results: Float64Array): void => {
    const totals = new Map<Scalars, Map<string, Total>>()
    try {
      for (const index of members) {
        const part = evaluate(index, [output])[output]!
        results[index] = typeof part === 'number' ? part : 0
        if (typeof part === 'number') continue
        let byType = totals.get(scalars[index]!)
        if (byType === undefined) totals.set(scalars[index]!, (byType = new Map<string, Total>()))
        const sum = byType.get(dtypes[index]!)
        if (sum === undefined) byType.set(dtypes[index]!, { index, total: part })
        else {
          const both = [sum.total, part]
          sum.total = backend.lowering.add(...both)
          both.forEach(free)
        }
      }
      for (const { index, total } of [...totals.values()].flatMap((it) => [...it.values()])) {
        results[index]! += backend.read(total)[0]!
      }
    } finally {
      for (const byType of totals.values()) for (const { total } of byType.values()) free(total)
    }
  }

  return {
    begin(givenActive, givenGradients, givenScalars) {
      active = givenActive
      gradients = givenGradients
      scalars = givenScalars
    },
    norm(results) {
      const clipped = active.filter((index) => plan.parameters[index]!.clip !== -1)
      reduce(clipped, 'norm', results)
    },
    reduce(results) {
      reduce(active, 'dual', results)
    },
    update() {
      // All is computed before anything is written.
      const updates: Record<string, T>[] = []
      try {
        for (const index of active) {
          const names = plan.parameters[index]!.graph.slots
          const outputs = ['parameter', ...names.map((name) => `slot.${name}`)]
          updates.push(evaluate(index, outputs) as Record<string, T>)
        }
      } catch (error) {
        for (const update of updates) Object.values(update).forEach(free)
        throw error
      }
      active.forEach((index, i) => {
        const { parameter, ...others } = updates[i]!
        parameters[index]!.set(parameter!)
        const named = Object.entries(others).map(
          ([name, value]) => [name.slice('slot.'.length), value] as const,
        )
        replace(slots[index]!, Object.fromEntries(named), free)
      })
    },
    end() {
      numbers.dispose()
      gradients = []
    },
  }
}

function checkGradients<T>(
  parameters: readonly ParameterInfo[],
  gradients: readonly (T | null)[],
  backend: TensorBackend<T>,
): void {
  if (!isList(gradients) || gradients.length !== parameters.length) {
    const given = isList(gradients) ? `${gradients.length}` : show(gradients)
    throw new InducedMetricError(
      'ERR_SHAPE',
      `step takes an array of ${parameters.length} gradients, one per parameter, given ${given}`,
    )
  }
  parameters.forEach((parameter, index) => {
    const gradient: unknown = gradients[index]
    if (gradient === null) return
    if (typeof gradient !== 'object') {
      throw new InducedMetricError(
        'ERR_SHAPE',
        `the gradient of parameter ${show(parameter.name)} must be a tensor or null, given ${show(gradient)}`,
      )
    }
    checkShape('the gradient of parameter', parameter, backend.shape(gradient as T))
  })
}

function checkShape(what: string, { name, shape }: ParameterInfo, given: readonly number[]): void {
  if (given.length === shape.length && given.every((extent, axis) => extent === shape[axis])) return
  throw new InducedMetricError(
    'ERR_SHAPE',
    `${what} ${show(name)} must be of shape [${shape.join(', ')}], given [${given.join(', ')}] (${sizeOf(given)} elements)`,
  )
}

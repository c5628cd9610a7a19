import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-webgpu'
import { runConformance, type ConformanceReport } from '@induced-metric/conformance'
import {
  adam,
  algebra,
  createOptimizer,
  definePreconditioner,
  inducedMetric,
  log,
  shampoo,
  type InducedMetricOptions,
  type StepReport,
} from '@induced-metric/core'
import { inducedOptimizer, type InducedOptimizer, type InducedOptimizerOptions } from '@induced-metric/tfjs'
import { tfjsTarget } from '../conformance/target.js'
import { normal, values } from '../support.js'

// The functions of the page that the tests of kernels call, with numbers as arguments and results.

type Engine = NonNullable<InducedOptimizerOptions['engine']>

async function start(backend: string): Promise<string> {
  await tf.setBackend(backend)
  await tf.ready()
  return tf.getBackend()
}

/** Runs cases of the suite with an engine. */
function conformance(engine: Engine, ids?: readonly string[]): Promise<ConformanceReport> {
  return runConformance(tfjsTarget(tf, { backend: tf.getBackend(), engine }), ids && { filter: ids })
}

const shapes = [[5, 4], [4], [4, 3]]

function variablesOf(given: readonly (readonly number[])[] = shapes): tf.Variable[] {
  return given.map((shape, i) => tf.tidy(() => tf.variable(normal([...shape], i + 1), true)))
}

function gradientsOf(
  variables: readonly tf.Variable[],
  step: number,
  factor = 1,
): { name: string; tensor: tf.Tensor }[] {
  return variables.map(({ name, shape }, i) => ({
    name,
    tensor: tf.tidy(() => normal([...shape], 100 * step + i).mul(factor)),
  }))
}

/** Takes a step, with or without gradients, and frees them. */
function apply(
  optimizer: InducedOptimizer,
  variables: readonly tf.Variable[],
  step: number,
  { factor = 1, loss }: { readonly factor?: number; readonly loss?: number } = {},
): void {
  const gradients = gradientsOf(variables, step, factor)
  const scalar = loss === undefined ? undefined : tf.scalar(loss)
  optimizer.applyGradients(gradients, scalar)
  tf.dispose([gradients.map(({ tensor }) => tensor), scalar])
}

const make = (engine: Engine, options: Partial<InducedMetricOptions> = {}): InducedOptimizer =>
  inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.05, xi: 'auto', ...options }), { engine })

/** Whatever runs a shader, and whatever waits for what it has written. */
function countCalls(): { launches: number; reads: number; stop(): void } {
  const counts = { launches: 0, reads: 0, stop: () => undoes.forEach((undo) => undo()) }
  const undoes: (() => void)[] = []
  const count = (owner: string, method: string, kind: 'launches' | 'reads'): void => {
    const { prototype } = (globalThis as unknown as Record<string, { prototype: Record<string, unknown> }>)[
      owner
    ]!
    const original = prototype[method] as (...given: unknown[]) => unknown
    prototype[method] = function (this: unknown, ...given: unknown[]) {
      counts[kind]++
      return original.apply(this, given)
    }
    undoes.push(() => (prototype[method] = original))
  }
  count('GPUComputePassEncoder', 'dispatchWorkgroups', 'launches')
  count('GPUBuffer', 'mapAsync', 'reads')
  for (const method of ['drawElements', 'drawArrays']) count('WebGL2RenderingContext', method, 'launches')
  for (const method of ['readPixels', 'getBufferSubData']) count('WebGL2RenderingContext', method, 'reads')
  return counts
}

/** The launches and reads of one step of Adam on variables of 10 × 10. */
function launches(engine: Engine, count: number): { launches: number; reads: number } {
  const variables = variablesOf(Array.from({ length: count }, () => [10, 10]))
  const optimizer = make(engine)
  apply(optimizer, variables, 1)
  apply(optimizer, variables, 2)
  const gradients = gradientsOf(variables, 3)
  const counts = countCalls()
  optimizer.applyGradients(gradients)
  counts.stop()
  optimizer.dispose()
  tf.dispose([variables, gradients.map(({ tensor }) => tensor)])
  return { launches: counts.launches, reads: counts.reads }
}

/** How far values are from others, relative to the largest of these. */
function distance(found: readonly ArrayLike<number>[], expected: readonly ArrayLike<number>[]): number {
  const numbers = (given: readonly ArrayLike<number>[]): number[] => given.flatMap((one) => Array.from(one))
  const wanted = numbers(expected)
  const differences = numbers(found).map((x, i) => Math.abs(x - wanted[i]!))
  return Math.max(...differences) / Math.max(...wanted.map(Math.abs))
}

/** Trains with steps of NaN and of losses out of the domain among good ones. Nothing is read before the end. */
async function refused(engine: Engine): Promise<{ distance: number; same: boolean; report: StepReport }> {
  const transformation = inducedMetric(adam(), {
    learningRate: 0.05,
    embedding: log(),
    clipNorm: 1,
    onBadLoss: 'skip',
    averageWeights: { ema: 0.9 },
  })
  const run = async (isClean: boolean): Promise<[Float32Array[], StepReport]> => {
    const variables = variablesOf()
    const optimizer = inducedOptimizer(tf, transformation, { engine })
    for (let step = 1; step <= 5; step++) {
      apply(optimizer, variables, step, { loss: 1 / step })
      if (isClean || step === 5) continue
      apply(optimizer, variables, step, { loss: 1, factor: NaN })
      apply(optimizer, variables, step, { loss: -1 })
    }
    const found = await values(variables)
    const report = await optimizer.report()
    optimizer.dispose()
    tf.dispose(variables)
    return [found, report]
  }
  const [found, report] = await run(false)
  const [clean] = await run(true)
  const start = variablesOf()
  const parameters = (await values(start)).map((data, i) => ({ name: String(i), shape: shapes[i]!, data }))
  const reference = createOptimizer(transformation, parameters, { engine: 'reference' })
  for (let step = 1; step <= 5; step++) {
    const tensors = gradientsOf(start, step).map(({ tensor }) => tensor)
    reference.step(await values(tensors), { loss: 1 / step })
    tf.dispose(tensors)
  }
  tf.dispose(start)
  const expected = parameters.map(({ data }) => data)
  return { distance: distance(found, expected), same: distance(found, clean) === 0, report }
}

/**
 * Trains sets of variables by turns, each of which begins later, and refuses some of their steps.
 *
 * @returns how far the values are from those of a run by operations without the refused steps, and the counts of steps
 */
async function byTurns(engine: Engine): Promise<{ distance: number; steps: number[]; report: StepReport }> {
  const run = async (by: Engine, isClean: boolean) => {
    const variables = variablesOf()
    const [a, b, c] = variables as [tf.Variable, tf.Variable, tf.Variable]
    const optimizer = make(by, { onNonFinite: 'skip', metricScope: 'parameter' })
    const turns = [[a], [b, a], [a], [c], [b, c], [a, b, c], [c]]
    turns.forEach((turn, index) => {
      apply(optimizer, turn, index + 1)
      if (!isClean) apply(optimizer, turn, index + 1, { factor: NaN })
    })
    const found = await values(variables)
    const report = await optimizer.report()
    const { parameters } = await optimizer.save()
    optimizer.dispose()
    tf.dispose(variables)
    return { found, report, steps: parameters.map(({ steps }) => steps) }
  }
  const expected = await run('ops', true)
  const { found, report, steps } = await run(engine, false)
  return { distance: distance(found, expected.found), steps, report }
}

/** Trains by two engines in turn, with a checkpoint between them. */
async function handedOver(
  first: Engine,
  second: Engine,
): Promise<{ distance: number; same: boolean; left: number }> {
  const before = tf.memory().numTensors
  const options = { averageWeights: { ema: 0.9 } } as const
  const variables = variablesOf()
  const optimizer = make(first, options)
  for (let step = 1; step <= 3; step++) apply(optimizer, variables, step)
  const saved = await optimizer.save()
  const other = make(second, options)
  other.load(saved, variables)
  // No gradient: the state is taken over, and nothing else.
  other.applyGradients(variables.map(({ name }) => ({ name, tensor: null as never })))
  const { skippedSteps: _a, ...again } = await other.save()
  const { skippedSteps: _b, ...own } = saved
  const start = await values(variables)
  for (let step = 4; step <= 6; step++) apply(other, variables, step)
  const averages = await other.withEvaluationWeights(() => values(variables))
  const found = [...(await values(variables)), ...averages]
  variables.forEach((variable, i) =>
    tf.tidy(() => variable.assign(tf.tensor(start[i]!, variable.shape as number[]))),
  )
  for (let step = 4; step <= 6; step++) apply(optimizer, variables, step)
  const ownAverages = await optimizer.withEvaluationWeights(() => values(variables))
  const expected = [...(await values(variables)), ...ownAverages]
  optimizer.dispose()
  other.dispose()
  tf.dispose(variables)
  return {
    distance: distance(found, expected),
    same: JSON.stringify(again) === JSON.stringify(own),
    left: tf.memory().numTensors - before,
  }
}

/** The outcome of a step of a base that needs roots of matrices. */
function withRoots(engine: Engine): string {
  const variables = variablesOf([[3, 2]])
  const optimizer = inducedOptimizer(tf, inducedMetric(shampoo(), { learningRate: 0.1 }), { engine })
  try {
    apply(optimizer, variables, 1)
    return 'taken'
  } catch (error) {
    return (error as Error).message
  } finally {
    optimizer.dispose()
    tf.dispose(variables)
  }
}

/** The outcome of a step with an engine that the backend may not have. */
function forced(engine: Engine): string {
  const variables = variablesOf([[2]])
  const optimizer = make(engine)
  try {
    apply(optimizer, variables, 1)
    return 'taken'
  } catch (error) {
    return (error as Error).message
  } finally {
    optimizer.dispose()
    tf.dispose(variables)
  }
}

/** A base that draws numbers, for which the host has a part in a step. */
const drawn = definePreconditioner({
  name: 'drawn',
  hyperparameters: { seed: { kind: 'integer', default: 1, min: 0 } },
  update: ({ gradient, normal }) => ({
    direction: algebra.add(gradient, algebra.mul(0, normal())),
    slots: {},
  }),
})

/**
 * Trains with kernels until a variable joins whose base they cannot compute, and then by operations. Some steps are refused.
 *
 * @param looks whether a report is read before the change
 * @returns how far the values are from those by operations without the refused steps
 */
async function toOperations(
  looks: boolean,
): Promise<{ distance: number; steps: number[]; report: StepReport; left: number }> {
  const before = tf.memory().numTensors
  const run = async (engine: Engine, isClean: boolean) => {
    const variables = variablesOf()
    const joining = variables.at(-1)!
    const transformation = inducedMetric(adam(), {
      learningRate: 0.05,
      xi: 0.1,
      groups: { drawn: { base: drawn(), learningRate: 0.01 } },
    })
    const groupOf = ({ name }: { name: string }) => (name === joining.name ? 'drawn' : undefined)
    const optimizer = inducedOptimizer(tf, transformation, { engine, groupOf })
    for (let step = 1; step <= 4; step++) {
      const some = step > 2 ? variables : variables.slice(0, -1)
      apply(optimizer, some, step)
      if (!isClean) apply(optimizer, some, step, { factor: NaN })
      if (looks && step === 2) await optimizer.report()
      if (looks && step === 3) await optimizer.report()
    }
    const found = await values(variables)
    const report = await optimizer.report()
    const { parameters } = await optimizer.save()
    optimizer.dispose()
    tf.dispose(variables)
    return { found, report, steps: parameters.map(({ steps }) => steps) }
  }
  const expected = await run('ops', true)
  const { found, report, steps } = await run('auto', false)
  return { distance: distance(found, expected.found), steps, report, left: tf.memory().numTensors - before }
}

/** Clones and values that were read keep what they were when a variable is trained. */
async function shared(engine: Engine): Promise<{ clone: boolean; read: boolean }> {
  const variables = variablesOf([[3]])
  const [variable] = variables as [tf.Variable]
  const optimizer = make(engine)
  const clone = variable.clone()
  const early = variable.data()
  apply(optimizer, variables, 1)
  const [before, after, now] = [await early, await clone.data(), await variable.data()]
  const result = { clone: String(before) === String(after), read: String(before) !== String(now) }
  optimizer.dispose()
  tf.dispose([variable, clone])
  return result
}

const page = {
  start,
  conformance,
  launches,
  refused,
  byTurns,
  handedOver,
  withRoots,
  forced,
  toOperations,
  shared,
}

/** The functions of the page, as the tests call them. */
export type KernelPage = typeof page

Object.assign(globalThis, { page })

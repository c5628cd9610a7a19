import * as tf from '@tensorflow/tfjs'
import { getThreadsCount, setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import '@tensorflow/tfjs-backend-webgpu'
import { runConformance, type ConformanceReport } from '@induced-metric/conformance'
import { adagrad, adam, inducedMetric, log, muon, rmsprop, sgd, type StepReport } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { bases } from '../../../conformance/test/targets/algebraBases.js'
import {
  distance,
  parametersOf,
  referenceRun,
  sessionRun,
} from '../../../conformance/test/targets/algebraRuns.js'
import { tfjsTarget } from '../conformance/target.js'
import { loadModel, optimizerOf, saveModel, trainBatches } from '../saving.js'
import { line, memory, network, normal, values } from '../support.js'

// The functions of the page that the browser tests call, with numbers as arguments and results.

/** The warnings on the console since the page was loaded. */
const warnings: string[] = []
const { warn } = console
Object.assign(console, {
  warn(message: unknown, ...rest: unknown[]) {
    warnings.push(String(message))
    if (!String(message).includes('half precision')) warn(message, ...rest)
  },
})

/** Makes webgl store tensors in half precision; call it first. */
function halve(): void {
  tf.env().set('WEBGL_FORCE_F16_TEXTURES', true)
}

/** Trains a line with default hyperparameters. Returns the losses, the report, whether all weights are finite, and warnings. */
async function half(
  name: 'adam' | 'rmsprop' | 'adagrad' | 'sgd',
  given: { readonly xi?: number; readonly learningRate: number },
): Promise<{ losses: number[]; report: StepReport; finite: boolean; warned: string[] }> {
  warnings.length = 0
  const { x, y } = line(64)
  const model = network([1], { inputs: 3 })
  const base = { adam: adam(), rmsprop: rmsprop(), adagrad: adagrad(), sgd: sgd() }[name]
  const optimizer = inducedOptimizer(tf, inducedMetric(base, given))
  const losses: number[] = []
  for (let step = 0; step < 30; step++) {
    const value = optimizer.minimize(
      () => tf.losses.meanSquaredError(y, model.predict(x) as tf.Tensor),
      true,
    )!
    losses.push((await value.data())[0]!)
    value.dispose()
  }
  const weights = await values(model.trainableWeights.map((weight) => weight.read()))
  const report = await optimizer.report()
  const { parameters } = await optimizer.save()
  const slots = parameters.flatMap((parameter) => Object.values(parameter.slots))
  const finite = [...weights, ...slots].every((each) => each.every(Number.isFinite))
  optimizer.dispose()
  model.dispose()
  tf.dispose([x, y])
  return { losses, report, finite, warned: [...warnings] }
}

/** A step beyond the largest number of half precision, 65504: once skipped, and once with an error. */
async function overflow(): Promise<{ value: number; skippedSteps: number; code: unknown }> {
  const variable = tf.variable(tf.tensor1d([60_000]))
  const step = (onNonFinite: 'skip' | 'throw') => {
    const optimizer = inducedOptimizer(tf, inducedMetric(sgd(), { learningRate: 1, xi: 0, onNonFinite }))
    optimizer.minimize(() => variable.mul(-10_000).sum().asScalar(), false, [variable])
    return optimizer.report()
  }
  const { skippedSteps } = await step('skip')
  const code: unknown = await step('throw').catch((error: unknown) => (error as { code?: unknown }).code)
  const [value] = await variable.data()
  variable.dispose()
  return { value: value!, skippedSteps, code }
}

/** The message of a step that must be taken by programs on webgl. */
function forced(): string {
  const variable = tf.variable(tf.tensor1d([1]))
  const optimizer = inducedOptimizer(tf, inducedMetric(sgd(), { learningRate: 1 }), { engine: 'webgl' })
  try {
    optimizer.minimize(() => variable.sum().asScalar(), false, [variable])
    return 'taken'
  } catch (error) {
    return (error as Error).message
  } finally {
    optimizer.dispose()
    variable.dispose()
  }
}

/** Sets the backend. Returns its name and the precision of its shader language. */
async function start(backend: string): Promise<{ backend: string; epsilon: number }> {
  setWasmPaths('/')
  setThreadsCount(2)
  await tf.setBackend(backend)
  await tf.ready()
  return { backend: tf.getBackend(), epsilon: tf.backend().epsilon() }
}

/** The report of the suite, or of a part of it. The console names each case that ends, beside which its errors appear. */
function conformance(
  filter: string | readonly string[],
  engine: 'auto' | 'ops' = 'auto',
): Promise<ConformanceReport> {
  const target = tfjsTarget(tf, { backend: tf.getBackend(), engine })
  // oxlint-disable-next-line no-console
  return runConformance(target, { filter, onCase: ({ id }) => console.debug(id) })
}

/** Trains by `fit` under log. Returns the loss by epoch, the number of tensors by batch, and the last report. */
async function fit(): Promise<{ losses: number[]; held: number[]; report: StepReport; left: number }> {
  const before = tf.memory().numTensors
  const { x, y } = line(64)
  const model = network([8, 1], { inputs: 3 })
  const optimizer = inducedOptimizer(
    tf,
    inducedMetric(sgd({ momentum: 0.5 }), { learningRate: 0.25, xi: 1, embedding: log() }),
  )
  model.compile({ optimizer, loss: 'meanSquaredError' })
  const held: number[] = []
  const { history } = await model.fit(x, y, {
    epochs: 12,
    batchSize: 16,
    shuffle: false,
    verbose: 0,
    callbacks: { onBatchEnd: () => void held.push(tf.memory().numTensors) },
  })
  const report = await optimizer.report()
  optimizer.dispose()
  model.dispose()
  tf.dispose([x, y])
  return { losses: history['loss'] as number[], held, report, left: tf.memory().numTensors - before }
}

/** Counts the calls that wait for the device in steps of an optimiser: ours, or one that reads the loss. */
async function reads(kind: 'ours' | 'naive'): Promise<string[]> {
  const found: string[] = []
  const restore: (() => void)[] = []
  const forbid = (object: Record<string, unknown>, name: string): void => {
    const own = Object.hasOwn(object, name)
    const original = object[name] as (...given: unknown[]) => unknown
    object[name] = function (this: unknown, ...given: unknown[]) {
      // Kernels may compute small tensors on the host, if they are still there.
      if (!new Error().stack!.includes('kernelFunc')) found.push(name)
      return original.apply(this, given)
    }
    restore.push(() => {
      if (own) object[name] = original
      else Reflect.deleteProperty(object, name)
    })
  }
  const variable = tf.tidy(() => tf.variable(normal([4, 3], 1)))
  const optimizer = inducedOptimizer(
    tf,
    inducedMetric(adam(), { learningRate: 0.1, embedding: log(), clipNorm: 1, weightDecay: 0.1 }),
  )
  for (const name of ['data', 'dataSync', 'array', 'arraySync', 'bytes'])
    forbid(tf.Tensor.prototype as unknown as Record<string, unknown>, name)
  for (const name of ['read', 'readSync', 'readToGPU'])
    forbid(tf.backend() as unknown as Record<string, unknown>, name)
  const loss = (): tf.Scalar => variable.square().sum()
  const costs: tf.Tensor[] = []
  const looks: Promise<unknown>[] = []
  for (let step = 0; step < 4; step++) {
    const cost = optimizer.minimize(loss, true, [variable])!
    if (kind === 'naive') looks.push(cost.data())
    costs.push(cost)
  }
  for (const undo of restore) undo()
  await Promise.all(looks)
  optimizer.dispose()
  tf.dispose([variable, ...costs])
  return found
}

/** The sum of `count` ones by one `tf.addN`. */
async function addN(count: number): Promise<number> {
  const ones = Array.from({ length: count }, () => tf.ones([1]))
  const sum = tf.addN(ones)
  const [value] = await sum.data()
  tf.dispose([ones, sum])
  return value!
}

/** The same sum as the optimiser's dual norm over as many variables. */
async function dualNorm(count: number): Promise<number> {
  const ones = Array.from({ length: count }, () => tf.ones([1]))
  const variables = ones.map(() => tf.tidy(() => tf.variable(tf.zeros([1]))))
  const optimizer = inducedOptimizer(tf, inducedMetric(sgd(), { learningRate: 0.1, xi: 1, beta: 0 }))
  optimizer.applyGradients(variables.map(({ name }, i) => ({ name, tensor: ones[i]! })))
  const report = await optimizer.report()
  optimizer.dispose()
  tf.dispose([ones, variables])
  return report.dualNorm
}

/** The error of a sum of many squares, relative to the sum in double precision. */
async function longSum(size: number): Promise<number> {
  const gradient = tf.tidy(() => tf.randomUniform([size], 0.5, 1.5, 'float32', 7))
  const exact = (await gradient.data<'float32'>()).reduce((sum, value) => sum + value * value, 0)
  const variable = tf.tidy(() => tf.variable(tf.zeros([size])))
  const optimizer = inducedOptimizer(tf, inducedMetric(sgd(), { learningRate: 0.1, xi: 1, beta: 0 }))
  optimizer.applyGradients({ [variable.name]: gradient })
  const { dualNorm } = await optimizer.report()
  optimizer.dispose()
  tf.dispose([gradient, variable])
  return dualNorm / exact - 1
}

/** The first step of Adam on gradients of 1e-5, which differs from the learning rate by ε only. */
async function firstStep(kind: 'ours' | 'theirs'): Promise<number> {
  const variable = tf.tidy(() => tf.variable(tf.zeros([3])))
  const optimizer =
    kind === 'ours'
      ? inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.5, xi: 0 }))
      : tf.train.adam(0.5)
  optimizer.minimize(() => variable.mul(1e-5).sum(), false, [variable])
  const [value] = await variable.data()
  optimizer.dispose()
  variable.dispose()
  return -value!
}

/** The number of tensors: before, after each of eight steps (some of them refused), and after everything is disposed of. */
async function held(): Promise<{ before: object; steps: number[]; after: object }> {
  const before = memory()
  const variables = [[3, 2], [2], []].map((shape, i) => tf.tidy(() => tf.variable(normal(shape, i + 1))))
  const [w, b, s] = variables as [tf.Variable, tf.Variable, tf.Variable]
  const optimizer = inducedOptimizer(tf, inducedMetric(muon(), { learningRate: 0.01, embedding: log() }))
  const steps: number[] = []
  for (let step = 0; step < 8; step++) {
    const factor = step % 3 === 2 ? NaN : 1
    optimizer.minimize(
      () => w.square().sum().add(b.square().sum()).add(s.square()).mul(factor),
      false,
      variables,
    )
    steps.push(tf.memory().numTensors)
  }
  await optimizer.report()
  optimizer.dispose()
  tf.dispose(variables)
  return { before, steps, after: memory() }
}

/** A step that must be refused. Returns what its report says, and whether any bit has changed. */
async function refused(kind: 'NaN' | 'bad loss'): Promise<{ outcome: string; step: number; same: boolean }> {
  const variable = tf.tidy(() => tf.variable(normal([4], 1)))
  const optimizer = inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.1, embedding: log() }))
  const step = (factor: number, shift: number): void =>
    void optimizer.minimize(() => variable.mul(factor).square().sum().add(shift), false, [variable])
  step(1, 1)
  await optimizer.report()
  const state = async (): Promise<string> => {
    const { skippedSteps: _, ...rest } = await optimizer.save()
    return JSON.stringify([rest, await values([variable])])
  }
  const before = await state()
  if (kind === 'NaN') step(NaN, 1)
  else step(1, -1000)
  const outcome = await optimizer.report().then(
    ({ skipped }) => (skipped ? 'skipped' : 'taken'),
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  )
  const same = (await state()) === before
  step(1, 1)
  const { step: taken } = await optimizer.report()
  optimizer.dispose()
  variable.dispose()
  return { outcome, step: taken, same }
}

/** The losses of a run, and of the same run with saving and loading half way. */
async function resumed(): Promise<{ whole: number[]; resumed: number[] }> {
  const start = (): tf.Sequential => {
    const model = network([4, 1], { inputs: 3 })
    const optimizer = inducedOptimizer(
      tf,
      inducedMetric(adam(), { learningRate: 0.05, embedding: log({ floor: -1 }) }),
    )
    model.compile({ optimizer, loss: 'meanSquaredError' })
    return model
  }
  const whole = await trainBatches(start(), 1, 6)
  const model = start()
  await trainBatches(model, 1, 3)
  const loaded = await loadModel(await saveModel(model))
  const rest = await trainBatches(loaded, 4, 6)
  if ((await optimizerOf(loaded).report()).step !== 6) throw new Error('the count of steps was lost')
  return { whole: whole.slice(3), resumed: rest }
}

/** How many threads the wasm backend has, and whether its memory is shared with them. */
function threads(): { threads: number; shared: boolean } {
  const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }
  const shared = Object.prototype.toString.call(wasm.HEAPU8.buffer) === '[object SharedArrayBuffer]'
  return { threads: shared ? getThreadsCount() : 1, shared }
}

/**
 * Trains with an engine. Returns the losses, the variables at the end, and the size of the backend's memory in bytes before
 * and after.
 */
async function trained(
  engine: 'ops' | 'wasm' | 'auto',
): Promise<{ losses: number[]; values: number[][]; bytes: [number, number] }> {
  const bytes = (): number =>
    (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.buffer.byteLength
  const before = bytes()
  const { x, y } = line(64)
  const model = network([300, 1], { inputs: 3 })
  const large = tf.tidy(() => tf.variable(tf.ones([500_000]), true))
  const optimizer = inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.01, clipNorm: 5 }), {
    engine,
  })
  const loss = (): tf.Scalar =>
    tf.losses.meanSquaredError(y, model.predict(x) as tf.Tensor).add(large.square().mean().mul(0.01))
  const losses: number[] = []
  for (let step = 0; step < 20; step++) {
    const value = optimizer.minimize(loss, true)!
    losses.push((await value.data())[0]!)
    value.dispose()
  }
  const weights = await values(model.trainableWeights.map((weight) => weight.read()))
  const result = {
    losses,
    values: [...weights, ...(await values([large.slice(0, 5)]))].map((each) => [...each]),
  }
  optimizer.dispose()
  model.dispose()
  tf.dispose([x, y, large])
  return { ...result, bytes: [before, bytes()] }
}

/**
 * Takes steps by operations with bases that together use everything in the algebra.
 *
 * @returns by base, how far weights and slots are from those of the reference engine, or the message of an error; and how many tensors
 *   are left
 */
async function algebra(): Promise<{ distances: Record<string, number | string>; left: number }> {
  const before = tf.memory().numTensors
  const distances: Record<string, number | string> = {}
  for (const [name, base] of Object.entries(bases)) {
    const transformation = inducedMetric(base, {
      learningRate: 0.05,
      xi: 0.1,
      weightDecay: 0.01,
      clipNorm: 3,
    })
    const given = parametersOf(Float32Array)
    const reference = given.map((parameter) => ({ ...parameter, rowsAre: 'inputs' as const }))
    const expected = referenceRun(transformation, reference, 6)
    const target = tfjsTarget(tf, { backend: tf.getBackend(), engine: 'ops' })
    const session = await target.create(transformation, given)
    try {
      await sessionRun(session, 0, 6)
      const own = await session.slots!()
      const slots = Object.entries(expected.slots).flatMap(([owner, each]) =>
        Object.entries(each).map(([slot, data]) => [own[owner]![slot]!, data] as const),
      )
      distances[name] = Math.max(
        distance(await session.read(), expected.values),
        distance(
          slots.map(([actual]) => actual),
          slots.map(([, wanted]) => wanted),
        ),
      )
    } catch (error) {
      distances[name] = (error as Error).message
    } finally {
      await session.dispose?.()
    }
  }
  return { distances, left: tf.memory().numTensors - before }
}

const page = {
  start,
  algebra,
  halve,
  half,
  overflow,
  forced,
  threads,
  trained,
  conformance,
  fit,
  reads,
  addN,
  dualNorm,
  longSum,
  firstStep,
  held,
  refused,
  resumed,
}

/** The functions of the page, as the tests call them. */
export type Page = typeof page

Object.assign(globalThis, { page })

import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import {
  type CheckpointState,
  type Ort,
  type OrtValues,
  readCheckpointFile,
  writeCheckpointFile,
} from '@induced-metric/onnx'
import { epochOrder, recoverCheckpointFile, typeOf } from '@induced-metric/onnx/adapter'
import {
  createOrtTensor,
  defaultOrt,
  TrainingSession,
  type TrainingSessionOptions,
} from '@induced-metric/onnxruntime'
import { elementTypeOf, type Model, readModel } from '@induced-metric/onnx/proto'
import { bindData, gather, type Dataset, type InputShape, type Source } from './data/dataset.js'
import { readSource } from './data/source.js'
import { findArtifacts, type ArtifactFiles } from './folder.js'
import { checkWritable, exists, readGiven, type Surroundings } from './io.js'
import { chooseOptimizer, optimizerOf } from './optimizerChoice.js'
import type { TrainOptions } from './options.js'
import { createProgress } from './progress.js'
import { startingPoint } from './startingPoint.js'
import { counted, formatNumber } from './text.js'
import { prefix, stepsKey, trainingFile } from './trainingFile.js'
import { UsageError } from './usageError.js'

/** Trains, or continues a training that was cut off anywhere, to the same result bit for bit. Returns the exit code. */
export async function train(options: TrainOptions, surroundings: Surroundings): Promise<number> {
  const say = (line: string): void => void surroundings.stdout.write(`${line}\n`)
  const files = await findArtifacts(options.folder)
  const path = options.checkpoint ?? join(options.folder, trainingFile)
  const sources = await Promise.all(options.data.map(readSource))
  const evalSources = await Promise.all(options.evalData.map(readSource))

  if (!(await exists(dirname(path))))
    throw new UsageError(`--checkpoint: there is no folder ${dirname(path)}`)
  await checkWritable('--checkpoint', dirname(path))
  await recoverCheckpointFile(path)
  const resumes = !options.restart && (await exists(path))
  const state = await readState(resumes ? path : files.checkpoint, options.folder)
  const start = await startingPoint(files)
  if (resumes) checkStart(state, start, options.folder, path)
  const ort = await defaultOrt()
  const session = await createSession(options, files, state, ort)
  try {
    const inputs = await inputsOf(files.trainModel, session.trainingInputNames)
    checkBatch(inputs, options.batchSize)
    const dataset = bindData(inputs, sources)
    const evaluation = await evaluationOf(session, files, evalSources)
    const perEpoch = Math.floor(dataset.rows / options.batchSize)
    if (perEpoch === 0) {
      throw new UsageError(
        `the data have ${counted(dataset.rows, 'row')}, too few for --batch-size ${options.batchSize}`,
      )
    }
    const total = perEpoch * options.epochs
    const begun = describeRun(options, dataset)
    const done = resumes ? resumedAt(state, begun, path) : 0
    for (const [key, value] of Object.entries({ ...begun, ...start }))
      session.properties.set(prefix + key, value)

    const scalars = await session.getParametersSize(true)
    say(
      `${dataset.rows} examples, ${scalars} scalars to train, ${perEpoch} steps of ${options.batchSize} an epoch`,
    )
    if (resumes) say(`going on from ${path} after ${done} of ${total} steps`)
    const run = { options, session, ort, dataset, evaluation, path, perEpoch, total }
    const { taken, isStopped } = await takeSteps(run, done, surroundings)
    if (isStopped) {
      say(`stopped after ${taken} of ${total} steps; the same command goes on from ${path}`)
      return 130
    }
    const { skippedSteps } = session.report
    if (skippedSteps > 0)
      say(`${counted(skippedSteps, 'step')} skipped: the loss or the gradients were not finite`)
    say(
      done >= total
        ? `nothing to do: ${path} has ${done} steps, --epochs ${options.epochs} are ${total}`
        : `trained; ${path} has the parameters`,
    )
    return 0
  } finally {
    await session.release()
  }
}

/** A running training. */
interface Training {
  readonly options: TrainOptions
  readonly session: TrainingSession
  readonly ort: Ort
  readonly dataset: Dataset
  readonly evaluation: Dataset | undefined
  /** The checkpoint file. */
  readonly path: string
  /** Steps of an epoch, and of all epochs. */
  readonly perEpoch: number
  readonly total: number
}

/** Takes the steps of a training from `done` on, saving as it goes, until the last one or until it is stopped. */
async function takeSteps(
  training: Training,
  done: number,
  surroundings: Surroundings,
): Promise<{ readonly taken: number; readonly isStopped: boolean }> {
  const { options, session, ort, dataset, evaluation, perEpoch, total } = training
  const { signal } = surroundings
  const { batchSize, epochs, logEvery, saveEvery } = options
  const progress = createProgress(surroundings, { steps: total, epochs, logEvery })
  progress.start(Math.min(done, total))
  try {
    let order: ArrayLike<number> = []
    for (let step = done; step < total; step++) {
      const epoch = Math.floor(step / perEpoch)
      const place = step % perEpoch
      if (place === 0 || step === done) order = orderOfEpoch(options, dataset.rows, epoch)
      const rows = Array.prototype.slice.call(order, place * batchSize, (place + 1) * batchSize) as number[]
      await session.runTrainStep(tensors(ort, dataset, rows), [session.trainingOutputNames[0]!])
      const { loss, scale, xi } = await session.runOptimizerStep()
      await session.lazyResetGrad()
      const taken = step + 1
      progress.step({ step: taken, epoch: epoch + 1, loss: loss ?? NaN, scale: xi === 0 ? null : scale })
      const ends = taken % perEpoch === 0
      if (ends || taken % saveEvery === 0 || signal.aborted) await save(training, taken)
      if (ends && evaluation) {
        const mean = await evaluate(session, ort, evaluation, batchSize)
        progress.say(`epoch ${epoch + 1}/${epochs}  eval loss ${formatNumber(mean)}`)
      }
      if (signal.aborted) return { taken, isStopped: true }
      await setImmediate()
    }
    return { taken: Math.max(done, total), isStopped: false }
  } finally {
    progress.stop()
  }
}

async function save({ session, path }: Training, steps: number): Promise<void> {
  session.properties.set(stepsKey, BigInt(steps))
  await writeCheckpointFile(path, session.checkpointState())
}

async function readState(path: string | undefined, folder: string): Promise<CheckpointState> {
  if (path !== undefined) return readCheckpointFile(path)
  throw new UsageError(`${folder} has no checkpoint, so there are no parameters to start from`)
}

async function createSession(
  options: TrainOptions,
  files: ArtifactFiles,
  checkpointState: CheckpointState,
  ort: Ort,
): Promise<TrainingSession> {
  const { optimizer, learningRate, threads } = options
  let chosen: Pick<TrainingSessionOptions, 'optimizer' | 'optimizerModel'>
  let sets = learningRate !== undefined
  if (optimizer !== undefined) {
    chosen = { optimizer: await optimizerOf(optimizer) }
    sets &&= optimizer.optimizer.endsWith('.json')
  } else if (files.optimizerModel !== undefined) chosen = { optimizerModel: files.optimizerModel }
  else {
    chosen = { optimizer: chooseOptimizer({ optimizer: 'adam identity', learningRate }) }
    sets = false
  }
  const session = await TrainingSession.create(
    {
      ...chosen,
      trainModel: files.trainModel,
      ...(files.evalModel !== undefined && { evalModel: files.evalModel }),
      checkpointState,
      ort,
    },
    { intraOpNumThreads: threads, interOpNumThreads: 1 },
  )
  if (sets) session.setLearningRate(learningRate!)
  return session
}

/** The inputs of a model with these names, as it declares them. */
async function inputsOf(path: string, names: readonly string[]): Promise<InputShape[]> {
  const model: Model = readModel(await readGiven(path), path)
  const inputs = names.map((name) => {
    const input = model.graph.input.find((candidate) => candidate.name === name)
    const { dataType, shape } = input ? typeOf(input) : {}
    if (dataType === undefined || !shape || shape.length === 0) {
      throw new UsageError(`the model does not say what shape its input ${name} has; train from a program`)
    }
    const dims = shape.map((extent, axis) => extent ?? `axis${axis}`)
    return { name, type: elementTypeOf(dataType).name, dims }
  })
  // Where fixed inputs disagree in their first extent, it counts no examples: the model was exported without a batch.
  const first = inputs.map(({ dims }) => dims[0])
  const isWhole =
    first.every((extent) => typeof extent === 'number') && first.some((extent) => extent !== first[0])
  return inputs.map((input) => ({ ...input, isWhole }))
}

function checkBatch(inputs: readonly InputShape[], batchSize: number): void {
  for (const { name, dims, isWhole } of inputs) {
    if (isWhole && batchSize === 1) continue
    if (isWhole) {
      throw new UsageError(
        'the model has no axis for a batch, and takes one example at a time: --batch-size 1, and --accumulate N for the ' +
          'mean over N examples',
      )
    }
    const [extent] = dims
    if (typeof extent !== 'number' || extent === batchSize) continue
    throw new UsageError(`input ${name} takes ${extent} examples at a time: --batch-size ${extent}`)
  }
}

/** The settings that must not change when a training continues. */
function describeRun(options: TrainOptions, { rows }: Dataset): Record<string, bigint> {
  return {
    rows: BigInt(rows),
    'batch-size': BigInt(options.batchSize),
    seed: BigInt(options.seed),
    shuffle: options.shuffle ? 1n : 0n,
  }
}

/** Checks that a training continues from the artifacts that it was started from, and not from others in the same folder. */
function checkStart(
  { properties }: CheckpointState,
  start: Record<string, string>,
  folder: string,
  path: string,
): void {
  if (!properties.has(stepsKey)) return
  for (const [key, digest] of Object.entries(start)) {
    const started = properties.get(prefix + key)
    // An earlier version stored none.
    if (started === undefined || started === digest) continue
    throw new UsageError(
      `the training in ${path} was started from another ${key.replace('-', ' ')} than ${folder} has now: put that back, or ` +
        'start again with --restart',
    )
  }
}

function resumedAt(state: CheckpointState, begun: Record<string, bigint>, path: string): number {
  const steps = state.properties.get(stepsKey)
  if (typeof steps !== 'bigint' || steps < 0n || steps > 2n ** 53n) {
    throw new UsageError(`${path} was not written by this command; name another --checkpoint`)
  }
  for (const [key, value] of Object.entries(begun)) {
    const before = state.properties.get(prefix + key)
    if (before === value) continue
    throw new UsageError(
      `the training in ${path} was started with ${key} ${String(before)}, now ${value}: continue with the old value, or start again with --restart`,
    )
  }
  return Number(steps)
}

function orderOfEpoch({ shuffle, seed }: TrainOptions, rows: number, epoch: number): ArrayLike<number> {
  return shuffle ? epochOrder(rows, seed, epoch) : Uint32Array.from({ length: rows }, (_, row) => row)
}

function tensors(ort: Ort, dataset: Dataset, rows: ArrayLike<number>): OrtValues {
  return Object.fromEntries(
    Object.entries(gather(dataset, rows)).map(([name, { type, data, dims }]) => [
      name,
      createOrtTensor(ort, type, data, dims),
    ]),
  )
}

async function evaluationOf(
  session: TrainingSession,
  files: ArtifactFiles,
  sources: readonly Source[],
): Promise<Dataset | undefined> {
  if (sources.length === 0) return undefined
  if (files.evalModel === undefined)
    throw new UsageError('--eval-data needs an eval_model.onnx, and there is none')
  return bindData(await inputsOf(files.evalModel, session.evalInputNames), sources)
}

/** The mean loss over a dataset. The last batch may be smaller if the model accepts any number of examples. */
async function evaluate(
  session: TrainingSession,
  ort: Ort,
  dataset: Dataset,
  batchSize: number,
): Promise<number> {
  const [name] = session.evalOutputNames
  const isOpen = dataset.columns.every(({ input }) => typeof input.dims[0] !== 'number')
  let sum = 0
  let count = 0
  for (let start = 0; start < dataset.rows; start += batchSize) {
    const length = Math.min(batchSize, dataset.rows - start)
    if (length < batchSize && !isOpen) break
    const rows = Array.from({ length }, (_, i) => start + i)
    const results = await session.runEvalStep(tensors(ort, dataset, rows), [name!])
    sum += length * Number((results[name!]!.data as ArrayLike<number>)[0])
    count += length
    await setImmediate()
  }
  return sum / count
}

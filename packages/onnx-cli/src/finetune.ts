import {
  createFineTuning,
  folderFiles,
  type Dtype,
  type FineTuning,
  type FineTuningOptions,
  type Pooling,
  type ProblemType,
  type Task,
  type TextExample,
} from '@induced-metric/transformers'
import type { FinetuneCommand } from './finetuneOptions.js'
import { checkWritable, readGiven, type Surroundings } from './io.js'
import { optimizerOf } from './optimizerChoice.js'
import { createProgress } from './progress.js'
import { formatNumber } from './text.js'
import { UsageError } from './usageError.js'

/** Fine-tunes a model in the layout of Transformers.js, and writes the result. Returns the exit code. */
export async function finetune(command: FinetuneCommand, surroundings: Surroundings): Promise<number> {
  const say = (line: string): void => void surroundings.stdout.write(`${line}\n`)
  const { examples, naming } = await readExamples(command.data)
  const { examples: evaluation, naming: namingOfEvaluation } = await readExamples(command.evalData)
  await checkWritable('--output', command.output)
  const options = await optionsOf(command, examples)
  const tuning = await naming(createFineTuning(folderFiles(command.folder), options))
  try {
    const { summary, steps, labels, task, truncatedExamples } = tuning
    say(
      `${task}: ${examples.length} examples, ${summary.trainableScalars} of ` +
        `${summary.trainableScalars + summary.frozenScalars} scalars to train, ${steps} steps`,
    )
    if (labels) say(`labels: ${labels.join(', ')}`)
    if (truncatedExamples > 0)
      say(`${truncatedExamples} examples were too long, and were cut off (--max-length)`)
    if (evaluation.length > 0) say(`before  ${await namingOfEvaluation(evaluate(tuning, evaluation))}`)
    const isStopped = await train(tuning, command, surroundings)
    if (evaluation.length > 0) say(`after   ${await evaluate(tuning, evaluation)}`)
    await tuning.save(folderFiles(command.output))
    say(`${isStopped ? 'stopped; ' : ''}wrote ${command.output}`)
    return isStopped ? 130 : 0
  } finally {
    await tuning.release()
  }
}

/** Trains to the end, or until it is stopped: whether it was. */
async function train(
  tuning: FineTuning,
  { epochs = 3, logEvery }: FinetuneCommand,
  surroundings: Surroundings,
) {
  const { signal } = surroundings
  const progress = createProgress(surroundings, { steps: tuning.steps, epochs, logEvery })
  progress.start(0)
  try {
    for await (const { step, epoch, loss, report } of tuning.train({ signal })) {
      progress.step({ step, epoch, loss, scale: report.xi === 0 ? null : report.scale })
    }
  } finally {
    progress.stop()
  }
  return signal.aborted
}

async function evaluate(tuning: FineTuning, examples: readonly TextExample[]): Promise<string> {
  const { loss, accuracy } = await tuning.evaluate(examples)
  return `loss ${formatNumber(loss)}${accuracy === undefined ? '' : `  accuracy ${formatNumber(accuracy)}`}`
}

async function optionsOf(command: FinetuneCommand, examples: TextExample[]): Promise<FineTuningOptions> {
  const {
    dtype,
    task,
    labels,
    problem,
    pooling,
    lora,
    epochs,
    batchSize,
    maxLength,
    seed,
    optimizer,
    threads,
  } = command
  const given = {
    dtype: dtype as Dtype | undefined,
    task: task as Task | undefined,
    labels,
    problem: problem as ProblemType | undefined,
    pooling: pooling as Pooling | undefined,
    lora,
    epochs,
    batchSize,
    maxLength,
    seed,
    optimizer: optimizer && (await optimizerOf(optimizer)),
  }
  return {
    ...(Object.fromEntries(
      Object.entries(given).filter(([, value]) => value !== undefined),
    ) as Partial<FineTuningOptions>),
    examples,
    sessionOptions: { intraOpNumThreads: threads, interOpNumThreads: 1 },
  }
}

/** Examples of files. */
interface ReadExamples {
  readonly examples: TextExample[]
  /** Waits for what is done with them. An error names an example by its line, rather than by its number. */
  readonly naming: <T>(done: Promise<T>) => Promise<T>
}

/** Reads files with one JSON object per line. */
async function readExamples(paths: readonly string[]): Promise<ReadExamples> {
  const examples: TextExample[] = []
  const places: string[] = []
  for (const path of paths) {
    const before = examples.length
    const text = new TextDecoder().decode(await readGiven(path))
    text.split('\n').forEach((line, i) => {
      if (line.trim() === '') return
      places.push(`${path}, line ${i + 1}`)
      try {
        examples.push(JSON.parse(line) as TextExample)
      } catch {
        throw new UsageError(
          `${places.at(-1)} is not JSON; give one example per line, as {"text": …, "label": …}`,
        )
      }
    })
    if (examples.length === before) throw new UsageError(`${path} has no examples`)
  }
  const naming: ReadExamples['naming'] = async (done) => {
    try {
      return await done
    } catch (error) {
      if (error instanceof Error)
        error.message = error.message.replace(/\bexamples\[(\d+)\]/, (name, i) => places[Number(i)] ?? name)
      throw error
    }
  }
  return { examples, naming }
}

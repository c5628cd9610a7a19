import {
  adamwOptimizer,
  bceWithLogitsLoss,
  crossEntropyLoss,
  generateArtifacts,
  l1Loss,
  mseLoss,
  writeArtifacts,
  type ArtifactsSummary,
  type GenerateOptions,
  type LossBuilder,
  type LossName,
  type OptimizerChoice,
  type Reduction,
} from '@induced-metric/onnxruntime/artifacts'
import { lossNames } from '@induced-metric/onnx/adapter'
import { batchLine, constantLines, unreachedLines, widenedLine } from './inspectModel.js'
import { exists, type Surroundings } from './io.js'
import { optimizerOf } from './optimizerChoice.js'
import type { GenerateCommand } from './options.js'
import { formatTable } from './text.js'
import { UsageError } from './usageError.js'

/** The number of parameters that the summary lists one by one. */
const listed = 40

/** Generates training artifacts from a forward model and prints a summary. */
export async function generate(command: GenerateCommand, { stdout }: Surroundings): Promise<number> {
  const { model, output, trainable, frozen, lossInputs, additionalOutputs, prefix } = command
  if (!(await exists(model))) throw new UsageError(`there is no file ${model}`)
  const loss = lossOf(command)
  const optimizer = await optimizerOfCommand(command)
  const options: GenerateOptions = {
    ...(loss && { loss }),
    ...(optimizer && { optimizer }),
    ...(trainable && { requiresGrad: trainable }),
    ...(frozen && { frozen }),
    ...(command.promoteConstants && { promoteConstants: true }),
    ...(command.inputs && { inputs: command.inputs }),
    ...(command.bind && { bind: command.bind }),
    ...(lossInputs && { outputNames: lossInputs }),
    ...(additionalOutputs && { additionalOutputs }),
    batchNormalization: batchNormalizationOf(command),
  }
  const artifacts = await generateArtifacts(model, options)
  const written = await writeArtifacts(output, artifacts, { ...(prefix !== undefined && { prefix }) })
  const { summary } = artifacts
  stdout.write(
    command.json ? `${JSON.stringify({ ...summary, written }, null, 2)}\n` : formatSummary(summary, written),
  )
  return 0
}

function batchNormalizationOf({ batchNorm = 'training' }: GenerateCommand): 'training' | 'inference' {
  if (batchNorm === 'training' || batchNorm === 'inference') return batchNorm
  throw new UsageError(`--batch-norm takes training or inference, given ${JSON.stringify(batchNorm)}`)
}

function lossOf(command: GenerateCommand): LossBuilder | undefined {
  const { loss, reduction, classWeights, ignoreIndex, labels } = command
  if (reduction !== undefined && reduction !== 'mean' && reduction !== 'sum') {
    throw new UsageError(`--reduction takes mean or sum, given ${JSON.stringify(reduction)}`)
  }
  if (labels !== undefined && labels !== 'int64' && labels !== 'int32') {
    throw new UsageError(`--labels takes int64 or int32, given ${JSON.stringify(labels)}`)
  }
  const common: { readonly reduction?: Reduction } = reduction === undefined ? {} : { reduction }
  const ofCrossEntropy = { 'class-weights': classWeights, 'ignore-index': ignoreIndex, labels }
  const alone = Object.entries(ofCrossEntropy).find(([, value]) => value !== undefined)
  if (alone && loss !== 'cross-entropy') throw new UsageError(`--${alone[0]} goes with --loss cross-entropy`)
  if (loss === undefined) {
    if (reduction !== undefined) throw new UsageError('--reduction goes with --loss')
    return undefined
  }
  const makers: Readonly<Record<LossName, () => LossBuilder>> = {
    'cross-entropy': () =>
      crossEntropyLoss({
        ...common,
        ...(classWeights && { weight: classWeights }),
        ...(ignoreIndex !== undefined && { ignoreIndex }),
        ...(labels && { labelType: labels }),
      }),
    mse: () => mseLoss(common),
    l1: () => l1Loss(common),
    'bce-with-logits': () => bceWithLogitsLoss(common),
  }
  if (Object.hasOwn(makers, loss)) return makers[loss as LossName]()
  throw new UsageError(`--loss takes one of ${lossNames.join(', ')}, given ${JSON.stringify(loss)}`)
}

async function optimizerOfCommand({ optimizer }: GenerateCommand): Promise<OptimizerChoice | undefined> {
  if (optimizer === undefined) return undefined
  if (optimizer.optimizer.trim() !== 'adamw') return optimizerOf(optimizer)
  const { weightDecay, ...others } = optimizer
  const flag = Object.entries(others).find(([name, value]) => name !== 'optimizer' && value !== undefined)
  if (flag)
    throw new UsageError('--optimizer adamw takes --weight-decay only; its learning rate is the session’s')
  return adamwOptimizer(weightDecay === undefined ? {} : { weightDecay })
}

/** Formats the summary for people. */
function formatSummary(summary: ArtifactsSummary, written: readonly string[]): string {
  const { parameters, memory, operators, inlined } = summary
  const few = parameters.slice(0, listed)
  const batch = memory.symbols.length > 0 ? `, with ${memory.symbols.join(', ')} taken for 1` : ''
  const inlinedText = Object.entries(inlined).map(([name, count]) => `${name} (${count})`)
  return [
    `inputs         ${summary.inputs.join(', ')}`,
    `loss           ${summary.loss}`,
    `to train       ${summary.trainableScalars} scalars of ${parameters.filter(({ trainable }) => trainable).length} parameters`,
    `frozen         ${summary.frozenScalars} scalars of ${parameters.filter(({ trainable }) => !trainable).length} parameters`,
    ...unreachedLines(summary.unreached),
    ...constantLines(summary.constants),
    ...batchLine(summary.batch),
    `inlined        ${inlinedText.length > 0 ? inlinedText.join(', ') : 'no functions'}; ${summary.folded} nodes computed beforehand`,
    ...widenedLine(summary.widened),
    ...(summary.straightThrough > 0
      ? [`quantised      gradients pass straight through ${summary.straightThrough} quantisations`]
      : []),
    ...(summary.writtenOut > 0 ? [`written out    ${summary.writtenOut} nodes in primitive operators`] : []),
    `memory         parameters ${megabytes(memory.parameters)}, gradients ${megabytes(memory.gradients)}, two slots of the ` +
      `optimiser ${megabytes(memory.slots)}; activations ${megabytes(memory.activations)}${batch}`,
    '',
    formatTable(
      ['parameter', 'shape', 'scalars', ''],
      few.map(({ name, dims, trainable }) => [
        name,
        `[${dims.join(', ')}]`,
        String(dims.reduce((size, extent) => size * extent, 1)),
        trainable ? 'trainable' : 'frozen',
      ]),
    ),
    ...(parameters.length > few.length ? [`and ${parameters.length - few.length} more`] : []),
    '',
    formatTable(
      ['operator', 'nodes'],
      Object.entries(operators)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, count]) => [name, String(count)]),
    ),
    '',
    ...written.map((path) => `wrote ${path}`),
    '',
  ].join('\n')
}

function megabytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 2 ** 20).toFixed(1)} MB`
}

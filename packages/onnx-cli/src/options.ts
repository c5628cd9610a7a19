import { parseArgs, type ParseArgsConfig } from 'node:util'
import { finetuneFlags, finetuneOptions, type FinetuneCommand } from './finetuneOptions.js'
import type { OptimizerFlags } from './optimizerChoice.js'
import { boundOf, type BoundValues } from './boundValues.js'
import { UsageError } from './usageError.js'
import {
  countOf,
  list,
  namedOptimizer,
  numberOf,
  optimizerFlags,
  optimizerOptions,
  type Values,
} from './values.js'

/** A parsed command. */
export type Command =
  | { readonly name: 'help' }
  | ({ readonly name: 'generate' } & GenerateCommand)
  | { readonly name: 'version' }
  | { readonly name: 'inspect'; readonly folder: string; readonly json: boolean }
  | ({ readonly name: 'train' } & TrainOptions)
  | ({ readonly name: 'export' } & ExportOptions)
  | ({ readonly name: 'finetune' } & FinetuneCommand)

/** Options of `generate`. */
export interface GenerateCommand {
  readonly model: string
  readonly output: string
  readonly loss: string | undefined
  readonly reduction: string | undefined
  readonly classWeights: readonly number[] | undefined
  readonly ignoreIndex: number | undefined
  readonly labels: string | undefined
  readonly trainable: readonly string[] | undefined
  readonly frozen: readonly string[] | undefined
  readonly promoteConstants: boolean
  readonly inputs: Readonly<Record<string, readonly (string | number)[]>> | undefined
  readonly bind: BoundValues | undefined
  readonly lossInputs: readonly string[] | undefined
  readonly additionalOutputs: readonly string[] | undefined
  readonly optimizer: OptimizerFlags | undefined
  readonly batchNorm: string | undefined
  readonly prefix: string | undefined
  readonly json: boolean
}

/** Options of `train`. */
export interface TrainOptions {
  readonly folder: string
  readonly data: readonly string[]
  readonly evalData: readonly string[]
  readonly epochs: number
  readonly batchSize: number
  readonly seed: number
  readonly shuffle: boolean
  readonly optimizer: OptimizerFlags | undefined
  readonly learningRate: number | undefined
  readonly checkpoint: string | undefined
  readonly restart: boolean
  readonly saveEvery: number
  readonly threads: number
  readonly logEvery: number
}

/** Options of `export`. */
export interface ExportOptions {
  readonly folder: string
  readonly output: string
  readonly outputs: readonly string[] | undefined
  readonly checkpoint: string | undefined
  readonly externalData: boolean
}

const options = {
  generate: {
    output: { type: 'string', short: 'o' },
    loss: { type: 'string' },
    reduction: { type: 'string' },
    'class-weights': { type: 'string' },
    'ignore-index': { type: 'string' },
    labels: { type: 'string' },
    trainable: { type: 'string', multiple: true },
    frozen: { type: 'string', multiple: true },
    'promote-constants': { type: 'boolean' },
    inputs: { type: 'string', multiple: true },
    bind: { type: 'string', multiple: true },
    'loss-inputs': { type: 'string' },
    'additional-outputs': { type: 'string' },
    ...optimizerOptions,
    'batch-norm': { type: 'string' },
    prefix: { type: 'string' },
    json: { type: 'boolean' },
  },
  inspect: { json: { type: 'boolean' } },
  train: {
    data: { type: 'string', multiple: true },
    'eval-data': { type: 'string', multiple: true },
    epochs: { type: 'string' },
    'batch-size': { type: 'string' },
    seed: { type: 'string' },
    'no-shuffle': { type: 'boolean' },
    ...optimizerOptions,
    checkpoint: { type: 'string' },
    restart: { type: 'boolean' },
    'save-every': { type: 'string' },
    threads: { type: 'string' },
    'log-every': { type: 'string' },
  },
  finetune: finetuneFlags,
  export: {
    output: { type: 'string', short: 'o' },
    outputs: { type: 'string' },
    checkpoint: { type: 'string' },
    'external-data': { type: 'boolean' },
  },
} as const satisfies Record<string, ParseArgsConfig['options']>

/**
 * Parses the arguments after the program's name.
 *
 * @throws UsageError if they make no sense
 */
export function parseCommand(argv: readonly string[]): Command {
  const [name, ...rest] = argv
  if (name === undefined) throw new UsageError('give a command: generate, inspect, train, export or finetune')
  if (
    name === '--help' ||
    name === '-h' ||
    name === 'help' ||
    rest.includes('--help') ||
    rest.includes('-h')
  ) {
    return { name: 'help' }
  }
  if (name === '--version' || name === '-v') return { name: 'version' }
  switch (name) {
    case 'generate': {
      const { folder, values } = parse(name, rest, 'the model')
      return { name, ...generateOptions(folder, values) }
    }
    case 'inspect': {
      const { folder, values } = parse(name, rest, 'the folder of the artifacts, or a model')
      return { name, folder, json: values['json'] === true }
    }
    case 'train': {
      const { folder, values } = parse(name, rest)
      return { name, ...trainOptions(folder, values) }
    }
    case 'export': {
      const { folder, values } = parse(name, rest)
      const output = values['output'] as string | undefined
      if (output === undefined || output === '')
        throw new UsageError('export: say where to write it, --output FILE')
      return {
        name,
        folder,
        output,
        outputs: list(values['outputs'] as string | undefined),
        checkpoint: values['checkpoint'] as string | undefined,
        externalData: values['external-data'] === true,
      }
    }
    case 'finetune': {
      const { folder, values } = parse(name, rest, 'the folder of the model')
      return { name, ...finetuneOptions(folder, values) }
    }
    default:
      throw new UsageError(
        `there is no command ${JSON.stringify(name)}; there are generate, inspect, train, export and finetune`,
      )
  }
}

function parse(
  command: keyof typeof options,
  args: string[],
  what = 'the folder of the artifacts',
): { folder: string; values: Values } {
  let parsed: { values: Values; positionals: string[] }
  try {
    parsed = parseArgs({ args, options: options[command], allowPositionals: true }) as typeof parsed
  } catch (error) {
    throw new UsageError(
      `${command}: ${error instanceof Error ? error.message.split(/\.\s/)[0] : String(error)}`,
    )
  }
  const [folder, ...others] = parsed.positionals
  if (folder === undefined) throw new UsageError(`${command}: name ${what}`)
  if (others.length > 0)
    throw new UsageError(`${command}: ${what}, one at a time, given also ${others.join(', ')}`)
  return { folder, values: parsed.values }
}

/** Extents by input, from `name=extent,extent`. */
function extentsOf(given: readonly string[] | undefined): GenerateCommand['inputs'] {
  if (given === undefined) return undefined
  const entries = given.map((text) => {
    const at = text.lastIndexOf('=')
    if (at < 1) {
      throw new UsageError(
        `--inputs takes the name of an input and its extents, as x=batch,16,96, given ${JSON.stringify(text)}`,
      )
    }
    const extents = list(text.slice(at + 1))!.map((extent) =>
      /^\d+$/.test(extent) ? Number(extent) : extent,
    )
    return [text.slice(0, at), extents] as const
  })
  return Object.fromEntries(entries)
}

function generateOptions(model: string, values: Values): GenerateCommand {
  const text = (name: string): string | undefined => values[name] as string | undefined
  const output = text('output')
  if (output === undefined || output === '') throw new UsageError('generate: say where to, --output DIR')
  const optimizer = namedOptimizer(values)
  const weights = list(text('class-weights'))?.map(Number)
  if (weights?.some((weight) => !Number.isFinite(weight))) {
    throw new UsageError(`--class-weights takes numbers, given ${text('class-weights')}`)
  }
  return {
    model,
    output,
    loss: text('loss'),
    reduction: text('reduction'),
    classWeights: weights,
    ignoreIndex: numberOf(values, 'ignore-index'),
    labels: text('labels'),
    trainable: values['trainable'] as readonly string[] | undefined,
    frozen: values['frozen'] as readonly string[] | undefined,
    promoteConstants: values['promote-constants'] === true,
    inputs: extentsOf(values['inputs'] as readonly string[] | undefined),
    bind: boundOf(values['bind'] as readonly string[] | undefined),
    lossInputs: list(text('loss-inputs')),
    additionalOutputs: list(text('additional-outputs')),
    optimizer,
    batchNorm: text('batch-norm'),
    prefix: text('prefix'),
    json: values['json'] === true,
  }
}

function trainOptions(folder: string, values: Values): TrainOptions {
  const count = (name: string, otherwise: number, least = 1): number =>
    countOf(values, name, least) ?? otherwise
  const data = (values['data'] ?? []) as readonly string[]
  if (data.length === 0) throw new UsageError('train: say what to train on, --data FILE')
  return {
    folder,
    data,
    evalData: (values['eval-data'] ?? []) as readonly string[],
    epochs: count('epochs', 1),
    batchSize: count('batch-size', 32),
    seed: count('seed', 0, 0),
    shuffle: values['no-shuffle'] !== true,
    optimizer: optimizerFlags(values),
    learningRate: numberOf(values, 'learning-rate'),
    checkpoint: values['checkpoint'] as string | undefined,
    restart: values['restart'] === true,
    saveEvery: count('save-every', 100),
    threads: count('threads', 1),
    logEvery: count('log-every', 50),
  }
}

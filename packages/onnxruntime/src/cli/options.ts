import { parseArgs, type ParseArgsConfig } from 'node:util'
import { optimizerNames, type OptimizerFlags } from './optimizerChoice.js'
import { UsageError } from './usageError.js'

/** The text of `--help`. */
export const usage = `induced-onnx <command> DIR [options]

Trains from the artifacts of ONNX Runtime training (generate_artifacts) on the stock runtime. DIR is their folder.

induced-onnx inspect DIR       what is in them: inputs, parameters, operators, and what stands in the way of training
  --json                       print it as JSON

induced-onnx train DIR         train
  --data FILE                  a .npy or .csv file with a row for each example, and the numbers of all inputs side by
                               side in the order in which inspect lists them
  --data NAME=FILE             a file for the input of that name; again for each other input
  --eval-data ...              likewise, for the loss of the eval model after each epoch
  --epochs N                   times to go through the data (1)
  --batch-size N               examples in a step (32); what does not fill a batch is left out
  --seed N                     of the order of the examples (0)
  --no-shuffle                 take them as they stand in the file
  --optimizer NAMES            a base, and an embedding if you like: "adam identity" (default: what optimizer_model.onnx
                               says, or "adam identity" where there is none); or a .json file of a transformation
                               bases: ${optimizerNames.bases.join(', ')}
                               embeddings: ${optimizerNames.embeddings.join(', ')}
  --learning-rate X            (0.001 for adam and rmsprop, 0.0001 for lion, 0.01 for others)
  --xi X --beta X              of the metric; xi may be auto (the default), 0 is the base alone
  --momentum X --weight-decay X --clip-norm X --floor X
  --checkpoint FILE            where the training is kept (DIR/checkpoint.induced); if it is there, training goes on from it
  --restart                    start from DIR's own checkpoint even so
  --save-every N               steps between checkpoints (100); one is written after each epoch as well
  --threads N                  threads of the runtime (1)
  --log-every N                steps between lines, where there is no terminal for a bar (50)

induced-onnx export DIR        write a model for inference, with the parameters in it
  --output FILE                where to
  --outputs NAMES              outputs of the eval model, separated by commas (all but the first, which is the loss)
  --checkpoint FILE            whose parameters (those of a training if there was one, else DIR's own)
  --external-data              put the parameters in a file beside the model, as is done above 1 GB

Exit code: 0 when all went well, 1 when something failed or the model cannot be trained, 2 for a command that makes no
sense, 130 after Ctrl-C (the training is saved first).
`

/** A command, parsed. */
export type Command =
  | { readonly name: 'help' }
  | { readonly name: 'inspect'; readonly folder: string; readonly json: boolean }
  | ({ readonly name: 'train' } & TrainOptions)
  | ({ readonly name: 'export' } & ExportOptions)

/** What `train` is told. */
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

/** What `export` is told. */
export interface ExportOptions {
  readonly folder: string
  readonly output: string
  readonly outputs: readonly string[] | undefined
  readonly checkpoint: string | undefined
  readonly externalData: boolean
}

const options = {
  inspect: { json: { type: 'boolean' } },
  train: {
    data: { type: 'string', multiple: true },
    'eval-data': { type: 'string', multiple: true },
    epochs: { type: 'string' },
    'batch-size': { type: 'string' },
    seed: { type: 'string' },
    'no-shuffle': { type: 'boolean' },
    optimizer: { type: 'string' },
    'learning-rate': { type: 'string' },
    xi: { type: 'string' },
    beta: { type: 'string' },
    momentum: { type: 'string' },
    'weight-decay': { type: 'string' },
    'clip-norm': { type: 'string' },
    floor: { type: 'string' },
    checkpoint: { type: 'string' },
    restart: { type: 'boolean' },
    'save-every': { type: 'string' },
    threads: { type: 'string' },
    'log-every': { type: 'string' },
  },
  export: {
    output: { type: 'string', short: 'o' },
    outputs: { type: 'string' },
    checkpoint: { type: 'string' },
    'external-data': { type: 'boolean' },
  },
} as const satisfies Record<string, ParseArgsConfig['options']>

/**
 * Reads the arguments after the program's name.
 *
 * @throws UsageError when they make no sense
 */
export function parseCommand(argv: readonly string[]): Command {
  const [name, ...rest] = argv
  if (name === undefined) throw new UsageError('give a command: inspect, train or export')
  if (
    name === '--help' ||
    name === '-h' ||
    name === 'help' ||
    rest.includes('--help') ||
    rest.includes('-h')
  ) {
    return { name: 'help' }
  }
  switch (name) {
    case 'inspect': {
      const { folder, values } = parse(name, rest)
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
    default:
      throw new UsageError(`there is no command ${JSON.stringify(name)}; there are inspect, train and export`)
  }
}

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

function parse(command: keyof typeof options, args: string[]): { folder: string; values: Values } {
  let parsed: { values: Values; positionals: string[] }
  try {
    parsed = parseArgs({ args, options: options[command], allowPositionals: true }) as typeof parsed
  } catch (error) {
    throw new UsageError(
      `${command}: ${error instanceof Error ? error.message.split(/\.\s/)[0] : String(error)}`,
    )
  }
  const [folder, ...others] = parsed.positionals
  if (folder === undefined) throw new UsageError(`${command}: name the folder of the artifacts`)
  if (others.length > 0)
    throw new UsageError(`${command}: one folder at a time, given also ${others.join(', ')}`)
  return { folder, values: parsed.values }
}

function trainOptions(folder: string, values: Values): TrainOptions {
  const number = (name: string): number | undefined => {
    const text = values[name] as string | undefined
    if (text === undefined) return undefined
    const value = text.trim() === '' ? NaN : Number(text)
    if (Number.isFinite(value)) return value
    throw new UsageError(`--${name} takes a number, given ${JSON.stringify(text)}`)
  }
  const count = (name: string, otherwise: number, least = 1): number => {
    const value = number(name) ?? otherwise
    if (Number.isSafeInteger(value) && value >= least && value <= 2 ** 32 - 1) return value
    throw new UsageError(`--${name} takes a whole number from ${least}, given ${String(values[name])}`)
  }
  const data = (values['data'] ?? []) as readonly string[]
  if (data.length === 0) throw new UsageError('train: say what to train on, --data FILE')
  const learningRate = number('learning-rate')
  const flags = {
    xi: values['xi'] === 'auto' ? ('auto' as const) : number('xi'),
    beta: number('beta'),
    momentum: number('momentum'),
    weightDecay: number('weight-decay'),
    clipNorm: number('clip-norm'),
    floor: number('floor'),
  }
  const optimizer = values['optimizer'] as string | undefined
  const alone = Object.entries(flags).find(([, value]) => value !== undefined)
  if (alone && (optimizer === undefined || optimizer.endsWith('.json'))) {
    const flag = alone[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw new UsageError(`--${flag} goes with an optimiser by name, as in --optimizer "adam identity"`)
  }
  return {
    folder,
    data,
    evalData: (values['eval-data'] ?? []) as readonly string[],
    epochs: count('epochs', 1),
    batchSize: count('batch-size', 32),
    seed: count('seed', 0, 0),
    shuffle: values['no-shuffle'] !== true,
    optimizer: optimizer === undefined ? undefined : { optimizer, learningRate, ...flags },
    learningRate,
    checkpoint: values['checkpoint'] as string | undefined,
    restart: values['restart'] === true,
    saveEvery: count('save-every', 100),
    threads: count('threads', 1),
    logEvery: count('log-every', 50),
  }
}

function list(text: string | undefined): readonly string[] | undefined {
  return text
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

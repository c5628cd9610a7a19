import { resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'

/** The options of `npm start`. */
export interface Options {
  readonly phrase: string
  readonly seed: number
  readonly steps: number
  /** Voices of each part at most; Infinity for all. */
  readonly voices: number
  readonly output: string
  /** Where speech is stored between runs. */
  readonly store: string
}

/** Reads a command line, the arguments after the program's name. Help and mistakes end the process. */
export function parseOptions(argv: readonly string[], folder: string): Options {
  const command = new Command('wake-word')
    .description(
      'Trains a wake word from synthetic speech, measures it on unseen voices and writes an ONNX model.',
    )
    .option('--phrase <words>', 'the wake word', words, 'hey silver fox')
    .option('--seed <number>', 'draws the first weights and the batches', wholeFrom(0), 1)
    .option('--steps <number>', 'steps of the training', wholeFrom(10), 1400)
    .addOption(
      new Option('--voices <number>', 'voices of each part at most, for a quick look')
        .argParser(wholeFrom(1))
        .default(Infinity, 'all'),
    )
    .option('--output <file>', 'where the model goes', 'wake-word.onnx')
    .option('--store <folder>', 'where speech is stored between runs', folder)
  command.parse(argv, { from: 'user' })
  const options = command.opts<Options>()
  return { ...options, output: resolve(options.output), store: resolve(options.store) }
}

/** The options of `npm run listen`. */
export interface ListenOptions {
  readonly files: readonly string[]
  readonly model: string
  readonly threshold: number
}

/** Reads the command line of `listen`. */
export function parseListenOptions(argv: readonly string[]): ListenOptions {
  const command = new Command('listen')
    .description('Finds the wake word in WAV files and prints when it was said.')
    .argument('<files...>', 'WAV files')
    .option('--model <file>', 'the trained model', 'wake-word.onnx')
    .option('--threshold <number>', 'fires where the mean of four scores reaches it', share, 0.5)
  command.parse(argv, { from: 'user' })
  return { files: command.args, ...command.opts<Omit<ListenOptions, 'files'>>() }
}

function words(text: string): string {
  const trimmed = text.trim()
  if (/\p{L}{2}/u.test(trimmed)) return trimmed
  throw new InvalidArgumentError('It needs a word.')
}

function wholeFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least} on.`)
  }
}

function share(text: string): number {
  const value = Number(text)
  if (value > 0 && value < 1) return value
  throw new InvalidArgumentError('It must be between 0 and 1.')
}

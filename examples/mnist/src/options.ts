import { existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'

/** The options of the command line. */
export interface Options {
  readonly epochs: number
  /** Ids of settings, without repetition. */
  readonly optimizers: readonly string[]
  /** In their place, bases to run at a row of learning rates, without repetition. */
  readonly rates?: readonly string[]
  /** Ids of frameworks, without repetition. */
  readonly frameworks: readonly string[]
  readonly seed: number
  /** Batches of an epoch. */
  readonly limit: number
  /** Absolute path of the report. */
  readonly output: string
}

/** The available choices. */
export interface Choices {
  readonly optimizers: readonly string[]
  readonly rates: readonly string[]
  readonly frameworks: readonly string[]
}

/** Either the options, or the text has been printed and the process should end with this code. */
export type Parsed = { readonly options: Options } | { readonly exitCode: 0 | 2 }

/** The output for help and errors. */
export interface Output {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

/** Batches of 1024 in the 60,000 pictures. */
const BATCHES_PER_EPOCH = 58

/** Reads the arguments after the program's name; prints help or errors. */
export function parseOptions(argv: readonly string[], choices: Choices, output: Output): Parsed {
  const command = new Command('demo')
    .description('Trains a small network on MNIST with and without the induced metric, and writes a report.')
    .option('--epochs <number>', 'times each optimiser sees the training set', integerFrom(1, 1000), 3)
    .addOption(
      new Option(
        '--optimizers <names>',
        `which to run, separated by commas: ${choices.optimizers.join(', ')}`,
      )
        .argParser(namesFrom('optimiser', choices.optimizers))
        .default(choices.optimizers, 'all'),
    )
    .addOption(
      new Option('--rates [bases]', `run bases at five learning rates instead: ${choices.rates.join(', ')}`)
        .argParser(namesFrom('base', choices.rates))
        .preset(choices.rates[0]!)
        .conflicts('optimizers'),
    )
    .addOption(
      new Option('--frameworks <names>', `where to run them: ${choices.frameworks.join(', ')}`)
        .argParser(namesFrom('framework', choices.frameworks))
        .default(choices.frameworks, 'all'),
    )
    .option(
      '--seed <number>',
      'seed of the first weights and of the shuffling',
      integerFrom(0, 0xffffffff),
      0,
    )
    .option(
      '--limit <number>',
      `batches of 1024 pictures an epoch, at most ${BATCHES_PER_EPOCH}; fewer for a quick look`,
      integerFrom(1, BATCHES_PER_EPOCH),
      BATCHES_PER_EPOCH,
    )
    .option('--output <file>', 'where to write the report', writableFile, resolve('report.html'))
    .helpOption('-h, --help', 'print this help')
    .configureOutput({ writeOut: output.out, writeErr: output.err })
    .exitOverride()
  try {
    command.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { exitCode: error.exitCode === 0 ? 0 : 2 }
  }
  return { options: command.opts<Options>() }
}

function integerFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`)
    return value
  }
}

function namesFrom(kind: string, known: readonly string[]): (text: string) => readonly string[] {
  return (text) => {
    const names = [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '')
    const unknown = names.filter((name) => !known.includes(name))
    if (unknown.length > 0)
      throw new InvalidArgumentError(`Unknown ${kind}: ${unknown.join(', ')}. Known: ${known.join(', ')}.`)
    if (names.length === 0)
      throw new InvalidArgumentError(`Name at least one ${kind} of ${known.join(', ')}.`)
    return names
  }
}

function writableFile(text: string): string {
  const path = resolve(text)
  if (text === '') throw new InvalidArgumentError('Give the name of a file.')
  if (!existsSync(dirname(path))) throw new InvalidArgumentError(`There is no folder ${dirname(path)}.`)
  if (existsSync(path) && !statSync(path).isFile()) throw new InvalidArgumentError(`${path} is not a file.`)
  return path
}

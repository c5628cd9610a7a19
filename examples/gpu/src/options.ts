import { resolve } from 'node:path'
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { networkNames, type NetworkName } from './networks/network.js'

/** The options of `npm start`. */
export interface Options {
  /** The file to go on from; without it training starts anew. */
  readonly file: string | undefined
  /** The network to start anew with. */
  readonly network: NetworkName
  readonly steps: number
  readonly output: string
}

/** Reads a command line, the arguments after the program's name. Help and mistakes end the process. */
export function parseOptions(argv: readonly string[]): Options {
  const command = new Command('gpu')
    .description('Goes on in Node from a checkpoint of the page, or trains from the start.')
    .addArgument(new Argument('[checkpoint]', 'a file that the page or this command has saved'))
    .addOption(
      new Option('--network <name>', 'the network to start with, without a checkpoint')
        .choices(networkNames)
        .default('gpt'),
    )
    .option('--steps <number>', 'steps of the training', whole, 200)
    .option('--output <file>', 'where the checkpoint goes', 'trained.ckpt')
  command.parse(argv, { from: 'user' })
  const options = command.opts<Omit<Options, 'file'>>()
  const [file] = command.args
  // npm runs a script in the folder of its package, and says where it was called.
  const folder = process.env['INIT_CWD'] ?? '.'
  return {
    ...options,
    file: file === undefined ? undefined : resolve(folder, file),
    output: resolve(folder, options.output),
  }
}

function whole(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1) return value
  throw new InvalidArgumentError('It must be a whole number from 1 on.')
}

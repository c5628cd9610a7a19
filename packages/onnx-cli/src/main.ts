import { readFile } from 'node:fs/promises'
import { exportModel } from './exportModel.js'
import { formatInspection, inspect } from './inspect.js'
import { nameFlags } from './flags.js'
import { isFile, type Surroundings } from './io.js'
import { parseCommand } from './options.js'
import { train } from './train.js'
import { usage } from './usage.js'
import { UsageError } from './usageError.js'

/**
 * Runs the command line.
 *
 * @param argv - the arguments after the program's name
 * @returns the exit code: 0, 1 after a failure, 2 for a command that makes no sense, 130 when it was stopped
 */
export async function main(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr } = surroundings
  try {
    const command = parseCommand(argv)
    switch (command.name) {
      case 'help':
        stdout.write(usage)
        return 0
      case 'generate':
        // Loaded on demand, because training does not need it.
        return await (await import('./generate.js')).generate(command, surroundings)
      case 'version':
        stdout.write(`${await version()}\n`)
        return 0
      case 'inspect': {
        // Loaded on demand, because artifacts do not need it.
        const models = (await isFile(command.folder)) ? await import('./inspectModel.js') : undefined
        const found = await (models ? models.inspectModel(command.folder) : inspect(command.folder))
        const text = 'lossInputs' in found ? models!.formatModelInspection(found) : formatInspection(found)
        stdout.write(command.json ? `${JSON.stringify(found, null, 2)}\n` : text)
        return found.problems.length === 0 ? 0 : 1
      }
      case 'train':
        return await train(command, surroundings)
      case 'export':
        return await exportModel(command, surroundings)
      case 'finetune':
        // Loaded on demand, because nothing else needs a tokenizer.
        return await (await import('./finetune.js')).finetune(command, surroundings)
    }
  } catch (error) {
    const isUsage = error instanceof UsageError
    const message = error instanceof Error ? error.message : String(error)
    stderr.write(`induced-onnx: ${isUsage ? message : nameFlags(message)}\n`)
    if (isUsage && argv.length === 0) stderr.write(`\n${usage}`)
    else if (isUsage) stderr.write('(see induced-onnx --help)\n')
    return isUsage ? 2 : 1
  }
}

/** The version of this package. */
async function version(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

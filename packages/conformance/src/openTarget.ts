import type { CommandIo, CommandOptions } from './commandIo.js'
import { connectTarget, type RemoteTarget } from './protocol/target.js'
import { checkTarget } from './run.js'
import type { ConformanceTarget } from './target.js'

/**
 * Opens the target that a command line names, a module or a process.
 *
 * @throws TypeError or RangeError, whose message says what is wrong
 */
export async function openTarget(
  options: Pick<CommandOptions, 'target' | 'name' | 'exec' | 'timeout'>,
  io: Pick<CommandIo, 'load' | 'loadCore' | 'prepare'>,
): Promise<RemoteTarget> {
  const { exec, target } = options
  if (exec !== undefined) return openProcess(exec, options, io)
  if (target === undefined) throw new TypeError('name the module of a target')
  return openModule(target, options, io)
}

async function openModule(
  path: string,
  { name }: Pick<CommandOptions, 'name'>,
  io: Pick<CommandIo, 'load'>,
): Promise<RemoteTarget> {
  return { target: await loadTarget(await io.load(path), path, name), end: () => Promise.resolve() }
}

async function openProcess(
  command: string,
  { name, timeout = '30' }: Pick<CommandOptions, 'name' | 'timeout'>,
  io: Pick<CommandIo, 'loadCore' | 'prepare'>,
): Promise<RemoteTarget> {
  if (name !== undefined)
    throw new TypeError('--target chooses among the targets of a module, not of a process')
  const seconds = Number(timeout)
  if (!(seconds > 0 && seconds <= 86_400)) {
    throw new RangeError(`--timeout must be a number of seconds, above 0, at most a day; given ${timeout}`)
  }
  return connectTarget(await io.loadCore(), io.prepare(command, seconds * 1000))
}

async function loadTarget(
  module: Record<string, unknown>,
  path: string,
  name: string | undefined,
): Promise<ConformanceTarget> {
  const exported = chooseTarget(module, name)
  const target: unknown = typeof exported === 'function' ? await (exported as () => unknown)() : exported
  checkTarget(target)
  if (target.manifest.name === '') throw new TypeError(`manifest.name of ${path} is empty`)
  return target
}

function chooseTarget(module: Record<string, unknown>, name: string | undefined): unknown {
  const { targets } = module
  if (typeof targets === 'object' && targets !== null) {
    const names = Object.keys(targets)
    const chosen = name ?? (names.length === 1 ? names[0]! : undefined)
    if (chosen === undefined) throw new TypeError(`choose one with --target: ${names.join(', ')}`)
    if (!names.includes(chosen)) throw new TypeError(`there is no target ${chosen}: ${names.join(', ')}`)
    return (targets as Record<string, unknown>)[chosen]
  }
  if (name !== undefined)
    throw new TypeError(`--target ${name} chooses among \`targets\`, which it does not export`)
  const exported = module['default'] ?? module['target']
  if (exported !== undefined) return exported
  const names = Object.keys(module)
  const found = names.length === 0 ? 'it exports nothing' : `it exports ${names.join(', ')}`
  throw new TypeError(`export the target as default (export default { manifest, core, create }); ${found}`)
}

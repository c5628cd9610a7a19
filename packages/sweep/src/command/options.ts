import { parseArgs, type ParseArgsConfig } from 'node:util'
import { UsageError } from './usageError.js'

/** The options of all commands. */
const options = {
  run: {
    results: { type: 'string' },
    threads: { type: 'string' },
    redis: { type: 'string' },
    report: { type: 'string' },
    retry: { type: 'boolean' },
    quiet: { type: 'boolean' },
  },
  worker: { redis: { type: 'string' }, threads: { type: 'string' }, 'lock-seconds': { type: 'string' } },
  report: {
    output: { type: 'string', short: 'o' },
    study: { type: 'string' },
    rate: { type: 'string' },
    xi: { type: 'string' },
    series: { type: 'string' },
  },
  show: { top: { type: 'string' }, json: { type: 'boolean' }, study: { type: 'string' } },
  compare: { by: { type: 'string' }, level: { type: 'string' }, study: { type: 'string' } },
} as const satisfies Record<string, ParseArgsConfig['options']>

/** The name of a command. */
export type CommandName = keyof typeof options

/** A parsed command. */
export interface Command {
  readonly name: CommandName
  /** The study file or the file of results. */
  readonly file: string
  /** Arguments after the file. */
  readonly rest: readonly string[]
  readonly text: (option: string) => string | undefined
  readonly number: (option: string) => number | undefined
  readonly flag: (option: string) => boolean
}

/**
 * Parses the arguments after the program's name.
 *
 * @throws UsageError if they make no sense
 */
export function parseCommand(argv: readonly string[]): Command | 'help' | 'version' {
  const [name, ...args] = argv
  const names = Object.keys(options).join(', ')
  if (name === undefined) throw new UsageError(`give a command: ${names}`)
  if (['--help', '-h', 'help'].includes(name) || args.includes('--help') || args.includes('-h')) return 'help'
  if (name === '--version' || name === '-v') return 'version'
  if (!Object.hasOwn(options, name))
    throw new UsageError(`there is no command ${JSON.stringify(name)}; there are ${names}`)
  return parse(name as CommandName, args)
}

function parse(name: CommandName, args: string[]): Command {
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] }
  try {
    parsed = parseArgs({ args, options: options[name], allowPositionals: true }) as typeof parsed
  } catch (error) {
    throw new UsageError(
      `${name}: ${error instanceof Error ? error.message.split(/\.\s/)[0] : String(error)}`,
    )
  }
  const { values, positionals } = parsed
  const [file, ...rest] = positionals
  if (file === undefined)
    throw new UsageError(
      `${name}: name the ${name === 'run' || name === 'worker' ? 'study file' : 'file of results'}`,
    )
  if (rest.length > 0 && name !== 'compare')
    throw new UsageError(`${name}: one file, given also ${rest.join(', ')}`)
  const text = (option: string): string | undefined => values[option] as string | undefined
  return {
    name,
    file,
    rest,
    text,
    number(option) {
      const given = text(option)
      if (given === undefined) return undefined
      const value = given.trim() === '' ? NaN : Number(given)
      if (Number.isFinite(value)) return value
      throw new UsageError(`--${option} takes a number, given ${JSON.stringify(given)}`)
    },
    flag: (option) => values[option] === true,
  }
}

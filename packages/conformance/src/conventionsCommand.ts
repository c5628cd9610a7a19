import type { CommandIo, CommandOptions } from './commandIo.js'
import { conventionsOf, type Convention, type ConventionReport } from './conventions.js'
import { openTarget } from './openTarget.js'
import { renderTable } from './text.js'

/**
 * Measures which conventions a target follows, and prints them.
 *
 * @returns the exit code: 0 if it was measured, 2 if it could not be
 */
export async function conventionsCommand(
  options: Pick<CommandOptions, 'target' | 'name' | 'exec' | 'timeout' | 'json'>,
  io: CommandIo,
): Promise<number> {
  try {
    const { target, end } = await openTarget(options, io)
    const report = await conventionsOf(target)
    await end()
    io.out(renderConventions(report))
    if (options.json !== undefined) {
      await io.write(options.json, `${JSON.stringify(report, null, 2)}\n`)
      io.out(`report: ${options.json}\n`)
    }
    return 0
  } catch (error) {
    io.err(`induced-conformance: ${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
}

/** A line for each problem, and a sum. */
function renderConventions({ manifest, dtype, conventions }: ConventionReport): string {
  const rows = conventions.map(({ id, base, ...measured }) => [id, base, inWords(measured)])
  const count = (status: Convention['status']): number =>
    conventions.filter((convention) => convention.status === status).length
  const sum = (['follows', 'deviates', 'refused', 'fails'] as const)
    .map((status) => `${status} ${count(status)}`)
    .join(', ')
  return `${[
    `${manifest.name} ${manifest.version}, in ${dtype}`,
    '',
    ...renderTable(rows, ['start', 'start', 'start']),
    '',
    sum,
  ].join('\n')}\n`
}

function inWords({
  status,
  error,
  call,
  agreesWith,
  message,
}: Omit<Convention, 'id' | 'base' | 'title'>): string {
  if (message !== undefined) return `${status}: ${message}`
  if (status === 'follows') return status
  const size = error === null || error === undefined ? 'not finite' : `by ${error.toPrecision(2)}`
  const reason = agreesWith === undefined ? '' : `; agrees with ${agreesWith.join(', or with ')}`
  return `${status} ${size}, from call ${call} on${reason}`
}

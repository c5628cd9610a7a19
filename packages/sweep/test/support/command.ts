import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { here } from '../build.js'

/** The path of a study for tests. */
export const study = (name: string): string => join(here, 'test/studies', `${name}.js`)

/**
 * Starts the command as it is built, in a process of its own: threads of the tests' process would look for sources, which Node
 * does not run.
 */
export function start(
  argv: readonly string[],
  env: Record<string, string> = {},
  options: { cwd?: string } = {},
) {
  const child = spawn(process.execPath, [join(here, 'dist/bin.js'), ...argv], {
    ...options,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, hasSpoken] = ['', () => {}]
  const spoken = new Promise<void>((resolve) => (hasSpoken = resolve))
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += String(text)
      hasSpoken()
    })
  }
  const closed = once(child, 'close') as Promise<[code: number | null, signal: string | null]>
  return {
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    output: () => output,
    /** When it has written something. */
    spoken,
    /** Waits for its end. */
    end: async () => ({ code: (await closed)[0], output }),
  }
}

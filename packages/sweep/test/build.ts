import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** This package's folder. */
export const here = fileURLToPath(new URL('..', import.meta.url))

/** Builds this package: Node runs threads and programs, and does not run TypeScript. */
export function build(): void {
  const compiler = join(here, '../../node_modules/typescript/bin/tsc')
  const { stdout, stderr, status } = spawnSync(process.execPath, [compiler, '-b', here], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the package does not compile:\n${stdout}${stderr}`)
}

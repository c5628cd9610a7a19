// npm run check:packages
//
// Looks at the packages as they would be published: publint and Are The Types Wrong, on packed tarballs.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packAll } from './pack.js'
import { runTool } from './workspace.js'

/**
 * Checks packed packages, and prints the result of each check.
 *
 * @param {readonly import('./pack.js').Packed[]} packed
 * @returns {number} how many checks failed
 */
export function checkPackages(packed) {
  let failures = 0
  for (const { name, tarball } of packed) {
    for (const [tool, ...args] of [
      ['publint', 'run', tarball, '--strict'],
      ['attw', tarball, '--profile', 'esm-only', '--no-emoji'],
    ]) {
      const { status, output } = runTool(/** @type {string} */ (tool), args)
      console.log(`${status === 0 ? 'ok  ' : 'FAIL'}  ${tool}  ${name}`)
      if (status !== 0) {
        console.log(output)
        failures += 1
      }
    }
  }
  return failures
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = mkdtempSync(join(tmpdir(), 'induced-metric-pack-'))
  try {
    process.exitCode = checkPackages(packAll(folder)) === 0 ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

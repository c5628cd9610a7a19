// Looks at the packages as they would be published: publint and Are The Types Wrong, on packed tarballs.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll } from './pack.js'
import { runTool } from './workspace.js'

const folder = mkdtempSync(join(tmpdir(), 'induced-metric-pack-'))
let failures = 0
try {
  for (const { name, tarball } of packAll(folder)) {
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
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failures === 0 ? 0 : 1

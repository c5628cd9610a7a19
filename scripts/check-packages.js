// npm run check:packages
//
// Looks at the packages as they would be published: publint and Are The Types Wrong, on packed tarballs.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { packAll } from './pack.js'

/** How CommonJS and old Node resolve imports. The packages are ES modules only, so these may fail. */
const otherResolutions = new Set(['node10', 'node16-cjs'])

/**
 * The checks by the name that is printed. Each takes the bytes of a tarball and returns its faults. They run in this process,
 * which loads TypeScript once for all packages.
 *
 * @type {Record<string, (tarball: Uint8Array<ArrayBuffer>) => Promise<string[]>>}
 */
const checks = {
  async publint(tarball) {
    const { messages, pkg } = await publint({ pack: { tarball: tarball.buffer }, strict: true })
    return messages.map((message) => formatMessage(message, pkg) ?? message.code)
  },
  async attw(tarball) {
    const analysis = await checkPackage(createPackageFromTarballData(tarball))
    if (analysis.types === false) return ['no types: its exports have to name declarations that are packed']
    return analysis.problems
      .filter((problem) => !('resolutionKind' in problem) || !otherResolutions.has(problem.resolutionKind))
      .map((problem) => JSON.stringify(problem))
  },
}

/**
 * Checks packed packages, and prints the result of each check.
 *
 * @param {readonly import('./pack.js').Packed[]} packed
 * @returns {Promise<number>} how many checks failed
 */
export async function checkPackages(packed) {
  let failures = 0
  for (const { name, tarball } of packed) {
    for (const [tool, check] of Object.entries(checks)) {
      const faults = await check(new Uint8Array(readFileSync(tarball)))
      console.log(`${faults.length === 0 ? 'ok  ' : 'FAIL'}  ${tool}  ${name}`)
      for (const fault of faults) console.log(`      ${fault}`)
      if (faults.length > 0) failures += 1
    }
  }
  return failures
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = mkdtempSync(join(tmpdir(), 'induced-metric-pack-'))
  try {
    process.exitCode = (await checkPackages(packAll(folder))) === 0 ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// Adds up the JSON reports of vitest in a folder, and prints the sum as `N passed, N failed`.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * @typedef {object} Report
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {{ status: string, assertionResults: { status: string }[] }[]} testResults
 */

/**
 * @param {Report[]} reports
 * @returns {{ passed: number, failed: number }} A file that failed without a failing test (in a hook, or as it loaded) counts as one failure.
 */
export function tally(reports) {
  let passed = 0
  let failed = 0
  for (const { numPassedTests, numFailedTests, testResults } of reports) {
    passed += numPassedTests
    failed += numFailedTests
    failed += testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && assertionResults.every((result) => result.status !== 'failed'),
    ).length
  }
  return { passed, failed }
}

/**
 * @param {string} folder
 * @returns {Report[]}
 */
function readReports(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => /** @type {Report} */ (JSON.parse(readFileSync(join(folder, name), 'utf8'))))
}

const [, script, folder] = process.argv
if (script !== undefined && import.meta.url === pathToFileURL(script).href) {
  if (folder === undefined) throw new Error('usage: node tally.js <folder with vitest JSON reports>')
  const { passed, failed } = tally(readReports(folder))
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = passed > 0 && failed === 0 ? 0 : 1
}

import { expect, it } from 'vitest'
import { tally } from '../scripts/tally.js'

const file = (status: string, ...results: string[]) => ({
  status,
  assertionResults: results.map((result) => ({ status: result })),
})

it('adds up passed and failed tests over reports', () => {
  const first = { numPassedTests: 3, numFailedTests: 1, testResults: [file('failed', 'passed', 'failed')] }
  const second = { numPassedTests: 2, numFailedTests: 0, testResults: [file('passed', 'passed', 'passed')] }
  expect(tally([first, second])).toEqual({ passed: 5, failed: 1 })
})

it('counts a file that failed as it loaded, or in a hook, as one failure', () => {
  const testResults = [file('failed'), file('failed', 'skipped', 'skipped'), file('failed', 'failed')]
  expect(tally([{ numPassedTests: 0, numFailedTests: 1, testResults }])).toEqual({ passed: 0, failed: 3 })
})

it('finds nothing in no report', () => {
  expect(tally([])).toEqual({ passed: 0, failed: 0 })
})

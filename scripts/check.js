// Every check that a contribution has to pass, stage by stage. All stages run, so that one run reports every fault.
import { spawn } from 'node:child_process'
import { root } from './workspace.js'

// The stages of a line need those before it, and run beside each other: some of them keep a single core busy. What each prints
// is shown in one piece once it is done.
const lines = [
  ['build'],
  ['check:packages', 'check:types', 'lint', 'check:unused', 'format:check'],
  ['test:unit'],
]
const together = 2
const stages = lines.flat()

/** @typedef {{ stage: string, passed: boolean, seconds: number }} Result */

/**
 * Runs a stage.
 *
 * @param {string} stage - the name of the script
 * @param {boolean} isAlone - then its output is shown as it comes
 * @returns {Promise<Result>}
 */
function runStage(stage, isAlone) {
  const title = `\n=== ${stages.indexOf(stage) + 1}/${stages.length} ${stage} ===`
  if (isAlone) console.log(title)
  const start = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn('npm', ['run', '--silent', stage], {
      cwd: root,
      stdio: isAlone ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    })
    /** @type {Buffer[]} */
    const printed = []
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (/** @type {Buffer} */ chunk) => void printed.push(chunk))
    child.on('error', reject)
    child.on('close', (status) => {
      if (!isAlone) console.log(`${title}\n${Buffer.concat(printed).toString().trimEnd()}`)
      resolve({ stage, passed: status === 0, seconds: (performance.now() - start) / 1000 })
    })
  })
}

/** @type {Result[]} */
const results = []
for (const line of lines) {
  const waiting = [...line]
  const runNext = async () => {
    for (let stage = waiting.shift(); stage !== undefined; stage = waiting.shift())
      results.push(await runStage(stage, line.length === 1))
  }
  await Promise.all(Array.from({ length: together }, runNext))
}

results.sort((a, b) => stages.indexOf(a.stage) - stages.indexOf(b.stage))
console.log('\n=== summary ===')
for (const { stage, passed, seconds } of results) {
  console.log(`${passed ? 'ok  ' : 'FAIL'}  ${stage.padEnd(16)}${seconds.toFixed(1).padStart(6)} s`)
}
const failed = results.filter(({ passed }) => !passed)
if (failed.length > 0) {
  console.log(`\nTo run one again: ${failed.map(({ stage }) => `npm run ${stage}`).join(', ')}`)
  process.exitCode = 1
}

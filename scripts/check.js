// Every check that a contribution has to pass, stage by stage. All stages run, so that one run reports every fault.
import { spawnSync } from 'node:child_process'
import { root } from './workspace.js'

const stages = ['build', 'check:types', 'lint', 'format:check', 'check:unused', 'check:packages', 'test:unit']

const results = stages.map((stage, index) => {
  console.log(`\n=== ${index + 1}/${stages.length} ${stage} ===`)
  const start = performance.now()
  const { status } = spawnSync('npm', ['run', '--silent', stage], { cwd: root, stdio: 'inherit' })
  return { stage, passed: status === 0, seconds: (performance.now() - start) / 1000 }
})

console.log('\n=== summary ===')
for (const { stage, passed, seconds } of results) {
  console.log(`${passed ? 'ok  ' : 'FAIL'}  ${stage.padEnd(16)}${seconds.toFixed(1).padStart(6)} s`)
}
const failed = results.filter(({ passed }) => !passed)
if (failed.length > 0) {
  console.log(`\nTo run one again: ${failed.map(({ stage }) => `npm run ${stage}`).join(', ')}`)
  process.exitCode = 1
}

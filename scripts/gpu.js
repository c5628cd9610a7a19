// npm run gpu [-- --software] [-- --sample] [-- --skip-bench]
//
// For a machine with a GPU: runs every browser test that uses one, with the whole conformance suite, and the bench, in the
// Chromium that CHROMIUM_PATH names, without a display. Prints one summary, and writes it with the reports to .cache/gpu.
// --software does the same on SwiftShader, a GPU in software, where the suite is a sample, as with --sample.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'
import { root } from './workspace.js'

const { values: flags } = parseArgs({
  options: {
    software: { type: 'boolean', default: false },
    sample: { type: 'boolean', default: false },
    'skip-bench': { type: 'boolean', default: false },
  },
})
if (!flags.software) process.env['HARDWARE'] = '1'
const folder = join(root, '.cache/gpu')
const bench = join(root, 'bench/gpu')

/** The tests, from the root. */
const files = [
  'packages/core/test/gpu.browser.test.ts',
  'packages/conformance/test/gpu.browser.test.ts',
  'packages/tfjs/test/backends.browser.test.ts',
  'packages/tfjs/test/kernels.browser.test.ts',
  'packages/jax-js/test/gpu.browser.test.ts',
  'packages/onnxruntime/test/browser/gpu.browser.test.ts',
  'examples/gpu/test/page.browser.test.ts',
  'examples/gpu/test/gpt.browser.test.ts',
  'tests/gpuBench.browser.test.ts',
]

/**
 * A part of vitest's report, on a file.
 *
 * @typedef {object} FileResult
 * @property {string} name
 * @property {number} startTime
 * @property {number} endTime
 * @property {{ status: string }[]} assertionResults
 */

/** What computes in the page. */
async function describeMachine() {
  const path = join(root, 'packages/core/test/browser/gpuTab.ts')
  const { openGpuTab } = /** @type {typeof import('../packages/core/test/browser/gpuTab.js')} */ (
    (await runnerImport(path)).module
  )
  /** @type {import('../packages/core/test/browser/gpuTab.js').GpuTab<{ describeMachine: () => Promise<Record<string, string>> }>} */
  const tab = await openGpuTab(join(bench, 'page.js'))
  try {
    return await tab.call('describeMachine')
  } finally {
    await tab.close()
  }
}

/** Runs the tests, and gives a line on each file. */
function runTests() {
  const results = mkdtempSync(join(tmpdir(), 'gpu-tests-'))
  const whole = !flags.software && !flags.sample
  spawnSync('npx', ['vitest', 'run', '--config', 'vitest.browser.config.ts', ...files], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, VITEST_RESULTS: results, ...(whole && { CONFORMANCE_REPORTS: folder }) },
  })
  const report = /** @type {{ testResults: FileResult[] }} */ (
    JSON.parse(readFileSync(join(results, 'browser.json'), 'utf8'))
  )
  rmSync(results, { recursive: true })
  const found = new Map(report.testResults.map((result) => [relative(root, result.name), result]))
  return files.map((file) => {
    const { startTime = 0, endTime = 0, assertionResults = [] } = found.get(file) ?? {}
    const count = (/** @type {string} */ status) =>
      assertionResults.filter((result) => result.status === status).length
    const passed = count('passed')
    return { file, passed, failed: assertionResults.length - passed, seconds: (endTime - startTime) / 1000 }
  })
}

const machine = await describeMachine()
if (!flags.software && /^none$|swiftshader/i.test(machine['webgpu'] ?? 'none')) {
  console.error(
    `Chromium has no GPU here: its WebGPU is ${machine['webgpu']}, its WebGL ${machine['webgl']}. On Linux it needs a Vulkan driver ` +
      '(vulkaninfo shows it), and CHROMIUM_PATH may name another build. For a run in software, give --software.',
  )
  process.exit(1)
}
// Parts of an earlier run may be of other sources.
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const tests = runTests()
const lines = [
  ...Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`),
  '',
  '| tests | passed | failed | seconds |',
  '|---|---|---|---|',
  ...tests.map(
    ({ file, passed, failed, seconds }) => `| ${file} | ${passed} | ${failed} | ${seconds.toFixed(0)} |`,
  ),
]
let isGood = tests.every(({ passed, failed }) => passed > 0 && failed === 0)
if (!flags['skip-bench']) {
  const given = [join(bench, 'main.js'), '--headless', '--json', join(folder, 'bench.json')]
  const { status, stdout } = spawnSync('node', given, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  isGood &&= status === 0
  // The machine stands above already.
  lines.push('', stdout.slice(Math.max(0, stdout.indexOf('\n|') + 1)).trim())
}
const summary = lines.join('\n')
writeFileSync(join(folder, 'summary.md'), `${summary}\n`)
console.log(`\n${summary}`)
console.log(isGood ? '\nAll is well.' : '\nSomething failed.')
process.exitCode = isGood ? 0 : 1

/**
 * npm run bench:gpu [-- --port 8080]
 * npm run bench:gpu -- --headless [--only webgpu] [--size small|usual] [--json results.json]
 *
 * Serves the bench page, to be opened in a browser of this machine; or runs it in Chromium (CHROMIUM_PATH), and prints its table.
 * There, HARDWARE=1 uses the machine's GPU. Otherwise SwiftShader computes, a GPU in software: then read the counts, and not the
 * times.
 */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'

const { values: flags } = parseArgs({
  options: {
    headless: { type: 'boolean', default: false },
    port: { type: 'string', default: '8080' },
    only: { type: 'string' },
    size: { type: 'string' },
    json: { type: 'string' },
  },
})
const at = (path) => fileURLToPath(new URL(path, import.meta.url))
/** A module of the browser tests, which is TypeScript. */
const ofTests = async (name) => (await runnerImport(at(`../../packages/core/test/browser/${name}.ts`))).module
const page = at('page.js')
const folders = { '/ort/': dirname(createRequire(import.meta.url).resolve('onnxruntime-web/webgpu')) }

if (!flags.headless) {
  const { serveModule } = await ofTests('serveModule')
  const { url } = await serveModule(page, folders, Number(flags.port))
  console.log(`Open ${url} in a browser with WebGPU. Ctrl+C ends this.`)
} else {
  const { openGpuTab } = await ofTests('gpuTab')
  const { hardware } = await ofTests('chromium')
  const tab = await openGpuTab(page, folders)
  try {
    const options = { only: flags.only, size: flags.size ?? (hardware ? 'usual' : 'small') }
    const result = await tab.call('run', options)
    console.log(await tab.call('toMarkdown', result))
    if (flags.json) writeFileSync(flags.json, `${JSON.stringify(result, undefined, 2)}\n`)
    for (const problem of new Set(tab.problems)) console.error(problem)
    if (result.rows.some(({ error }) => error !== undefined)) process.exitCode = 1
  } finally {
    await tab.close()
  }
}

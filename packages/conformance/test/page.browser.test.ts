import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchChromium } from '../../core/test/browser/chromium.js'
import type { ConformanceReport } from '../src/index.js'
import { shardOfToday } from './conformance/shard.js'

// The suite is a library for pages, too: GPU backends are tested where they run.

const root = fileURLToPath(new URL('../../..', import.meta.url))

const page = `<!doctype html>
<meta charset="utf-8">
<script type="importmap">
{ "imports": {
  "@induced-metric/core": "/packages/core/dist/index.js",
  "@induced-metric/core/adapter": "/packages/core/dist/adapter.js",
  "@induced-metric/conformance": "/packages/conformance/dist/index.js",
  "fast-check": "/node_modules/fast-check/lib/fast-check.js",
  "pure-rand/": "/node_modules/pure-rand/lib/esm/"
} }
</script>
<script type="module">
import * as core from '@induced-metric/core'
import { allCapabilities, runConformance } from '@induced-metric/conformance'

const single = { elementwise: 'float32', sums: 'float64' }
const double = { elementwise: 'float64', sums: 'float64' }
const target = {
  manifest: {
    name: '@induced-metric/core', version: '0.1.0', backend: 'a page', dtypes: ['float32', 'float64'],
    arithmetic: { float32: single, float64: double }, capabilities: allCapabilities,
  },
  core,
  create(transformation, parameters) {
    const optimizer = core.createOptimizer(transformation, parameters)
    return {
      step: (gradients, options) => optimizer.step(gradients, options),
      read: () => optimizer.parameters.map(({ data }) => data),
      save: () => core.encodeCheckpoint(optimizer.save()),
      load: (bytes) => optimizer.load(core.decodeCheckpoint(bytes)),
      reset: () => optimizer.reset(),
      dispose: () => optimizer.dispose(),
    }
  },
}
window.run = (shard) => runConformance(target, { shard })
</script>`

let server: Server
let browser: Browser

beforeAll(async () => {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  await promisify(execFile)(process.execPath, [compiler, '-b', 'packages/conformance'], { cwd: root })
  server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname)
    if (path === '/') return void response.setHeader('content-type', 'text/html').end(page)
    // pure-rand's exports name its modules without their endings.
    const file = path.startsWith('/node_modules/pure-rand/') && !path.endsWith('.js') ? `${path}.js` : path
    readFile(join(root, file)).then(
      (text) => void response.setHeader('content-type', 'text/javascript').end(text),
      () => void response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  browser = await launchChromium()
})

afterAll(async () => {
  await browser.close()
  server.close()
})

it('runs in a page, without Node and without a bundler', async () => {
  const tab = await browser.newPage()
  const problems: string[] = []
  tab.on('pageerror', (error) => problems.push(error.message))
  tab.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('404')) problems.push(message.text())
  })
  await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await tab.waitForFunction(() => 'run' in globalThis)
  // Another part of the suite every day: the tests of Node ask this target everything.
  const report = await tab.evaluate(
    (shard) => (globalThis as unknown as { run(shard: string): Promise<ConformanceReport> }).run(shard),
    shardOfToday(6),
  )
  expect(problems).toEqual([])
  expect(report.cases.filter(({ status }) => status === 'failed')).toEqual([])
  expect(report.totals.passed).toBeGreaterThan(400)
  expect(report.manifest.backend).toBe('a page')
})

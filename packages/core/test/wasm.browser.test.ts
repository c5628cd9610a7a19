import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchChromium } from './browser/chromium.js'

// A page compiles a module on its main thread only if the module is small and the page's policy allows it.

const root = fileURLToPath(new URL('../../..', import.meta.url))

const page = `<!doctype html>
<meta charset="utf-8">
<script type="module" src="/page.js"></script>`

const script = `
import { isWasmSupported } from '/packages/core/dist/adapter.js'
import { adam, createOptimizer, inducedMetric, muon } from '/packages/core/dist/index.js'

/** Three steps on a matrix and a vector. */
function run(engine, base) {
  const data = (length) => Float32Array.from({ length }, (_, i) => Math.sin(i + 1))
  const parameters = [
    { name: 'w', shape: [6, 5], data: data(30) },
    { name: 'b', shape: [5], data: data(5) },
  ]
  const optimizer = createOptimizer(inducedMetric(base, { learningRate: 0.1 }), parameters, { engine })
  for (let step = 0; step < 3; step++) optimizer.step([data(30), data(5)])
  return parameters.flatMap(({ data }) => [...data])
}
window.results = (engine) => {
  try {
    return { supported: isWasmSupported(), adam: run(engine, adam()), muon: run(engine, muon()) }
  } catch (error) {
    return { supported: isWasmSupported(), code: error.code }
  }
}

/** Creates many optimisers of a few weights, then some that need memories of their own until there are none left. */
window.many = () => {
  const transformation = inducedMetric(adam(), { learningRate: 0.1 })
  const create = (size, engine) => {
    const data = Float32Array.from({ length: size }, (_, i) => Math.sin(i + 1))
    return createOptimizer(transformation, [{ name: 'w', shape: [size], data }], { engine, adopt: true })
  }
  const small = Array.from({ length: 2000 }, () => create(17, 'wasm'))
  const gradient = Float32Array.from({ length: 17 }, (_, i) => Math.cos(i))
  for (let step = 0; step < 3; step++) for (const each of small) each.step([gradient])
  const states = new Set(small.map(({ parameters }) => parameters[0].data.join()))

  const large = []
  while (large.length < 200 && large.at(-1)?.engine !== 'reference') large.push(create(70_000, 'auto'))
  let code
  try {
    create(70_000, 'wasm')
  } catch (error) {
    code = error.code
  }
  const { engine } = large.at(-1)
  // Small ones can still be created.
  const last = create(17, 'wasm')
  for (let step = 0; step < 3; step++) last.step([gradient])
  states.add(last.parameters[0].data.join())
  for (const each of large) each.dispose()
  large.length = 0
  return { small: small.length, states: states.size, engine, code, again: create(70_000, 'auto').engine }
}

/** Compares steps on a million parameters and more with those of one thread, and counts the loops of the worker. */
window.shared = async () => {
  const size = 1_200_000
  const calls = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker('/worker.js', { type: 'module' })
  worker.postMessage(calls)
  const [alone, shared] = [{}, { worker }].map((options) => {
    const data = new Float32Array(size).fill(1)
    const parameter = { name: 'w', shape: [size], data }
    const transformation = inducedMetric(adam(), { learningRate: 0.1 })
    return createOptimizer(transformation, [parameter], { engine: 'wasm', adopt: true, ...options })
  })
  const gradient = new Float32Array(size).fill(0.5)
  // A worker starts only while the page waits for it.
  for (let step = 0; step < 500 && calls[0] < 4; step++) {
    alone.step([gradient])
    shared.step([gradient])
    await new Promise((next) => setTimeout(next))
  }
  const [expected, got] = [alone, shared].map(({ parameters }) => parameters[0].data)
  let error = 0
  for (let i = 0; i < size; i++) error = Math.max(error, Math.abs(got[i] - expected[i]))
  worker.terminate()
  return { calls: calls[0], error, moved: 1 - expected[0] }
}
window.ready = true
`

const workerScript = `
import { serveOptimizers } from '/packages/core/dist/index.js'

const { Instance } = WebAssembly
onmessage = ({ data: calls }) => {
  WebAssembly.Instance = function (module, imports) {
    const { exports } = new Instance(module, imports)
    const counted = ([name, run]) => [name, (...given) => (Atomics.add(calls, 0, 1), run(...given))]
    return { exports: Object.fromEntries(Object.entries(exports).map(counted)) }
  }
  serveOptimizers(self)
}
`

const isolation = new Headers({
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
})

interface Results {
  readonly supported: boolean
  readonly code?: string
  readonly adam?: readonly number[]
  readonly muon?: readonly number[]
}

let server: Server
let browser: Browser

beforeAll(async () => {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  await promisify(execFile)(process.execPath, [compiler, '-b', 'packages/core'], { cwd: root })
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (url.pathname === '/') {
      const policy = `default-src 'none'; script-src 'self' ${url.searchParams.get('allow') ?? ''}`
      response.setHeader('content-security-policy', policy)
      if (url.searchParams.has('isolated')) response.setHeaders(isolation)
      return void response.setHeader('content-type', 'text/html').end(page)
    }
    response.setHeader('content-type', 'text/javascript')
    response.setHeaders(isolation)
    if (url.pathname === '/page.js') return void response.end(script)
    if (url.pathname === '/worker.js') return void response.end(workerScript)
    readFile(join(root, normalize(url.pathname))).then(
      (text) => void response.end(text),
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

/** The page's results with each engine, under a policy that also allows the given source. */
async function resultsUnder(allow: string): Promise<Record<'wasm' | 'auto' | 'reference', Results>> {
  const tab = await browser.newPage()
  const { port } = server.address() as AddressInfo
  await tab.goto(`http://127.0.0.1:${port}/?allow=${encodeURIComponent(allow)}`)
  await tab.waitForFunction('window.ready')
  const results = (engine: string) => tab.evaluate<Results>(`window.results('${engine}')`)
  const all = {
    wasm: await results('wasm'),
    auto: await results('auto'),
    reference: await results('reference'),
  }
  await tab.close()
  return all
}

function expectClose(got: readonly number[] | undefined, expected: readonly number[] | undefined): void {
  expect(got).toHaveLength(35)
  got?.forEach((value, i) => expect(value).toBeCloseTo(expected![i]!, 5))
}

it("runs where the policy allows 'wasm-unsafe-eval' and nothing else", async () => {
  const { wasm, auto, reference } = await resultsUnder("'wasm-unsafe-eval'")
  expect(wasm.supported).toBe(true)
  expectClose(wasm.adam, reference.adam)
  expectClose(wasm.muon, reference.muon)
  expect(auto).toEqual(wasm)
})

it('falls back to the reference engine where the policy does not', async () => {
  const { wasm, auto, reference } = await resultsUnder('')
  expect(wasm).toEqual({ supported: false, code: 'ERR_NOT_SUPPORTED' })
  expect(auto).toEqual(reference)
  expect(reference.adam).toHaveLength(35)
})

it('holds two thousand optimisers, falls back to the reference engine without memory, and reuses released memory', async () => {
  const tab = await browser.newPage()
  const { port } = server.address() as AddressInfo
  await tab.goto(`http://127.0.0.1:${port}/?allow=${encodeURIComponent("'wasm-unsafe-eval'")}`)
  await tab.waitForFunction('window.ready')
  const results = await tab.evaluate<object>('window.many()')
  await tab.close()
  expect(results).toEqual({
    small: 2000,
    states: 1,
    engine: 'reference',
    code: 'ERR_NOT_SUPPORTED',
    again: 'wasm',
  })
})

it('shares steps with a worker in an isolated page', async () => {
  const tab = await browser.newPage()
  const { port } = server.address() as AddressInfo
  await tab.goto(`http://127.0.0.1:${port}/?isolated&allow=${encodeURIComponent("'wasm-unsafe-eval'")}`)
  await tab.waitForFunction('window.ready')
  const { calls, error, moved } = await tab.evaluate<{ calls: number; error: number; moved: number }>(
    'window.shared()',
  )
  await tab.close()
  expect(calls).toBeGreaterThanOrEqual(4)
  expect(moved).toBeGreaterThan(0.1)
  expect(error).toBeLessThan(1e-6 * moved)
})

it('has every feature disabled that Playwright disables, as only the last list counts', async () => {
  const tab = await browser.newPage()
  await tab.goto('chrome://version')
  const line = await tab.locator('#command_line').innerText()
  const lists = [...line.matchAll(/--disable-features=(\S+)/g)].map(([, names]) => names!.split(','))
  await tab.close()
  expect(lists.length).toBeGreaterThan(1)
  expect(lists.at(-1)).toEqual(expect.arrayContaining(lists.flat()))
})

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { chromium, type Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'

// Pages compile modules on their main thread only if these are small, and only if their policy lets them.

const root = fileURLToPath(new URL('../../..', import.meta.url))

const page = `<!doctype html>
<meta charset="utf-8">
<script type="module" src="/page.js"></script>`

const script = `
import { adam, createOptimizer, inducedMetric, isWasmSupported, muon } from '/packages/core/dist/index.js'

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
window.ready = true
`

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
      return void response.setHeader('content-type', 'text/html').end(page)
    }
    response.setHeader('content-type', 'text/javascript')
    if (url.pathname === '/page.js') return void response.end(script)
    readFile(join(root, normalize(url.pathname))).then(
      (text) => void response.end(text),
      () => void response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
})

afterAll(async () => {
  await browser.close()
  server.close()
})

/** What the page computes with each engine, under a policy that also allows what is given. */
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

it('gives way to the reference engine where the policy does not', async () => {
  const { wasm, auto, reference } = await resultsUnder('')
  expect(wasm).toEqual({ supported: false, code: 'ERR_NOT_SUPPORTED' })
  expect(auto).toEqual(reference)
  expect(reference.adam).toHaveLength(35)
})

import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page as Tab } from 'playwright-core'
import { build, type Rolldown } from 'vite'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { familyOf, cases } from '../src/index.js'
import type { Page } from './browser/gpuPage.js'

// The core's kernels on WebGPU, where SwiftShader computes in place of a GPU: slowly, so that only a sample of the suite is run,
// unless CONFORMANCE_REPORTS asks for the whole.

const module = fileURLToPath(new URL('browser/gpuPage.ts', import.meta.url))
const flags = [
  '--no-sandbox',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
]
const directory = process.env['CONFORMANCE_REPORTS']

let server: Server
let browser: Browser
let tab: Tab
const problems: string[] = []

async function bundle(): Promise<string> {
  const { output } = (await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@induced-metric/source', 'module', 'browser', 'development|production'] },
    build: { write: false, minify: false, target: 'es2022', rolldownOptions: { input: module } },
  })) as Rolldown.RolldownOutput
  return output[0].code
}

beforeAll(async () => {
  const code = await bundle()
  const html =
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>'
  server = createServer(({ url }, response) => {
    const [type, body] = url === '/page.js' ? ['text/javascript', code] : ['text/html', html]
    response.writeHead(200, { 'content-type': type }).end(body)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
    args: flags,
  })
  tab = await browser.newPage()
  // Errors of WebGPU go to the console.
  tab.on('console', (message) => {
    const isProblem =
      ['error', 'warning'].includes(message.type()) && !message.text().includes('powerPreference')
    if (isProblem) problems.push(message.text())
  })
  tab.on('pageerror', (error) => problems.push(String(error)))
  await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await tab.waitForFunction(() => 'page' in globalThis)
})

afterAll(async () => {
  await browser.close()
  server.close()
})
afterEach(() => expect(problems.splice(0)).toEqual([]))

function call<K extends keyof Page>(
  name: K,
  ...given: Parameters<Page[K]>
): Promise<Awaited<ReturnType<Page[K]>>> {
  return tab.evaluate(
    ([name, given]) => {
      const { page } = globalThis as unknown as { page: Record<string, (...given: unknown[]) => unknown> }
      return page[name]!(...given)
    },
    [name, given] as [string, unknown[]],
  ) as never
}

/** The first case of each family in single precision, and every 40th. */
function sample(): string[] {
  const byFamily = new Map<string, string[]>()
  for (const each of cases) {
    if (each.dtype !== 'float32') continue
    const family = familyOf(each.id)
    byFamily.set(family, [...(byFamily.get(family) ?? []), each.id])
  }
  return [...byFamily.values()].flatMap((ids) => ids.filter((_, i) => i % 40 === 0))
}

it('passes the conformance suite', async () => {
  const isWhole = directory !== undefined && directory !== ''
  const report = await call('conformance', isWhole ? undefined : sample())
  if (isWhole) {
    await mkdir(directory, { recursive: true })
    await writeFile(join(directory, 'core-webgpu.json'), `${JSON.stringify(report, null, 2)}\n`)
  }
  const failed = report.cases.filter(({ status }) => status === 'failed')
  expect(failed.map(({ id, message }) => `${id}: ${message}`)).toEqual([])
  expect(report.totals.passed).toBeGreaterThan(30)
}, 2_400_000)

it('takes steps with everything in the algebra, and names what it cannot', async () => {
  const distances = await call('algebra')
  const host = new Set(await call('hostBases'))
  for (const [name, found] of Object.entries(distances)) {
    if (host.has(name)) expect([name, found]).toEqual([name, 'ERR_NOT_SUPPORTED'])
    else expect([name, Number(found) < 2e-5 ? 'near' : found]).toEqual([name, 'near'])
  }
})

import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { sampleOfToday } from '../../conformance/test/browser/sample.js'
import { reports, wholeReport } from '../../conformance/test/browser/wholeReport.js'
import { gpuFlags, launchChromium, onComplaint } from '../../core/test/browser/chromium.js'
import type { Page } from './browser/page.js'
import { servePage, type ServedPage } from './browser/serve.js'

/** What tfjs and Chromium say of small contexts on a machine without a GPU. */
const expected = /WebGL: (?:too many|CONTEXT)/

/** The page in a browser, with its backend set. */
interface Tab {
  /** Calls a function of the page. */
  call<K extends keyof Page>(name: K, ...given: Parameters<Page[K]>): Promise<Awaited<ReturnType<Page[K]>>>
  /** The errors so far. */
  readonly problems: string[]
  close(): Promise<void>
}

async function openTab(backend: string, url = served.url, first: readonly 'halve'[] = []): Promise<Tab> {
  const tab = await browser.newPage()
  // The wasm backend starts no thread for the last core.
  await tab.addInitScript("Object.defineProperty(navigator, 'hardwareConcurrency', { value: 4 })")
  const problems: string[] = []
  // WebGPU reports its errors on the console only, some of them as warnings.
  let latest = ''
  tab.on('console', (message) => {
    if (message.type() === 'debug') latest = message.text()
  })
  onComplaint(tab, (text) => problems.push(latest === '' ? text : `after ${latest}: ${text}`), expected)
  await tab.goto(url)
  const call: Tab['call'] = (name, ...given) =>
    tab.evaluate(
      ([name, given]) => {
        const { page } = globalThis as unknown as { page: Record<string, (...given: unknown[]) => unknown> }
        return page[name]!(...given)
      },
      [name, given] as [string, unknown[]],
    ) as never
  for (const name of first) await call(name)
  expect((await call('start', backend)).backend).toBe(backend)
  return { call, problems, close: () => tab.close() }
}

let served: ServedPage
let browser: Browser
beforeAll(async () => {
  served = await servePage(fileURLToPath(new URL('browser/page.ts', import.meta.url)))
  browser = await launchChromium(gpuFlags)
})
afterAll(async () => {
  await browser.close()
  await served.close()
})

describe.each(['webgl', 'webgpu'] as const)('in Chromium on %s', (backend) => {
  let tab: Tab
  beforeAll(async () => {
    tab = await openTab(backend)
  })
  afterAll(() => tab.close())
  afterEach(() => expect(tab.problems.splice(0)).toEqual([]))
  const call: Tab['call'] = (...given) => tab.call(...given)

  it('passes the conformance suite by operations', async () => {
    // Others ask it of the engine that is chosen by itself.
    const run = (ids: readonly string[]) => call('conformance', ids, 'ops')
    const report = await (reports === undefined
      ? run(sampleOfToday(backend === 'webgl' ? 20 : 40))
      : wholeReport(reports, `tfjs-${backend}-operations`, run))
    const failed = report.cases.filter(({ status }) => status === 'failed')
    expect(failed.map(({ id, message }) => `${id}: ${message}`)).toEqual([])
    expect(report.totals.passed).toBeGreaterThan(reports === undefined ? 3 : 1900)
  }, 7_200_000)

  it('takes empty tensors, which invalidate whole command buffers of webgpu', async () => {
    // Those of kernels ask it of kernels.
    const { totals } = await call('conformance', 'empty tensors beside others', 'ops')
    expect(totals).toMatchObject({ failed: 0 })
    expect(totals.passed).toBeGreaterThan(5)
  }, 300_000)

  it('takes steps by operations with everything in the algebra, or says what it cannot', async () => {
    const { distances, left } = await call('algebra')
    for (const [name, found] of Object.entries(distances)) {
      if (name === 'rooted' && backend === 'webgpu') expect(found).toContain('the base rooted needs')
      else expect([name, Number(found) < 1e-4 ? 'near' : found]).toEqual([name, 'near'])
    }
    expect(left).toBe(0)
  }, 300_000)

  it('trains by fit under log, and holds as many tensors after every batch', async () => {
    const { losses, held, report, left } = await call('fit')
    expect(losses[0]).toBeGreaterThan(0.5)
    expect(losses.at(-1)).toBeLessThan(0.2)
    expect(report).toMatchObject({ step: 48, skipped: false, skippedSteps: 0 })
    expect(report.loss).toBeGreaterThan(0)
    // fit itself keeps one more tensor for each completed epoch.
    expect(held.slice(4)).toEqual(held.slice(4).map((_, i) => held[4]! + Math.floor(i / 4)))
    expect(left).toBe(0)
  })

  it('reads nothing from the device in a step, and a read would be noticed', async () => {
    expect(await call('reads', 'naive')).toContain('data')
    expect(await call('reads', 'ours')).toEqual([])
  })

  it('holds the same number of tensors from step 3 on, refused steps or not, and none at the end', async () => {
    const { before, steps, after } = await call('held')
    expect(steps.slice(2)).toEqual(steps.slice(2).map(() => steps[2]))
    expect(after).toEqual(before)
  })

  it.each([7, 8, 30, 100])('sums over %d variables exactly', async (count) => {
    expect(await call('dualNorm', count)).toBe(count)
  })

  if (backend === 'webgpu') {
    it('would get a wrong sum from tf.addN of 8 or more, without an error', async () => {
      // In a tab of its own, because a bad command takes down whatever else is in flight.
      const other = await openTab(backend)
      expect(await other.call('addN', 7)).toBe(7)
      expect(await other.call('addN', 30)).not.toBe(30)
      expect(other.problems.join()).toMatch(/storage buffers/)
      await other.close()
    })
  }

  // 100003 is a prime, so it cannot be divided into rows of equal length.
  it.each([1_000_000, 100_003])('sums %d squares precisely', async (size) => {
    expect(Math.abs(await call('longSum', size))).toBeLessThan(3e-6)
  })

  it('uses its own epsilon, not the backend’s', async () => {
    expect(await call('firstStep', 'ours')).toBeCloseTo(0.5 / (1 + 1e-3), 4)
    const theirs = await call('firstStep', 'theirs')
    if (backend === 'webgl') expect(theirs).toBeLessThan(0.1)
  })

  it.each(['NaN', 'bad loss'] as const)('refuses %s without a trace', async (kind) => {
    expect(await call('refused', kind)).toEqual({
      outcome: kind === 'NaN' ? 'skipped' : 'ERR_BAD_LOSS',
      step: 2,
      same: true,
    })
  })

  it('goes on from a saved model as if nothing had happened', async () => {
    const { whole, resumed } = await call('resumed')
    expect(Math.max(...resumed.map((loss, i) => Math.abs(loss - whole[i]!)))).toBeLessThan(1e-6)
  })
})

describe('in Chromium on webgl in half precision', () => {
  let tab: Tab
  beforeAll(async () => {
    tab = await openTab('webgl', served.url, ['halve'])
  })
  afterAll(() => tab.close())
  afterEach(() => expect(tab.problems.splice(0)).toEqual([]))

  it.each([
    ['adam', 0.1],
    ['rmsprop', 0.1],
    ['adagrad', 0.3],
    ['sgd', 0.1],
  ] as const)('%s trains with its defaults, and warns once', async (name, learningRate) => {
    for (const xi of [0, 0.01]) {
      const { losses, report, finite, warned } = await tab.call('half', name, { learningRate, xi })
      expect(report).toMatchObject({ step: 30, skippedSteps: 0 })
      expect(losses.at(-1)).toBeLessThan(losses[0]! / 4)
      expect(finite).toBe(true)
      expect(warned).toHaveLength(1)
      expect(warned[0]).toContain('half precision')
      if (name !== 'sgd') expect(warned[0]).toContain(`${name}.epsilon is 0.0001`)
    }
  })

  it('has no programs', async () => {
    expect(await tab.call('forced')).toContain('half precision')
  })

  it('refuses a step whose results are not finite, though its inputs are', async () => {
    expect(await tab.call('overflow')).toEqual({ value: 60_000, skippedSteps: 1, code: 'ERR_NON_FINITE' })
  })
})

describe.each([
  ['with threads', true],
  ['without threads', false],
])('in Chromium on wasm, the build %s', (_, isolated) => {
  let tab: Tab
  beforeAll(async () => {
    tab = await openTab('wasm', isolated ? served.isolatedUrl : served.url)
  })
  afterAll(() => tab.close())
  afterEach(() => expect(tab.problems.splice(0)).toEqual([]))

  it('has the expected threads and memory', async () => {
    const { threads, shared } = await tab.call('threads')
    expect(shared).toBe(isolated)
    if (isolated) expect(threads).toBe(2)
  })

  it('trains by compiled loops in the backend’s memory as by operations, while it grows', async () => {
    const operations = await tab.call('trained', 'ops')
    const loops = await tab.call('trained', 'wasm')
    const auto = await tab.call('trained', 'auto')
    expect(auto.values).toEqual(loops.values)
    expect(loops.losses.at(-1)).toBeLessThan(loops.losses[0]! / 2)
    loops.losses.forEach((loss, step) => expect(loss).toBeCloseTo(operations.losses[step]!, 4))
    loops.values.forEach((each, i) => {
      each.forEach((value, k) => expect(value).toBeCloseTo(operations.values[i]![k]!, 3))
    })
    expect(operations.bytes[1]).toBeGreaterThan(operations.bytes[0])
  })
})

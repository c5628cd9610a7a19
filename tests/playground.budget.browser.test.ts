import { gzipSync } from 'node:zlib'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { address, openPlayground, patient, phaseDone } from './playgroundPage.js'
import { SiteBrowser } from './siteBrowser.js'

// What the playground costs a visitor: bytes, requests, and time in which the page does not answer.

let site: SiteBrowser

beforeAll(async () => {
  site = await SiteBrowser.start()
})

afterAll(async () => {
  await site.close()
  expect(site.complaints).toEqual([])
})

/**
 * The milliseconds that each task of a page's thread, or of others as well, took of a processor while something is done: what else the machine does
 * is not among them.
 */
async function taskTimes(
  page: Page,
  action: () => Promise<unknown>,
  threadNames = /CrRendererMain/,
): Promise<number[]> {
  const browser = page.context().browser()!
  await browser.startTracing(page, { categories: ['toplevel'] })
  await action()
  // A task is in the record when it is over, and may answer before.
  await page.evaluate(() => new Promise((next) => setTimeout(next)))
  interface Event {
    readonly name: string
    readonly pid: number
    readonly tid: number
    readonly tdur?: number
    readonly args?: { readonly name?: string }
  }
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString('utf8')) as {
    traceEvents: Event[]
  }
  const threads = new Set(
    traceEvents.flatMap(({ name, pid, tid, args }) =>
      name === 'thread_name' && threadNames.test(args?.name ?? '') ? [`${pid} ${tid}`] : [],
    ),
  )
  return traceEvents.flatMap(({ name, pid, tid, tdur }) =>
    name.endsWith('RunTask') && tdur !== undefined && threads.has(`${pid} ${tid}`) ? [tdur / 1000] : [],
  )
}

/** All that a page loads when it is opened, with its sizes when compressed. Workers of one script load it once. */
async function loadedBy(options: BrowserContextOptions): Promise<Map<string, number>> {
  const context = await site.browser.newContext(options)
  const page = await context.newPage()
  const sizes: Promise<readonly [url: string, size: number]>[] = []
  page.on('response', (response) =>
    sizes.push(response.body().then((bytes) => [response.url(), gzipSync(bytes).length])),
  )
  await page.goto(site.home + address, { waitUntil: 'networkidle' })
  await page.locator('.pg[data-ready=true]').waitFor(patient)
  const loaded = new Map(await Promise.all(sizes))
  await context.close()
  return loaded
}

describe('before anything is touched', () => {
  it.each<[string, BrowserContextOptions]>([
    ['a low window', { viewport: { width: 1280, height: 500 } }],
    [
      'a large window, whose lower edge is near the phase diagram',
      { viewport: { width: 1280, height: 900 } },
    ],
    ['a phone', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ])('%s loads less than 150 kB, and nothing that it does not show', async (_, options) => {
    const loaded = await loadedBy(options)
    const total = [...loaded.values()].reduce((sum, size) => sum + size, 0)
    const list = JSON.stringify([...loaded])
    expect(total, list).toBeGreaterThan(100_000)
    expect(total, list).toBeLessThan(150_000)
    expect(loaded.size, list).toBeLessThan(16)
    const later = /scene|Relief|TrainingPanel|trainWorker|digits|CodePanel|Search|parse|factories|hashmap/
    expect([...loaded.keys()].filter((url) => later.test(url))).toEqual([])
  })

  it('the first picture is drawn with less than a second of work', async () => {
    const warm = await openPlayground(site)
    await warm.context().close()
    const page = await site.open('/benchmark.html')
    const times = await taskTimes(
      page,
      async () => {
        await page.goto(site.home + address)
        await page.locator('[data-path=induced]').waitFor(patient)
      },
      /CrRendererMain|DedicatedWorker/,
    )
    const work = times.reduce((sum, time) => sum + time, 0)
    expect(work).toBeGreaterThan(20)
    expect(work).toBeLessThan(1000)
    await page.context().close()
  })
})

it('never holds the page up for 50 ms while the start is dragged', async () => {
  const page = await openPlayground(site, '?steps=100')
  await phaseDone(page)
  await page.locator('.pg-map').scrollIntoViewIfNeeded()
  const drag = async (): Promise<void> => {
    const box = (await page.locator('.pg-map').boundingBox())!
    await page.mouse.move(box.x + 60, box.y + 60)
    await page.mouse.down()
    for (let i = 0; i < 60; i++)
      await page.mouse.move(box.x + 60 + 8 * i, box.y + 60 + 60 * Math.sin(i / 8) + 60)
    await page.mouse.up()
  }
  await drag()
  // The least of three drags: a collection of garbage may fall into one.
  const longest: number[] = []
  for (let i = 0; i < 3; i++) {
    const times = await taskTimes(page, drag)
    expect(times.length).toBeGreaterThan(60)
    longest.push(Math.max(...times))
  }
  expect(Math.min(...longest)).toBeLessThan(50)
  // It would see a page that is held up.
  const held = await taskTimes(page, () =>
    page.evaluate(() => {
      let sum = 0
      for (let i = 0; i < 2e8; i++) sum += Math.sqrt(i)
      return sum
    }),
  )
  expect(Math.max(...held)).toBeGreaterThan(50)
  await page.context().close()
})

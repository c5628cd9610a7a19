import { readFileSync, readdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { SiteBrowser, siteFolder as folder, violations } from './siteBrowser.js'

// The built site, as a visitor meets it, with a part of the API. All names of the API are checked before it is built, and it is built
// only if its sources have changed since the last time.

/** One page of each kind. */
const kinds = {
  'the front page': '/',
  'a page of the guide': '/choosing-xi.html',
  'the page of a base': '/bases/adam.html',
  'a page of the API': '/api/core/functions/inducedMetric.html',
}

let site: SiteBrowser
let home: string

beforeAll(async () => {
  site = await SiteBrowser.start()
  home = site.home
})

afterAll(() => site.close())

afterEach(() => {
  expect(site.complaints.splice(0)).toEqual([])
})

/** Opens a page, whose complaints fail the test. */
const open = (path: string, options?: BrowserContextOptions): Promise<Page> => site.open(path, options)

/** The text of what has the focus. */
const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent.trim() ?? '')

/** Presses Tab until an element with this text has the focus. */
async function tabTo(page: Page, text: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab')
    if ((await focused(page)) === text) return
  }
  throw new Error(`Tab does not reach ${text}`)
}

it.each(Object.entries(kinds))(
  '%s has no fault that axe-core finds, light, or dark and narrow, and does not scroll sideways',
  async (_, path) => {
    // Reduced motion, so that no colour is on its way to another.
    const page = await open(path, { colorScheme: 'light', reducedMotion: 'reduce' })
    expect(await violations(page)).toEqual([])
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.locator('html.dark').waitFor()
    await page.setViewportSize({ width: 320, height: 640 })
    // A frame later, the theme has changed over.
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBe(320)
    expect(await violations(page)).toEqual([])
    await page.context().close()
  },
)

it('finds a fault where there is one', async () => {
  const page = await open('/')
  await page.evaluate(() => document.querySelector('img')?.removeAttribute('alt'))
  expect(await violations(page)).toEqual([expect.stringContaining('image-alt')])
  await page.context().close()
})

describe('by keyboard', () => {
  it('the navigation leads to the API', async () => {
    const page = await open('/')
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Skip to content')
    await tabTo(page, 'API')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${home}/api/`)
    await page.context().close()
  })

  it('the menu of a narrow page leads to the bases', async () => {
    const page = await open('/', { viewport: { width: 320, height: 640 } })
    await page.getByRole('button', { name: 'mobile navigation' }).focus()
    await page.keyboard.press('Enter')
    await tabTo(page, 'Bases')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${home}/bases.html`)
    await page.context().close()
  })

  it('tabs are chosen with arrows, and other pages remember the choice', async () => {
    const page = await open('/')
    await page.getByRole('tab', { name: 'TensorFlow.js' }).focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    expect(await focused(page)).toBe('brain.js')
    expect(await page.getByRole('tabpanel').innerText()).toContain('useOptimizer(network')
    await page.goto(`${home}/bases/lion.html`)
    await page.getByRole('tab', { name: 'brain.js', selected: true }).waitFor()
    await page.context().close()
  })

  it('the search finds a base and a name of the API', async () => {
    const page = await open('/')
    for (const [word, address] of [
      ['shampoo', '/bases/shampoo.html'],
      ['encodeCheckpoint', '/api/core/functions/encodeCheckpoint.html'],
    ]) {
      await page.keyboard.press('Control+k')
      await page.getByRole('searchbox').fill(word!)
      await page.locator(`[role=option] a[href^="${address}"]`).first().waitFor()
      await page.keyboard.press('Escape')
    }
    await page.context().close()
  })
})

it('a link to a tab opens it', async () => {
  const page = await open('/bases/adam.html#in-convnetjs')
  expect(await page.getByRole('tabpanel').innerText()).toContain('new InducedTrainer')
  await page.context().close()
})

it('the front page shows how to train in TensorFlow.js without a click, and weighs little', async () => {
  const context = await site.browser.newContext()
  const page = await context.newPage()
  const sizes: Promise<number>[] = []
  page.on('response', (response) => {
    const isCode = /javascript|css/.test(response.headers()['content-type'] ?? '')
    if (isCode) sizes.push(response.body().then((bytes) => gzipSync(bytes).length))
  })
  await page.goto(home, { waitUntil: 'networkidle' })
  expect(await page.getByRole('tabpanel').innerText()).toMatch(
    /npm install .*tfjs[\s\S]*inducedOptimizer\(tf/,
  )
  const total = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
  expect(total).toBeGreaterThan(10_000)
  expect(total).toBeLessThan(150_000)
  await context.close()
})

it('its policy forbids eval and other hosts', async () => {
  const page = await open('/')
  const refused = await page.evaluate(async () => {
    const element = document.createElement('button')
    element.setAttribute('onclick', 'document.title = "ran"')
    element.click()
    const directives: string[] = []
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) =>
      directives.push(effectiveDirective),
    )
    await fetch('https://example.org/').catch(() => undefined)
    await new Promise((next) => setTimeout(next, 50))
    return { title: document.title, directives }
  })
  expect(refused.title).not.toBe('ran')
  expect(refused.directives).toContain('connect-src')
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content')
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain("'unsafe-eval'")
  expect(site.complaints.splice(0).length).toBeGreaterThan(0)
  await page.context().close()
})

it('moves nothing for who wants reduced motion', async () => {
  const durations = async (reducedMotion: 'reduce' | 'no-preference') => {
    const page = await open('/', { reducedMotion })
    const all = await page.evaluate(() =>
      [...document.querySelectorAll('*')].map((element) =>
        Number.parseFloat(getComputedStyle(element).transitionDuration),
      ),
    )
    await page.context().close()
    return Math.max(...all)
  }
  expect(await durations('no-preference')).toBeGreaterThan(0.1)
  expect(await durations('reduce')).toBeLessThan(0.001)
})

it('has no link that leads nowhere, to a heading neither', () => {
  const pages = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith('.html'))
  const texts = new Map(
    pages.map((path) => [path.replaceAll('\\', '/'), readFileSync(join(folder, path), 'utf8')]),
  )
  const ids = new Map(
    [...texts].map(([path, text]) => [
      path,
      new Set([...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)),
    ]),
  )
  const resolves = (from: string, href: string): boolean => {
    const [path = '', anchor = ''] = href.split('#')
    const file =
      path === '' ? from : path.startsWith('/') ? path.slice(1) : posix.join(posix.dirname(from), path)
    const found = ids.get(file === '' || file.endsWith('/') ? `${file}index.html` : file)
    return found !== undefined && (anchor === '' || found.has(decodeURIComponent(anchor)))
  }
  const links = [...texts].flatMap(([from, text]) =>
    [...text.matchAll(/<a [^>]*?href="([^"]*)"/g)].flatMap(([, href = '']) =>
      /^[a-z]+:/i.test(href) ? [] : [[from, href] as const],
    ),
  )
  expect(links.length).toBeGreaterThan(1000)
  expect(links.filter(([from, href]) => !resolves(from, href))).toEqual([])
  expect(resolves('index.html', '#no-such-heading')).toBe(false)
})

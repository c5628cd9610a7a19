import type { CDPSession, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { drawnPath, goTo, openPlayground, patient, phaseDone } from './playgroundPage.js'
import { SiteBrowser } from './siteBrowser.js'

// The playground on a phone of 320 pixels, by touch alone.

const phone = {
  viewport: { width: 320, height: 640 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
} as const

let site: SiteBrowser

beforeAll(async () => {
  site = await SiteBrowser.start()
})

afterAll(() => site.close())

afterEach(() => {
  expect(site.complaints.splice(0)).toEqual([])
})

type Point = readonly [x: number, y: number]

/** Moves a finger from point to point, and says what happens before it is lifted. */
async function swipe(page: Page, points: readonly Point[], beforeEnd?: () => Promise<void>): Promise<void> {
  const session: CDPSession = await page.context().newCDPSession(page)
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', at?: Point) =>
    session.send('Input.dispatchTouchEvent', { type, touchPoints: at ? [{ x: at[0], y: at[1] }] : [] })
  await touch('touchStart', points[0])
  for (let i = 1; i < points.length; i++) {
    const [[fromX, fromY], [toX, toY]] = [points[i - 1]!, points[i]!]
    for (let part = 1; part <= 8; part++)
      await touch('touchMove', [fromX + ((toX - fromX) * part) / 8, fromY + ((toY - fromY) * part) / 8])
  }
  await beforeEnd?.()
  await touch('touchEnd')
  await session.detach()
}

/** Where an element is in the view. */
async function boxOf(page: Page, css: string) {
  const element = page.locator(css)
  await element.evaluate((one) => one.scrollIntoView({ block: 'center', behavior: 'instant' }))
  return (await element.boundingBox())!
}

const scrolled = (page: Page) => page.evaluate(() => window.scrollY)
/** The first point of the drawn path, as shares of the picture. */
async function startOn(page: Page): Promise<Point> {
  const [x, y] = (await drawnPath(page, 'induced')).map(Number) as [number, number]
  return [(x + 1.9) / 3.8, (2.9 - y) / 3.8]
}

it('the map, the sliders and the phase diagram are used by touch, and the page scrolls', async () => {
  const page = await openPlayground(site, '?steps=20', phone)
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320)

  // A tap moves the start.
  const map = await boxOf(page, '.pg-map')
  await page.touchscreen.tap(map.x + 0.25 * map.width, map.y + 0.3 * map.height)
  await expect.poll(async () => (await startOn(page))[0], patient).toBeCloseTo(0.25, 1)
  expect((await startOn(page))[1]).toBeCloseTo(0.3, 1)

  // A finger that moves takes the start along, shows the balls beneath it, and does not scroll.
  const before = await scrolled(page)
  const [from, to]: Point[] = [
    [map.x + 0.3 * map.width, map.y + 0.2 * map.height],
    [map.x + 0.7 * map.width, map.y + 0.75 * map.height],
  ]
  await swipe(page, [from!, to!], async () => {
    await page.locator('[data-ball=cursor]').waitFor(patient)
  })
  await expect.poll(async () => (await startOn(page))[0], patient).toBeCloseTo(0.7, 1)
  expect((await startOn(page))[1]).toBeCloseTo(0.75, 1)
  expect(await scrolled(page)).toBe(before)

  // A slider is dragged.
  const rate = page.locator('[data-number=rate]')
  const slider = await boxOf(page, '[data-number=rate]')
  const middle = slider.y + slider.height / 2
  const valueBefore = Number(await rate.inputValue())
  await swipe(page, [
    [slider.x + (valueBefore / 1000) * slider.width, middle],
    [slider.x + 0.2 * slider.width, middle],
  ])
  await expect.poll(async () => Number(await rate.inputValue()), patient).toBeLessThan(300)
  await expect.poll(() => new URL(page.url()).search, patient).toContain('rate=')

  // The page scrolls beside the map.
  const words = await boxOf(page, '.pg-verdict')
  const placeBefore = await scrolled(page)
  await swipe(page, [
    [words.x + 100, words.y + 10],
    [words.x + 100, words.y - 160],
  ])
  await expect.poll(() => scrolled(page), patient).toBeGreaterThan(placeBefore + 100)

  // A tap on the phase diagram takes a cell to the picture.
  await phaseDone(page)
  const field = await boxOf(page, '.pg-phase-field')
  await page.touchscreen.tap(field.x + 0.75 * field.width, field.y + 0.25 * field.height)
  await expect.poll(() => page.locator('[data-choice=xiMode]').inputValue(), patient).toBe('number')

  // The code of another framework is a tap away.
  await goTo(page, 'code', '.pg-code')
  await page.getByRole('tab', { name: 'TensorFlow.js' }).tap()
  expect(await page.locator('#pg-code pre').innerText()).toContain('inducedOptimizer(tf')
  const copy = await boxOf(page, '.pg-copy')
  expect(copy.y + copy.height).toBeLessThanOrEqual((await page.locator('#pg-code pre').boundingBox())!.y)
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320)
  await page.context().close()
})

it('the menu of a phone leads to the playground', async () => {
  const page = await site.open('/', phone)
  await page.getByRole('button', { name: 'mobile navigation' }).tap()
  await page.locator('.VPNavScreen').getByRole('link', { name: 'Playground' }).tap()
  await page.locator('.pg[data-ready=true] [data-path=induced]').waitFor(patient)
  await page.context().close()
})

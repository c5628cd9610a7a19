import type { BrowserContextOptions, Page } from 'playwright-core'
import type { SiteBrowser } from './siteBrowser.js'

// What the browser tests of the playground share. A machine of CI may be slow, so they wait long.

/** For what a page does by and by. */
export const patient = { timeout: 60_000 }

/** The address of the playground on the site. */
export const address = '/playground.html'

/** Opens the playground, and waits for its first picture. */
export async function openPlayground(
  site: SiteBrowser,
  query = '',
  options: BrowserContextOptions = {},
): Promise<Page> {
  const page = await site.open(`${address}${query}`, { viewport: { width: 1280, height: 900 }, ...options })
  await page.locator('.pg[data-ready=true] [data-path=induced]').waitFor(patient)
  return page
}

/** Goes to a part of the page, which is loaded then. */
export async function goTo(page: Page, heading: 'phase' | 'networks' | 'code', part: string): Promise<void> {
  await page.locator(`#${heading}`).scrollIntoViewIfNeeded()
  await page.locator(part).waitFor(patient)
}

/** Goes to the phase diagram, and waits until all of its runs are made. */
export async function phaseDone(page: Page): Promise<void> {
  await goTo(page, 'phase', '.pg-phase')
  await page.locator('.pg-phase[data-done=true]').waitFor({ timeout: 120_000 })
}

/** The points of a drawn path, as the numbers that were drawn. */
export async function drawnPath(page: Page, name: 'induced' | 'beside'): Promise<string[]> {
  const points = await page.locator(`[data-path=${name}]`).getAttribute('data-points')
  return points!.split(' ')
}

import { writeFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../core/test/browser/chromium.js'
import { choice, defineStudy, logUniform } from '../src/index.js'
import { htmlReport, openResults } from '../src/results.js'
import { openStore } from '../src/results/store.js'
import { runHere, temporary } from './support/runHere.js'

// The report as people see it: in light and dark, by keyboard, on a narrow screen.

let browser: Browser
let path: string

beforeAll(async () => {
  const store = openStore(temporary())
  const study = defineStudy({
    space: {
      optimizer: choice(['adam', 'sgd', 'lion']),
      learningRate: logUniform(1e-4, 1),
      xi: logUniform(1e-3, 1),
      averaging: choice([true, false]),
    },
    metric: 'loss',
    budget: { trials: 90 },
    seeds: 2,
    run({ hyperparameters: { learningRate, optimizer }, seed, report }) {
      if (learningRate > 0.7) throw new Error('diverged')
      const loss = Math.log10(learningRate * 100) ** 2 + optimizer.length / 10 + seed / 50
      for (let step = 1; step <= 5; step++) report({ loss: loss + 1 / step })
      return loss
    },
  })
  await runHere(study, { store })
  store.close()
  const file = openResults(store.file)
  path = temporary('report.html')
  await writeFile(path, htmlReport(file))
  file.close()
  browser = await launchChromium()
})
afterAll(() => browser.close())

/** Opens the report, and tells what it asked for and what the browser complained of. */
async function open(
  colorScheme: 'light' | 'dark',
  width = 1200,
): Promise<{ page: Page; asked: string[]; faults: string[] }> {
  const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } })
  const [asked, faults]: [string[], string[]] = [[], []]
  page.on('request', (request) => asked.push(request.url()))
  page.on('console', (message) => faults.push(message.text()))
  page.on('pageerror', (error) => faults.push(error.message))
  await page.goto(`file://${path}`)
  return { page, asked, faults }
}

describe.each(['light', 'dark'] as const)('in %s', (scheme) => {
  it('asks nobody for anything, and every text stands out from what is behind it', async () => {
    const { page, asked, faults } = await open(scheme)
    expect([asked.length, faults]).toEqual([1, []])
    // Contrast by WCAG 2.1, of all colours of texts, against the page.
    const contrasts = await page.evaluate(() => {
      const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!
      const luminance = (colour: string): number => {
        canvas.fillStyle = colour
        canvas.fillRect(0, 0, 1, 1)
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => {
          const share = value / 255
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
        })
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
      }
      const back = luminance(getComputedStyle(document.body).backgroundColor)
      const found: Record<string, number> = {}
      const elements = document.querySelectorAll(
        'h1, h2, p, td, th, dt, dd, li, a, caption, figcaption, summary, .failed, svg text',
      )
      for (const element of elements) {
        if (element.classList.contains('skip') || element.closest('.cell-text') !== null) continue
        const style = getComputedStyle(element)
        const colour = element instanceof SVGElement ? style.fill : style.color
        const text = luminance(colour)
        found[colour] = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05)
      }
      return found
    })
    expect(Object.keys(contrasts).length).toBeGreaterThanOrEqual(3)
    for (const [colour, contrast] of Object.entries(contrasts))
      expect([colour, contrast >= 4.5]).toEqual([colour, true])
    await page.close()
  })

  it('draws lines, dots and cells in colours of this scheme', async () => {
    const { page } = await open(scheme)
    const colours = await page.evaluate(() =>
      ['.path', '.spot', '.tone-0 rect', '.tone-9 rect'].map((selector) => {
        const element = document.querySelector(`.chart ${selector}`)!
        const style = getComputedStyle(element)
        return selector === '.path' ? style.stroke : style.fill
      }),
    )
    expect(new Set(colours).size).toBeGreaterThanOrEqual(3)
    for (const colour of colours) expect(colour).not.toMatch(/^none$|rgba?\(0, 0, 0/)
    await page.close()
  })
})

it('works by keyboard: to the results, the sections, the tables and the errors', async () => {
  const { page } = await open('light')
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement!
      const style = getComputedStyle(element)
      return {
        tag: element.tagName,
        text: element.textContent,
        outlined: style.outlineStyle !== 'none' && style.outlineWidth !== '0px',
      }
    })
  await page.keyboard.press('Tab')
  expect(await focused()).toMatchObject({ tag: 'A', text: 'To the results' })
  await page.keyboard.press('Tab')
  expect(await focused()).toMatchObject({ tag: 'A', text: 'Best configurations', outlined: true })
  const reached = new Set<string>()
  for (let press = 0; press < 40; press++) {
    await page.keyboard.press('Tab')
    const { tag, outlined } = await focused()
    if (tag !== 'BODY') expect(outlined).toBe(true)
    reached.add(tag)
    if (tag === 'SUMMARY') break
  }
  expect([...reached]).toEqual(expect.arrayContaining(['A', 'DIV', 'SUMMARY']))
  await page.keyboard.press('Enter')
  expect(await page.evaluate(() => document.querySelector('details')!.open)).toBe(true)
  await page.close()
})

it('fits a telephone: only tables scroll sideways', async () => {
  const { page } = await open('light', 360)
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
  await page.close()
})

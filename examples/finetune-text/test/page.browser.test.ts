import { mkdtemp, readFile, rm, stat, writeFile, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { env, pipeline } from '@huggingface/transformers'
import axe from 'axe-core'
import { unzipSync } from 'fflate'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium, shortWasm } from '../../../packages/core/test/browser/chromium.js'
import { said, serveExample, type ExamplePage } from '../../../tests/examplePage.js'

// The page as a visitor uses it. `FINETUNE_TEXT_RECORD=1` renews the picture of the README.

const folder = fileURLToPath(new URL('..', import.meta.url))
const root = join(folder, 'page')
let scratch: string
let served: ExamplePage
let browser: Browser

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'finetune-text-page-'))
  served = await serveExample(root)
  browser = await launchChromium([shortWasm])
})

afterAll(async () => {
  await browser.close()
  await served.close()
  await rm(scratch, { recursive: true })
})

afterEach(() => {
  expect(served.complaints.splice(0)).toEqual([])
})

/** Takes pictures of a page and makes an animated WebP of them. */
function filming(page: Page) {
  const frames: { readonly picture: Buffer; readonly delay: number }[] = []
  return {
    /** @param delay milliseconds for which the picture is shown */
    shoot: async (delay: number) => void frames.push({ picture: await page.screenshot(), delay }),
    end: async () => {
      const file = join(process.env['FINETUNE_TEXT_RECORD'] === '1' ? folder : scratch, 'page.webp')
      await sharp(
        frames.map(({ picture }) => picture),
        { join: { animated: true } },
      )
        .resize({ width: 800 })
        .webp({ quality: 60, effort: 4, delay: frames.map(({ delay }) => delay), loop: 0 })
        .toFile(file)
      expect((await stat(file)).size).toBeLessThan(1_000_000)
    },
  }
}

describe('the page', () => {
  it('teaches a classifier, which pipeline() reads in the page and in Node', async () => {
    const page = await served.open(browser, { viewport: { width: 1120, height: 860 }, colorScheme: 'light' })
    const film = filming(page)
    await film.shoot(1200)
    await page.locator('#train').click()
    for (const share of [0.25, 0.5, 0.75]) {
      await page.waitForFunction(
        (least) => document.querySelector<HTMLProgressElement>('#progress')!.position > least,
        share,
      )
      await film.shoot(700)
    }
    const status = await said(page, /^Trained: loss/)
    const [, first, last] = /loss ([\d.]+) → (\d+\.\d+)/.exec(status)!
    expect(Number(last)).toBeLessThan(0.3 * Number(first))
    const answers = page.locator('#answers li')
    await answers.first().filter({ hasText: 'positive' }).waitFor()
    await film.shoot(1500)
    await page.getByLabel('Text', { exact: true }).fill('the film was clumsy')
    await page.keyboard.press('Enter')
    await answers.first().filter({ hasText: 'negative' }).waitFor()
    await film.shoot(2500)
    await film.end()
    const shown = await answers.first().innerText()

    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download the model' }).click(),
    ])
    for (const [path, content] of Object.entries(unzipSync(await readFile(await download.path())))) {
      await mkdir(dirname(join(scratch, 'model', path)), { recursive: true })
      await writeFile(join(scratch, 'model', path), content)
    }
    env.allowRemoteModels = false
    env.localModelPath = scratch
    const classify = await pipeline('text-classification', 'model', { dtype: 'fp32' })
    const [found] = await classify('the film was clumsy')
    expect(shown.split(/\s+/).slice(0, 2)).toEqual([found!.label, (100 * found!.score).toFixed(1)])
    await classify.dispose()
    await page.context().close()
  })

  it('teaches a language model, and stops when it is told to', async () => {
    const page = await served.open(browser)
    await page.getByLabel('Model', { exact: true }).selectOption('gpt2')
    await page.getByLabel('Passes').fill('12')
    await page.locator('#train').click()
    await said(page, /^Trained: loss/)
    const answer = page.locator('#answers li').first()
    await answer.waitFor()
    expect(await answer.innerText()).toMatch(/^the teacher likes/)

    await page.getByLabel('Passes').fill('900')
    await page.locator('#train').click()
    await page
      .locator('#elapsed')
      .filter({ hasText: /^step \d+ of 2700/ })
      .waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    await said(page, /^Trained: loss/)
    expect(await page.locator('#train').isEnabled()).toBe(true)
    await page.context().close()
  })

  it('says what is wrong, and goes on', async () => {
    const page = await served.open(browser)
    const examples = page.locator('#examples')
    await examples.fill('positive: the film was great\nwhat is this')
    await page.locator('#train').click()
    expect(await said(page, /Line 2/)).toMatch(/write “label: text”/)
    await examples.fill('positive: the film was great')
    await page.locator('#train').click()
    await said(page, /ERR_OPTION: all examples have the label "positive"/)
    expect(await page.locator('#train').isEnabled()).toBe(true)
    await page.context().close()
  })

  it.each([
    ['in the light', { colorScheme: 'light' }],
    ['in the dark, on a phone', { colorScheme: 'dark', viewport: { width: 320, height: 640 } }],
  ] as const)('is accessible %s', async (_, options) => {
    const page = await served.open(browser, { ...options, bypassCSP: true })
    await page.evaluate(axe.source)
    const { violations } = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run())
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ target }) => target)])).toEqual([])
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    expect(width).toBeLessThanOrEqual(options.colorScheme === 'dark' ? 320 : 1280)
    await page.context().close()
  })

  it('can be used without a mouse', async () => {
    const page = await served.open(browser)
    const reached: string[] = []
    for (let i = 0; i < 5; i++) {
      await page.keyboard.press('Tab')
      reached.push(await page.evaluate(() => document.activeElement!.id))
    }
    expect(reached).toEqual(['model', 'folder', 'examples', 'epochs', 'train'])
    await page.context().close()
  })
})

import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readCheckpointFile, writeCheckpointFile } from '@induced-metric/onnxruntime'
import axe from 'axe-core'
import * as ort from 'onnxruntime-node'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { gpuFlags, launchChromium } from '../../../packages/core/test/browser/chromium.js'
import { said, serveExample, type ExamplePage } from '../../../tests/examplePage.js'
import { dataFiles } from '../src/data/files.js'
import { loadNetwork } from '../src/networks/index.js'
import { train } from '../src/training/loop.js'
import { latestReport, openSession } from '../src/training/session.js'

// The page as a visitor uses it, on SwiftShader, a GPU in software, and without a GPU. `GPU_RECORD=1` renews the picture of the README.

const folder = fileURLToPath(new URL('..', import.meta.url))
const root = join(folder, 'page')
const browsers: Browser[] = []
let scratch: string
let served: ExamplePage

/** What Chromium says of a machine without a GPU. */
const expected = /No available adapters/

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'gpu-page-'))
  served = await serveExample(root, expected)
})

afterAll(async () => {
  await Promise.all(browsers.map((browser) => browser.close()))
  await served.close()
  await rm(scratch, { recursive: true })
})

afterEach(() => {
  expect(served.complaints.splice(0)).toEqual([])
})

async function launch(args: readonly string[]): Promise<Browser> {
  const browser = await launchChromium(args)
  browsers.push(browser)
  return browser
}

/** Waits until more steps have been taken. */
async function stepBeyond(page: Page, least: number): Promise<void> {
  await page.waitForFunction(
    (least) => Number(document.querySelector('#step')!.textContent.replaceAll(',', '')) > least,
    least,
  )
}

/** Waits until a part of the page has a text. */
async function shows(page: Page, id: string, pattern: RegExp): Promise<string> {
  const part = page.locator(`#${id}`).filter({ hasText: pattern })
  await part.waitFor()
  return part.innerText()
}

it('trains digits on WebGPU, and Node goes on from the checkpoint, and the page from that of Node', async () => {
  const page = await served.open(await launch(gpuFlags))
  expect(await page.locator('#device').inputValue()).toBe('webgpu')
  await page.locator('#network').selectOption('digits')
  await page.getByRole('button', { name: 'Start' }).click()
  await said(page, /^Training on WebGPU/)
  await shows(page, 'evaluation', /% of 1,000 digits/)
  // SwiftShader takes seconds for a step until its kernels are made.
  await stepBeyond(page, 1)
  expect(await page.locator('#speed').innerText()).toMatch(/^[\d,]+ examples\/s$/)
  await page.getByRole('button', { name: 'Stop' }).click()
  const [, steps] = /^Stopped after ([\d,]+) steps/.exec(await said(page, /^Stopped/))!
  const accuracy = Number(/^[\d.]+/.exec(await page.locator('#evaluation').innerText())![0]) / 100
  expect(accuracy).toBeGreaterThan(0.12)

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save a checkpoint' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('digits.ckpt')
  const network = await loadNetwork('digits', (file) => dataFiles[file]())
  const session = await openSession(
    network,
    { device: 'cpu', ort },
    await readCheckpointFile(await download.path()),
  )
  const step = Number(steps!.replaceAll(',', ''))
  expect((await latestReport(session))!.step).toBe(step)
  const evaluation = await network.evaluate(session, ort, step)
  // Sums differ by rounding, which can decide about a digit or two.
  expect('accuracy' in evaluation && Math.abs(evaluation.accuracy - accuracy)).toBeLessThan(0.004)
  for await (const { loss } of train(session, network, { ort, steps: 10 })) expect(loss).toBeLessThan(2)
  const file = join(scratch, 'node.ckpt')
  await writeCheckpointFile(file, await session.checkpointState())
  await session.release()

  await page.locator('#device').selectOption('wasm')
  await page.locator('#file').setInputFiles(file)
  await said(page, new RegExp(`^node.ckpt has ${(step + 10).toLocaleString('en')} steps`))
  await page.getByRole('button', { name: 'Start' }).click()
  await said(page, /^Training on wasm/)
  await stepBeyond(page, step + 10)
  await page.getByRole('button', { name: 'Stop' }).click()
  await said(page, /^Stopped/)
  await page.context().close()
})

it('says that there is no WebGPU, trains a GPT on wasm, and is accessible', async () => {
  const browser = await launch(['--no-sandbox'])
  const page = await served.open(browser, {
    viewport: { width: 1120, height: 820 },
    colorScheme: 'light',
    bypassCSP: true,
  })
  const film = filming(page)
  expect(await page.locator('#device-note').innerText()).toMatch(/^There is no WebGPU here/)
  expect(await page.locator('#device').inputValue()).toBe('wasm')
  expect(await page.locator('#device option[value="webgpu"]').isDisabled()).toBe(true)
  await film.shoot(1200)
  await page.getByRole('button', { name: 'Start' }).click()
  await said(page, /^Training on wasm/)
  await shows(page, 'speed', /^[\d,]+ tokens\/s$/)
  await film.shoot(900)
  await shows(page, 'evaluation', /^The [^]{60}/)
  await film.shoot(1500)
  await page.waitForFunction(
    (before) => document.querySelector('#evaluation')!.textContent !== before,
    await page.locator('#evaluation').textContent(),
  )
  await film.shoot(2500)
  await page.getByRole('button', { name: 'Stop' }).click()
  await said(page, /^Stopped/)
  await film.end()
  const loss = Number(await page.locator('#loss-value').innerText())
  expect(loss).toBeLessThan(3.5)
  const trained = await page.locator('#step').innerText()

  await page.locator('#file').setInputFiles(join(root, 'vite.config.ts'))
  await said(page, /ERR_CHECKPOINT/)
  // Nothing is lost by a wrong file.
  expect(await page.locator('#step').innerText()).toBe(trained)

  await checkAccess(page, 1120)
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.setViewportSize({ width: 320, height: 640 })
  await checkAccess(page, 320)
  await page.getByRole('button', { name: 'Reset' }).click()
  expect(await page.locator('#step').innerText()).toBe('0')
  await page.context().close()
})

async function checkAccess(page: Page, width: number): Promise<void> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run())
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ target }) => target)])).toEqual([])
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
}

/** Takes pictures of a page and makes an animated WebP of them. */
function filming(page: Page) {
  const frames: { readonly picture: Buffer; readonly delay: number }[] = []
  return {
    /** @param delay milliseconds for which the picture is shown */
    shoot: async (delay: number) => void frames.push({ picture: await page.screenshot(), delay }),
    end: async () => {
      const file = join(process.env['GPU_RECORD'] === '1' ? folder : scratch, 'page.webp')
      const pictures = await Promise.all(
        frames.map(({ picture }) => sharp(picture).resize({ width: 800 }).png().toBuffer()),
      )
      await sharp(pictures, { join: { animated: true } })
        .webp({ quality: 60, effort: 4, delay: frames.map(({ delay }) => delay), loop: 0 })
        .toFile(file)
      expect((await sharp(file).metadata()).pages).toBe(frames.length)
      expect((await stat(file)).size).toBeLessThan(1_000_000)
    },
  }
}

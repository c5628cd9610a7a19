import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import axe from 'axe-core'
import * as ort from 'onnxruntime-node'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import sharp from 'sharp'
import { build, preview, type PreviewServer } from 'vite'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../../packages/core/test/browser/chromium.js'
import { createRandom } from '../src/audio/random.js'
import { readWav, writeWav } from '../src/audio/wav.js'
import { createHead, findAlarms } from '../src/detector.js'
import { createFeatures } from '../src/features/features.js'
import { readFeatureFiles } from '../src/features/files.js'
import { assemble, type Clip } from '../src/speech/streams.js'
import { espeak, hasProgram } from '../src/speech/synthesize.js'

// The page as a visitor uses it, with a microphone that hears a file. `WAKE_WORD_RECORD=1` renews the picture of the README.

const folder = fileURLToPath(new URL('..', import.meta.url))
const root = join(folder, 'page')
const configFile = join(root, 'vite.config.ts')
const phrase = 'hey silver fox'
const hasSpeech = await hasProgram('espeak-ng')
if (!hasSpeech)
  process.stderr.write('espeak-ng is not installed: the tests of the wake word page are skipped\n')

const complaints: string[] = []
let scratch: string
let server: PreviewServer
let browser: Browser
let home: string
let sounds: Record<'microphone' | 'phrases' | 'other', string>

/** Writes what the microphone hears and what is dropped in; all by one voice, in a quiet room. */
async function makeSounds(): Promise<typeof sounds> {
  const random = createRandom(3)
  const say = espeak({ accent: 'en-us', variant: 'belinda', manner: { pitch: 55, speed: 165 } })
  const record = async (name: string, texts: readonly string[]): Promise<string> => {
    const clips: Clip[] = []
    for (const text of texts) {
      const manner = { pitch: 48 + random.below(15), speed: 150 + random.below(40) }
      clips.push({ kind: 'phrase', samples: await say(text, manner) })
    }
    const { samples } = assemble(clips, random, [0.5, 0.7], 1)
    const file = join(scratch, name)
    await writeFile(file, writeWav(samples.map((x) => x / 2 + 8 * random.normal())))
    return file
  }
  const repeated = (count: number) => Array.from({ length: count }, (_, i) => phrase + ['.', '!', '?'][i % 3])
  return {
    microphone: await record('microphone.wav', repeated(10)),
    phrases: await record('phrases.wav', repeated(6)),
    other: await record('other.wav', [
      'The train to the coast leaves at a quarter past seven.',
      'Nobody had seen the letter before it was opened.',
      'She asked him to bring two chairs and a lamp into the garden.',
    ]),
  }
}

describe.skipIf(!hasSpeech)('the page', () => {
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'wake-word-page-'))
    sounds = await makeSounds()
    await build({ root, configFile, logLevel: 'silent' })
    server = await preview({ root, configFile, logLevel: 'silent', preview: { port: 0, host: '127.0.0.1' } })
    home = server.resolvedUrls!.local[0]!
    browser = await launchChromium([
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      `--use-file-for-fake-audio-capture=${sounds.microphone}`,
    ])
  })

  afterAll(async () => {
    await browser.close()
    await server.close()
    await rm(scratch, { recursive: true })
  })

  afterEach(() => {
    expect(complaints.splice(0)).toEqual([])
  })

  it('learns a wake word from the microphone, hears it, and hands over the model', async () => {
    const page = await open({ viewport: { width: 1120, height: 800 }, colorScheme: 'light' })
    const film = filming(page)
    await page.getByLabel('Your wake word').fill(phrase)
    await page.getByRole('button', { name: 'Use the microphone' }).click()
    for (const count of [3, 7]) {
      await repetitions(page, count)
      await film.shoot(900)
    }
    await repetitions(page, 10)
    expect(await page.getByRole('button', { name: /^Remove repetition/ }).count()).toBe(10)
    await film.shoot(900)
    await page.locator('#train:enabled').click()
    await page.waitForFunction(() => document.querySelector<HTMLProgressElement>('#progress')!.position > 0.5)
    await film.shoot(900)
    const trained = await said(page, /^Trained in ([\d.]+) seconds/)
    process.stdout.write(`${trained}\n`)
    await film.shoot(1200)
    await page.getByRole('button', { name: 'Listen', exact: true }).click()
    await film.shoot(700)
    await page.locator('.lamp.heard').waitFor()
    await film.shoot(1800)
    await film.end()
    const count = () => page.locator('#count').innerText().then(Number)
    await expect.poll(count, { timeout: 120_000 }).toBeGreaterThanOrEqual(4)

    await page.getByRole('button', { name: 'Stop listening' }).click()
    await said(page, /Stopped listening/)
    await drop(page, sounds.other)
    expect(await said(page, /other\.wav/)).toContain('not heard')
    await drop(page, sounds.phrases)
    await said(page, /phrases\.wav/)
    await checkModel(page)
    await page.context().close()
  })

  it('learns more from five further repetitions, and files and the keyboard do as well', async () => {
    const page = await open()
    await drop(page, sounds.phrases)
    await said(page, /6 repetitions in all/)
    await page.getByRole('button', { name: 'Remove repetition 2', exact: true }).focus()
    await page.keyboard.press('Enter')
    await said(page, /5 repetitions left/)
    await tabTo(page, 'train')
    await page.keyboard.press('Enter')
    await said(page, /^Trained in/)
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('listen')
    await tabTo(page, 'threshold')
    await page.keyboard.press('ArrowRight')
    expect(await page.locator('#threshold-value').innerText()).toBe('0.91')
    await tabTo(page, 'again')
    await page.keyboard.press('Enter')
    await said(page, /5 times to go/)
    await repetitions(page, 10)
    await said(page, /^Train/)
    await said(page, /^Trained in/)
    await page.context().close()
  })

  it('says what to do if the microphone is refused, or a file is no recording', async () => {
    const page = await open()
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))
    })
    await page.getByRole('button', { name: 'Use the microphone' }).click()
    await said(page, /Allow it for this page/)
    await drop(page, join(folder, 'package.json'))
    await said(page, /package\.json is no recording/)
    expect(await page.getByRole('button', { name: 'Train', exact: true }).isDisabled()).toBe(true)
    await page.context().close()
  })

  it('has no fault that axe-core finds, light, dark or narrow, and does not scroll sideways', async () => {
    const page = await open({ colorScheme: 'light', reducedMotion: 'reduce' })
    expect(await violations(page)).toEqual([])
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await violations(page)).toEqual([])
    await page.setViewportSize({ width: 320, height: 640 })
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBe(320)
    expect(await violations(page)).toEqual([])
    await page.context().close()
  })

  it('has a policy without eval and without other hosts', async () => {
    const page = await open()
    const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content')
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain("'unsafe-eval'")
    const refused = await page.evaluate(async () => {
      const directives: string[] = []
      document.addEventListener('securitypolicyviolation', (event) =>
        directives.push(event.effectiveDirective),
      )
      await fetch('https://example.org/').catch(() => undefined)
      await new Promise((next) => setTimeout(next, 50))
      return directives
    })
    expect(refused).toContain('connect-src')
    expect(complaints.splice(0).length).toBeGreaterThan(0)
    await page.context().close()
  })
})

/** Opens the page and waits until it is ready. What it complains of, or asks elsewhere, fails the test. */
async function open(options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage()
  page.setDefaultTimeout(200_000)
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => void complaints.push(error.message))
  page.on('request', (request) => {
    const isOwn = ['data:', 'blob:', home].some((start) => request.url().startsWith(start))
    if (!isOwn) complaints.push(request.url())
  })
  await page.goto(home)
  await page.locator('html[data-ready]').waitFor()
  return page
}

/** Waits until the status says something, and returns it. */
async function said(page: Page, pattern: RegExp): Promise<string> {
  await page.locator('#status').filter({ hasText: pattern }).waitFor()
  return page.locator('#status').innerText()
}

const repetitions = (page: Page, count: number) =>
  page
    .locator('li.said')
    .nth(count - 1)
    .waitFor()

const drop = (page: Page, file: string) => page.getByLabel('Choose recordings').setInputFiles(file)

/** Presses Tab until an element has the focus. */
async function tabTo(page: Page, id: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab')
    if ((await page.evaluate(() => document.activeElement?.id)) === id) return
  }
  throw new Error(`Tab does not reach #${id}`)
}

/** What axe-core finds, as `rule: element`. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const found = await page.evaluate<{ id: string; nodes: { target: string[] }[] }[]>(
    'axe.run().then(({ violations }) => violations)',
  )
  return found.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
}

/** Downloads the model: plain onnxruntime-node hears in a file what the page heard in it, at the same times. */
async function checkModel(page: Page): Promise<void> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByText('Download the model').click(),
  ])
  expect(download.suggestedFilename()).toBe('wake-word.onnx')
  const head = await createHead(ort, await readFile(await download.path()))
  const features = await createFeatures(ort, await readFeatureFiles())
  const alarmsOf = async (file: string) => findAlarms(features, head, readWav(await readFile(file)), 0.9)
  expect(await alarmsOf(sounds.other)).toEqual([])
  const alarms = await alarmsOf(sounds.phrases)
  expect(alarms.length).toBeGreaterThanOrEqual(5)
  const lines = await page.locator('#log li').allInnerTexts()
  const inFile = lines
    .filter((line) => line.includes('phrases.wav'))
    .map((line) => /at ([\d.]+) s/.exec(line)?.[1])
  expect(inFile.reverse()).toEqual(alarms.map(({ at }) => at.toFixed(1)).slice(-inFile.length))
}

/** Takes pictures of a page and makes an animated WebP of them. */
function filming(page: Page) {
  const frames: { readonly picture: Buffer; readonly delay: number }[] = []
  return {
    /** @param delay milliseconds for which the picture is shown */
    shoot: async (delay: number) => void frames.push({ picture: await page.screenshot(), delay }),
    end: async () => {
      const isRenewed = process.env['WAKE_WORD_RECORD'] === '1'
      const file = join(isRenewed ? folder : scratch, 'page.webp')
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

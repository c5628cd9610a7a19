import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { placer } from '../docs/playground/MapFigure.js'
import { phaseSize } from '../docs/playground/phaseAxes.js'
import { writeCode } from '../docs/playground/code.js'
import { defaults, readSettings } from '../docs/playground/settings.js'
import type { Point } from '../docs/playground/surfaces.js'
import { expectPicture } from './pictures.js'
import { drawnPath, goTo, openPlayground, patient, phaseDone } from './playgroundPage.js'
import type { referenceOf } from './playgroundReference.js'
import { SiteBrowser, violations } from './siteBrowser.js'

// The playground as a visitor meets it, on the built site.

let site: SiteBrowser

beforeAll(async () => {
  const [built] = (await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@induced-metric/source'] },
    build: {
      write: false,
      minify: false,
      lib: {
        entry: join(import.meta.dirname, 'playgroundReference.ts'),
        formats: ['iife'],
        name: 'reference',
      },
    },
  })) as unknown as { output: { code: string }[] }[]
  referenceCode = built!.output[0]!.code
  site = await SiteBrowser.start()
})

afterAll(() => site.close())

afterEach(() => {
  expect(site.complaints.splice(0)).toEqual([])
})

const open = (query?: string, options?: BrowserContextOptions): Promise<Page> =>
  openPlayground(site, query, options)

let referenceCode: string

/** What the reference engine does in this browser. */
async function reference(
  page: Page,
  ...given: Parameters<typeof referenceOf>
): ReturnType<typeof referenceOf> {
  return page.evaluate<Awaited<ReturnType<typeof referenceOf>>>(
    `(() => { ${referenceCode}; return reference.referenceOf(...${JSON.stringify(given)}) })()`,
  )
}

it.each([
  '',
  '?surface=beale&base=sgd&embedding=log&rate=0.01',
  '?surface=ackley&base=lion&xiMode=number&noise=0.4',
])('the paths that it draws are those of the core, to the last bit: %s', async (query) => {
  const page = await open(query)
  const expected = await reference(page, query)
  for (const name of ['induced', 'beside'] as const)
    expect(await drawnPath(page, name), name).toEqual(expected[name])
  await page.context().close()
})

it('its difference is 0 at ξ = 0, and said so', async () => {
  const page = await open('?xiMode=off')
  await page.locator('[data-same=true]', { hasText: 'bit for bit' }).waitFor()
  await page.locator('[data-choice=xiMode]').selectOption('rate')
  await page.locator('[data-same=false]', { hasText: 'at most' }).waitFor()
  await page.context().close()
})

it('the cells of the phase diagram are single runs, and a click takes one to the picture', async () => {
  const page = await open('?steps=60')
  await phaseDone(page)
  const field = page.locator('.pg-phase-field')
  const box = (await field.boundingBox())!
  for (const [column, row] of [
    [40, 40],
    [50, 20],
    [5, 60],
  ] as const) {
    const { induced, loss } = await reference(page, '?steps=60', [column, row])
    await field.click({
      position: {
        x: ((column + 0.5) / phaseSize) * box.width,
        y: (1 - (row + 0.5) / phaseSize) * box.height,
      },
    })
    await expect.poll(() => drawnPath(page, 'induced'), { timeout: 60_000 }).toEqual(induced)
    expect(Number(await field.getAttribute('data-loss'))).toBe(loss)
  }
  await page.context().close()
})

it('an address brings its settings back, and follows changes', async () => {
  const page = await open('?surface=himmelblau&rate=0.05&base=rmsprop')
  expect(await page.locator('[data-choice=surface]').inputValue()).toBe('himmelblau')
  await page.locator('[data-choice=embedding]').selectOption('logDamped')
  await expect.poll(() => new URL(page.url()).search, patient).toContain('embedding=logDamped')
  const settings = readSettings(new URL(page.url()).search)
  expect(settings).toMatchObject({ surface: 'himmelblau', rate: 0.05, base: 'rmsprop' })
  await page.context().close()
})

it('says what is wrong with a formula, and keeps the last picture', async () => {
  const page = await open('?surface=own')
  const before = await drawnPath(page, 'induced')
  await page.locator('[data-formula=formula]').fill('x^2 + alert(y)')
  await page.getByRole('alert').filter({ hasText: 'alert is no function here' }).first().waitFor()
  expect(await drawnPath(page, 'induced')).toEqual(before)
  await page.locator('[data-formula=formula]').fill('x^2 + 3 * y^2')
  await expect.poll(() => drawnPath(page, 'induced'), patient).not.toEqual(before)
  await page.context().close()
})

it('warns where the comparison is between two conventions', async () => {
  const page = await open('?base=sgd')
  expect(await page.locator('.pg-warning').count()).toBe(0)
  await page.locator('[data-choice=beside]').selectOption('heavyBall')
  await page.locator('.pg-warning', { hasText: 'Another convention' }).waitFor()
  await page.context().close()
})

it('has no fault that axe-core finds, light, or dark and narrow, and does not scroll sideways', async () => {
  const page = await open('?steps=20', { colorScheme: 'light', reducedMotion: 'reduce' })
  await phaseDone(page)
  await goTo(page, 'networks', '.pg-training')
  await goTo(page, 'code', '.pg-code')
  expect(await violations(page)).toEqual([])
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.locator('html.dark').waitFor()
  await page.setViewportSize({ width: 320, height: 640 })
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth), patient).toBe(320)
  expect(await violations(page)).toEqual([])
  await page.context().close()
})

describe('by keyboard', () => {
  it('all of it is reached and changed', async () => {
    const page = await open('?steps=20')
    const press = async (locator: string, ...keys: string[]): Promise<void> => {
      for (let presses = 0; presses < 80; presses++) {
        if (await page.evaluate((css) => document.activeElement?.matches(css) ?? false, locator)) {
          for (const key of keys) await page.keyboard.press(key)
          return
        }
        await page.keyboard.press('Tab')
      }
      throw new Error(`Tab does not reach ${locator}`)
    }
    await press('.pg-map', 'ArrowRight', 'ArrowUp')
    await expect
      .poll(async () => (await drawnPath(page, 'induced')).slice(0, 2), patient)
      .toEqual(['-1.124', '1.676'])
    await press('[data-number=step]', 'Home')
    await page.getByText('step 0 of 20').waitFor()
    await press('[data-choice=surface]', 'ArrowDown')
    await expect
      .poll(() => page.locator('[data-choice=surface]').inputValue(), patient)
      .not.toBe('rosenbrock')
    await press('[data-number=rate]', 'ArrowRight')
    await page.locator('.pg-phase[data-done=true]').waitFor(patient)
    await press('.pg-phase-field', 'ArrowLeft', 'ArrowUp', 'Enter')
    await expect.poll(() => page.locator('[data-choice=xiMode]').inputValue(), patient).toBe('number')
    await page.locator('.pg-training').waitFor(patient)
    await press('.pg-training button', 'Enter')
    await page.locator('.pg-training[data-running=true]').waitFor()
    await page.locator('.pg-code').waitFor(patient)
    await press('.pg-code [role=tab][aria-selected=true]', 'ArrowRight')
    await page.getByRole('tab', { name: 'TensorFlow.js', selected: true }).waitFor()
    expect(await page.locator('#pg-code pre').innerText()).toContain('inducedOptimizer(tf')
    await page.context().close()
  })
})

describe('with reduced motion', () => {
  it('Play goes to the end at once', async () => {
    const page = await open('?steps=40', { reducedMotion: 'reduce' })
    await page.getByRole('button', { name: 'Play' }).click()
    await page.getByText('step 0 of 40').waitFor()
    await page.getByRole('button', { name: 'Play' }).click()
    await page.getByText('step 40 of 40').waitFor()
    await page.context().close()
  })
})

it('goes back to the map where there is no WebGL', async () => {
  const page = await open()
  await page.evaluate(() => {
    HTMLCanvasElement.prototype.getContext = () => null
  })
  await page.getByRole('button', { name: '3-D' }).click()
  const note = page.getByText('No 3-D view here')
  await note.waitFor(patient)
  const map = page.locator('.pg-map')
  await map.waitFor()
  // Where whoever has chosen the view sees it.
  expect((await note.boundingBox())!.y).toBeLessThan((await map.boundingBox())!.y)
  // three.js tells of it as well.
  site.complaints.splice(0)
  await page.context().close()
})

describe('a training', () => {
  it('is stopped, and goes on', async () => {
    const page = await open()
    const stepShown = async () =>
      Number(/step (\d+)/.exec(await page.locator('.pg-training .pg-verdict').innerText())?.[1])
    await goTo(page, 'networks', '.pg-training')
    // From within the page: a training takes a second or two, and a click from outside may come too late.
    await page.evaluate(async () => {
      const button = (name: string) =>
        [...document.querySelectorAll<HTMLButtonElement>('.pg-training button')].find(
          ({ textContent }) => textContent.trim() === name,
        )
      button('Train')!.click()
      while (!button('Stop')) await new Promise(requestAnimationFrame)
      button('Stop')!.click()
    })
    await page.locator('.pg-slice').waitFor({ timeout: 60_000 })
    const stopped = await stepShown()
    expect(stopped).toBeLessThan(1500)
    await page.getByRole('button', { name: 'Resume' }).click()
    await expect.poll(stepShown, { timeout: 60_000 }).toBeGreaterThan(stopped)
    await page.context().close()
  })

  it('learns digits as well', async () => {
    const page = await open()
    await goTo(page, 'networks', '.pg-training')
    await page.locator('[data-choice=task]').selectOption('digits')
    await page.getByRole('button', { name: 'Train' }).click()
    const share = async () =>
      Number(
        /metric: loss \S+, ([\d.]+) %/.exec(
          await page.locator('.pg-training .pg-verdict').innerText(),
        )?.[1] ?? 0,
      )
    await expect.poll(share, { timeout: 120_000 }).toBeGreaterThan(70)
    await page.context().close()
  })
})

it('saves what is seen as SVG and as PNG', async () => {
  const page = await open()
  const save = async (name: string): Promise<Buffer> => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name, exact: true }).click(),
    ])
    expect(download.suggestedFilename()).toBe(`rosenbrock-adam.${name.toLowerCase()}`)
    return readFileSync(await download.path())
  }
  const svg = (await save('SVG')).toString('utf8')
  expect(svg).toMatch(
    /^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"[\s\S]*data-path="induced"[\s\S]*<\/svg>\n$/,
  )
  const png = await save('PNG')
  expect([...png.subarray(1, 4)]).toEqual([...Buffer.from('PNG')])
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1440, 1040])
  await page.context().close()
})

describe('looks as it did', () => {
  it.each([
    ['map', '', '.pg-map'],
    ['map of a valley', '?surface=valley&base=sgd&momentum=0&rate=3', '.pg-map'],
    ['phase diagram', '?steps=60', '.pg-phase-field'],
  ])('%s', async (name, query, picture) => {
    const page = await open(query, { reducedMotion: 'reduce' })
    if (picture === '.pg-phase-field') await phaseDone(page)
    await expectPicture(page, name, picture)
    await page.context().close()
  })
})

it('its policy allows WebAssembly and its own workers, and no eval', async () => {
  const page = await open()
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content')
  expect(policy).toContain("'wasm-unsafe-eval'")
  expect(policy).toContain("worker-src 'self'")
  expect(policy).not.toMatch(/'unsafe-eval'/)
  // In a task of its own: what the browser's protocol runs directly is exempt from the policy.
  const refused = await page.evaluate<string>(
    `new Promise((resolve) => setTimeout(() => {
      try { resolve(String(new Function('return 1')())) } catch (error) { resolve(error.name) }
    }))`,
  )
  expect(refused).toBe('EvalError')
  await page.context().close()
})

// tests/playground.test.ts runs this code.
it('from the front page, three clicks take code for TensorFlow.js to the clipboard', async () => {
  const page = await site.open('/')
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('link', { name: 'Playground' }).first().click()
  await page.locator('.pg[data-ready=true]').waitFor(patient)
  await goTo(page, 'code', '.pg-code')
  await page.getByRole('tab', { name: 'TensorFlow.js' }).click()
  await page.getByRole('button', { name: 'Copy', exact: true }).click()
  await page.getByText('Copied.').waitFor()
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  expect(copied).toBe(writeCode('tfjs', defaults))
  expect(copied).toContain("import { inducedOptimizer } from '@induced-metric/tfjs'")
  await page.context().close()
})

it('the live benchmark measures ratios on this machine', async () => {
  const page = await site.open('/benchmark.html')
  await page.getByRole('button', { name: 'Measure on this machine' }).click()
  await page.locator('[data-section=loop] tbody tr').first().waitFor({ timeout: 60_000 })
  await page.getByRole('status').filter({ hasText: 'done' }).waitFor({ timeout: 240_000 })
  for (const section of ['loop', 'training', 'tf', 'demo'])
    expect(await page.locator(`[data-section=${section}] tbody tr`).count(), section).toBeGreaterThan(0)
  expect(await violations(page)).toEqual([])
  await page.context().close()
})

it('places points as the map shows them', () => {
  const place: (point: Point) => Point = placer([-1, 0, 3, 2])
  expect(place([-1, 2])).toEqual([0, 0])
  expect(place([3, 0])).toEqual([720, 520])
})

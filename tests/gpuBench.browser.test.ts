import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { gpuFlags, launchChromium, onComplaint } from '../packages/core/test/browser/chromium.js'
import { serveModule } from '../packages/core/test/browser/serveModule.js'

// The bench page of bench/gpu as a visitor uses it, with the rows that take least.

let browser: Browser
let served: Awaited<ReturnType<typeof serveModule>>
let page: Page
const complaints: string[] = []
beforeAll(async () => {
  served = await serveModule(fileURLToPath(new URL('../bench/gpu/page.js', import.meta.url)))
  browser = await launchChromium(gpuFlags)
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] })
  page = await context.newPage()
  onComplaint(page, (text) => complaints.push(text))
  await page.goto(served.url)
})
afterAll(async () => {
  await browser.close()
  served.close()
})

interface Result {
  readonly machine: { readonly userAgent: string }
  readonly rows: readonly { readonly by: string; readonly launches: number; readonly bytes: number }[]
}

it('measures what the docs say of 6 variables on webgpu, and copies the result', async () => {
  await page.getByLabel('Only').fill('webgpu, Adam, 6')
  await page.getByRole('button', { name: 'Run' }).click()
  await page.getByText('Done.').waitFor({ timeout: 200_000 })
  expect(await page.locator('tbody tr').count()).toBe(3)

  const copied = async (format: string): Promise<string> => {
    await page.getByRole('button', { name: `as ${format}` }).click()
    await page.getByText('Copied.').waitFor()
    return page.evaluate(() => navigator.clipboard.readText())
  }
  const { machine, rows } = JSON.parse(await copied('JSON')) as Result
  expect(machine.userAgent).toContain('Chrome')
  expect(rows.map(({ by, launches, bytes }) => [by, launches, bytes])).toEqual([
    ['kernels', 4, 0],
    ['operations', 145, 0],
    ['tf.train.adam', 84, 0],
  ])
  expect(await copied('markdown')).toMatch(
    /^- webgpu: .+[^]*\| tfjs webgpu, Adam, 6 variables \| kernels \| 4 \| 1 \| 0 \|/,
  )

  await page.getByLabel('Only').fill('nothing of this name')
  await page.getByRole('button', { name: 'Run' }).click()
  await page.getByText('no row is about nothing of this name').waitFor()
  expect(complaints).toEqual([])
})

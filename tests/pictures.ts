import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'

/** The size to which pictures are reduced before they are compared, in pixels. */
const size = { width: 180, height: 130 } as const

/** A part of a page as a small PNG: a drawing or a canvas, without text, whose letters differ from machine to machine. */
async function pictureOf(page: Page, css: string): Promise<Buffer> {
  const image = await page.locator(css).screenshot({ animations: 'disabled' })
  const url = await page.evaluate(
    async ({ source, width, height }) => {
      const image = new Image()
      image.src = source
      await image.decode()
      const canvas = new OffscreenCanvas(width, height)
      canvas.getContext('2d')!.drawImage(image, 0, 0, width, height)
      const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())
      return btoa(String.fromCharCode(...bytes))
    },
    { source: `data:image/png;base64,${image.toString('base64')}`, ...size },
  )
  return Buffer.from(url, 'base64')
}

/**
 * Compares a picture with the committed one. With PICTURES=write it is written instead.
 *
 * @returns `difference`: the mean difference of the colours, from 0 to 1; `without`: that of the committed picture from its own
 *   mean colour
 */
async function comparePictures(
  page: Page,
  file: string,
  shown: Buffer,
): Promise<{ readonly difference: number; readonly without: number }> {
  if (process.env['PICTURES'] === 'write') {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, shown)
  }
  if (!existsSync(file))
    throw new Error(`${file} is missing: run the test with PICTURES=write, and look at it`)
  const sources = [readFileSync(file), shown].map(
    (bytes) => `data:image/png;base64,${bytes.toString('base64')}`,
  )
  return page.evaluate(async (sources) => {
    const pixels = await Promise.all(
      sources.map(async (source) => {
        const image = new Image()
        image.src = source
        await image.decode()
        const canvas = new OffscreenCanvas(image.width, image.height)
        const context = canvas.getContext('2d')!
        context.drawImage(image, 0, 0)
        return context.getImageData(0, 0, image.width, image.height).data
      }),
    )
    const [a, b] = pixels as [Uint8ClampedArray, Uint8ClampedArray]
    const means = [0, 1, 2, 3].map((channel) => {
      let sum = 0
      for (let i = channel; i < a.length; i += 4) sum += a[i]!
      return (4 * sum) / a.length
    })
    let [difference, without] = [0, 0]
    for (let i = 0; i < a.length; i++) {
      difference += Math.abs(a[i]! - b[i]!)
      without += Math.abs(a[i]! - means[i % 4]!)
    }
    return { difference: difference / a.length / 255, without: without / a.length / 255 }
  }, sources)
}

/** Compares a part of a page with the committed picture of a name. With PICTURES=write, it is written instead. */
export async function expectPicture(page: Page, name: string, css: string): Promise<void> {
  // What was asked of the next frame is drawn in the one after it.
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))
  const shown = await pictureOf(page, css)
  const file = join(import.meta.dirname, 'pictures', `${name.replaceAll(' ', '-')}.png`)
  const { difference, without } = await comparePictures(page, file, shown)
  expect(difference).toBeLessThan(0.02)
  // A picture of one colour would be far from it.
  expect(without).toBeGreaterThan(0.03)
}

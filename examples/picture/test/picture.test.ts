import { readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

import { drawPicture, follow, optimizers } from '../src/index.js'

const committed = new URL('../../../docs/images/loss-surface.svg', import.meta.url)

test('the committed picture is the one the program draws', async () => {
  expect(
    drawPicture() === (await readFile(committed, 'utf8')),
    'run `node examples/picture/dist/main.js`',
  ).toBe(true)
})

test('it is small, titled and loads nothing from the network', () => {
  const picture = drawPicture()
  expect(picture.length).toBeLessThan(150_000)
  expect(picture).toMatch(/<title id="title">.+<\/title>\n<desc id="description">.+<\/desc>/)
  expect(picture.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(/https?:|url\(|href/)
  expect(picture).not.toContain('NaN')
})

test('at its learning rate the induced path arrives and the plain one diverges', () => {
  const [endX, endY] = follow(optimizers.induced).at(-1)!
  expect(Math.hypot(endX - 1.2, endY - 0.648)).toBeLessThan(0.1)
  expect(Math.hypot(...follow(optimizers.plain).at(-1)!)).toBeGreaterThan(5)
})

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runPair } from '../docs/playground/pair.js'
import { loadParts } from '../docs/playground/parts.js'
import { drawPicture, pictureSettings } from '../docs/playground/picture.js'
import { choiceOf, formulaOf } from '../docs/playground/surfaces.js'
import { root } from '../scripts/workspace.js'

// The guide's picture, which the playground draws.

const file = join(root, 'docs/images/loss-surface.svg')

it('is the one that the playground draws', async () => {
  const picture = await drawPicture()
  if (process.env['PICTURES'] === 'write') writeFileSync(file, picture)
  expect(readFileSync(file, 'utf8') === picture, 'run this test with PICTURES=write, and look at it').toBe(
    true,
  )
})

it('is small, named, and loads nothing', async () => {
  const picture = await drawPicture()
  expect(picture.length).toBeLessThan(150_000)
  expect(picture).toMatch(
    /^<svg width="720" height="520" role="img" [^>]*aria-label="Bent valley from above[^>]*>[\s\S]*<\/svg>\n$/,
  )
  expect(picture.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(
    /https?:|url\(|href|NaN|tabindex|arrow keys/,
  )
})

it('shows a path that arrives, and one that is thrown out', async () => {
  await loadParts(pictureSettings)
  const { minima } = choiceOf(pictureSettings.surface)
  const { induced, beside } = runPair(pictureSettings, formulaOf(pictureSettings))
  const [x, y] = induced.path.slice(-2)
  expect(Math.hypot(x! - minima[0]![0], y! - minima[0]![1])).toBeLessThan(0.1)
  expect(Math.hypot(...beside.path.slice(-2))).toBeGreaterThan(5)
})

import { expect, it } from 'vitest'
import { expectPicture } from './pictures.js'
import { openPlayground, patient } from './playgroundPage.js'
import { SiteBrowser } from './siteBrowser.js'

it('a relief is shown, which is not loaded before, looks as it did, and is turned by keyboard', async () => {
  // A machine of CI has no graphics card: the processor draws WebGL. With further flags it would draw the whole page that way, which takes long.
  const site = await SiteBrowser.start(['--enable-unsafe-swiftshader'])
  const page = await openPlayground(site, '?surface=himmelblau', {
    viewport: { width: 480, height: 640 },
    reducedMotion: 'reduce',
  })
  const loaded: string[] = []
  page.on('request', (request) => void loaded.push(request.url()))
  await page.getByRole('button', { name: '3-D' }).click()
  const relief = page.locator('.pg-relief')
  await page.locator('.pg-relief[data-ready=true]').waitFor(patient)
  expect(loaded.some((url) => /scene/.test(url))).toBe(true)
  await expectPicture(page, 'relief', '.pg-relief')
  const before = await relief.screenshot()
  await relief.press('ArrowLeft')
  await expect.poll(async () => (await relief.screenshot()).equals(before), patient).toBe(false)
  expect(site.complaints).toEqual([])
  await site.close()
})

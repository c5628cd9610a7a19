import { expect, it } from 'vitest'
import { webglFlags } from '../packages/core/test/browser/chromium.js'
import { expectPicture } from './pictures.js'
import { openPlayground, patient } from './playgroundPage.js'
import { SiteBrowser } from './siteBrowser.js'

// A machine of CI has no graphics card. With WebGL the processor draws all of a page, which takes long, so nothing else is tested here.

it('a relief is shown, which is not loaded before, looks as it did, and is turned by keyboard', async () => {
  const site = await SiteBrowser.start(webglFlags)
  const page = await openPlayground(site, '?surface=himmelblau', { reducedMotion: 'reduce' })
  const loaded: string[] = []
  page.on('request', (request) => void loaded.push(request.url()))
  await page.getByRole('button', { name: '3-D' }).click()
  await page.locator('.pg-relief[data-ready=true]').waitFor(patient)
  expect(loaded.some((url) => /scene/.test(url))).toBe(true)
  await expectPicture(page, 'relief', '.pg-relief')
  const picture = (): Promise<Buffer> => page.locator('.pg-relief').screenshot()
  const before = await picture()
  await page.locator('.pg-relief').press('ArrowLeft')
  await expect.poll(async () => (await picture()).equals(before), patient).toBe(false)
  expect(site.complaints).toEqual([])
  await site.close()
})

import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { build, preview } from 'vite'
import { onComplaint } from '../packages/core/test/browser/chromium.js'

/** The built page of an example, served on this machine. */
export interface ExamplePage {
  /** Its address. */
  readonly home: string
  /** What opened pages have complained of on the console, and what they have asked of other hosts. */
  readonly complaints: string[]
  /** Opens the page, and waits until it is ready. */
  open(browser: Browser, options?: BrowserContextOptions): Promise<Page>
  close(): Promise<void>
}

/**
 * Builds and serves the page of an example.
 *
 * @param root the folder of index.html and vite.config.ts
 * @param expected what may be on the console beside the graphics driver's messages
 */
export async function serveExample(root: string, expected = /^$/): Promise<ExamplePage> {
  const configFile = join(root, 'vite.config.ts')
  await build({ root, configFile, logLevel: 'silent' })
  const server = await preview({
    root,
    configFile,
    logLevel: 'silent',
    preview: { port: 0, host: '127.0.0.1' },
  })
  const home = server.resolvedUrls!.local[0]!
  const complaints: string[] = []
  return {
    home,
    complaints,
    async open(browser, options = {}) {
      const context = await browser.newContext(options)
      const page = await context.newPage()
      // Machines of CI can be several times slower.
      page.setDefaultTimeout(200_000)
      onComplaint(page, (text) => complaints.push(text), expected)
      page.on('request', (request) => {
        if (!request.url().startsWith(home) && !/^(data|blob):/.test(request.url()))
          complaints.push(request.url())
      })
      await page.goto(home)
      await said(page, /^Ready\./)
      return page
    },
    close: () => server.close(),
  }
}

/** Waits for the page's status, and returns it. */
export async function said(page: Page, pattern: RegExp): Promise<string> {
  const status = page.locator('#status')
  await status.filter({ hasText: pattern }).waitFor()
  return status.innerText()
}

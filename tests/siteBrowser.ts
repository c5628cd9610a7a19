import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { launchChromium, onComplaint } from '../packages/core/test/browser/chromium.js'
import { root } from '../scripts/workspace.js'

/** A site that has been built elsewhere is looked at as it is. */
const given = process.env['SITE_FOLDER']

/** Where the built sample of the site is. */
export const siteFolder = given ?? join(root, 'docs/.vitepress/cache/sample')

const contentTypes: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}

/** The built site in a browser, served from this machine. */
export class SiteBrowser {
  /** What the pages complain of, or ask elsewhere. */
  readonly complaints: string[] = []
  readonly home: string
  readonly browser: Browser
  readonly #server: Server

  private constructor(server: Server, browser: Browser) {
    this.#server = server
    this.browser = browser
    this.home = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /**
   * Builds the sample of the site, if its sources have changed since the last time, and serves it.
   *
   * @param args further arguments of the browser
   */
  static async start(args: readonly string[] = []): Promise<SiteBrowser> {
    const build = [join(root, 'docs/site/build.js'), 'sample', '--if-changed']
    if (given === undefined) await promisify(execFile)(process.execPath, build, { cwd: root })
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost')
      const path = pathname.endsWith('/') ? `${pathname}index.html` : pathname
      response.setHeader('content-type', contentTypes[extname(path)] ?? 'application/octet-stream')
      readFile(join(siteFolder, decodeURIComponent(path))).then(
        (bytes) => void response.end(bytes),
        () => void response.writeHead(404).end(),
      )
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const browser = await launchChromium(args)
    return new SiteBrowser(server, browser)
  }

  /** Opens a page, whose complaints are kept. */
  async open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const { complaints, home } = this
    const context = await this.browser.newContext(options)
    // A machine of CI may be slow.
    context.setDefaultTimeout(120_000)
    const page = await context.newPage()
    onComplaint(page, (text) => complaints.push(`${path}: ${text}`))
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(home))
        complaints.push(request.url())
    })
    await page.goto(home + path)
    // Its scripts have begun.
    await page.waitForFunction(() => '__vue_app__' in document.querySelector('#app')!)
    return page
  }

  async close(): Promise<void> {
    await this.browser.close()
    this.#server.close()
  }
}

/** What axe-core finds on a page, as `rule: element`. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const found = await page.evaluate<{ id: string; nodes: { target: string[] }[] }[]>(
    // Of what is in order, the first is enough.
    "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)",
  )
  return found.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
}

import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { transformWithOxc } from 'vite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchChromium } from '../../core/test/browser/chromium.js'

// The page without a bundler, as in the README. The modules are built from their sources, not taken from `dist`.

const modules = fileURLToPath(new URL('../../../node_modules', import.meta.url))

async function contentOf(path: string): Promise<string> {
  const file = `${modules}${path.slice('/node_modules'.length)}`
  if (!path.startsWith('/node_modules/@induced-metric/')) return readFile(file, 'utf8')
  const source = file.replace('/dist/', '/src/').replace(/\.js$/, '.ts')
  return (await transformWithOxc(await readFile(source, 'utf8'), source)).code
}

let server: Server
let browser: Browser
beforeAll(async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const [, html] = /```html\n([\s\S]*?)```/.exec(readme)!
  const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body>${html}`
  server = createServer(({ url = '/' }, response) => {
    if (url === '/') response.writeHead(200, { 'content-type': 'text/html' }).end(page)
    else {
      contentOf(url).then(
        (code) => response.writeHead(200, { 'content-type': 'text/javascript' }).end(code),
        () => response.writeHead(404).end(),
      )
    }
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  browser = await launchChromium()
})
afterAll(async () => {
  await browser.close()
  await new Promise((closed) => server.close(closed))
})

it('trains in a page without a bundler, by a script tag and an import map', async () => {
  const tab = await browser.newPage()
  const problems: string[] = []
  tab.on('pageerror', (error) => problems.push(String(error)))
  tab.on('requestfailed', (request) => problems.push(request.url()))
  await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const text = tab.waitForFunction(() => /\d+ steps/.exec(document.body.innerText)?.[0])
  const found = await text.then(
    (handle) => handle.jsonValue(),
    (error: unknown) => String(error),
  )
  expect([found, ...problems]).toEqual(['100 steps'])
})

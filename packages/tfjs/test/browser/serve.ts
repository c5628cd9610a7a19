import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { bundleModule } from '../../../core/test/browser/serveModule.js'

/** A served page. */
export interface ServedPage {
  readonly url: string
  /** The same page in isolation from others, which allows memory that threads share. */
  readonly isolatedUrl: string
  close(): Promise<void>
}

const isolation = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
}

/**
 * Bundles a module, from the sources of this workspace, and serves a page that runs it, from memory, with the modules of
 * the wasm backend beside it.
 */
export async function servePage(module: string): Promise<ServedPage> {
  const output = await bundleModule(module, { entryFileNames: 'page.js' })
  const files = new Map(
    output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source]),
  )
  const html =
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>'

  const binaries = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))
  const server = createServer(({ url = '/' }, response) => {
    const send = (type: string, body: string | Uint8Array, headers = {}): void => {
      response.writeHead(200, { 'content-type': type, ...headers }).end(body)
    }
    const refuse = (): void => void response.writeHead(404).end()
    const script = files.get(url)
    if (url === '/') send('text/html', html)
    else if (url === '/isolated') send('text/html', html, isolation)
    else if (script !== undefined) send('text/javascript', script, isolation)
    else if (!url.endsWith('.wasm')) refuse()
    else {
      const bytes = readFile(join(binaries, basename(url)))
      bytes.then((found) => send('application/wasm', found), refuse)
    }
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return {
    url,
    isolatedUrl: `${url}isolated`,
    close: () => new Promise((closed) => server.close(() => closed())),
  }
}

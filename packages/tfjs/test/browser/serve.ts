import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build, type Rolldown } from 'vite'

/** A page that is served. */
export interface ServedPage {
  readonly url: string
  close(): Promise<void>
}

/** Bundles a module, from the sources of this workspace, and serves a page that runs it, from memory. */
export async function servePage(module: string): Promise<ServedPage> {
  const { output } = (await build({
    configFile: false,
    root: fileURLToPath(new URL('..', import.meta.url)),
    logLevel: 'error',
    resolve: { conditions: ['@induced-metric/source', 'module', 'browser', 'development|production'] },
    build: {
      write: false,
      minify: false,
      target: 'es2022',
      rolldownOptions: { input: module, output: { entryFileNames: 'page.js' } },
    },
  })) as Rolldown.RolldownOutput
  const files = new Map(
    output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source]),
  )
  const html =
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>'

  const server = createServer(({ url }, response) => {
    const body = url === '/' ? html : files.get(url ?? '')
    response.writeHead(body === undefined ? 404 : 200, {
      'content-type': url === '/' ? 'text/html' : 'text/javascript',
    })
    response.end(body)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => new Promise((closed) => server.close(() => closed())),
  }
}

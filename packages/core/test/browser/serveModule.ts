import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, extname, join } from 'node:path'
import { build, type Rolldown } from 'vite'

const types: Readonly<Record<string, string>> = {
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
}

const html = (script: string): string =>
  `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/${script}"></script>`

/**
 * Bundles a module for a page, from the sources of this workspace.
 *
 * @param output what differs from Rolldown's defaults
 * @returns the entry, and other files
 */
export async function bundleModule(
  module: string,
  output: Rolldown.OutputOptions,
): Promise<Rolldown.RolldownOutput['output']> {
  const built = (await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@induced-metric/source', 'module', 'browser', 'development|production'] },
    build: {
      write: false,
      minify: false,
      target: 'es2022',
      rolldownOptions: { input: module, output },
    },
  })) as Rolldown.RolldownOutput
  return built.output
}

/**
 * Bundles a module from the sources of this workspace, and serves a page that runs it on this machine. Such a page is a secure
 * context, without which there is no WebGPU.
 *
 * @param folders by the path under which the page finds their files, not those in folders of theirs
 * @param port a free one if it is 0
 */
export async function serveModule(
  module: string,
  folders: Readonly<Record<string, string>> = {},
  port = 0,
): Promise<{ readonly url: string; close(): void }> {
  const output = await bundleModule(module, { codeSplitting: false })
  const scripts = new Map<string, string>(
    output.flatMap((part) => (part.type === 'chunk' ? [[`/${part.fileName}`, part.code] as const] : [])),
  )
  const server = createServer((request, response) => {
    const url: string = request.url ?? '/'
    const folder = Object.keys(folders).find((path) => url.startsWith(path))
    if (folder !== undefined) {
      readFile(join(folders[folder]!, basename(url))).then(
        (bytes) => response.writeHead(200, { 'content-type': types[extname(url)] }).end(bytes),
        () => response.writeHead(404).end(),
      )
      return
    }
    const script = scripts.get(url)
    const [type, body] =
      script === undefined ? ['text/html', html(output[0].fileName)] : ['text/javascript', script]
    response.writeHead(200, { 'content-type': type }).end(body)
  })
  await new Promise<void>((listening) => void server.listen(port, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => void server.close(),
  }
}

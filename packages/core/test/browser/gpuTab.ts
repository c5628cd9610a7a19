import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { build, type Rolldown } from 'vite'
import { gpuFlags, launchChromium, onComplaint } from './chromium.js'

/** A page in Chromium whose WebGPU device is SwiftShader, a GPU in software. */
export interface GpuTab<P> {
  /** Calls a function of the page. */
  call<K extends keyof P & string>(
    name: K,
    ...given: P[K] extends (...given: infer G) => unknown ? G : never
  ): Promise<P[K] extends (...given: never[]) => infer R ? Awaited<R> : never>
  /** The errors and warnings on the console so far, among them WebGPU's. */
  readonly problems: string[]
  close(): Promise<void>
}

const types: Readonly<Record<string, string>> = {
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
}

const html = (script: string): string =>
  `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/${script}"></script>`

/**
 * Bundles a module from the sources of this workspace, and opens a page that runs it.
 *
 * @param module sets the global `page`, whose functions take and return what can be serialised
 * @param folders by the path under which the page finds their files
 */
export async function openGpuTab<P>(
  module: string,
  folders: Readonly<Record<string, string>> = {},
): Promise<GpuTab<P>> {
  const { output } = (await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions: ['@induced-metric/source', 'module', 'browser', 'development|production'] },
    build: {
      write: false,
      minify: false,
      target: 'es2022',
      rolldownOptions: { input: module, output: { codeSplitting: false } },
    },
  })) as Rolldown.RolldownOutput
  const scripts = new Map<string, string>(
    output.flatMap((part) => (part.type === 'chunk' ? [[`/${part.fileName}`, part.code] as const] : [])),
  )
  const server = createServer((request, response) => {
    const url: string = request.url ?? '/'
    const folder = Object.keys(folders).find((path) => url.startsWith(path))
    if (folder !== undefined) {
      readFile(join(folders[folder]!, url.slice(folder.length))).then(
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
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening))
  const browser = await launchChromium(gpuFlags)
  const tab = await browser.newPage()
  const problems: string[] = []
  onComplaint(tab, (text) => problems.push(text))
  // A page on this machine is a secure context, without which there is no WebGPU.
  await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await tab
    .waitForFunction(() => 'page' in globalThis)
    .catch((error: unknown) => {
      throw new Error(`the page did not start: ${problems.join('\n')}`, { cause: error })
    })
  return {
    problems,
    call: (name, ...given) =>
      tab.evaluate(
        ([name, given]) => {
          const { page } = globalThis as unknown as { page: Record<string, (...given: unknown[]) => unknown> }
          return page[name]!(...given)
        },
        [name, given] as [string, unknown[]],
      ) as never,
    async close() {
      await browser.close()
      server.close()
    },
  }
}

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../..', import.meta.url))

/** The paths of packages for pages. Import maps would do for pages, but not for their workers. */
const packages: Readonly<Record<string, string>> = {
  '@bufbuild/protobuf': '/node_modules/@bufbuild/protobuf/dist/esm/index.js',
  '@bufbuild/protobuf/codegenv2': '/node_modules/@bufbuild/protobuf/dist/esm/codegenv2/index.js',
  '@induced-metric/core': '/packages/core/dist/index.js',
  '@induced-metric/core/adapter': '/packages/core/dist/adapter.js',
  '@induced-metric/onnx': '/packages/onnx/dist/index.js',
  '@induced-metric/onnx/adapter': '/packages/onnx/dist/adapter.js',
  '@induced-metric/onnx/artifacts': '/packages/onnx/dist/artifacts/index.js',
  '@induced-metric/onnx/proto': '/packages/onnx/dist/proto/index.js',
  flatbuffers: '/node_modules/flatbuffers/mjs/flatbuffers.js',
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
}

/** Serves this repository with package names in modules replaced by paths, and a page at the root. */
export async function serve(page: string): Promise<{ url: string; close: () => void }> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname)
    const answer = async (): Promise<void> => {
      if (path === '/') return void response.setHeader('content-type', 'text/html').end(page)
      const bytes = await readFile(join(root, path))
      const body = extname(path) === '.js' ? resolveNames(bytes.toString()) : bytes
      response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream').end(body)
    }
    answer().catch(() => response.writeHead(404).end())
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => void server.close(),
  }
}

function resolveNames(module: string): string {
  return module.replace(/(\bfrom\s*)'([^'.][^']*)'/g, (whole, start: string, name: string) => {
    const path = packages[name]
    return path === undefined ? whole : `${start}'${path}'`
  })
}

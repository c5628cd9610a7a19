// Launches and host times of a step on webgl and webgpu, in Chromium: by kernels, by operations, and of tf.train.adam. Run it in a
// clone of the repository: node packages/tfjs/bench/kernels.mjs
// CHROMIUM_PATH names the browser. With HARDWARE=1 it uses the machine's GPU, else SwiftShader, whose times say nothing about GPUs:
// then read the launches, and the host's milliseconds as ratios.
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { build } from 'vite'

const hardware = process.env['HARDWARE'] === '1'
const flags = hardware
  ? ['--enable-unsafe-webgpu', '--enable-features=Vulkan', '--ignore-gpu-blocklist']
  : [
      '--use-gl=angle',
      '--use-angle=swiftshader',
      '--enable-unsafe-swiftshader',
      '--ignore-gpu-blocklist',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
    ]

const bundle = /** @type {{ output: { code: string }[] }} */ (
  /** @type {unknown} */ (
    await build({
      configFile: false,
      logLevel: 'error',
      resolve: { conditions: ['@induced-metric/source', 'module', 'browser', 'development|production'] },
      build: {
        write: false,
        target: 'es2022',
        rolldownOptions: { input: fileURLToPath(new URL('kernelsPage.mjs', import.meta.url)) },
      },
    })
  )
)
const server = createServer(({ url }, response) => {
  const [type, body] =
    url === '/page.js'
      ? ['text/javascript', bundle.output[0]?.code]
      : ['text/html', '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>']
  response.writeHead(200, { 'content-type': type }).end(body)
})
await new Promise((listening) => void server.listen(0, '127.0.0.1', () => listening(undefined)))
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', ...flags],
})
try {
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${port}/`)
  await page.waitForFunction(() => 'measure' in globalThis)
  console.log('| backend | variables | by | launches | host ms | ms |')
  console.log('|---|---|---|---|---|---|')
  for (const backend of ['webgpu', 'webgl'])
    for (const count of [6, 100])
      for (const by of ['kernels', 'ops', 'tf.train.adam']) {
        const { launches, host, whole } = await page.evaluate(
          ([backend, count, by]) => /** @type {any} */ (globalThis).measure(backend, count, by),
          /** @type {[string, number, string]} */ ([backend, count, by]),
        )
        const ms = [host, whole].map((x) => x.toFixed(1)).join(' | ')
        console.log(`| ${backend} | ${count} | ${by} | ${launches} | ${ms} |`)
      }
} finally {
  await browser.close()
  server.close()
}

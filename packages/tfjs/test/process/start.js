// node start.js module.ts argument …: calls `main` of a test module in a process of its own, directly from the sources.
import { createServer } from 'vite'
import { fileURLToPath } from 'node:url'

const conditions = ['@induced-metric/source', 'module', 'node', 'development|production']
const server = await createServer({
  configFile: false,
  root: fileURLToPath(new URL('../../../..', import.meta.url)),
  logLevel: 'error',
  appType: 'custom',
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
  resolve: { conditions },
  ssr: { resolve: { conditions } },
})
const [module = '', ...given] = process.argv.slice(2)
await (await server.ssrLoadModule(module)).main(...given)
await server.close()

import { defineConfig, type Plugin } from 'vite'
import { dataFiles } from '../src/data/files.ts'

// The page and its thread resolve the workspace's packages to their sources, so that no build comes first.
const conditions = ['@induced-metric/source', 'module', 'browser', 'development|production']

/** Serves the data that the networks learn, and writes it into the build. It is made from packages of the registry. */
function data(): Plugin {
  return {
    name: 'data',
    configureServer({ middlewares }) {
      for (const [name, read] of Object.entries(dataFiles))
        middlewares.use(`/${name}`, (_, response, next) => {
          read().then((bytes) => response.end(bytes), next)
        })
    },
    async generateBundle() {
      for (const [fileName, read] of Object.entries(dataFiles))
        this.emitFile({ type: 'asset', fileName, source: await read() })
    },
  }
}

export default defineConfig({
  base: './',
  plugins: [data()],
  resolve: { conditions },
  worker: { format: 'es' },
  build: { assetsInlineLimit: 0, target: 'es2022', outDir: 'dist', emptyOutDir: true },
  // Found in the thread only after it has started, they would make the page load again.
  optimizeDeps: {
    exclude: ['onnxruntime-web'],
    include: ['@bufbuild/protobuf', 'comlink', 'flatbuffers'],
  },
})

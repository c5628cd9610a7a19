import { defineConfig } from 'vite'

// The page and its threads resolve the workspace's packages to their sources, so that no build comes first.
const conditions = ['@induced-metric/source', 'module', 'browser', 'development|production']

export default defineConfig({
  base: './',
  resolve: { conditions },
  worker: { format: 'es' },
  // A model in the text of a script would need another policy.
  build: { assetsInlineLimit: 0, target: 'es2022', outDir: 'dist', emptyOutDir: true },
  // Found in the thread only after it has started, they would make the page load again.
  optimizeDeps: {
    exclude: ['onnxruntime-web'],
    include: ['@bufbuild/protobuf', 'comlink', 'flatbuffers'],
  },
  server: { headers: { 'cache-control': 'no-store' } },
})

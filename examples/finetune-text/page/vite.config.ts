import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

// The page and its thread resolve the workspace's packages to their sources, so that no build comes first.
const conditions = ['@induced-metric/source', 'module', 'browser', 'development|production']

export default defineConfig({
  base: './',
  // The small models that come with the page.
  publicDir: fileURLToPath(new URL('../../../packages/transformers/test/models', import.meta.url)),
  resolve: {
    conditions,
    // Transformers.js and the training share one runtime, the one without WebGPU, which is smaller.
    alias: { 'onnxruntime-web/webgpu': 'onnxruntime-web/wasm' },
  },
  worker: { format: 'es' },
  build: { assetsInlineLimit: 0, target: 'es2022', outDir: 'dist', emptyOutDir: true },
  // Found in the thread only after it has started, they would make the page load again.
  optimizeDeps: {
    exclude: ['onnxruntime-web', '@huggingface/transformers'],
    include: [
      '@bufbuild/protobuf',
      '@huggingface/jinja',
      '@huggingface/tokenizers',
      'comlink',
      'fflate',
      'flatbuffers',
    ],
  },
})

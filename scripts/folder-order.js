// The order of folders: tests/imports.test.ts holds the imports to it, types included, and docs/architecture.md shows it.

/** @typedef {import('./import-graph.js').Order} Order */

/**
 * By folder, the lowest floor first.
 *
 * @type {Readonly<Record<string, Order>>}
 */
export const folderOrder = {
  packages: {
    floors: [
      ['core'],
      ['brain.js', 'conformance', 'convnetjs', 'jax-js', 'onnx', 'tfjs'],
      ['onnxruntime'],
      ['onnx-cli'],
    ],
  },
  'packages/core/src': {
    floors: [
      ['errors.ts', 'dtype.ts', 'shape.ts'],
      ['graph', 'validation'],
      ['transformation'],
      ['step'],
      ['checkpoint'],
      ['engines', 'tensors'],
      ['arrays'],
      ['perExample'],
    ],
    doors: ['index.ts', 'adapter.ts'],
  },
  'packages/core/src/engines': {
    floors: [['engine.ts'], ['reference', 'wasm']],
  },
  'packages/onnx/src': {
    floors: [
      ['errors.ts', 'own.ts', 'random.ts'],
      ['proto'],
      ['externalData', 'models'],
      ['runtime', 'files'],
      ['rewrite', 'checkpoint'],
      ['lowering'],
      ['gradients'],
      ['artifacts'],
    ],
    doors: ['index.ts', 'adapter.ts'],
  },
}

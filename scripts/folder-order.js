// The order of folders: tests/imports.test.ts holds the imports to it, types included, and docs/architecture.md shows it.

import { publicPackages } from './workspace.js'

/** @typedef {import('./import-graph.js').Order} Order */

/** The packages with a floor of their own. */
const placed = new Set(['core', 'onnxruntime', 'transformers', 'onnx-cli'])

/** The other packages, most of them adapters, stand beside each other. A new one needs no entry here. */
function besideEachOther() {
  return publicPackages()
    .map(({ folder }) => folder.slice('packages/'.length))
    .filter((name) => !placed.has(name))
}

/**
 * By folder, the lowest floor first.
 *
 * @type {Readonly<Record<string, Order>>}
 */
export const folderOrder = {
  packages: {
    get floors() {
      return [['core'], besideEachOther(), ['onnxruntime'], ['transformers'], ['onnx-cli']]
    },
  },
  'packages/core/src': {
    floors: [
      ['errors.ts', 'dtype.ts', 'memoised.ts', 'shape.ts'],
      ['graph', 'validation'],
      ['transformation'],
      ['step'],
      ['checkpoint'],
      ['engines', 'tensors'],
      ['arrays', 'variables', 'gpu'],
      ['perExample'],
    ],
    doors: ['index.ts', 'adapter.ts'],
  },
  'packages/core/src/engines': {
    floors: [['engine.ts'], ['reference', 'wasm', 'webgpu']],
  },
  'packages/onnx/src': {
    floors: [
      ['errors.ts', 'node.ts', 'own.ts', 'random.ts'],
      ['proto'],
      ['externalData', 'models'],
      ['runtime', 'files'],
      ['rewrite', 'checkpoint', 'export'],
      ['recurrence'],
      ['lowering'],
      ['inference'],
      ['decomposition', 'gradients', 'webgpu'],
      ['artifacts'],
    ],
    doors: ['index.ts', 'adapter.ts'],
  },
}

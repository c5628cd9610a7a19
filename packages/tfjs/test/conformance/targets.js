/** The adapter on the backends of Node, for the table, the tests across adapters and `induced-conformance`. */
import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import { tfjsTarget } from './target.js'

/**
 * The target, once its backend is up.
 *
 * @param {string} backend
 */
async function start(backend) {
  const { resolve } = createRequire(import.meta.url)
  setWasmPaths(dirname(resolve('@tensorflow/tfjs-backend-wasm')) + sep)
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no backend ${backend} here`)
  await tf.ready()
  return tfjsTarget(tf, { backend })
}

export const targets = {
  cpu: () => start('cpu'),
  wasm: () => start('wasm'),
}

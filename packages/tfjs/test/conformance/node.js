// npx induced-conformance packages/tfjs/test/conformance/node.js
//
// The adapter on a backend of Node, for the command: TFJS_BACKEND names it (cpu or wasm; default cpu).
import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import process from 'node:process'
import * as tf from '@tensorflow/tfjs'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import { tfjsTarget } from './target.js'

/** The target, once its backend is up. */
export async function target() {
  const backend = process.env['TFJS_BACKEND'] ?? 'cpu'
  const { resolve } = createRequire(import.meta.url)
  setWasmPaths(dirname(resolve('@tensorflow/tfjs-backend-wasm')) + sep)
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no backend ${backend} here`)
  await tf.ready()
  return tfjsTarget(tf, { backend })
}

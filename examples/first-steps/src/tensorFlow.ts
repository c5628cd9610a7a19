import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'

import { inducedOptimizer, type InducedOptimizer } from '@induced-metric/tfjs'
import * as tf from '@tensorflow/tfjs'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'

import type { Choice } from './task.js'

/** TensorFlow.js on its WebAssembly backend. */
export async function startTensorFlow(): Promise<void> {
  if (tf.getBackend() === 'wasm') return
  const manifest = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json')
  setWasmPaths(join(dirname(manifest), 'dist') + sep)
  await tf.setBackend('wasm')
}

/** The chosen optimiser. */
export function optimizerOf(choice: Choice, own: () => tf.Optimizer, steps: number): tf.Optimizer {
  return choice === 'own' ? own() : inducedOptimizer(tf, choice.induced(steps))
}

/** Evaluates with the averaged weights where the optimiser keeps them, as `rateFree` without `steps` does. */
export function evaluated<R>(optimizer: tf.Optimizer, evaluate: () => R): R {
  const isOurs = 'withEvaluationWeights' in optimizer
  return isOurs ? (optimizer as InducedOptimizer).withEvaluationWeights(evaluate) : evaluate()
}

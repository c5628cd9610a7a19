import * as tf from '@tensorflow/tfjs'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'

/** The backends there are in Node. */
export const nodeBackends = ['cpu', 'wasm'] as const

/** Where a step's verdict is taken. */
export const verdicts = ['host', 'device'] as const

/** Sets a backend up. */
export async function useBackend(name: (typeof nodeBackends)[number]): Promise<void> {
  const require = createRequire(import.meta.url)
  setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep)
  if (!(await tf.setBackend(name))) throw new Error(`backend ${name} could not be set up`)
  await tf.ready()
}

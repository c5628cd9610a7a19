import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'

import type * as tfjsNamespace from '@tensorflow/tfjs'
import type { Optimizer } from '@tensorflow/tfjs'

import { createVariables, evaluate, stockAdam, trainStep } from '../network/tensors.js'
import type { Setting } from '../settings.js'
import type { Availability, Framework, StepRecord, TrainingJob } from '../training/framework.js'
import { takeSteps } from '../training/loop.js'

type Tf = typeof tfjsNamespace

/** TensorFlow.js on its WebAssembly backend. */
export const framework: Framework = { id: 'tfjs', title: 'TensorFlow.js (wasm)', available, train }

async function available(): Promise<Availability> {
  try {
    const tf = await start()
    const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')
    return { ok: true, detail: `TensorFlow.js ${tf.version.tfjs}, wasm ${simd ? 'with' : 'without'} SIMD` }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

async function start(): Promise<Tf> {
  const tf = await import('@tensorflow/tfjs')
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
  if (tf.getBackend() !== 'wasm') {
    const manifest = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json')
    setWasmPaths(join(dirname(manifest), 'dist') + sep)
    if (!(await tf.setBackend('wasm'))) throw new Error('The wasm backend of TensorFlow.js does not start.')
    await tf.ready()
  }
  return tf
}

async function train(job: TrainingJob): Promise<void> {
  const { network, setting } = job
  const tf = await start()
  const variables = createVariables(tf, network, setting.id)
  const { optimizer, readings } = await createDriver(tf, setting)
  try {
    await takeSteps(job, {
      step: async (batch) => ({ ...trainStep(tf, variables, optimizer, batch), ...(await readings()) }),
      evaluate: (test) => evaluate(tf, variables, test),
    })
  } finally {
    variables.forEach((variable) => variable.dispose())
    optimizer.dispose()
  }
}

/** An optimiser, and a function that reads the report of its last step. */
interface Driver {
  readonly optimizer: Optimizer
  readonly readings: () => Promise<Pick<StepRecord, 'scale' | 'dualNorm'>>
}

async function createDriver(tf: Tf, { stock, transformation }: Setting): Promise<Driver> {
  if (stock !== undefined) {
    return {
      optimizer: stockAdam(tf, stock),
      readings: () => Promise.resolve({ scale: null, dualNorm: null }),
    }
  }
  const { inducedOptimizer } = await import('@induced-metric/tfjs')
  const optimizer = inducedOptimizer(tf, transformation)
  return {
    optimizer,
    // One small read from memory the host shares with the backend: it costs microseconds a step on wasm.
    readings: async () => {
      const { scale, dualNorm } = await optimizer.report()
      return { scale, dualNorm: Number.isNaN(dualNorm) ? null : dualNorm }
    },
  }
}

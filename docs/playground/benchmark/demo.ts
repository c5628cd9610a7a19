import { inducedOptimizer } from '@induced-metric/tfjs'
import type * as tfjsNamespace from '@tensorflow/tfjs'
import { BATCH_SIZE, cutBatches } from '../../../examples/mnist/src/data/batches.js'
import { PIXELS, type DigitSet } from '../../../examples/mnist/src/data/digits.js'
import { initializeNetwork } from '../../../examples/mnist/src/network/network.js'
import { createVariables, stockAdam, trainStep } from '../../../examples/mnist/src/network/tensors.js'
import { createRandom } from '../../../examples/mnist/src/random.js'
import { paperSettings } from '../../../examples/mnist/src/settings.js'
import { compare, type Comparison, type Work } from './compare.js'

type Tf = typeof tfjsNamespace

/** Loads TensorFlow.js's WebAssembly backend, in which the demonstration trains, from the site itself. */
export async function startWasm(tf: Tf): Promise<void> {
  const [{ setWasmPaths }, plain, simd] = await Promise.all([
    import('@tensorflow/tfjs-backend-wasm'),
    import('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url'),
    import('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url'),
  ])
  // Its threads would start from a script that the site's policy forbids. It asks for the name of their file all the same.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false)
  setWasmPaths({
    'tfjs-backend-wasm.wasm': plain.default,
    'tfjs-backend-wasm-simd.wasm': simd.default,
    'tfjs-backend-wasm-threaded-simd.wasm': simd.default,
  })
  if (!(await tf.setBackend('wasm')))
    throw new Error('the wasm backend of TensorFlow.js does not start in this browser')
}

/** Loads two batches of the handwritten digits. */
export async function loadDigits(): Promise<DigitSet> {
  const { digits } = await import('virtual:whole-digits')
  const bytes = atob(digits.pixels)
  return {
    count: digits.labels.length,
    images: Uint8Array.from({ length: digits.labels.length * PIXELS }, (_, i) => bytes.charCodeAt(i)),
    labels: Uint8Array.from(digits.labels, Number),
  }
}

const settingOf = (id: string) => paperSettings.find((setting) => setting.id === id)!

/** The training of `npm run demo` with the metric over Adam, beside the one with `tf.train.adam`: a step each, gradients included. */
export async function compareDemo(
  tf: Tf,
  digits: DigitSet,
  options?: { rounds?: number; slice?: number },
): Promise<Comparison> {
  const random = createRandom(0)
  const network = initializeNetwork(random)
  const batches = cutBatches(digits, BATCH_SIZE, random)
  const kept: { dispose(): void }[] = []
  const stepsOf = (name: string, optimizer: tfjsNamespace.Optimizer): Work => {
    const variables = createVariables(tf, network, name)
    kept.push(optimizer, ...variables)
    let step = 0
    return (times) => {
      for (let i = 0; i < times; i++) trainStep(tf, variables, optimizer, batches[step++ % batches.length]!)
    }
  }
  try {
    return await compare(
      `784-64-64-10, ${BATCH_SIZE} pictures`,
      stepsOf('own', inducedOptimizer(tf, settingOf('rms').transformation)),
      stepsOf('other', stockAdam(tf, settingOf('adam').stock!)),
      options,
    )
  } finally {
    for (const one of kept) one.dispose()
  }
}

// Prints medians and ratios of the time of applyGradients beside the built-in optimisers: by operations of TensorFlow.js, and
// by the compiled loops of core. All run interleaved in one process.
// node packages/tfjs/bench/applyGradients.mjs [cpu|wasm] [runs]       (after npm run build)
import * as tf from '@tensorflow/tfjs'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import { createRequire } from 'node:module'
import { adam, inducedMetric, sgd } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { median } from '../../../bench/measure.js'

const wasm = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')
setWasmPaths(wasm.replace(/[^/]*$/, ''))

const [only, runs = '25'] = process.argv.slice(2)

for (const backend of only ? [only] : ['cpu', 'wasm']) {
  await tf.setBackend(backend)
  for (const [scalars, tensors] of [
    [1e6, 6],
    [1e5, 100],
  ]) {
    const shape = [Math.round(scalars / tensors / 100), 100]
    const variables = Array.from({ length: tensors }, () => tf.variable(tf.randomNormal(shape)))
    const gradients = Object.fromEntries(variables.map(({ name }) => [name, tf.randomNormal(shape)]))
    const induced = (base) =>
      ['ops', 'wasm'].map((engine) =>
        inducedOptimizer(tf, inducedMetric(base, { learningRate: 1e-3 }), { engine }),
      )
    const subjects = {
      adam: [tf.train.adam(1e-3), ...induced(adam())],
      momentum: [tf.train.momentum(1e-3, 0.9), ...induced(sgd({ momentum: 0.9 }))],
    }
    for (const [name, optimizers] of Object.entries(subjects)) {
      const times = optimizers.map(() => [])
      for (let run = -5; run < Number(runs); run++) {
        optimizers.forEach((optimizer, i) => {
          const start = performance.now()
          optimizer.applyGradients(gradients)
          if (run >= 0) times[i].push(performance.now() - start)
        })
      }
      const [theirs, ops, loops] = times.map(median)
      const beside = (ours) => `${ours.toFixed(2)} ms (${(ours / theirs).toFixed(2)})`
      console.log(
        `${backend.padEnd(5)} ${scalars} scalars in ${tensors} tensors, ${name}: tf.train ${theirs.toFixed(2)} ms, ` +
          `operations ${beside(ops)}, loops ${beside(loops)}`,
      )
      optimizers.forEach((optimizer) => optimizer.dispose())
    }
    tf.dispose([variables, gradients])
  }
}

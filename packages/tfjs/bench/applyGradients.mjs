// The time of applyGradients beside the built-in optimisers, in one process, runs interleaved; prints medians and ratios.
// node packages/tfjs/bench/applyGradients.mjs [cpu|wasm] [runs]       (after npm run build)
import * as tf from '@tensorflow/tfjs'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import { createRequire } from 'node:module'
import { adam, inducedMetric, sgd } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'

const wasm = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')
setWasmPaths(wasm.replace(/[^/]*$/, ''))

const [only, runs = '25'] = process.argv.slice(2)
const median = (times) => times.toSorted((a, b) => a - b)[times.length >> 1]

for (const backend of only ? [only] : ['cpu', 'wasm']) {
  await tf.setBackend(backend)
  for (const [scalars, tensors] of [
    [1e6, 6],
    [1e5, 100],
  ]) {
    const shape = [Math.round(scalars / tensors / 100), 100]
    const variables = Array.from({ length: tensors }, () => tf.variable(tf.randomNormal(shape)))
    const gradients = Object.fromEntries(variables.map(({ name }) => [name, tf.randomNormal(shape)]))
    const pairs = {
      adam: [tf.train.adam(1e-3), inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 1e-3 }))],
      momentum: [
        tf.train.momentum(1e-3, 0.9),
        inducedOptimizer(tf, inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 1e-3 })),
      ],
    }
    for (const [name, pair] of Object.entries(pairs)) {
      const times = [[], []]
      for (let run = -5; run < Number(runs); run++) {
        pair.forEach((optimizer, i) => {
          const start = performance.now()
          optimizer.applyGradients(gradients)
          if (run >= 0) times[i].push(performance.now() - start)
        })
      }
      const [theirs, ours] = times.map(median)
      const ratio = (ours / theirs).toFixed(2)
      console.log(
        `${backend.padEnd(5)} ${scalars} scalars in ${tensors} tensors, ${name}: tf.train ${theirs.toFixed(2)} ms, ` +
          `induced ${ours.toFixed(2)} ms, ratio ${ratio}`,
      )
      pair.forEach((optimizer) => optimizer.dispose())
    }
    tf.dispose([variables, gradients])
  }
}

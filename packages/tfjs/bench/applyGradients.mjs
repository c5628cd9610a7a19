import * as tf from '@tensorflow/tfjs'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import { createRequire } from 'node:module'
import { adam, sgd, inducedMetric } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
const require = createRequire(import.meta.url)
setWasmPaths(require.resolve('@tensorflow/tfjs-backend-wasm').replace(/[^/]*$/, ''))
const median = (a) => a.sort((x, y) => x - y)[a.length >> 1]
for (const backend of process.argv[2] ? [process.argv[2]] : ['cpu', 'wasm']) {
  await tf.setBackend(backend)
  await tf.ready()
  for (const [n, k] of [
    [1e6, 6],
    [1e5, 100],
  ]) {
    const rows = Math.round(n / k / 100)
    const vs = Array.from({ length: k }, (_, i) => tf.variable(tf.randomNormal([rows, 100])))
    const gs = Object.fromEntries(vs.map((v) => [v.name, tf.randomNormal([rows, 100])]))
    const opts = {
      'tf.adam': tf.train.adam(1e-3),
      adam: inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 1e-3 })),
      'adam dev': inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 1e-3 }), { verdict: 'device' }),
      'tf.momentum': tf.train.momentum(1e-3, 0.9),
      'sgd.9': inducedOptimizer(tf, inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 1e-3 })),
    }
    const times = Object.fromEntries(Object.keys(opts).map((x) => [x, []]))
    for (let r = 0; r < 45; r++)
      for (const [name, o] of Object.entries(opts)) {
        const t = process.cpuUsage()
        o.applyGradients(gs)
        const d = process.cpuUsage(t).user / 1000 + process.cpuUsage(t).system / 1000
        if (r > 4) times[name].push(d)
      }
    const m = Object.fromEntries(Object.entries(times).map(([a, b]) => [a, median(b).toFixed(2)]))
    console.log(backend, n, k, m, 'ratio', (m.adam / m['tf.adam']).toFixed(2))
    for (const o of Object.values(opts)) o.dispose()
    vs.forEach((v) => v.dispose())
    tf.dispose(gs)
  }
}

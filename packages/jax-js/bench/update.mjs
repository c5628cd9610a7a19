// The time of a step of Adam, gradients given, beside that of @jax-js/optax by what it does (it is not in the registry):
// one operation after the other, as it comes, and under `jit`. In one process, runs interleaved; prints medians and ratios.
// npm run build && npm run bench -w packages/jax-js [-- runs]
import process from 'node:process'
import { adam, inducedMetric } from '@induced-metric/core'
import { applyUpdates, inducedOptimizer } from '@induced-metric/jax-js'
import { jit, numpy as np, tree } from '@jax-js/jax'
import { median } from '../../../bench/measure.js'

const runs = Number(process.argv[2] ?? 40)
const wave = (length, phase) => np.array(Float32Array.from({ length }, (_, i) => Math.sin(i + phase)))
const waves = (tensors, length, phase) => Array.from({ length: tensors }, (_, i) => wave(length, phase + i))

/** Scale by Adam and by the learning rate, as optax has it. */
function optaxUpdate(grads, { count, mu, nu }) {
  const blend = (moments, values, decay) =>
    moments.map((moment, i) => values[i].mul(1 - decay).add(moment.mul(decay)))
  const nextMu = blend(mu, tree.ref(grads), 0.9)
  const nextNu = blend(
    nu,
    grads.map((g) => np.square(g)),
    0.999,
  )
  const next = count.add(1)
  const correction = (decay) => np.reciprocal(np.subtract(1, np.power(decay, next.ref.astype(np.float32))))
  const [c1, c2] = [correction(0.9), correction(0.999)]
  const updates = nextMu.map((m, i) =>
    m.ref
      .mul(c1.ref)
      .div(np.sqrt(nextNu[i].ref.mul(c2.ref)).add(1e-8))
      .mul(-1e-3),
  )
  tree.dispose([c1, c2])
  return [updates, { count: next, mu: nextMu, nu: nextNu }]
}

function optax(update) {
  const init = (params) => {
    const zeros = () => params.map(({ shape }) => np.zeros(shape))
    const state = { count: np.array(new Uint32Array(1), { shape: [] }), mu: zeros(), nu: zeros() }
    tree.dispose(params)
    return state
  }
  return { init, update: (grads, state) => update(grads, state) }
}

for (const [tensors, length] of [
  [6, 1000],
  [6, 10_000],
  [1, 1_000_000],
]) {
  const grads = waves(tensors, length, 1)
  const subjects = Object.entries({
    'induced Adam': inducedOptimizer(inducedMetric(adam(), { learningRate: 1e-3 })),
    'Adam, ξ = 0': inducedOptimizer(inducedMetric(adam(), { learningRate: 1e-3, xi: 0 })),
    'optax, jit': optax(jit(optaxUpdate)),
    optax: optax(optaxUpdate),
  }).map(([name, solver]) => {
    const params = waves(tensors, length, 0)
    return { name, solver, params, state: solver.init(tree.ref(params)), times: [] }
  })
  for (let run = -5; run < runs; run++) {
    for (const subject of subjects) {
      const start = performance.now()
      const [updates, state] = subject.solver.update(tree.ref(grads), subject.state)
      subject.params = applyUpdates(subject.params, updates)
      subject.state = state
      // jax-js computes what is read.
      for (const param of subject.params) param.ref.slice(0).item()
      if (run >= 0) subject.times.push(performance.now() - start)
    }
  }
  const [reference] = subjects.map(({ times }) => median(times)).slice(-1)
  for (const { name, times } of subjects) {
    const time = median(times)
    console.log(`${tensors} × ${length}  ${name}: ${time.toFixed(2)} ms (${(time / reference).toFixed(2)})`)
  }
}

// What a pattern costs with an optimiser of ours and with brain.js's own, in one process, by turns; and how many epochs
// xor takes. `npm run bench` in this package, after `npm run build` at the top; `npm run bench -- 60` for more rounds,
// `npm run bench -- 60 xor` for xor alone.
import { adam, heavyBall, inducedMetric } from '@induced-metric/core'
import { useOptimizer } from '@induced-metric/brain.js'
import { createRandom, seeded, versions, xor } from '../test/support/brain.js'
import { measure, median, ratios } from '../../../bench/measure.js'

const rounds = Number(process.argv[2] ?? 25)
const only = process.argv[3] ?? ''

const momentum = inducedMetric(heavyBall({ momentum: 0.1 }), { learningRate: 0.3 })
const induced = inducedMetric(adam(), { learningRate: 0.001 })

const random = createRandom(1)
const digits = Array.from({ length: 32 }, (_, digit) => ({
  // A fifth of a picture is ink.
  input: Float32Array.from({ length: 784 }, () => (random() < 0.2 ? random() : 0)),
  output: Float32Array.from({ length: 10 }, (_, i) => (i === digit % 10 ? 1 : 0)),
}))
const points = xor.map(({ input, output }) => ({
  input: Float32Array.from(input),
  output: Float32Array.from(output),
}))

/**
 * @param {any} brain
 * @param {readonly number[]} sizes
 * @param {object} options
 */
function make(brain, sizes, options = {}) {
  return seeded(1, () => {
    const network = new brain.NeuralNetwork({ hiddenLayers: sizes.slice(1, -1), ...options })
    network.sizes = [...sizes]
    network.initialize()
    return network
  })
}

/**
 * @param {any} brain
 * @param {readonly number[]} sizes
 * @param {readonly unknown[]} data
 */
function subjectsOf(brain, sizes, data) {
  const attached = (
    /** @type {import('@induced-metric/core').Transformation} */ transformation,
    batchSize = 1,
  ) => {
    const network = make(brain, sizes)
    useOptimizer(network, transformation, { batchSize })
    return network
  }
  const networks = {
    'stock sgd': make(brain, sizes),
    'stock adam': make(brain, sizes, { praxis: 'adam', learningRate: 0.001 }),
    momentum: attached(momentum),
    adam: attached(induced),
    'momentum, batches of 8': attached(momentum, 8),
    'adam, batches of 8': attached(induced, 8),
  }
  return Object.fromEntries(
    Object.entries(networks).map(([name, network]) => [name, () => network.trainPatterns(data)]),
  )
}

/**
 * @param {any} brain
 * @param {string} title
 * @param {readonly number[]} sizes
 * @param {readonly unknown[]} data
 */
function compare(brain, title, sizes, data) {
  if (!title.startsWith(only)) return
  const times = measure(subjectsOf(brain, sizes, data), { rounds, slice: 20 })
  console.log(`\n${title}, µs per pattern (median of ${rounds} rounds)`)
  for (const [name, values] of Object.entries(times)) {
    console.log(`  ${name.padEnd(24)}${((1000 * median(values)) / data.length).toFixed(2).padStart(9)}`)
  }
  for (const [ours, theirs] of /** @type {const} */ ([
    ['adam', 'stock adam'],
    ['adam, batches of 8', 'stock adam'],
    ['momentum', 'stock sgd'],
    ['momentum, batches of 8', 'stock sgd'],
    ['adam', 'stock sgd'],
  ])) {
    const { median, low, high } = ratios(times[ours], times[theirs])
    console.log(
      `  ${`${ours} / ${theirs}`.padEnd(36)}${median.toFixed(2)}  (middle half ${low.toFixed(2)} to ${high.toFixed(2)})`,
    )
  }
}

/** Epochs until xor is solved (error below 0.005), by seed. @param {any} brain @param {number} learningRate */
function epochs(brain, learningRate) {
  const seeds = [1, 2, 3, 4, 5, 6, 7]
  const options = { iterations: 20000, errorThresh: 0.005 }
  const solve = (/** @type {number} */ seed, /** @type {boolean} */ isOurs) =>
    seeded(seed, () => {
      const network = new brain.NeuralNetwork({
        hiddenLayers: [4],
        learningRate,
        ...(!isOurs && { praxis: 'adam' }),
      })
      if (isOurs) useOptimizer(network, inducedMetric(adam(), { learningRate }))
      return network.train(xor, { learningRate, ...options }).iterations
    })
  return {
    stock: median(seeds.map((seed) => solve(seed, false))),
    ours: median(seeds.map((seed) => solve(seed, true))),
  }
}

for (const { version, brain } of versions) {
  console.log(`\nbrain.js ${version}`)
  compare(brain, '784-64-10', [784, 64, 10], digits)
  compare(brain, 'xor, 17 weights', [2, 4, 1], points)
  console.log('\nxor, median epochs of 7 seeds: stock adam, adam + identity')
  for (const rate of [0.03, 0.05, 0.1, 0.3]) {
    const { stock, ours } = epochs(brain, rate)
    console.log(
      `  learning rate ${String(rate).padEnd(6)}${String(stock).padStart(7)}${String(ours).padStart(7)}`,
    )
  }
}

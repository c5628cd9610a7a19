/**
 * npm run bench:per-example -- [--seeds 3] [--examples 64,1024] [--json results.json]
 *
 * Measures the steps and milliseconds until a net has learnt its examples, with one axis per example and with Adam at the
 * best of five rates. The milliseconds are those of the median seed and include the rows or the gradients.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { adam, createOptimizer, inducedMetric, perExample, sgd } from '@induced-metric/core'
import { noise } from './core.js'
import { median } from './measure.js'

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    examples: { type: 'string', default: '64,1024' },
    json: { type: 'string' },
  },
})
const seeds = Array.from({ length: Number(flags.seeds) }, (_, i) => i + 1)

/** A net with one hidden layer of tanh and one output, linear or tanh, in one array of weights. */
function createNet(inputs, hidden, isLinear) {
  const size = (inputs + 2) * hidden + 1
  return {
    size,
    first: (seed) => {
      const data = Float64Array.from(noise(size, seed, 1))
      return data.map((x, k) => (k < (inputs + 1) * hidden ? 2 * x : x / 2))
    },
    /** The residuals, and either their rows or the gradient of ½ of their mean square. */
    evaluate(w, { xs, ys }, wanted) {
      const residuals = new Float64Array(ys.length)
      const rows = wanted === 'rows' ? new Float64Array(ys.length * size) : undefined
      const gradient = new Float64Array(size)
      const one = new Float64Array(size)
      const out = (inputs + 1) * hidden
      ys.forEach((y, i) => {
        const row = rows ? rows.subarray(i * size, (i + 1) * size) : one
        let z = w[size - 1]
        for (let h = 0; h < hidden; h++) {
          let sum = w[inputs * hidden + h]
          for (let k = 0; k < inputs; k++) sum += w[h * inputs + k] * xs[i * inputs + k]
          row[out + h] = Math.tanh(sum)
          z += w[out + h] * row[out + h]
        }
        const output = isLinear ? z : Math.tanh(z)
        const slope = isLinear ? 1 : 1 - output * output
        for (let h = 0; h < hidden; h++) {
          const t = row[out + h]
          const back = slope * w[out + h] * (1 - t * t)
          for (let k = 0; k < inputs; k++) row[h * inputs + k] = back * xs[i * inputs + k]
          row[inputs * hidden + h] = back
          row[out + h] = slope * t
        }
        row[size - 1] = slope
        residuals[i] = output - y
        if (!rows) for (let k = 0; k < size; k++) gradient[k] += (residuals[i] / ys.length) * row[k]
      })
      return { residuals, rows, gradient }
    },
  }
}

/** Trains until the mean square of the residuals is below the goal; steps and milliseconds, or Infinity. */
function train(net, data, seed, most, goal, optimizer) {
  const w = net.first(seed)
  const take = optimizer([{ name: 'net', shape: [net.size], data: w }])
  const start = performance.now()
  for (let step = 0; step <= most; step++) {
    const at = net.evaluate(w, data, take.wanted)
    const square = at.residuals.reduce((sum, r) => sum + r * r, 0) / at.residuals.length
    if (square < goal) return { steps: step, milliseconds: performance.now() - start }
    if (!Number.isFinite(square)) break
    take.step(at)
  }
  return { steps: Infinity, milliseconds: Infinity }
}

const byExample = (base, options) => (parameters) => {
  const optimizer = perExample(base, parameters, options)
  return { wanted: 'rows', step: ({ rows, residuals }) => optimizer.step(rows, { residuals }) }
}
const byAdam = (learningRate) => (parameters) => {
  const optimizer = createOptimizer(inducedMetric(adam(), { learningRate, xi: 0 }), parameters)
  return { wanted: 'gradient', step: ({ gradient }) => optimizer.step([gradient]) }
}

const adamRates = [0.001, 0.003, 0.01, 0.03, 0.1]
const own = {
  'sgd(), η = ξ = 100': byExample(sgd(), { learningRate: 100 }),
  'sgd(), η = ξ = 1000': byExample(sgd(), { learningRate: 1000 }),
  'sgd(), η = ξ = 1/L': byExample(sgd()),
  'sgd(), η = ξ = 10/L': byExample(sgd(), { learningRate: { perLoss: 10 } }),
  'adam({ beta1: 0 }), η = ξ = 1/L': byExample(adam({ beta1: 0 })),
  'adam(), η = ξ = 1/L': byExample(adam()),
}

function compare(title, net, data, goal, most) {
  console.log(
    `\n${title}: ${net.size} weights, ${data.ys.length} examples, until the mean squared error is ${goal}`,
  )
  const run = (optimizer, limit) => seeds.map((seed) => train(net, data, seed, limit, goal, optimizer))
  const rows = Object.entries(own).map(([name, optimizer]) => ({ name, runs: run(optimizer, most.own) }))
  const byRate = adamRates.map((rate) => ({ name: `Adam, η = ${rate}`, runs: run(byAdam(rate), most.adam) }))
  const total = ({ runs }) => runs.reduce((sum, { steps }) => sum + Math.min(steps, most.adam + 1), 0)
  rows.push(byRate.reduce((best, one) => (total(one) < total(best) ? one : best)))
  for (const { name, runs } of rows) {
    const steps = runs.map(({ steps }) => (steps === Infinity ? '–' : steps)).join(' / ')
    console.log(
      name.padEnd(34),
      steps.padEnd(24),
      median(runs.map((one) => one.milliseconds))
        .toPrecision(3)
        .padStart(8),
    )
  }
  return { title, weights: net.size, examples: data.ys.length, goal, rows }
}

/** Mini-batches of 32 of 4096 noisy examples: the distance of the net from the noiseless function after 1000 steps. */
function compareNoisy() {
  const [net, clean, batch] = [createNet(1, 16, true), sine(4096), 32]
  const error = noise(4096, 99, 0.5)
  console.log(
    `\nnoisy sine: mean squared error to the sine itself after 1000 batches of ${batch} of 4096 examples`,
  )
  const run = (optimizer, seed) => {
    const w = net.first(seed)
    const take = optimizer([{ name: 'net', shape: [net.size], data: w }])
    for (let step = 0; step < 1000; step++) {
      const places = Array.from({ length: batch }, (_, i) => ((step * batch + i) * 1213) % 4096)
      const xs = Float64Array.from(places, (i) => clean.xs[i])
      const ys = Float64Array.from(places, (i) => clean.ys[i] + error[i])
      take.step(net.evaluate(w, { xs, ys }, take.wanted))
    }
    const { residuals } = net.evaluate(w, clean, 'gradient')
    return residuals.reduce((sum, r) => sum + r * r, 0) / residuals.length
  }
  const subjects = {
    ...own,
    'sgd(), η = ξ = 1': byExample(sgd(), { learningRate: 1 }),
    'sgd(), η = ξ = 10': byExample(sgd(), { learningRate: 10 }),
  }
  for (const rate of [0.003, 0.01, 0.03]) subjects[`Adam, η = ${rate}`] = byAdam(rate)
  return Object.entries(subjects).map(([name, optimizer]) => {
    const errors = seeds.map((seed) => run(optimizer, seed))
    console.log(name.padEnd(34), errors.map((x) => x.toPrecision(2)).join(' / '))
    return { name, errors }
  })
}

/** Milliseconds of one step, rows or gradient not included. */
function compareCosts() {
  console.log('\nmilliseconds of one step, without the rows: by example, and by Adam with one axis')
  return [
    [64, 49],
    [1024, 49],
    [128, 1000],
    [512, 1000],
    [512, 10_000],
  ].map(([count, size]) => {
    const make = () => [{ name: 'w', shape: [size], data: new Float64Array(size) }]
    const rows = Float64Array.from(noise(count * size, 1, 1))
    const residuals = Float64Array.from(noise(count, 2, 1))
    const gradient = Float64Array.from(noise(size, 3, 1))
    const [mine, one] = [
      perExample(sgd(), make()),
      createOptimizer(inducedMetric(adam(), { learningRate: 0.01 }), make()),
    ]
    const times = [() => mine.step(rows, { residuals }), () => one.step([gradient])].map((step) =>
      median(
        Array.from({ length: 7 }, () => {
          const start = performance.now()
          step()
          return performance.now() - start
        }),
      ),
    )
    console.log(
      `${count} rows, ${size} weights`.padEnd(34),
      ...times.map((x) => x.toPrecision(3).padStart(9)),
    )
    return { rows: count, weights: size, milliseconds: times }
  })
}

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`)
console.log('Steps of each seed (– where it was not there in time), and milliseconds of the median one.')
const xor = { xs: Float64Array.of(0, 0, 0, 1, 1, 0, 1, 1), ys: Float64Array.of(-0.8, 0.8, 0.8, -0.8) }
const results = [compare('xor', createNet(2, 3, false), xor, 1e-3, { own: 500, adam: 5000 })]
for (const count of flags.examples.split(',').map(Number)) {
  results.push(compare('sine', createNet(1, 16, true), sine(count), 1e-5, { own: 200, adam: 10_000 }))
}
const low = sine(64)
const saturating = { xs: low.xs, ys: low.ys.map((y) => 0.9 * y) }
results.push(
  compare('0.9 · sine, an output of tanh', createNet(1, 16, false), saturating, 1e-5, {
    own: 200,
    adam: 10_000,
  }),
)
results.push(compare('sine', createNet(1, 150, true), sine(400), 1e-5, { own: 60, adam: 5000 }))
const [noisy, costs] = [compareNoisy(), compareCosts()]
if (flags.json) writeFileSync(flags.json, `${JSON.stringify({ results, noisy, costs }, null, 2)}\n`)

/** The sine at equal distances. */
function sine(count) {
  const xs = Float64Array.from({ length: count }, (_, i) => -Math.PI + (2 * Math.PI * i) / (count - 1))
  return { xs, ys: xs.map(Math.sin) }
}

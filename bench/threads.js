/**
 * node bench/threads.js [--base sgd,momentum,adam] [--size 100000,…] [--tensors 1,100] [--rounds 15] [--slice 60]
 *   [--json results.json]
 *
 * After `npm run build`. Steps of the wasm engine alone and with a second thread, arrays in its memory, by turns in this
 * process; times are medians, ratios medians of the rounds' ratios. It wants an idle machine: a thread that has to
 * share its core makes steps slower.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { adam, assist, createOptimizer, inducedMetric, sgd } from '@induced-metric/core'
import { noise } from './core.js'
import { measure, median, medianRatio } from './measure.js'

const bases = { sgd: () => sgd(), momentum: () => sgd({ momentum: 0.9 }), adam: () => adam() }

if (isMainThread) await compareAll()
else assist(parentPort)

async function compareAll() {
  const { values: flags } = parseArgs({
    options: {
      base: { type: 'string', default: 'sgd,momentum,adam' },
      size: { type: 'string', default: '100000,1000000,4000000,10000000' },
      tensors: { type: 'string', default: '1,100' },
      rounds: { type: 'string', default: '15' },
      slice: { type: 'string', default: '60' },
      json: { type: 'string' },
    },
  })
  const list = (flag) => flag.split(',')
  const options = { rounds: Number(flags.rounds), slice: Number(flags.slice) }
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length }
  console.log(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`)
  console.log('\nMilliseconds per step by one thread and by two, and how many times as fast two are.')

  const helper = new Worker(new URL(import.meta.url))
  await new Promise((up) => helper.once('online', up))
  const threads = []
  for (const base of list(flags.base)) {
    for (const size of list(flags.size).map(Number)) {
      for (const count of list(flags.tensors).map(Number)) {
        const result = compare(base, size, count, helper, options)
        threads.push(result)
        const { milliseconds, oneOverTwo } = result
        const cells = [milliseconds.one, milliseconds.two, oneOverTwo]
        const text = cells.map((x) => x.toPrecision(3).padStart(9))
        console.log(`${base}, ${size} in ${count}`.padEnd(38), ...text)
      }
    }
  }
  await helper.terminate()
  if (flags.json !== undefined) {
    writeFileSync(flags.json, `${JSON.stringify({ machine, ...options, threads }, undefined, 2)}\n`)
  }
}

function compare(base, size, count, helper, options) {
  const length = Math.round(size / count)
  const create = (given) => {
    const parameters = Array.from({ length: count }, (_, i) => ({
      name: `w${i}`,
      shape: [length],
      data: noise(length, i, 1),
    }))
    const transformation = inducedMetric(bases[base](), { learningRate: 1e-4 })
    const optimizer = createOptimizer(transformation, parameters, { engine: 'wasm', adopt: true, ...given })
    const gradients = optimizer.gradients.map(({ data }) => data)
    gradients.forEach((gradient, i) => gradient.set(noise(length, 1000 + i, 0.01)))
    return { optimizer, step: () => optimizer.step(gradients) }
  }
  const [one, two] = [create({}), create({ helper })]
  const times = measure({ one: one.step, two: two.step }, options)
  for (const { optimizer } of [one, two]) optimizer.dispose()
  return {
    base,
    size: length * count,
    tensors: count,
    milliseconds: { one: median(times.one), two: median(times.two) },
    oneOverTwo: medianRatio(times.one, times.two),
  }
}

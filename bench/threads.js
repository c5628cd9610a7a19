/**
 * node bench/threads.js [--base sgd,momentum,adam] [--size 100000,…] [--tensors 1,100] [--rounds 15] [--slice 60]
 *   [--json results.json]
 *
 * Run `npm run build` first. Measures steps of the wasm engine on one thread and on two, by turns in this process, with
 * arrays in its memory. Times are medians, ratios are medians of the rounds' ratios. Use an idle machine: a thread that
 * shares its core makes steps slower.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { adam, createOptimizer, inducedMetric, serveOptimizers, sgd } from '@induced-metric/core'
import { noise } from './core.js'
import { measure, median, medianRatio } from './measure.js'

const bases = { sgd: () => sgd(), momentum: () => sgd({ momentum: 0.9 }), adam: () => adam() }

if (isMainThread) await compareAll()
else serveOptimizers(parentPort)

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
  console.log('\nMilliseconds per step on one thread and on two, and the ratio of the two.')

  const worker = new Worker(new URL(import.meta.url))
  await new Promise((resolve) => worker.once('online', resolve))
  const threads = []
  for (const base of list(flags.base)) {
    for (const size of list(flags.size).map(Number)) {
      for (const count of list(flags.tensors).map(Number)) {
        const result = compare(base, size, count, worker, options)
        threads.push(result)
        const { milliseconds, oneOverTwo } = result
        const cells = [milliseconds.one, milliseconds.two, oneOverTwo]
        const text = cells.map((x) => x.toPrecision(3).padStart(9))
        console.log(`${base}, ${size} in ${count}`.padEnd(38), ...text)
      }
    }
  }
  await worker.terminate()
  if (flags.json !== undefined) {
    writeFileSync(flags.json, `${JSON.stringify({ machine, ...options, threads }, undefined, 2)}\n`)
  }
}

function compare(base, size, count, worker, options) {
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
  const [one, two] = [create({}), create({ worker })]
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

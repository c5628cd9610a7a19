// Times full steps (train step, optimiser step, reset) by turns in one process: of a 784-500-10 network at batch 64 beside
// the last release of ONNX Runtime with training, where that is installed; of networks of 1 and 10 million parameters at
// batch 32 beside the same with the update in loops of JavaScript. Then the memory over 1000 steps.
// node --expose-gc packages/onnxruntime/bench/steps.mjs [rounds]       (after npm run build)
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { adam, inducedMetric } from '@induced-metric/core'
import { TrainingSession, writeCheckpoint } from '@induced-metric/onnxruntime'
import * as ort from 'onnxruntime-node'
import { median } from '../../../bench/measure.js'
import { batchOf, denseNetwork } from './network.mjs'

const rounds = Number(process.argv[2] ?? 15)
const threads = { intraOpNumThreads: 1 }
const transformation = inducedMetric(adam(), { learningRate: 1e-3 })
const tensors = (library, feeds) =>
  Object.fromEntries(
    Object.entries(feeds).map(([name, [type, data, dims]]) => [name, new library.Tensor(type, data, dims)]),
  )

/** Medians of the times, in milliseconds, and of the ratios of the others to the first in each round. */
async function race(subjects, repeats) {
  const names = Object.keys(subjects)
  const times = names.map(() => [])
  for (const run of Object.values(subjects)) for (let i = 0; i < 5; i++) await run()
  for (let round = 0; round < rounds; round++) {
    for (const [i, name] of names.entries()) {
      const start = performance.now()
      for (let j = 0; j < repeats; j++) await subjects[name]()
      times[i].push((performance.now() - start) / repeats)
    }
  }
  return names.map((name, i) => ({
    name,
    time: median(times[i]),
    ratio: median(times[i].map((time, round) => time / times[0][round])),
  }))
}

function print(title, results) {
  console.log(title)
  for (const { name, time, ratio } of results) {
    console.log(`  ${name.padEnd(44)} ${time.toFixed(2).padStart(8)} ms   ${ratio.toFixed(2)} ×`)
  }
}

function stepOf(session, feeds) {
  return async () => {
    await session.runTrainStep(feeds)
    await session.runOptimizerStep()
    await session.lazyResetGrad()
  }
}

async function genuine(network, feeds) {
  let path
  try {
    path = join(
      dirname(createRequire(import.meta.url).resolve('onnxruntime-training')),
      'ort.training.wasm.min.mjs',
    )
  } catch {
    return undefined
  }
  const library = await import(pathToFileURL(path).href)
  library.env.wasm.numThreads = 1
  const { trainModel, evalModel, optimizerModel, checkpointState } = network.artifacts
  const state = writeCheckpoint(checkpointState)
  const session = await library.TrainingSession.create({
    trainModel,
    evalModel,
    optimizerModel,
    checkpointState: state,
  })
  return stepOf(session, tensors(library, feeds))
}

/**
 * The same without an engine: gradients out of the runtime, and the update in loops over typed arrays. Plain Adam is
 * one loop. Under the induced metric the sum s must be known before anything moves, which makes two.
 */
async function looped(network, feeds, induced) {
  const session = await TrainingSession.create({ ...network.artifacts, optimizerModel: undefined }, threads)
  const parameters = [...session.parameters.values()].map(({ data }) => data)
  const gradients = [...session.gradients.values()].map(({ data }) => data)
  const [m, v] = [0, 1].map(() => parameters.map(({ length }) => new Float32Array(length)))
  let step = 0
  return async () => {
    await session.runTrainStep(feeds)
    step++
    const correction = Math.sqrt(1 - 0.999 ** step)
    const rate = 1e-3 / (1 - 0.9 ** step)
    if (induced) {
      let s = 0
      for (let p = 0; p < parameters.length; p++) s += average(gradients[p], m[p], v[p], correction)
      for (let p = 0; p < parameters.length; p++)
        move(parameters[p], m[p], v[p], rate / (1 + s / network.size), correction)
    } else {
      for (let p = 0; p < parameters.length; p++)
        adamStep(parameters[p], gradients[p], m[p], v[p], rate, correction)
    }
    await session.lazyResetGrad()
  }
}

function average(g, m, v, correction) {
  let s = 0
  for (let i = 0; i < g.length; i++) {
    const square = g[i] * g[i]
    m[i] = 0.9 * m[i] + 0.1 * g[i]
    v[i] = 0.999 * v[i] + 0.001 * square
    s += square / (Math.sqrt(v[i]) / correction + 1e-8)
  }
  return s
}

function move(parameter, m, v, rate, correction) {
  for (let i = 0; i < parameter.length; i++)
    parameter[i] -= (rate * m[i]) / (Math.sqrt(v[i]) / correction + 1e-8)
}

function adamStep(parameter, g, m, v, rate, correction) {
  // Divisions are expensive: one for the whole, none for the correction.
  const scaled = rate * correction
  const epsilon = 1e-8 * correction
  for (let i = 0; i < parameter.length; i++) {
    const gradient = g[i]
    const first = 0.9 * m[i] + 0.1 * gradient
    const second = 0.999 * v[i] + 0.001 * gradient * gradient
    m[i] = first
    v[i] = second
    parameter[i] -= (scaled * first) / (Math.sqrt(second) + epsilon)
  }
}

const small = [784, 500, 10]
{
  const network = denseNetwork(small)
  const feeds = batchOf(small, 64)
  const oracle = await genuine(network, feeds)
  const session = (options) => TrainingSession.create({ ...network.artifacts, ...options }, threads)
  const own = tensors(ort, feeds)
  const results = await race(
    {
      'AdamW of optimizer_model.onnx': stepOf(await session({}), own),
      'adam under the induced metric': stepOf(await session({ optimizer: transformation }), own),
      ...(oracle && { 'onnxruntime-web 1.19.2 with training': oracle }),
    },
    10,
  )
  print(`${small.join('-')}, batch 64, ${network.size} parameters, 1 thread`, results)
}

for (const sizes of [
  [256, 768, 768, 256, 10],
  [1000, 2500, 2500, 500, 10],
]) {
  const network = denseNetwork(sizes)
  const feeds = tensors(ort, batchOf(sizes, 32))
  const create = (optimizer) => TrainingSession.create({ ...network.artifacts, optimizer }, threads)
  const session = await create(transformation)
  const plain = await create(inducedMetric(adam(), { learningRate: 1e-3, xi: 0 }))
  const duels = [
    { title: 'adam', loops: 'a loop', loop: await looped(network, feeds, false), engine: plain },
    {
      title: 'adam under the induced metric',
      loops: 'two loops',
      loop: await looped(network, feeds, true),
      engine: session,
    },
  ]
  for (const { title, loops, loop, engine } of duels) {
    const subjects = {
      [`${title}, in ${loops} of JavaScript`]: loop,
      [`${title}, in the engine`]: stepOf(engine, feeds),
    }
    print(`${sizes.join('-')}, batch 32, ${network.size} parameters`, await race(subjects, 1))
  }
  const { buffer } = session.parameters.get('w0').data
  const needed = 4 * 4 * network.size
  console.log(
    `  memory ${buffer.byteLength} bytes, ${((100 * buffer.byteLength) / needed - 100).toFixed(2)} % over (2 + 2) × 4 × parameters`,
  )
  await session.release()
  await plain.release()
}

{
  const network = denseNetwork(small)
  const feeds = tensors(ort, batchOf(small, 64))
  const session = await TrainingSession.create({ ...network.artifacts, optimizer: transformation }, threads)
  const step = stepOf(session, feeds)
  const sizes = []
  for (let i = 0; i <= 1000; i++) {
    await step()
    if (i % 200 === 0) {
      globalThis.gc?.()
      const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
      sizes.push(
        [i, rss, heapUsed, external, arrayBuffers].map((bytes, j) =>
          j === 0 ? bytes : (bytes / 2 ** 20).toFixed(1),
        ),
      )
    }
  }
  console.log('steps, MiB resident, on the heap, external, in array buffers')
  for (const row of sizes) console.log(`  ${row.join(', ')}`)
}

/**
 * node bench/main.js [--suite core,tfjs,zoo,matrices] [--base sgd,momentum,adam,muon] [--embedding identity,log]
 *   [--size 10000,100000,…] [--tensors 1,100] [--backend cpu,wasm] [--network] [--rounds 15] [--slice 30]
 *   [--no-reference] [--json results.json]
 *
 * Run `npm run build` first. All subjects run by turns in this process. Times are medians, ratios are medians of the rounds'
 * ratios.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { coreCases, coreColumns, coreRow, runCoreCase, runCreation, runSplit } from './core.js'
import { matrixColumns, matrixRow, runMatrixCases, runZooCase, zooCases, zooColumns, zooRow } from './zoo.js'

const { values: flags } = parseArgs({
  options: {
    suite: { type: 'string', default: 'core,tfjs' },
    base: { type: 'string' },
    embedding: { type: 'string' },
    size: { type: 'string' },
    tensors: { type: 'string' },
    backend: { type: 'string' },
    network: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '15' },
    slice: { type: 'string', default: '30' },
    'no-reference': { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})
const list = (flag) => flag?.split(',')
const chosen = {
  base: list(flags.base),
  embedding: list(flags.embedding),
  size: list(flags.size)?.map(Number),
  tensors: list(flags.tensors)?.map(Number),
  backend: list(flags.backend),
  // Whole training steps only.
  network: flags.network,
}
const options = {
  rounds: Number(flags.rounds),
  slice: Number(flags.slice),
  reference: !flags['no-reference'],
}
const results = {
  machine: { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length },
  rounds: options.rounds,
  slice: options.slice,
}
console.log(`${results.machine.cpu}, ${results.machine.cores} cores, Node ${results.machine.node}`)

const suites = list(flags.suite)
if (suites.includes('core')) {
  results.creation = runCreation()
  console.log('\nMilliseconds to create an optimiser: with a module to compile, and the next of its form.')
  printRow('', ['first', 'next'])
  for (const { base, first, next } of results.creation) printRow(base, [first, next])

  console.log(
    '\nNanoseconds per parameter and step, float32. outside: the wasm engine on arrays outside its memory;',
  )
  console.log('of limit: the time in which a copy moves the bytes of a step, over the time of the step.')
  printRow('', coreColumns)
  results.core = []
  for (const given of coreCases(chosen)) {
    const result = runCoreCase(given, options)
    results.core.push(result)
    const { label, values } = coreRow(result)
    printRow(label, values)
  }
  results.split = ['sgd', 'momentum', 'adam'].map((base) => runSplit(base, options))
  console.log('\nMilliseconds per step over 100000 parameters.')
  printRow('', ['in 1', 'in 100', 'ratio'])
  for (const { base, milliseconds, hundredOverOne } of results.split) {
    printRow(base, [milliseconds.one, milliseconds.hundred, hundredOverOne])
  }
}
if (suites.includes('zoo')) {
  console.log(
    '\nOne float32 step of each base that works element by element, in one tensor. tensors: read or written, by',
  )
  console.log('pass; over copy: the time of a step over that in which a copy moves as many bytes.')
  printRow('', zooColumns)
  results.zoo = []
  for (const given of zooCases(chosen)) {
    const result = runZooCase(given, options)
    results.zoo.push(result)
    const { label, values } = zooRow(result)
    printRow(label, values)
  }
}
if (suites.includes('matrices')) {
  console.log(
    '\nA float32 step on one matrix, over the time of the matrix products that every step takes. most: of a',
  )
  console.log('step that computes a basis or roots, which are kept; mean: of all steps.')
  printRow('', matrixColumns)
  results.matrices = runMatrixCases(512, options)
  for (const result of results.matrices) {
    const { label, values } = matrixRow(result)
    printRow(label, values)
  }
}
if (suites.includes('tfjs')) {
  // Loaded only here, since TensorFlow.js takes long to load.
  const { runProducts, runTfjsCase, tfjsCases, tfjsColumns, tfjsRow } = await import('./tfjs.js')
  console.log('\napplyGradients of @induced-metric/tfjs and of tf.train, and whole training steps.')
  printRow('', tfjsColumns)
  results.tfjs = []
  for (const given of tfjsCases(chosen)) {
    const result = await runTfjsCase(given, options)
    results.tfjs.push(result)
    const { label, values } = tfjsRow(result)
    printRow(label, values)
  }
  results.products = await runProducts(options)
  const { label, milliseconds, oursOverTheirs } = results.products
  printRow(label, [milliseconds.ours, milliseconds.theirs, oursOverTheirs])
}
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(results, undefined, 2)}\n`)

function printRow(label, values) {
  const cells = values.map((value) => {
    const text = typeof value === 'number' ? value.toPrecision(3) : (value ?? '-')
    return text.padStart(9)
  })
  console.log(label.padEnd(38), ...cells)
}

/**
 * node bench/main.js [--base adam,momentum] [--embedding identity,log] [--size 10000,1e6] [--tensors 1,100]
 *   [--rounds 15] [--slice 30] [--no-reference] [--json results.json]
 *
 * Times one optimiser step, float32: nanoseconds per parameter, medians over rounds in which all subjects take turns.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { bases, createCase } from './cases.js'
import { measure, median, medianRatio } from './measure.js'

const { values: flags } = parseArgs({
  options: {
    base: { type: 'string', default: Object.keys(bases).join() },
    embedding: { type: 'string', default: 'identity,log' },
    size: { type: 'string', default: '10000,100000,1000000,10000000' },
    tensors: { type: 'string', default: '1,100' },
    rounds: { type: 'string', default: '15' },
    slice: { type: 'string', default: '30' },
    'no-reference': { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})
const rounds = Number(flags.rounds)
const slice = Number(flags.slice)
const machine = { node: process.version, cpu: cpus()[0]?.model, rounds, slice }
console.log(machine)
console.log(
  'ns per parameter (median); "of limit": the time in which a copy moves the bytes of the step, over the time of the step\n',
)
const columns = ['copy', 'wasm', 'outside', 'loop', 'reference', 'loop/wasm', 'ref./wasm', 'of limit']
console.log('case'.padEnd(38), ...columns.map((name) => name.padStart(9)))

const results = []
for (const base of flags.base.split(',')) {
  for (const embedding of flags.embedding.split(',')) {
    for (const size of flags.size.split(',').map(Number)) {
      for (const tensors of flags.tensors.split(',').map(Number)) {
        const result = runCase({ base, embedding, size, tensors })
        results.push(result)
        console.log(row(result))
      }
    }
  }
}
if (flags.json !== undefined)
  writeFileSync(flags.json, `${JSON.stringify({ machine, results }, undefined, 2)}\n`)

function runCase(given) {
  const { subjects, size, shape } = createCase({ ...given, slow: !flags['no-reference'] })
  const times = measure(subjects, { rounds, slice })
  const nanoseconds = (list) => (list === undefined ? undefined : (median(list) / size) * 1e6)
  const minimum = (list) => (list === undefined ? undefined : (Math.min(...list) / size) * 1e6)
  const [copy, wasm, loop, reference] = ['copy', 'wasm', 'loop', 'reference'].map((name) => times.get(name))
  const { bytes } = bases[given.base]
  return {
    ...given,
    size,
    shape,
    nanosecondsPerParameter: {
      copy: nanoseconds(copy),
      wasm: nanoseconds(wasm),
      outside: nanoseconds(times.get('wasm, arrays outside')),
      loop: nanoseconds(loop),
      reference: nanoseconds(reference),
    },
    fastest: Object.fromEntries([...times].map(([name, list]) => [name, minimum(list)])),
    loopOverWasm: medianRatio(loop, wasm),
    referenceOverWasm: reference && medianRatio(reference, wasm),
    // A copy moves 8 bytes per element: 4 read, 4 written.
    ofLimit: bytes && medianRatio(copy, wasm) * (bytes / 8),
  }
}

function row({ base, embedding, size, tensors, nanosecondsPerParameter: ns, ...ratios }) {
  const label = `${base} ${embedding} ${size.toExponential(0).replace('e+', 'e')} in ${tensors}`
  const numbers = [ns.copy, ns.wasm, ns.outside, ns.loop, ns.reference]
  const all = [...numbers, ratios.loopOverWasm, ratios.referenceOverWasm, ratios.ofLimit]
  return [label.padEnd(38), ...all.map((x) => (x === undefined ? '-' : x.toPrecision(3)).padStart(9))].join(
    ' ',
  )
}

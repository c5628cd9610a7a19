import { adam, createOptimizer, identity, inducedMetric, log, muon, sgd } from '@induced-metric/core'
import { adamLoop, momentumLoop, muonLoop, sgdLoop } from './loops.js'
import { measure, median, medianRatio } from './measure.js'

const learningRate = 1e-4

/**
 * Bases by name: how to make them, the loop to compare with, the bytes a step moves per float32 parameter, and the arrays
 * it moves them in.
 */
const bases = {
  sgd: { make: () => sgd(), loop: sgdLoop, bytes: 16, arrays: 2 },
  momentum: { make: () => sgd({ momentum: 0.9 }), loop: momentumLoop, bytes: 24, arrays: 3 },
  adam: { make: () => adam(), loop: adamLoop, bytes: 36, arrays: 4 },
  muon: { make: () => muon(), loop: muonLoop, bytes: undefined, arrays: 3 },
}

/** The cases of this suite, narrowed down by the flags. */
export function coreCases({ base, embedding, size, tensors }) {
  const cases = []
  for (const name of base ?? Object.keys(bases)) {
    for (const kind of embedding ?? ['identity', 'log']) {
      for (const scalars of size ?? [1e4, 1e5, 1e6, 1e7]) {
        for (const count of tensors ?? [1, 100]) {
          cases.push({ base: name, embedding: kind, size: scalars, tensors: count })
        }
      }
    }
  }
  return cases
}

/**
 * Measures one float32 step by the wasm engine (with arrays inside and outside its memory), by a hand-written loop and by the
 * reference engine, and a copy from one half to the other of as much memory as the step uses, so that the caches hold equally
 * much of both.
 */
export function runCoreCase({ base, embedding, size, tensors }, { reference, rounds, slice }) {
  const { make, loop, bytes, arrays } = bases[base]
  const shape = shapeOf(base, size, tensors)
  const length = shape.reduce((product, extent) => product * extent, 1)
  const parameters = () =>
    Array.from({ length: tensors }, (_, i) => ({ name: `w${i}`, shape, data: noise(length, i, 1) }))
  const metric = embedding === 'log' ? log() : identity()
  const transformation = inducedMetric(make(), { learningRate, embedding: metric })
  const loss = embedding === 'log' ? 1 : undefined
  const options = loss === undefined ? {} : { loss }
  const gradients = Array.from({ length: tensors }, (_, i) => noise(length, 1000 + i, 0.01))

  const inside = createOptimizer(transformation, parameters(), { engine: 'wasm', adopt: true })
  inside.gradients.forEach(({ data }, i) => data.set(gradients[i]))
  const views = inside.gradients.map(({ data }) => data)
  const outside = createOptimizer(transformation, parameters(), { engine: 'wasm' })
  const byHand = loop(
    parameters().map(({ data }, i) => ({
      parameter: data,
      gradient: gradients[i],
      first: new Float32Array(length),
      second: new Float32Array(length),
      rows: shape[0],
      columns: shape[1],
    })),
    learningRate,
  )
  const copied = (length * tensors * arrays) / 2
  const [from, to] = [noise(copied, 5, 1), new Float32Array(copied)]
  const subjects = {
    copy: () => to.set(from),
    wasm: () => inside.step(views, options),
    outside: () => outside.step(gradients, options),
    loop: () => byHand(loss),
  }
  // Plain products of large matrices would take minutes.
  const loops = base !== 'muon' || size <= 1e6
  if (!loops) delete subjects.loop
  const interprets = reference && !(base === 'muon' && size > 1e5)
  if (interprets) {
    const interpreted = createOptimizer(transformation, parameters(), { engine: 'reference' })
    subjects.reference = () => interpreted.step(gradients, options)
  }

  const times = measure(subjects, { rounds, slice })
  // Scaled to an array of the parameters' size.
  times.copy = times.copy.map((time) => time * (2 / arrays))
  const perParameter = (summary) =>
    Object.fromEntries(
      Object.entries(times).map(([name, list]) => [name, (summary(list) / (length * tensors)) * 1e6]),
    )
  return {
    base,
    embedding,
    size: length * tensors,
    tensors,
    shape,
    nanosecondsPerParameter: perParameter(median),
    fastest: perParameter((list) => Math.min(...list)),
    loopOverWasm: loops ? medianRatio(times.loop, times.wasm) : undefined,
    referenceOverWasm: interprets ? medianRatio(times.reference, times.wasm) : undefined,
    // A copy moves 8 bytes per element: 4 read, 4 written.
    ofLimit: bytes && medianRatio(times.copy, times.wasm) * (bytes / 8),
  }
}

/**
 * Measures a step over a hundred tensors of a thousand parameters and over one of a hundred thousand, in the engine's memory.
 *
 * @param {keyof typeof bases} base
 */
export function runSplit(base, options) {
  const stepOver = (count) => {
    const length = 1e5 / count
    const parameters = Array.from({ length: count }, (_, i) => ({
      name: `w${i}`,
      shape: [length],
      data: noise(length, i, 1),
    }))
    const transformation = inducedMetric(bases[base].make(), { learningRate })
    const optimizer = createOptimizer(transformation, parameters, { engine: 'wasm', adopt: true })
    const gradients = optimizer.gradients.map(({ data }) => data)
    gradients.forEach((gradient, i) => gradient.set(noise(length, 1000 + i, 0.01)))
    return () => optimizer.step(gradients)
  }
  const times = measure({ one: stepOver(1), hundred: stepOver(100) }, options)
  return {
    base,
    milliseconds: { one: median(times.one), hundred: median(times.hundred) },
    hundredOverOne: medianRatio(times.hundred, times.one),
  }
}

/**
 * Milliseconds to create an optimiser whose module has not been compiled yet, and then another one like it. Run this before
 * anything else, while the engine's own code is cold as well.
 */
export function runCreation() {
  return Object.entries(bases).map(([base, { make }]) => {
    const create = () => {
      const start = performance.now()
      const parameter = { name: 'w', shape: [2, 2], data: new Float32Array(4) }
      createOptimizer(inducedMetric(make(), { learningRate }), [parameter], { engine: 'wasm' })
      return performance.now() - start
    }
    return { base, first: create(), next: create() }
  })
}

/** The heads of the columns of {@link coreRow}. */
export const coreColumns = [
  'copy',
  'wasm',
  'outside',
  'loop',
  'reference',
  'loop/wasm',
  'ref./wasm',
  'of limit',
]

/** A row of the table: its label, nanoseconds per parameter, and ratios. */
export function coreRow({ base, embedding, size, tensors, nanosecondsPerParameter: ns, ...ratios }) {
  return {
    label: `${base} ${embedding}, ${size} in ${tensors}`,
    values: [ns.copy, ns.wasm, ns.outside, ns.loop, ns.reference].concat([
      ratios.loopOverWasm,
      ratios.referenceOverWasm,
      ratios.ofLimit,
    ]),
  }
}

/** The shape of each of `count` equal tensors of `size` parameters in all; Muon's have at most 200 rows. */
function shapeOf(base, size, count) {
  const each = Math.round(size / count)
  if (base !== 'muon') return [each]
  const rows = Math.min(200, Math.floor(Math.sqrt(each)))
  return [rows, Math.round(each / rows)]
}

/** Reproducible numbers in (−scale, scale). */
export function noise(length, seed, scale) {
  let state = (seed * 2654435761 + 12345) >>> 0
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 31 - 1) * scale
  })
}

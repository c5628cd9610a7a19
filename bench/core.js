import { adam, createOptimizer, identity, inducedMetric, log, muon, sgd } from '@induced-metric/core'
import { adamLoop, momentumLoop, muonLoop, sgdLoop } from './loops.js'

const learningRate = 1e-4

/** Bases by name: how to make them, the loop to compare with, and the bytes a step moves per float32 parameter. */
export const bases = {
  sgd: { make: () => sgd(), loop: sgdLoop, bytes: 16 },
  momentum: { make: () => sgd({ momentum: 0.9 }), loop: momentumLoop, bytes: 24 },
  adam: { make: () => adam(), loop: adamLoop, bytes: 36 },
  muon: { make: () => muon(), loop: muonLoop, bytes: undefined },
}

/** The shape of each of `count` equal tensors of `size` parameters in all; Muon's have at most 200 rows. */
function shapeOf(base, size, count) {
  const each = Math.round(size / count)
  if (base !== 'muon') return [each]
  const rows = Math.min(200, Math.floor(Math.sqrt(each)))
  return [rows, Math.round(each / rows)]
}

/**
 * The subjects of one case: the same step by the wasm engine (arrays in its memory, and outside), by the reference
 * engine, by a loop written by hand, and a copy of one array of the parameters' size.
 *
 * @param {{ base: keyof typeof bases, embedding: 'identity' | 'log', size: number, tensors: number, slow: boolean }} given
 *   `slow`: whether to run the reference engine too
 */
export function createCase({ base, embedding, size, tensors, slow }) {
  const { make, loop } = bases[base]
  const shape = shapeOf(base, size, tensors)
  const length = shape.reduce((product, extent) => product * extent, 1)
  const parameters = () =>
    Array.from({ length: tensors }, (_, i) => ({ name: `w${i}`, shape, data: noise(length, i, 1) }))
  const transformation = inducedMetric(make(), {
    learningRate,
    embedding: embedding === 'log' ? log() : identity(),
  })
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
  const [from, to] = [noise(size, 5, 1), new Float32Array(size)]
  const subjects = [
    { name: 'copy', run: () => to.set(from) },
    { name: 'wasm', run: () => inside.step(views, options) },
    { name: 'wasm, arrays outside', run: () => outside.step(gradients, options) },
    { name: 'loop', run: () => byHand(loss) },
  ]
  if (slow) {
    const reference = createOptimizer(transformation, parameters(), { engine: 'reference' })
    subjects.push({ name: 'reference', run: () => reference.step(gradients, options) })
  }
  return { subjects, size: length * tensors, shape }
}

/** Numbers in (−scale, scale) that are the same in every run. */
function noise(length, seed, scale) {
  let state = (seed * 2654435761 + 12345) >>> 0
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 31 - 1) * scale
  })
}

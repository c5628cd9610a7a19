import * as core from '@induced-metric/core'
import { planStep } from '@induced-metric/core/adapter'
import { noise } from './core.js'
import { measure, median, medianRatio } from './measure.js'

const { createOptimizer, inducedMetric } = core
const learningRate = 1e-4

/** Options of bases that have others than a default, and variants of a base, by name. */
const variants = {
  scheduleFree: { scheduleFree: () => core.scheduleFree(core.adam()) },
  adam: {
    adam: () => core.adam(),
    'adam amsgrad': () => core.adam({ amsgrad: true }),
    'adam cautious': () => core.adam({ cautious: true }),
  },
}

/** Every exported base that works element by element, by name. */
function elementwiseBases() {
  const bases = {}
  for (const [name, make] of Object.entries(core)) {
    if (name !== 'scheduleFree' && make.definition?.update === undefined) continue
    Object.assign(bases, variants[name] ?? { [name]: () => make() })
  }
  return Object.fromEntries(
    Object.entries(bases).filter(([, make]) => make().definition.matrix === undefined),
  )
}

/** The cases of this suite, narrowed down by the flags. */
export function zooCases({ base, size }) {
  const names = base ?? Object.keys(elementwiseBases())
  return names.flatMap((name) => (size ?? [1e7]).map((scalars) => ({ base: name, size: scalars })))
}

/**
 * Measures a float32 step of a base on one tensor, in the engine's memory, and a copy from one half to the other of as
 * much memory as the step works on.
 */
export function runZooCase({ base, size }, options) {
  const transformation = inducedMetric(elementwiseBases()[base](), { learningRate })
  const info = { name: 'w', shape: [size] }
  const plan = planStep(transformation, [info])
  const { graph } = plan.parameters[0]
  const arrays = 2 + graph.slots.filter((name) => graph.slotShapes[name] !== 'scalar').length
  const optimizer = createOptimizer(transformation, [{ ...info, data: noise(size, 1, 1) }], {
    engine: 'wasm',
    adopt: true,
  })
  const gradients = optimizer.gradients.map(({ data }) => data)
  gradients[0].set(noise(size, 1000, 0.01))
  const given = plan.needsLoss ? { loss: 1 } : {}
  const copied = (size * arrays) / 2
  const [from, to] = [noise(copied, 5, 1), new Float32Array(copied)]
  const times = measure({ copy: () => to.set(from), step: () => optimizer.step(gradients, given) }, options)
  const passes = tensorsMoved(graph)
  // The copy moves 2 × 4 bytes for each of its elements.
  const moved = passes.reduce((sum, count) => sum + count, 0) * size
  return {
    base,
    size,
    passes,
    nanosecondsPerParameter: (median(times.step) / size) * 1e6,
    stepOverCopy: medianRatio(times.step, times.copy) * ((2 * copied) / moved),
  }
}

/** The heads of the columns of {@link zooRow}. */
export const zooColumns = ['tensors', 'ns', 'over copy']

/** A row of the table: its label, the tensors that each pass moves, nanoseconds per parameter, and the ratio to a copy. */
export function zooRow({ base, size, passes, nanosecondsPerParameter, stepOverCopy }) {
  return { label: `${base}, ${size}`, values: [passes.join('+'), nanosecondsPerParameter, stepOverCopy] }
}

/**
 * The number of tensors that a step has to read or write: for each pass over memory before it writes, the inputs of its
 * sums, then the inputs and outputs of what it writes.
 *
 * @param {import('@induced-metric/core/adapter').StepGraph} graph
 */
function tensorsMoved({ nodes, outputs, slots, totals, reductions }) {
  const isTensor = (index) => nodes[index].shape !== 'scalar'
  const inputsOf = (index, found) => {
    const { op, inputs } = nodes[index]
    if (op === 'input' && isTensor(index)) found.add(index)
    else if (op !== 'sum') for (const input of inputs) inputsOf(input, found)
    return found
  }
  const levelOf = (index) => {
    const { op, inputs } = nodes[index]
    return Math.max(0, ...inputs.map(levelOf)) + (op === 'sum' ? 1 : 0)
  }
  const sumsBelow = (index, found) => {
    if (nodes[index].op === 'sum') found.add(index)
    for (const input of nodes[index].inputs) sumsBelow(input, found)
    return found
  }
  const counts = []
  for (const names of [totals, reductions]) {
    const levels = new Map()
    for (const name of names) {
      for (const sum of sumsBelow(outputs[name], new Set())) {
        const level = levelOf(sum)
        levels.set(level, inputsOf(nodes[sum].inputs[0], levels.get(level) ?? new Set()))
      }
    }
    for (const [, inputs] of [...levels].sort(([a], [b]) => a - b)) counts.push(inputs.size)
  }
  const written = ['parameter', ...slots.map((name) => `slot.${name}`)].filter((name) =>
    isTensor(outputs[name]),
  )
  const read = new Set()
  for (const name of written) inputsOf(outputs[name], read)
  return [...counts, read.size + written.length]
}

/** Bases with matrix products, and the steps after which their work repeats. */
const matrixBases = {
  muon: { make: () => core.muon(), period: 1 },
  shampoo: { make: () => core.shampoo(), period: 10 },
  soap: { make: () => core.soap(), period: 10 },
}

/**
 * Measures a step of the bases with matrix products on one matrix of n × n, beside the products in it: those that it takes
 * in every step. Of bases with a basis or roots that they keep, `most` is a step that computes them, `mean` over all.
 */
export function runMatrixCases(n, options) {
  return Object.entries(matrixBases).map(([base, { make, period }]) =>
    runMatrixCase(base, make(), period, n, options),
  )
}

function runMatrixCase(base, preconditioner, period, n, { rounds }) {
  const transformation = inducedMetric(preconditioner, { learningRate, fallback: core.sgd() })
  const optimizer = matrixOptimizer(transformation, n)
  const products = countProducts(planStep(transformation, [{ name: 'w', shape: [n, n] }]).parameters[0].graph)
  const product = matrixOptimizer(inducedMetric(chain(8)(), { learningRate, fallback: core.sgd() }), n)
  product.step()
  // The first step makes modules, and computes whatever is kept.
  for (let step = 0; step < period; step++) optimizer.step()
  const times = { product: /** @type {number[]} */ ([]), step: /** @type {number[]} */ ([]) }
  for (let round = 0; round < Math.max(2, rounds / 5); round++) {
    for (let step = 0; step < period; step++) {
      times.product.push(product.step() / 8)
      times.step.push(optimizer.step())
    }
  }
  const inProducts = (milliseconds) => milliseconds / (products * median(times.product))
  return {
    base,
    n,
    products,
    productMilliseconds: median(times.product),
    ordinary: inProducts(median(times.step)),
    most: inProducts(Math.max(...times.step)),
    mean: inProducts(times.step.reduce((sum, time) => sum + time, 0) / times.step.length),
  }
}

/** A base whose direction is a chain of products. */
function chain(length) {
  return core.definePreconditioner({
    name: 'chain',
    matrix: true,
    update({ gradient }) {
      let direction = gradient
      for (let i = 0; i < length / 2; i++) {
        direction = core.algebra.matmul(
          core.algebra.matmul(direction, core.algebra.transpose(gradient)),
          gradient,
        )
      }
      return { direction, slots: {} }
    },
  })
}

function matrixOptimizer(transformation, n) {
  const parameters = [{ name: 'w', shape: [n, n], data: noise(n * n, 1, 1) }]
  const optimizer = createOptimizer(transformation, parameters, { engine: 'wasm', adopt: true })
  const gradients = optimizer.gradients.map(({ data }) => data)
  gradients[0].set(noise(n * n, 1000, 0.05))
  return {
    step() {
      const start = performance.now()
      optimizer.step(gradients)
      return performance.now() - start
    },
  }
}

/** The products that every step of a graph takes. */
function countProducts({ nodes, outputs, slots }) {
  const found = new Set()
  const visit = (index) => {
    if (found.has(index)) return
    found.add(index)
    const { op, inputs } = nodes[index]
    // What only fresh values need is not part of every step.
    if (op === 'when') visit(inputs[2])
    else inputs.forEach(visit)
  }
  for (const name of ['dual', 'parameter', ...slots.map((slot) => `slot.${slot}`)]) visit(outputs[name])
  return [...found].filter((index) => nodes[index].op === 'matmul').length
}

/** The heads of the columns of {@link matrixRow}. */
export const matrixColumns = ['products', 'ms each', 'ordinary', 'most', 'mean']

/** A row of the table: the number of products, milliseconds of one, and times of steps over that of their products. */
export function matrixRow({ base, n, products, productMilliseconds, ordinary, most, mean }) {
  return { label: `${base}, ${n} × ${n}`, values: [products, productMilliseconds, ordinary, most, mean] }
}

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
    if (name !== 'scheduleFree' && make?.definition?.update === undefined) continue
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

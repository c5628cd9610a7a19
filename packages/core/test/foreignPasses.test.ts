import {
  adam,
  createOptimizer,
  inducedMetric,
  logDamped,
  muon,
  type Transformation,
} from '@induced-metric/core'
import { createStepper, planStep } from '@induced-metric/core/adapter'
import { describe, expect, it } from 'vitest'
import { createArena } from '../src/engines/wasm/arena.js'
import { createForeignPasses } from '../src/engines/wasm/foreignPasses.js'
import { createMemory } from '../src/engines/wasm/memory.js'
import { initialState } from '../src/step/scalarState.js'
import { bits, randomArray } from './support.js'

const shapes = [[4, 3], [5], [2, 6]]
const initial = shapes.map((shape, i) => randomArray('float32', size(shape), i + 1))
const gradientsAt = (step: number): Float32Array[] =>
  shapes.map((shape, i) => randomArray('float32', size(shape), 10 * step + i) as Float32Array)

function size(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1)
}

describe('createForeignPasses', () => {
  it.each<[string, Transformation]>([
    ['adam', inducedMetric(adam(), { learningRate: 0.1, clipNorm: 1, embedding: logDamped() })],
    ['muon and its fallback', inducedMetric(muon(), { learningRate: 0.1 })],
  ])('steps as the wasm engine does, on tensors that move between steps: %s', (_, transformation) => {
    const infos = shapes.map((shape, i) => ({ name: `p${i}`, shape }))
    const data = initial.map((values) => values.slice() as Float32Array)
    const optimizer = createOptimizer(
      transformation,
      infos.map((info, i) => ({ ...info, data: data[i]! })),
      { engine: 'wasm' },
    )

    const memory = createMemory()
    const arena = createArena(memory)
    const plan = planStep(transformation, infos)
    const view = (address: number, length: number) =>
      new Float32Array(memory.buffer as ArrayBuffer, address, length)
    const store = (values: Float32Array): number => {
      const address = arena.allocate(4 * values.length)
      view(address, values.length).set(values)
      return address
    }
    let values: Float32Array[] = initial.map((array) => array.slice() as Float32Array)
    let slots: Float32Array[][] = plan.parameters.map(({ graph, size: length }) =>
      graph.slots.map(() => new Float32Array(length)),
    )
    let outputs: number[][] = []
    const passes = createForeignPasses<Float32Array>(plan, memory, arena, (index, gradient) => {
      outputs[index] = [values[index]!, ...slots[index]!].map((array) => store(array))
      const inputs = [gradient, values[index]!, ...slots[index]!].map((array) => store(array))
      return { inputs, outputs: outputs[index] }
    })
    const stepper = createStepper(plan)
    const state = initialState(plan)

    for (let step = 1; step <= 4; step++) {
      const gradients = gradientsAt(step)
      optimizer.step(gradients, { loss: 2 })
      outputs = []
      const { skipped } = stepper.take(passes, gradients, state, { step, loss: 2 })
      expect(skipped).toBe(false)
      const read = (address: number, index: number): Float32Array =>
        view(address, plan.parameters[index]!.size).slice()
      values = outputs.map(([value], index) => read(value!, index))
      slots = outputs.map(([, ...addresses], index) => addresses.map((address) => read(address, index)))
    }
    // The engine adds up neighbours as one tensor: sums may differ in their last bits.
    values.forEach((array, i) => {
      expect(Math.max(...array.map((x, j) => Math.abs(x - data[i]![j]!)))).toBeLessThan(1e-6)
      expect(bits(array)).not.toBe(bits(initial[i]!))
    })
    passes.dispose()
  })
})

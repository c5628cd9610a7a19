import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { InducedTrainer } from '@induced-metric/convnetjs'
import { adam, inducedMetric } from '@induced-metric/core'
import { expect, it, vi } from 'vitest'
import { bars, netOf } from './support/nets.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const wide = [
  { type: 'input', out_sx: 8, out_sy: 8, out_depth: 1 },
  { type: 'fc', num_neurons: 2000, activation: 'tanh' },
  { type: 'softmax', num_classes: 2 },
]
const transformation = inducedMetric(adam(), { learningRate: 1e-4 })
const [pattern] = bars(1)

/** The bytes of all arrays that can still be reached. */
function arrayBytes(): number {
  // Another thread frees the arrays: the second collection waits until it has freed those that the first has found.
  collect()
  collect()
  return process.memoryUsage().arrayBuffers
}

it('steps leave nothing behind', () => {
  const trainer = new InducedTrainer(netOf(wide), transformation)
  const train = (steps: number): number => {
    for (let i = 0; i < steps; i++) trainer.train(pattern!.x, pattern!.y)
    return arrayBytes()
  }
  // There is a megabyte of weights: if each step kept one array, it would show.
  const before = train(5)
  expect(train(20) - before).toBeLessThan(1e6)
})

it('nor do nets whose layers are made anew', () => {
  const net = netOf(wide)
  const trainer = new InducedTrainer(net, transformation)
  const train = (times: number): number => {
    for (let i = 0; i < times; i++) {
      net.fromJSON(JSON.parse(JSON.stringify(net)) as object)
      trainer.train(pattern!.x, pattern!.y)
    }
    return arrayBytes()
  }
  const before = train(5)
  expect(train(20) - before).toBeLessThan(1e6)
})

it('many trainers exist at once, and reuse the memory of those that were disposed of', () => {
  // Each memory reserves gigabytes of addresses, and a page has enough of them for a hundred memories.
  const { WebAssembly } = globalThis as unknown as { WebAssembly: { Memory: new (limits: object) => object } }
  const { Memory } = WebAssembly
  const memories = vi.spyOn(WebAssembly, 'Memory').mockImplementation(function make(limits) {
    return new Memory(limits)
  })
  const narrow = [wide[0]!, { type: 'softmax', num_classes: 2 }]
  const train = (): InducedTrainer => {
    const trainer = new InducedTrainer(netOf(narrow), transformation)
    trainer.train(pattern!.x, pattern!.y)
    return trainer
  }
  for (let round = 0; round < 4; round++) {
    const trainers = Array.from({ length: 100 }, train)
    for (const trainer of trainers) trainer.dispose()
  }
  expect(memories.mock.calls.length).toBeLessThanOrEqual(1)
  memories.mockRestore()
})

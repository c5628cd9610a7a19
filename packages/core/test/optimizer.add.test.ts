import { describe, expect, it, vi } from 'vitest'
import {
  adam,
  createOptimizer,
  inducedMetric,
  log,
  muon,
  sgd,
  type Optimizer,
  type OptimizerOptions,
  type Parameter,
} from '@induced-metric/core'
import type { WasmMemory } from '@induced-metric/core/adapter'
import { sharedArena } from '../src/engines/wasm/arena.js'
import { bits, expectError, randomArray } from './support.js'

interface Platform {
  readonly WebAssembly: {
    readonly Memory: new (limits: { initial: number; maximum?: number }) => WasmMemory
    Module: new (bytes: Uint8Array) => object
  }
}
const platform = globalThis as unknown as Platform

const transformation = inducedMetric(adam(), {
  learningRate: 0.1,
  embedding: log(),
  weightDecay: 0.01,
  clipNorm: 2,
  groups: { last: { base: muon(), xi: 0.1 } },
})

const shapes = [[5, 3], [7], [40], [0], [3, 4], [6, 2], []]

/** Parameters `from` up to `to`; every third is in a group, so that there are programs of both kinds. */
function parameters(from: number, to: number): Parameter[] {
  return shapes.slice(from, to).map((shape, i) => ({
    name: `p${from + i}`,
    shape,
    data: randomArray('float32', sizeOf(shape), from + i),
    ...(shape.length === 2 && { group: 'last' }),
  }))
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1)
}

const gradientsAt = (step: number, count: number) =>
  shapes.slice(0, count).map((shape, i) => randomArray('float32', sizeOf(shape), 100 * step + i))

/** A step over the first `count` parameters; the others, where there are any, have no gradient. */
function take(optimizer: Optimizer, step: number, count: number): void {
  const none = optimizer.parameters.slice(count).map(() => null)
  optimizer.step([...gradientsAt(step, count), ...none], { loss: 1 + 1 / step })
}

function stateOf(optimizer: Optimizer): unknown {
  const { parameters, units, step } = optimizer.save()
  return {
    step,
    units,
    values: optimizer.parameters.map(({ name, data }) => [name, bits(data)]),
    parameters: parameters.map(({ name, steps, slots }) => [
      name,
      steps,
      Object.entries(slots).map(([slot, data]) => [slot, bits(data)]),
    ]),
  }
}

const modes: [string, OptimizerOptions][] = [
  ['reference', { engine: 'reference' }],
  ['wasm', { engine: 'wasm' }],
  ['wasm, adopted', { engine: 'wasm', adopt: true }],
]

describe.each(modes)('parameters added later: %s', (_, options) => {
  // Sums over all parameters at once and one after the other may differ in the last bits: so ξ is the same number for both.
  const same = inducedMetric(adam(), { learningRate: 0.1, xi: 0.01, groups: { last: { base: muon() } } })

  it('go on as if they had been there and had had no gradients', () => {
    const later = createOptimizer(same, parameters(0, 2), options)
    const before = createOptimizer(same, parameters(0, 7), options)
    const counts = [2, 2, 5, 5, 7, 7]
    counts.forEach((count, i) => {
      if (count > later.parameters.length) later.add(parameters(later.parameters.length, count))
      take(later, i + 1, count)
      take(before, i + 1, count)
    })
    expect(stateOf(later)).toEqual(stateOf(before))
    expect(later.report.dualNorm).toBe(before.report.dualNorm)
  })

  it('are worked on in place or copied, with views that are issued again', () => {
    const optimizer = createOptimizer(transformation, parameters(0, 2), options)
    take(optimizer, 1, 2)
    const [own] = parameters(2, 3)
    optimizer.add([own!])
    expect(optimizer.parameters.map(({ name }) => name)).toEqual(['p0', 'p1', 'p2'])
    const live = optimizer.parameters[2]!.data
    if (options.adopt === true) expect(live.buffer).toBe(optimizer.gradients[0]!.data.buffer)
    else expect(live).toBe(own!.data)
    const start = bits(live)
    expect(optimizer.gradients.map(({ data }) => data.length)).toEqual([15, 7, 40])
    gradientsAt(2, 3).forEach((gradient, i) => optimizer.gradients[i]!.data.set(gradient))
    const reference = createOptimizer(transformation, parameters(0, 2), { engine: 'reference' })
    take(reference, 1, 2)
    reference.add(parameters(2, 3))
    optimizer.step(
      optimizer.gradients.map(({ data }) => data),
      { loss: 1.5 },
    )
    take(reference, 2, 3)
    expect(bits(live)).not.toBe(start)
    optimizer.parameters.forEach(({ data }, i) => {
      reference.parameters[i]!.data.forEach((value, k) => expect(data[k]).toBeCloseTo(value, 5))
    })
  })

  it('count in the metric, and in its scale, from then on', () => {
    const vector = (name: string, length: number): Parameter => ({
      name,
      shape: [length],
      data: new Float32Array(length),
    })
    const plain = inducedMetric(sgd(), { learningRate: 0.1, beta: 0 })
    const optimizer = createOptimizer(plain, [vector('a', 2)], options)
    const first = optimizer.step([Float32Array.of(1, 2)])
    expect(first).toMatchObject({ dualNorm: 5, xi: 1 / 2 })
    optimizer.add([vector('b', 6)])
    const second = optimizer.step([Float32Array.of(1, 2), new Float32Array(6).fill(1)])
    expect(second).toMatchObject({ dualNorm: 11, xi: 1 / 8 })
    expect(second.scale).toBeCloseTo(1 / (1 + 11 / 8), 12)
  })

  it('that are not right change nothing', () => {
    const optimizer = createOptimizer(transformation, parameters(0, 2), options)
    take(optimizer, 1, 2)
    const before = stateOf(optimizer)
    const one = { name: 'q', shape: [2], data: new Float32Array(2) }
    const add = optimizer.add.bind(optimizer) as (given: unknown) => void
    expectError(() => add([one, { ...one, name: 'p1' }]), 'ERR_OPTION', 'p1')
    expectError(() => add([{ ...one, data: new Float32Array(3) }]), 'ERR_SHAPE', 'q')
    expectError(() => add([{ ...one, data: [1, 2] }]), 'ERR_SHAPE', 'q')
    expectError(() => add(one), 'ERR_OPTION', 'array')
    expectError(() => add([null]), 'ERR_OPTION')
    const { data } = optimizer.parameters[1]!
    expectError(
      () => add([{ name: 'tied', shape: [2], data: data.subarray(5) }]),
      'ERR_SHAPE',
      '"p1"',
      '"tied"',
    )
    optimizer.add([])
    expect(stateOf(optimizer)).toEqual(before)
    take(optimizer, 2, 2)
    optimizer.dispose()
    expectError(() => add([one]), 'ERR_DISPOSED')
  })

  it('are saved, and continue from it', () => {
    const optimizer = createOptimizer(transformation, parameters(0, 5), options)
    take(optimizer, 1, 5)
    optimizer.add(parameters(5, 7))
    take(optimizer, 2, 7)
    const resumed = createOptimizer(
      transformation,
      optimizer.parameters.map(({ name, shape, data, group }) => ({
        name,
        shape,
        data: data.slice(),
        ...(group !== undefined && { group }),
      })),
      options,
    )
    resumed.load(optimizer.save())
    for (const each of [optimizer, resumed]) take(each, 3, 7)
    expect(stateOf(resumed)).toEqual(stateOf(optimizer))
  })
})

describe('the memory of the wasm engine', () => {
  it('that is too small for the added parameters is ERR_NOT_SUPPORTED, and the optimiser continues', () => {
    const create = (memory?: WasmMemory): Optimizer =>
      createOptimizer(transformation, parameters(0, 5), {
        engine: 'wasm',
        adopt: true,
        ...(memory && { memory }),
      })
    const memory = new platform.WebAssembly.Memory({ initial: 0, maximum: 8 })
    const [tight, free] = [create(memory), create()]
    for (const each of [tight, free]) take(each, 1, 5)
    // Of a base that is there, of one that is not, and a matrix that wants room to be multiplied in.
    for (const shape of [[200_000], [600, 600], [300, 90]]) {
      const data = new Float32Array(sizeOf(shape))
      const group = shape.length === 2 ? { group: 'last' } : {}
      expectError(
        () => tight.add([{ name: 'large', shape, data, ...group }]),
        'ERR_NOT_SUPPORTED',
        'cannot grow',
      )
      for (const each of [tight, free]) take(each, 2, 5)
      expect(stateOf(tight)).toEqual(stateOf(free))
    }
  })

  it('does not compile a known form again, for added parameters or for a schedule', () => {
    const modules = vi.spyOn(platform.WebAssembly, 'Module')
    try {
      const base = sgd({ momentum: (step) => 0.9 / step })
      const scheduled = inducedMetric(base, {
        learningRate: (step) => 0.3 / step,
        xi: (step) => step,
        weightDecay: 0.25,
      })
      const vector = (name: string): Parameter => ({ name, shape: [4], data: new Float32Array(4).fill(1) })
      const first = createOptimizer(scheduled, [vector('a')], { engine: 'wasm' })
      // Its passes, and the whole step in one call.
      expect(modules.mock.calls.length).toBeLessThanOrEqual(2)
      modules.mockClear()
      const sizes: number[] = []
      for (let step = 1; step <= 5; step++) {
        const [before] = first.parameters[0]!.data
        first.step(first.parameters.map(() => new Float32Array(4)))
        sizes.push(before! - first.parameters[0]!.data[0]!)
        if (step === 3) first.add([vector('b')])
      }
      // Without a gradient only the decay is left, which follows the schedule.
      sizes.forEach((size, i) => expect(size).toBeGreaterThan(sizes[i + 1] ?? 0))
      const other = inducedMetric(sgd({ momentum: 0.3 }), { learningRate: 2, weightDecay: 0.5 })
      createOptimizer(other, [vector('c')], { engine: 'wasm' }).step([new Float32Array(4)])
      expect(modules).not.toHaveBeenCalled()
    } finally {
      modules.mockRestore()
    }
  })

  it('of the caller’s does not grow by optimisers that come and go, and they start anew', () => {
    const memory = new platform.WebAssembly.Memory({ initial: 1 })
    const fresh = createOptimizer(transformation, parameters(0, 7), { engine: 'wasm' })
    take(fresh, 1, 7)
    const large = (): Parameter => ({ name: 'large', shape: [50_000], data: new Float32Array(50_000) })
    const round = (): void => {
      const optimizer = createOptimizer(transformation, parameters(0, 7), { engine: 'wasm', memory })
      expect(optimizer.gradients.every(({ data }) => data.every((value) => value === 0))).toBe(true)
      take(optimizer, 1, 7)
      expect(stateOf(optimizer)).toEqual(stateOf(fresh))
      optimizer.add([large()])
      optimizer.step(
        optimizer.parameters.map(({ data }) => data.map(() => 1)),
        { loss: 1 },
      )
      optimizer.dispose()
    }
    round()
    round()
    const { byteLength } = memory.buffer
    for (let i = 0; i < 5; i++) round()
    expect(memory.buffer.byteLength).toBe(byteLength)
  })

  it('does not depend on the places of parameters: added ones are summed by themselves', () => {
    const run = (isNear: boolean): number => {
      const memory = new platform.WebAssembly.Memory({ initial: 1 })
      const values = randomArray('float64', 512, 1)
      const parameter = (i: number): Parameter => {
        const data = new Float64Array(memory.buffer, 2048 * i, 256)
        data.set(values.subarray(256 * i, 256 * (i + 1)))
        return { name: `p${i}`, shape: [256], data }
      }
      if (isNear) {
        // A gap that two gradients fill, and nothing else of theirs.
        const arena = sharedArena(memory)
        const gap = arena.allocate(4096)
        arena.allocate(64)
        arena.release(gap)
      }
      const plain = inducedMetric(sgd(), { learningRate: 0.1, clipNorm: 1e9 })
      const optimizer = createOptimizer(plain, [parameter(0)], { engine: 'wasm', memory })
      optimizer.add([parameter(1)])
      const [a, b] = optimizer.gradients.map(({ data }) => data.byteOffset) as [number, number]
      expect(b - a === 2048).toBe(isNear)
      return optimizer.step([values.slice(0, 256), values.slice(256)]).dualNorm
    }
    expect(run(true)).toBe(run(false))
  })

  it('keeps adopted parameters after the optimiser is gone', () => {
    const memory = new platform.WebAssembly.Memory({ initial: 1 })
    const create = () =>
      createOptimizer(transformation, parameters(0, 5), { engine: 'wasm', adopt: true, memory })
    const first = create()
    take(first, 1, 5)
    const places = first.parameters.map(({ data }) => [data.byteOffset, data.length] as const)
    const before = first.parameters.map(({ data }) => bits(data))
    first.dispose()
    const second = create()
    take(second, 7, 5)
    const views = places.map(([offset, length]) => new Float32Array(memory.buffer, offset, length))
    expect(views.map(bits)).toEqual(before)
  })
})

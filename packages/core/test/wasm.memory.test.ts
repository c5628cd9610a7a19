import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Optimizer, OptimizerOptions, Parameter, Transformation, TypedArray } from '@induced-metric/core'
import type { WasmMemory } from '@induced-metric/core/adapter'
import { createArena } from '../src/engines/wasm/arena.js'
import { bits, randomArray } from './support.js'

interface Platform {
  readonly WebAssembly: {
    Memory: new (limits: { initial: number; maximum?: number }) => WasmMemory
    Module: new (bytes: Uint8Array) => object
    Instance: new (module: object, imports: object) => object
  }
}
const { WebAssembly } = globalThis as unknown as Platform

type Core = typeof import('@induced-metric/core') &
  typeof import('@induced-metric/core/adapter') &
  typeof import('../src/engines/wasm/memory.js')

/** The core, newly loaded: it has created no memory. */
let core: Core
/** All memories that were created since. */
let memories: WasmMemory[]
/** The number of memories that may still be created. */
let left: number

beforeEach(async () => {
  vi.resetModules()
  core = {
    ...(await import('@induced-metric/core')),
    ...(await import('@induced-metric/core/adapter')),
    ...(await import('../src/engines/wasm/memory.js')),
  }
  memories = []
  left = Infinity
  const { Memory } = WebAssembly
  vi.spyOn(WebAssembly, 'Memory').mockImplementation(function make(limits) {
    if (--left < 0) throw new RangeError('WebAssembly.Memory(): could not allocate memory')
    const memory = new Memory(limits)
    memories.push(memory)
    return memory
  })
})
afterEach(() => void vi.restoreAllMocks())

/** A small network's weights: several parameters, none of which is a multiple of a cache line. */
const weights = (seed = 1): Parameter[] =>
  [[3, 2], [3], [1, 3], []].map((shape, i) => ({
    name: `w${i}`,
    shape,
    data: randomArray('float32', core.sizeOf(shape), seed + i),
  }))

const vector = (name: string, size: number, seed = 1): Parameter => ({
  name,
  shape: [size],
  data: randomArray('float32', size, seed),
})

/** Adam: under one factor, which takes steps in one call, or clipped, which takes them in passes. */
const adam = (clipNorm?: number): Transformation =>
  core.inducedMetric(core.adam(), { learningRate: 0.1, ...(clipNorm !== undefined && { clipNorm }) })

const create = (options: OptimizerOptions = {}, parameters = weights(), transformation = adam()) =>
  core.createOptimizer(transformation, parameters, { engine: 'wasm', ...options })

const gradientsOf = ({ parameters }: Optimizer, seed: number) =>
  parameters.map(({ data }, i) => randomArray('float32', data.length, 100 * seed + i))

function train(optimizer: Optimizer, from = 1, to = 3): string[] {
  for (let step = from; step <= to; step++) optimizer.step(gradientsOf(optimizer, step))
  return stateOf(optimizer)
}

const stateOf = ({ parameters, slots, report }: Optimizer): string[] => [
  JSON.stringify(report),
  ...[...parameters.map(({ data }) => data), ...slots.flatMap((each) => Object.values(each))].map(bits),
]

it('two thousand optimisers of a few weights are live at once, and independent', () => {
  const alone = train(create({ adopt: true, memory: core.createMemory() }))
  memories.length = 0
  const modules = vi.spyOn(WebAssembly, 'Module')
  const { Instance } = WebAssembly
  const instances = vi.spyOn(WebAssembly, 'Instance').mockImplementation(function make(module, imports) {
    return new Instance(module, imports)
  })
  const all = Array.from({ length: 2000 }, (_, i) => create({ adopt: true }, weights(i === 1000 ? 1 : i)))
  expect(memories.length).toBeLessThanOrEqual(2)
  expect(modules).not.toHaveBeenCalled()
  expect(instances.mock.calls.length).toBeLessThanOrEqual(3 * memories.length)
  const states = all.map((optimizer) => train(optimizer))
  expect(states[1000]).toEqual(alone)
  // No optimiser has changed another.
  expect(all.map(stateOf)).toEqual(states)
})

describe('without memory', () => {
  const large = (): Parameter[] => [vector('w', 300_000)]

  it("'wasm' is ERR_NOT_SUPPORTED, and 'auto' takes the reference and reports it", () => {
    left = 0
    const refused = { code: 'ERR_NOT_SUPPORTED', message: expect.stringContaining('could not allocate') }
    for (const parameters of [weights(), large()]) {
      expect(() => create({}, parameters)).toThrow(expect.objectContaining(refused))
      const auto = create({ engine: 'auto', adopt: true }, parameters)
      expect(auto.engine).toBe('reference')
      train(auto)
    }
    expect(() => core.createMemory()).toThrow(expect.objectContaining(refused))
    // A caller who needs the one engine does not get the other.
    const worker = { postMessage: () => undefined }
    expect(() => create({ engine: 'auto', worker })).toThrow(expect.objectContaining(refused))
    left = 1
    expect(create({ engine: 'auto' }).engine).toBe('wasm')
  })

  it('small optimisers keep sharing the memory there is, and a larger one may as well', () => {
    left = 1
    const first = create()
    for (let i = 0; i < 100; i++) create()
    expect(create({}, [vector('w', 70_000)]).engine).toBe('wasm')
    expect(memories).toHaveLength(1)
    expect(() => create({}, large())).toThrow(expect.objectContaining({ code: 'ERR_NOT_SUPPORTED' }))
    expect(create({ engine: 'auto' }, large()).engine).toBe('reference')
    train(first)
  })

  it('added parameters are refused, and the optimiser continues', () => {
    const free = create({ adopt: true })
    left = 0
    const tight = create({ adopt: true })
    for (const each of [free, tight]) train(each)
    const before = tight.gradients[0]!.data
    expect(() => tight.add(large())).toThrow(expect.objectContaining({ code: 'ERR_NOT_SUPPORTED' }))
    expect(tight.parameters).toHaveLength(4)
    expect(tight.gradients[0]!.data).toBe(before)
    expect(train(tight, 4, 6)).toEqual(train(free, 4, 6))
  })
})

describe('parameters that are added to an optimiser which shares its memory', () => {
  // The optimiser stays for the first one, moves for the second, and grows its new memory for the third.
  const sizes = [10, 200_000, 700_000]

  it.each<[string, OptimizerOptions, Transformation | undefined]>([
    ['in one call', {}, undefined],
    ['in passes', { adopt: true }, undefined],
    ['muon', { adopt: true }, undefined],
  ])('may make it move to another memory, which changes no bit: %s', (kind, options) => {
    const transformation =
      kind === 'muon'
        ? core.inducedMetric(core.adam(), { learningRate: 0.1, groups: { last: { base: core.muon() } } })
        : adam(kind === 'in passes' ? 1 : undefined)
    const parameters = () =>
      weights().map((w) => ({ ...w, ...(kind === 'muon' && w.shape.length === 2 && { group: 'last' }) }))
    const start = (more: OptimizerOptions) => create({ ...options, ...more }, parameters(), transformation)
    const [shared, alone] = [start({}), start({ memory: core.createMemory() })]
    let step = 0
    for (const size of sizes) {
      expect(train(shared, step + 1, step + 2)).toEqual(train(alone, step + 1, step + 2))
      step += 2
      const before = [...shared.gradients, ...(options.adopt ? shared.parameters : [])].map(
        ({ data }) => data,
      )
      const { buffer } = before[0]!
      for (const { gradients } of [shared, alone]) gradients[1]!.data.fill(step)
      for (const each of [shared, alone]) each.add([vector(`more${size}`, size)])
      expect(shared.gradients.map(({ data }) => bits(data))).toEqual(
        alone.gradients.map(({ data }) => bits(data)),
      )
      const isSame = shared.gradients[0]!.data.buffer === buffer
      expect(isSame).toBe(size === 10)
      // An old view is still valid, or obviously not.
      if (isSame) expect(before[0]).toEqual(shared.gradients[0]!.data)
      else expect(before.some((data) => data.length > 0 && !data.every(Number.isNaN))).toBe(false)
    }
    expect(train(shared, step + 1, step + 2)).toEqual(train(alone, step + 1, step + 2))
    shared.add([])
    expect(train(shared, step + 3, step + 3)).toEqual(train(alone, step + 3, step + 3))
  })
})

describe('an optimiser that shares its memory', () => {
  it('treats arrays of another optimiser as the caller’s: as parameters, and as gradients', () => {
    const gradients = weights(50)
    const run = (other: boolean): string[] => {
      const donor = create({ adopt: true }, gradients)
      const held = donor.parameters.map(({ data }) => (other ? data : data.slice()))
      const one = create()
      for (let i = 0; i < 3; i++) one.step(held)
      const adopter = create(
        { adopt: true },
        weights().map((w, i) => ({ ...w, data: held[i]! })),
      )
      train(adopter)
      // It has copied the values, and does not use the arrays.
      expect(donor.parameters.map(({ data }) => bits(data))).toEqual(gradients.map(({ data }) => bits(data)))
      const follower = create(
        {},
        weights().map((w, i) => ({ ...w, data: held[i]! })),
      )
      const states = [stateOf(one), stateOf(adopter), train(follower)].flat()
      expect(memories).toHaveLength(1)
      return [...states, ...held.map(bits)]
    }
    expect(run(true)).toEqual(run(false))
  })

  it('reads its own arrays in place', () => {
    const run = (memory?: WasmMemory): string[] => {
      const optimizer = create({ adopt: true, ...(memory && { memory }) })
      for (let i = 0; i < 3; i++) {
        // The gradient of |w|² / 2.
        optimizer.step(optimizer.parameters.map(({ data }) => data))
      }
      return stateOf(optimizer)
    }
    expect(run()).toEqual(run(core.createMemory()))
  })

  it('takes the same steps at any address', () => {
    const expected = train(create({ adopt: true }, weights(), adam(1)))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(300), fc.boolean()), { maxLength: 20 }), (others) => {
        const created = others.map(([size, stays]) => [create({}, [vector('v', size)]), stays] as const)
        for (const [other, stays] of created) if (!stays) other.dispose()
        const optimizer = create({ adopt: true }, weights(), adam(1))
        expect(train(optimizer)).toEqual(expected)
        for (const [other] of created) other.dispose()
        optimizer.dispose()
      }),
      { numRuns: 50 },
    )
  })
})

describe('dispose()', () => {
  it.each([{}, { adopt: true }])('releases memory that the next can use: %o', (options) => {
    const round = (): Optimizer => create(options, [vector('w', 2000)])
    for (let i = 0; i < 20; i++) round()
    expect(memories).toHaveLength(1)
    // Each needs 40 KiB. Of these, 8 KiB of adopted parameters are kept.
    for (let i = 0; i < 400; i++) round().dispose()
    expect(memories.length).toBeLessThanOrEqual('adopt' in options ? 2 : 1)
    expect(memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)).toBeLessThan(400 * 40 * 1024)
  })

  it('never reuses memory that callers have views of', () => {
    const views = (optimizer: Optimizer): TypedArray[] => [
      ...optimizer.parameters.map(({ data }) => data),
      ...optimizer.gradients.map(({ data }) => data.fill(7)),
      ...optimizer.slots.flatMap((slots) => Object.values(slots)),
    ]
    const disposed = Array.from({ length: 20 }, (_, i) => {
      const optimizer = create({ adopt: true }, weights(i))
      train(optimizer)
      return { optimizer, held: views(optimizer) }
    })
    const before = disposed.map(({ held }) => held.map(bits))
    for (const { optimizer } of disposed) optimizer.dispose()
    for (let i = 0; i < 200; i++) train(create({ adopt: i % 2 === 0 }))
    expect(disposed.map(({ held }) => held.map(bits))).toEqual(before)
    disposed.forEach(({ optimizer, held }) => {
      expect(optimizer.parameters.map(({ data }) => data)).toEqual(held.slice(0, 4))
      expect(() => optimizer.gradients[0]!.data).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
    })
  })
})

describe('an unreachable optimiser', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      collect()
      await setTimeout(10)
    }
  }

  it('is released without dispose()', async () => {
    // Each needs 320 KiB: 1,280 KiB in a round, until they are collected.
    for (let round = 0; round < 15; round++) {
      for (let i = 0; i < 4; i++) create({}, [vector('w', 20_000)])
      await settle()
    }
    expect(memories.length).toBeLessThanOrEqual(2)
  })

  it('has its own memory collected once it is disposed of, even while it is reachable', async () => {
    let freed = 0
    const registry = new FinalizationRegistry<undefined>(() => freed++)
    const make = (): Optimizer => {
      const optimizer = create({}, [vector('w', 200_000)])
      train(optimizer, 1, 1)
      registry.register(memories.pop()!, undefined)
      return optimizer
    }
    const held = Array.from({ length: 5 }, make)
    for (const optimizer of held) optimizer.dispose()
    vi.mocked(WebAssembly.Memory).mockClear()
    await settle()
    expect(freed).toBe(5)
    expect(held[0]!.parameters[0]!.data).toHaveLength(200_000)
  })
})

describe('an arena', () => {
  it('allocates no byte twice, and is one free range when all is released', () => {
    const orders = fc.array(fc.tuple(fc.nat(3000), fc.nat(), fc.boolean()), { maxLength: 60 })
    fc.assert(
      fc.property(orders, (list) => {
        const memory = core.createMemory(false, 2)
        const arena = createArena(memory, 0)
        const blocks: { address: number; bytes: number }[] = []
        for (const [bytes, pick, takes] of list) {
          if (takes || blocks.length === 0) {
            const [address, second] = arena.allocateAll([bytes, bytes >> 1]) as [number, number]
            blocks.push({ address, bytes }, { address: second, bytes: bytes >> 1 })
          } else arena.release(blocks.splice(pick % blocks.length, 1)[0]!.address)
          blocks.sort((a, b) => a.address - b.address)
          blocks.forEach(({ address }, i) => {
            expect(address % 64).toBe(0)
            if (i > 0) expect(address).toBeGreaterThanOrEqual(blocks[i - 1]!.address + blocks[i - 1]!.bytes)
          })
        }
        for (const { address } of blocks) arena.release(address)
        expect(arena.free()).toBe(2 ** 17)
        expect(arena.allocate(2 ** 17)).toBe(0)
      }),
      { numRuns: 50 },
    )
  })
})

import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  adagrad,
  adam,
  createOptimizer,
  inducedMetric,
  log,
  muon,
  rmsprop,
  sgd,
  type Optimizer,
  type OptimizerOptions,
} from '@induced-metric/core'
import { planStep, type Scalars, type WasmMemory } from '@induced-metric/core/adapter'
import { encodeMatrixModule } from '../src/engines/wasm/codegen/matmul.js'
import { encodeStep } from '../src/engines/wasm/codegen/stepModule.js'
import { compileStep } from '../src/engines/wasm/compileStep.js'
import { instantiateStep } from '../src/engines/wasm/instantiateStep.js'
import { bits, expectError, randomArray, type Dtype } from './support.js'

interface Platform {
  readonly WebAssembly: {
    readonly Memory: new (limits: { initial: number; maximum?: number; shared?: boolean }) => WasmMemory
    readonly Module: new (bytes: Uint8Array) => object
  }
}
const { WebAssembly } = globalThis as unknown as Platform

const transformation = inducedMetric(adam(), { learningRate: 0.1, weightDecay: 0.01, embedding: log() })
const shapes = [[5, 3], [7], [], [0]]

function create(options: OptimizerOptions, dtype: Dtype = 'float32'): Optimizer {
  return createOptimizer(
    transformation,
    shapes.map((shape, i) => ({ name: `p${i}`, shape, data: randomArray(dtype, sizeOf(shape), i) })),
    options,
  )
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1)
}

function gradientsAt(step: number, dtype: Dtype = 'float32') {
  return shapes.map((shape, i) => randomArray(dtype, sizeOf(shape), 100 * step + i))
}

/** The bits of the parameters after three steps. */
function threeSteps(optimizer: Optimizer): string[] {
  for (const step of [1, 2, 3]) optimizer.step(gradientsAt(step), { loss: 2 })
  return optimizer.parameters.map(({ data }) => bits(data))
}

const expected = threeSteps(create({ engine: 'reference' }))

describe('arrays', () => {
  it('of the caller are updated in place, and read again at every step', () => {
    const optimizer = create({ engine: 'wasm' })
    const data = optimizer.parameters[0]!.data
    const reference = create({ engine: 'reference' })
    for (const [at, each] of [optimizer, reference].entries()) {
      each.step(gradientsAt(1), { loss: 2 })
      each.parameters[0]!.data[3] = 42
      each.step(gradientsAt(2), { loss: 2 })
      expect(each.parameters[0]!.data[3], `${at}`).toBeCloseTo(42, 0)
    }
    expect(optimizer.parameters[0]!.data).toBe(data)
    expect(bits(data)).toBe(bits(reference.parameters[0]!.data))
  })

  it.each(['wasm', 'reference'] as const)('that %s adopts are not used again', (engine) => {
    const data = randomArray('float32', 15, 0)
    const before = bits(data)
    const optimizer = createOptimizer(transformation, [{ name: 'p', shape: [15], data }], {
      engine,
      adopt: true,
    })
    const live = optimizer.parameters[0]!.data
    optimizer.step([randomArray('float32', 15, 1)], { loss: 2 })
    expect(optimizer.parameters[0]!.data).toBe(live)
    expect(bits(live)).not.toBe(before)
    if (engine === 'wasm') expect(bits(data)).toBe(before)
    else expect(live).toBe(data)
    live.fill(3)
    optimizer.step([new Float32Array(15)], { loss: 2 })
    expect(live[0]).toBeGreaterThan(2)
  })

  it('for gradients are views that a step reads in place', () => {
    for (const engine of ['wasm', 'reference'] as const) {
      const optimizer = create({ engine, adopt: true })
      const views = optimizer.gradients.map(({ data }) => data)
      expect(optimizer.gradients.map(({ name, shape, data }) => [name, shape, data.length])).toEqual(
        shapes.map((shape, i) => [`p${i}`, shape, sizeOf(shape)]),
      )
      for (const step of [1, 2, 3]) {
        gradientsAt(step).forEach((gradient, i) => views[i]!.set(gradient))
        optimizer.step(views, { loss: 2 })
      }
      expect(optimizer.parameters.map(({ data }) => bits(data))).toEqual(expected)
      expect(views.map(bits)).toEqual(gradientsAt(3).map(bits))
    }
  })

  it('of float64 keep their precision', () => {
    const steps = (engine: 'wasm' | 'reference') => {
      const optimizer = create({ engine }, 'float64')
      for (const step of [1, 2, 3]) optimizer.step(gradientsAt(step, 'float64'), { loss: 2 })
      return optimizer.parameters.flatMap(({ data }) => [...data])
    }
    const got = steps('wasm')
    steps('reference').forEach((value, i) => expect(Math.abs(got[i]! - value)).toBeLessThan(1e-13))
  })

  it('of both element types work together', () => {
    const make = (engine: 'wasm' | 'reference') =>
      createOptimizer(
        transformation,
        [
          { name: 'a', shape: [9], data: randomArray('float32', 9, 1) },
          { name: 'b', shape: [9], data: randomArray('float64', 9, 2) },
        ],
        { engine },
      )
    const [wasm, reference] = [make('wasm'), make('reference')]
    for (const optimizer of [wasm, reference]) {
      optimizer.step([randomArray('float32', 9, 3), randomArray('float64', 9, 4)], { loss: 1 })
    }
    expect(wasm.report.scale).toBeCloseTo(reference.report.scale, 8)
    expect(bits(wasm.parameters[0]!.data)).toBe(bits(reference.parameters[0]!.data))
    expect(wasm.parameters[1]!.data[8]).toBeCloseTo(reference.parameters[1]!.data[8]!, 8)
  })
})

describe('large arrays', () => {
  const lengths = [70_001, 3, 150_002]

  it.each([
    ['float32', 'clipped', 0.5],
    ['float64', 'clipped', 0.5],
    ['float32', 'not clipped', undefined],
  ] as const)(
    '%s, %s, agree with the reference, and survive a step that is not finite',
    (dtype, _, clipNorm) => {
      const create = (options: OptimizerOptions): Optimizer =>
        createOptimizer(
          inducedMetric(adam(), {
            learningRate: 0.1,
            weightDecay: 0.1,
            ...(clipNorm !== undefined && { clipNorm }),
          }),
          lengths.map((length, i) => ({
            name: `p${i}`,
            shape: [length],
            data: randomArray(dtype, length, i),
          })),
          options,
        )
      const reference = create({ engine: 'reference' })
      const outside = create({ engine: 'wasm' })
      const adopted = create({ engine: 'wasm', adopt: true })
      for (const step of [1, 2, 3]) {
        const gradients = lengths.map((length, i) =>
          step === i ? null : randomArray(dtype, length, 10 * step + i),
        )
        for (const optimizer of [reference, outside, adopted]) optimizer.step(gradients)
        expect(outside.report.dualNorm / reference.report.dualNorm).toBeCloseTo(
          1,
          dtype === 'float32' ? 5 : 12,
        )
      }
      const [bad, ...others] = lengths.map((length, i) => randomArray(dtype, length, i))
      bad![70_000] = NaN
      const before = outside.parameters.map(({ data }) => bits(data))
      expect(outside.step([bad!, ...others]).skipped).toBe(true)
      expect(outside.parameters.map(({ data }) => bits(data))).toEqual(before)
      reference.parameters.forEach(({ data }, i) => {
        for (const optimizer of [outside, adopted]) {
          const got = optimizer.parameters[i]!.data
          const slot = optimizer.slots[i]!['v']!
          const tolerance = dtype === 'float32' ? 1e-5 : 1e-12
          expect(data.every((value, k) => Math.abs(value - got[k]!) <= tolerance)).toBe(true)
          const expected = reference.slots[i]!['v']!
          expect(slot.every((value, k) => Math.abs(value - expected[k]!) <= 1e-5 * expected[k]!)).toBe(true)
        }
      })
    },
  )
})

describe('a memory of the caller’s', () => {
  it('grows, and its contents stay', () => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    new Uint8Array(memory.buffer).fill(7)
    const optimizer = create({ engine: 'wasm', memory, adopt: true })
    expect(memory.buffer.byteLength).toBeGreaterThan(65536)
    expect(optimizer.parameters[0]!.data.buffer).toBe(memory.buffer)
    expect(optimizer.gradients[0]!.data.buffer).toBe(memory.buffer)
    expect(threeSteps(optimizer)).toEqual(expected)
    expect(new Uint8Array(memory.buffer, 0, 65536).every((byte) => byte === 7)).toBe(true)
  })

  it('may contain parameters and gradients, which are then used in place', () => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    const data = randomArray('float32', 15, 0)
    new Float32Array(memory.buffer, 4, 15).set(data)
    const parameter = { name: 'p', shape: [15], data: new Float32Array(memory.buffer, 4, 15) }
    const optimizer = createOptimizer(transformation, [parameter], { engine: 'wasm', memory })
    const gradient = new Float32Array(memory.buffer, 400, 15)
    gradient.set(randomArray('float32', 15, 1))
    optimizer.step([gradient], { loss: 2 })
    expect(optimizer.parameters[0]!.data.byteOffset).toBe(4)
    const reference = createOptimizer(transformation, [{ ...parameter, data }], { engine: 'reference' })
    reference.step([randomArray('float32', 15, 1)], { loss: 2 })
    expect(bits(new Float32Array(memory.buffer, 4, 15))).toBe(bits(data))
  })

  it('may be grown by others: the views are created again', () => {
    const memory = new WebAssembly.Memory({ initial: 0 })
    const first = create({ engine: 'wasm', memory, adopt: true })
    const { data } = first.parameters[0]!
    first.step(gradientsAt(1), { loss: 2 })
    const second = create({ engine: 'wasm', memory, adopt: true })
    memory.grow(3)
    expect(data.length).toBe(0)
    expect(first.parameters[0]!.data.length).toBe(15)
    for (const step of [2, 3]) first.step(gradientsAt(step), { loss: 2 })
    expect(first.parameters.map(({ data }) => bits(data))).toEqual(expected)
    expect(threeSteps(second)).toEqual(expected)
    expect(first.parameters.map(({ data }) => bits(data))).toEqual(expected)
  })

  it('may be shared between threads', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 100, shared: true })
    expect(threeSteps(create({ engine: 'wasm', memory }))).toEqual(expected)
  })

  it('may need addresses above 2³¹', () => {
    const memory = new WebAssembly.Memory({ initial: 33_000 })
    const optimizer = create({ engine: 'wasm', memory, adopt: true })
    expect(optimizer.parameters[0]!.data.byteOffset).toBeGreaterThan(2 ** 31)
    expect(threeSteps(optimizer)).toEqual(expected)
    const matrix = { name: 'w', shape: [9, 7], data: randomArray('float32', 63, 1) }
    const muons = (['wasm', 'reference'] as const).map((engine) =>
      createOptimizer(
        inducedMetric(muon(), { learningRate: 0.1 }),
        [{ ...matrix, data: matrix.data.slice() }],
        {
          engine,
          ...(engine === 'wasm' && { memory }),
        },
      ),
    )
    const [got, reference] = muons.map((optimizer) => {
      optimizer.step([randomArray('float32', 63, 2)])
      return optimizer.parameters[0]!.data
    })
    reference!.forEach((value, i) => expect(got![i]).toBeCloseTo(value, 5))
  })

  it('that cannot grow enough is ERR_NOT_SUPPORTED', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
    expectError(
      () => create({ engine: 'wasm', memory }),
      'ERR_NOT_SUPPORTED',
      'cannot grow',
      "engine: 'reference'",
    )
  })

  it('cannot exceed 4 GiB', () => {
    const data = new Float32Array(2 ** 28 + 1)
    expectError(
      () => createOptimizer(transformation, [{ name: 'p', shape: [data.length], data }], { engine: 'wasm' }),
      'ERR_NOT_SUPPORTED',
      '4096 MiB',
    )
  })

  it('must be a memory, and must be of use', () => {
    const loosely = createOptimizer as (...given: unknown[]) => unknown
    const parameters = [{ name: 'p', shape: [], data: new Float32Array(1) }]
    for (const memory of [{}, null, 1, new ArrayBuffer(8)]) {
      expectError(() => loosely(transformation, parameters, { memory }), 'ERR_OPTION', 'memory')
    }
    const memory = new WebAssembly.Memory({ initial: 0 })
    expectError(
      () => loosely(transformation, parameters, { engine: 'reference', memory }),
      'ERR_OPTION',
      'memory',
    )
    expectError(() => loosely(transformation, parameters, { adopt: 1 }), 'ERR_OPTION', 'adopt')
  })
})

describe('where WebAssembly is missing', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.resetModules()
  })

  it.each([
    ['altogether', undefined],
    [
      'by a content security policy',
      {
        Module: function refuse() {
          throw new Error('refused')
        },
      },
    ],
  ])('%s: auto falls back, wasm is ERR_NOT_SUPPORTED', async (_, stub) => {
    vi.resetModules()
    vi.stubGlobal('WebAssembly', stub)
    const core = await import('@induced-metric/core')
    const adapter = await import('@induced-metric/core/adapter')
    const { createForeignPasses } = await import('../src/engines/wasm/foreignPasses.js')
    expect(adapter.isWasmSupported()).toBe(false)
    const transformation = core.inducedMetric(core.sgd(), { learningRate: 1 })
    const parameter = { name: 'p', shape: [1], data: new Float32Array(1) }
    core.createOptimizer(transformation, [parameter]).step([new Float32Array([1])])
    expect(parameter.data[0]).toBe(-0.5)
    for (const call of [
      () => core.createOptimizer(transformation, [parameter], { engine: 'wasm' }),
      () =>
        createForeignPasses(adapter.planStep(transformation, [parameter]), {} as never, {} as never, () => ({
          inputs: [],
          outputs: [],
        })),
    ]) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_NOT_SUPPORTED' }))
    }
  })
})

describe('modules', () => {
  const graphOf = (base: ReturnType<typeof adam>, learningRate = 0.1) =>
    planStep(inducedMetric(base, { learningRate, weightDecay: 0.01, clipNorm: 1 }), [
      { name: 'p', shape: [4, 4] },
    ]).parameters[0]!.graph

  it.each([
    ['sgd', sgd()],
    ['momentum', sgd({ momentum: 0.9 })],
    ['adam', adam()],
    ['nesterov adam', adam({ nesterov: true })],
    ['muon', muon()],
  ])('of %s are small enough for browsers to compile synchronously: under 4 KiB', (_, base) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const { bytes } = encodeStep(graphOf(base), dtype, false)
      expect(bytes.length).toBeLessThan(4096)
      expect(() => new WebAssembly.Module(bytes)).not.toThrow()
    }
  })

  it('of the matrix products are small enough, too', () => {
    for (const dtype of ['float32', 'float64'] as const)
      expect(encodeMatrixModule(dtype).length).toBeLessThan(4096)
  })

  it('are compiled once for every structure, whatever the numbers', () => {
    const first = compileStep(graphOf(adam({ beta1: 0.5 }), 0.1), 'float32', false)
    expect(compileStep(graphOf(adam({ beta1: 0.6, epsilon: 1 }), 0.2), 'float32', false)).toBe(first)
    expect(compileStep(graphOf(adam()), 'float64', false)).not.toBe(first)
    expect(compileStep(graphOf(adam({ nesterov: true })), 'float32', false)).not.toBe(first)
  })
})

describe('sums', () => {
  it('do not overflow where single precision would and double does not', () => {
    // 40 squares of 3.2e38 each: their sum is finite only in double precision.
    const gradient = new Float32Array(40).fill(1.79e19)
    const create = (engine: 'wasm' | 'reference') =>
      createOptimizer(
        inducedMetric(sgd(), { learningRate: 1, xi: 1e-30 }),
        [{ name: 'p', shape: [40], data: new Float32Array(40) }],
        { engine },
      )
    const [wasm, reference] = [create('wasm').step([gradient]), create('reference').step([gradient])]
    expect(wasm.skipped).toBe(false)
    expect(wasm.dualNorm).toBe(reference.dualNorm)
  })

  it.each([
    ['adam', (epsilon: number) => adam({ epsilon })],
    ['rmsprop', (epsilon: number) => rmsprop({ epsilon })],
    ['adagrad', (epsilon: number) => adagrad({ epsilon })],
  ])('of quotients agree for all magnitudes: %s', (_, base) => {
    for (const epsilon of [0, 1e-30, 1e-8, 1]) {
      for (const scale of [0, 1e-25, 1e-19, 1e-12, 1, 1e9, 1e18, 1e19]) {
        const [wasm, reference] = (['wasm', 'reference'] as const).map((engine) => {
          const parameter = { name: 'p', shape: [53], data: new Float32Array(53) }
          const transformation = inducedMetric(base(epsilon), { learningRate: 0.1 })
          const optimizer = createOptimizer(transformation, [parameter], { engine })
          return [1, 2].map((step) => {
            const gradient = randomArray('float32', 53, step).map((x, i) => (i % 7 === 0 ? x : x * scale))
            const { skipped, dualNorm } = optimizer.step([gradient])
            return { skipped, dualNorm }
          })
        })
        reference!.forEach(({ skipped, dualNorm }, step) => {
          expect(wasm![step]!.skipped).toBe(skipped)
          if (!Number.isFinite(dualNorm)) expect(wasm![step]!.dualNorm).toBe(dualNorm)
          else expect(Math.abs(wasm![step]!.dualNorm - dualNorm)).toBeLessThanOrEqual(1e-6 * dualNorm)
        })
      }
    }
  })

  it.each([Infinity, -Infinity, NaN, 2e19])('skip a step for %d at any position', (bad) => {
    for (const length of [1, 3, 4, 16, 21, 67]) {
      for (const at of [0, length >> 1, length - 1]) {
        const data = randomArray('float32', length, 1)
        const before = bits(data)
        const optimizer = createOptimizer(
          inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 1 }),
          [{ name: 'p', shape: [length], data }],
          { engine: 'wasm' },
        )
        const gradient = randomArray('float32', length, 2)
        gradient[at] = bad
        expect(optimizer.step([gradient]).skipped).toBe(true)
        expect(bits(data)).toBe(before)
        expect(optimizer.slots[0]!['momentum']!.every((value) => value === 0)).toBe(true)
      }
    }
  })
})

describe('matrix products', () => {
  it.each([
    [1, 1],
    [3, 5],
    [8, 8],
    [9, 17],
    [130, 40],
    [40, 300],
    [140, 139],
    [260, 257],
  ])('of %d × %d agree with those of the reference', (rows, columns) => {
    for (const [dtype, tolerance] of [
      ['float32', 2e-5],
      ['float64', 1e-12],
    ] as const) {
      const create = (engine: 'wasm' | 'reference') =>
        createOptimizer(
          inducedMetric(muon({ iterations: 2 }), { learningRate: 0.1 }),
          [{ name: 'p', shape: [rows, columns], data: randomArray(dtype, rows * columns, 1) }],
          { engine },
        )
      const [wasm, reference] = [create('wasm'), create('reference')]
      for (const step of [1, 2]) {
        for (const optimizer of [wasm, reference]) optimizer.step([randomArray(dtype, rows * columns, step)])
      }
      const got = wasm.parameters[0]!.data
      const errors = [...reference.parameters[0]!.data].map((value, i) => Math.abs(value - got[i]!))
      const error = Math.max(...errors)
      expect(error).toBeLessThan(tolerance)
      expect(wasm.report.dualNorm / reference.report.dualNorm).toBeCloseTo(1, dtype === 'float32' ? 4 : 11)
    }
  })
})

describe('instantiateStep', () => {
  it('writes to other buffers than it reads from, at unaligned addresses', () => {
    const memory = new WebAssembly.Memory({ initial: 2 })
    let next = 64
    const released: number[] = []
    const allocator = {
      allocate(bytes: number) {
        const address = next
        next += Math.ceil(bytes / 8) * 8
        return address
      },
      release: (address: number) => released.push(address),
    }
    const plan = planStep(inducedMetric(adam(), { learningRate: 0.1, clipNorm: 1 }), [
      { name: 'p', shape: [37] },
    ])
    const { graph } = plan.parameters[0]!
    const kernels = instantiateStep(graph, 'float32', memory, allocator)
    const start = 65536 + 3
    const place = (k: number): number => start + 200 * k
    const tensors = Array.from({ length: 100 }, (_, t) => ({
      size: 1 + (t % 37),
      rows: 1,
      columns: 1,
      inputs: [0, 1, 2, 3].map(place),
      outputs: [4, 5, 6].map(place),
    }))
    const write = (address: number, values: ArrayLike<number>) =>
      Array.from(values, (value, i) => new DataView(memory.buffer).setFloat32(address + 4 * i, value, true))
    const read = (address: number, length: number) =>
      Array.from({ length }, (_, i) => new DataView(memory.buffer).getFloat32(address + 4 * i, true))
    const values = [0, 1, 2, 3].map((k) => randomArray('float32', 37, k).map((x) => (k === 3 ? x * x : x)))
    values.forEach((value, k) => write(place(k), value))
    const inputs = new Uint8Array(memory.buffer).slice(start, place(4))

    const one: Scalars = { step: 3, learningRate: 0.1, weightDecay: 0 }
    Object.assign(one, {
      'base.beta1': 0.9,
      'base.beta2': 0.99,
      'base.epsilon': 1e-8,
      clip: 0.5,
      scale: 0.25,
    })
    const other = { ...one, step: 4 }
    const scalars = tensors.map((_, t) => (t === 70 ? other : one))
    const [norms, duals] = [new Float64Array(100), new Float64Array(100)]
    kernels.norm(tensors, scalars, norms)
    kernels.reduce(tensors, scalars, [duals])
    kernels.update(tensors.slice(36, 37), scalars.slice(36, 37))

    const [gradient, parameter, m, v] = values as [Float32Array, Float32Array, Float32Array, Float32Array]
    const dualOf = (size: number, step: number): number => {
      let dual = 0
      for (let i = 0; i < size; i++) {
        const g = 0.5 * gradient[i]!
        const correction = 1 - 0.99 ** step
        dual += (g * g) / (Math.sqrt((0.99 * v[i]! + 0.01 * g * g) / correction) + 1e-8)
      }
      return dual
    }
    tensors.forEach(({ size }, t) => {
      const norm = gradient.slice(0, size).reduce((total, g) => total + g * g, 0)
      expect(norms[t]! / norm).toBeCloseTo(1, 6)
      expect(duals[t]! / dualOf(size, t === 70 ? 4 : 3)).toBeCloseTo(1, 6)
    })
    const nextM = read(place(5), 37)
    const nextV = read(place(6), 37)
    read(place(4), 37).forEach((value, i) => {
      const g = 0.5 * gradient[i]!
      expect(nextM[i]).toBeCloseTo(0.9 * m[i]! + 0.1 * g, 6)
      expect(nextV[i]).toBeCloseTo(0.99 * v[i]! + 0.01 * g * g, 6)
      const direction = nextM[i]! / (1 - 0.9 ** 3) / (Math.sqrt(nextV[i]! / (1 - 0.99 ** 3)) + 1e-8)
      expect(value).toBeCloseTo(parameter[i]! - 0.1 * 0.25 * direction, 5)
    })
    expect(new Uint8Array(memory.buffer).slice(start, place(4))).toEqual(inputs)
    kernels.dispose()
    expect(released).toEqual([64])
  })

  it('allocates memory for matrices once, however often it is called', () => {
    const memory = new WebAssembly.Memory({ initial: 4 })
    let next = 65536
    const calls: number[] = []
    const allocator = {
      allocate(bytes: number) {
        calls.push(bytes)
        const address = next
        next += Math.ceil(bytes / 64) * 64
        if (next > memory.buffer.byteLength) memory.grow(16)
        return address
      },
      release: () => {},
    }
    const plan = planStep(inducedMetric(muon(), { learningRate: 0.1 }), [{ name: 'p', shape: [4, 3] }])
    const kernels = instantiateStep(plan.parameters[0]!.graph, 'float32', memory, allocator)
    // Two matrices. Their bindings are new objects at every step, as those of frameworks that create tensors anew.
    const take = (): Float64Array => {
      const bindings = [0, 1].map((i) => {
        const [gradient, parameter, slot] = [0, 100, 200].map((at) => at + 400 * i) as [
          number,
          number,
          number,
        ]
        return {
          size: 12,
          rows: 4,
          columns: 3,
          inputs: [gradient, parameter, slot],
          outputs: [parameter, slot],
        }
      })
      new Float32Array(memory.buffer, 0, 12).set(randomArray('float32', 12, 1))
      new Float32Array(memory.buffer, 400, 12).set(randomArray('float32', 12, 2))
      const scalars = { step: 1, rows: 4, columns: 3, learningRate: 0.1, 'base.momentum': 0.9, scale: 1 }
      const duals = new Float64Array(2)
      kernels.reduce(bindings, [scalars, scalars], [duals])
      kernels.update(bindings, [scalars, scalars])
      return duals
    }
    const first = take()
    expect(first[0]).toBeGreaterThan(0)
    expect(first[1]).toBeGreaterThan(0)
    expect(first[0]).not.toBe(first[1])
    const before = calls.length
    for (let step = 0; step < 10; step++) take()
    expect(calls.length).toBe(before)
  })
})

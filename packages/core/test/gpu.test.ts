import { describe, expect, it } from 'vitest'
import {
  adafactor,
  adam,
  algebra,
  createGpuOptimizer,
  createOptimizer,
  cosine,
  definePreconditioner,
  inducedMetric,
  InducedMetricError,
  lion,
  log,
  muon,
  prodigy,
  sgd,
  shampoo,
  soap,
  type GpuBuffer,
  type GpuDevice,
  type GpuOptimizer,
  type Preconditioner,
  type Transformation,
} from '@induced-metric/core'
import { createFakeDevice, type Asked } from './fakeDevice.js'
import { expectError } from './support.js'

// What the steps of a device cost, and what they refuse. What they compute is tested in browsers.

const learningRate = 0.1
/** STORAGE | COPY_DST | COPY_SRC */
const usage = 128 | 8 | 4

interface Training {
  readonly optimizer: GpuOptimizer
  readonly device: GpuDevice & { asked: Asked }
  readonly parameters: readonly GpuBuffer[]
  readonly gradients: readonly GpuBuffer[]
  /** Takes a step, and returns what the device was asked for. */
  readonly step: (options?: {
    readonly loss?: number | GpuBuffer
  }) => Pick<Asked, 'dispatches' | 'passes' | 'submits' | 'read'>
}

function train(
  transformation: Transformation,
  shapes: readonly (readonly number[])[],
  limits: Partial<GpuDevice['limits']> = {},
): Training {
  const device = createFakeDevice(limits)
  const buffers = (): GpuBuffer[] =>
    shapes.map((shape) => device.createBuffer({ size: 4 * shape.reduce((a, b) => a * b, 1), usage }))
  const [parameters, gradients] = [buffers(), buffers()]
  const given = shapes.map((shape, i) => ({ name: `w${i}`, shape, buffer: parameters[i]! }))
  const optimizer = createGpuOptimizer(transformation, given, device)
  return {
    optimizer,
    device,
    parameters,
    gradients,
    step(options) {
      const { dispatches, passes, submits, read } = device.asked
      optimizer.step(gradients, options)
      const after = device.asked
      return {
        dispatches: after.dispatches - dispatches,
        passes: after.passes - passes,
        submits: after.submits - submits,
        read: after.read - read,
      }
    },
  }
}

/** Lets promises that are resolved already have their effect. */
const turn = (): Promise<void> => new Promise((next) => void setTimeout(next))

const layers = [[784, 128], [128], [128, 64], [64], [64, 10], [10]]

describe('the launches of a step', () => {
  it.each([
    ['adam', inducedMetric(adam(), { learningRate }), 13],
    ['adam itself', inducedMetric(adam(), { learningRate, xi: 0 }), 13],
    ['lion, decayed', inducedMetric(lion(), { learningRate, weightDecay: 0.1 }), 13],
    ['sgd and log', inducedMetric(sgd(), { learningRate, embedding: log() }), 13],
    ['adam, clipped', inducedMetric(adam(), { learningRate, clipNorm: 1 }), 20],
  ])(
    '%s: at most %i for 6 variables, in one pass, one submit, and nothing is read',
    (_, transformation, most) => {
      const { step } = train(transformation, layers)
      const { dispatches, ...rest } = step({ loss: 1 })
      expect(dispatches).toBeLessThanOrEqual(most)
      expect(rest).toEqual({ passes: 1, submits: 1, read: 0 })
      expect(step({ loss: 1 })).toEqual({ dispatches, ...rest })
    },
  )

  it('are at most 60 for 100 small variables of Adam, and fewer where the device binds more', () => {
    const shapes = Array.from({ length: 100 }, (_, i) => [3 + (i % 7)])
    const transformation = inducedMetric(adam(), { learningRate })
    expect(train(transformation, shapes).step().dispatches).toBeLessThanOrEqual(60)
    const more = train(transformation, shapes, { maxStorageBuffersPerShaderStage: 16 })
    expect(more.step().dispatches).toBeLessThanOrEqual(25)
  })

  it('are those of a matrix product each in Muon, however many matrices there are', () => {
    const transformation = inducedMetric(muon({ iterations: 5 }), { learningRate })
    const products = 3 * 5
    for (const shape of [
      [32, 64],
      [64, 32],
      [32, 32],
    ])
      expect(train(transformation, [shape]).step().dispatches).toBeLessThanOrEqual(2 + 1 + products)
    const many = Array.from({ length: 6 }, () => [32, 64])
    expect(train(transformation, many).step().dispatches).toBeLessThanOrEqual(2 * 6 + 1 + products)
  })

  it('are those of products, roots and factors in bases of eigenvectors, however many matrices there are', () => {
    const dispatches = (base: Preconditioner, count: number): number => {
      const shapes = Array.from({ length: count }, () => [32, 64])
      return train(inducedMetric(base, { learningRate }), shapes).step().dispatches
    }
    expect([1, 2, 6].map((count) => dispatches(shampoo(), count))).toEqual([12, 12, 12])
    expect([1, 2, 6].map((count) => dispatches(soap(), count))).toEqual([27, 27, 27])
  })

  it('are more by copies in half precision, four parameters at a time', () => {
    const device = createFakeDevice()
    const own = (size: number): GpuBuffer => device.createBuffer({ size, usage })
    const parameters = layers.map((_, i) => ({ name: `w${i}`, shape: [8], buffer: own(32), half: own(16) }))
    const optimizer = createGpuOptimizer(inducedMetric(adam(), { learningRate }), parameters, device)
    const { dispatches, passes } = device.asked
    optimizer.step(layers.map(() => own(32)))
    const without = train(inducedMetric(adam(), { learningRate }), layers).step().dispatches
    expect(device.asked.dispatches - dispatches).toBe(without + 2)
    expect(device.asked.passes - passes).toBe(1)
  })

  it('leave out parameters that have no gradient', () => {
    const shapes = Array.from({ length: 40 }, () => [5])
    const { optimizer, device, gradients, step } = train(inducedMetric(sgd(), { learningRate }), shapes)
    const all = step().dispatches
    const before = device.asked.dispatches
    optimizer.step(gradients.map((gradient, i) => (i === 0 ? gradient : null)))
    expect(device.asked.dispatches - before).toBe(3)
    expect(all).toBeGreaterThan(10)
  })
})

describe('the buffers of an optimiser', () => {
  it('are the same over 2,000 steps, and dispose frees them and none of the caller’s', async () => {
    const transformation = inducedMetric(adam(), {
      learningRate: cosine({ from: 0.1, steps: 2000 }),
      clipNorm: 1,
      accumulate: 2,
    })
    const { optimizer, device, parameters, gradients, step } = train(transformation, layers)
    const { living } = device.asked
    for (let i = 0; i < 4; i++) step({ loss: 1 })
    await optimizer.report()
    const before = [...living.values()]
    for (let i = 0; i < 2000; i++) {
      step({ loss: 1 })
      if (i % 10 === 9) await turn()
    }
    await optimizer.report()
    expect([...living.values()]).toEqual(before)
    optimizer.dispose()
    expect([...living.keys()]).toEqual([...parameters, ...gradients])
  })

  it('are read once in many steps only, a few hundred bytes', async () => {
    const { device, step } = train(inducedMetric(adam(), { learningRate }), layers)
    for (let i = 0; i < 1000; i++) {
      step()
      await turn()
    }
    expect(device.asked.read / 1000).toBeLessThan(16)
  })

  it('grow where nobody waits for the device, and steps go on', () => {
    const { device, step } = train(inducedMetric(adam(), { learningRate }), [[3]])
    for (let i = 0; i < 300; i++) step()
    expect(device.asked.submits).toBeGreaterThanOrEqual(300)
  })

  it('share arrays in Muon’s iterations: they need no more for ten than for one', () => {
    const { device, parameters } = train(inducedMetric(muon({ iterations: 10 }), { learningRate }), [
      [64, 64],
    ])
    const own = [...device.asked.living].filter(([buffer]) => !parameters.includes(buffer))
    expect(Math.max(...own.map(([, size]) => size))).toBe(6 * 4 * 64 * 64)
  })

  it('are freed where an optimiser cannot be created', () => {
    const device = createFakeDevice({ maxStorageBuffersPerShaderStage: 3 })
    const buffer = device.createBuffer({ size: 400, usage })
    const transformation = inducedMetric(adam(), { learningRate })
    expectError(
      () => createGpuOptimizer(transformation, [{ name: 'w', shape: [100], buffer }], device),
      'ERR_NOT_SUPPORTED',
      'adam',
      'binds 3',
      'maxStorageBuffersPerShaderStage',
    )
    expect([...device.asked.living.keys()]).toEqual([buffer])
  })

  it('are several for a tensor whose slots do not fit one', () => {
    const size = 4 * 1000
    const { device, step } = train(inducedMetric(adam(), { learningRate }), [[1000]], {
      maxStorageBufferBindingSize: 2 * size - 4,
    })
    step()
    expect([...device.asked.living.values()].filter((bytes) => bytes === size)).toHaveLength(4)
  })
})

describe('what is refused', () => {
  const noisy = definePreconditioner({
    name: 'noisy',
    hyperparameters: { seed: { kind: 'integer', default: 7, min: 0 } },
    update: ({ gradient, normal }) => ({ direction: algebra.add(gradient, normal()), slots: {} }),
  })

  it.each([
    ['shampoo', shampoo(), 'inverseRoot'],
    ['soap', soap(), 'eigenvectors'],
  ])('a matrix too large for a workgroup, by the name of the base: %s', (name, base, op) => {
    const transformation = inducedMetric(base, { learningRate })
    const given = [
      [4, 4],
      [2, 1025],
    ]
    expectError(
      () => train(transformation, given),
      'ERR_NOT_SUPPORTED',
      name,
      op,
      '1025 × 1025',
      '"w1"',
      '1024',
    )
    expect(() => train(transformation, [[2, 1024]])).not.toThrow()
  })

  it('a base that needs the host, by its name', () => {
    const transformation = inducedMetric(noisy(), { learningRate })
    expectError(() => train(transformation, [[4, 4]]), 'ERR_NOT_SUPPORTED', 'noisy', 'normal numbers')
  })

  it('arguments that are none', () => {
    const device = createFakeDevice()
    const transformation = inducedMetric(adam(), { learningRate })
    const buffer = device.createBuffer({ size: 12, usage })
    const create = (given: unknown, on: unknown = device) =>
      createGpuOptimizer(transformation, given as never, on as GpuDevice)
    const parameter = { name: 'w', shape: [3], buffer }
    expectError(() => create([parameter], {}), 'ERR_OPTION', 'device', 'GPUDevice')
    expectError(() => create(parameter), 'ERR_OPTION', 'array')
    expectError(() => create([null]), 'ERR_OPTION', 'null')
    expectError(
      () => create([{ ...parameter, buffer: new Float32Array(3) }]),
      'ERR_OPTION',
      '"w"',
      'GPUBuffer',
    )
    expectError(() => create([{ ...parameter, shape: [4] }]), 'ERR_SHAPE', '16 bytes', '12')
    expectError(() => create([parameter, { ...parameter, name: 'v' }]), 'ERR_SHAPE', '"w"', '"v"', 'share')
    const half = device.createBuffer({ size: 4, usage })
    expectError(() => create([{ ...parameter, half }]), 'ERR_SHAPE', 'half-precision', '8 bytes', '4')
    expectError(() => create([{ ...parameter, half: buffer }]), 'ERR_SHAPE', 'share')
    const unbound = device.createBuffer({ size: 12, usage: 8 })
    expectError(() => create([{ ...parameter, buffer: unbound }]), 'ERR_OPTION', 'STORAGE')
  })

  it('gradients and losses that are none', () => {
    const { optimizer, device, parameters, gradients } = train(
      inducedMetric(adam(), { learningRate, embedding: log() }),
      [[3], [2]],
    )
    const loss = 1
    expectError(() => optimizer.step([], { loss }), 'ERR_SHAPE', '2 gradients')
    expectError(() => optimizer.step([gradients[1]!, null], { loss }), 'ERR_SHAPE', '"w0"', '12 bytes')
    expectError(() => optimizer.step([parameters[0]!, null], { loss }), 'ERR_SHAPE', 'buffer of a parameter')
    expectError(() => optimizer.step([...gradients].slice(0, 1), { loss }), 'ERR_SHAPE', '1')
    expectError(() => optimizer.step(gradients), 'ERR_LOSS_REQUIRED', 'log')
    expectError(() => optimizer.step(gradients, { lost: 1 } as never), 'ERR_OPTION', 'lost')
    const buffer = (bytes: number, use: number) => device.createBuffer({ size: bytes, usage: use })
    expectError(() => optimizer.step(gradients, { loss: buffer(4, 128) }), 'ERR_OPTION', 'COPY_SRC')
    expectError(() => optimizer.step(gradients, { loss: buffer(2, 4) }), 'ERR_SHAPE', '4 bytes')
    expect(device.asked.dispatches).toBe(0)
    optimizer.step(gradients, { loss: buffer(4, 4) })
    expect(device.asked.dispatches).toBeGreaterThan(0)
  })

  it('everything after dispose, and after the device is lost', async () => {
    const { optimizer, gradients } = train(inducedMetric(adam(), { learningRate }), [[3]])
    optimizer.dispose()
    optimizer.dispose()
    expectError(() => optimizer.step(gradients), 'ERR_DISPOSED')
    expectError(() => optimizer.reset(), 'ERR_DISPOSED')
    await expect(optimizer.report()).rejects.toThrow(/ERR_DISPOSED/)
    await expect(optimizer.save()).rejects.toThrow(InducedMetricError)

    let lose: (info: { message: string }) => void = () => undefined
    const device = Object.assign(createFakeDevice(), {
      lost: new Promise<{ message: string }>((resolve) => (lose = resolve)),
    })
    const buffer = device.createBuffer({ size: 12, usage })
    const parameters = [{ name: 'w', shape: [3], buffer }]
    const other = createGpuOptimizer(inducedMetric(adam(), { learningRate }), parameters, device)
    lose({ message: 'the driver was reset' })
    await turn()
    expectError(() => other.step([null]), 'ERR_DISPOSED', 'the driver was reset', 'checkpoint')
  })
})

describe('the learning rate', () => {
  it('is that of the next step, and can be set', () => {
    const { optimizer, step } = train(inducedMetric(adam(), { learningRate: (step) => 1 / step }), [[3]])
    expect(optimizer.learningRate).toBe(1)
    step()
    expect(optimizer.learningRate).toBe(1 / 2)
    optimizer.learningRate = 0.25
    expect(optimizer.learningRate).toBe(0.25)
    expectError(() => (optimizer.learningRate = -1), 'ERR_OPTION')
    optimizer.reset()
    expect(optimizer.learningRate).toBe(1)
  })

  it('is refused where its schedule leaves its range, before anything is submitted', () => {
    const { device, step } = train(inducedMetric(adam(), { learningRate: (step) => 2 - step }), [[3]])
    step()
    step()
    const { submits } = device.asked
    expectError(() => step(), 'ERR_OPTION', 'learningRate')
    expect(device.asked.submits).toBe(submits)
  })
})

describe('checkpoints', () => {
  it('of another transformation are refused', () => {
    const { optimizer } = train(inducedMetric(adam(), { learningRate }), [[3]])
    const data = new Float32Array(3)
    const other = createOptimizer(inducedMetric(sgd(), { learningRate }), [{ name: 'w0', shape: [3], data }])
    expectError(() => optimizer.load(other.save()), 'ERR_CHECKPOINT')
  })
})

it('compiles one set of kernels for the optimisers of a device', () => {
  const device = createFakeDevice()
  const create = (transformation: Transformation): number => {
    const buffer = device.createBuffer({ size: 400, usage })
    const before = device.asked.code.length
    createGpuOptimizer(transformation, [{ name: 'w', shape: [10, 10], buffer }], device)
    return device.asked.code.length - before
  }
  for (const base of [adam(), muon(), adafactor(), prodigy()]) {
    expect(create(inducedMetric(base, { learningRate }))).toBeGreaterThan(2)
    expect(create(inducedMetric(base, { learningRate: learningRate / 2 }))).toBe(0)
  }
})

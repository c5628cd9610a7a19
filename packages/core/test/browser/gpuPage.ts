import {
  adam,
  algebra,
  createGpuOptimizer,
  createOptimizer,
  definePreconditioner,
  inducedMetric,
  lion,
  log,
  muon,
  root,
  scheduleFree,
  sgd,
  shampoo,
  soap,
  warmup,
  type GpuBuffer,
  type GpuDevice,
  type GpuOptimizer,
  type Optimizer,
  type Transformation,
} from '@induced-metric/core'
import { requestDevice, usage } from './pageDevice.js'

// The functions of the page that the browser tests call. Beside each optimiser on the device, one on arrays takes the same steps.

/** The buffers that live. */
const living = new Set<GpuBuffer>()

let started: Promise<GpuDevice> | undefined
/** The device, which counts its buffers. */
function start(): Promise<GpuDevice> {
  started ??= open()
  return started
}

async function open(): Promise<GpuDevice> {
  const device = await requestDevice()
  const create = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor)
    living.add(buffer)
    const destroy = buffer.destroy.bind(buffer)
    buffer.destroy = () => {
      living.delete(buffer)
      destroy()
    }
    return buffer
  }
  return device
}

const shapes = [[6, 5], [5], [5, 3], []]
const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
const wave = (size: number, phase: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(3 * i + phase) / 2)

/** An optimiser on the device, and one on arrays. */
class Pair {
  readonly device: GpuDevice
  readonly buffers: readonly GpuBuffer[]
  readonly gpu: GpuOptimizer
  readonly host: Optimizer

  constructor(device: GpuDevice, transformation: Transformation) {
    this.device = device
    const data = shapes.map((shape, i) => wave(sizeOf(shape), i))
    this.buffers = data.map((values) => this.upload(values))
    const named = shapes.map((shape, i) => ({ name: `w${i}`, shape }))
    const onDevice = named.map((info, i) => ({ ...info, buffer: this.buffers[i]! }))
    this.gpu = createGpuOptimizer(transformation, onDevice, device)
    this.host = createOptimizer(
      transformation,
      named.map((info, i) => ({ ...info, data: data[i]! })),
    )
  }

  upload(values: Float32Array<ArrayBuffer>): GpuBuffer {
    const buffer = this.device.createBuffer({ size: values.byteLength, usage })
    this.device.queue.writeBuffer(buffer, 0, values)
    return buffer
  }

  /** Takes a step with both. */
  step(count: number, { isBad = false, without = -1, loss = 2 / count, lossIsBuffer = false } = {}): void {
    const gradients = shapes.map((shape, i) => {
      if (i === without) return null
      const values = wave(sizeOf(shape), 10 * count + i)
      if (isBad && i === 1) values[2] = NaN
      return values
    })
    const given = gradients.map((values) => values && this.upload(values))
    const lossBuffer = lossIsBuffer ? this.upload(Float32Array.of(loss)) : undefined
    this.gpu.step(given, { loss: lossBuffer ?? loss })
    this.host.step(gradients, { loss })
    // A buffer is in use until the steps before are done, and destroyed only then.
    for (const buffer of given) buffer?.destroy()
    lossBuffer?.destroy()
  }

  async read(): Promise<Float32Array[]> {
    const read: Float32Array[] = []
    for (const buffer of this.buffers) read.push(new Float32Array(await download(this.device, buffer)))
    return read
  }

  /** The largest difference of their parameters. */
  async distance(): Promise<number> {
    return distance(
      await this.read(),
      this.host.parameters.map(({ data }) => data),
    )
  }

  dispose(): void {
    this.gpu.dispose()
    this.host.dispose()
    for (const buffer of this.buffers) buffer.destroy()
  }
}

function distance(given: readonly ArrayLike<number>[], expected: readonly ArrayLike<number>[]): number {
  let worst = 0
  expected.forEach((list, k) =>
    Array.from(list).forEach((x, i) => {
      const difference = Math.abs(given[k]![i]! - x)
      if (!(difference <= worst)) worst = difference
    }),
  )
  return worst
}

const transformations = {
  adam: inducedMetric(adam(), {
    learningRate: 0.05,
    embedding: log(),
    weightDecay: 0.1,
    onNonFinite: 'skip',
  }),
  scheduled: inducedMetric(lion(), {
    learningRate: warmup(0.05, { steps: 20 }),
    clipNorm: 1,
    metricScope: 'parameter',
    onNonFinite: 'skip',
  }),
  muon: inducedMetric(muon(), { learningRate: 0.05, lookahead: { syncPeriod: 3 }, onNonFinite: 'skip' }),
  floor: inducedMetric(adam({ beta2: 0.9 }), {
    learningRate: 0.05,
    embedding: root({ floor: 'follow' }),
    averagedModel: true,
    averageWeights: { ema: 0.9 },
    onNonFinite: 'skip',
  }),
  free: inducedMetric(scheduleFree(sgd({ momentum: 0 })), { learningRate: 0.05, onNonFinite: 'skip' }),
  shampoo: inducedMetric(shampoo({ every: 3, epsilon: 0.5 }), { learningRate: 0.05, onNonFinite: 'skip' }),
  accumulated: inducedMetric(adam(), {
    learningRate: 0.05,
    embedding: log(),
    accumulate: 3,
    onNonFinite: 'skip',
  }),
}
export type Name = keyof typeof transformations
export const names = Object.keys(transformations) as Name[]

/**
 * Three batches of five have a NaN, of which the device tells nobody before the end; some have no gradient for a parameter.
 *
 * @returns how far the parameters are from those of the optimiser that skips at once, and both reports
 */
async function skipped(name: Name): Promise<{ distance: number; reports: unknown[] }> {
  const pair = new Pair(await start(), transformations[name])
  // An update of several calls is lost with one of them.
  const isBad = (count: number): boolean =>
    name === 'accumulated' ? count % 9 === 4 : [1, 3, 4].includes(count % 5)
  for (let count = 1; count <= 20; count++)
    pair.step(count, { isBad: isBad(count), without: count % 7 === 2 ? 2 : -1 })
  const report = await pair.gpu.report()
  const found = { distance: await pair.distance(), reports: [report, pair.host.report] }
  pair.dispose()
  return found
}

/**
 * A base that does most of its work every few steps, whose batches have a NaN in just those, and in others.
 *
 * @returns how far the parameters are from those of a run that was never given these batches
 */
async function skippedWork(): Promise<number> {
  const device = await start()
  const transformation = inducedMetric(soap({ every: 3 }), { learningRate: 0.05, onNonFinite: 'skip' })
  const run = async (isGiven: boolean): Promise<Float32Array[]> => {
    const pair = new Pair(device, transformation)
    for (let count = 1; count <= 20; count++) {
      const isBad = [1, 4, 5, 7, 10, 13].includes(count)
      if (isGiven || !isBad) pair.step(count, { isBad })
    }
    const found = await pair.read()
    pair.dispose()
    return found
  }
  return distance(await run(true), await run(false))
}

/**
 * Takes steps on the device, goes on from its checkpoint on arrays, and from that of arrays on the device.
 *
 * @returns how far parameters and slots are from those of arrays alone
 */
async function resumed(name: Name): Promise<number[]> {
  const device = await start()
  const pair = new Pair(device, transformations[name])
  for (let count = 1; count <= 7; count++) pair.step(count, { without: count === 4 ? 0 : -1 })
  const saved = await pair.gpu.save()
  const expected = pair.host.save()
  const slotsOf = ({ parameters }: typeof saved) => parameters.flatMap(({ slots }) => Object.values(slots))
  const ofSlots = distance(slotsOf(saved), slotsOf(expected))
  // Each goes on from the state of the other.
  pair.gpu.load(expected)
  pair.host.load(saved)
  for (let count = 8; count <= 14; count++) pair.step(count)
  const found = [ofSlots, await pair.distance()]
  // And the device once more from its own.
  pair.gpu.load(await pair.gpu.save())
  pair.step(15)
  found.push(await pair.distance())
  pair.dispose()
  return found
}

/** The buffers that live while 2,000 steps are taken, after 10 optimisers were created and freed, and at the end. */
async function memory(): Promise<{ during: number[]; before: number; after: number }> {
  const device = await start()
  const before = living.size
  for (let i = 0; i < 10; i++) {
    const pair = new Pair(device, transformations.adam)
    pair.step(1)
    pair.dispose()
  }
  const pair = new Pair(device, transformations.adam)
  const gradients = shapes.map((shape) => pair.upload(wave(sizeOf(shape), 1)))
  const during: number[] = []
  for (let i = 0; i < 2000; i++) {
    pair.gpu.step(gradients, { loss: 1 })
    if (i % 20 === 19) await pair.gpu.report()
    if (i % 200 === 199) during.push(living.size)
  }
  pair.dispose()
  for (const gradient of gradients) gradient.destroy()
  return { during, before, after: living.size }
}

/** What the optimiser throws of steps that it has to refuse, when it reports on them, and what it does after that. */
async function thrown(): Promise<unknown> {
  const given = { learningRate: 0.05, embedding: log(), onNonFinite: 'throw' } as const
  const transformation = inducedMetric(adam(), given)
  const pair = new Pair(await start(), transformation)
  const submit = (count: number, first: number, loss: number): void => {
    const gradients = shapes.map((shape, i) => {
      const values = wave(sizeOf(shape), 10 * count + i)
      if (i === 0) values[0] = first
      return pair.upload(values)
    })
    pair.gpu.step(gradients, { loss: pair.upload(Float32Array.of(loss)) })
  }
  const code = (error: { code?: string }): string => error.code ?? 'another error'
  const codes: unknown[] = []
  const before = await pair.read()
  submit(1, Infinity, 1)
  codes.push(await pair.gpu.report().catch(code))
  submit(1, 0.5, -1)
  codes.push(await pair.gpu.report().catch(code))
  submit(1, 0.5, NaN)
  codes.push(await pair.gpu.report().catch(code))
  const moved = distance(await pair.read(), before)
  submit(1, 0.5, 1)
  const { step, skippedSteps, loss } = await pair.gpu.report()
  pair.dispose()
  return { codes, moved, report: { step, skippedSteps, loss } }
}

/** How far averages are from those of arrays while they are exchanged, and parameters afterwards. */
async function averages(name: Name): Promise<number[]> {
  const pair = new Pair(await start(), transformations[name])
  for (let count = 1; count <= 7; count++) pair.step(count, { lossIsBuffer: count % 2 === 0 })
  const hosts = pair.host.withEvaluationWeights(() => pair.host.parameters.map(({ data }) => data.slice()))
  const within = await pair.gpu.withEvaluationWeights(async () => distance(await pair.read(), hosts))
  const apart = distance(
    hosts,
    pair.host.parameters.map(({ data }) => data),
  )
  const found = [within, await pair.distance(), apart]
  pair.dispose()
  return found
}

const { add, div, matmul, mul, rowMax, rowSums, square, sub, sum, transpose } = algebra
/** Reads ρ where others are done, and transposes what it writes over. */
const late = definePreconditioner({
  name: 'late',
  matrix: true,
  update({ gradient, parameter, slot, scale, learningRate }) {
    const left = slot('left', { shape: 'rows,rows', initial: 'identity' })
    const right = slot('right', { shape: 'columns,columns' })
    const shrunk = div(parameter, add(1, rowSums(mul(scale, square(parameter)))))
    const pulled = matmul(mul(scale, left), shrunk)
    const length = sum(square(mul(scale, pulled)))
    const pull = div(pulled, add(1, add(length, rowMax(pulled))))
    return {
      direction: gradient,
      parameter: sub(parameter, mul(learningRate, add(mul(scale, gradient), pull))),
      slots: {
        left: add(mul(0.5, left), mul(0.1, matmul(gradient, transpose(parameter)))),
        turned: add(mul(0.5, transpose(slot('turned', { shape: 'rows,rows' }))), left),
        right: add(transpose(right), mul(0.1, matmul(transpose(shrunk), gradient))),
      },
    }
  },
})

/** How far the slots of a matrix of several workgroups are from those of arrays, with a base that does what few do. */
async function unusual(): Promise<number[]> {
  const device = await start()
  const transformation = inducedMetric(late(), { learningRate: 0.05, xi: 0.1, weightDecay: 0.1 })
  const shape = [90, 70]
  const size = sizeOf(shape)
  const data = wave(size, 1)
  const upload = (values: Float32Array<ArrayBuffer>): GpuBuffer => {
    const buffer = device.createBuffer({ size: values.byteLength, usage })
    device.queue.writeBuffer(buffer, 0, values)
    return buffer
  }
  const gpu = createGpuOptimizer(transformation, [{ name: 'w', shape, buffer: upload(data) }], device)
  const host = createOptimizer(transformation, [{ name: 'w', shape, data }])
  for (let count = 1; count <= 4; count++) {
    const gradient = wave(size, 10 * count)
    gpu.step([upload(gradient)])
    host.step([gradient])
  }
  const slotsOf = ({ parameters }: Awaited<ReturnType<typeof gpu.save>>) => parameters[0]!.slots
  const [ours, theirs] = [slotsOf(await gpu.save()), slotsOf(host.save())]
  gpu.dispose()
  return ['left', 'right', 'turned'].map((name) => distance([ours[name]!], [theirs[name]!]))
}

/** How far copies in half precision are from the parameters, relative to them: at first, after steps, and within averages. */
async function halves(): Promise<number[]> {
  const device = await start()
  const sizes = [7, 12, 1, 300, 2]
  const data = sizes.map((size, i) => wave(size, i))
  data[3]![5] = 1e6
  const upload = (values: Float32Array<ArrayBuffer>): GpuBuffer => {
    const buffer = device.createBuffer({ size: values.byteLength, usage })
    device.queue.writeBuffer(buffer, 0, values)
    return buffer
  }
  const [buffers, copies] = [
    data.map(upload),
    sizes.map((size) => upload(new Float32Array(Math.ceil(size / 2)))),
  ]
  const transformation = inducedMetric(adam(), { learningRate: 0.1, averageWeights: { ema: 0.5 } })
  const parameters = sizes.map((size, i) => ({
    name: `w${i}`,
    shape: [size],
    buffer: buffers[i]!,
    // One parameter has none.
    ...(i !== 1 && { half: copies[i]! }),
  }))
  const optimizer = createGpuOptimizer(transformation, parameters, device)
  const compare = async (): Promise<number> => {
    let worst = 0
    for (const i of [0, 2, 3, 4]) {
      const full = new Float32Array(await download(device, buffers[i]!))
      const half = new Uint16Array(await download(device, copies[i]!))
      full.forEach((x, k) => {
        const expected = Math.max(-65504, Math.min(65504, x))
        worst = Math.max(worst, Math.abs(fromHalf(half[k]!) - expected) / Math.max(1e-3, Math.abs(expected)))
      })
    }
    return worst
  }
  const found = [await compare()]
  for (let count = 1; count <= 3; count++) optimizer.step(sizes.map((size) => upload(wave(size, 10 * count))))
  found.push(await compare())
  found.push(await optimizer.withEvaluationWeights(compare))
  found.push(await compare())
  optimizer.dispose()
  return found
}

/** A number in half precision. */
function fromHalf(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

async function download(device: GpuDevice, buffer: GpuBuffer): Promise<ArrayBuffer> {
  const staging = device.createBuffer({ size: buffer.size, usage: 1 | 8 })
  const encoder = device.createCommandEncoder()
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size)
  device.queue.submit([encoder.finish()])
  await staging.mapAsync(1)
  const copy = staging.getMappedRange().slice(0)
  staging.destroy()
  return copy
}

const page = {
  halves,
  unusual,
  skipped,
  skippedWork,
  resumed,
  memory,
  thrown,
  averages,
}
export type Page = typeof page
Object.assign(globalThis, { page })

import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  adam,
  createOptimizer,
  inducedMetric,
  log,
  muon,
  serveOptimizers,
  sgd,
  type Optimizer,
  type OptimizerOptions,
  type OptimizerWorker,
  type Parameter,
  type Transformation,
} from '@induced-metric/core'
import type { WasmMemory } from '@induced-metric/core/adapter'
import type { WorkerMessage } from '../src/engines/wasm/threads/protocol.js'
import { bits, expectError, randomArray, type Dtype } from './support.js'

interface Platform {
  readonly WebAssembly: {
    readonly Memory: new (limits: { initial: number; maximum?: number; shared?: boolean }) => WasmMemory
  }
}
const { WebAssembly } = globalThis as unknown as Platform

/** A worker that counts the loops it runs. It gets the function as text, straight from the sources. */
function startWorker(): { worker: Worker; calls: () => number } {
  const counter = new Int32Array(new SharedArrayBuffer(4))
  const script = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { Instance } = WebAssembly
    WebAssembly.Instance = function (module, imports) {
      const { exports } = new Instance(module, imports)
      const counted = ([name, run]) => [name, (...given) => (Atomics.add(workerData, 0, 1), run(...given))]
      return { exports: Object.fromEntries(Object.entries(exports).map(counted)) }
    }
    ;(${serveOptimizers.toString()})(parentPort)`
  const worker = new Worker(script, { eval: true, workerData: counter })
  return { worker, calls: () => Atomics.load(counter, 0) }
}

const values = ({ parameters }: Optimizer): string[] => parameters.map(({ data }) => bits(data))

/** A worker that never takes a part. */
const absent: OptimizerWorker = { postMessage: () => undefined }

/**
 * The last one has enough elements by itself to be divided between threads. The third misses a step, after which those
 * around it no longer form a run.
 */
const lengths = [400_001, 0, 3, 1_100_002]

const made = new Map<Dtype, ReturnType<typeof randomArray>[]>()
function arrays(dtype: Dtype) {
  let found = made.get(dtype)
  if (!found) made.set(dtype, (found = lengths.map((length, i) => randomArray(dtype, length, i + 1))))
  return found
}

function parameters(dtype: Dtype, from = 0): Parameter[] {
  return lengths.map((length, i) => ({
    name: `p${from + i}`,
    shape: [length],
    data: arrays(dtype)[i]!.slice(),
  }))
}

function create(
  transformation: Transformation,
  options: OptimizerOptions,
  dtype: Dtype = 'float32',
): Optimizer {
  return createOptimizer(transformation, parameters(dtype), { engine: 'wasm', ...options })
}

const plain = inducedMetric(sgd(), { learningRate: 0.1 })
const transformations: [string, Transformation][] = [
  ['sgd', plain],
  [
    'adam, clipped and decayed under log',
    inducedMetric(adam(), { learningRate: 0.1, embedding: log(), weightDecay: 0.1, clipNorm: 3 }),
  ],
]

describe('a worker', () => {
  let counted: ReturnType<typeof startWorker>
  beforeAll(async () => {
    counted = startWorker()
    await once(counted.worker, 'online')
  })
  afterAll(() => counted.worker.terminate())
  afterEach(() => vi.unstubAllGlobals())

  /** Steps until the worker has had a part in one. Returns the number of steps. */
  const stepUntilShared = async (step: () => void): Promise<number> => {
    const before = counted.calls()
    let count = 0
    do {
      step()
      count++
      // A worker that has just started may wait for this thread's events, and one without a core of its own for its turn.
      await setImmediate()
      if (count > 20_000) throw new Error('the worker does nothing')
    } while (counted.calls() === before)
    return count
  }

  describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
    it.each(transformations)(
      'changes no bit, whether it takes a part or not: %s',
      async (_, transformation) => {
        const [shared, alone] = [counted.worker, absent].map((worker) =>
          create(transformation, { worker, adopt: true }, dtype),
        ) as [Optimizer, Optimizer]
        const step = (optimizer: Optimizer, at: number): void => {
          const gradients = arrays(dtype).map((array, i) => (i === 2 && at === 2 ? null : array))
          optimizer.step(gradients, { loss: 1 + 1 / at })
        }
        let at = 0
        await stepUntilShared(() => step(shared, ++at))
        for (let i = 0; i < 2; i++) step(shared, ++at)
        for (let i = 1; i <= at; i++) step(alone, i)
        expect(shared.report).toEqual(alone.report)
        shared.parameters.forEach(({ data }, i) => expect(bits(data)).toBe(bits(alone.parameters[i]!.data)))
        for (const optimizer of [shared, alone]) optimizer.dispose()
      },
    )

    it.each(transformations)(
      'works on parts whose sums agree with those of the whole: %s',
      (_, transformation) => {
        const [parts, whole] = [{ worker: absent }, {}].map((given) =>
          create(transformation, given, dtype),
        ) as [Optimizer, Optimizer]
        for (const loss of [2, 1.5, 1]) for (const each of [parts, whole]) each.step(arrays(dtype), { loss })
        const tolerance = dtype === 'float32' ? 1e-6 : 1e-12
        expect(Math.abs(parts.report.dualNorm / whole.report.dualNorm - 1)).toBeLessThan(tolerance)
        parts.parameters.forEach(({ data }, i) => {
          const expected = whole.parameters[i]!.data
          expect(data.every((value, k) => Math.abs(value - expected[k]!) <= tolerance)).toBe(true)
        })
      },
    )
  })

  it('reports a number in its part that is not finite, except where only single precision overflows', async () => {
    const optimizer = create(inducedMetric(sgd(), { learningRate: 0.1, xi: 1e-40 }), {
      worker: counted.worker,
    })
    const gradients = arrays('float32').map((array) => array.slice())
    await stepUntilShared(() => optimizer.step(gradients))
    const before = optimizer.parameters.map(({ data }) => bits(data))
    for (const bad of [NaN, Infinity, 1e30]) {
      gradients[3]![1_100_000] = bad
      expect(optimizer.step(gradients).skipped).toBe(true)
    }
    expect(optimizer.parameters.map(({ data }) => bits(data))).toEqual(before)
    gradients[3]!.fill(1.7e19, 1_099_000)
    const { skipped, dualNorm } = optimizer.step(gradients)
    expect(skipped).toBe(false)
    expect(dualNorm / (1.7e19 ** 2 * 1002)).toBeCloseTo(1, 5)
    optimizer.dispose()
  })

  it('serves several optimisers, parameters that are added to them, and memory that grows', async () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2000, shared: true })
    const momentum = inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.1 })
    const one = create(momentum, { worker: counted.worker, memory })
    const other = create(momentum, { worker: counted.worker, memory })
    const alone = create(momentum, { worker: absent })
    const step = (optimizer: Optimizer): void => {
      const sets = optimizer.parameters.length / lengths.length
      optimizer.step(Array.from({ length: sets }, () => arrays('float32')).flat())
    }
    const count = await stepUntilShared(() => step(one))
    await stepUntilShared(() => step(other))
    for (const optimizer of [one, other]) optimizer.add(parameters('float32', 10))
    other.dispose()
    const more = await stepUntilShared(() => step(one))
    for (let i = 0; i < count; i++) step(alone)
    alone.add(parameters('float32', 10))
    for (let i = 0; i < more; i++) step(alone)
    one.parameters.forEach(({ data }, i) => expect(bits(data)).toBe(bits(alone.parameters[i]!.data)))
  })

  it('that was terminated is not missed', async () => {
    const { worker } = startWorker()
    const [terminated, alone] = [create(plain, { worker }), create(plain, { worker: absent })]
    await worker.terminate()
    for (const each of [terminated, alone]) for (let i = 0; i < 3; i++) each.step(arrays('float32'))
    expect(values(terminated)).toEqual(values(alone))
  })

  it('that is terminated within a step is given up, and a checkpoint goes on without it', () => {
    let received: WorkerMessage | undefined
    const terminated: OptimizerWorker = { postMessage: (message) => (received = message as WorkerMessage) }
    const optimizer = create(plain, { worker: terminated })
    const alone = create(plain, { worker: absent })
    const saved = optimizer.save()
    // It takes the part that it is offered, and never reports it done.
    const { control, word, state } = received!
    const notify = vi.spyOn(Atomics, 'notify').mockImplementation(() => {
      Atomics.store(new Int32Array(control), word.state, state.taken)
      return 1
    })
    let now = 0
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => (now += 1000))
    expectError(() => optimizer.step(arrays('float32')), 'ERR_DISPOSED', 'the worker was terminated')
    for (const spy of [notify, clock]) spy.mockRestore()

    optimizer.load(saved)
    for (const each of [optimizer, alone]) for (let i = 0; i < 2; i++) each.step(arrays('float32'))
    expect(values(optimizer)).toEqual(values(alone))
  })

  it('is not used for few parameters, nor for matrix products', () => {
    const before = counted.calls()
    for (const base of [adam(), muon()]) {
      const small = createOptimizer(
        inducedMetric(base, { learningRate: 0.1 }),
        [{ name: 'w', shape: [30, 20], data: randomArray('float32', 600, 1) }],
        { worker: counted.worker },
      )
      for (let step = 0; step < 5; step++) small.step([randomArray('float32', 600, step)])
      small.dispose()
    }
    expect(counted.calls()).toBe(before)
  })

  it('must be a worker, and must be of use', () => {
    for (const given of [{}, 1, 'worker', null]) {
      expectError(() => create(plain, { worker: given as never }), 'ERR_OPTION', 'worker')
    }
    expectError(() => create(plain, { worker: absent, engine: 'reference' }), 'ERR_OPTION', 'worker')
    const memory = new WebAssembly.Memory({ initial: 1 })
    expectError(() => create(plain, { worker: absent, memory }), 'ERR_OPTION', 'not shared')
    vi.stubGlobal('SharedArrayBuffer', undefined)
    expectError(() => create(plain, { worker: absent }), 'ERR_NOT_SUPPORTED', 'isolated')
  })
})

import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  adam,
  assist,
  createOptimizer,
  inducedMetric,
  log,
  muon,
  sgd,
  type Helper,
  type Optimizer,
  type OptimizerOptions,
  type Parameter,
  type Transformation,
} from '@induced-metric/core'
import type { WasmMemory } from '@induced-metric/core/adapter'
import type { Orders } from '../src/engines/wasm/threads/worker.js'
import { bits, expectError, randomArray, type Dtype } from './support.js'

interface Platform {
  readonly WebAssembly: {
    readonly Memory: new (limits: { initial: number; maximum?: number; shared?: boolean }) => WasmMemory
  }
}
const { WebAssembly } = globalThis as unknown as Platform

/** A worker that counts the loops it runs; straight from the sources, as its function is one that can be sent. */
function startHelper(): { worker: Worker; calls: () => number } {
  const counter = new Int32Array(new SharedArrayBuffer(4))
  const script = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { Instance } = WebAssembly
    WebAssembly.Instance = function (module, imports) {
      const { exports } = new Instance(module, imports)
      const counted = ([name, run]) => [name, (...given) => (Atomics.add(workerData, 0, 1), run(...given))]
      return { exports: Object.fromEntries(Object.entries(exports).map(counted)) }
    }
    ;(${assist.toString()})(parentPort)`
  const worker = new Worker(script, { eval: true, workerData: counter })
  return { worker, calls: () => Atomics.load(counter, 0) }
}

const values = ({ parameters }: Optimizer): string[] => parameters.map(({ data }) => bits(data))

/** One that never comes. */
const absent: Helper = { postMessage: () => undefined }

/**
 * The last by itself is much enough to be shared: one that has missed a step, as the third does, parts those around it from
 * each other.
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

describe('a helper', () => {
  let helper: ReturnType<typeof startHelper>
  beforeAll(async () => {
    helper = startHelper()
    await once(helper.worker, 'online')
  })
  afterAll(() => helper.worker.terminate())
  afterEach(() => vi.unstubAllGlobals())

  /** Steps until the helper has had a part in one; how many it took. */
  const stepUntilHelped = async (step: () => void): Promise<number> => {
    const before = helper.calls()
    let count = 0
    do {
      step()
      count++
      // A worker that has just begun may wait for this thread's events, and one without a core to itself for its turn.
      await setImmediate()
      if (count > 20_000) throw new Error('the helper does nothing')
    } while (helper.calls() === before)
    return count
  }

  describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
    it.each(transformations)('changes no bit, whether it comes or not: %s', async (_, transformation) => {
      const [helped, alone] = [helper.worker, absent].map((given) =>
        create(transformation, { helper: given, adopt: true }, dtype),
      ) as [Optimizer, Optimizer]
      const step = (optimizer: Optimizer, at: number): void => {
        const gradients = arrays(dtype).map((array, i) => (i === 2 && at === 2 ? null : array))
        optimizer.step(gradients, { loss: 1 + 1 / at })
      }
      let at = 0
      await stepUntilHelped(() => step(helped, ++at))
      for (let i = 0; i < 2; i++) step(helped, ++at)
      for (let i = 1; i <= at; i++) step(alone, i)
      expect(helped.report).toEqual(alone.report)
      helped.parameters.forEach(({ data }, i) => expect(bits(data)).toBe(bits(alone.parameters[i]!.data)))
      for (const optimizer of [helped, alone]) optimizer.dispose()
    })

    it.each(transformations)('leaves the parts together what the whole is: %s', (_, transformation) => {
      const [parts, whole] = [{ helper: absent }, {}].map((given) =>
        create(transformation, given, dtype),
      ) as [Optimizer, Optimizer]
      for (const loss of [2, 1.5, 1]) for (const each of [parts, whole]) each.step(arrays(dtype), { loss })
      const tolerance = dtype === 'float32' ? 1e-6 : 1e-12
      expect(Math.abs(parts.report.dualNorm / whole.report.dualNorm - 1)).toBeLessThan(tolerance)
      parts.parameters.forEach(({ data }, i) => {
        const expected = whole.parameters[i]!.data
        expect(data.every((value, k) => Math.abs(value - expected[k]!) <= tolerance)).toBe(true)
      })
    })
  })

  it('does not let a bad number in its part pass, and one that only single precision cannot hold it does', async () => {
    const optimizer = create(inducedMetric(sgd(), { learningRate: 0.1, xi: 1e-40 }), {
      helper: helper.worker,
    })
    const gradients = arrays('float32').map((array) => array.slice())
    await stepUntilHelped(() => optimizer.step(gradients))
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

  it('serves several optimisers, what is added to them, and memory that grows', async () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2000, shared: true })
    const momentum = inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.1 })
    const one = create(momentum, { helper: helper.worker, memory })
    const other = create(momentum, { helper: helper.worker, memory })
    const alone = create(momentum, { helper: absent })
    const step = (optimizer: Optimizer): void => {
      const sets = optimizer.parameters.length / lengths.length
      optimizer.step(Array.from({ length: sets }, () => arrays('float32')).flat())
    }
    const count = await stepUntilHelped(() => step(one))
    await stepUntilHelped(() => step(other))
    for (const optimizer of [one, other]) optimizer.add(parameters('float32', 10))
    other.dispose()
    const more = await stepUntilHelped(() => step(one))
    for (let i = 0; i < count; i++) step(alone)
    alone.add(parameters('float32', 10))
    for (let i = 0; i < more; i++) step(alone)
    one.parameters.forEach(({ data }, i) => expect(bits(data)).toBe(bits(alone.parameters[i]!.data)))
  })

  it('that has ended is not missed', async () => {
    const { worker } = startHelper()
    const [ended, alone] = [create(plain, { helper: worker }), create(plain, { helper: absent })]
    await worker.terminate()
    for (const each of [ended, alone]) for (let i = 0; i < 3; i++) each.step(arrays('float32'))
    expect(values(ended)).toEqual(values(alone))
  })

  it('that is ended within a step is given up, and a checkpoint goes on without it', () => {
    let orders: Orders | undefined
    const ended: Helper = { postMessage: (message) => (orders = message as Orders) }
    const optimizer = create(plain, { helper: ended })
    const alone = create(plain, { helper: absent })
    const saved = optimizer.save()
    // It takes what it is offered, and that is the last that is seen of it.
    const { control, word, state } = orders!
    const notify = vi.spyOn(Atomics, 'notify').mockImplementation(() => {
      Atomics.store(new Int32Array(control), word.state, state.taken)
      return 1
    })
    let now = 0
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => (now += 1000))
    expectError(() => optimizer.step(arrays('float32')), 'ERR_DISPOSED', 'the helper was ended')
    for (const spy of [notify, clock]) spy.mockRestore()

    optimizer.load(saved)
    for (const each of [optimizer, alone]) for (let i = 0; i < 2; i++) each.step(arrays('float32'))
    expect(values(optimizer)).toEqual(values(alone))
  })

  it('is left alone by few parameters, and by matrix products', () => {
    const before = helper.calls()
    for (const base of [adam(), muon()]) {
      const small = createOptimizer(
        inducedMetric(base, { learningRate: 0.1 }),
        [{ name: 'w', shape: [30, 20], data: randomArray('float32', 600, 1) }],
        { helper: helper.worker },
      )
      for (let step = 0; step < 5; step++) small.step([randomArray('float32', 600, step)])
      small.dispose()
    }
    expect(helper.calls()).toBe(before)
  })

  it('must be one, and must be of use', () => {
    for (const given of [{}, 1, 'worker', null]) {
      expectError(() => create(plain, { helper: given as never }), 'ERR_OPTION', 'helper')
    }
    expectError(() => create(plain, { helper: absent, engine: 'reference' }), 'ERR_OPTION', 'helper')
    const memory = new WebAssembly.Memory({ initial: 1 })
    expectError(() => create(plain, { helper: absent, memory }), 'ERR_OPTION', 'not shared')
    vi.stubGlobal('SharedArrayBuffer', undefined)
    expectError(() => create(plain, { helper: absent }), 'ERR_NOT_SUPPORTED', 'isolated')
  })
})

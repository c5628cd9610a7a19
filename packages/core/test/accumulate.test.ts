import { describe, expect, it } from 'vitest'
import {
  adam,
  createOptimizer,
  decodeCheckpoint,
  definePreconditioner,
  encodeCheckpoint,
  inducedMetric,
  log,
  type InducedMetricOptions,
} from '@induced-metric/core'
import { expectError } from './support.js'

const engines = ['wasm', 'reference'] as const
const shape = [2, 3]
const start = () => Float64Array.from({ length: 6 }, (_, i) => 1 + i / 4)
/** The gradient of a call, exact in binary, so that means of four are exact. */
const gradient = (call: number) =>
  Float64Array.from({ length: 6 }, (_, i) => ((call * 7 + i * 3) % 16) / 8 - 1)
const loss = (call: number) => 4 + (call % 4) / 8

describe.each(engines)('accumulate, %s', (engine) => {
  const over = (options: Partial<InducedMetricOptions>, data = start()) =>
    createOptimizer(
      inducedMetric(adam(), { learningRate: 0.1, embedding: log(), weightDecay: 0.1, ...options }),
      [{ name: 'w', shape, data }],
      { engine },
    )

  it('makes one update of the means, with the bits of a step with these means', () => {
    const [gathering, plain] = [over({ accumulate: 4 }), over({})]
    for (let update = 0; update < 5; update++) {
      const calls = [0, 1, 2, 3].map((i) => 4 * update + i)
      const before = gathering.parameters[0]!.data.slice()
      for (const [i, call] of calls.entries()) {
        const report = gathering.step([gradient(call)], { loss: loss(call) })
        expect(report.accumulated).toBe((i + 1) % 4)
        if (i === 3) break
        expect(gathering.parameters[0]!.data).toEqual(before)
        expect(report.step).toBe(update)
        expect(report.skipped).toBe(false)
        const losses = calls.slice(0, i + 1).map(loss)
        expect(report.loss).toBe(losses.reduce((a, b) => a + b) / (i + 1))
      }
      const mean = gradient(0).map((_, i) => calls.reduce((sum, call) => sum + gradient(call)[i]!, 0) / 4)
      plain.step([mean], { loss: calls.reduce((sum, call) => sum + loss(call), 0) / 4 })
      expect(gathering.parameters[0]!.data).toEqual(plain.parameters[0]!.data)
      expect(gathering.report).toEqual({ ...plain.report, accumulated: 0 })
    }
    expect(gathering.save()).toEqual(plain.save())
  })

  it('a parameter without a gradient counts as 0 in that call, and stays as it is if it has none in any', () => {
    const two = (options: Partial<InducedMetricOptions>) =>
      createOptimizer(
        inducedMetric(adam(), { learningRate: 0.1, xi: 0, ...options }),
        ['a', 'b', 'c'].map((name) => ({ name, shape, data: start() })),
        { engine },
      )
    const [gathering, plain] = [two({ accumulate: 2 }), two({})]
    gathering.step([gradient(0), gradient(1), null])
    gathering.step([gradient(2), null, null])
    const [a, b] = [gradient(0).map((x, i) => (x + gradient(2)[i]!) / 2), gradient(1).map((x) => x / 2)]
    plain.step([a, b, null])
    for (const i of [0, 1, 2]) expect(gathering.parameters[i]!.data).toEqual(plain.parameters[i]!.data)
    expect(gathering.save().parameters.map(({ steps }) => steps)).toEqual([1, 1, 0])
  })

  it('a checkpoint in the middle of an update loses nothing', () => {
    const straight = over({ accumulate: 3 })
    for (let call = 0; call < 9; call++) straight.step([gradient(call)], { loss: loss(call) })
    for (let after = 0; after < 9; after++) {
      const first = over({ accumulate: 3 })
      for (let call = 0; call < after; call++) first.step([gradient(call)], { loss: loss(call) })
      const bytes = encodeCheckpoint(first.save())
      const second = over({ accumulate: 3 }, Float64Array.from(first.parameters[0]!.data))
      second.load(bytes)
      expect(second.report.accumulated).toBe(after % 3)
      expect(encodeCheckpoint(second.save())).toEqual(bytes)
      for (let call = after; call < 9; call++) second.step([gradient(call)], { loss: loss(call) })
      expect(second.parameters[0]!.data).toEqual(straight.parameters[0]!.data)
      // After an update there is nothing of it in the file.
      const saved = decodeCheckpoint(bytes)
      expect('accumulated' in saved).toBe(after % 3 > 0)
      expect('accumulatedGradient' in saved.parameters[0]!.slots).toBe(after % 3 > 0)
    }
  })

  it('such a checkpoint is refused where nothing is accumulated, and one of an update is taken', () => {
    const gathering = over({ accumulate: 2 })
    gathering.step([gradient(0)], { loss: 4 })
    const plain = over({})
    const before = plain.save()
    expectError(() => plain.load(gathering.save()), 'ERR_CHECKPOINT', 'accumulate')
    expect(plain.save()).toEqual(before)
    gathering.step([gradient(1)], { loss: 4 })
    plain.load(gathering.save())
    expect(plain.report.step).toBe(1)
    gathering.load(before)
    expect(gathering.report.accumulated).toBe(0)
  })

  it('reset forgets the calls that wait', () => {
    const [used, fresh] = [over({ accumulate: 2 }), over({ accumulate: 2 })]
    used.step([gradient(5)], { loss: 1 })
    used.reset()
    for (const optimizer of [used, fresh]) {
      for (const call of [0, 1]) optimizer.step([gradient(call)], { loss: 4 })
    }
    expect(used.parameters[0]!.data).toEqual(fresh.parameters[0]!.data)
    expect(used.save()).toEqual(fresh.save())
  })

  it('a call that is refused for its gradients or its loss does not count', () => {
    const [used, other] = [over({ accumulate: 2 }), over({ accumulate: 2 })]
    for (const optimizer of [used, other]) optimizer.step([gradient(0)], { loss: 4 })
    expectError(() => used.step([new Float64Array(5)], { loss: 4 }), 'ERR_SHAPE', '5')
    expectError(() => used.step([gradient(1)]), 'ERR_LOSS_REQUIRED', 'log')
    expect(used.save()).toEqual(other.save())
    for (const optimizer of [used, other]) optimizer.step([gradient(1)], { loss: 4 })
    expect(used.save()).toEqual(other.save())
  })

  it('a NaN in one call skips the whole update, or throws; the next begins afresh', () => {
    const bad = gradient(1).fill(NaN, 2, 3)
    const skipping = over({ accumulate: 2 })
    skipping.step([bad], { loss: 4 })
    expect(skipping.step([gradient(2)], { loss: 4 })).toMatchObject({
      skipped: true,
      skippedSteps: 1,
      accumulated: 0,
    })
    const throwing = over({ accumulate: 2, onNonFinite: 'throw' })
    throwing.step([bad], { loss: 4 })
    expectError(() => throwing.step([gradient(2)], { loss: 4 }), 'ERR_NON_FINITE', 'nothing was changed')
    expect(throwing.parameters[0]!.data).toEqual(start())
    expect(throwing.report.accumulated).toBe(0)
    const fresh = over({})
    for (const optimizer of [skipping, throwing]) {
      for (const call of [4, 4]) optimizer.step([gradient(call)], { loss: 4 })
    }
    fresh.step([gradient(4)], { loss: 4 })
    for (const optimizer of [skipping, throwing])
      expect(optimizer.parameters[0]!.data).toEqual(fresh.parameters[0]!.data)
  })

  it('a loss that is not finite survives a checkpoint as such', () => {
    const optimizer = over({ accumulate: 2 })
    optimizer.step([gradient(0)], { loss: Infinity })
    const again = over({ accumulate: 2 })
    again.load(encodeCheckpoint(optimizer.save()))
    expect(again.step([gradient(1)], { loss: 4 }).skipped).toBe(true)
  })
})

describe('accumulate', () => {
  it('takes whole numbers from 1, and is data', () => {
    const made = inducedMetric(adam(), { learningRate: 0.1, accumulate: 8 })
    expect(made.accumulate).toBe(8)
    expect(made.toJSON()).toMatchObject({ accumulate: 8 })
    expect('accumulate' in inducedMetric(adam(), { learningRate: 0.1, accumulate: 1 }).toJSON()).toBe(false)
    for (const wrong of [0, 1.5, -1, NaN, '2' as never]) {
      expectError(
        () => inducedMetric(adam(), { learningRate: 0.1, accumulate: wrong }),
        'ERR_OPTION',
        'accumulate',
      )
    }
  })

  it('a base cannot have a slot of the name that checkpoints use', () => {
    const named = definePreconditioner({
      name: 'named',
      update: ({ gradient: g, slot }) => ({
        direction: slot('accumulatedGradient'),
        slots: { accumulatedGradient: g },
      }),
    })
    const create = (accumulate: number) =>
      createOptimizer(inducedMetric(named(), { learningRate: 0.1, xi: 0, accumulate }), [
        { name: 'w', shape, data: start() },
      ])
    expectError(() => create(2), 'ERR_OPTION', 'accumulatedGradient')
    create(1).dispose()
  })
})

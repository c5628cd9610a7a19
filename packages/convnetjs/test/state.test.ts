import { InducedTrainer } from '@induced-metric/convnetjs'
import { adam, cosine, encodeCheckpoint, identity, inducedMetric, log, sgd } from '@induced-metric/core'
import convnetjs, { type Net } from 'convnetjs'
import { describe, expect, it } from 'vitest'
import { bars, convolutional, netOf, weightsIn } from './support/nets.js'

const transformation = inducedMetric(adam(), {
  learningRate: cosine({ from: 0.05, to: 0.01, steps: 20 }),
  weightDecay: 0.01,
})
const patterns = bars(40)

function take(trainer: InducedTrainer, from: number, to: number): void {
  for (const { x, y } of patterns.slice(from, to)) trainer.train(x, y)
}

describe('training that is saved', () => {
  it('goes on where it was in a net of its own, bit for bit', () => {
    const net = netOf(convolutional)
    const trainer = new InducedTrainer(net, transformation, { batch_size: 2 })
    take(trainer, 0, 20)
    const json = JSON.parse(JSON.stringify(net)) as object
    const bytes = encodeCheckpoint(trainer.save())
    take(trainer, 20, 40)

    const resumed = new convnetjs.Net()
    resumed.fromJSON(json)
    const other = new InducedTrainer(resumed, transformation, { batch_size: 2 })
    other.load(bytes)
    expect(other.report.step).toBe(10)
    take(other, 20, 40)
    expect(other.report).toEqual(trainer.report)
    expect(weightsIn(resumed)).toEqual(weightsIn(net))
  })

  it('is refused by another transformation or net, and nothing has changed', () => {
    const trainer = new InducedTrainer(netOf(convolutional), transformation)
    take(trainer, 0, 5)
    const state = trainer.save()
    const other = new InducedTrainer(netOf(convolutional), inducedMetric(sgd(), { learningRate: 0.1 }))
    expect(() => other.load(state)).toThrow(expect.objectContaining({ code: 'ERR_CHECKPOINT' }))
    const smaller = new InducedTrainer(netOf(convolutional.filter((_, place) => place !== 3)), transformation)
    expect(() => smaller.load(state)).toThrow(expect.objectContaining({ code: 'ERR_CHECKPOINT' }))
    expect(smaller.report.step).toBe(0)
  })
})

describe('a net whose layers are made anew', () => {
  const remake = (net: Net, seed: number): void =>
    net.fromJSON(JSON.parse(JSON.stringify(netOf(convolutional, seed))) as object)

  it.each(['before a batch', 'in the middle of one'])('starts over: %s', (when) => {
    const net = netOf(convolutional)
    const trainer = new InducedTrainer(net, transformation, { batch_size: 2 })
    take(trainer, 0, when === 'before a batch' ? 4 : 5)
    remake(net, 5)
    const other = netOf(convolutional, 5)
    const fresh = new InducedTrainer(other, transformation, { batch_size: 2 })
    for (const each of [trainer, fresh]) take(each, 0, 3)
    expect(trainer.report).toEqual(fresh.report)
    expect(trainer.report.step).toBe(1)
    expect(weightsIn(net)).toEqual(weightsIn(other))
    for (const each of [trainer, fresh]) each.flush()
    expect(weightsIn(net)).toEqual(weightsIn(other))
  })

  it('has no batch under way to be flushed, whatever is asked of it before', () => {
    const net = netOf(convolutional)
    const trainer = new InducedTrainer(net, transformation, { batch_size: 2 })
    take(trainer, 0, 1)
    remake(net, 5)
    expect(trainer.save().step).toBe(0)
    const before = weightsIn(net)
    expect(trainer.flush().step).toBe(0)
    expect(weightsIn(net)).toEqual(before)
  })

  it('goes on from a state that is loaded for them', () => {
    const net = netOf(convolutional)
    const trainer = new InducedTrainer(net, transformation)
    take(trainer, 0, 4)
    const state = trainer.save()
    remake(net, 5)
    trainer.load(state)
    take(trainer, 4, 5)
    expect(trainer.report.step).toBe(5)
  })

  it('stays without an optimiser after dispose', () => {
    const net = netOf(convolutional)
    const trainer = new InducedTrainer(net, transformation)
    trainer.dispose()
    remake(net, 5)
    expect(() => take(trainer, 0, 1)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
  })

  it('and so is one with another array in place of a filter', () => {
    const net = netOf(convolutional)
    const trainer = new InducedTrainer(net, transformation)
    take(trainer, 0, 2)
    const [filter] = net.layers[1]!.filters!
    filter!.w = filter!.w.map((w) => w / 2)
    const before = filter!.w.slice()
    take(trainer, 2, 3)
    expect(trainer.report.step).toBe(1)
    expect(filter!.w).not.toEqual(before)
  })
})

describe('errors', () => {
  const refuse = (make: () => unknown, code: string, message: RegExp): void => {
    expect(make).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  }

  it('of a net without layers', () => {
    refuse(() => new InducedTrainer(new convnetjs.Net(), transformation), 'ERR_OPTION', /makeLayers/)
  })

  it.each([
    [{ batch_size: 0 }, /batch_size must be a whole number ≥ 1, given 0/],
    [{ batch_size: 1.5 }, /batch_size .* given 1\.5/],
    [{ l1_decay: -1 }, /l1_decay must be a finite number ≥ 0, given -1/],
    [{ l2_decay: NaN }, /l2_decay .* given NaN/],
    [{ groupOf: 'x' }, /groupOf must be a function, given "x"/],
    [{ learning_rate: 0.1 }, /"learning_rate"; known options: batch_size.* inducedMetric/],
  ])('of an option: %o', (options, says) => {
    const make = () => new InducedTrainer(netOf(convolutional), transformation, options as object)
    refuse(make, 'ERR_OPTION', says)
  })

  it('of what is no transformation', () => {
    refuse(() => new InducedTrainer(netOf(convolutional), {} as never), 'ERR_OPTION', /inducedMetric/)
  })

  it('of a step leave the weights alone and drop the batch', () => {
    const net = netOf(convolutional)
    const floor = log({ floor: 50 })
    const trainer = new InducedTrainer(net, inducedMetric(sgd(), { learningRate: 0.1, embedding: floor }), {
      batch_size: 2,
    })
    const before = weightsIn(net)
    take(trainer, 0, 1)
    refuse(() => take(trainer, 1, 2), 'ERR_BAD_LOSS', /floor/)
    expect(weightsIn(net)).toEqual(before)
    expect(
      net
        .getParamsAndGrads()
        .flatMap(({ grads }) => [...grads!])
        .every((g) => g === 0),
    ).toBe(true)
    expect(trainer.flush().step).toBe(0)
  })

  it('of use after dispose', () => {
    const trainer = new InducedTrainer(netOf(convolutional), transformation)
    trainer.dispose()
    for (const use of [() => take(trainer, 0, 1), () => trainer.save()])
      refuse(use, 'ERR_DISPOSED', /dispose/)
  })
})

it('skips a step whose gradient is not finite, and goes on', () => {
  const net = netOf(convolutional)
  const trainer = new InducedTrainer(net, inducedMetric(sgd(), { learningRate: 0.1, embedding: identity() }))
  const before = weightsIn(net)
  const broken = new convnetjs.Vol(8, 8, 1, NaN)
  trainer.train(broken, 0)
  expect(trainer.report).toMatchObject({ step: 0, skipped: true, skippedSteps: 1 })
  expect(weightsIn(net)).toEqual(before)
  take(trainer, 0, 2)
  expect(trainer.report).toMatchObject({ step: 2, skipped: false })
})

import { InducedTrainer, PerExampleTrainer, type Net, type Target } from '@induced-metric/convnetjs'
import convnetjs from 'convnetjs'
import { adam, encodeCheckpoint, inducedMetric } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { bars, convolutional, netOf, regression, weightsIn } from './support/nets.js'

const svm = [...convolutional.slice(0, -1), { type: 'svm', num_classes: 2 }]
const two = [...convolutional.slice(0, -1), { type: 'regression', num_neurons: 2 }]
const [pattern] = bars(1)

const trainers = {
  InducedTrainer: (net: Net) =>
    new InducedTrainer(net, inducedMetric(adam(), { learningRate: 0.1 }), { batch_size: 2 }),
  PerExampleTrainer: (net: Net) => new PerExampleTrainer(net, adam({ beta1: 0 }), { batch_size: 2 }),
}

describe.each(Object.entries(trainers))('the target of a pattern of an %s', (_, trainerOf) => {
  it.each<[string, readonly object[], unknown, string, RegExp]>([
    ['a class beyond the last', convolutional, 2, 'ERR_OPTION', /from 0 to 1.*given 2$/],
    ['a class below 0', convolutional, -1, 'ERR_OPTION', /given -1$/],
    ['half a class', convolutional, 0.5, 'ERR_OPTION', /given 0\.5$/],
    ['no class', convolutional, undefined, 'ERR_OPTION', /given undefined$/],
    ['a class as text', convolutional, '1', 'ERR_OPTION', /given "1"$/],
    ['a class of another type', convolutional, 1n, 'ERR_OPTION', /given 1n$/],
    ['an array for a class', convolutional, [0, 1], 'ERR_OPTION', /given Array of length 2$/],
    ['a class beyond the last of an svm', svm, 2, 'ERR_OPTION', /from 0 to 1/],
    ['a bare number for a regression', regression, 1, 'ERR_SHAPE', /given 1$/],
    ['a Float32Array', regression, Float32Array.of(1), 'ERR_SHAPE', /Float32Array of length 1$/],
    ['too few numbers', two, [1], 'ERR_SHAPE', /of 2.*Array of length 1$/],
    ['too many numbers', two, Float64Array.of(1, 2, 3), 'ERR_SHAPE', /length 3$/],
    ['what is no number', two, [1, undefined], 'ERR_SHAPE', /regression/],
    ['a place there is not', two, { dim: 2, val: 1 }, 'ERR_SHAPE', /from 0 to 1.*"dim":2/],
    ['a place without a value', two, { dim: 1 }, 'ERR_SHAPE', /"dim":1/],
    ['nothing', two, null, 'ERR_SHAPE', /given null$/],
  ])('is an error, and nothing has changed: %s', (_, layers, y, code, message) => {
    const net = netOf(layers)
    const trainer = trainerOf(net)
    const right: Target = layers === convolutional || layers === svm ? 1 : layers === two ? [0.5, 1] : [0.5]
    const before = netOf(layers)
    const reference = trainerOf(before)
    for (const each of [trainer, reference]) for (let i = 0; i < 3; i++) each.train(pattern!.x, right)

    const error = expect.objectContaining({
      code,
      message: expect.stringMatching(message) as string,
    }) as Error
    expect(() => trainer.train(pattern!.x, y as Target)).toThrow(error)
    expect(trainer.k).toBe(3)
    expect(trainer.report).toEqual(reference.report)
    expect(encodeCheckpoint(trainer.save())).toEqual(encodeCheckpoint(reference.save()))
    // The current batch goes on.
    for (const each of [trainer, reference]) each.train(pattern!.x, right)
    expect(weightsIn(net)).toEqual(weightsIn(before))
    expect(trainer.report.step).toBe(2)
  })

  it.each<[string, readonly object[], Target]>([
    ['an array', two, [1, 2]],
    ['a Float64Array', two, Float64Array.of(1, 2)],
    ['one of them', two, { dim: 1, val: 2 }],
    ['a class of an svm', svm, 1],
  ])('may be %s', (_, layers, y) => {
    const trainer = trainerOf(netOf(layers))
    for (let i = 0; i < 2; i++) trainer.train(pattern!.x, y)
    expect(trainer.report).toMatchObject({ step: 1, skipped: false })
    expect(trainer.report.loss).toBeGreaterThan(0)
  })
})

describe.each(Object.entries(trainers))('a pattern of an %s', (_, trainerOf) => {
  it.each<[string, () => unknown, RegExp]>([
    ['a list', () => [0, 1], /takes a convnetjs.Vol of .*; given an array of length 2, \[0, 1\]/],
    ['nothing', () => undefined, /given undefined/],
    ['fewer numbers', () => new convnetjs.Vol([0, 1]), /given one of 1 × 1 × 2, with 2 numbers/],
    ['the numbers in a list', () => new convnetjs.Vol([...pattern!.x.w]), /given one of 1 × 1 × /],
  ])('is an error, and nothing has changed: %s', (_, made, message) => {
    const net = netOf(convolutional)
    const trainer = trainerOf(net)
    const before = weightsIn(net)
    trainer.train(pattern!.x, 1)
    expect(() => trainer.train(made() as never, 1)).toThrow(message)
    expect(() => trainer.train(made() as never, 1)).toThrow(/^ERR_SHAPE/)
    expect([trainer.k, weightsIn(net)]).toEqual([1, before])
    trainer.train(pattern!.x, 1)
    expect(trainer.report.step).toBe(1)
  })

  it('may have any extents where a dense layer reads it', () => {
    const net = netOf([
      { type: 'input', out_sx: 1, out_sy: 1, out_depth: pattern!.x.w.length },
      { type: 'softmax', num_classes: 2 },
    ])
    const trainer = trainerOf(net)
    for (let i = 0; i < 2; i++) trainer.train(pattern!.x, 1)
    expect(trainer.report.step).toBe(1)
  })
})

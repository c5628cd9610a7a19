import { InducedTrainer, type ParamsAndGrads } from '@induced-metric/convnetjs'
import { adam, inducedMetric, muon, sgd } from '@induced-metric/core'
import convnetjs from 'convnetjs'
import { describe, expect, it } from 'vitest'
import { bars, convolutional, netOf, weightsIn } from './support/nets.js'

const still = inducedMetric(adam(), { learningRate: 0 })

describe('the weights of a net', () => {
  it('are a matrix of filters and a vector of biases a layer', () => {
    const trainer = new InducedTrainer(netOf(convolutional), still)
    expect(trainer.save().parameters.map(({ name, shape, dtype }) => [name, shape, dtype])).toEqual([
      ['layers.1.filters', [4, 9], 'float64'],
      ['layers.1.biases', [4], 'float64'],
      ['layers.4.filters', [6, 64], 'float64'],
      ['layers.4.biases', [6], 'float64'],
      ['layers.6.filters', [2, 6], 'float64'],
      ['layers.6.biases', [2], 'float64'],
    ])
  })

  it('are what they were, and the net computes and is saved as before', () => {
    const [net, plain] = [netOf(convolutional), netOf(convolutional)]
    const trainer = new InducedTrainer(net, still)
    for (const { x, y } of bars(6)) {
      trainer.train(x, y)
      expect([...net.forward(x).w]).toEqual([...plain.forward(x).w])
    }
    expect(JSON.stringify(net)).toBe(JSON.stringify(plain))
  })

  it('have groups by name and shape', () => {
    const transformation = inducedMetric(sgd(), {
      learningRate: 0,
      groups: { filters: { learningRate: 0.1 } },
    })
    const net = netOf(convolutional)
    const before = weightsIn(net)
    const trainer = new InducedTrainer(net, transformation, {
      groupOf: ({ name, shape }) =>
        shape.length === 2 && name.startsWith('layers.1.') ? 'filters' : undefined,
    })
    for (const { x, y } of bars(4)) trainer.train(x, y)
    const changed = weightsIn(net).map((w, i) => w !== before[i])
    expect(changed.slice(0, 36)).toContain(true)
    expect(changed.slice(36)).not.toContain(true)
  })

  it('are orthogonalised by Muon, a layer at a time', () => {
    const net = netOf(convolutional)
    const before = weightsIn(net).slice(0, 36)
    const rate = 0.01
    const transformation = inducedMetric(muon({ momentum: 0 }), {
      learningRate: rate,
      xi: 0,
      fallback: adam(),
    })
    const trainer = new InducedTrainer(net, transformation, { batch_size: 8 })
    for (const { x, y } of bars(8)) trainer.train(x, y)
    const update = weightsIn(net)
      .slice(0, 36)
      .map((w, i) => (before[i]! - w) / rate)
    // Newton–Schulz takes all singular values near 1: the rows are about orthonormal.
    for (let a = 0; a < 4; a++) {
      const [dot, ...others] = [a, ...[0, 1, 2, 3].filter((b) => b !== a)].map((b) =>
        Array.from({ length: 9 }, (_, i) => update[9 * a + i]! * update[9 * b + i]!).reduce(
          (s, x) => s + x,
          0,
        ),
      )
      expect(dot).toBeGreaterThan(0.4)
      expect(dot).toBeLessThan(1.6)
      for (const other of others) expect(Math.abs(other)).toBeLessThan(0.4)
    }
  })

  it('of a net in single precision are trained in it', () => {
    const net = netOf(convolutional)
    for (const { filters = [], biases } of net.layers)
      for (const vol of [...filters, ...(biases ? [biases] : [])])
        Object.assign(vol, { w: Float32Array.from(vol.w), dw: Float32Array.from(vol.dw) })
    const trainer = new InducedTrainer(net, inducedMetric(adam(), { learningRate: 0.01 }))
    for (const { x, y } of bars(4)) trainer.train(x, y)
    expect(new Set(trainer.save().parameters.map(({ dtype }) => dtype))).toEqual(new Set(['float32']))
    expect(net.layers[1]!.filters![0]!.w).toBeInstanceOf(Float32Array)
  })
})

describe('layers of one’s own', () => {
  /** A layer that scales by one weight. */
  function scaling(entry: Partial<ParamsAndGrads>) {
    const [params, grads] = [new Float64Array([2]), new Float64Array(1)]
    let input = new convnetjs.Vol(1, 1, 1, 0)
    return {
      forward(x: typeof input) {
        input = x
        const output = new convnetjs.Vol(1, 1, x.w.length, 0)
        output.w.set(x.w.map((value) => value * params[0]!))
        return (this.out_act = output)
      },
      out_act: input,
      backward() {
        const { dw } = this.out_act
        input.dw = dw.map((d) => d * params[0]!)
        grads[0]! += dw.reduce((sum, d, i) => sum + d * input.w[i]!, 0)
      },
      getParamsAndGrads: () => [{ params, grads, ...entry }],
    }
  }
  const definitions = [
    { type: 'input', out_sx: 1, out_sy: 1, out_depth: 3 },
    { type: 'fc', num_neurons: 3 },
    { type: 'regression', num_neurons: 2 },
  ]
  const x = new convnetjs.Vol([1, -1, 2])

  it('are trained, under their place or a name', () => {
    for (const [entry, name] of [
      [{}, 'layers.2.0'],
      [{ name: 'gain', shape: [1, 1] }, 'gain'],
    ] as const) {
      const net = netOf(definitions)
      net.layers.splice(2, 0, scaling(entry))
      const trainer = new InducedTrainer(net, inducedMetric(adam(), { learningRate: 0.02 }))
      const first = trainer.train(x, [1, 2]).loss
      for (let i = 0; i < 200; i++) trainer.train(x, [1, 2])
      expect(trainer.train(x, [1, 2]).loss).toBeLessThan(first / 1000)
      expect(net.layers[2]!.getParamsAndGrads()[0]!.params[0]).not.toBe(2)
      expect(trainer.save().parameters[2]).toMatchObject({ name, steps: 202 })
    }
  })

  it('may have weights without a gradient, which stay as they are', () => {
    const net = netOf(definitions)
    net.layers.splice(2, 0, scaling({ grads: null }))
    const trainer = new InducedTrainer(net, inducedMetric(adam(), { learningRate: 0.02, weightDecay: 0.1 }))
    for (let i = 0; i < 3; i++) trainer.train(x, [1, 2])
    expect(net.layers[2]!.getParamsAndGrads()[0]!.params[0]).toBe(2)
    expect(trainer.save().parameters[2]).toMatchObject({ steps: 0 })
  })
})

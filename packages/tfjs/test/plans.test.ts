import * as tf from '@tensorflow/tfjs'
import { adam, inducedMetric, sgd, type InducedMetricOptions } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { describe, expect, it } from 'vitest'
import { describeModes } from './backends.js'
import { line, mirror, network, values, variablesOf } from './support.js'

// The groups and names in options must exist among all variables that an optimiser may train, not in each step.

let made = 0

describeModes(({ options }) => {
  const make = (given: Partial<InducedMetricOptions>, base = sgd()) =>
    inducedMetric(base, { learningRate: 0.1, xi: 0, ...given })
  /** The label of a variable: its name without the number. */
  const groupOf = ({ name }: { readonly name: string }): string | undefined => /^[a-z]+/.exec(name)?.[0]
  const variable = (label: string): tf.Variable => tf.variable(tf.ones([2]), true, `${label}${made++}`)
  const squares = (x: tf.Variable) => (): tf.Scalar => x.square().sum().asScalar()

  describe('sets of variables by turns', () => {
    it.each([2, 3])('go by the options of their groups: %i sets', async (count) => {
      const labels = ['gen', 'disc', 'code'].slice(0, count)
      const variables = labels.map(variable)
      const groups = Object.fromEntries(labels.map((label, i) => [label, { learningRate: 0.1 * (i + 1) }]))
      const optimizer = inducedOptimizer(tf, make({ groups }), { ...options, groupOf })
      for (let turn = 0; turn < 2; turn++) {
        for (const x of variables) optimizer.minimize(squares(x), false, [x])
      }
      // x ← x − η·2x, twice.
      const expected = labels.map((_, i) => (1 - 0.2 * (i + 1)) ** 2)
      for (const [i, [x]] of (await values(variables)).entries()) expect(x).toBeCloseTo(expected[i]!, 6)
      const saved = await optimizer.save()
      expect(saved.parameters.map(({ name }) => name)).toEqual(variables.map(({ name }) => name))
      inducedOptimizer(tf, make({ groups }), { ...options, groupOf }).load(saved, variables)
    })

    it('find the names in decayMask among all of them', async () => {
      const [a, b] = [variable('gen'), variable('disc')]
      const transformation = make({ weightDecay: 0.5, decayMask: [b.name] })
      const optimizer = inducedOptimizer(tf, transformation, options)
      optimizer.minimize(squares(a), false, [a])
      optimizer.minimize(squares(b), false, [b])
      const [[x], [y]] = (await values([a, b])) as [Float32Array, Float32Array]
      expect([x, y]).toEqual([expect.closeTo(0.8, 6), expect.closeTo(0.75, 6)])
    })
  })

  it('a layer may be frozen, and its model compiled again', async () => {
    const { x, y } = line(16)
    const model = network([3, 1], { inputs: 3 })
    const body = variablesOf(model)[0]!.name
    const transformation = inducedMetric(adam(), {
      learningRate: 0.01,
      xi: 0.1,
      groups: { body: { learningRate: 0.001 } },
    })
    const label = (name: string): string | undefined => (name === body ? 'body' : undefined)
    const optimizer = inducedOptimizer(tf, transformation, { ...options, groupOf: ({ name }) => label(name) })
    const all = variablesOf(model)
    const expected = await mirror(transformation, all, label)
    const loss = (): tf.Scalar => tf.losses.meanSquaredError(y, model.predict(x) as tf.Tensor)
    await expected.step(loss)
    const fit = async (): Promise<void> => {
      model.compile({ optimizer, loss: 'meanSquaredError' })
      await model.fit(x, y, { epochs: 1, batchSize: 16, shuffle: false, verbose: 0 })
    }
    await fit()
    model.layers[0]!.trainable = false
    await expected.step(loss, all.slice(0, 2))
    await fit()
    for (const [i, got] of (await values(all)).entries()) {
      for (const [j, value] of got.entries()) expect(value).toBeCloseTo(expected.data[i]![j]!, 5)
    }
    expect((await optimizer.report()).step).toBe(2)
  })

  describe('a name or label without a variable is an error at once, and nothing has changed', () => {
    it.each<[string, Partial<InducedMetricOptions>, RegExp]>([
      [
        'a group',
        { groups: { disk: { learningRate: 1 } } },
        /groups\.disk: no parameter is in group "disk".*"disc"/,
      ],
      [
        'a name to decay',
        { decayMask: ['disc0x'] },
        /decayMask: no parameter is named "disc0x".*nearest.*disc/,
      ],
      [
        'a name of a group to decay',
        { groups: { disc: { decayMask: ['nobody'] } } },
        /groups\.disc\.decayMask.*"nobody"/,
      ],
    ])('%s', async (_, given, message) => {
      const x = variable('disc')
      const optimizer = inducedOptimizer(tf, make(given), { ...options, groupOf })
      const error = expect.objectContaining({
        code: 'ERR_OPTION',
        message: expect.stringMatching(message) as string,
      })
      expect(() => optimizer.minimize(squares(x), false, [x])).toThrow(error as Error)
      expect([...(await x.data())]).toEqual([1, 1])
      expect(optimizer.iterations).toBe(0)
      x.dispose()
    })

    it('groupOf may throw for variables of other optimisers', () => {
      const [x, stranger] = [variable('disc'), variable('stranger')]
      const labels = new Map([[x.name, { label: 'disc' }]])
      const optimizer = inducedOptimizer(tf, make({ groups: { gen: { xi: 0 } } }), {
        ...options,
        groupOf: ({ name }) => labels.get(name)!.label,
      })
      expect(() => optimizer.minimize(squares(x), false, [x])).toThrow(/ERR_OPTION.*"gen".*"disc"/)
      tf.dispose([x, stranger])
    })
  })

  it('a variable that was trained once still counts when it is gone', () => {
    const [a, b] = [variable('gen'), variable('disc')]
    const optimizer = inducedOptimizer(tf, make({ groups: { gen: { learningRate: 1 } } }), {
      ...options,
      groupOf,
    })
    optimizer.minimize(squares(a), false, [a])
    for (const gone of Object.values(tf.engine().registeredVariables)) if (gone !== b) gone.dispose()
    optimizer.minimize(squares(b), false, [b])
    expect(optimizer.iterations).toBe(2)
  })
})

import * as tf from '@tensorflow/tfjs'
import {
  adam,
  algebra,
  cosine,
  createOptimizer,
  defineEmbedding,
  definePreconditioner,
  encodeCheckpoint,
  heavyBall,
  inducedMetric,
  log,
  logDamped,
  muon,
  sgd,
  warmup,
  type Checkpoint,
  type ErrorCode,
  type Transformation,
} from '@induced-metric/core'
import { inducedOptimizer, registerInducedOptimizer, type InducedOptimizer } from '@induced-metric/tfjs'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { describeModes } from './backends.js'
import { loadModel, optimizerOf, saveModel, trainBatches } from './saving.js'
import { distance, memory, network, normal, values, weightsOf } from './support.js'

const transformations: [string, Transformation][] = [
  ['adam, identity', inducedMetric(adam(), { learningRate: 0.02 })],
  [
    'sgd, log, with schedules',
    inducedMetric(sgd({ momentum: 0.9 }), {
      learningRate: warmup(cosine({ from: 0.05, steps: 6 }), { steps: 2 }),
      xi: cosine({ from: 1, to: 0.1, steps: 6 }),
      embedding: log({ floor: -1 }),
    }),
  ],
  [
    'muon, fallback for biases',
    inducedMetric(muon({ rows: 'outputs' }), { learningRate: 0.02, fallback: adam({ beta1: 0.8 }) }),
  ],
  [
    'a scope for each parameter',
    inducedMetric(adam(), {
      learningRate: 0.02,
      metricScope: 'parameter',
      xi: 1,
      beta: 0.9,
      embedding: logDamped(),
    }),
  ],
]

describeModes(({ options }) => {
  const compile = (model: tf.LayersModel, optimizer: tf.Optimizer): void =>
    model.compile({ optimizer, loss: 'meanSquaredError' })
  const start = (
    transformation: Transformation,
    prefix?: string,
  ): { model: tf.Sequential; optimizer: InducedOptimizer } => {
    const model = network([4, 4, 1], { inputs: 3, ...(prefix !== undefined && { prefix }) })
    const optimizer = inducedOptimizer(tf, transformation, options)
    compile(model, optimizer)
    return { model, optimizer }
  }
  /** The losses and weights of a run without interruption. */
  const uninterrupted = async (
    transformation: Transformation,
    freeze: (model: tf.LayersModel, batch: number) => void = () => undefined,
  ): Promise<{ losses: number[]; weights: Float32Array[] }> => {
    const { model } = start(transformation)
    const losses: number[] = []
    for (let batch = 1; batch <= 8; batch++) {
      freeze(model, batch)
      losses.push(...(await trainBatches(model, batch, batch)))
    }
    return { losses, weights: await values(model.getWeights()) }
  }
  const expectSame = (
    got: { losses: number[]; weights: Float32Array[] },
    expected: { losses: number[]; weights: Float32Array[] },
  ): void => {
    const rest = expected.losses.slice(-got.losses.length)
    expect(Math.max(...got.losses.map((loss, i) => Math.abs(loss - rest[i]!)))).toBeLessThan(1e-6)
    expect(distance(got.weights, expected.weights)).toBeLessThan(1e-6)
  }

  describe.each(transformations)('%s', (_name, transformation) => {
    it('goes on from a saved model as if nothing had happened', async () => {
      const expected = await uninterrupted(transformation)
      const { model, optimizer } = start(transformation)
      await trainBatches(model, 1, 3)
      const loaded = await loadModel(await saveModel(model))
      // TensorFlow.js makes names unique.
      expect(loaded.trainableWeights[0]!.read()).toMatchObject({
        name: expect.stringMatching(/kernel_1$/) as string,
      })
      const losses = await trainBatches(loaded, 4, 8)
      expectSame({ losses, weights: await values(loaded.getWeights()) }, expected)
      expect(await optimizerOf(loaded).report()).toMatchObject({ step: 8 })
      // Saving has not disturbed the model that was saved.
      expectSame(
        { losses: await trainBatches(model, 4, 8), weights: await values(model.getWeights()) },
        expected,
      )
      expect((await optimizer.report()).step).toBe(8)
    })

    it('without its state it would not', async () => {
      const expected = await uninterrupted(transformation)
      const { model } = start(transformation)
      await trainBatches(model, 1, 3)
      const again = start(transformation)
      again.model.setWeights(model.getWeights())
      await trainBatches(again.model, 4, 8)
      expect(distance(await values(again.model.getWeights()), expected.weights)).toBeGreaterThan(1e-4)
    })

    it('goes on in a model that was built anew with other names', async () => {
      const expected = await uninterrupted(transformation)
      const { model, optimizer } = start(transformation)
      await trainBatches(model, 1, 3)
      const other = start(transformation, `renamed${prefixes++}`)
      other.model.setWeights(model.getWeights())
      await other.optimizer.setWeights(await optimizer.getWeights())
      const losses = await trainBatches(other.model, 4, 8)
      expectSame({ losses, weights: await values(other.model.getWeights()) }, expected)
    })

    it('goes on when it is saved and loaded again and again', async () => {
      const expected = await uninterrupted(transformation)
      let { model }: { model: tf.LayersModel } = start(transformation)
      const losses: number[] = []
      for (let batch = 1; batch <= 8; batch++) {
        model = await loadModel(await saveModel(model))
        losses.push(...(await trainBatches(model, batch, batch)))
      }
      expectSame({ losses, weights: await values(model.getWeights()) }, expected)
    })

    it.each(['before', 'after'])(
      'goes on when a layer is frozen %s saving, and thawed later',
      async (when) => {
        // ξ is a number: 'auto' would follow the number of trained weights in each run.
        const freeze = (model: tf.LayersModel, batch: number): void => {
          if (batch !== 3 && batch !== 6) return
          model.layers[1]!.trainable = batch === 6
          compile(model, model.optimizer)
        }
        const expected = await uninterrupted(transformation, freeze)
        let { model }: { model: tf.LayersModel } = start(transformation)
        const losses: number[] = []
        for (let batch = 1; batch <= 8; batch++) {
          if (when === 'after' && batch === 3) model = await loadModel(await saveModel(model))
          freeze(model, batch)
          if (when === 'before' && batch === 4) model = await loadModel(await saveModel(model))
          losses.push(...(await trainBatches(model, batch, batch)))
        }
        expectSame({ losses, weights: await values(model.getWeights()) }, expected)
      },
    )
  })

  it('tf.train.adam cannot: it throws when a layer is frozen', async () => {
    const model = network([4, 4, 1], { inputs: 3 })
    compile(model, tf.train.adam(0.02))
    await trainBatches(model, 1, 1)
    model.layers[0]!.trainable = false
    compile(model, model.optimizer)
    await expect(trainBatches(model, 2, 2)).rejects.toThrow()
  })

  describe('the configuration in the file', () => {
    const listed = (prefix: string): Transformation =>
      inducedMetric(adam(), {
        learningRate: 0.1,
        weightDecay: 0.5,
        decayMask: [`${prefix}_0/kernel`, `${prefix}_2/kernel`],
        groups: { Head_group: { learningRate: 0.05 } },
      })

    it('keeps names with underlines and capitals', async () => {
      const prefix = `Layer_Of_${prefixes++}`
      const { model, optimizer } = start(listed(prefix), prefix)
      const groupOf: InducedOptimizer['groupOf'] = ({ name }) =>
        name.includes('_2/') ? 'Head_group' : undefined
      optimizer.groupOf = groupOf
      await trainBatches(model, 1, 1)
      const loaded = await loadModel(await saveModel(model))
      expect(optimizerOf(loaded).transformation.toJSON()).toEqual(optimizer.transformation.toJSON())
      // A function cannot be saved: it has to be set again, and the error says so.
      await expect(trainBatches(loaded, 2, 2)).rejects.toThrow(code('ERR_OPTION', /Head_group/))
      optimizerOf(loaded).groupOf = groupOf
      await trainBatches(loaded, 2, 2)
      await trainBatches(model, 2, 2)
      expect(distance(await weightsOf(loaded), await weightsOf(model))).toBeLessThan(1e-6)
    })

    it('would lose them as an object, which TensorFlow.js rewrites', async () => {
      class Structured extends tf.Optimizer {
        static className = 'Structured'
        given: unknown
        override applyGradients(): void {}
        override getConfig(): { options: { [name: string]: string[] } } {
          return { options: { decay_mask: ['a_b/kernel'], Decay_names: ['x'] } }
        }
        static override fromConfig<T extends tf.serialization.Serializable>(
          _cls: tf.serialization.SerializableConstructor<T>,
          config: tf.serialization.ConfigDict,
        ): T {
          const made = new Structured()
          made.given = config['options']
          return made as unknown as T
        }
      }
      tf.serialization.registerClass(Structured)
      const model = network([1], { inputs: 3 })
      compile(model, new Structured())
      Structured.prototype.getWeights = () => Promise.resolve([])
      const loaded = await loadModel(await saveModel(model))
      const { given } = loaded.optimizer as Structured
      expect(given).not.toEqual(new Structured().getConfig().options)
    })

    it('cannot hold a function: saving is ERR_NOT_SUPPORTED and says why', async () => {
      const { model } = start(inducedMetric(adam(), { learningRate: (step) => 0.1 / step }))
      await trainBatches(model, 1, 1)
      await expect(saveModel(model)).rejects.toThrow(code('ERR_NOT_SUPPORTED', /learningRate.*function/))
      await trainBatches(model, 2, 2)
    })
  })

  it('gives the count of steps first, as every optimiser of TensorFlow.js does', async () => {
    const { model, optimizer } = start(transformations[0]![1])
    await trainBatches(model, 1, 3)
    const weights = await optimizer.getWeights()
    expect(weights[0]!.name).toBe((await tf.train.sgd(1).saveIterations()).name)
    expect(weights[0]!.tensor).toMatchObject({ dtype: 'int32', shape: [] })
    expect([...(await weights[0]!.tensor.data())]).toEqual([3])
    expect(optimizer.iterations).toBe(3)
  })

  describe('a checkpoint of the core', () => {
    const shapes: [string, number[]][] = [
      ['kernel', [3, 2]],
      ['bias', [2]],
    ]
    const gradient = (step: number): Float32Array[] =>
      shapes.map(([, shape], i) =>
        tf.tidy(() => normal(shape, 10 * step + i).dataSync() as Float32Array).slice(),
      )
    const loss = (step: number): number => 2 / step

    const both = (transformation: Transformation) => {
      const run = prefixes++
      const variables = shapes.map(([name, shape], i) =>
        tf.tidy(() => tf.variable(normal(shape, i + 1), true, `handover${run}/${name}`)),
      )
      const core = createOptimizer(
        transformation,
        variables.map(({ name, shape }, i) => ({
          name,
          shape,
          data: (tf.tidy(() => normal(shapes[i]![1], i + 1).dataSync()) as Float32Array).slice(),
        })),
      )
      const take = (optimizer: InducedOptimizer, step: number): void =>
        tf.tidy(() =>
          optimizer.applyGradients(
            Object.fromEntries(
              gradient(step).map((data, i) => [variables[i]!.name, tf.tensor(data, shapes[i]![1])]),
            ),
            loss(step),
          ),
        )
      return { variables, core, take, transformation }
    }

    it.each(transformations)('goes on here, and the other way about: %s', async (_name, transformation) => {
      const { variables, core, take } = both(transformation)
      const here = inducedOptimizer(tf, transformation, options)
      for (let step = 1; step <= 3; step++) {
        core.step(gradient(step), { loss: loss(step) })
        take(here, step)
      }
      const [fromCore, fromHere] = [encodeCheckpoint(core.save()), encodeCheckpoint(await here.save())]
      const next = inducedOptimizer(tf, transformation, options)
      next.load(fromCore, variables)
      const parameters = variables.map(({ name, shape }, i) => ({
        name,
        shape,
        data: core.parameters[i]!.data.slice(),
      }))
      const coreNext = createOptimizer(transformation, parameters)
      const { decodeCheckpoint } = await import('@induced-metric/core')
      coreNext.load(decodeCheckpoint(fromHere))
      for (let step = 4; step <= 6; step++) {
        core.step(gradient(step), { loss: loss(step) })
        coreNext.step(gradient(step), { loss: loss(step) })
        take(next, step)
      }
      const expected = core.parameters.map(({ data }) => data)
      expect(distance(await values(variables), expected)).toBeLessThan(1e-5)
      expect(
        distance(
          coreNext.parameters.map(({ data }) => data),
          expected,
        ),
      ).toBeLessThan(1e-5)
      expect((await next.report()).step).toBe(6)
    })

    it('is that of one step, whatever steps are taken while it is read', async () => {
      const w = tf.variable(tf.tensor1d([1, 2, 3]))
      const optimizer = inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.1, beta: 0.9 }), options)
      const step = (): unknown => optimizer.minimize(() => tf.sum(tf.square(w)).asScalar(), false, [w])
      step()
      for (let turns = 0; turns < 20; turns++) {
        const states = [await optimizer.save()]
        const saving = optimizer.save()
        for (let turn = 0; turn < turns; turn++) await Promise.resolve()
        step()
        states.push(await optimizer.save())
        expect(states, `after ${turns} turns`).toContainEqual(await saving)
      }
      optimizer.dispose()
      w.dispose()
    })

    it('is loaded, and averages are evaluated with, where a trained model is no more', async () => {
      const { model, optimizer } = start(inducedMetric(adam(), { learningRate: 0.02, averageWeights: 0.9 }))
      await trainBatches(model, 1, 2)
      const checkpoint = await optimizer.save()
      tf.dispose(model.weights.map((weight) => weight.read()))
      expect(optimizer.withEvaluationWeights(() => 3)).toBe(3)
      optimizer.load(checkpoint)
      const again = network([4, 4, 1], { inputs: 3 })
      compile(again, optimizer)
      await trainBatches(again, 3, 3)
      expect((await optimizer.save()).parameters.map(({ steps }) => steps)).toEqual(Array(6).fill(3))
    })

    it('is not written to by the steps that follow', () => {
      const { variables, core, take, transformation } = both(transformations[0]![1])
      core.step(gradient(1), { loss: 1 })
      const checkpoint = core.save()
      const before = structuredClone(checkpoint)
      const here = inducedOptimizer(tf, transformation, options)
      here.load(checkpoint, variables)
      take(here, 2)
      take(here, 3)
      expect(checkpoint).toEqual(before)
    })

    it.each<[string, (checkpoint: Checkpoint) => unknown]>([
      ['nothing', () => undefined],
      ['other bytes', () => new Uint8Array(64)],
      ['no bytes', () => new Uint8Array()],
      ['a byte short', (checkpoint) => encodeCheckpoint(checkpoint).slice(0, -1)],
      [
        'a bit changed',
        (checkpoint) => encodeCheckpoint(checkpoint).map((byte, i) => (i === 99 ? byte ^ 1 : byte)),
      ],
      ['of another version', (checkpoint) => ({ ...checkpoint, version: 2 })],
      [
        'of another base',
        ({ parameters, ...rest }) => ({ ...rest, parameters: parameters.map((p) => ({ ...p, slots: {} })) }),
      ],
      [
        'of other shapes',
        ({ parameters, ...rest }) => ({
          ...rest,
          parameters: parameters.map((p) => ({ ...p, shape: [...p.shape, 1] })),
        }),
      ],
      [
        'of another type',
        ({ parameters, ...rest }) => ({
          ...rest,
          parameters: parameters.map((p) => ({
            ...p,
            dtype: 'float64' as const,
            slots: Object.fromEntries(Object.entries(p.slots).map(([k, v]) => [k, Float64Array.from(v)])),
          })),
        }),
      ],
      ['of another scope', (checkpoint) => ({ ...checkpoint, hash: 'else' })],
    ])('is ERR_CHECKPOINT when it is %s, and changes nothing', async (_what, spoil) => {
      const { variables, core, take, transformation } = both(transformations[0]![1])
      const here = inducedOptimizer(tf, transformation, options)
      for (let step = 1; step <= 2; step++) {
        core.step(gradient(step), { loss: loss(step) })
        take(here, step)
      }
      const [before, held] = [await here.save(), memory()]
      const spoilt = spoil(core.save()) as Checkpoint
      expect(() => here.load(spoilt)).toThrow(code('ERR_CHECKPOINT'))
      expect(() => here.load(spoilt, variables)).toThrow(code('ERR_CHECKPOINT'))
      expect(memory()).toEqual(held)
      expect(await here.save()).toEqual(before)
      core.step(gradient(3), { loss: loss(3) })
      take(here, 3)
      expect(
        distance(
          await values(variables),
          core.parameters.map(({ data }) => data),
        ),
      ).toBeLessThan(1e-5)
    })

    it('that fits nothing is found at the first step where it could not be found before', async () => {
      const { variables, core, take, transformation } = both(transformations[0]![1])
      core.step(gradient(1))
      const { parameters, ...rest } = core.save()
      const here = inducedOptimizer(tf, transformation, options)
      here.load({ ...rest, parameters: parameters.map((p, i) => ({ ...p, name: `else ${i}`, shape: [7] })) })
      const before = await values(variables)
      expect(() => take(here, 1)).toThrow(code('ERR_CHECKPOINT'))
      expect(await values(variables)).toEqual(before)
    })
  })

  it('weights of another optimiser are ERR_CHECKPOINT and change nothing', async () => {
    const { model, optimizer } = start(transformations[0]![1])
    await trainBatches(model, 1, 2)
    const before = await optimizer.save()
    const theirs = tf.train.adam(0.1)
    const variable = tf.variable(tf.ones([2]))
    theirs.minimize(() => variable.sum(), false, [variable])
    await expect(optimizer.setWeights(await theirs.getWeights())).rejects.toThrow(
      code('ERR_CHECKPOINT', /not the weights of an induced-metric optimiser/),
    )
    await expect(optimizer.setWeights([])).rejects.toThrow(code('ERR_CHECKPOINT'))
    await expect(optimizer.setWeights(undefined as never)).rejects.toThrow(code('ERR_CHECKPOINT'))
    await expect(optimizer.setWeights([null] as never)).rejects.toThrow(code('ERR_CHECKPOINT'))
    expect(() => optimizer.load(before, ['kernel'] as never)).toThrow(
      code('ERR_OPTION', /array of variables/),
    )
    expect(await optimizer.save()).toEqual(before)
  })

  it.each<[string, Transformation, Transformation]>([
    // Slots with the same name and another meaning.
    [
      'base',
      inducedMetric(heavyBall(), { learningRate: 0.1 }),
      inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.1 }),
    ],
    [
      'scope',
      inducedMetric(adam(), { learningRate: 0.1, metricScope: 'parameter' }),
      inducedMetric(adam(), { learningRate: 0.1 }),
    ],
  ])(
    'a checkpoint of another %s is found at the first step where the variables were not known before',
    async (_what, theirs, ours) => {
      const variable = tf.variable(tf.ones([2]))
      const step = (optimizer: tf.Optimizer): void =>
        void optimizer.minimize(() => variable.square().sum(), false, [variable])
      const one = inducedOptimizer(tf, theirs, options)
      step(one)
      const two = inducedOptimizer(tf, ours, options)
      two.load(await one.save())
      const before = await values([variable])
      for (let attempt = 0; attempt < 2; attempt++)
        expect(() => step(two)).toThrow(code('ERR_CHECKPOINT', /another form/))
      expect(await values([variable])).toEqual(before)
      tf.dispose(variable)
      one.dispose()
      two.dispose()
    },
  )

  it('a checkpoint holds the form of all variables, whichever were trained last', async () => {
    const transformation = inducedMetric(muon(), { learningRate: 0.1 })
    const shapes: Record<string, number[]> = { tall: [4, 2], wide: [2, 4], bias: [2] }
    const variables = Object.entries(shapes).map(([name, shape]) =>
      tf.variable(tf.ones(shape), true, `${name} ${prefixes++}`),
    )
    const loss = (): tf.Scalar => tf.addN(variables.map((variable) => tf.sum<tf.Scalar>(tf.square(variable))))
    const optimizer = inducedOptimizer(tf, transformation, options)
    optimizer.minimize(loss, false, variables)
    const all = await optimizer.save()
    optimizer.minimize(loss, false, [variables[2]!])
    const later = await optimizer.save()
    expect(later.hash).toBe(all.hash)
    // From an optimiser of the core, in another order.
    const parameters = [...variables].reverse().map(({ name, shape, size }) => ({
      name,
      shape,
      data: new Float32Array(size),
    }))
    createOptimizer(transformation, parameters).load(later)
    const again = inducedOptimizer(tf, transformation, options)
    again.load(later)
    again.minimize(loss, false, [variables[0]!, variables[2]!])
    // One of them has not claimed its state yet.
    expect((await again.save()).hash).toBe(all.hash)
    again.minimize(loss, false, variables)
    expect((await again.save()).parameters.map(({ steps }) => steps)).toEqual([3, 4, 2])
    optimizer.dispose()
    again.dispose()
    tf.dispose(variables)
  })

  it('a base and an embedding of your own come back once their definitions are registered', async () => {
    const label = `mine${prefixes++}`
    const base = definePreconditioner({
      name: label,
      update: ({ gradient, slot }) => {
        const sum = algebra.add(slot('sum'), gradient)
        return { direction: sum, slots: { sum } }
      },
    })
    const half = defineEmbedding({ name: `${label}half`, slope: () => 0.5, descends: () => 1 })
    const transformation = inducedMetric(base(), { learningRate: 0.001, embedding: half() })
    const expected = await uninterrupted(transformation)
    const { model } = start(transformation)
    await trainBatches(model, 1, 3)
    const saved = await saveModel(model)
    await expect(loadModel(saved)).rejects.toThrow(
      code('ERR_OPTION', new RegExp(`${label}.*preconditioners: `)),
    )
    expect(() => registerInducedOptimizer(tf, { preconditioners: [base()] } as never)).toThrow(
      code('ERR_OPTION'),
    )
    registerInducedOptimizer(tf, { preconditioners: [base] })
    await expect(loadModel(saved)).rejects.toThrow(code('ERR_OPTION', /half.*embeddings: /))
    registerInducedOptimizer(tf, { embeddings: [half] })
    // Repeatedly, as in a program that does not keep count.
    registerInducedOptimizer(tf, { preconditioners: [base], embeddings: [half] })
    registerInducedOptimizer(tf)
    const loaded = await loadModel(saved)
    expect(optimizerOf(loaded).transformation.settings.base.definition).toBe(base.definition)
    const losses = await trainBatches(loaded, 4, 8)
    expectSame({ losses, weights: await values(loaded.getWeights()) }, expected)
  })
})

describe('a second copy of TensorFlow.js', () => {
  it('trains, and loads once the optimiser is registered with it', async () => {
    const copy = secondCopy()
    await copy.setBackend('cpu')
    const model = copy.sequential({
      layers: [copy.layers.dense({ units: 1, inputShape: [3], name: 'copied' })],
    })
    expect(copy.Optimizer).not.toBe(tf.Optimizer)
    // It was created with the first copy and belongs to it.
    const stranger = inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.1 }))
    model.compile({ optimizer: stranger, loss: 'meanSquaredError' })
    await trainBatches(model, 1, 2)
    const saved = await saveModel(model)
    await expect(loadModel(saved, copy)).rejects.toThrow(/InducedMetric/)
    registerInducedOptimizer(copy)
    const loaded = await loadModel(saved, copy)
    expect(optimizerOf(loaded).iterations).toBe(2)
    expect(loaded.optimizer).toBeInstanceOf(copy.Optimizer)
    await trainBatches(loaded, 3, 3)
    await trainBatches(model, 3, 3)
    expect(distance(await weightsOf(loaded), await weightsOf(model))).toBeLessThan(1e-6)
  })
})

/** Loads the packages a second time, as a bundle with two versions does. */
function secondCopy(): typeof tf {
  const require = createRequire(import.meta.url)
  const kept = Object.entries(require.cache).filter(([file]) => file.includes('@tensorflow'))
  for (const [file] of kept) delete require.cache[file]
  try {
    return require('@tensorflow/tfjs') as typeof tf
  } finally {
    for (const [file, module] of kept) require.cache[file] = module
  }
}

let prefixes = 0

function code(expected: ErrorCode, message: RegExp = /./): Error {
  return expect.objectContaining({
    code: expected,
    message: expect.stringMatching(message) as string,
  }) as Error
}

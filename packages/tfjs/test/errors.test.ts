import * as tf from '@tensorflow/tfjs'
import {
  adam,
  inducedMetric,
  log,
  logDamped,
  sgd,
  type ErrorCode,
  type InducedMetricOptions,
  type Transformation,
} from '@induced-metric/core'
import { inducedOptimizer, type InducedOptimizer } from '@induced-metric/tfjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { describeModes } from './backends.js'
import { distance, memory, mirror, normal, values } from './support.js'

describe('the arguments of inducedOptimizer', () => {
  const transformation = inducedMetric(sgd(), { learningRate: 0.1 })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a name', 'adam'],
    ['an object', {}],
    ['a base without options', adam()],
    ['a transformation as JSON', transformation.toJSON()],
  ])('must be a transformation, not %s', (_what, given) => {
    expect(() => inducedOptimizer(tf, given as Transformation)).toThrow(code('ERR_OPTION', /inducedMetric/))
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a transformation', transformation],
    ['an empty object', {}],
  ])('must come after the namespace of TensorFlow.js, not after %s', (_what, given) => {
    expect(() => inducedOptimizer(given as typeof tf, transformation)).toThrow(
      code('ERR_OPTION', /namespace of TensorFlow\.js/),
    )
  })

  it.each([null, 'ops', 3, ['ops']])('must be an object of options, not %o', (given) => {
    expect(() => inducedOptimizer(tf, transformation, given as never)).toThrow(
      code('ERR_OPTION', /object of options/),
    )
  })

  it.each<[string, object, RegExp]>([
    [
      'an engine there is not',
      { engine: 'gpu' },
      /engine.*"auto", "ops", "wasm", "webgpu", "webgl".*given "gpu"/,
    ],
    ['an unknown stepGuard', { stepGuard: 'jury' }, /stepGuard.*"host", "device"/],
    ['a groupOf that is no function', { groupOf: { kernel: 'a' } }, /groupOf.*function/],
    ['an option there is not', { learningRate: 0.1 }, /"learningRate".*inducedMetric/],
  ])('must not have %s', (_what, given, says) => {
    expect(() => inducedOptimizer(tf, transformation, given as never)).toThrow(code('ERR_OPTION', says))
  })
})

describeModes(({ options }) => {
  const host = options.stepGuard !== 'device'
  let left: ReturnType<typeof memory>
  let kernel: tf.Variable
  let bias: tf.Variable
  beforeEach(() => {
    left = memory()
    kernel = tf.tidy(() => tf.variable(normal([2, 3], 1)))
    bias = tf.tidy(() => tf.variable(normal([3], 2)))
  })
  afterEach(({ task }) => {
    tf.dispose([kernel, bias])
    // Every test disposes of its own tensors, so the rest is left by the optimiser.
    if (task.result?.state !== 'fail') expect(memory()).toEqual(left)
  })
  const make = (given: Partial<InducedMetricOptions> = {}): InducedOptimizer =>
    inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.1, xi: 0.5, ...given }), options)
  const apply = (
    optimizer: InducedOptimizer,
    kernelGradient: number[][],
    biasGradient: number[],
    loss?: number,
  ): void =>
    tf.tidy(() =>
      optimizer.applyGradients(
        { [kernel.name]: tf.tensor2d(kernelGradient), [bias.name]: tf.tensor1d(biasGradient) },
        loss,
      ),
    )
  const good = (optimizer: InducedOptimizer, loss = 2): void =>
    apply(
      optimizer,
      [
        [1, -2, 3],
        [-1, 2, 1],
      ],
      [0.5, 1, -1],
      loss,
    )
  const everything = async (optimizer: InducedOptimizer): Promise<unknown> => {
    const { skippedSteps: _, ...checkpoint } = await optimizer.save()
    return { checkpoint, variables: await values([kernel, bias]) }
  }

  describe('a gradient that does not fit is ERR_SHAPE, names its variable and changes nothing:', () => {
    const cases: [
      string,
      (names: { kernel: string; bias: string; whole: string }) => tf.NamedTensorMap,
      RegExp,
    ][] = [
      [
        'transposed',
        ({ kernel, bias }) => ({ [bias]: tf.zeros([3]), [kernel]: tf.zeros([3, 2]) }),
        /kernel.*float32 of shape \[2, 3\].*given float32 of shape \[3, 2\]/,
      ],
      [
        'one that would broadcast',
        ({ kernel, bias }) => ({ [bias]: tf.zeros([3]), [kernel]: tf.zeros([3]) }),
        /kernel.*\[2, 3\].*\[3\]/,
      ],
      [
        'a scalar',
        ({ kernel, bias }) => ({ [kernel]: tf.zeros([2, 3]), [bias]: tf.scalar(1) }),
        /bias.*\[3\].*\[\]/,
      ],
      [
        'integers',
        ({ kernel, bias }) => ({ [bias]: tf.zeros([3]), [kernel]: tf.zeros([2, 3], 'int32') }),
        /kernel.*float32.*given int32/,
      ],
      [
        'for a variable there is not',
        ({ kernel, bias }) => ({ [bias]: tf.zeros([3]), [kernel]: tf.zeros([2, 3]), absent: tf.zeros([1]) }),
        /no variable named absent/,
      ],
      [
        'for a variable of integers',
        ({ bias, whole }) => ({ [bias]: tf.zeros([3]), [whole]: tf.zeros([1]) }),
        /whole numbers.*float32.*int32/,
      ],
    ]
    it.each(cases)('%s', async (_what, gradients, says) => {
      const whole = tf.tidy(() => tf.variable(tf.zeros([1], 'int32'), false, `whole numbers ${variables++}`))
      tf.dispose([kernel, bias])
      kernel = tf.tidy(() => tf.variable(normal([2, 3], 1), true, `kernel ${variables++}`))
      bias = tf.tidy(() => tf.variable(normal([3], 2), true, `bias ${variables++}`))
      const optimizer = make()
      good(optimizer)
      good(optimizer)
      const before = await everything(optimizer)
      const wrong = tf.tidy(() => gradients({ kernel: kernel.name, bias: bias.name, whole: whole.name }))
      expect(() => optimizer.applyGradients(wrong)).toThrow(code('ERR_SHAPE', says))
      tf.dispose(wrong)
      expect(await everything(optimizer)).toEqual(before)
      good(optimizer)
      expect(await optimizer.report()).toMatchObject({ step: 3, skippedSteps: 0 })
      optimizer.dispose()
      tf.dispose(whole)
    })
  })

  it('refuses a variable made anew with another shape under an old name, and changes nothing', async () => {
    const optimizer = make()
    good(optimizer)
    const { name } = bias
    bias.dispose()
    bias = tf.tidy(() => tf.variable(normal([2], 2), true, name))
    const before = await everything(optimizer)
    const gradients = tf.tidy(() => ({ [kernel.name]: tf.ones([2, 3]), [name]: tf.ones([2]) }))
    expect(() => optimizer.applyGradients(gradients)).toThrow(code('ERR_SHAPE', /shape \[2\], and had \[3\]/))
    expect(await everything(optimizer)).toEqual(before)
    tf.dispose(gradients)
    optimizer.dispose()
  })

  it.each<[string, (name: string) => unknown, RegExp]>([
    ['nothing', () => undefined, /object of tensors.*undefined/],
    ['null', () => null, /object of tensors/],
    ['a number', () => 3, /object of tensors.*3/],
    ['text', () => 'kernel', /object of tensors.*"kernel"/],
    ['a list with a hole', () => [null], /\{ name, tensor \}/],
    ['a list of something else', () => [{ tensor: 1 }], /\{ name, tensor \}/],
    ['a number as gradient', (name) => ({ [name]: 3 }), /float32 of shape \[3\].*given 3/],
    ['an array as gradient', (name) => ({ [name]: [1, 2, 3] }), /float32 of shape \[3\]/],
    ['a typed array as gradient', (name) => ({ [name]: new Float32Array(3) }), /float32 of shape \[3\]/],
  ])('refuses %s in the place of gradients, and changes nothing', async (_what, given, says) => {
    const optimizer = make()
    good(optimizer)
    const before = await everything(optimizer)
    expect(() => optimizer.applyGradients(given(bias.name) as never)).toThrow(code('ERR_SHAPE', says))
    expect(await everything(optimizer)).toEqual(before)
    expect(await optimizer.report()).toMatchObject({ step: 1, skippedSteps: 0 })
    optimizer.dispose()
  })

  it('refuses a gradient or a loss that was disposed of, and changes nothing', async () => {
    const optimizer = make({ embedding: log() })
    good(optimizer)
    const before = await everything(optimizer)
    const [gone, kept, loss] = [tf.ones([3]), tf.ones([2, 3]), tf.scalar(1)] as const
    gone.dispose()
    expect(() => optimizer.applyGradients({ [kernel.name]: kept, [bias.name]: gone }, 1)).toThrow(
      code('ERR_SHAPE', /gradient.*disposed/),
    )
    loss.dispose()
    expect(() => optimizer.applyGradients({ [kernel.name]: kept }, loss)).toThrow(
      code('ERR_SHAPE', /loss.*disposed/),
    )
    expect(await everything(optimizer)).toEqual(before)
    kept.dispose()
    optimizer.dispose()
  })

  it.each(['1', [1], {}, true])('refuses %o as a loss', (given) => {
    const optimizer = make({ embedding: log() })
    expect(() => good(optimizer, given as never)).toThrow(
      code('ERR_SHAPE', /loss must be a number or a scalar/),
    )
    optimizer.dispose()
  })

  it('refuses two gradients for one variable, and changes nothing', async () => {
    const optimizer = make()
    good(optimizer)
    const before = await everything(optimizer)
    const twice = tf.tidy(() => [0, 1].map(() => ({ name: bias.name, tensor: tf.ones([3]) })))
    expect(() => optimizer.applyGradients(twice)).toThrow(code('ERR_SHAPE', /two gradients of variable/))
    expect(await everything(optimizer)).toEqual(before)
    tf.dispose(twice.map(({ tensor }) => tensor))
    optimizer.dispose()
  })

  it.each<[string, () => tf.Tensor]>([
    ['a loss for each example', () => tf.tensor1d([1, 2, 3])],
    ['a matrix of losses', () => tf.ones([2, 3])],
  ])('refuses %s, and changes nothing', async (_what, create) => {
    const optimizer = make({ embedding: logDamped() })
    good(optimizer)
    const before = await everything(optimizer)
    const [loss, gradients] = tf.tidy(() => [
      create(),
      { [kernel.name]: tf.ones([2, 3]), [bias.name]: tf.ones([3]) },
    ]) as [tf.Scalar, tf.NamedTensorMap]
    expect(() => optimizer.applyGradients(gradients, loss)).toThrow(code('ERR_SHAPE', /loss.*scalar/))
    expect(await everything(optimizer)).toEqual(before)
    tf.dispose([loss, gradients])
    optimizer.dispose()
  })

  describe('a gradient that is not finite', () => {
    it.each([
      ['NaN', NaN],
      ['Infinity', Infinity],
      ['-Infinity', -Infinity],
      ['so large that its square is not', 1e30],
    ])('is skipped without a trace: %s', async (_what, bad) => {
      const optimizer = make()
      const expected = await mirror(optimizer.transformation, [kernel, bias])
      const step = (): void => {
        expected.optimizer.step([Float32Array.of(1, -2, 3, -1, 2, 1), Float32Array.of(0.5, 1, -1)])
        good(optimizer)
      }
      step()
      const before = await everything(optimizer)
      apply(
        optimizer,
        [
          [1, 2, 3],
          [4, 5, bad],
        ],
        [1, 1, 1],
      )
      expect(await optimizer.report()).toMatchObject({ step: 1, skipped: true, skippedSteps: 1, scale: 0 })
      expect(await everything(optimizer)).toEqual(before)
      step()
      expect(await optimizer.report()).toMatchObject({ step: 2, skipped: false, skippedSteps: 1 })
      expect(distance(await values([kernel, bias]), expected.data)).toBeLessThan(1e-5)
      optimizer.dispose()
    })

    it(`with onNonFinite: 'throw' is ERR_NON_FINITE, ${host ? 'at once' : 'when the report is read'}`, async () => {
      const optimizer = make({ onNonFinite: 'throw' })
      good(optimizer)
      const before = await everything(optimizer)
      const bad = (): void =>
        apply(
          optimizer,
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
          [1, NaN, 1],
        )
      if (host) expect(bad).toThrow(code('ERR_NON_FINITE'))
      else {
        bad()
        await expect(optimizer.report()).rejects.toThrow(code('ERR_NON_FINITE'))
      }
      // The refusal is reported once.
      expect(await optimizer.report()).toMatchObject({ step: 1 })
      expect(await everything(optimizer)).toEqual(before)
      good(optimizer)
      expect(await optimizer.report()).toMatchObject({ step: 2, skipped: false, skippedSteps: 0 })
      optimizer.dispose()
    })
  })

  it('takes a refused step off the counts of the states that it would have changed, and of no others', async () => {
    const optimizer = make()
    optimizer.minimize(() => kernel.square().sum(), false, [kernel])
    optimizer.minimize(() => bias.mul(NaN).sum(), false, [bias])
    optimizer.minimize(() => kernel.square().sum(), false, [kernel])
    const { step, skippedSteps, units, parameters } = await optimizer.save()
    expect({ step, skippedSteps }).toEqual({ step: 2, skippedSteps: 1 })
    expect(units.map(({ steps }) => steps)).toEqual([2])
    expect(Object.fromEntries(parameters.map(({ name, steps }) => [name, steps]))).toEqual({
      [kernel.name]: 2,
      [bias.name]: 0,
    })
    optimizer.dispose()
  })

  describe('a loss that log cannot take', () => {
    it.each([0, -1])(
      `L = %d is ERR_BAD_LOSS, ${host ? 'at once' : 'when the report is read'}`,
      async (loss) => {
        const optimizer = make({ embedding: log(), xi: 0.5 })
        good(optimizer)
        const before = await everything(optimizer)
        if (host)
          expect(() => good(optimizer, loss)).toThrow(code('ERR_BAD_LOSS', new RegExp(`loss ${loss}`)))
        else {
          good(optimizer, loss)
          await expect(optimizer.report()).rejects.toThrow(code('ERR_BAD_LOSS', new RegExp(`loss ${loss}`)))
        }
        expect(await everything(optimizer)).toEqual(before)
        good(optimizer)
        expect(await optimizer.report()).toMatchObject({ step: 2, skipped: false, skippedSteps: 0 })
        optimizer.dispose()
      },
    )

    it(`is refused in fit too, and the model keeps its weights${host ? '' : ', though steps go on'}`, async () => {
      const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] })
      const optimizer = inducedOptimizer(
        tf,
        inducedMetric(sgd(), { learningRate: 0.1, embedding: log() }),
        options,
      )
      const below = (y: tf.Tensor, p: tf.Tensor): tf.Tensor => tf.losses.meanSquaredError(y, p).sub(100)
      model.compile({ optimizer, loss: below })
      const before = await values(model.getWeights())
      const [x, y] = [tf.ones([4, 2]), tf.zeros([4, 1])]
      if (host) await expect(model.fit(x, y, { epochs: 2, verbose: 0 })).rejects.toThrow(code('ERR_BAD_LOSS'))
      else {
        await model.fit(x, y, { epochs: 2, verbose: 0 })
        await expect(optimizer.report()).rejects.toThrow(code('ERR_BAD_LOSS'))
      }
      expect(await values(model.getWeights())).toEqual(before)
      model.dispose()
      optimizer.dispose()
      tf.dispose([x, y])
      // The tensors that fit itself leaves are not the optimiser's.
      tf.dispose([kernel, bias])
      left = memory()
    })

    it.each(['skip', 'base', 'zero'] as const)(`with onBadLoss: '%s' training goes on`, async (onBadLoss) => {
      const optimizer = make({ embedding: log(), onBadLoss })
      const expected = await mirror(optimizer.transformation, [kernel, bias])
      for (const loss of [2, -1, 1]) {
        expected.optimizer.step([Float32Array.of(1, -2, 3, -1, 2, 1), Float32Array.of(0.5, 1, -1)], { loss })
        good(optimizer, loss)
        // The device's refusals are known when the report is read.
        await optimizer.report()
      }
      const { step, skippedSteps } = expected.optimizer.report
      expect(await optimizer.report()).toMatchObject({ step, skippedSteps })
      expect(distance(await values([kernel, bias]), expected.data)).toBeLessThan(1e-5)
      optimizer.dispose()
    })
  })

  describe('after dispose()', () => {
    it('every use is ERR_DISPOSED, and another dispose() does nothing', async () => {
      const optimizer = make()
      good(optimizer)
      const checkpoint = await optimizer.save()
      const weights = await optimizer.getWeights()
      optimizer.dispose()
      const before = await values([kernel, bias])
      const disposed = code('ERR_DISPOSED')
      expect(() => good(optimizer)).toThrow(disposed)
      expect(() => optimizer.minimize(() => kernel.sum())).toThrow(disposed)
      expect(() => optimizer.computeGradients(() => kernel.sum())).toThrow(disposed)
      expect(() => optimizer.load(checkpoint)).toThrow(disposed)
      await expect(optimizer.save()).rejects.toThrow(disposed)
      await expect(optimizer.report()).rejects.toThrow(disposed)
      await expect(optimizer.getWeights()).rejects.toThrow(disposed)
      await expect(optimizer.setWeights(weights)).rejects.toThrow(disposed)
      expect(() => optimizer.dispose()).not.toThrow()
      expect(await values([kernel, bias])).toEqual(before)
      tf.dispose(weights.map(({ tensor }) => tensor))
    })
  })
})

let variables = 0

function code(expected: ErrorCode, message: RegExp = /./): Error {
  return expect.objectContaining({
    code: expected,
    message: expect.stringMatching(message) as string,
  }) as Error
}

describe('where there is no WebAssembly memory left', () => {
  afterEach(() => {
    vi.restoreAllMocks()
    vi.resetModules()
  })

  it("operations take the step, unless the engine is 'wasm'", async () => {
    vi.resetModules()
    const fresh = await import('@induced-metric/tfjs')
    vi.spyOn(
      (globalThis as unknown as { WebAssembly: { Memory: () => unknown } }).WebAssembly,
      'Memory',
    ).mockImplementation(function fail() {
      throw new RangeError('WebAssembly.Memory(): could not allocate memory')
    })
    await tf.setBackend('cpu')
    const step = (engine: 'auto' | 'ops' | 'wasm') => {
      const x = tf.variable(tf.tensor1d([1, 2]))
      const optimizer = fresh.inducedOptimizer(tf, inducedMetric(sgd(), { learningRate: 0.1 }), { engine })
      optimizer.minimize(() => x.square().sum().asScalar())
      return [...x.dataSync()]
    }
    expect(step('auto')).toEqual(step('ops'))
    expect(() => step('wasm')).toThrow(code('ERR_NOT_SUPPORTED', /no memory for them/))
  })
})

describe('an engine of another backend', () => {
  it.each(['webgl', 'webgpu'] as const)('%s is refused on cpu, and nothing has changed', async (engine) => {
    await tf.setBackend('cpu')
    const x = tf.variable(tf.tensor1d([1, 2]))
    const optimizer = inducedOptimizer(tf, inducedMetric(sgd(), { learningRate: 0.1 }), { engine })
    const step = () => optimizer.minimize(() => x.square().sum().asScalar(), false, [x])
    expect(step).toThrow(code('ERR_NOT_SUPPORTED', new RegExp(`no kernels for ${engine} on the cpu backend`)))
    expect([...x.dataSync()]).toEqual([1, 2])
    optimizer.dispose()
    x.dispose()
  })
})

import { describe, expect, it } from 'vitest'
import {
  adagrad,
  adam,
  createOptimizer,
  defineEmbedding,
  definePreconditioner,
  heavyBall,
  identity,
  inducedMetric,
  lion,
  log,
  logDamped,
  muon,
  rmsprop,
  sgd,
  type InducedMetricOptions,
} from '@induced-metric/core'
import { planStep } from '@induced-metric/core/adapter'
import { bits, expectError } from './support.js'

type Loose = (...given: never[]) => unknown

/** Calls with arguments that the types forbid. */
function loosely(call: Loose, ...given: readonly unknown[]): () => unknown {
  return () => (call as (...given: readonly unknown[]) => unknown)(...given)
}

const one = { name: 'w', shape: [2], data: new Float64Array([1, 2]) }

describe('inducedMetric', () => {
  const outside = 'a finite number ≥ 0'
  it.each<[option: string, value: unknown, range: string]>([
    ['learningRate', -1e-300, outside],
    ['learningRate', NaN, outside],
    ['learningRate', Infinity, outside],
    ['learningRate', '0.1', outside],
    ['learningRate', null, outside],
    ['learningRate', [0.1], outside],
    ['learningRate', { schedule: 'constant', value: 1 }, outside],
    ['xi', -1, outside],
    ['xi', NaN, outside],
    ['xi', Infinity, outside],
    ['xi', 'Auto', `'auto'`],
    ['xi', '', `'auto'`],
    ['xi', '0.1', `'auto'`],
    ['xi', true, outside],
    ['beta', -0.1, 'a number in [0, 1)'],
    ['beta', 1, 'a number in [0, 1)'],
    ['beta', 1.5, 'a number in [0, 1)'],
    ['beta', NaN, 'a number in [0, 1)'],
    ['beta', '0.8', 'a number in [0, 1)'],
    ['beta', () => 0.8, 'a number in [0, 1)'],
    ['weightDecay', -0.1, outside],
    ['weightDecay', NaN, outside],
    ['weightDecay', false, outside],
    ['decayMask', 'none', `'all', 'matrices'`],
    ['decayMask', [1], 'names'],
    ['decayMask', true, `'matrices'`],
    ['fallback', adam, 'call it'],
    ['fallback', 'adam', 'preconditioner'],
    ['fallback', muon(), 'any shape'],
    ['embedding', log, 'call it'],
    ['embedding', 'log', 'embedding'],
    ['embedding', adam(), 'embedding'],
    ['onNonFinite', 'ignore', '"skip", "throw"'],
    ['onNonFinite', true, '"skip", "throw"'],
    ['onBadLoss', 'ignore', '"throw", "skip", "base", "zero"'],
    ['metricScope', 'layer', '"global", "group", "parameter"'],
    ['clipNorm', 0, 'a finite number > 0'],
    ['clipNorm', -1, 'a finite number > 0'],
    ['clipNorm', NaN, 'a finite number > 0'],
    ['clipNorm', () => 1, 'a finite number > 0'],
    ['groups', [], 'an object of options'],
    ['groups', 'bias', 'an object of options'],
    ['groups', null, 'groups'],
  ])('refuses %s: %o', (option, value, range) => {
    expectError(
      loosely(inducedMetric, sgd(), { learningRate: 0.1, [option]: value }),
      'ERR_OPTION',
      option,
      range,
    )
  })

  it.each(['LearningRate', 'lr', 'weight_decay', 'base', 'toString', '__proto__x', ''])(
    'has no option %o and lists those it has',
    (key) => {
      expectError(
        loosely(inducedMetric, sgd(), { learningRate: 0.1, [key]: 1 }),
        'ERR_OPTION',
        JSON.stringify(key),
        'learningRate, xi, beta, embedding, weightDecay',
      )
    },
  )

  it.each([undefined, null, 3, 'x', []])('takes an object of options, not %o', (options) => {
    expectError(loosely(inducedMetric, sgd(), options), 'ERR_OPTION', 'inducedMetric')
  })

  it.each([[{}], [{ learningRate: undefined }], [{ xi: 1 }]])('needs a learningRate: %o', (options) => {
    expectError(loosely(inducedMetric, sgd(), options), 'ERR_OPTION', 'learningRate is required')
  })

  it.each([
    ['adam uncalled', adam, 'call it'],
    ['a name', 'adam', '"adam"'],
    ['nothing', undefined, 'undefined'],
    ['an embedding', identity(), 'preconditioner'],
    ['an options object', { name: 'adam' }, 'preconditioner'],
  ])('takes a called preconditioner as its base, not %s', (_, base, word) => {
    expectError(loosely(inducedMetric, base, { learningRate: 0.1 }), 'ERR_OPTION', 'base', word)
  })

  it.each<[key: string, value: unknown]>([
    ['learningRate', -1],
    ['xi', 'auto '],
    ['beta', 1],
    ['weightDecay', NaN],
    ['decayMask', 0],
    ['fallback', sgd],
    ['embedding', identity],
    ['base', adam],
    ['onBadLoss', 'nothing'],
    ['clipNorm', 0],
  ])('names the group whose %s is wrong', (key, value) => {
    expectError(
      loosely(inducedMetric, sgd(), { learningRate: 0.1, groups: { head: { [key]: value } } }),
      'ERR_OPTION',
      `groups.head.${key}`,
    )
  })

  it.each(['onNonFinite', 'metricScope', 'groups', 'lr'])('has no option %s for a group', (key) => {
    expectError(
      loosely(inducedMetric, sgd(), { learningRate: 0.1, groups: { head: { [key]: 'skip' } } }),
      'ERR_OPTION',
      'groups.head',
      key,
    )
  })

  it('takes an option that is undefined as left out, in groups too', () => {
    const options = { learningRate: 0.1, xi: undefined, beta: undefined, groups: { a: { xi: undefined } } }
    const { settings, groups } = inducedMetric(sgd(), options as unknown as InducedMetricOptions)
    expect(settings.xi).toBe('auto')
    expect(settings.beta).toBe(0.8)
    expect(groups['a']!.xi).toBe('auto')
  })

  it('has the defaults that its documentation says', () => {
    expect(inducedMetric(sgd(), { learningRate: 0.1 }).toJSON()).toEqual({
      format: 'induced-metric',
      version: 1,
      base: { name: 'sgd', momentum: 0 },
      learningRate: 0.1,
      xi: 'auto',
      beta: 0.8,
      embedding: { name: 'identity' },
      weightDecay: 0,
      decayMask: 'all',
      fallback: {
        name: 'adam',
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        nesterov: false,
        amsgrad: false,
        cautious: false,
      },
      onBadLoss: 'throw',
      onNonFinite: 'skip',
      metricScope: 'global',
    })
  })

  it('takes the ends of each range that belong to it', () => {
    const options = { learningRate: 0, xi: 0, beta: 0, weightDecay: 0, clipNorm: Number.MIN_VALUE }
    expect(() => inducedMetric(sgd(), options)).not.toThrow()
    expect(() =>
      inducedMetric(adam({ beta1: 0, beta2: 0, epsilon: 0 }), { learningRate: 1e300 }),
    ).not.toThrow()
  })

  it('reads its options once: changing the object afterwards changes nothing', () => {
    const options = { learningRate: 0.1, groups: { a: { learningRate: 0.2 } } }
    const transformation = inducedMetric(sgd(), options)
    options.learningRate = NaN
    options.groups.a.learningRate = NaN
    expect(transformation.settings.learningRate).toBe(0.1)
    expect(transformation.groups['a']!.learningRate).toBe(0.2)
  })
})

describe('hyperparameters of the bases', () => {
  const bases = { sgd, heavyBall, rmsprop, adagrad, adam, lion, muon }
  const below1 = 'a number in [0, 1)'
  const positive = 'a finite number ≥ 0'
  const rates: [keyof typeof bases, string, string][] = [
    ['sgd', 'momentum', below1],
    ['heavyBall', 'momentum', below1],
    ['heavyBall', 'dampening', below1],
    ['rmsprop', 'decay', below1],
    ['rmsprop', 'momentum', below1],
    ['rmsprop', 'epsilon', positive],
    ['adagrad', 'epsilon', positive],
    ['adagrad', 'initialAccumulator', positive],
    ['adam', 'beta1', below1],
    ['adam', 'beta2', below1],
    ['adam', 'epsilon', positive],
    ['lion', 'beta1', below1],
    ['lion', 'beta2', below1],
    ['muon', 'momentum', below1],
  ]
  it.each(rates)('%s: %s is %s', (base, key, range) => {
    const wrong: unknown[] = [-0.001, NaN, Infinity, '0.5', null, {}, true]
    if (range === below1) wrong.push(1, 2)
    for (const value of wrong) {
      expectError(loosely(bases[base], { [key]: value }), 'ERR_OPTION', `${base}.${key}`, range)
    }
    expect(() => loosely(bases[base], { [key]: 0 })()).not.toThrow()
    expect(() => loosely(bases[base], { [key]: () => 0.5 })()).not.toThrow()
  })

  it.each<[keyof typeof bases, string]>([
    ['heavyBall', 'nesterov'],
    ['rmsprop', 'centered'],
    ['adam', 'nesterov'],
    ['muon', 'nesterov'],
  ])('%s: %s is true or false', (base, key) => {
    for (const value of [1, 'true', () => true]) {
      expectError(loosely(bases[base], { [key]: value }), 'ERR_OPTION', `${base}.${key}`, 'true or false')
    }
  })

  it.each([0, -1, 51, 2.5, NaN, '5', () => 5])(
    'muon: iterations is a whole number from 1 to 50, not %o',
    (value) => {
      expectError(loosely(muon, { iterations: value }), 'ERR_OPTION', 'muon.iterations')
    },
  )

  it.each(Object.entries(bases))('%s: knows no other option', (name, base) => {
    expectError(loosely(base, { learningRate: 0.1 }), 'ERR_OPTION', name, '"learningRate"', 'known options')
    expectError(loosely(base, 0.9), 'ERR_OPTION', name, 'an object of options')
  })
})

describe('hyperparameters of the embeddings', () => {
  it('identity takes none', () => {
    expectError(loosely(identity, { floor: 0 }), 'ERR_OPTION', 'identity', 'it takes none')
  })
  it.each([
    ['log', log],
    ['logDamped', logDamped],
  ])('%s: floor is a finite number', (name, embedding) => {
    for (const floor of [NaN, Infinity, -Infinity, '0']) {
      expectError(loosely(embedding, { floor }), 'ERR_OPTION', `${name}.floor`, 'a finite number')
    }
    expect(() => embedding({ floor: -3 })).not.toThrow()
    expectError(loosely(embedding, { Floor: 0 }), 'ERR_OPTION', name, '"Floor"', 'floor')
  })
})

describe('definitions', () => {
  const update = ({ gradient }: { gradient: unknown }) => ({ direction: gradient, slots: {} })
  const number = { kind: 'number', default: 0.5, min: 0, max: 1 }
  it.each<[change: object, ...words: string[]]>([
    [{ update: undefined }, 'update', 'undefined'],
    [{ update: 3 }, 'update', '3'],
    [{ matrix: 1 }, 'matrix', '1'],
    [{ hyperparameters: 3 }, 'hyperparameters', '3'],
    [{ hyperparameters: [] }, 'hyperparameters', 'an array'],
    [{ hyperparameters: { mu: 0.9 } }, 'mu', "kind: 'number'"],
    [{ hyperparameters: { mu: null } }, 'mu', "kind: 'number'"],
    [{ hyperparameters: { mu: { kind: 'float', default: 1 } } }, 'mu', "kind: 'number'"],
    [{ hyperparameters: { mu: { kind: 'number' } } }, 'mine.mu', 'undefined'],
    [{ hyperparameters: { mu: { ...number, default: 2 } } }, 'mine.mu', '[0, 1]', '2'],
    [{ hyperparameters: { 'a.b': number } }, 'name', '"a.b"'],
    [{ hyperparameters: { gradient: number } }, 'gradient'],
    [{ hyperparameters: { name: number } }, 'name'],
    [{ hyperparameter: {} }, '"hyperparameter"', 'hyperparameters'],
  ])('of a preconditioner with %o are refused', (change, ...words) => {
    const define = loosely(definePreconditioner, {
      name: 'mine',
      hyperparameters: { mu: number },
      update,
      ...change,
    })
    expectError(define, 'ERR_OPTION', ...words)
  })

  it.each<[change: object, ...words: string[]]>([
    [{ slope: undefined }, 'slope', 'undefined'],
    [{ descends: undefined }, 'descends', 'undefined'],
    [{ descends: 1 }, 'descends', '1'],
    [{ domain: true }, 'domain', 'true'],
    [{ factor: 'x' }, 'factor', '"x"'],
    [{ hyperparameters: { name: number } }, 'name'],
    [{ slopes: () => 1 }, '"slopes"', 'slope'],
  ])('of an embedding with %o are refused', (change, ...words) => {
    const define = loosely(defineEmbedding, { name: 'mine', slope: () => 1, descends: () => 1, ...change })
    expectError(define, 'ERR_OPTION', ...words)
  })

  it.each([undefined, null, 3, 'adam', []])('are objects, not %o', (definition) => {
    expectError(loosely(definePreconditioner, definition), 'ERR_OPTION', 'definePreconditioner')
    expectError(loosely(defineEmbedding, definition), 'ERR_OPTION', 'defineEmbedding')
  })

  it('may leave hyperparameters out', () => {
    const plain = definePreconditioner({
      name: 'plain',
      update: ({ gradient }) => ({ direction: gradient, slots: {} }),
    })
    const data = new Float64Array([1])
    createOptimizer(inducedMetric(plain(), { learningRate: 0.5, xi: 0 }), [
      { name: 'w', shape: [1], data },
    ]).step([new Float64Array([1])])
    expect(data[0]).toBe(0.5)
    expectError(loosely(plain, { mu: 1 }), 'ERR_OPTION', '"mu"', 'takes none')
  })

  it.each(['', '1st', 'a b', 'a.b', 'ä', '-a', undefined, 3])(
    'have a name that files can hold, not %o',
    (name) => {
      const update = () => ({ direction: 0, slots: {} })
      expectError(loosely(definePreconditioner, { name, hyperparameters: {}, update }), 'ERR_OPTION', 'name')
      expectError(loosely(defineEmbedding, { name, slope: () => 1, descends: () => 1 }), 'ERR_OPTION', 'name')
    },
  )
})

describe('createOptimizer', () => {
  const transformation = inducedMetric(sgd(), { learningRate: 0.1 })

  it.each([undefined, null, 3, {}, sgd(), transformation.toJSON(), { learningRate: 0.1 }])(
    'takes a transformation, not %o',
    (given) => {
      expectError(loosely(createOptimizer, given, [one]), 'ERR_OPTION', 'inducedMetric(base, options)')
    },
  )

  it.each([undefined, null, 'w', one, 3])('takes an array of parameters, not %o', (parameters) => {
    expectError(loosely(createOptimizer, transformation, parameters), 'ERR_OPTION', 'parameters')
  })

  it.each([null, undefined, 3, 'w'])('takes objects as parameters, not %o', (parameter) => {
    expectError(loosely(createOptimizer, transformation, [parameter]), 'ERR_OPTION', 'parameter')
  })

  it.each<[what: string, parameter: object, code: 'ERR_OPTION' | 'ERR_SHAPE', ...string[]]>([
    ['no name', { shape: [2], data: one.data }, 'ERR_OPTION', 'name'],
    ['a name that is no string', { ...one, name: 1 }, 'ERR_OPTION', 'name'],
    ['no shape', { name: 'w', data: one.data }, 'ERR_SHAPE', '"w"', 'shape'],
    ['a fractional shape', { ...one, shape: [1.5] }, 'ERR_SHAPE', '"w"', 'shape'],
    ['a negative shape', { ...one, shape: [-2] }, 'ERR_SHAPE', '"w"', 'shape'],
    ['a shape of text', { ...one, shape: ['2'] }, 'ERR_SHAPE', '"w"', 'shape'],
    ['no data', { name: 'w', shape: [2] }, 'ERR_SHAPE', '"w"', 'Float32Array or Float64Array'],
    ['an array', { ...one, data: [1, 2] }, 'ERR_SHAPE', '"w"', 'Float32Array or Float64Array'],
    ['integers', { ...one, data: new Int32Array(2) }, 'ERR_SHAPE', '"w"', 'Int32Array'],
    ['too few data', { ...one, data: new Float32Array(1) }, 'ERR_SHAPE', '"w"', '2 elements', '1'],
    ['too many data', { ...one, shape: [] }, 'ERR_SHAPE', '"w"', '1 elements', '2'],
    ['a group that is no string', { ...one, group: 3 }, 'ERR_OPTION', '"w"', 'group'],
  ])('refuses a parameter with %s', (_, parameter, code, ...words) => {
    expectError(loosely(createOptimizer, transformation, [parameter]), code, ...words)
  })

  it('refuses two parameters of one name', () => {
    expectError(() => createOptimizer(transformation, [one, { ...one }]), 'ERR_OPTION', '"w"', 'unique')
  })

  it('refuses two parameters that share elements, of which each would undo the other', () => {
    const { buffer } = new Float64Array(6)
    const part = (name: string, offset: number, length: number) => ({
      name,
      shape: [length],
      data: new Float64Array(buffer, 8 * offset, length),
    })
    for (const engine of ['reference', 'wasm'] as const) {
      const create =
        (...parameters: (typeof one)[]) =>
        () =>
          createOptimizer(transformation, parameters, { engine })
      expectError(
        create(one, { ...one, name: 'tied' }),
        'ERR_SHAPE',
        '"w"',
        '"tied"',
        'sum of their gradients',
      )
      expectError(create(part('b', 3, 3), part('a', 0, 4)), 'ERR_SHAPE', '"a"', '"b"')
      // They may be side by side in one buffer, in any order, and so may empty ones.
      create(part('c', 4, 2), part('a', 0, 2), part('b', 2, 2), part('none', 3, 0))().step([
        new Float64Array(2),
        new Float64Array(2),
        new Float64Array(2),
        new Float64Array(0),
      ])
    }
  })

  it('describes the given value in a word or two', () => {
    expectError(
      loosely(createOptimizer, transformation, 'x'.repeat(1000)),
      'ERR_OPTION',
      `"${'x'.repeat(80)}…"`,
    )
    const integers = { ...one, data: new Int8Array(2) }
    expectError(loosely(createOptimizer, transformation, [integers]), 'ERR_SHAPE', 'given an Int8Array')
  })

  it('refuses options for a group that no parameter is in, and lists the groups there are', () => {
    const grouped = inducedMetric(sgd(), { learningRate: 0.1, groups: { biases: { weightDecay: 0 } } })
    expectError(
      () => createOptimizer(grouped, [one]),
      'ERR_OPTION',
      'groups.biases',
      'no parameter has a group',
    )
    const parameter = { ...one, group: 'bias' }
    expectError(() => createOptimizer(grouped, [parameter]), 'ERR_OPTION', 'groups.biases', '"bias"')
  })

  it.each([['gpu'], ['Auto'], [1], [null]])('has no engine %o', (engine) => {
    expectError(
      loosely(createOptimizer, transformation, [one], { engine }),
      'ERR_OPTION',
      'engine',
      '"auto", "wasm", "reference"',
    )
  })

  it('has no option but engine', () => {
    expectError(
      loosely(createOptimizer, transformation, [one], { backend: 'x' }),
      'ERR_OPTION',
      '"backend"',
      'engine',
    )
  })

  it('takes shapes of length 0, extents of 0, and no parameters at all', () => {
    const scalar = { name: 's', shape: [], data: new Float64Array([3]) }
    const empty = { name: 'e', shape: [4, 0], data: new Float64Array(0) }
    const optimizer = createOptimizer(transformation, [scalar, empty], { engine: 'reference' })
    optimizer.step([new Float64Array([1]), new Float64Array(0)])
    expect(scalar.data[0]).toBeCloseTo(3 - 0.1 / 2, 12)
    const none = createOptimizer(transformation, [], { engine: 'reference' })
    expect(none.step([]).skipped).toBe(true)
  })

  it('leaves the given objects alone: parameters may be frozen, and are updated in place', () => {
    const data = new Float64Array([1])
    const frozen = Object.freeze({ name: 'w', shape: Object.freeze([1]), data })
    createOptimizer(transformation, Object.freeze([frozen]), { engine: 'reference' }).step([
      new Float64Array([1]),
    ])
    expect(data[0]).toBeLessThan(1)
  })
})

describe('schedules that leave their range', () => {
  const tail = (value: unknown) => (step: number) => (step < 3 ? 0.5 : (value as number))
  it.each<[option: string, value: unknown]>([
    ['learningRate', -1],
    ['learningRate', NaN],
    ['learningRate', undefined],
    ['learningRate', '0.1'],
    ['xi', -1],
    ['xi', Infinity],
    ['weightDecay', -0.1],
    ['adam.beta1', 1],
    ['adam.beta2', -1],
    ['adam.epsilon', NaN],
    ['log.floor', NaN],
  ])('%s becoming %o is an error at step 3, which changes nothing', (option, value) => {
    const [owner, key] = option.split('.') as [string, string?]
    const base = adam(owner === 'adam' ? { [key!]: tail(value) } : {})
    const embedding = owner === 'log' ? log({ [key!]: tail(value) }) : identity()
    const top = key === undefined ? { [owner]: tail(value) } : {}
    const transformation = inducedMetric(base, { learningRate: 0.1, embedding, ...top })
    const data = new Float64Array([1, 2])
    const optimizer = createOptimizer(transformation, [{ name: 'w', shape: [2], data }], {
      engine: 'reference',
    })
    const step = () => optimizer.step([new Float64Array([1, -1])], { loss: 3 })
    step()
    step()
    const before = bits(data)
    const saved = optimizer.save()
    expectError(step, 'ERR_OPTION', option, 'step 3')
    expect(bits(data)).toBe(before)
    expect(optimizer.save()).toEqual(saved)
    expect(optimizer.report.step).toBe(2)
  })

  it('the error of a schedule of yours comes out as it is, and changes nothing', () => {
    const learningRate = (step: number): number => {
      if (step === 2) throw new RangeError('no more')
      return 0.1
    }
    const data = new Float64Array([1])
    const transformation = inducedMetric(adam(), { learningRate })
    const optimizer = createOptimizer(transformation, [{ name: 'w', shape: [1], data }], {
      engine: 'reference',
    })
    optimizer.step([new Float64Array([1])])
    const before = bits(data)
    expect(() => optimizer.step([new Float64Array([1])])).toThrow(new RangeError('no more'))
    expect(bits(data)).toBe(before)
  })
})

describe('planStep', () => {
  it('checks parameters as createOptimizer does', () => {
    const transformation = inducedMetric(sgd(), { learningRate: 0.1 })
    expectError(() => planStep(transformation, [one, one]), 'ERR_OPTION', 'unique')
    expectError(loosely(planStep, {}, [one]), 'ERR_OPTION', 'inducedMetric')
  })
})

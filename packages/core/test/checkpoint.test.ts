import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  adagrad,
  adam,
  createOptimizer,
  decodeCheckpoint,
  encodeCheckpoint,
  heavyBall,
  inducedMetric,
  lion,
  log,
  muon,
  rmsprop,
  sgd,
  type Checkpoint,
  type InducedMetricOptions,
  type Optimizer,
  type Preconditioner,
} from '@induced-metric/core'
import { bits, expectError, gradientsOf, optimizerOver, stateBits, thrownBy, type Dtype } from './support.js'

const tensors = [
  { name: 'kernel', shape: [3, 4] },
  { name: 'Größe/β₁ 🎲', shape: [5], group: 'biases' },
  { name: '"quoted"\\\n\u0000', shape: [] },
  { name: 'empty', shape: [0, 3] },
  { name: '', shape: [2] },
]
const options: InducedMetricOptions = { learningRate: 0.1, xi: 0.3, weightDecay: 0.01 }

function make(
  base: Preconditioner,
  more: Partial<InducedMetricOptions> = {},
  dtype: Dtype = 'float32',
  seed = 1,
): Optimizer {
  return optimizerOver(inducedMetric(base, { ...options, ...more }), tensors, { dtype, seed })
}
function train(optimizer: Optimizer, from: number, to: number): Optimizer {
  for (let step = from; step <= to; step++) optimizer.step(gradientsOf(optimizer, step), { loss: 3 / step })
  return optimizer
}

const bases = {
  sgd: sgd(),
  momentum: sgd({ momentum: 0.9 }),
  heavyBall: heavyBall({ dampening: 0.1 }),
  rmsprop: rmsprop({ centered: true, momentum: 0.5 }),
  adagrad: adagrad({ initialAccumulator: 0.1 }),
  adam: adam(),
  lion: lion(),
  muon: muon(),
}
const everything = Object.keys(bases).flatMap((name) =>
  (['float32', 'float64'] as const).map((dtype): [keyof typeof bases, Dtype] => [
    name as keyof typeof bases,
    dtype,
  ]),
)

describe('encoding', () => {
  it.each(everything)('gives back every bit: %s, %s', (name, dtype) => {
    const saved = train(make(bases[name], {}, dtype), 1, 3).save()
    const bytes = encodeCheckpoint(saved)
    const back = decodeCheckpoint(bytes)
    expect(back).toEqual(saved)
    expect(encodeCheckpoint(back)).toEqual(bytes)
  })

  it('keeps NaN, infinities, −0 and subnormal numbers in slots, bit by bit', () => {
    const saved = make(sgd({ momentum: 0.9 })).save()
    const m = saved.parameters[0]!.slots['momentum'] as Float32Array
    new Uint32Array(m.buffer).set([0x7fc00001, 0xffc12345, 0x7f800000, 0xff800000, 0x80000000, 1])
    const back = decodeCheckpoint(encodeCheckpoint(saved))
    expect(bits(back.parameters[0]!.slots['momentum']!)).toBe(bits(m))
  })

  it('keeps the average to the last bit', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), (average) => {
        const saved = make(sgd()).save()
        const given = { ...saved, units: [{ ...saved.units[0]!, average: average + 0 }] }
        expect(decodeCheckpoint(encodeCheckpoint(given)).units[0]!.average).toBe(average + 0)
      }),
    )
  })

  it('is read from a view into a larger buffer, at any offset', () => {
    const saved = train(make(adam(), {}, 'float64'), 1, 2).save()
    const bytes = encodeCheckpoint(saved)
    for (const offset of [1, 3, 8]) {
      const buffer = new Uint8Array(bytes.length + 16)
      buffer.set(bytes, offset)
      expect(decodeCheckpoint(buffer.subarray(offset, offset + bytes.length))).toEqual(saved)
      expect(decodeCheckpoint(Buffer.from(bytes))).toEqual(saved)
    }
  })

  it('costs the slots, and a header that does not grow with them', () => {
    const size = (n: number): number => {
      const parameter = { name: 'w', shape: [n], data: new Float32Array(n) }
      return encodeCheckpoint(createOptimizer(inducedMetric(adam(), options), [parameter]).save()).length
    }
    expect(size(200_000) - size(100_000)).toBe(100_000 * 8)
    expect(size(100_000) - 100_000 * 8).toBeLessThan(1000)
  })
})

describe('the bytes', () => {
  const bytes = encodeCheckpoint(train(make(adam()), 1, 2).save())
  const survivor = train(make(adam(), {}, 'float32', 5), 1, 1)
  const before = stateBits(survivor)
  const report = survivor.report

  /** Loading them is ERR_CHECKPOINT, and the optimiser is as it was. */
  const refused = (given: Uint8Array): void => {
    expect(thrownBy(() => decodeCheckpoint(given)).code).toBe('ERR_CHECKPOINT')
    expect(thrownBy(() => survivor.load(given)).code).toBe('ERR_CHECKPOINT')
  }
  const unchanged = (): void => {
    expect(stateBits(survivor)).toEqual(before)
    expect(survivor.report).toBe(report)
  }

  it('are refused when truncated, at every length', () => {
    for (let length = 0; length < bytes.length; length++) refused(bytes.subarray(0, length))
    unchanged()
  })

  it('are refused with one byte changed, wherever and however', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = bytes.slice()
        changed[at]! ^= flip
        refused(changed)
      }),
      { numRuns: 3000 },
    )
    unchanged()
  })

  it('are refused with something after them', () => {
    for (const more of [1, 8, 100]) {
      const longer = new Uint8Array(bytes.length + more)
      longer.set(bytes)
      refused(longer)
    }
    unchanged()
  })

  it('are not made of anything but a checkpoint', () => {
    const good = survivor.save()
    const [first, ...others] = good.parameters
    const slot = Object.keys(first!.slots)[0]!
    const parameters = [{ ...first!, slots: { ...first!.slots, [slot]: new Float64Array(1) } }, ...others]
    for (const given of [undefined, null, 3, {}, { ...good, step: -1 }, { ...good, parameters }])
      expectError(() => encodeCheckpoint(given as Checkpoint), 'ERR_CHECKPOINT')
  })

  it('are refused when they are anything else', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), refused), { numRuns: 300 })
    unchanged()
  })

  it.each([undefined, null, 'IMCK', [1, 2], {}, new ArrayBuffer(64), new Float32Array(64)])(
    'are bytes, not %o',
    (given) => {
      expectError(() => decodeCheckpoint(given as Uint8Array), 'ERR_CHECKPOINT')
      expectError(() => survivor.load(given as Uint8Array), 'ERR_CHECKPOINT')
      unchanged()
    },
  )

  /** Bytes with a header of one's own, and a checksum that is right. */
  const forge = (
    header: unknown,
    { slots = 0, headerLength }: { slots?: number; headerLength?: number } = {},
  ): Uint8Array => {
    const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
    const padded = Math.ceil(text.length / 8) * 8
    const forged = new Uint8Array(16 + padded + slots).fill(0x20, 16, 16 + padded)
    forged.set(text, 16)
    const view = new DataView(forged.buffer)
    view.setUint32(0, 0x4b434d49, true)
    view.setUint32(4, 1, true)
    view.setUint32(8, headerLength ?? padded, true)
    view.setUint32(12, crc(forged.subarray(16)), true)
    return forged
  }
  const header = {
    format: 'induced-metric-checkpoint',
    version: 1,
    hash: 'x',
    step: 1,
    skippedSteps: 0,
    units: [{ key: '', average: 1, steps: 1 }],
    parameters: [{ name: 'w', shape: [2], dtype: 'float32', steps: 1, slots: ['m'] }],
  }
  const parameter = header.parameters[0]!
  const unit = header.units[0]!

  it('of a forged header are read, when the header is right', () => {
    const { parameters } = decodeCheckpoint(forge(header, { slots: 8 }))
    expect(parameters[0]!.slots).toEqual({ m: new Float32Array(2) })
  })

  it.each<[what: string, change: object]>([
    ['another format', { format: 'x' }],
    ['another version', { version: 2 }],
    ['no hash', { hash: 3 }],
    ['half a step', { step: 0.5 }],
    ['a negative step', { step: -1 }],
    ['more steps than integers', { step: 2 ** 60 }],
    ['no units', { units: {} }],
    ['a unit that is nothing', { units: [null] }],
    ['a unit without a key', { units: [{ ...unit, key: 1 }] }],
    ['a negative average', { units: [{ ...unit, average: -1 }] }],
    ['an average of null, as JSON writes NaN', { units: [{ ...unit, average: null }] }],
    ['no parameters', { parameters: 'w' }],
    ['a parameter that is nothing', { parameters: [null] }],
    ['a parameter without a name', { parameters: [{ ...parameter, name: undefined }] }],
    ['two parameters of one name', { parameters: [parameter, parameter] }],
    ['two units of one key', { units: [unit, unit] }],
    ['a fractional shape', { parameters: [{ ...parameter, shape: [1.5] }] }],
    ['a negative shape', { parameters: [{ ...parameter, shape: [-2] }] }],
    ['a shape of text', { parameters: [{ ...parameter, shape: '2' }] }],
    ['another element type', { parameters: [{ ...parameter, dtype: 'int8' }] }],
    ['slots that are no list', { parameters: [{ ...parameter, slots: { m: 1 } }] }],
    ['slots that are no names', { parameters: [{ ...parameter, slots: [1] }] }],
    ['a slot twice', { parameters: [{ ...parameter, shape: [1], slots: ['m', 'm'] }] }],
    ['an array', []],
  ])('with %s are refused', (_, change) => {
    const forged = Array.isArray(change) ? change : { ...header, ...change }
    refused(forge(forged, { slots: 8 }))
    unchanged()
  })

  it.each(['', '{', 'null', '3', '"x"', '[]', '\u00e9'])('with a header of %o are refused', (text) => {
    refused(forge(text))
    unchanged()
  })

  it.each([
    [[2 ** 31, 2 ** 31, 2 ** 31]],
    [[2 ** 53 - 1]],
    [[1e15]],
    [[2 ** 40]],
    [[Number.MAX_SAFE_INTEGER, 2]],
    [[4_000_000_000]],
    [[0, 2 ** 53]],
  ])('that promise more than they hold are refused before memory is taken: %o', (shape) => {
    const { heapUsed, external } = process.memoryUsage()
    for (const slots of [['m'], Array.from({ length: 50 }, (_, i) => `m${i}`)]) {
      refused(forge({ ...header, parameters: [{ ...parameter, shape, slots }] }))
    }
    const after = process.memoryUsage()
    expect(after.heapUsed + after.external - heapUsed - external).toBeLessThan(50e6)
    unchanged()
  })

  it.each([0, 1, 7, 0xffffffff, 0x7fffffff])('with a lying header length are refused: %d', (headerLength) => {
    refused(forge(header, { slots: 8, headerLength }))
    unchanged()
  })

  it('with a name of a prototype change none', () => {
    const text = JSON.stringify(header).replace('"m"', '"__proto__"')
    const { slots } = decodeCheckpoint(forge(text, { slots: 8 })).parameters[0]!
    expect(Object.keys(slots)).toEqual(['__proto__'])
    refused2(text)
    unchanged()
  })
  const refused2 = (text: string): void => {
    expect(thrownBy(() => survivor.load(forge(text, { slots: 8 }))).code).toBe('ERR_CHECKPOINT')
  }
})

describe('loading', () => {
  it.each(everything)('and going on is as though one had never stopped: %s, %s', (name, dtype) => {
    for (const embedding of [{}, { embedding: log(), metricScope: 'group' as const }]) {
      const through = train(make(bases[name], embedding, dtype), 1, 4)
      const bytes = encodeCheckpoint(through.save())
      const resumed = make(bases[name], embedding, dtype, 9)
      through.parameters.forEach(({ data }, i) => resumed.parameters[i]!.data.set(data))
      resumed.load(bytes)
      expect(stateBits(resumed)).toEqual(stateBits(through))
      for (const optimizer of [through, resumed]) train(optimizer, 5, 9)
      expect(stateBits(resumed)).toEqual(stateBits(through))
      expect(resumed.report).toEqual(through.report)
    }
  })

  it('takes what save() gave, too, and copies it', () => {
    const one = train(make(adam()), 1, 2)
    const saved = one.save()
    const two = make(adam(), {}, 'float32', 3)
    two.load(saved)
    const before = JSON.stringify(saved)
    train(two, 3, 4)
    expect(JSON.stringify(saved)).toBe(before)
  })

  it('save() is a copy: training on does not change it', () => {
    const one = train(make(adam()), 1, 2)
    const saved = one.save()
    const before = JSON.stringify(saved)
    train(one, 3, 4)
    expect(JSON.stringify(saved)).toBe(before)
  })

  it('does not depend on the order of parameters, of units, or of slots', () => {
    const one = train(make(adam(), { metricScope: 'group' }), 1, 2)
    const saved = one.save()
    const shuffled = {
      ...saved,
      units: [...saved.units].reverse(),
      parameters: saved.parameters
        .map((parameter) => ({
          ...parameter,
          slots: Object.fromEntries(Object.entries(parameter.slots).reverse()),
        }))
        .reverse(),
    }
    const two = make(adam(), { metricScope: 'group' })
    two.load(decodeCheckpoint(encodeCheckpoint(shuffled)))
    expect(two.save()).toEqual(saved)
  })

  it('does not depend on the order of the parameters in the optimiser, whatever their forms', () => {
    const list = [
      { name: 'tall', shape: [4, 2] },
      { name: 'bias', shape: [2] },
      { name: 'wide', shape: [2, 4] },
    ]
    const over = (infos: typeof list): Optimizer =>
      createOptimizer(
        inducedMetric(muon(), { learningRate: 0.1 }),
        infos.map((info) => ({
          ...info,
          data: new Float64Array(info.shape.reduce((a, b) => a * b, 1)).fill(1),
        })),
      )
    const one = over(list)
    one.step(gradientsOf(one, 1))
    const two = over([...list].reverse())
    two.load(encodeCheckpoint(one.save()))
    const saved = two.save()
    expect({ ...saved, parameters: [...saved.parameters].reverse() }).toEqual(one.save())
  })

  it('continues where the run was: schedules, counts, skipped steps', () => {
    const rates: InducedMetricOptions = { learningRate: (step) => 1 / step }
    const one = train(make(adam(), rates), 1, 3)
    one.step(one.parameters.map(({ data }) => data.map(() => NaN)))
    const two = make(adam(), rates)
    two.load(one.save())
    expect(two.report).toMatchObject({ step: 3, skippedSteps: 1, skipped: false })
    train(two, 4, 4)
    expect(two.report).toMatchObject({ step: 4, learningRate: 0.25 })
  })

  it.each<[what: string, more: Partial<InducedMetricOptions>]>([
    ['ξ and β', { xi: 3, beta: 0.1 }],
    ['the learning rate', { learningRate: 3 }],
    ['the embedding', { embedding: log() }],
    ['weight decay and its mask', { weightDecay: 1, decayMask: [] }],
    ['clipping', { clipNorm: 1 }],
  ])('allows another value of what keeps no state: %s', (_, more) => {
    const saved = train(make(adam()), 1, 2).save()
    const other = make(adam(), more)
    expect(() => other.load(saved)).not.toThrow()
    expect(other.save()).toEqual(saved)
  })

  const saved = (): Checkpoint => train(make(adam()), 1, 2).save()
  const first = (change: (parameter: Checkpoint['parameters'][number]) => object): Checkpoint => {
    const checkpoint = saved()
    const [parameter, ...others] = checkpoint.parameters
    return { ...checkpoint, parameters: [{ ...parameter!, ...change(parameter!) }, ...others] }
  }
  it.each<[what: string, given: () => unknown, ...words: string[]]>([
    ['nothing', () => undefined],
    ['null', () => null],
    ['text', () => 'checkpoint'],
    ['an empty object', () => ({})],
    ['a transformation', () => inducedMetric(adam(), options).toJSON()],
    ['another version', () => ({ ...saved(), version: 2 }), 'version 2'],
    ['another hash', () => ({ ...saved(), hash: 'x' }), 'another form'],
    ['the state of another base', () => train(make(lion()), 1, 1).save(), 'slots'],
    [
      'the state of a base with the same slots',
      () => train(make(adam({ nesterov: true })), 1, 1).save(),
      'another form',
    ],
    [
      'the state of another scope',
      () => train(make(adam(), { metricScope: 'parameter' }), 1, 1).save(),
      'metric unit',
    ],
    ['float64', () => train(make(adam(), {}, 'float64'), 1, 1).save(), '"kernel"', 'float32', 'Float64Array'],
    [
      'a parameter too few',
      () => ({ ...saved(), parameters: saved().parameters.slice(1) }),
      'no parameter "kernel"',
    ],
    [
      'a parameter too many',
      () => ({ ...saved(), parameters: [...saved().parameters, { ...saved().parameters[0], name: 'more' }] }),
      'more',
    ],
    ['a parameter of another name', () => first(() => ({ name: 'Kernel' })), '"kernel"'],
    [
      'a parameter twice',
      () => ({ ...saved(), parameters: [...saved().parameters, saved().parameters[0]] }),
      '"kernel"',
    ],
    [
      'another shape of the same size',
      () => first(() => ({ shape: [4, 3] })),
      '"kernel"',
      '[3, 4]',
      '[4, 3]',
    ],
    ['another size', () => first(() => ({ shape: [3, 5] })), '"kernel"', '[3, 5]'],
    ['a slot too few', () => first(({ slots }) => ({ slots: { m: slots['m'] } })), '"kernel"', 'm, v'],
    [
      'a slot too many',
      () => first(({ slots }) => ({ slots: { ...slots, w: slots['m'] } })),
      '"kernel"',
      'm, v, w',
    ],
    [
      'a slot that is too short',
      () => first(({ slots }) => ({ slots: { ...slots, m: new Float32Array(11) } })),
      'm',
      '12',
      '11',
    ],
    [
      'a slot that is no array of numbers',
      () => first(({ slots }) => ({ slots: { ...slots, m: [1] } })),
      'slot m',
    ],
    ['a slot that is null', () => first(({ slots }) => ({ slots: { ...slots, m: null } })), 'slot m'],
    ['a negative count', () => first(() => ({ steps: -1 })), '"kernel"'],
    ['no metric units', () => ({ ...saved(), units: [] }), 'metric unit'],
    [
      'a metric unit too many',
      () => ({ ...saved(), units: [...saved().units, { key: 'x', average: 0, steps: 0 }] }),
      'metric units',
    ],
    ['a NaN average', () => ({ ...saved(), units: [{ key: '', average: NaN, steps: 1 }] }), 'average'],
    [
      'an infinite average',
      () => ({ ...saved(), units: [{ key: '', average: Infinity, steps: 1 }] }),
      'average',
    ],
  ])('refuses %s, and has changed nothing', (_, given, ...words) => {
    const optimizer = train(make(adam(), {}, 'float32', 4), 1, 3)
    const before = stateBits(optimizer)
    expectError(() => optimizer.load(given() as Checkpoint), 'ERR_CHECKPOINT', ...words)
    expect(stateBits(optimizer)).toEqual(before)
    for (const same of [optimizer, train(make(adam(), {}, 'float32', 4), 1, 3)]) train(same, 4, 4)
  })
})

/** CRC-32, bit by bit. */
function crc(bytes: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of bytes) {
    value ^= byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  }
  return ~value >>> 0
}

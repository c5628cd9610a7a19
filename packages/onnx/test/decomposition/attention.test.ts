import { describe, expect, it } from 'vitest'
import { decomposeModel } from '../../src/decomposition/decompose.js'
import { dataType } from '../../src/proto/index.js'
import { drawn, single, tensor, type Tensor } from '../gradients/harness.js'
import { checkDecomposition, type Operands } from './check.js'

const { int32 } = dataType
const f = (value: number) => ({ float: value })
const ints = (dims: readonly number[], values: readonly number[]) => tensor(dims, values, int32)

const [batch, length, width, heads] = [2, 3, 4, 2]
const projection = (columns = 3 * width): Operands => [
  ['x', drawn([batch, length, width], 1)],
  ['weights', drawn([width, columns], 2, { low: -1, high: 1 })],
  ['bias', drawn([columns], 3)],
]

const masks: Record<string, ReturnType<typeof ints>> = {
  '[batch, keys]': ints([batch, length], [1, 1, 0, 1, 1, 1]),
  '[batch, queries, keys]': ints(
    [batch, length, length],
    [1, 0, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1],
  ),
  '[batch], where the keys end': ints([batch], [2, 3]),
  '[2·batch], where they end and start': ints([2 * batch], [2, 3, 0, 1]),
}

/** A part of [batch, length, heads, parts, size], as [batch, length, heads·size]. */
function unpacked({ dims, data }: Tensor, part: number): Tensor {
  const [examples, places, count, parts, size] = dims as [number, number, number, number, number]
  const values = Array.from({ length: examples * places * count * size }, (_, i) => {
    const [head, element] = [Math.floor(i / size), i % size]
    return (data as Float64Array)[(head * parts + part) * size + element]!
  })
  return tensor([examples, places, count * size], values)
}

describe('Attention', () => {
  const check = (operands: Operands, options = {}) =>
    checkDecomposition('com.microsoft:Attention', operands, {
      ...options,
      attributes: { num_heads: heads, ...(options as { attributes?: object }).attributes },
    })

  it('without a mask', () => check(projection()))
  it('of any batch and length', () => check(projection(), { symbolic: true }))
  it('causal', () => check(projection(), { attributes: { unidirectional: 1 } }))
  // The kernel of the CPU crashes without one.
  it('without a bias', () =>
    check([...projection().slice(0, 2), ['', undefined]], {
      kernel: [
        ...projection().slice(0, 2),
        [
          'bias',
          tensor(
            [3 * width],
            Array.from({ length: 3 * width }, () => 0),
          ),
        ],
      ],
    }))
  it('with a scale of its own', () => check(projection(), { attributes: { scale: f(0.3) } }))
  it('with values of another width', () =>
    check(projection(10), { attributes: { qkv_hidden_sizes: [width, width, 2] } }))

  describe.each(Object.entries(masks))('with a mask %s', (_, mask) => {
    it.each([0, 1])('and unidirectional %i', async (unidirectional) => {
      const attributes = { unidirectional, mask_filter_value: f(-5) }
      await check([...projection(), ['mask', mask]], { attributes })
    })
    it('in a model of any batch', () =>
      check([...projection(), ['mask', mask]], { symbolic: true, wanted: [] }))
  })

  it.each([1, batch])('with what is added to the scores, for %i examples', async (examples) => {
    const bias = drawn([examples, heads, length, length], 5)
    await check([...projection(), ['', undefined], ['', undefined], ['offset', bias]])
  })

  it('after earlier places, whose keys and values it passes on', async () => {
    const past = drawn([2, batch, heads, 2, width / heads], 6)
    await check([...projection(), ['', undefined], ['past', past]], {
      outputs: ['y', 'present'],
      attributes: { unidirectional: 1 },
    })
  })

  it('says what it cannot differentiate', () => {
    const model = single('com.microsoft:Attention', {
      x: { dims: [2, 3, 4] },
      w: { dims: [4, 12] },
      b: { dims: [12] },
    })
    expect(() => decomposeModel(model)).toThrow(/ERR_NOT_SUPPORTED: operator Attention .*num_heads is 0/)
    const rotary = single(
      'com.microsoft:Attention',
      { x: { dims: [2, 3, 4] }, w: { dims: [4, 12] }, b: { dims: [12] } },
      { num_heads: 2, do_rotary: 1 },
    )
    expect(() => decomposeModel(rotary)).toThrow(/do_rotary .* put RotaryEmbedding/)
  })
})

describe('MultiHeadAttention', () => {
  const check = (operands: Operands, options = {}) =>
    checkDecomposition('com.microsoft:MultiHeadAttention', operands, {
      ...options,
      attributes: { num_heads: heads, ...(options as { attributes?: object }).attributes },
    })
  const keys = 4
  const apart = (valueWidth = width): Operands => [
    ['query', drawn([batch, length, width], 1)],
    ['key', drawn([batch, keys, width], 2)],
    ['value', drawn([batch, keys, valueWidth], 3)],
  ]
  const missing = ['', undefined] as const

  it('of queries, keys and values', () => check(apart()))
  it('of any batch and length', () => check(apart(), { symbolic: true }))
  it('with values of another width', () => check(apart(6)))
  it('with biases', () => check([...apart(6), ['bias', drawn([2 * width + 6], 4)]]))
  it('causal', () =>
    check(
      [
        ...apart().slice(0, 1),
        ['key', drawn([batch, length, width], 2)],
        ['value', drawn([batch, length, width], 3)],
      ],
      {
        attributes: { unidirectional: 1 },
      },
    ))
  // The kernel hides nothing from the last query, because as a rule there is nothing after it.
  it('causal, to more keys than there are queries', () =>
    check(apart(), {
      attributes: { unidirectional: 1 },
      defined: (_: string, data: readonly number[]) =>
        data.filter((_value, i) => Math.floor(i / width) % length < length - 1),
    }))
  // The CPU has no kernel of packed operands, so that of separate ones is the measure.
  it('of packed queries, keys and values', () => {
    const packed = drawn([batch, length, heads, 3, 2], 1)
    return check([['packed', packed]], {
      kernel: ['query', 'key', 'value'].map((name, i) => [name, unpacked(packed, i)]),
    })
  })
  it('of packed keys and values', () => {
    const packed = drawn([batch, keys, heads, 2, width / heads], 2)
    return check([apart()[0]!, ['packed', packed]], {
      kernel: [apart()[0]!, ['key', unpacked(packed, 0)], ['value', unpacked(packed, 1)]],
    })
  })
  it('of keys and values that are heads', () =>
    check([
      apart()[0]!,
      ['key', drawn([batch, heads, keys, width / heads], 2)],
      ['value', drawn([batch, heads, keys, width / heads], 3)],
    ]))
  it.each(
    Object.entries({
      '[batch, keys]': ints([batch, keys], [1, 1, 1, 0, 1, 1, 0, 0]),
      '[batch]': ints([batch], [3, 2]),
    }),
  )('with a mask %s', (_, mask) => check([...apart(), missing, ['mask', mask]]))
  it('with what is added to the scores', () =>
    check([...apart(), missing, missing, ['offset', drawn([1, heads, length, keys], 4)]]))
  it('after earlier places', () =>
    check(
      [
        apart()[0]!,
        ['key', drawn([batch, length, width], 2)],
        ['value', drawn([batch, length, width], 3)],
        missing,
        missing,
        missing,
        ['pastKey', drawn([batch, heads, 2, width / heads], 5)],
        ['pastValue', drawn([batch, heads, 2, width / heads], 6)],
      ],
      { outputs: ['y', 'presentKey', 'presentValue'], attributes: { unidirectional: 1 } },
    ))
})

describe('EmbedLayerNormalization', () => {
  const ids = ints([batch, length], [4, 0, 2, 1, 4, 3])
  const tables: Operands = [
    ['words', drawn([5, width], 1)],
    ['positions', drawn([6, width], 2)],
  ]
  const affine: Operands = [
    ['gamma', drawn([width], 4)],
    ['beta', drawn([width], 5)],
  ]
  const segments: Operands[number] = ['segments', ints([batch, length], [0, 0, 1, 0, 1, 1])]
  const segmentTable: Operands[number] = ['segmentTable', drawn([2, width], 3)]
  const check = (operands: Operands, outputs: readonly string[] = ['y', 'counts']) =>
    checkDecomposition('com.microsoft:EmbedLayerNormalization', operands, {
      outputs,
      attributes: { epsilon: f(0.001) },
    })

  it('with segments', () => check([['ids', ids], segments, ...tables, segmentTable, ...affine]))
  it('without', () => check([['ids', ids], ['', undefined], ...tables, ['', undefined], ...affine]))
  it('with a mask, and the sum as an output', () =>
    check(
      [
        ['ids', ids],
        segments,
        ...tables,
        segmentTable,
        ...affine,
        ['mask', ints([batch, length], [1, 1, 0, 1, 1, 1])],
      ],
      ['y', 'counts', 'sum'],
    ))
  it('with positions', () =>
    check([
      ['ids', ids],
      segments,
      ...tables,
      segmentTable,
      ...affine,
      ['', undefined],
      ['places', ints([batch, length], [5, 4, 0, 1, 1, 2])],
    ]))
})

import { describe, expect, it } from 'vitest'
import { decomposeModel } from '../../src/decomposition/decompose.js'
import { dataType } from '../../src/proto/index.js'
import { drawn, single, tensor } from '../gradients/harness.js'
import { checkDecomposition, type DecompositionCheck, type Operands } from './check.js'

const f = (value: number) => ({ float: value })
const [batch, length, heads, size, places] = [2, 3, 2, 4, 8]

/** Cosines and sines of angles that differ by place and pair. */
const tables = (pairs: number, extents: readonly number[] = [places]): Operands => {
  const rows = extents.reduce((a, b) => a * b, 1)
  const angles = Array.from(
    { length: rows * pairs },
    (_, i) => (1 + Math.floor(i / pairs)) / (1 + (i % pairs)),
  )
  return [
    ['cos', tensor([...extents, pairs], angles.map(Math.cos))],
    ['sin', tensor([...extents, pairs], angles.map(Math.sin))],
  ]
}
const positions = tensor([batch, length], [0, 1, 2, 5, 3, 7], dataType.int64)
const start = tensor([1], [2], dataType.int64)
const flat = drawn([batch, length, heads * size], 1)
const apart = drawn([batch, heads, length, size], 1)
const wanted = ['x']

describe('RotaryEmbedding of com.microsoft', () => {
  const check = (operands: Operands, attributes = {}, options: DecompositionCheck = {}) =>
    checkDecomposition('com.microsoft:RotaryEmbedding', operands, {
      wanted,
      ...options,
      constants: ['cos', 'sin'],
      attributes,
    })

  describe.each([0, 1])('interleaved: %i', (interleaved) => {
    it('of positions', () =>
      check([['x', flat], ['positions', positions], ...tables(size / 2)], { interleaved }))
    it('of one position and those after it', () =>
      check([['x', flat], ['positions', start], ...tables(size / 2)], { interleaved }))
    it('of heads', () =>
      check([['x', apart], ['positions', positions], ...tables(size / 2)], { interleaved }))
    it('of heads, from one position on', () =>
      check([['x', apart], ['positions', start], ...tables(size / 2)], { interleaved }))
    it('of a part of each head', () =>
      check([['x', flat], ['positions', positions], ...tables(1)], {
        interleaved,
        num_heads: heads,
        rotary_embedding_dim: 2,
      }))
  })
  it('of any batch and length, with a scale, which has no effect', () =>
    check([['x', flat], ['positions', positions], ...tables(size / 2)], { scale: f(2) }, { symbolic: true }))

  it('refuses packed batches', () => {
    const model = single(
      'com.microsoft:RotaryEmbedding',
      {
        x: { dims: [1, 3, 4] },
        p: { dims: [1, 3], type: dataType.int64 },
        c: { dims: [8, 2] },
        s: { dims: [8, 2] },
      },
      { is_packed_batching: 1 },
    )
    expect(() => decomposeModel(model)).toThrow(/ERR_NOT_SUPPORTED.*packed batches/)
  })
})

describe('RotaryEmbedding of ONNX', () => {
  const check = (operands: Operands, attributes = {}) =>
    checkDecomposition('RotaryEmbedding', operands, {
      wanted,
      attributes,
      opset: 23,
      constants: ['cos', 'sin'],
    })

  describe.each([0, 1])('interleaved: %i', (interleaved) => {
    it('of positions', () =>
      check([['x', flat], ...tables(size / 2), ['positions', positions]], { interleaved, num_heads: heads }))
    it('of heads, with angles for each place', () =>
      check([['x', apart], ...tables(size / 2, [batch, length])], { interleaved }))
    it('of a part of each head', () =>
      check([['x', apart], ...tables(1), ['positions', positions]], { interleaved, rotary_embedding_dim: 2 }))
  })
})

describe('GroupQueryAttention', () => {
  const [count, keyHeads] = [4, 2]
  // The kernel turns heads of sixteen elements and their multiples.
  const size = 16
  // Without a cache, the sequences are as long as the queries.
  const lengths: Operands = [
    ['lengths', tensor([batch], [length - 1, length - 1], dataType.int32)],
    ['total', tensor([], [length], dataType.int32)],
  ]
  const none = ['', undefined] as const
  const apartHeads: Operands = [
    ['query', drawn([batch, length, count * size], 1)],
    ['key', drawn([batch, length, keyHeads * size], 2)],
    ['value', drawn([batch, length, keyHeads * size], 3)],
  ]
  const packed: Operands = [['query', drawn([batch, length, (count + 2 * keyHeads) * size], 1)], none, none]
  const check = (operands: Operands, attributes = {}, options: DecompositionCheck = {}) =>
    checkDecomposition('com.microsoft:GroupQueryAttention', operands, {
      outputs: ['y', 'presentKey', 'presentValue'],
      wanted: operands.flatMap(([name]) =>
        ['query', 'key', 'value', 'offset', 'sink'].includes(name) ? [name] : [],
      ),
      ...options,
      constants: ['cos', 'sin'],
      attributes: { num_heads: count, kv_num_heads: keyHeads, ...attributes },
    })
  const plain = (operands: Operands): Operands => [...operands, none, none, ...lengths]

  it('of queries, keys and values', () => check(plain(apartHeads)))
  it('of packed ones', () => check(plain(packed)))
  it('of any batch and length', () => check(plain(apartHeads), {}, { symbolic: true }))
  it('with a scale and a cap', () => check(plain(apartHeads), { scale: f(0.7), softcap: f(1.5) }))
  it.each([1, 2, 3])('with a window of %i', (local_window_size) =>
    check(plain(apartHeads), { local_window_size }),
  )
  it('with a smooth softmax', () => check(plain(apartHeads), { smooth_softmax: 1 }))

  describe.each([0, 1])('rotary, interleaved: %i', (rotary_interleaved) => {
    it.each([
      ['apart', apartHeads],
      ['packed', packed],
    ])('%s', async (_, operands) => {
      await check([...plain(operands), ...tables(size / 2)], { do_rotary: 1, rotary_interleaved })
    })
  })

  it('with a cache of no length, as before the first token', async () => {
    const past = tensor([batch, keyHeads, 0, size], [])
    await check([...apartHeads, ['pastKey', past], ['pastValue', past], ...lengths, ...tables(size / 2)], {
      do_rotary: 1,
    })
  })

  it('after earlier places', async () => {
    const total: Operands = [
      ['lengths', tensor([1], [length + 1], dataType.int32)],
      ['total', tensor([], [length + 2], dataType.int32)],
    ]
    const one = apartHeads.map(([name, given]) => [name, drawn([1, ...given!.dims.slice(1)], 4)] as const)
    const past: Operands = [
      ['pastKey', drawn([1, keyHeads, 2, size], 5)],
      ['pastValue', drawn([1, keyHeads, 2, size], 6)],
    ]
    await check([...one, ...past, ...total, ...tables(size / 2)], { do_rotary: 1 })
  })

  it('with what is added to the scores', () =>
    check([...plain(apartHeads), none, none, none, ['offset', drawn([1, count, length, length], 7)]]))
  it('with a sink', () => check([...plain(apartHeads), none, none, none, none, ['sink', drawn([count], 8)]]))

  it('of padded sequences gives the places that count', async () => {
    const padded: Operands = [
      ['lengths', tensor([batch], [length - 2, length - 1], dataType.int32)],
      lengths[1]!,
    ]
    const row = count * size
    await check(
      [...apartHeads, none, none, ...padded],
      {},
      {
        wanted: [],
        outputs: ['y'],
        defined: (_, data) => [...data.slice(0, (length - 1) * row), ...data.slice(length * row)],
      },
    )
  })
})

describe('Attention of ONNX', () => {
  const keys = 5
  const [count, keyHeads] = [4, 2]
  const heads4: Operands = [
    ['query', drawn([batch, count, length, size], 1)],
    ['key', drawn([batch, keyHeads, keys, size], 2)],
    ['value', drawn([batch, keyHeads, keys, 2], 3)],
  ]
  const flat3: Operands = [
    ['query', drawn([batch, length, count * size], 1)],
    ['key', drawn([batch, keys, keyHeads * size], 2)],
    ['value', drawn([batch, keys, keyHeads * 2], 3)],
  ]
  const none = ['', undefined] as const
  const check = (operands: Operands, attributes = {}, options: DecompositionCheck = {}) =>
    checkDecomposition('Attention', operands, { opset: 23, ...options, attributes })
  const numbers = { q_num_heads: count, kv_num_heads: keyHeads }

  it('of heads', () => check(heads4))
  it('of rows', () => check(flat3, numbers))
  it('with a scale and a cap', () => check(heads4, { scale: f(0.6), softcap: f(1.2) }))
  it('causal', () =>
    check(
      heads4.map(([name, given]) => [name, drawn([batch, given!.dims[1]!, length, given!.dims[3]!], 4)]),
      {
        is_causal: 1,
      },
    ))
  it('causal, to more keys than there are queries', () => check(heads4, { is_causal: 1 }))
  it('with a number of keys for each example', () =>
    check(
      [...heads4, none, none, none, ['lengths', tensor([batch], [3, 5], dataType.int64)]],
      {},
      { opset: 24 },
    ))
  it('with a mask of truth values', () =>
    check([
      ...heads4,
      ['mask', tensor([length, keys], [1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 1], dataType.bool)],
    ]))
  it('with what is added to the scores', () =>
    check([...flat3, ['mask', drawn([batch, 1, length, keys], 5)]], numbers))
  it('after earlier places', () =>
    check(
      [
        ...heads4,
        none,
        ['pastKey', drawn([batch, keyHeads, 2, size], 6)],
        ['pastValue', drawn([batch, keyHeads, 2, 2], 7)],
      ],
      { is_causal: 1 },
      { outputs: ['y', 'presentKey', 'presentValue'] },
    ))
})

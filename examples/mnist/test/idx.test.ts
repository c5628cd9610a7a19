import { expect, test } from 'vitest'

import { parseIdx } from '../src/data/idx.js'

const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1)
const pictures = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 10, 20, 30, 40)

test('reads vectors and stacks of pictures', () => {
  expect(parseIdx(labels, 'labels', 1)).toEqual({ shape: [3], data: Uint8Array.of(7, 2, 1) })
  expect(parseIdx(pictures, 'pictures', 3)).toEqual({ shape: [1, 2, 2], data: Uint8Array.of(10, 20, 30, 40) })
})

test('reads from the middle of a larger buffer', () => {
  const larger = Uint8Array.of(9, 9, 9, ...labels)
  expect(parseIdx(larger.subarray(3), 'labels', 1).data).toEqual(Uint8Array.of(7, 2, 1))
})

const edited = (place: number, value: number): Uint8Array =>
  labels.map((byte, index) => (index === place ? value : byte))

test.each<[string, Uint8Array, number, RegExp]>([
  ['an empty file', new Uint8Array(), 1, /^file: 0 bytes are too few for an IDX header of 8\.$/],
  ['a header cut off', pictures.subarray(0, 15), 3, /^file: 15 bytes are too few for an IDX header of 16\.$/],
  [
    'values cut off',
    labels.subarray(0, -1),
    1,
    /^file: 2 bytes of values where its header promises 3 = 3\.$/,
  ],
  [
    'values too many',
    Uint8Array.of(...pictures, 1),
    3,
    /5 bytes of values where its header promises 1×2×2 = 4/,
  ],
  ['another number of dimensions', labels, 2, /^file: 1 dimensions where 2 were expected|too few/],
  ['another type of values', edited(2, 13), 1, /type code 13 where unsigned bytes \(8\) were expected/],
  ['no IDX file', edited(0, 5), 1, /must begin with two zero bytes/],
  ['a gzipped file', Uint8Array.of(0x1f, 0x8b, ...labels), 1, /gzipped/],
  ['a length beyond all bounds', edited(4, 255), 1, /promises 4278190083/],
])('refuses %s', (_, bytes, rank, message) => {
  expect(() => parseIdx(bytes, 'file', rank)).toThrow(message)
})

import { epochOrder } from '@induced-metric/onnx/adapter'
import { describe, expect, it } from 'vitest'
import { readCsv } from '../src/data/csv.js'
import { bindData, gather, type InputShape } from '../src/data/dataset.js'
import { readNpy } from '../src/data/npy.js'
import type { Table } from '../src/data/table.js'
import { UsageError } from '../src/usageError.js'
import { npy } from './npy.js'

const list = ({ values }: Table) => Array.from(values as ArrayLike<unknown>)

describe('a .npy file', () => {
  it.each([
    ['<f4', new Float32Array([0.5, -1, 2, 3, 4, 5])],
    ['<f8', new Float64Array([0.1, -1, 2, 3, 4, 5])],
    ['<i8', new BigInt64Array([-1n, 1n, 2n ** 62n, 3n, 4n, 5n])],
    ['<i4', new Int32Array([-1, 1, 2, 3, 4, 5])],
    ['|u1', new Uint8Array([255, 1, 2, 3, 4, 5])],
    ['|b1', new Uint8Array([1, 0, 1, 1, 0, 0])],
  ])('of %s is read', (descr, data) => {
    for (const version of [1, 2, 3]) {
      const table = readNpy(npy(descr, [2, 3], data, { version }), 'a.npy')
      expect([table.rows, table.columns, list(table)]).toEqual([2, 3, [...data]])
    }
  })

  it.each([
    [[6], 6, 1],
    [[2, 1, 3], 2, 3],
    [[3, 2], 3, 2],
    [[0, 5], 0, 0],
  ])('of shape %j has %i rows of %i', (shape, rows, columns) => {
    const size = shape.reduce((product, extent) => product * extent, 1)
    expect(readNpy(npy('<f4', shape, new Float32Array(size)), 'a.npy')).toMatchObject({ rows, columns })
  })

  const whole = npy('<f4', [2, 3], new Float32Array(6))

  it.each([
    ['nothing', new Uint8Array(), /^a\.npy: not a \.npy file/],
    ['a text', Buffer.from('1,2,3\n4,5,6\n'), /not a \.npy file/],
    ['an unknown version', npy('<f4', [1], new Float32Array(1), { version: 4 }), /version 4/],
    ['text elements', npy('<U3', [1], new Float32Array(3)), /elements of type <U3/],
    ['big-endian elements', npy('>f4', [1], new Float32Array(1)), /elements of type >f4/],
    ['Fortran order', npy('<f4', [2, 3], new Float32Array(6), { fortran: true }), /ascontiguousarray/],
    ['too large a claim', npy('<f4', [2 ** 40, 2 ** 40], new Float32Array(6)), /truncated/],
    ['a cut header', whole.subarray(0, 40), /truncated: its header/],
  ])('with %s is refused', (_, bytes, message) => {
    expect(() => readNpy(bytes, 'a.npy')).toThrow(message)
    expect(() => readNpy(bytes, 'a.npy')).toThrow(UsageError)
  })

  it('is refused wherever it ends early', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(() => readNpy(whole.slice(0, length), 'a.npy'), `${length} bytes`).toThrow(UsageError)
    }
  })
})

describe('a .csv file', () => {
  it.each([
    ['1,2\n3,4\n', 'plain'],
    ['a,b\n1,2\n3,4', 'with titles and no line end'],
    ['\uFEFFx;y\r\n1;2\r\n\r\n3;4\r\n', 'from a spreadsheet'],
    ['1\t2\n3\t4\n\n', 'with tabs'],
    ['"1"," 2 "\n"3","4"\n', 'quoted'],
    ['"weight, kg","height ""h"""\n1,2\n3,4\n', 'with separators and quotes in its titles'],
    ['"a, b";"c"\n1;2\n3;4\n', 'with another separator in its titles'],
    ['1e0,2.0\n+3,0x4\n', 'in other notations'],
  ])('%j is read: %s', (text) => {
    const table = readCsv(text, 'a.csv')
    expect([table.rows, table.columns, list(table)]).toEqual([2, 2, [1, 2, 3, 4]])
  })

  it.each([
    ['', /a\.csv: all lines are empty/],
    ['a,b\n', /a\.csv: titles, and no row/],
    ['1,2\n3\n', /a\.csv:2: 1 columns, 2 in the first line/],
    ['1,2\n3,four\n', /a\.csv:2: column 2 is not a number: "four"/],
    ['a,b\n1,2\n\n3,\n', /a\.csv:4: column 2 is not a number: ""; fill in missing values/],
    ['1,2\n3,NaN\n', /a\.csv:2: column 2 is not a number: "NaN"; fill in missing values/],
    ['a,b\n1,cat\n', /column 2 is not a number: "cat"; write classes as whole numbers from 0/],
    ['"1,000",2\n', /a\.csv: titles, and no row/],
    ['1,2\n"1,000",2\n', /column 1 is not a number: "\\"1,000\\""; write a point for a decimal comma/],
    ['a;b\n1,5;2\n', /column 1 is not a number: "1,5"; write a point for a decimal comma/],
  ])('%j is refused', (text, message) => {
    expect(() => readCsv(text, 'a.csv')).toThrow(message)
  })
})

describe('data for inputs', () => {
  const inputs: InputShape[] = [
    { name: 'input', type: 'float32', dims: ['batch', 3] },
    { name: 'labels', type: 'int64', dims: ['batch'] },
  ]
  const table = (columns: number, values: number[]): Table => ({
    columns,
    rows: values.length / columns,
    values,
    placeOf: (row) => `row ${row + 1}`,
  })
  const wide = table(4, [1.5, 2, 3, 0, 4, 5, 6, 1, 7, 8, 9, 2])

  it('go to them column by column', () => {
    const dataset = bindData(inputs, [{ file: 'a.csv', table: wide }])
    expect(gather(dataset, [2, 0])).toEqual({
      input: { type: 'float32', dims: [2, 3], data: new Float32Array([7, 8, 9, 1.5, 2, 3]) },
      labels: { type: 'int64', dims: [2], data: new BigInt64Array([2n, 0n]) },
    })
  })

  it('may come from a file for each', () => {
    const dataset = bindData(inputs, [
      { input: 'labels', file: 'l.npy', table: table(1, [3, 4]) },
      { input: 'input', file: 'i.npy', table: table(3, [1, 2, 3, 4, 5, 6]) },
    ])
    expect(gather(dataset, [1])).toEqual({
      input: { type: 'float32', dims: [1, 3], data: new Float32Array([4, 5, 6]) },
      labels: { type: 'int64', dims: [1], data: new BigInt64Array([4n]) },
    })
  })

  it('fill an open extent with what is there', () => {
    const open: InputShape[] = [{ name: 'x', type: 'float64', dims: ['batch', 'time', 2] }]
    const dataset = bindData(open, [{ file: 'a.csv', table: table(6, [1, 2, 3, 4, 5, 6]) }])
    expect(gather(dataset, [0])['x']!.dims).toEqual([1, 3, 2])
  })

  it.each<[string, Parameters<typeof bindData>, RegExp]>([
    [
      'too few columns',
      [inputs, [{ file: 'a.csv', table: table(3, [1, 2, 3]) }]],
      /a\.csv has 3 columns.* takes 4: 3 for input, 1 for labels/,
    ],
    [
      'two tables',
      [
        inputs,
        [
          { file: 'a', table: wide },
          { file: 'b', table: wide },
        ],
      ],
      /one file .* or one for each/,
    ],
    [
      'a file for one only',
      [inputs, [{ input: 'input', file: 'a', table: table(3, [1, 2, 3]) }]],
      /--data labels=FILE/,
    ],
    [
      'a file for none',
      [inputs, [{ input: 'images', file: 'a', table: wide }]],
      /no input images; it has input, labels/,
    ],
    [
      'rows that differ',
      [
        inputs,
        [
          { input: 'input', file: 'a', table: table(3, [1, 2, 3]) },
          { input: 'labels', file: 'b', table: table(1, [1, 2]) },
        ],
      ],
      /1 rows for input and 2 for labels/,
    ],
    [
      'a row too long',
      [
        inputs,
        [
          { input: 'input', file: 'a', table: wide },
          { input: 'labels', file: 'b', table: table(1, [1]) },
        ],
      ],
      /a has 4 numbers in a row, input takes 3/,
    ],
    [
      'two open extents',
      [[{ name: 'x', type: 'float32', dims: ['b', 'h', 'w'] }], [{ file: 'a', table: wide }]],
      /more than one extent of x open/,
    ],
  ])('with %s are refused', (_, given, message) => {
    expect(() => bindData(...given)).toThrow(message)
    expect(() => bindData(...given)).toThrow(UsageError)
  })

  it.each<[string, number[], RegExp]>([
    [
      'a fraction',
      [1, 2, 3, 0, 1, 2, 3, 0.5],
      /^row 2: column 4 is 0\.5; input labels takes whole numbers \(int64\)$/,
    ],
    ['NaN', [1, NaN, 3, 0], /^row 1: column 2 is NaN; input input takes finite numbers \(float32\)$/],
    ['an infinity', [1, 2, -Infinity, 0], /column 3 is -Infinity; input input takes finite numbers/],
    ['what overflows', [1e39, 2, 3, 0], /column 1 is 1e\+39; input input takes finite numbers/],
  ])('are refused before any step for %s', (_, values, message) => {
    expect(() => bindData(inputs, [{ file: 'a.csv', table: table(4, values) }])).toThrow(message)
  })

  it.each([
    ['uint8', -1, /from 0 to 255 \(uint8\)/],
    ['bool', 2, /from 0 to 1 \(bool\)/],
    ['int32', 2 ** 31, /takes whole numbers \(int32\)/],
    ['string', 1, /elements of type string, which data files cannot provide/],
  ])('are refused for an input of %s that is given %d', (type, value, message) => {
    const odd: InputShape[] = [{ name: 'x', type, dims: ['b'] }]
    expect(() => bindData(odd, [{ file: 'a.csv', table: table(1, [value]) }])).toThrow(message)
  })

  it('of whole numbers of 64 bits keep all of them', () => {
    const values = [2n ** 63n - 1n, -(2n ** 63n)]
    const long: Table = { rows: 2, columns: 1, values, placeOf: String }
    const dataset = bindData([{ name: 'x', type: 'int64', dims: ['b'] }], [{ file: 'a.npy', table: long }])
    expect(gather(dataset, [0, 1])['x']!.data).toEqual(BigInt64Array.from(values))
  })

  it('name the place of a number in its file', () => {
    const text = readCsv('a,b,c,l\n\n1,2,3,0\n1,1e400,3,0\n', 'a.csv')
    expect(() => bindData(inputs, [{ file: 'a.csv', table: text }])).toThrow('a.csv:4: column 2 is Infinity')
    const array = readNpy(npy('<f4', [2, 4], Float32Array.of(1, 2, 3, 0, 1, 2, NaN, 0)), 'a.npy')
    expect(() => bindData(inputs, [{ file: 'a.npy', table: array }])).toThrow('a.npy, row 2: column 3 is NaN')
  })
})

describe('the order of an epoch', () => {
  it('is a permutation that seed and epoch determine', () => {
    const order = epochOrder(1000, 7, 3)
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(epochOrder(1000, 7, 3)).toEqual(order)
    expect(epochOrder(1000, 7, 4)).not.toEqual(order)
    expect(epochOrder(1000, 8, 3)).not.toEqual(order)
  })

  it('puts every row everywhere', () => {
    const counts = new Float64Array(16)
    for (let epoch = 0; epoch < 4000; epoch++)
      epochOrder(4, 1, epoch).forEach((row, place) => counts[4 * place + row]!++)
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })
})

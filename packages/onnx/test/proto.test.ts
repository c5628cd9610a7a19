import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { InducedMetricError } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { lowerTrainingModel } from '../src/lowering/index.js'
import {
  type AttributeValue,
  createAttribute,
  createTensor,
  dataType,
  dataTypeOf,
  elementTypeOf,
  floatOf,
  int64Tensor,
  intOf,
  intsOf,
  ModelProtoSchema,
  readModel,
  readTensor,
  stringOf,
  TensorProtoSchema,
  writeModel,
} from '../src/proto/index.js'
import { denseArtifacts, node } from './builder.js'
import { sharedFolder } from './sharedFolder.js'

const { trainModel } = denseArtifacts([4, 3, 2])

describe('attributes', () => {
  it.each<[AttributeValue, number, string, unknown]>([
    [2, 2, 'i', 2n],
    [1e-5, 1, 'f', Math.fround(1e-5)],
    [-Infinity, 1, 'f', -Infinity],
    [{ float: 1 }, 1, 'f', 1],
    [[1, 2], 7, 'ints', [1n, 2n]],
    [[0.5, 1], 6, 'floats', [0.5, 1]],
    [{ floats: [1, 2] }, 6, 'floats', [1, 2]],
  ])('%j has type %d', (value, type, field, held) => {
    const attribute = createAttribute('a', value)
    expect(attribute.type).toBe(type)
    expect(attribute[field as 'i']).toEqual(held)
  })
})

describe('ONNX files', () => {
  it('are written as they were read', () => {
    expect(writeModel(readModel(trainModel))).toEqual(trainModel)
  })

  it.skipIf(!existsSync(sharedFolder))('of other projects, too, byte for byte', () => {
    const files = readdirSync(sharedFolder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.onnx'),
    )
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) {
      const bytes = new Uint8Array(readFileSync(join(sharedFolder, file)))
      expect(Buffer.compare(writeModel(readModel(bytes)), bytes)).toBe(0)
    }
  })

  it('keep fields that this package knows nothing of', () => {
    // Field 1234, of bytes; and the same within the graph.
    const unknown = [0x92, 0x4d, 3, 7, 8, 9]
    const outer = new Uint8Array([...trainModel, ...unknown])
    expect(Buffer.from(writeModel(readModel(outer))).includes(Buffer.from(unknown))).toBe(true)
    const model = readModel(trainModel)
    model.graph.node[0]!.$unknown = [{ no: 1234, wireType: 2, data: new Uint8Array([3, 7, 8, 9]) }]
    const { model: lowered } = lowerTrainingModel(readModel(writeModel(model)))
    expect(Buffer.from(writeModel(lowered)).includes(Buffer.from(unknown))).toBe(true)
  })

  it('are read from a Buffer as from any array', () => {
    expect(writeModel(readModel(Buffer.from(trainModel)))).toEqual(trainModel)
  })

  it.each([
    ['nothing', new Uint8Array(0)],
    ['text', Buffer.from('a model')],
    ['a part of one', trainModel.subarray(0, trainModel.length - 10)],
    [
      'a graph without outputs',
      toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph: { name: 'x' } })),
    ],
  ])('are refused where they are none: %s', (_, bytes) => {
    expect(() => readModel(bytes, 'evalModel')).toThrow(/ERR_OPTION: evalModel is no ONNX model/)
  })

  it('say how to do without the .ort format', () => {
    expect(() => readModel(Buffer.from('\x20\0\0\0ORTMxxxxxxxx', 'latin1'))).toThrow(
      /ERR_NOT_SUPPORTED.*ort_format=False/,
    )
  })

  it('do no harm when damaged: an error of this library or a model', () => {
    let state = 7
    const draw = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    let failures = 0
    for (let round = 0; round < 3000; round++) {
      const damaged = trainModel.slice(0, round % 3 === 0 ? draw(trainModel.length) : trainModel.length)
      for (let i = 0; i <= draw(4) && damaged.length > 0; i++) damaged[draw(damaged.length)] = draw(256)
      try {
        lowerTrainingModel(readModel(damaged))
      } catch (error) {
        failures++
        expect(error).toBeInstanceOf(InducedMetricError)
      }
    }
    expect(failures).toBeGreaterThan(100)
  })

  it('are not believed when they claim more than there is', () => {
    const model = readModel(trainModel)
    model.graph.initializer[0]!.dims = [2147483647n, 2147483647n]
    expect(() => readTensor(model.graph.initializer[0]!)).toThrow(/ERR_SHAPE.*data for/)
  })
})

describe('tensors', () => {
  it('hold int64 exactly', () => {
    const tensor = int64Tensor('x', [2n ** 62n + 1n, -5])
    expect(readTensor(fromBinary(TensorProtoSchema, toBinary(TensorProtoSchema, tensor))).data).toEqual(
      BigInt64Array.of(2n ** 62n + 1n, -5n),
    )
  })

  it.each([
    [dataType.float, Float32Array.of(1.5, -2)],
    [dataType.double, Float64Array.of(1.5, -2)],
    [dataType.int32, Int32Array.of(1, -2)],
    [dataType.uint32, Uint32Array.of(1, 2 ** 31)],
    [dataType.int64, BigInt64Array.of(1n, -2n)],
    [dataType.uint64, BigUint64Array.of(1n, 2n)],
    [dataType.int8, Int8Array.of(1, -2)],
    [dataType.uint8, Uint8Array.of(1, 255)],
    [dataType.int16, Int16Array.of(1, -2)],
    [dataType.uint16, Uint16Array.of(1, 65535)],
    [dataType.bool, Uint8Array.of(1, 0)],
    [dataType.float16, Uint16Array.of(0x3c00, 0xc000)],
  ])('of element type %i are read from raw data and from their own field', (type, data) => {
    const raw = createTensor('x', [2], type, data)
    expect(readTensor(raw)).toEqual({ name: 'x', dims: [2], dataType: type, data })
    const listed = create(TensorProtoSchema, { name: 'x', dims: [2n], dataType: type })
    const values = Array.from(data as ArrayLike<number | bigint>)
    if (type === dataType.float) listed.floatData = values as number[]
    else if (type === dataType.double) listed.doubleData = values as number[]
    else if (type === dataType.int64) listed.int64Data = values as bigint[]
    else if (type === dataType.uint64 || type === dataType.uint32) listed.uint64Data = values.map(BigInt)
    else listed.int32Data = values as number[]
    expect(readTensor(listed).data).toEqual(data)
    expect(dataTypeOf(elementTypeOf(type).name)).toBe(type)
  })

  it('of strings are refused', () => {
    const tensor = create(TensorProtoSchema, { name: 'x', dims: [1n], dataType: dataType.string })
    expect(() => readTensor(tensor)).toThrow(/ERR_NOT_SUPPORTED/)
  })
})

describe('attributes', () => {
  it('are read back as they were made', () => {
    const given = node('Op', [], [], { axis: -1, pads: [1, 2], epsilon: { float: 0.5 }, mode: 'linear' })
    expect(intOf(given, 'axis', 0)).toBe(-1)
    expect(intOf(given, 'other', 3)).toBe(3)
    expect(intsOf(given, 'pads')).toEqual([1, 2])
    expect(intsOf(given, 'other')).toBeUndefined()
    expect(floatOf(given, 'epsilon', 0)).toBe(0.5)
    expect(stringOf(given, 'mode', '')).toBe('linear')
  })
})

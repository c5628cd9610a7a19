import { expect, it } from 'vitest'
import { createTensor, dataType, readTensor } from '../src/proto/index.js'
import { readCheckpoint, writeCheckpoint } from '../src/checkpoint/index.js'
import { deferTensor, unreadBytes } from '../src/proto/tensor.js'

it('copies elements when they are first asked for, once', () => {
  const message = createTensor('w', [2], dataType.float, Float32Array.of(1, 2))
  // Bytes in a file need not be aligned.
  const file = new Uint8Array(9)
  file.set(message.rawData, 1)
  message.rawData = file.subarray(1)
  const deferred = deferTensor(message)
  expect({ ...deferred }).toEqual(readTensor(message))
  const { data } = deferred
  data[0] = 5
  expect(deferred.data).toBe(data)
  expect(Array.from(readTensor(message).data as Float32Array)).toEqual([1, 2])
})

it('reads the fields of a type when there are no raw bytes', () => {
  const message = createTensor('w', [2], dataType.float, new Float32Array(2))
  message.rawData = new Uint8Array()
  message.floatData = [3, 4]
  expect(deferTensor(message).data).toEqual(Float32Array.of(3, 4))
})

it('refuses at once what has too few elements or an unknown type', () => {
  const short = createTensor('w', [3], dataType.float, Float32Array.of(1, 2))
  expect(() => deferTensor(short)).toThrow(
    /ERR_SHAPE: tensor "w" has dims \[3\], which is 3 elements, and data for 2/,
  )
  const unknown = createTensor('w', [2], dataType.float, Float32Array.of(1, 2))
  unknown.dataType = 99
  expect(() => deferTensor(unknown)).toThrow(/ERR_NOT_SUPPORTED: tensors of ONNX element type 99/)
})

it('is written to a checkpoint without being copied, with the same bytes as once it has been', () => {
  const message = createTensor('w', [2], dataType.float, Float32Array.of(1, 2))
  const deferred = deferTensor(message)
  const state = {
    trainable: [deferred],
    frozen: [],
    optimizerGroups: [],
    properties: new Map<string, bigint>(),
  }
  const written = writeCheckpoint(state)
  expect(unreadBytes(deferred)).toBe(message.rawData)
  expect(deferred.data).toEqual(Float32Array.of(1, 2))
  expect(unreadBytes(deferred)).toBeUndefined()
  // The elements are the caller's own now.
  expect(writeCheckpoint(state)).toEqual(written)
  deferred.data[0] = 5
  expect(readCheckpoint(writeCheckpoint(state)).trainable[0]!.data).toEqual(Float32Array.of(5, 2))
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readCheckpoint, readCheckpointFile } from '../../src/checkpoint/index.js'
import { TensorProtoSchema } from '../../src/proto/onnx_pb.js'
import { propertySequence, sequence, sequenceOf } from './sequences.js'
import { sampleState } from './state.js'

// The old form: a folder of sequences of tensors.

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'induced-metric-sequence-'))
})
afterEach(() => rm(folder, { recursive: true }))

const put = (name: string, bytes: Uint8Array): Promise<void> => writeFile(join(folder, name), bytes)

describe('the old form', () => {
  it('gives what lay in its folder', async () => {
    const state = sampleState()
    const [group] = state.optimizerGroups
    await put('paramtrain_tensors.pbseq', sequenceOf(state.trainable))
    await put('paramfrozen_tensors.pbseq', sequenceOf(state.frozen))
    for (const momentum of ['momentum0', 'momentum1']) {
      const tensors = group!.parameters.map(({ name, momentums }) => {
        const { dims, dataType, data } = momentums.find((tensor) => tensor.name === momentum)!
        return { name, dims, dataType, data }
      })
      await put(`optim_group0_${momentum}_tensors.pbseq`, sequenceOf(tensors))
    }
    await put(
      'optim_group0_properties.pbseq',
      propertySequence({ 'builtin.step': 41n, 'builtin.initial_learning_rate': Math.fround(1e-3) }),
    )
    await put('custom_properties.pbseq', propertySequence(Object.fromEntries(state.properties)))
    await put('unrelated.txt', new Uint8Array(3))
    expect(await readCheckpointFile(folder)).toEqual(state)
    expect(await readCheckpointFile(join(folder, 'paramtrain_tensors.pbseq'))).toEqual(state)
  })

  it('may be one file of trainable parameters', () => {
    expect(readCheckpoint(sequenceOf(sampleState().trainable))).toEqual({
      trainable: sampleState().trainable,
      frozen: [],
      optimizerGroups: [],
      properties: new Map(),
    })
  })

  it('may hold its values in the field of their type', () => {
    const message = create(TensorProtoSchema, { name: 'w', dims: [2n], dataType: 1, floatData: [1, 2] })
    expect(readCheckpoint(sequence([message])).trainable[0]!.data).toEqual(new Float32Array([1, 2]))
  })

  it.each([
    ['too few values', { name: 'w', dims: [3n], dataType: 1, floatData: [1, 2] }, /"w".*\[3\]/],
    ['more values claimed than there are', { name: 'w', dims: [2n ** 30n], dataType: 1 }, /"w".*1073741824/],
    ['an axis beyond all bounds', { name: 'w', dims: [2n ** 62n], dataType: 1 }, /"w".*axis/],
    ['strings for values', { name: 'w', dims: [1n], dataType: 8 }, /"w".*type 8/],
    ['no name', { dims: [1n], dataType: 1, floatData: [1] }, /tensor 1 .*no name/],
    [
      'values in another file',
      { name: 'w', dims: [1n], dataType: 1, externalData: [{ key: 'location', value: '../../etc/passwd' }] },
      /"w" is stored in another file/,
    ],
  ])('with %s is refused', (_, init, message) => {
    const bytes = sequence([create(TensorProtoSchema, init)])
    expect(() => readCheckpoint(bytes)).toThrow(message)
    expect(() => readCheckpoint(bytes)).toThrow(expect.objectContaining({ code: 'ERR_CHECKPOINT' }))
  })

  it.each([
    ['a count with nothing behind it', [0xff, 0xff, 0xff, 0x7f]],
    ['a count without end', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['a length beyond the end', [1, 0xff, 0xff, 0xff, 0x07]],
  ])('with %s is refused', (_, bytes) => {
    expect(() => readCheckpoint(Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: 'ERR_CHECKPOINT' }),
    )
  })
})

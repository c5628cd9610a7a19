import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InducedMetricError } from '@induced-metric/core'
import { Builder } from 'flatbuffers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  readCheckpoint,
  readCheckpointFile,
  writeCheckpoint,
  writeCheckpointFile,
} from '../../src/checkpoint/index.js'
import type { CheckpointState } from '../../src/checkpoint/state.js'
import { checkpointParts } from '../../src/checkpoint/write.js'
import { sampleState } from './state.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'induced-metric-checkpoint-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The error's code and message. An error that is not ours is thrown on. */
function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof InducedMetricError) return error.message
    throw error
  }
  return 'nothing was thrown'
}

describe('a checkpoint', () => {
  it('comes back as it was written', () => {
    expect(readCheckpoint(writeCheckpoint(sampleState()))).toEqual(sampleState())
  })

  it('is written as version 2 of ODTC, with a list of frozen parameters even if it is empty', () => {
    const bytes = writeCheckpoint({
      ...sampleState(),
      frozen: [],
      optimizerGroups: [],
      properties: new Map(),
    })
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const root = view.getUint32(0, true)
    const directory = root - view.getInt32(root, true)
    expect(new TextDecoder().decode(bytes.subarray(4, 8))).toBe('ODTC')
    expect(view.getInt32(root + view.getUint16(directory + 4, true), true)).toBe(2)
    const at = root + view.getUint16(directory + 6, true)
    const module = at + view.getUint32(at, true)
    const frozen = module + view.getUint16(module - view.getInt32(module, true) + 6, true)
    expect(view.getUint32(frozen + view.getUint32(frozen, true), true)).toBe(0)
  })

  it('is the same in parts, of which large tensors are the ones of the state', () => {
    const state = sampleState()
    const large = (name: string, size: number) => ({
      name,
      dims: [size],
      dataType: 1,
      data: Float32Array.from({ length: size }, (_, i) => Math.cos(i)),
    })
    const [first, second, momentum] = [large('first', 20_000), large('second', 17_001), large('m', 30_001)]
    const group = state.optimizerGroups[0]!
    const parameters = [...group.parameters, { name: 'first', momentums: [momentum] }]
    const whole: CheckpointState = {
      ...state,
      trainable: [first, ...state.trainable],
      frozen: [...state.frozen, second],
      optimizerGroups: [{ ...group, parameters }],
    }
    const file = new Uint8Array(writeCheckpoint(whole).length)
    let end = 0
    const parts = checkpointParts(whole)
    for (const { offset, bytes } of parts) {
      expect(offset).toBe(end)
      file.set(bytes, offset)
      end = offset + bytes.length
    }
    expect(Buffer.compare(file, writeCheckpoint(whole))).toBe(0)
    for (const { data } of [first, second, momentum]) {
      expect(parts.some(({ bytes }) => bytes.buffer === data.buffer)).toBe(true)
    }
  })

  it('can be read from anywhere in a buffer, and shares nothing with it', () => {
    const bytes = writeCheckpoint(sampleState())
    for (const shift of [1, 2, 3, 7]) {
      const odd = Buffer.alloc(bytes.length + 8, 0xff)
      odd.set(bytes, shift)
      const state = readCheckpoint(odd.subarray(shift, shift + bytes.length))
      odd.fill(0)
      expect(state).toEqual(sampleState())
    }
  })

  it('may be empty', () => {
    const empty = { trainable: [], frozen: [], optimizerGroups: [], properties: new Map() }
    expect(readCheckpoint(writeCheckpoint(empty))).toEqual(empty)
  })

  it('keeps a float property as a float, and int64 to its ends', () => {
    const properties = new Map<string, bigint | number>([
      ['a', 0.1],
      ['b', 2n ** 63n - 1n],
      ['c', -(2n ** 63n)],
      ['d', Infinity],
    ])
    const back = readCheckpoint(writeCheckpoint({ ...sampleState(), properties })).properties
    expect([...back]).toEqual([
      ['b', 2n ** 63n - 1n],
      ['c', -(2n ** 63n)],
      ['a', Math.fround(0.1)],
      ['d', Infinity],
    ])
  })

  it.each([
    ['data of another length', { dims: [3], data: new Float32Array(2) }, /^ERR_SHAPE: tensor "w", \[3\]/],
    ['data of another type', { dims: [2], data: new Float64Array(2) }, /^ERR_SHAPE: .*Float32Array/],
    [
      'an impossible type',
      { dims: [2], data: new Float32Array(2), dataType: 8 },
      /^ERR_CHECKPOINT: .*type 8/,
    ],
    ['no name', { dims: [2], data: new Float32Array(2), name: '' }, /^ERR_CHECKPOINT: .*no name/],
  ])('with %s is not written', (_, given, message) => {
    const tensor = { name: 'w', dataType: 1, ...given }
    const state = { trainable: [tensor], frozen: [], optimizerGroups: [], properties: new Map() }
    expect(refusal(() => writeCheckpoint(state))).toMatch(message)
  })

  it('with a name used twice is neither written nor read', () => {
    const [first] = sampleState().trainable
    expect(refusal(() => writeCheckpoint({ ...sampleState(), frozen: [first!] }))).toMatch(
      /^ERR_OPTION: two entries of the checkpoint are named "fc1.weight"/,
    )
    // A tensor of the same length in bytes, renamed in the file.
    const twin = { ...first!, name: 'fc1.Weight' }
    const bytes = writeCheckpoint({ ...sampleState(), frozen: [twin] })
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    text[text.indexOf('fc1.Weight') + 4] = 0x77
    expect(refusal(() => readCheckpoint(bytes))).toMatch(/^ERR_CHECKPOINT: .*two entries named "fc1.weight"/)
  })
})

/** A checkpoint as the generated code of flatbuffers would write it, in ways that this package does not use. */
function otherwise(options: {
  version?: number
  nominal?: boolean
  external?: bigint
  dims?: bigint[]
  dataType?: number
  names?: string[]
}): Uint8Array {
  const builder = new Builder(64)
  const { version = 1, nominal = false, external, dims = [2n], dataType = 1, names = ['w'] } = options
  const raw = external === undefined && !nominal ? builder.createByteVector(new Uint8Array(8)) : 0
  builder.startVector(8, dims.length, 8)
  for (const dim of [...dims].reverse()) builder.addInt64(dim)
  const shape = builder.endVector()
  const tensors = names.map((given) => {
    const name = builder.createString(given)
    builder.startObject(7)
    builder.addFieldOffset(0, name, 0)
    builder.addFieldOffset(2, shape, 0)
    builder.addFieldInt32(3, dataType, 0)
    builder.addFieldOffset(4, raw, 0)
    builder.addFieldInt64(6, external ?? -1n, -1n)
    return builder.endObject()
  })
  builder.startVector(4, tensors.length, 4)
  for (const tensor of tensors.reverse()) builder.addOffset(tensor)
  const trainable = builder.endVector()
  builder.startObject(4)
  builder.addFieldOffset(0, trainable, 0)
  builder.addFieldInt8(2, Number(nominal), 0)
  builder.addFieldInt8(3, Number(external !== undefined), 0)
  const module = builder.endObject()
  builder.startObject(4)
  builder.addFieldInt32(0, version, 0)
  builder.addFieldOffset(1, module, 0)
  builder.finish(builder.endObject(), 'ODTC')
  return builder.asUint8Array()
}

describe('a checkpoint of others', () => {
  it('is read in version 1, without frozen parameters', () => {
    expect(readCheckpoint(otherwise({}))).toMatchObject({
      trainable: [{ name: 'w', dims: [2], data: new Float32Array(2) }],
      frozen: [],
    })
  })

  const values = Float32Array.from([1, 2, 3, 4])
  const external = new Uint8Array(values.buffer)

  it('is read with its values in a file beside it, given as bytes or as a function', () => {
    const bytes = otherwise({ version: 2, external: 4n })
    expect(readCheckpoint(bytes, { externalData: external }).trainable[0]!.data).toEqual(values.slice(1, 3))
    const asked: number[][] = []
    const state = readCheckpoint(bytes, {
      externalData: (offset, length) => {
        asked.push([offset, length])
        return external.subarray(offset, offset + length)
      },
    })
    expect([state.trainable[0]!.data, asked]).toEqual([values.slice(1, 3), [[4, 8]]])
  })

  it('is written with its values beside it, when that is asked for', async () => {
    const path = join(folder, 'split')
    const tensors = [5, 3].map((size, i) => {
      const data = Float32Array.from({ length: size }, (_, j) => i + j / 8)
      return { name: `w${i}`, dims: [size], dataType: 1, data }
    })
    const momentum = { ...tensors[0]!, name: 'momentum0' }
    const parameters = [{ name: 'w0', momentums: [momentum] }]
    const state = {
      trainable: tensors.slice(0, 1),
      frozen: tensors.slice(1),
      optimizerGroups: [{ name: 'group0', step: 4n, initialLearningRate: 0.5, parameters }],
      properties: new Map([['epoch', 3n]]),
    }
    await writeCheckpointFile(path, state, { externalData: true })
    expect(await readCheckpointFile(path)).toEqual(state)
    expect((await readFile(`${path}.data`)).length).toBe(4096 + 12)
    expect(() => readCheckpoint(readFileSync(path))).toThrow(/are stored in a file beside/)
  })

  it('is read from a path with its values beside it', async () => {
    const path = join(folder, 'large')
    await writeFile(path, otherwise({ version: 2, external: 8n }))
    await writeFile(`${path}.data`, external)
    expect((await readCheckpointFile(path)).trainable[0]!.data).toEqual(values.slice(2))
    await writeFile(`${path}.data`, external.subarray(0, 12))
    await expect(readCheckpointFile(path)).rejects.toThrow(/^ERR_CHECKPOINT: .*large\.data is truncated/)
    await rm(`${path}.data`)
    await expect(readCheckpointFile(path)).rejects.toThrow(/^ERR_CHECKPOINT: .*\.data after it/)
  })

  it.each([
    ['of version 3', otherwise({ version: 3 }), /version 3; versions 1 and 2/],
    ['of version 0', otherwise({ version: 0 }), /version 0/],
    ['that is nominal', otherwise({ nominal: true }), /nominal checkpoint/],
    ['with values elsewhere', otherwise({ external: 0n }), /are stored in a file beside/],
    [
      'with too many values',
      otherwise({ dims: [2n ** 40n] }),
      /takes 4398046511104 bytes, the checkpoint has 8/,
    ],
    ['with negative dimensions', otherwise({ dims: [-2n] }), /impossible dimensions: \[-2\]/],
    ['with too large dimensions', otherwise({ dims: [2n ** 62n, 2n ** 62n] }), /impossible dimensions/],
    ['with strings', otherwise({ dataType: 8 }), /"w".*type 8/],
    ['that is a model', Buffer.from('\x08\0\0\0ORTM\0\0\0\0', 'latin1'), /a model in ORT format/],
    ['of no bytes', new Uint8Array(), /neither ODTC nor a sequence/],
    [
      'that is text',
      Buffer.from('epoch,loss\n1,0.5\n'),
      /not a checkpoint|truncated, or not one|altered, or not one/,
    ],
  ])('%s is refused', (_, bytes, message) => {
    const said = refusal(() => readCheckpoint(bytes))
    expect(said).toMatch(/^ERR_CHECKPOINT: /)
    expect(said).toMatch(message)
  })

  it('whose external data end early is refused', () => {
    const bytes = otherwise({ version: 2, external: 12n })
    expect(refusal(() => readCheckpoint(bytes, { externalData: external }))).toMatch(
      /external data is truncated: values end at byte 20 of 16/,
    )
    const far = otherwise({ version: 2, external: 2n ** 62n })
    expect(refusal(() => readCheckpoint(far, { externalData: external }))).toMatch(/impossible offset/)
  })
})

describe('external data that many tensors claim', () => {
  const names = Array.from({ length: 1000 }, (_, i) => `w${i}`)
  const size = 2 ** 20
  const bytes = otherwise({ version: 2, external: 0n, dims: [BigInt(size / 4)], names })

  it('are read once and no more, from bytes', () => {
    expect(refusal(() => readCheckpoint(bytes, { externalData: new Uint8Array(size) }))).toMatch(
      /^ERR_CHECKPOINT: .*values overlap in the external data/,
    )
  })

  it('are read once and no more, from a file', async () => {
    const path = join(folder, 'greedy')
    await writeFile(path, bytes)
    await writeFile(`${path}.data`, new Uint8Array(size))
    await expect(readCheckpointFile(path)).rejects.toThrow(/^ERR_CHECKPOINT: .*overlap in .*greedy\.data/)
  })
})

describe('a checkpoint at a path', () => {
  it('comes back, replaces the one before, and leaves no other file', async () => {
    const path = join(folder, 'file', 'checkpoint')
    await expect(writeCheckpointFile(path, sampleState())).rejects.toThrow('ENOENT')
    const { mkdir } = await import('node:fs/promises')
    await mkdir(join(folder, 'file'))
    await writeFile(path, 'something else')
    await writeCheckpointFile(path, sampleState())
    expect(await readCheckpointFile(path)).toEqual(sampleState())
    await expect(writeCheckpointFile(join(folder, 'file'), sampleState())).rejects.toThrow()
    expect(await readdir(join(folder, 'file'))).toEqual(['checkpoint'])
  })

  it('that does not exist is said not to', async () => {
    await expect(readCheckpointFile(join(folder, 'none'))).rejects.toThrow(
      /^ERR_CHECKPOINT: there is no checkpoint/,
    )
    await expect(readCheckpointFile(folder)).rejects.toThrow(
      /^ERR_CHECKPOINT: the folder .* holds no checkpoint/,
    )
  })
})

import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { create, type DescMessage, type Message } from '@bufbuild/protobuf'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateArtifacts } from '../../src/artifacts.js'
import { createModelSession } from '../../src/session/modelSession.js'
import { TrainingSession } from '../../src/session/trainingSession.js'
import { tensorsOf } from '../../../onnx/src/proto/tensors.js'
import {
  ModelProtoSchema,
  readModel,
  TensorProtoSchema,
  writeModel,
  type Model,
  type ModelProto,
  type TensorProto,
} from '@induced-metric/onnx/proto'

import { addend, placeOutside, places } from './places.js'

const loss = 'mse'
let folder: string
let number = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'induced-metric-external-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Writes a model into a folder of its own, with its values in a file beside it. */
async function writeOutside(
  build: (put: (tensor: TensorProto) => TensorProto) => Model,
  location: string,
  entries?: (bytes: Uint8Array) => Record<string, string>,
): Promise<{
  readonly path: string
  readonly own: string
  readonly data: Uint8Array
  readonly bytes: Uint8Array
}> {
  const own = join(folder, String(++number))
  await mkdir(own)
  let data: Uint8Array = new Uint8Array()
  const bytes = writeModel(
    build((tensor) => {
      // Not at the start of the file.
      data = Buffer.concat([Buffer.alloc(16, 7), tensor.rawData])
      const given = entries?.(tensor.rawData) ?? { offset: '16', length: String(tensor.rawData.length) }
      return placeOutside(tensor, location, given)
    }),
  )
  const path = join(own, 'model.onnx')
  await writeFile(path, bytes)
  return { path, own, data, bytes }
}

/** Paths from a message to a tensor in it, no message inside one of its own kind. */
function waysToTensors(from: DescMessage, above: readonly string[] = []): string[][] {
  if (from.typeName === TensorProtoSchema.typeName) return [[]]
  // Nodes and graphs contain one another: allow each once more than necessary.
  if (above.filter((name) => name === from.typeName).length > 1) return []
  return from.fields.flatMap((field) =>
    field.message
      ? waysToTensors(field.message, [...above, from.typeName]).map((way) => [field.localName, ...way])
      : [],
  )
}

/** A message with one tensor, at the end of a path. */
function messageWith(schema: DescMessage, way: readonly string[]): Message {
  const [name, ...rest] = way
  const field = schema.fields.find(({ localName }) => localName === name)
  if (!field?.message) return create(schema, {})
  const inner = messageWith(field.message, rest)
  return create(schema, { [field.localName]: field.fieldKind === 'list' ? [inner] : inner })
}

it('every place that the format has for a tensor is looked at', () => {
  const ways = waysToTensors(ModelProtoSchema)
  expect(ways.map((way) => way.join('.'))).toEqual(
    expect.arrayContaining([
      'graph.initializer',
      'graph.sparseInitializer.indices',
      'graph.node.attribute.g.node.attribute.sparseTensors.values',
      'functions.attributeProto.t',
      'functions.node.attribute.graphs.initializer',
      'trainingInfo.algorithm.initializer',
    ]),
  )
  for (const way of ways) {
    expect([...tensorsOf(messageWith(ModelProtoSchema, way) as ModelProto)], way.join('.')).toHaveLength(1)
  }
})

describe.each(Object.entries(places))('values outside the model, of %s,', (_, build) => {
  it('are read from its folder, whatever way the model is given, and nowhere else', async () => {
    const { path, own, data, bytes } = await writeOutside(build, 'data/weights.bin')
    await mkdir(join(own, 'data'))
    await writeFile(join(own, 'data/weights.bin'), data)
    const expected = await generateArtifacts(
      build((tensor) => tensor),
      { loss },
    )
    for (const given of [path, pathToFileURL(path), relative(process.cwd(), path)]) {
      const { trainModel, evalModel, state } = await generateArtifacts(given, { loss })
      expect([trainModel, evalModel]).toEqual([expected.trainModel, expected.evalModel])
      expect(state).toEqual(expected.state)
    }
    const handed = [
      { 'data/weights.bin': data },
      (_location: string, offset: number, length: number) => data.subarray(offset, offset + length),
    ]
    for (const externalData of handed) {
      for (const given of [bytes, readModel(bytes)]) {
        const { trainModel } = await generateArtifacts(given, { loss, externalData })
        expect(trainModel).toEqual(expected.trainModel)
      }
    }
    // The folder of bytes is unknown. It is not the process's, although such a file may exist there.
    const here = await mkdtemp(join(process.cwd(), 'external-'))
    try {
      const location = `${relative(process.cwd(), here)}/secret.bin`
      await writeFile(join(here, 'secret.bin'), data)
      const stray = (await writeOutside(build, location)).bytes
      const named = /^ERR_OPTION: the values of .*("c|"Plus"|"sum"|attribute).*by its path/
      await expect(generateArtifacts(stray, { loss })).rejects.toThrow(named)
      await expect(generateArtifacts(stray, { loss })).rejects.toThrow(/with the option externalData$/)
      await expect(generateArtifacts(readModel(stray), { loss })).rejects.toThrow(named)
      await expect(TrainingSession.create({ trainModel: stray, ort })).rejects.toThrow(named)
      await expect(
        generateArtifacts(
          build((tensor) => tensor),
          { loss: { model: stray } },
        ),
      ).rejects.toThrow(named)
      await expect(createModelSession(ort, readModel(stray), 'it')).rejects.toThrow(
        /ERR_OPTION.*were not read/,
      )
    } finally {
      await rm(here, { recursive: true })
    }
  })
})

/** The system's own program. */
const makePipe = 'mkfifo'

/**
 * Locations that a tensor may give, and the reasons for refusing them. `fifo`, `device` and the like are in the
 * folder of the model.
 */
const hostile: readonly (readonly [location: string, reason: RegExp])[] = [
  ['', /must be in the folder/],
  ['../secret.bin', /must be in the folder/],
  ['sub/../../secret.bin', /must be in the folder/],
  ['sub/..', /must be in the folder/],
  ['..\\secret.bin', /must be in the folder/],
  ['sub\\..\\..\\secret.bin', /must be in the folder/],
  ['/etc/hostname', /must be in the folder/],
  ['//server/share', /must be in the folder/],
  ['\\\\server\\share', /must be in the folder/],
  ['\\\\?\\C:\\secret', /must be in the folder/],
  ['C:\\secret.bin', /must be in the folder/],
  ['c:secret.bin', /must be in the folder/],
  ['C:/secret.bin', /must be in the folder/],
  ['file:///etc/hostname', /must be in the folder/],
  ['FILE:secret.bin', /must be in the folder/],
  ['https://example.com/x', /must be in the folder/],
  ['a\0b', /must be in the folder/],
  ['/dev/zero', /must be in the folder/],
  ['/proc/self/environ', /must be in the folder/],
  ['*/_ORT_MEM_ADDR_/*', /no such file/],
  ['missing.bin', /no such file/],
  ['weights.bin/x', /not a directory/],
  ['.', /leads out|no plain file/],
  ['sub', /no plain file/],
  ['fifo', /no plain file/],
  ['device', /leads out/],
  ['link', /leads out/],
  ['linked/secret.bin', /leads out/],
  ['up', /leads out/],
  ['loop', /too many symbolic links|ELOOP/],
  ['dangling', /no such file/],
  ['beside', /leads out/],
]

describe('what a tensor may say of where its values lie', () => {
  let own: string
  let path: string
  /** The contents of every file that may be read, and of those that may not: as long, with other numbers. */
  const [data, secret] = [dataOf(addend), dataOf(Float64Array.of(6, 6, 6))]
  beforeAll(async () => {
    own = join(folder, 'trap')
    path = join(own, 'model.onnx')
    const outside = join(folder, 'outside')
    // The name of the third starts like that of the model's folder.
    for (const made of [join(own, 'sub'), outside, `${own}-beside`]) await mkdir(made, { recursive: true })
    for (const around of [folder, outside, `${own}-beside`])
      await writeFile(join(around, 'secret.bin'), secret)
    for (const name of ['weights.bin', 'sub/weights.bin']) await writeFile(join(own, name), data)
    execFileSync(makePipe, [join(own, 'fifo')])
    const links = {
      device: '/dev/zero',
      link: '../secret.bin',
      linked: outside,
      up: '..',
      loop: 'loop',
      dangling: 'nowhere',
      beside: join(`${own}-beside`, 'secret.bin'),
      within: 'weights.bin',
      below: 'sub',
    }
    for (const [name, target] of Object.entries(links)) await symlink(target, join(own, name))
  })

  /** A file of numbers, long enough for any place. */
  function dataOf(values: Float64Array): Uint8Array {
    return Buffer.concat([Buffer.from(values.buffer), Buffer.alloc(64)])
  }

  /** A model in that folder whose values are in the file that it names. */
  async function write(build: (typeof places)[string], location: string): Promise<Uint8Array> {
    const bytes = writeModel(build((tensor) => placeOutside(tensor, location)))
    await writeFile(path, bytes)
    return bytes
  }

  it('leads out of the folder in no way, at no place', async () => {
    for (const [location, reason] of hostile) {
      for (const [name, build] of Object.entries(places)) {
        const bytes = await write(build, location)
        const told = expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(reason) })
        await expect(generateArtifacts(path, { loss }), `${name}: ${location}`).rejects.toEqual(told)
        await expect(TrainingSession.create({ trainModel: path, ort })).rejects.toEqual(told)
        if (!reason.source.includes('must lie')) continue
        const never = (): Uint8Array => {
          throw new Error('asked')
        }
        for (const externalData of [never, { [location]: data }]) {
          await expect(generateArtifacts(bytes, { loss, externalData })).rejects.toEqual(told)
        }
      }
    }
  })

  it('put together at random, is an error or stays in the folder', async () => {
    const parts =
      '.. . sub weights.bin secret.bin up link linked beside within below fifo device file: C: ~ %2e%2e'
    const [names, between] = [parts.split(' '), ['/', '/', '/', '//', '\\', '/./', '/../']]
    const dense = Object.entries(places).filter(([name]) => !/sparse/.test(name))
    let state = 1
    const draw = <T>(list: readonly T[]): T => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return list[(state >>> 8) % list.length]!
    }
    let read = 0
    for (let i = 0; i < 400; i++) {
      let location = draw(['', '', '', '', './', '/', '//', '\\'])
      for (let k = draw([1, 1, 2, 2, 3, 5]); k > 0; k--)
        location += draw(names) + (k > 1 ? draw(between) : '')
      const [name, build] = draw(dense)
      await write(build, location)
      const made = await generateArtifacts(path, { loss }).catch((error: unknown) => {
        expect(error, `${name}: ${location}`).toMatchObject({ code: 'ERR_OPTION' })
      })
      if (!made) continue
      read++
      const { trainModel, checkpointState } = made
      // The numbers are there, and those of the secret are not.
      const isIn = (numbers: Uint8Array): boolean =>
        [trainModel, checkpointState].some((bytes) => Buffer.from(bytes).indexOf(numbers) >= 0)
      expect(isIn(Buffer.from(addend.buffer)), `${name}: ${location}`).toBe(true)
      expect(isIn(secret.subarray(0, 24)), `${name}: ${location}`).toBe(false)
    }
    expect(read).toBeGreaterThan(10)
    expect(read).toBeLessThan(200)
  })

  it('may be a link within the folder, or a part of a path that stays in it', async () => {
    for (const location of [
      'within',
      './weights.bin',
      './/weights.bin',
      'sub/weights.bin',
      'below/weights.bin',
    ]) {
      await write(places['a Constant of a branch']!, location)
      expect((await generateArtifacts(path, { loss })).trainModel.length).toBeGreaterThan(0)
    }
  })

  it('may lie beside the file that the path of the model links to, as in the caches of model hubs', async () => {
    const own = join(folder, 'hub')
    for (const name of ['blobs', 'snapshot']) await mkdir(join(own, name), { recursive: true })
    const build = places['an initializer']!
    const { bytes, data } = await writeOutside(build, 'model.data')
    await writeFile(join(own, 'blobs', '01'), bytes)
    await writeFile(join(own, 'blobs', '02'), data)
    await symlink('../blobs/01', join(own, 'snapshot', 'model.onnx'))
    await symlink('../blobs/02', join(own, 'snapshot', 'model.data'))
    const { state } = await generateArtifacts(join(own, 'snapshot', 'model.onnx'), { loss })
    expect(state.trainable.find(({ name }) => name === 'c')!.data).toEqual(addend)
  })

  it.each([
    ['an offset beyond the end', { offset: '17' }, /values end at/],
    ['a negative offset', { offset: '-8' }, /said to be/],
    ['an offset that is no number', { offset: '0x10' }, /said to be/],
    ['an empty offset', { offset: '' }, /said to be/],
    ['an offset beyond all numbers', { offset: '9007199254740993' }, /said to be/],
    ['another length', { offset: '16', length: '8' }, /said to be 8/],
    ['a length that is no number', { offset: '16', length: '2.4e1' }, /said to be/],
  ])('is refused with %s', async (_, entries, reason) => {
    for (const name of ['an initializer', 'a branch in a function', 'the values of a sparse Constant']) {
      const { path, own, data, bytes } = await writeOutside(places[name]!, 'weights.bin', () => entries)
      await writeFile(join(own, 'weights.bin'), data)
      for (const [given, externalData] of [[path], [bytes, { 'weights.bin': data }]] as const) {
        const options = { loss, ...(externalData && { externalData }) } as const
        await expect(generateArtifacts(given, options)).rejects.toThrow(reason)
      }
    }
  })

  it('a model by its address has no folder either', async () => {
    const { createServer } = await import('node:http')
    const { bytes } = await writeOutside(places['a Constant of a function']!, 'weights.bin')
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.end(bytes)
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const { port } = server.address() as { port: number }
    try {
      for (const given of [
        `http://127.0.0.1:${port}/model.onnx`,
        new URL(`HTTP://127.0.0.1:${port}/model.onnx`),
      ]) {
        await expect(generateArtifacts(given, { loss })).rejects.toThrow(/ERR_OPTION.*externalData/)
      }
    } finally {
      server.close()
    }
    expect(asked).toEqual(['/model.onnx', '/model.onnx'])
  })
})

describe('sparse tensors', () => {
  const build = (change: (model: Model) => void): Model => {
    const model = places['the values of a sparse initializer']!((tensor) => tensor)
    change(model)
    return model
  }

  it('of rows of indices are written out as those of places', async () => {
    const model = build(({ graph }) => {
      graph.sparseInitializer[0]!.indices!.dims = [2n, 1n]
    })
    const { trainModel } = await generateArtifacts(model, { loss })
    const plain = await generateArtifacts(
      build(() => {}),
      { loss },
    )
    expect(trainModel).toEqual(plain.trainModel)
    const dense = places['an initializer']!((tensor) => tensor)
    expect(plain.state).toEqual((await generateArtifacts(dense, { loss })).state)
  })

  it.each<[string, (model: Model) => void, RegExp]>([
    [
      'an index that is out',
      ({ graph }) => void (graph.sparseInitializer[0]!.dims = [2n]),
      /ERR_OPTION.*2 of 2/,
    ],
    ['too few values', ({ graph }) => void (graph.sparseInitializer[0]!.values!.dims = [1n]), /ERR_OPTION/],
    ['no indices', ({ graph }) => void delete graph.sparseInitializer[0]!.indices, /ERR_OPTION.*lacks/],
    [
      'a claim of more than memory has',
      ({ graph }) => void (graph.sparseInitializer[0]!.dims = [2n ** 30n, 2n ** 30n]),
      /ERR_NOT_SUPPORTED/,
    ],
    ['a negative axis', ({ graph }) => void (graph.sparseInitializer[0]!.dims = [-1n]), /ERR_OPTION.*-1/],
  ])('with %s are refused', async (_, damage, message) => {
    await expect(generateArtifacts(build(damage), { loss })).rejects.toThrow(message)
  })
})

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { InducedMetricError } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addLora, generateArtifacts, gradients, writeArtifacts } from '../src/artifacts.js'
import {
  createGpuSession,
  createWorkerSession,
  readCheckpointFile,
  TrainingSession,
  writeCheckpointFile,
  type CheckpointState,
} from '../src/index.js'
import { recoverCheckpointFile } from '@induced-metric/onnx/adapter'
import { gpt, mlp } from '@induced-metric/onnx/models'
import {
  createAttribute,
  createModel,
  createNode as node,
  createTensor,
  createValue as value,
  dataType,
  GraphProtoSchema,
  int64Tensor,
  readModel,
  setOpset,
  writeModel,
} from '@induced-metric/onnx/proto'
import { denseArtifacts } from '../../onnx/test/builder.js'
import { composed } from '../../onnx/test/gradients/harness.js'
import { build } from './build.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'induced-metric-errors-'))
  await mkdir(join(folder, 'here'))
  await writeFile(join(folder, 'file'), 'no checkpoint')
  await writeFile(join(folder, 'beside'), 'ODTC')
  await mkdir(join(folder, 'beside.data'))
})
afterAll(() => rm(folder, { recursive: true }))

const state: CheckpointState = { trainable: [], frozen: [], optimizerGroups: [], properties: new Map() }
const network = (): ReturnType<typeof mlp> => mlp({ sizes: [2, 2] })

/** Every error has a code; the error that it replaces is its cause. */
async function errorOf(act: () => unknown): Promise<InducedMetricError> {
  const error: unknown = await Promise.resolve()
    .then(act)
    .then(
      () => 'none',
      (reason: unknown) => reason,
    )
  expect(error).toBeInstanceOf(InducedMetricError)
  return error as InducedMetricError
}

describe('errors of the file system have a code', () => {
  it.each<[string, string, RegExp, () => unknown]>([
    ['a model that is a folder', 'ERR_OPTION', /EISDIR/, () => generateArtifacts(folder, { loss: 'mse' })],
    [
      'a model that is not there',
      'ERR_OPTION',
      /ENOENT/,
      () => generateArtifacts(join(folder, 'no'), { loss: 'mse' }),
    ],
    [
      'a training model that is a folder',
      'ERR_OPTION',
      /EISDIR/,
      () => TrainingSession.create({ trainModel: folder }),
    ],
    [
      'a checkpoint in place of a folder',
      'ERR_OPTION',
      /EISDIR/,
      () => writeCheckpointFile(join(folder, 'here'), state),
    ],
    [
      'a checkpoint in no folder',
      'ERR_OPTION',
      /ENOENT/,
      () => writeCheckpointFile(join(folder, 'no', 'c'), state),
    ],
    ['a checkpoint at no path', 'ERR_OPTION', /path/, () => writeCheckpointFile(undefined as never, state)],
    [
      'a checkpoint beside a folder of data',
      'ERR_CHECKPOINT',
      /./,
      () => readCheckpointFile(join(folder, 'beside')),
    ],
    [
      'what a folder that is not there has left',
      'ERR_CHECKPOINT',
      /ENOENT/,
      () => recoverCheckpointFile(join(folder, 'no', 'c')),
    ],
    [
      'artifacts in place of a file',
      'ERR_OPTION',
      /EEXIST|ENOTDIR/,
      async () => writeArtifacts(join(folder, 'file'), await generateArtifacts(network(), { loss: 'mse' })),
    ],
  ])('%s', async (_, code, reason, act) => {
    const error = await errorOf(act)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(reason)
    if (/E[A-Z]+:/.test(error.message.slice(12))) expect(error.cause).toBeInstanceOf(Error)
  })

  it('an exported model in place of a folder', async () => {
    const session = await TrainingSession.create({ ...denseArtifacts([2, 2]), ort })
    const error = await errorOf(() =>
      session.exportModelForInference(['scores'], { path: join(folder, 'here') }),
    )
    expect(error).toMatchObject({ code: 'ERR_OPTION', cause: { code: 'EISDIR' } })
    expect((await errorOf(() => session.exportModelForInference('scores' as never))).code).toBe('ERR_OPTION')
    await session.release()
  })
})

describe('errors of the runtime have a code', () => {
  it('where a label is none of the classes, or shapes do not go together, and nothing has changed', async () => {
    const session = await TrainingSession.create({ ...denseArtifacts([2, 3]), ort }, { logSeverityLevel: 4 })
    const x = (rows: number) => new ort.Tensor('float32', new Float32Array(2 * rows), [rows, 2])
    const labels = (...given: number[]) =>
      new ort.Tensor('int64', BigInt64Array.from(given, BigInt), [given.length])
    await session.runTrainStep({ x: x(2), labels: labels(0, 1) })
    const before = [...session.gradients].map(([, { data }]) => [...(data as Float32Array)])
    for (const method of ['runTrainStep', 'runEvalStep'] as const) {
      const mismatched = await errorOf(() => session[method]({ x: x(2), labels: labels(0, 1, 2) }))
      expect(mismatched.code).toBe('ERR_SHAPE')
      await errorOf(() => session[method]({ x: x(1), labels: labels(7) }))
    }
    await errorOf(() => session.runTrainStep({ x: x(1), labels: labels(1) }, undefined, 7 as never))
    expect([...session.gradients].map(([, { data }]) => [...(data as Float32Array)])).toEqual(before)
    await session.release()
  })
})

describe('a loop whose value grows from round to round', () => {
  const { bool, float, int64 } = dataType
  const growing = () =>
    composed(
      [
        node('Loop', ['trips', '', 'x'], ['last'], {
          body: create(GraphProtoSchema, {
            name: 'body',
            node: [
              node('Identity', ['go'], ['on']),
              node('Mul', ['h', 'h'], ['squares']),
              node('Concat', ['squares', 'w'], ['longer'], { axis: 0 }),
            ],
            input: [value('i', int64, []), value('go', bool, []), { name: 'h' }],
            output: [{ name: 'on' }, { name: 'longer' }],
          }),
        }),
        node('ReduceSum', ['last'], ['y'], { keepdims: 0 }),
      ],
      {
        x: { dims: [3], type: float },
        w: { dims: [2], type: float, data: [1, 2] },
        trips: { dims: [], type: int64 },
      },
      ['y'],
    )
  const x = new ort.Tensor('float32', [1, 2, 3], [3])

  it('is refused by what it does', async () => {
    const session = await TrainingSession.create(
      { ...(await generateArtifacts(growing(), { ort })), ort },
      { logSeverityLevel: 4 },
    )
    const trips = new ort.Tensor('int64', BigInt64Array.of(3n), [])
    const error = await errorOf(() => session.runTrainStep({ x, trips }))
    expect(error.code).toBe('ERR_NOT_SUPPORTED')
    expect(error.message).toMatch(
      /a value of a Loop changes its shape .* make the number of rounds a constant \(bind\)/,
    )
    await session.release()
  })

  it('trains where the number of rounds is a constant', async () => {
    const session = await TrainingSession.create({
      ...(await generateArtifacts(growing(), { ort, bind: { trips: 2n } })),
      ort,
    })
    const { y } = await session.runTrainStep({ x })
    expect(y!.data[0]).toBe(1 + 16 + 81 + 1 + 4 + 1 + 2)
    // ∂/∂w of Σ w² + Σ w
    expect([...session.gradients.get('w')!.data]).toEqual([3, 5])
    await session.release()
  })
})

describe('numbers that nothing can hold have a code', () => {
  it.each<[string, () => unknown]>([
    ['a rank of 2⁴⁰', () => addLora(network(), { rank: 2 ** 40, targets: '*' })],
    ['a seed that is none', () => addLora(network(), { rank: 1, targets: '*', seed: NaN })],
    ['a network of 2⁶⁰ parameters', () => mlp({ sizes: [2 ** 30, 2 ** 30] })],
    ['a network without sizes', () => mlp({} as never)],
    ['a type called as what objects inherit', () => mlp({ sizes: [1, 1], dtype: 'constructor' as never })],
    ['half a width', () => gpt({ width: 2.5 })],
    ['half an axis', () => value('x', 1, [1.5])],
    ['half an extent', () => createTensor('x', [1.5], 1, new Float32Array(1))],
    ['elements that are no array', () => createTensor('x', [1], 1, 7 as never)],
    ['half an attribute', () => createAttribute('axis', 0.5)],
    ['half an element', () => int64Tensor('x', [0.5])],
    ['an axis that is no number', () => node('Concat', ['x'], ['y'], { axes: [NaN] })],
    ['half a version', () => setOpset(network(), '', 17.5)],
    ['half a version of a new model', () => createModel({ nodes: [], inputs: [], outputs: [], opset: 17.5 })],
    [
      'an optimizer that is a bigint',
      () => generateArtifacts(network(), { loss: 'mse', optimizer: 1n as never }),
    ],
    ['a loss that is a bigint', () => generateArtifacts(network(), { loss: 1n as never })],
    ['a pattern that is a number', () => generateArtifacts(network(), { loss: 'mse', frozen: 7 as never })],
    [
      'outputs that are a text',
      () => generateArtifacts(network(), { loss: 'mse', outputNames: 'output' as never }),
    ],
    [
      'additional outputs that are a number',
      () => generateArtifacts(network(), { loss: 'mse', additionalOutputs: 7 as never }),
    ],
  ])('%s', async (_, act) => {
    expect((await errorOf(act)).code).toMatch(/^ERR_(OPTION|NOT_SUPPORTED|SHAPE)$/)
  })

  it('a model whose inputs claim more than there is', async () => {
    const model = readModel(denseArtifacts([4, 3, 2]).trainModel)
    const input = model.graph.input.find(({ name }) => name === 'w0')!
    if (input.type?.value.case === 'tensorType') {
      for (const dim of input.type.value.value.shape!.dim) dim.value = { case: 'dimValue', value: 2n ** 40n }
    }
    await expect(TrainingSession.create({ trainModel: writeModel(model) })).rejects.toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
    })
  })

  it('a model with attributes that make no sense', async () => {
    const bad = (attributes: Record<string, number[]>, opType: string) =>
      createModel({
        nodes: [node('MatMul', ['x', 'w'], ['h']), node(opType, ['h'], ['y'], attributes)],
        inputs: [value('x', 1, [2, 2])],
        outputs: [value('y', 1, [2, 2])],
        initializers: [createTensor('w', [2, 2], 1, new Float32Array(4))],
      })
    for (const model of [bad({ perm: [7, -9] }, 'Transpose'), bad({ kernel_shape: [-1] }, 'MaxPool')]) {
      await errorOf(() => generateArtifacts(model, { loss: 'mse' }))
    }
  })

  it('a rule of the caller’s own keeps its errors', async () => {
    const mine = new Error('mine')
    const table = {
      ...gradients,
      '': {
        ...gradients[''],
        Relu: () => {
          throw mine
        },
      },
    }
    const model = mlp({ sizes: [2, 2, 2] })
    await expect(generateArtifacts(model, { loss: 'mse', gradients: table })).rejects.toBe(mine)
  })
})

describe('errors of threads have a code', () => {
  beforeAll(build)

  it.each<[string, object]>([
    ['a module that is not there', { module: '/no/such/module.mjs' }],
    ['a runtime that is not there', { ort: '/no/such/runtime.mjs' }],
    ['options that cannot be sent', { checkpointState: Promise.resolve() }],
  ])('%s', async (_, options) => {
    const trainModel = writeModel(network())
    const error = await errorOf(() => createWorkerSession({ trainModel, ...options }))
    expect(error.code).toMatch(/^ERR_(OPTION|NOT_SUPPORTED)$/)
  })
})

it('refuses WebGPU for a session that keeps its parameters on the host, and says what trains there', async () => {
  const { trainModel, checkpointState } = await generateArtifacts(writeModel(mlp({ sizes: [2, 2] })), {
    loss: 'mse',
  })
  for (const provider of ['webgpu', { name: 'webgpu' }]) {
    const created = TrainingSession.create(
      { trainModel, checkpointState },
      { executionProviders: [provider] },
    )
    await expect(created).rejects.toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
      message: expect.stringContaining('createGpuSession') as string,
    })
  }
})

it('createGpuSession checks its options, and says where there is no WebGPU', async () => {
  const { trainModel, checkpointState } = await generateArtifacts(writeModel(mlp({ sizes: [2, 2] })), {
    loss: 'mse',
  })
  const runtime = { ...ort, env: { webgpu: {} } }
  const create = (given: object) =>
    createGpuSession({ trainModel, checkpointState, ort: runtime, extents: { batch: 4 }, ...given })
  const option = { code: 'ERR_OPTION' }
  await expect(create({ ort: {} })).rejects.toMatchObject(option)
  await expect(create({ extents: { batch: 0 } })).rejects.toMatchObject(option)
  await expect(create({ extents: [] })).rejects.toMatchObject(option)
  await expect(create({ extents: { rows: 4 } })).rejects.toMatchObject(option)
  await expect(create({ seed: 0.5 })).rejects.toMatchObject(option)
  await expect(create({ trainModel: undefined })).rejects.toMatchObject(option)
  await expect(create({})).rejects.toMatchObject({
    code: 'ERR_NOT_SUPPORTED',
    message: expect.stringContaining('no WebGPU here') as string,
  })
})

describe.each(['trainable', 'frozen'] as const)('a checkpoint whose values of a %s parameter', (kind) => {
  it.each([
    ['are too few', [1, 2, 3]],
    ['are too many', [1, 2, 3, 4, 5]],
  ])('%s is refused by every session', async (_, values) => {
    const { trainModel, checkpointState } = denseArtifacts([2, 2])
    const [first] = checkpointState.trainable
    const wrong = { ...first!, data: Float32Array.from(values) }
    const own = kind === 'trainable' ? [wrong] : checkpointState.trainable
    const frozen = kind === 'frozen' ? [{ ...wrong, name: 'other' }] : []
    const given = { trainModel, checkpointState: { ...checkpointState, trainable: own, frozen } }
    const refusal = {
      code: 'ERR_SHAPE',
      message: expect.stringContaining(
        `[2, 2] has 4 elements, the checkpoint has ${values.length}`,
      ) as string,
    }
    await expect(TrainingSession.create({ ...given, ort })).rejects.toMatchObject(refusal)
    const onGpu = createGpuSession({ ...given, ort: { ...ort, env: { webgpu: {} } }, extents: {} })
    await expect(onGpu).rejects.toMatchObject(refusal)
  })
})

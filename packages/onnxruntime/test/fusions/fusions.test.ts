import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import * as web from 'onnxruntime-web/wasm'
import { describe, expect, it } from 'vitest'
import { allNodes } from '@induced-metric/onnx/adapter'
import { addLora, generateArtifacts, type GenerateOptions } from '../../src/artifacts.js'
import { gpt, lenet, mlp, resnet18 } from '@induced-metric/onnx/models'
import { TrainingSession } from '../../src/session/trainingSession.js'
import { dataType, readModel, writeModel, type Model } from '@induced-metric/onnx/proto'
import { relativeError } from '../../../onnx/test/run.js'
import { drawn, tensor, type Tensor } from '../../../onnx/test/gradients/harness.js'
import { feedsOf } from '../artifacts/training.js'
import { blocks, networkOf, normalization } from './blocks.js'

// The runtime's graph optimiser fuses known patterns, and assumes constants that in a training or an eval model are
// inputs. Its result must compute the same as the runtime does without optimisations.

const off = { graphOptimizationLevel: 'disabled', logSeverityLevel: 3 }

type Values = Readonly<Record<string, ArrayLike<number>>>

const arraysOf = (outputs: Readonly<Record<string, { readonly data: unknown }>>): Values =>
  Object.fromEntries(
    Object.entries(outputs).map(([name, { data }]) => [name, (data as Float32Array).slice()]),
  )

/** All results of a session: the training outputs, the gradients, the running statistics, the eval outputs. */
async function compute(
  artifacts: Awaited<ReturnType<typeof generateArtifacts>>,
  feeds: ReturnType<typeof feedsOf>,
  outputs: readonly string[],
  options?: object,
  runtime: typeof ort | typeof web = ort,
): Promise<{ values: Values; exported: Uint8Array }> {
  const { trainModel, evalModel, state } = artifacts
  const session = await TrainingSession.create(
    { trainModel, evalModel, checkpointState: state, ort: runtime },
    options,
  )
  try {
    const exported = await session.exportModelForInference(outputs)
    const evaluated = arraysOf(await session.runEvalStep(feeds))
    const trained = arraysOf(await session.runTrainStep(feeds))
    const named = (prefix: string, values: Iterable<readonly [string, { readonly data: unknown }]>): Values =>
      Object.fromEntries(
        [...values].map(([name, { data }]) => [`${prefix} ${name}`, (data as Float32Array).slice()]),
      )
    const values = {
      ...named(
        'evaluated',
        Object.entries(evaluated).map(([name, data]) => [name, { data }]),
      ),
      ...named(
        'trained',
        Object.entries(trained).map(([name, data]) => [name, { data }]),
      ),
      ...named('gradient of', session.gradients),
      ...named('after the step', session.parameters),
    }
    return { values, exported }
  } finally {
    await session.release()
  }
}

async function infer(model: Uint8Array, feeds: Record<string, ort.Tensor>): Promise<Values> {
  const session = await ort.InferenceSession.create(model, off as ort.InferenceSession.SessionOptions)
  try {
    const names = session.inputNames
    return arraysOf(await session.run(Object.fromEntries(names.map((name) => [name, feeds[name]!]))))
  } finally {
    await session.release()
  }
}

function compare(found: Values, expected: Values, tolerance: number): void {
  expect(Object.keys(found)).toEqual(Object.keys(expected))
  for (const [name, values] of Object.entries(expected)) {
    expect(relativeError(found[name]!, values), name).toBeLessThan(tolerance)
  }
}

/** Checks that a session on a model computes the same as the runtime does without optimisations. */
async function check(
  model: Model,
  inputs: Readonly<Record<string, Tensor>>,
  options: GenerateOptions,
  tolerance: number,
): Promise<void> {
  const outputs = model.graph.output.map(({ name }) => name)
  const artifacts = await generateArtifacts(model, { ...options, additionalOutputs: outputs })
  const feeds = feedsOf(inputs)
  const own = await compute(artifacts, feeds, outputs)
  const plain = await compute(artifacts, feeds, outputs, off)
  compare(own.values, plain.values, tolerance)
  const evaluated = Object.fromEntries(outputs.map((name) => [name, own.values[`evaluated ${name}`]!]))
  compare(await infer(own.exported, feeds), evaluated, tolerance)
  // A model exported for training drops elements and uses the statistics of the batch by itself.
  const trains = allNodes(model.graph).some(({ opType, output }) => opType === 'Dropout' || output.length > 2)
  if (!trains) compare(await infer(writeModel(model), feeds), evaluated, tolerance)
}

describe('a session computes what its model says:', () => {
  it.each(blocks.map((given) => [given[0], given] as const))('%s', async (_, [, block, surroundings]) => {
    const model = networkOf(block, surroundings)
    const { input = [5, 4], type = dataType.float } = surroundings ?? {}
    const inputs = {
      x: drawn(input, 7, { low: -1, high: 1, type }),
      target: drawn([input[0]!, 3], 8, { type }),
    }
    const tolerance = type === dataType.double ? 1e-10 : 1e-5
    for (const requiresGrad of [undefined, 'head.*']) {
      await check(model, inputs, { loss: 'mse', ...(requiresGrad && { requiresGrad }) }, tolerance)
    }
  })
})

const { float } = dataType
const whole = (dims: readonly number[], below: number): Tensor =>
  tensor(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => (i * 7 + 3) % below),
    dataType.int64,
  )
const real = (dims: readonly number[]): Tensor => drawn(dims, 7, { low: -1, high: 1, type: float })

/** The tested versions of PyTorch's networks: a session of the encoder takes long to create. */
const opsets: Readonly<Record<string, readonly number[]>> = {
  convolutions: [11, 16],
  attention: [11],
  encoder: [16],
}

/** Models of the package, and models as PyTorch exports them: their inputs, and the name of their head. */
const models: readonly (readonly [string, () => Model, Record<string, Tensor>, string])[] = [
  ...(['relu', 'tanh', 'sigmoid', 'gelu'] as const).map(
    (activation) =>
      [
        `mlp with ${activation}`,
        () => mlp({ sizes: [4, 8, 8, 3], activation }),
        { input: real([5, 4]), labels: whole([5], 3) },
        'layers.2.*',
      ] as const,
  ),
  ...(['max', 'average'] as const).map(
    (pool) =>
      [
        `lenet with ${pool} pools`,
        () => lenet({ classes: 3, size: 16, pool }),
        { input: real([3, 1, 16, 16]), labels: whole([3], 3) },
        'fc3.*',
      ] as const,
  ),
  ...(
    [
      [14, 'none'],
      [17, 'tanh'],
    ] as const
  ).map(
    ([opset, approximate]) =>
      [
        `gpt in opset ${opset}, with Gelu by ${approximate}`,
        () =>
          gpt({
            layers: 1,
            width: 8,
            heads: 2,
            vocabulary: 11,
            context: 6,
            flatten: true,
            approximate,
            opset,
          }),
        { input_ids: whole([2, 6], 11), labels: whole([12], 11) },
        'transformer.ln_f.*',
      ] as const,
  ),
  [
    'resnet18',
    () => resnet18({ classes: 3, width: 4, size: 16 }),
    { input: real([4, 3, 16, 16]), labels: whole([4], 3) },
    'fc.*',
  ],
  ...exported(),
]

function exported(): (typeof models)[number][] {
  const pathOf = (file: string): string =>
    fileURLToPath(new URL(`../fixtures/exported/${file}`, import.meta.url))
  const expected = JSON.parse(readFileSync(pathOf('expected.json'), 'utf8')) as Record<
    string,
    { dims: number[]; input: number[]; labels: number[] }[]
  >
  return Object.entries(expected).flatMap(([name, [first]]) =>
    (opsets[name] ?? []).map((opset): (typeof models)[number] => {
      const { dims, input, labels } = first!
      return [
        `${name} of PyTorch, in opset ${opset}`,
        () => readModel(readFileSync(pathOf(`${name}-${opset}.onnx`))),
        {
          input: tensor(dims, input, name === 'attention' ? dataType.int64 : float),
          labels: tensor([labels.length], labels, dataType.int64),
        },
        '*bias',
      ]
    }),
  )
}

describe('a session computes what its model says, all of it trained, its head, or adapters:', () => {
  it.each(models)('%s', async (name, build, inputs, head) => {
    const base: GenerateOptions = { loss: 'cross-entropy' }
    await check(build(), inputs, base, 1e-4)
    await check(build(), inputs, { ...base, requiresGrad: head }, 1e-4)
    // The encoder's sessions take long to create, and its adapters are at the same places as those of the attention.
    if (name.startsWith('encoder')) return
    const { model, trainable } = addLora(build(), { rank: 2, targets: '*' })
    await check(model, inputs, { ...base, requiresGrad: trainable }, 1e-4)
  })

  it('a normalisation that an exporter wrote out with an epsilon of 0.001', async () => {
    const path = fileURLToPath(new URL('../fixtures/forward/ln_eps1e-3.onnx', import.meta.url))
    const build = (): Model => readModel(readFileSync(path))
    const inputs = { x: drawn([8, 4], 7, { low: -0.1, high: 0.1, type: float }), labels: whole([8], 3) }
    await check(build(), inputs, { loss: 'cross-entropy' }, 1e-5)
    await check(build(), inputs, { loss: 'cross-entropy', requiresGrad: 'head.*' }, 1e-5)
  })

  it('a normalisation, on onnxruntime-web', async () => {
    web.env.wasm.numThreads = 1
    for (const centered of [true, false]) {
      const artifacts = await generateArtifacts(networkOf(normalization(centered)), { loss: 'mse' })
      const feeds = feedsOf({ x: real([5, 4]), target: real([5, 3]) })
      const there = await compute(artifacts, feeds, ['y'], undefined, web)
      compare(there.values, (await compute(artifacts, feeds, ['y'], off)).values, 1e-5)
    }
  })
})

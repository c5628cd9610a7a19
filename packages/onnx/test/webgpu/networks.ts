import * as ort from 'onnxruntime-node'
import { generateArtifacts, type GenerateOptions } from '../../src/artifacts/index.js'
import { lowerTrainingModel } from '../../src/lowering/index.js'
import { dataType, readModel, writeModel, type Model } from '../../src/proto/index.js'
import { typeOf } from '../../src/rewrite/valueTypes.js'
import { lowerTrainingForWebGpu, type WebGpuTrainingModel } from '../../src/webgpu/lower.js'
import type { FixedExtents } from '../../src/webgpu/extents.js'
import { numbers } from '../builder.js'

/** Tensors by name. */
type Feeds = Record<string, ort.Tensor>

/** A training model in both forms, and what it is fed. */
export interface Pair {
  readonly model: Model
  readonly lowered: WebGpuTrainingModel
  readonly feeds: Feeds
  /** Its gradients and loss on the stock runtime, by name. */
  readonly plain: ReadonlyMap<string, Float32Array>
}

/** The model of a session on the stock runtime, and the one lowered for WebGPU. */
export async function bothOf(
  forward: Model,
  options: Omit<GenerateOptions, 'ort'>,
  extents: FixedExtents,
  own: Readonly<Record<string, ort.Tensor>> = {},
): Promise<Pair> {
  const { trainModel, state } = await generateArtifacts(writeModel(forward), { ...options, ort })
  const model = readModel(trainModel)
  const { model: stock, gradients, outputs } = lowerTrainingModel(model)
  const feeds: Feeds = { ...own }
  for (const { name, dims, data } of [...state.trainable, ...state.frozen])
    feeds[name] = new ort.Tensor('float32', data as Float32Array, dims)
  stock.graph.input.forEach((input, seed) => {
    const { dataType: type, shape } = typeOf(input)
    if (feeds[input.name]) return
    const dims = shape!.map((extent) => (typeof extent === 'string' ? extents[extent]! : extent!))
    const size = dims.reduce((a, b) => a * b, 1)
    feeds[input.name] =
      type === dataType.int64
        ? new ort.Tensor(
            'int64',
            BigInt64Array.from({ length: size }, (_, i) => BigInt((5 * i + seed) % 7)),
            dims,
          )
        : new ort.Tensor('float32', Float32Array.from(numbers(size, seed, 1)), dims)
  })
  const wanted = [outputs[0]!, ...gradients.map(({ output }) => output)]
  const plain = await run(stock, feeds, wanted)
  return { model, lowered: await lowerTrainingForWebGpu(model, { extents, ort }), feeds, plain }
}

/** Runs a lowered model on the same feeds, with a mask of 2 and 0 for each dropout. */
export async function runLowered({ lowered, feeds }: Pair): Promise<ReadonlyMap<string, Float32Array>> {
  const { model, masks, zero, narrowed, gradients, names } = lowered
  const all = Object.fromEntries(
    model.graph.input.map(({ name }) => {
      const mask = masks.find(({ input }) => input === name)
      if (mask) return [name, new ort.Tensor('float32', halfOf(mask.dims), mask.dims)]
      if (name === zero) return [name, new ort.Tensor('float32', Float32Array.of(0), [])]
      const { data, dims } = feeds[name]!
      if (!narrowed.has(name)) return [name, feeds[name]!]
      return [name, new ort.Tensor('int32', Int32Array.from(data as BigInt64Array, Number), dims)]
    }),
  )
  return run(model, all, [names[0]!, ...gradients.map(({ output }) => output)])
}

/** Every second element kept. */
export function halfOf(dims: readonly number[]): Float32Array {
  const size = dims.reduce((a, b) => a * b, 1)
  return Float32Array.from({ length: size }, (_, i) => (i % 2 === 0 ? 2 : 0))
}

async function run(model: Model, feeds: Feeds, names: readonly string[]): Promise<Map<string, Float32Array>> {
  // The runtime's fusions of normalisations change results, and no session uses them.
  const session = await ort.InferenceSession.create(writeModel(model), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
  })
  const given = Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!]))
  const results = await session.run(given, names)
  await session.release()
  return new Map(names.map((name) => [name, results[name]!.data as Float32Array]))
}

import type { TransformationJSON } from '@induced-metric/core'
import { gpt, lenet, mlp } from '@induced-metric/onnx/models'
import { createModelBuilder, dataType, writeModel, type Model } from '@induced-metric/onnx/proto'
import { addLora, generateArtifacts, type TrainingArtifacts } from '../../src/artifacts.js'
import type { GpuSessionOptions } from '../../src/index.js'
import type { Problem, Sent } from './gpuPage.js'

/** A network to train, and its batches. */
interface Network {
  readonly model: () => Model
  readonly extents: GpuSessionOptions['extents']
  readonly batch: (step: number) => Readonly<Record<string, Sent>>
  readonly loss?: 'cross-entropy' | 'mse'
  /** The matrices that get low-rank adapters, which alone are trained then. */
  readonly adapted?: string
}

const classes = 7
const noise = (count: number, step: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(Math.sin(step * 1.3 + i * 0.37 + i * i * 0.011)))
const labels = (count: number, step: number): Sent => ({
  type: 'int64',
  dims: [count],
  data: Array.from({ length: count }, (_, i) => (i * 5 + step) % classes),
})
const rows = (count: number, width: number, step: number): Sent => ({
  type: 'float32',
  dims: [count, width],
  data: noise(count * width, step),
})

/** Batch normalisation between two dense layers. */
function normalized(): Model {
  const builder = createModelBuilder(17)
  const x = builder.input('input', dataType.float, ['batch', 6])
  const fill = (name: string, values: readonly number[], dims = [values.length]) =>
    builder.initializer(name, dims, dataType.float, Float32Array.from(values))
  const hidden = builder.emit('Gemm', [x, fill('first', noise(30, 3), [6, 5])])
  const ones = [1, 1, 1, 1, 1]
  const inputs = [
    fill('scale', ones),
    fill('shift', noise(5, 1)),
    fill('mean', [0, 0, 0, 0, 0]),
    fill('variance', ones),
  ]
  const [made] = builder.emitAll('BatchNormalization', [hidden, ...inputs], { training_mode: 1 }, 3)
  const scores = builder.emit('Gemm', [made!, fill('second', noise(35, 4), [5, classes])])
  builder.output(builder.emit('Identity', [scores], {}, 'output'), dataType.float, ['batch', classes])
  return builder.build('normalized')
}

/** A product with weights, of which half is dropped. */
function dropping(): Model {
  const builder = createModelBuilder(17)
  const x = builder.input('input', dataType.float, ['batch', 64])
  const w = builder.initializer('w', [64], dataType.float, new Float32Array(64).fill(1))
  const dropped = builder.emit('Dropout', [builder.emit('Mul', [x, w]), builder.real(0.5, dataType.float)])
  builder.output(builder.emit('Identity', [dropped], {}, 'output'), dataType.float, ['batch', 64])
  return builder.build('dropping')
}

/** A dense layer behind an operator that the provider has no kernel for. */
function rounded(): Model {
  const builder = createModelBuilder(17)
  const x = builder.input('input', dataType.float, ['batch', 12])
  const w = builder.initializer('w', [12, classes], dataType.float, Float32Array.from(noise(12 * classes, 1)))
  const scores = builder.emit('Gemm', [builder.emit('Round', [x]), w])
  builder.output(builder.emit('Identity', [scores], {}, 'output'), dataType.float, ['batch', classes])
  return builder.build('rounded')
}

const dense: Omit<Network, 'model'> = {
  extents: { batch: 8 },
  batch: (step) => ({ input: rows(8, 12, step), labels: labels(8, step) }),
}

const language: Network = {
  model: () =>
    gpt({ vocabulary: classes, context: 8, layers: 1, heads: 2, width: 16, flatten: true, seed: 3 }),
  extents: { batch: 2, sequence: 8, tokens: 16 },
  batch: (step) => ({
    input_ids: { type: 'int64', dims: [2, 8], data: labels(16, step + 3).data },
    labels: labels(16, step),
  }),
}

const networks = {
  mlp: { ...dense, model: () => mlp({ sizes: [12, 16, classes], seed: 1 }) },
  rounded: { ...dense, model: rounded },
  /** Batches of two sizes by turns. */
  sizes: {
    model: normalized,
    extents: [{ batch: 8 }, { batch: 3 }],
    batch: (step) => {
      const count = step % 2 === 0 ? 8 : 3
      return { input: rows(count, 6, step), labels: labels(count, step) }
    },
  },
  lenet: {
    model: () => lenet({ size: 12, classes, seed: 2 }),
    extents: { batch: 4 },
    batch: (step) => ({
      input: { type: 'float32', dims: [4, 1, 12, 12], data: noise(576, step) },
      labels: labels(4, step),
    }),
  },
  gpt: language,
  adapters: { ...language, adapted: '*.attn.*.weight' },
  dropping: {
    model: dropping,
    extents: { batch: 64 },
    loss: 'mse',
    batch: () => {
      const filled = (value: number): Sent => ({
        type: 'float32',
        dims: [64, 64],
        data: new Array<number>(64 * 64).fill(value),
      })
      return { input: filled(1), target: filled(0) }
    },
  },
} satisfies Record<string, Network>

/** The name of a network. */
export type NetworkName = keyof typeof networks

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const made = new Map<NetworkName, Promise<TrainingArtifacts>>()

/** The artifacts of a network. */
export function artifactsOf(name: NetworkName): Promise<TrainingArtifacts> {
  let found = made.get(name)
  if (!found) made.set(name, (found = generate(networks[name])))
  return found
}

function generate({ model, loss = 'cross-entropy', adapted }: Network): Promise<TrainingArtifacts> {
  if (adapted === undefined) return generateArtifacts(writeModel(model()), { loss })
  const { model: withAdapters, trainable } = addLora(model(), { rank: 2, targets: adapted })
  return generateArtifacts(withAdapters, { loss, requiresGrad: trainable })
}

/** The batches from a step on. */
export function batchesOf(name: NetworkName, count: number, first = 0): Problem['batches'] {
  const { batch }: Network = networks[name]
  return Array.from({ length: count }, (_, step) => batch(first + step))
}

/**
 * A problem as it is sent to the page.
 *
 * @param given `first`: the first step; `checkpoint`: another one than that of the artifacts
 */
export async function problemOf(
  name: NetworkName,
  steps: number,
  given: {
    readonly first?: number
    readonly checkpoint?: Uint8Array
    readonly transformation?: TransformationJSON
  } = {},
): Promise<Problem> {
  const { first = 0, checkpoint, transformation } = given
  const { trainModel, evalModel, checkpointState } = await artifactsOf(name)
  return {
    artifacts: {
      trainModel: base64(trainModel),
      evalModel: base64(evalModel),
      checkpointState: base64(checkpoint ?? checkpointState),
    },
    extents: networks[name].extents,
    batches: batchesOf(name, steps, first),
    ...(transformation && { transformation }),
  }
}

/** The same problem with a NaN in some batches. */
export function withNaN(problem: Problem, steps: readonly number[]): Problem {
  const batches = problem.batches.map((batch, step) => {
    const { input } = batch
    if (!steps.includes(step) || !input) return batch
    return { ...batch, input: { ...input, data: input.data.map((x, i) => (i === 3 ? NaN : x)) } }
  })
  return { ...problem, batches }
}

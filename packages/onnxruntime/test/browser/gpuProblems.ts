import { gpt, lenet, mlp } from '@induced-metric/onnx/models'
import { writeModel, type Model } from '@induced-metric/onnx/proto'
import { generateArtifacts } from '../../src/artifacts.js'
import type { FixedExtents } from '@induced-metric/onnx/adapter'
import type { Problem, Sent } from './gpuPage.js'

/** A network to train, and its batches. */
interface Network {
  readonly model: () => Model
  readonly extents: FixedExtents
  readonly batch: (step: number) => Readonly<Record<string, Sent>>
}

const classes = 7
const noise = (count: number, step: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(Math.sin(step * 1.3 + i * 0.37 + i * i * 0.011)))
const labels = (count: number, step: number): Sent => ({
  type: 'int64',
  dims: [count],
  data: Array.from({ length: count }, (_, i) => (i * 5 + step) % classes),
})

export const networks = {
  mlp: {
    model: () => mlp({ sizes: [12, 16, classes], seed: 1 }),
    extents: { batch: 8 },
    batch: (step) => ({ input: { type: 'float32', dims: [8, 12], data: noise(96, step) }, labels: labels(8, step) }),
  },
  lenet: {
    model: () => lenet({ size: 12, classes, seed: 2 }),
    extents: { batch: 4 },
    batch: (step) => ({
      input: { type: 'float32', dims: [4, 1, 12, 12], data: noise(576, step) },
      labels: labels(4, step),
    }),
  },
  gpt: {
    model: () =>
      gpt({ vocabulary: classes, context: 8, layers: 2, heads: 2, width: 16, flatten: true, seed: 3 }),
    extents: { batch: 2, sequence: 8, tokens: 16 },
    batch: (step) => ({
      input_ids: { type: 'int64', dims: [2, 8], data: labels(16, step + 3).data },
      labels: labels(16, step),
    }),
  },
} satisfies Record<string, Network>

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** A problem as it is sent to the page. */
export async function problemOf(name: keyof typeof networks, steps: number): Promise<Problem> {
  const { model, extents, batch } = networks[name]
  const { trainModel, evalModel, checkpointState } = await generateArtifacts(writeModel(model()), {
    loss: 'cross-entropy',
  })
  return {
    artifacts: {
      trainModel: base64(trainModel),
      evalModel: base64(evalModel),
      checkpointState: base64(checkpointState),
    },
    extents,
    batches: Array.from({ length: steps }, (_, step) => batch(step)),
  }
}

import { adamwOptimizer, generateArtifacts } from '@induced-metric/onnxruntime/artifacts'
import { createModelBuilder, dataType, type Model } from '@induced-metric/onnxruntime/onnx'

import type { NetworkArray } from './network.js'

/** The artifacts that ONNX Runtime's `generate_artifacts` writes for a network, as the contents of its four files. */
export interface Artifacts {
  readonly trainModel: Uint8Array
  readonly evalModel: Uint8Array
  readonly optimizerModel: Uint8Array
  readonly checkpointState: Uint8Array
}

/** The hyperparameters that AdamW's kernel reads from its model. */
export interface AdamHyperparameters {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
}

/**
 * Training artifacts for the network, without Python: its forward model, mean softmax cross-entropy, and the gradients,
 * which the last release of ONNX Runtime with training runs, too. Inputs are `input` (float, batch × inputs) and `labels`
 * (int64, batch); outputs `loss` and `output`, the logits.
 *
 * @param network - `[weight, bias, …]`; weights are inputs × outputs
 * @param adam - hyperparameters of the optimizer model's AdamW that differ from those of `generate_artifacts`
 */
export async function buildArtifacts(
  network: readonly NetworkArray[],
  { beta1, beta2, epsilon }: AdamHyperparameters = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6 },
): Promise<Artifacts> {
  const { trainModel, evalModel, optimizerModel, checkpointState } = await generateArtifacts(
    forwardModel(network),
    {
      loss: 'cross-entropy',
      additionalOutputs: ['output'],
      optimizer: adamwOptimizer({ betas: [beta1, beta2], epsilon }),
    },
  )
  return { trainModel, evalModel, optimizerModel: optimizerModel!, checkpointState }
}

/**
 * Dense layers, with GELU in its tanh form after all but the last: `input` (float, batch × inputs) to `output`.
 *
 * @param network - `[weight, bias, …]`; weights are inputs × outputs
 */
export function forwardModel(network: readonly NetworkArray[]): Model {
  const { float } = dataType
  const builder = createModelBuilder(17)
  const { emit, initializer, input, output } = builder
  let values = input('input', float, ['batch', network[0]!.shape[0]!])
  for (let place = 0; place < network.length; place += 2) {
    const [weight, bias] = [network[place]!, network[place + 1]!].map(({ name, shape, data }) =>
      initializer(name, shape, float, data),
    )
    const isLast = place + 2 === network.length
    values = emit('Gemm', [values, weight, bias], {}, isLast ? 'output' : undefined)
    if (!isLast) values = emit('com.microsoft:FastGelu', [values])
  }
  output(values, float, ['batch', network.at(-1)!.shape[0]!])
  return builder.build('digits')
}

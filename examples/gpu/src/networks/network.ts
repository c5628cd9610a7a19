import type { Ort, OrtTensor, OrtValues, GpuSessionOptions } from '@induced-metric/onnxruntime'
import type { Model } from '@induced-metric/onnxruntime/onnx'

/** The names of the networks. */
export const networkNames = ['gpt', 'digits'] as const

/** The name of a network. */
export type NetworkName = (typeof networkNames)[number]

/** The part of a session that evaluation needs. */
export interface Evaluator {
  runEvalStep(feeds: OrtValues, fetches: readonly string[]): Promise<Readonly<Record<string, OrtTensor>>>
}

/** A look at a network that is trained: the share of test pictures that it reads, or a text that it writes. */
export type Evaluation = { readonly accuracy: number; readonly of: number } | { readonly text: string }

/** A network with its data: everything that training needs, and that does not depend on the device. */
export interface Network {
  readonly name: NetworkName
  /** What is counted by the second. */
  readonly unit: 'tokens' | 'examples'
  /** The number of them in a batch. */
  readonly perStep: number
  /** The forms of its feeds, for a session on WebGPU. */
  readonly extents: GpuSessionOptions['extents']
  /** The output that `evaluate` reads. */
  readonly output: string
  /** Makes the forward model, with weights that are always the same. */
  readonly forward: () => Model
  /**
   * The batch of a step. It depends on the number of the step and on nothing else, so that a run that goes on elsewhere sees the
   * batches that it would have seen.
   *
   * @param step from 0
   */
  readonly batch: (ort: Ort, step: number) => OrtValues
  /** @param step the number of steps so far, from which the sampling of texts is drawn */
  readonly evaluate: (session: Evaluator, ort: Ort, step: number) => Promise<Evaluation>
}

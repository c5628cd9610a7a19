import { checkOptions } from '@induced-metric/core/adapter'
import type { CheckpointState, NamedTensor, Ort, OrtTensor } from '@induced-metric/onnx'
import {
  bufferParts,
  concatenateParts,
  optimizerState,
  scatterParts,
  sizeOfParts,
  type BufferParts,
} from '@induced-metric/onnx/adapter'
import { createOrtTensor } from '../ort/ort.js'
import type { SessionSetup } from './setUp.js'

/** A parameter or a gradient. */
export interface SessionTensor {
  readonly dims: readonly number[]
  /** The live values: the next step reads whatever is written here. */
  readonly data: NamedTensor['data']
}

/** A parameter of a session. */
export interface SessionParameter extends SessionTensor {
  /** Whether it has a gradient. */
  readonly trainable: boolean
}

/** A parameter with its name and element type. */
type NamedParameter = NamedTensor & { readonly trainable: boolean }

/** A session's parameters and state, in the forms that callers take them. */
export interface SessionContents {
  /** Every parameter, trainable ones first. */
  readonly parameters: () => NamedParameter[]
  /** The number of scalars. */
  readonly size: (trainableOnly: boolean) => number
  /** A copy of all parameters in one tensor, in the order of the training model's inputs. */
  readonly contiguous: (trainableOnly: boolean) => OrtTensor
  /** Sets all parameters from the bytes of such a tensor. */
  readonly load: (buffer: Uint8Array, trainableOnly: boolean) => void
  /** The contents of a checkpoint, as views of the session's memory. */
  readonly checkpoint: (includeOptimizerState: boolean) => CheckpointState
}

/** Creates the views of a session's contents. */
export function sessionContents({
  runtime,
  optimizer,
  steps,
  frozen,
  properties,
}: SessionSetup): SessionContents {
  const { gradients, model } = runtime.lowered
  const parameters = (): NamedParameter[] => [
    ...optimizer.parameters.map(({ name, shape, data }, i) => {
      return { name, dims: shape, dataType: gradients[i]!.dataType, data, trainable: true }
    }),
    ...frozen.map((tensor) => ({ ...tensor, trainable: false })),
  ]
  const parts = (trainableOnly: boolean) =>
    bufferParts(
      parameters().filter(({ trainable }) => trainable || !trainableOnly),
      model.graph.input.map(({ name }) => name),
    )
  return {
    parameters,
    size: (trainableOnly) => sizeOfParts(parts(trainableOnly)),
    contiguous: (trainableOnly) => contiguousTensor(runtime.ort, parts(trainableOnly)),
    load: (buffer, trainableOnly) => scatterParts(parts(trainableOnly), buffer, trainableOnly),
    checkpoint(includeOptimizerState) {
      const base = {
        trainable: parameters().filter(({ trainable }) => trainable),
        frozen,
        optimizerGroups: [],
        properties,
      }
      if (!includeOptimizerState || !steps) return base
      const state = optimizerState(optimizer.save(), optimizer.learningRate)
      return { ...base, ...state, properties: new Map([...properties, ...state.properties]) }
    },
  }
}

/** A copy of parameters in one tensor. */
export function contiguousTensor(ort: Ort, parts: BufferParts): OrtTensor {
  const all = concatenateParts(parts)
  const type = all instanceof Float64Array ? 'float64' : 'float32'
  return createOrtTensor(ort, type, all, [all.length])
}

/** The options of what saves a session. */
export interface SaveOptions {
  /** Whether training can resume from it. Default true. */
  readonly includeOptimizerState?: boolean
}

/**
 * Whether a checkpoint gets the optimiser's state.
 *
 * @throws ERR_OPTION for any other option
 */
export function includesOptimizer(options: SaveOptions): boolean {
  checkOptions('saveCheckpoint', options, { includeOptimizerState: 'boolean' })
  return options.includeOptimizerState ?? true
}

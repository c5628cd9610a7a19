import { writeModel } from '../../src/onnx/index.js'
import type { NamedTensor } from '../../src/types.js'
import { accumulate, model, node, value } from '../builder.js'

/** The input that holds the gradient of a parameter. */
export function feedName(parameter: string): string {
  return `${parameter}: gradient`
}

/**
 * A training model whose loss and gradients are what it is fed. They take the way that all gradients take: out of the
 * graph into their accumulation buffers.
 */
export function fedModel(parameters: readonly NamedTensor[]): Uint8Array {
  const end = accumulate(parameters)
  return writeModel(
    model(
      [
        node('Identity', ['loss: fed'], ['loss']),
        ...parameters.map(({ name }) => node('Identity', [feedName(name)], [`${name}_grad`])),
        ...end.nodes,
      ],
      [
        value('loss: fed', 11, []),
        ...parameters.map(({ name, dataType, dims }) => value(feedName(name), dataType, dims)),
        ...parameters.map(({ name, dataType, dims }) => value(name, dataType, dims)),
        ...end.inputs,
      ],
      [value('loss', 11, []), ...end.outputs],
    ),
  )
}

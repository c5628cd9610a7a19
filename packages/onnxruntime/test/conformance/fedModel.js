import { InducedMetricError } from '@induced-metric/core'
import * as onnx from '@induced-metric/onnxruntime/onnx'

/** @typedef {import('@induced-metric/onnxruntime').NamedTensor} NamedTensor */

/**
 * The input that holds the gradient of a parameter.
 *
 * @param {string} parameter
 */
export const feedName = (parameter) => `${parameter}: gradient`

/** The input that holds the loss. */
export const lossName = 'loss: fed'

/**
 * A training model whose loss and gradients are its inputs. They pass through the graph into their accumulation
 * buffers, as all gradients do.
 *
 * @param {readonly NamedTensor[]} parameters
 * @param {'double' | 'float'} [lossType]
 */
export function fedModel(parameters, lossType = 'double') {
  const buffer = (/** @type {string} */ name) => `${name}_grad.accumulation.buffer`
  const accumulated = (/** @type {string} */ name) => `${name}_grad.accumulation.out`
  const { bool, [lossType]: real } = onnx.dataType
  const { createNode: node, createValue: value } = onnx
  return onnx.writeModel(
    onnx.createModel({
      nodes: [
        node('Identity', [lossName], ['loss']),
        ...parameters.map(({ name }) => node('Identity', [feedName(name)], [`${name}_grad`])),
        ...parameters.map(({ name }) =>
          node(
            'com.microsoft:InPlaceAccumulatorV2',
            [buffer(name), `${name}_grad`, 'lazy_reset_grad'],
            [accumulated(name)],
          ),
        ),
      ],
      inputs: [
        value(lossName, real, []),
        ...parameters.map(({ name, dataType, dims }) => value(feedName(name), dataType, dims)),
        ...parameters.map(({ name, dataType, dims }) => value(name, dataType, dims)),
        ...parameters.map(({ name, dataType, dims }) => value(buffer(name), dataType, dims)),
        value('lazy_reset_grad', bool, [1]),
      ],
      outputs: [
        value('loss', real, []),
        ...parameters.map(({ name }) => value(accumulated(name), bool, [1])),
      ],
    }),
  )
}

/**
 * The parameters of a target as a checkpoint holds them.
 *
 * @param {readonly import('@induced-metric/conformance').TargetParameter[]} parameters
 */
export function trainableOf(parameters) {
  const { double, float } = onnx.dataType
  return parameters.map(({ name, shape, data }) => ({
    name,
    dims: shape,
    dataType: data.BYTES_PER_ELEMENT === 8 ? double : float,
    data,
  }))
}

/**
 * Throws ERR_SHAPE unless there is a gradient for each parameter. A session's gradients come out of its model, so only the suite
 * counts them.
 *
 * @param {readonly unknown[]} gradients
 * @param {readonly unknown[]} parameters
 */
export function checkCount(gradients, parameters) {
  if (gradients.length === parameters.length) return
  throw new InducedMetricError(
    'ERR_SHAPE',
    `${parameters.length} parameters need as many gradients, given ${gradients.length}`,
  )
}

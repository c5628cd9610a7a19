import { create } from '@bufbuild/protobuf'
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
 * A training model whose loss and gradients are what it is fed. They take the way that all gradients take: out of the
 * graph into their accumulation buffers.
 *
 * @param {readonly NamedTensor[]} parameters
 */
export function fedModel(parameters) {
  const buffer = (/** @type {string} */ name) => `${name}_grad.accumulation.buffer`
  const accumulated = (/** @type {string} */ name) => `${name}_grad.accumulation.out`
  const { bool, double } = onnx.dataType
  return onnx.writeModel(
    create(onnx.ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [
        { domain: '', version: 17n },
        { domain: 'com.microsoft', version: 1n },
      ],
      graph: {
        name: 'fed',
        node: [
          { opType: 'Identity', input: [lossName], output: ['loss'] },
          ...parameters.map(({ name }) => ({
            opType: 'Identity',
            input: [feedName(name)],
            output: [`${name}_grad`],
          })),
          ...parameters.map(({ name }) => ({
            opType: 'InPlaceAccumulatorV2',
            domain: 'com.microsoft',
            input: [buffer(name), `${name}_grad`, 'lazy_reset_grad'],
            output: [accumulated(name)],
          })),
        ],
        input: [
          value(lossName, double, []),
          ...parameters.map(({ name, dataType, dims }) => value(feedName(name), dataType, dims)),
          ...parameters.map(({ name, dataType, dims }) => value(name, dataType, dims)),
          ...parameters.map(({ name, dataType, dims }) => value(buffer(name), dataType, dims)),
          value('lazy_reset_grad', bool, [1]),
        ],
        output: [
          value('loss', double, []),
          ...parameters.map(({ name }) => value(accumulated(name), bool, [1])),
        ],
      },
    }),
  )
}

/**
 * @param {string} name
 * @param {number} elemType
 * @param {readonly number[]} dims
 */
function value(name, elemType, dims) {
  const dim = dims.map((extent) => ({
    value: { case: /** @type {const} */ ('dimValue'), value: BigInt(extent) },
  }))
  return create(onnx.ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } },
  })
}

import { optionError } from '@induced-metric/core/adapter'
import type { Model } from '../proto/model.js'
import { activate, convolve, dense, windowAttributes, type Activation } from './layers.js'
import { checkModelOptions, checkSizes, createNetwork, uniformWithin, type ModelOptions } from './network.js'

/** Options of {@link lenet}. */
export interface LenetOptions extends ModelOptions {
  /** Default 10. */
  readonly classes?: number
  /** Channels of the images. Default 1. */
  readonly channels?: number
  /** Rows and columns of the images, a multiple of 4 and at least 12. Default 28. */
  readonly size?: number
  /** Default `'relu'`. */
  readonly activation?: Activation
  /** Default `'max'`. */
  readonly pool?: 'max' | 'average'
}

/**
 * LeNet-5: two convolutions with pools and three dense layers. It maps `input` [batch, channels, size, size] to
 * `output` [batch, classes]. Parameters: `conv1.weight`, `conv1.bias`, `conv2.…`, `fc1.weight`, …. LeCun, Bottou,
 * Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998.
 *
 * @throws ERR_OPTION for options out of their range
 *
 * @example
 * ```ts
 * import { lenet } from '@induced-metric/onnxruntime/models'
 * import { writeModel } from '@induced-metric/onnxruntime/onnx'
 *
 * console.log(writeModel(lenet({ seed: 1 })).length > 4 * 61706) // true
 * ```
 */
export function lenet(options: LenetOptions = {}): Model {
  checkModelOptions('lenet', options, {
    classes: 'any',
    channels: 'any',
    size: 'any',
    activation: 'any',
    pool: ['max', 'average'],
  })
  const { classes = 10, channels = 1, size = 28, activation = 'relu', pool = 'max' } = options
  checkSizes({ classes, channels, size })
  if (size < 12 || size % 4 !== 0) throw optionError(`size is ${size}; give a multiple of 4, at least 12`)
  const network = createNetwork(options)
  const { builder, type } = network
  const layer = (name: string, x: string, inputs: number, outputs: number, padding: number): string => {
    const draw = uniformWithin(1 / Math.sqrt(inputs * 25))
    const window = { kernel: 5, padding, draw, bias: true }
    const convolved = activate(network, activation, convolve(network, name, x, inputs, outputs, window))
    return builder.emit(
      pool === 'max' ? 'MaxPool' : 'AveragePool',
      [convolved],
      windowAttributes({ kernel: 2, stride: 2 }),
    )
  }
  const input = builder.input('input', type, ['batch', channels, size, size])
  const pooled = layer('conv2', layer('conv1', input, channels, 6, 2), 6, 16, 0)
  const flat = builder.emit('Flatten', [pooled], { axis: 1 })
  const extent = (size / 2 - 4) / 2
  const first = activate(network, activation, dense(network, 'fc1', flat, 16 * extent * extent, 120))
  const second = activate(network, activation, dense(network, 'fc2', first, 120, 84))
  const scores = dense(network, 'fc3', second, 84, classes)
  builder.output(builder.emit('Identity', [scores], {}, 'output'), type, ['batch', classes])
  return builder.build('lenet')
}

import { optionError } from '@induced-metric/core/adapter'
import type { Model } from '../proto/model.js'
import { activate, batchNormalize, convolve, dense, type Window } from './layers.js'
import {
  checkModelOptions,
  checkSizes,
  createNetwork,
  normalOf,
  within,
  type ModelOptions,
  type Network,
} from './network.js'

/** Options of {@link resnet18}. */
export interface Resnet18Options extends ModelOptions {
  /** Default 10. */
  readonly classes?: number
  /** Channels of the images. Default 3. */
  readonly channels?: number
  /** Rows and columns of the images. Default 32. */
  readonly size?: number
  /** Channels of the first stage; the others have 2, 4 and 8 times as many. Default 64. */
  readonly width?: number
  /**
   * Whether batches are normalised by their own statistics, as in a model exported for training (opset 14 or later),
   * or by the running ones. As in exported models, nothing reads the new running statistics. With graph optimisations
   * on, stock builds of the runtime then confuse the two modes at inference. Default `false`.
   */
  readonly training?: boolean
}

/**
 * ResNet-18 for images of 32×32: a first convolution of 3×3 without a pool, then four stages of two blocks. It maps
 * `input` [batch, channels, size, size] to `output` [batch, classes]. Parameters and buffers have torchvision's
 * names: `conv1.weight`, `bn1.weight`, `bn1.running_mean`, `layer1.0.conv1.weight`, `layer2.0.downsample.0.weight`,
 * `fc.weight`. He, Zhang, Ren and Sun, arXiv:1512.03385.
 *
 * @throws ERR_OPTION for options out of their range
 *
 * @example
 * ```ts
 * import { resnet18 } from '@induced-metric/onnxruntime/models'
 *
 * const { graph } = resnet18({ width: 8, seed: 1 })
 * console.log(graph.node.filter(({ opType }) => opType === 'Conv').length) // 20
 * ```
 */
export function resnet18(options: Resnet18Options = {}): Model {
  checkModelOptions('resnet18', options, {
    classes: 'any',
    channels: 'any',
    size: 'any',
    width: 'any',
    training: 'boolean',
  })
  const { classes = 10, channels = 3, size = 32, width = 64, training = false } = options
  checkSizes({ classes, channels, size, width })
  const network = createNetwork(options)
  const { builder, type } = network
  if (training && builder.opset < 14) {
    throw optionError(
      `training needs opset 14 or later, where BatchNormalization has a training mode; opset is ${builder.opset}`,
    )
  }
  const input = builder.input('input', type, ['batch', channels, size, size])
  const stem = normalized(
    network,
    'conv1',
    'bn1',
    input,
    channels,
    width,
    { kernel: 3, padding: 1 },
    training,
  )
  let x = activate(network, 'relu', stem)
  let inputs = width
  for (let stage = 0; stage < 4; stage++) {
    const outputs = width * 2 ** stage
    for (let place = 0; place < 2; place++) {
      const stride = stage > 0 && place === 0 ? 2 : 1
      x = block(within(network, `layer${stage + 1}.${place}`), x, inputs, outputs, stride, training)
      inputs = outputs
    }
  }
  const flat = builder.emit('Flatten', [builder.emit('GlobalAveragePool', [x])], { axis: 1 })
  const scores = dense(network, 'fc', flat, inputs, classes)
  builder.output(builder.emit('Identity', [scores], {}, 'output'), type, ['batch', classes])
  return builder.build('resnet18')
}

/** Two convolutions, whose input is added to their output. */
function block(
  network: Network,
  x: string,
  inputs: number,
  outputs: number,
  stride: number,
  training: boolean,
): string {
  const wide: Window = { kernel: 3, padding: 1, stride }
  const first = normalized(network, 'conv1', 'bn1', x, inputs, outputs, wide, training)
  const between = activate(network, 'relu', first)
  const window = { kernel: 3, padding: 1 }
  const second = normalized(network, 'conv2', 'bn2', between, outputs, outputs, window, training)
  const shortcut =
    stride === 1 && inputs === outputs
      ? x
      : normalized(
          within(network, 'downsample'),
          '0',
          '1',
          x,
          inputs,
          outputs,
          { kernel: 1, stride },
          training,
        )
  return activate(network, 'relu', network.builder.emit('Add', [second, shortcut]))
}

/**
 * A convolution without bias and its normalisation. Weights are drawn for the outputs, as in He and others,
 * arXiv:1502.01852.
 */
function normalized(
  network: Network,
  convolution: string,
  normalization: string,
  x: string,
  inputs: number,
  outputs: number,
  window: Window,
  training: boolean,
): string {
  const draw = normalOf(Math.sqrt(2 / (outputs * window.kernel ** 2)))
  const convolved = convolve(network, convolution, x, inputs, outputs, { ...window, draw, bias: false })
  return batchNormalize(network, normalization, convolved, outputs, training)
}

import { optionError, show, sizeOf } from '@induced-metric/core/adapter'
import type { Model } from '../proto/model.js'
import { activate, checkActivation, dense, type Activation } from './layers.js'
import { checkModelOptions, checkSizes, createNetwork, type ModelOptions } from './network.js'

/** Options of {@link mlp}. */
export interface MlpOptions extends ModelOptions {
  /** Units from the input to the output, at least two numbers. */
  readonly sizes: readonly number[]
  /** The activation after every layer but the last. Default `'relu'`. */
  readonly activation?: Activation
  /** The extents of an example, if it has more than one axis: it is flattened first. Default: `[sizes[0]]`. */
  readonly inputShape?: readonly number[]
  /**
   * An activation after the last layer. Its argument is then called `logits`: losses that apply it themselves, such as
   * `'bce-with-logits'` and `'cross-entropy'`, take `outputNames: ['logits']`. Default: none.
   */
  readonly finalActivation?: Activation | 'softmax'
}

/**
 * A multilayer perceptron, which maps `input` [batch, inputs], or [batch, …inputShape], to `output` [batch, outputs].
 * Parameters: `layers.0.weight` [outputs, inputs], `layers.0.bias`, `layers.1.weight`, ….
 *
 * @throws ERR_OPTION for fewer than two sizes, an `inputShape` of another size than the first, or options out of their
 *   range
 *
 * @example
 * ```ts
 * import { mlp } from '@induced-metric/onnxruntime/models'
 *
 * const { graph } = mlp({ sizes: [784, 64, 10], seed: 1 })
 * console.log(graph.initializer.map(({ name }) => name)) // [ 'layers.0.weight', 'layers.0.bias', … ]
 * ```
 */
export function mlp(given: MlpOptions): Model {
  checkModelOptions('mlp', given, {
    sizes: 'any',
    activation: 'any',
    inputShape: 'any',
    finalActivation: 'any',
  })
  const { sizes, activation = 'relu', inputShape, finalActivation, ...options } = given
  const count = (sizes as MlpOptions['sizes'] | undefined)?.length ?? 0
  if (!(count >= 2)) throw optionError(`sizes has ${count} numbers; a network needs at least two`)
  checkSizes(Object.fromEntries(sizes.map((size, i) => [`sizes[${i}]`, size])))
  const shape = inputShape ?? [sizes[0]!]
  checkInputShape(shape, sizes[0]!)
  checkActivation('activation', activation)
  if (finalActivation !== 'softmax') checkActivation('finalActivation', finalActivation ?? 'relu')
  const network = createNetwork(options)
  const { builder, type } = network
  let x = builder.input('input', type, ['batch', ...shape])
  if (shape.length !== 1) x = builder.emit('Flatten', [x], { axis: 1 })
  for (let i = 1; i < sizes.length; i++) {
    if (i > 1) x = activate(network, activation, x)
    x = dense(network, `layers.${i - 1}`, x, sizes[i - 1]!, sizes[i]!)
  }
  if (finalActivation !== undefined) {
    x = builder.emit('Identity', [x], {}, 'logits')
    x =
      finalActivation === 'softmax'
        ? builder.emit('Softmax', [x], { axis: -1 })
        : activate(network, finalActivation, x)
  }
  builder.output(builder.emit('Identity', [x], {}, 'output'), type, ['batch', sizes.at(-1)!])
  return builder.build('mlp')
}

function checkInputShape(shape: readonly number[], size: number): void {
  if (!Array.isArray(shape)) throw optionError(`inputShape must be a list of extents, given ${show(shape)}`)
  checkSizes(Object.fromEntries(shape.map((extent, i) => [`inputShape[${i}]`, extent])))
  const product = sizeOf(shape)
  if (product === size) return
  throw optionError(`inputShape [${shape.join(', ')}] has ${product} elements, and sizes[0] is ${size}`)
}

import { optionError } from '@induced-metric/core/adapter'
import type { Model } from '../proto/model.js'
import { activate, dense, type Activation } from './layers.js'
import { checkSizes, createNetwork, type ModelOptions } from './network.js'

/** Options of {@link mlp}. */
export interface MlpOptions extends ModelOptions {
  /** Units from the input to the output, at least two numbers. */
  readonly sizes: readonly number[]
  /** The activation after every layer but the last. Default `'relu'`. */
  readonly activation?: Activation
}

/**
 * A multilayer perceptron, which maps `input` [batch, inputs] to `output` [batch, outputs]. Parameters:
 * `layers.0.weight` [outputs, inputs], `layers.0.bias`, `layers.1.weight`, ….
 *
 * @throws ERR_OPTION for fewer than two sizes, or options out of their range
 *
 * @example
 * ```ts
 * import { mlp } from '@induced-metric/onnxruntime/models'
 *
 * const { graph } = mlp({ sizes: [784, 64, 10], seed: 1 })
 * console.log(graph.initializer.map(({ name }) => name)) // [ 'layers.0.weight', 'layers.0.bias', … ]
 * ```
 */
export function mlp({ sizes, activation = 'relu', ...options }: MlpOptions): Model {
  const count = (sizes as MlpOptions['sizes'] | undefined)?.length ?? 0
  if (!(count >= 2)) throw optionError(`sizes has ${count} numbers; a network needs at least two`)
  checkSizes(Object.fromEntries(sizes.map((size, i) => [`sizes[${i}]`, size])))
  const network = createNetwork(options)
  const { builder, type } = network
  let x = builder.input('input', type, ['batch', sizes[0]!])
  for (let i = 1; i < sizes.length; i++) {
    if (i > 1) x = activate(network, activation, x)
    x = dense(network, `layers.${i - 1}`, x, sizes[i - 1]!, sizes[i]!)
  }
  builder.output(builder.emit('Identity', [x], {}, 'output'), type, ['batch', sizes.at(-1)!])
  return builder.build('mlp')
}

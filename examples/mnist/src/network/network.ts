import { truncatedNormal, type Random } from '../random.js'

/** Units from the pixels to the ten digits. */
const LAYERS = [784, 64, 64, 10] as const

/** One array of the network: a weight matrix (inputs × outputs, row after row) or a bias vector. */
export interface NetworkArray {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
}

// A standard normal cut off at ±2 has this standard deviation; dividing by it restores the variance.
const TRUNCATED_DEVIATION = 0.8796256610342398

/**
 * The network before training: LeCun-normal weights (variance one over the number of inputs, cut off at two
 * standard deviations) and zero biases, as `[weight, bias, weight, bias, …]`.
 */
export function initializeNetwork(random: Random, layers: readonly number[] = LAYERS): NetworkArray[] {
  return layers.slice(1).flatMap((outputs, index): NetworkArray[] => {
    const inputs = layers[index]!
    const deviation = Math.sqrt(1 / inputs) / TRUNCATED_DEVIATION
    const weights = new Float32Array(inputs * outputs)
    for (let place = 0; place < weights.length; place++)
      weights[place] = deviation * truncatedNormal(random, 2)
    return [
      { name: `layer${index + 1}/weight`, shape: [inputs, outputs], data: weights },
      { name: `layer${index + 1}/bias`, shape: [outputs], data: new Float32Array(outputs) },
    ]
  })
}

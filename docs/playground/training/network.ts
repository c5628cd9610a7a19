import { jit, nn, numpy as np, valueAndGrad, vmap } from '@jax-js/jax'

/** A parameter of a network: a matrix of weights (outputs × inputs), or a vector of biases. */
export interface Layer {
  readonly inputs: number
  readonly outputs: number
  readonly weights: Float32Array
  readonly biases: Float32Array
}

/** Examples: rows of inputs, and the class of each. */
export interface Examples {
  readonly width: number
  readonly inputs: Float32Array
  readonly labels: Uint8Array
}

/** The loss over some examples, and the share of them that is classified right. */
export interface Score {
  readonly loss: number
  readonly accuracy: number
}

/** The same layers as arrays of jax-js. */
type Arrays = { readonly weights: np.Array; readonly biases: np.Array }[]

/** The scores of the classes, before the softmax: tanh is between the layers. */
function scoresOf(arrays: Arrays, inputs: np.Array): np.Array {
  return arrays.reduce((given, { weights, biases }, index) => {
    const sums = np.dot(given, weights.transpose()).add(biases)
    return index === arrays.length - 1 ? sums : np.tanh(sums)
  }, inputs)
}

/** The mean softmax cross-entropy. Each row of `classes` is 1 at the class of its example. */
function lossOf(arrays: Arrays, inputs: np.Array, classes: np.Array): np.Array {
  const count = inputs.shape[0]!
  return nn
    .logSoftmax(scoresOf(arrays, inputs), -1)
    .mul(classes)
    .sum()
    .mul(-1 / count)
}

const differentiate = jit(valueAndGrad(lossOf))
const score = jit(scoresOf)
const loss = jit(lossOf)
const losses = jit(vmap(lossOf, [0, null, null]))

/** The arrays of one network, or of several after each other. */
function arraysOf(layers: readonly Layer[], networks?: number): Arrays {
  const shape = (own: number[]): number[] => (networks === undefined ? own : [networks, ...own])
  return layers.map(({ inputs, outputs, weights, biases }) => ({
    weights: np.array(weights, { shape: shape([outputs, inputs]) }),
    biases: np.array(biases, { shape: shape([outputs]) }),
  }))
}

/** Some examples as arrays: inputs, and 1 at the class of each. */
function batchOf(
  { width, inputs, labels }: Examples,
  classes: number,
  chosen?: Uint32Array,
): [np.Array, np.Array] {
  const places = chosen ?? Uint32Array.from(labels, (_, i) => i)
  const rows = new Float32Array(places.length * width)
  const hot = new Float32Array(places.length * classes)
  places.forEach((place, row) => {
    rows.set(inputs.subarray(place * width, (place + 1) * width), row * width)
    hot[row * classes + labels[place]!] = 1
  })
  return [
    np.array(rows, { shape: [places.length, width] }),
    np.array(hot, { shape: [places.length, classes] }),
  ]
}

/**
 * A perceptron with the softmax cross-entropy, whose gradients jax-js derives. Its arrays are given, so that they may be an
 * optimiser's own.
 */
export class Network {
  readonly layers: readonly Layer[]
  readonly #gradients: readonly Layer[]

  constructor(layers: readonly Layer[], gradients: readonly Layer[]) {
    this.layers = layers
    this.#gradients = gradients
  }

  get #classes(): number {
    return this.layers.at(-1)!.outputs
  }

  /** The scores of the classes for rows of inputs, before the softmax. */
  forward(inputs: Float32Array): Float32Array {
    const width = this.layers[0]!.inputs
    const rows = np.array(inputs, { shape: [inputs.length / width, width] })
    return score(arraysOf(this.layers), rows).dataSync() as Float32Array
  }

  /** The score over examples; nothing is changed. */
  score(examples: Examples): Score {
    const scores = this.forward(examples.inputs)
    const classes = this.#classes
    const isRight = (label: number, example: number): boolean => {
      const own = scores.subarray(example * classes, (example + 1) * classes)
      return own.every((score, i) => i === label || score < own[label]!)
    }
    return {
      loss: loss(arraysOf(this.layers), ...batchOf(examples, classes)).item(),
      accuracy: examples.labels.filter(isRight).length / examples.labels.length,
    }
  }

  /**
   * The loss over examples with other weights than its own.
   *
   * @param many the arrays of as many networks, each as {@link layers} have them
   */
  lossesWith(many: readonly (readonly Layer[])[], examples: Examples): Float32Array {
    const joined = this.layers.map((layer, index): Layer => {
      const join = (key: 'weights' | 'biases'): Float32Array => {
        const whole = new Float32Array(many.length * layer[key].length)
        many.forEach((layers, i) => whole.set(layers[index]![key], i * layer[key].length))
        return whole
      }
      return { ...layer, weights: join('weights'), biases: join('biases') }
    })
    const batch = batchOf(examples, this.#classes)
    return losses(arraysOf(joined, many.length), ...batch).dataSync() as Float32Array
  }

  /**
   * Writes the gradient of the mean loss over some examples.
   *
   * @param chosen their indices
   * @returns that loss
   */
  differentiate(examples: Examples, chosen: Uint32Array): number {
    const batch = batchOf(examples, this.#classes, chosen)
    const [value, slopes] = differentiate(arraysOf(this.layers), ...batch)
    slopes.forEach(({ weights, biases }, index) => {
      this.#gradients[index]!.weights.set(weights.dataSync() as Float32Array)
      this.#gradients[index]!.biases.set(biases.dataSync() as Float32Array)
    })
    return value.item()
  }
}

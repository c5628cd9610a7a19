/** A parameter of a network: a matrix of weights (outputs × inputs), or a vector of biases. */
export interface Layer {
  readonly inputs: number
  readonly outputs: number
  readonly weights: Float64Array
  readonly biases: Float64Array
}

/** Examples: rows of inputs, and the class of each. */
export interface Examples {
  readonly width: number
  readonly inputs: Float64Array
  readonly labels: Uint8Array
}

/** The loss over some examples, and the share of them that is classified right. */
export interface Score {
  readonly loss: number
  readonly accuracy: number
}

/**
 * A perceptron with tanh between its layers and the softmax cross-entropy behind the last. Its arrays are given, so that they
 * may be an optimiser's own.
 */
export class Network {
  readonly layers: readonly Layer[]
  readonly #gradients: readonly Layer[]
  /** Activations and their derivatives, for one example. */
  readonly #active: readonly Float64Array[]
  readonly #errors: readonly Float64Array[]

  constructor(layers: readonly Layer[], gradients: readonly Layer[]) {
    this.layers = layers
    this.#gradients = gradients
    this.#active = layers.map(({ outputs }) => new Float64Array(outputs))
    this.#errors = layers.map(({ outputs }) => new Float64Array(outputs))
  }

  /** The scores of the classes for an example, before the softmax; valid until the next call. */
  forward(inputs: Float64Array, offset: number): Float64Array {
    let [given, start] = [inputs, offset]
    this.layers.forEach((layer, index) => {
      const own = this.#active[index]!
      const isLast = index === this.layers.length - 1
      for (let row = 0; row < layer.outputs; row++) {
        let sum = layer.biases[row]!
        const at = row * layer.inputs
        for (let i = 0; i < layer.inputs; i++) sum += layer.weights[at + i]! * given[start + i]!
        own[row] = isLast ? sum : Math.tanh(sum)
      }
      ;[given, start] = [own, 0]
    })
    return given
  }

  /** The score over examples; nothing is changed. */
  score({ width, inputs, labels }: Examples): Score {
    let [loss, right] = [0, 0]
    for (let example = 0; example < labels.length; example++) {
      const scores = this.forward(inputs, example * width)
      const label = labels[example]!
      loss += softmaxLoss(scores, label)
      if (scores.every((score, i) => i === label || score < scores[label]!)) right++
    }
    return { loss: loss / labels.length, accuracy: right / labels.length }
  }

  /**
   * Writes the gradient of the mean loss over some examples.
   *
   * @param chosen their indices
   * @returns that loss
   */
  differentiate(examples: Examples, chosen: Uint32Array): number {
    for (const { weights, biases } of this.#gradients) {
      weights.fill(0)
      biases.fill(0)
    }
    let loss = 0
    for (const example of chosen) {
      const offset = example * examples.width
      const scores = this.forward(examples.inputs, offset)
      loss += softmaxLoss(scores, examples.labels[example]!)
      this.#backward(examples.inputs, offset, examples.labels[example]!, 1 / chosen.length)
    }
    return loss / chosen.length
  }

  #backward(inputs: Float64Array, offset: number, label: number, weight: number): void {
    const last = this.layers.length - 1
    const scores = this.#active[last]!
    const top = scores.reduce((a, b) => Math.max(a, b))
    const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0)
    const errors = this.#errors[last]!
    scores.forEach((score, i) => {
      errors[i] = weight * (Math.exp(score - top) / total - (i === label ? 1 : 0))
    })
    for (let index = last; index >= 0; index--) this.#backwardThrough(index, inputs, offset)
  }

  #backwardThrough(index: number, inputs: Float64Array, offset: number): void {
    const layer = this.layers[index]!
    const gradient = this.#gradients[index]!
    const errors = this.#errors[index]!
    const [given, start] = index === 0 ? [inputs, offset] : [this.#active[index - 1]!, 0]
    const below = index === 0 ? undefined : this.#errors[index - 1]!
    below?.fill(0)
    for (let row = 0; row < layer.outputs; row++) {
      const error = errors[row]!
      const at = row * layer.inputs
      gradient.biases[row]! += error
      for (let i = 0; i < layer.inputs; i++) {
        gradient.weights[at + i]! += error * given[start + i]!
        if (below) below[i]! += error * layer.weights[at + i]!
      }
    }
    if (below) for (let i = 0; i < below.length; i++) below[i]! *= 1 - given[i]! ** 2
  }
}

function softmaxLoss(scores: Float64Array, label: number): number {
  const top = scores.reduce((a, b) => Math.max(a, b))
  return top + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0)) - scores[label]!
}

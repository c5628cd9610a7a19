import { withGroups } from '@induced-metric/core/adapter'
import { gatherRows, halfSquares } from '../gradients/arithmetic.js'
import type { Attachment, Settings } from './attachment.js'
import { createHooks } from '../hooks.js'
import type { Equation, Matrix, Numbers, RecurrentNetwork, Sequence } from '../network.js'
import { createTape } from '../gradients/tape.js'
import type { Tensor } from '../parameter.js'
import { createTraining } from '../batches.js'

/** A matrix of a recurrent network as a tensor. */
export type MatrixTensor = Omit<Tensor, 'rows' | 'get' | 'set' | 'setGradient'> & { readonly matrix: Matrix }

/** What is told of a recurrent network: its matrices, and the loss of the sequence it has just been run over. */
export interface Description {
  readonly matrices: (network: RecurrentNetwork) => readonly MatrixTensor[]
  readonly loss: (network: RecurrentNetwork, sequence: Sequence) => number | undefined
}

/** The six recurrent classes of brain.js. */
const described: Description = { matrices: matricesOf, loss: lossOf }

/** Attaches to an `RNN`, `LSTM` or `GRU`, or one of their time-step forms. */
export function attachRecurrent(
  network: RecurrentNetwork,
  settings: Settings,
  { matrices, loss }: Description = described,
): Attachment {
  const { transformation, batchSize, exactGradients, groupOf } = settings
  const hooks = createHooks(network)
  const tape = createTape()
  let sequence: Sequence = []
  let trained: readonly Matrix[] = []
  /** The loss of what was propagated back last: another sequence may be run before the weights are adjusted. */
  let told: { readonly loss: number | undefined } | undefined

  const training = createTraining(
    transformation,
    {
      holder: () => network.model,
      tensors() {
        if (!network.model || network.model.isInitialized === false) return undefined
        const found = matrices(network)
        trained = found.map(({ matrix }) => matrix)
        return withGroups(
          found.map((tensor) => tensorOf(tensor, batchSize === 1)),
          groupOf,
        )
      },
      gradients(own, isFirst, weight) {
        // One sequence at a time, the network's deltas lie on the optimiser's memory themselves.
        if (batchSize === 1) return trained.map(({ deltas }) => deltas as Float32Array)
        trained.forEach(({ deltas }, index) => gatherRows(own[index]!, [deltas], weight, isFirst))
        return own
      },
    },
    batchSize,
  )

  hooks.replace('trainPattern', (stock) => (input, logErrorRate) => {
    sequence = input
    return stock().call(network, input, logErrorRate)
  })
  hooks.replace('backpropagate', (stock) => (input) => {
    if (input !== undefined) sequence = input
    if (exactGradients) {
      const { allMatrices } = network.model!
      tape.run(equationsOf(network, sequence), allMatrices, network.initialLayerInputs)
    } else stock().call(network, input)
    told = { loss: loss(network, sequence) }
  })
  hooks.replace('adjustWeights', () => () => {
    const known = told ?? { loss: loss(network, sequence) }
    told = undefined
    training.add(known.loss)
  })
  if (batchSize > 1) {
    hooks.replace('train', (stock) => (data, options) => {
      let epoch = data.length
      let count = 0
      const inner = createHooks(network)
      // The time-step classes may make fewer sequences of the data than it has elements.
      inner.replace('formatData', (stock) => (given) => {
        const formatted = stock().call(network, given)
        epoch = formatted.length
        return formatted
      })
      inner.replace('trainPattern', (stock) => (input, logErrorRate) => {
        const error = stock().call(network, input, logErrorRate)
        if (++count % epoch === 0) training.flush()
        return error
      })
      try {
        return stock().call(network, data, options)
      } finally {
        inner.release()
      }
    })
  }

  return {
    training,
    detach() {
      try {
        training.release()
      } finally {
        hooks.release()
      }
    },
  }
}

function tensorOf({ matrix, ...info }: MatrixTensor, seatsDeltas: boolean): Tensor {
  return {
    ...info,
    rows: 1,
    get: () => matrix.weights,
    set: (_, array) => (matrix.weights = array),
    ...(seatsDeltas && {
      setGradient(array: Float32Array) {
        // The gradient of the very first sequence is there already.
        const { deltas } = matrix as { deltas: Numbers | null }
        if (deltas === null) return
        // Views of a memory that has since grown have no elements; what they showed is still there.
        if (deltas.length === array.length) array.set(deltas)
        matrix.deltas = array
      },
    }),
  }
}

function matricesOf({ model }: RecurrentNetwork): MatrixTensor[] {
  const { input, hiddenLayers, outputConnector, output } = model!
  const tensors: MatrixTensor[] = []
  const add = (name: string, matrix: Matrix): void => {
    // A single column is a vector, as biases are, to what treats matrices in a way of their own.
    const { rows, columns } = matrix
    tensors.push({ name, shape: columns === 1 ? [rows] : [rows, columns], matrix })
  }
  if (input) add('input', input)
  hiddenLayers.forEach((layer, index) => {
    for (const [name, matrix] of Object.entries(layer)) add(`hiddenLayers.${index}.${name}`, matrix)
  })
  add('outputConnector', outputConnector)
  add('output', output)
  return tensors
}

/** The equations that a sequence went through. */
function equationsOf(network: RecurrentNetwork, sequence: Sequence): Equation[] {
  return network.model!.equations.slice(0, placesOf(network, sequence))
}

function placesOf(network: RecurrentNetwork, sequence: Sequence): number {
  if ('input' in sequence) return sequence.input.length + sequence.output.length - 1
  // Tokens have a start before them, and their last predicts the end; values only predict one another.
  return isTimeStep(network) ? Math.max(sequence.length - 1, 0) : sequence.length + 1
}

function isTimeStep({ forecast }: RecurrentNetwork): boolean {
  return forecast !== undefined
}

/** The loss that is differentiated: Σ −ln p of the tokens that followed, or ½ Σ error² of the values. */
function lossOf(network: RecurrentNetwork, sequence: Sequence): number {
  let loss = 0
  equationsOf(network, sequence).forEach(({ states }, place) => {
    const { weights, deltas } = states.at(-1)!.product!
    if (isTimeStep(network)) loss += halfSquares(deltas)
    else {
      const tokens = sequence as ArrayLike<number>
      loss += surprise(weights, place < tokens.length ? tokens[place]! + 1 : 0)
    }
  })
  return loss
}

/** −ln of the probability that the softmax of `logits` gives to `target`. */
function surprise(logits: Numbers, target: number): number {
  let largest = -Infinity
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i]!)
  let sum = 0
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - largest)
  return Math.log(sum) + largest - logits[target]!
}

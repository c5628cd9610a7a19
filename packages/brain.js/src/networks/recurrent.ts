import type { ParameterInfo } from '@induced-metric/core'
import { withGroups, type AdoptableParameter } from '@induced-metric/core/adapter'
import { Batches, type GradientSource } from '../batches.js'
import { gatherRows, halfSquares } from '../gradients/arithmetic.js'
import { createTape } from '../gradients/tape.js'
import { createHooks } from '../hooks.js'
import type { Equation, Matrix, Numbers, RecurrentNetwork, Sequence } from '../network.js'
import type { Attachment, Settings } from './attachment.js'

/** A matrix of a recurrent network as a parameter. */
export type MatrixParameter = ParameterInfo & { readonly matrix: Matrix }

/** Describes recurrent networks: their matrices, and the loss of the sequence that was run last. */
export interface Description {
  readonly matrices: (network: RecurrentNetwork) => readonly MatrixParameter[]
  readonly loss: (network: RecurrentNetwork, sequence: Sequence) => number | undefined
}

/** The six recurrent classes of brain.js. */
const brainClasses: Description = { matrices: matricesOf, loss: lossOf }

/** Attaches to an `RNN`, `LSTM` or `GRU`, or one of their time-step forms. */
export function attachRecurrent(
  network: RecurrentNetwork,
  settings: Settings,
  { matrices, loss }: Description = brainClasses,
): Attachment {
  const { transformation, batchSize, exactGradients } = settings
  const hooks = createHooks(network)
  const tape = createTape()
  const batches = new Batches(transformation, recurrentSource(network, settings, matrices), batchSize)
  let sequence: Sequence = []
  /** The loss of the sequence that was propagated back: another may be run before the weights are adjusted. */
  let propagated: { readonly loss: number | undefined } | undefined
  /** The number of sequences in an epoch of `train`, and how many it has trained on. 0 outside of `train`. */
  let [epoch, trained] = [0, 0]

  hooks.replace('trainPattern', (stock) => (input, logErrorRate) => {
    sequence = input
    const error = stock().call(network, input, logErrorRate)
    if (epoch > 0 && ++trained % epoch === 0) batches.flush()
    return error
  })
  hooks.replace('backpropagate', (stock) => (input) => {
    if (input !== undefined) sequence = input
    if (exactGradients) {
      const { allMatrices } = network.model!
      tape.run(equationsOf(network, sequence), allMatrices, network.initialLayerInputs)
    } else stock().call(network, input)
    propagated = { loss: loss(network, sequence) }
  })
  hooks.replace('adjustWeights', () => () => {
    const known = propagated ?? { loss: loss(network, sequence) }
    propagated = undefined
    batches.add(known.loss)
  })
  if (batchSize > 1) {
    hooks.replace('train', (stock) => (data, options) => {
      epoch = data.length
      trained = 0
      try {
        return stock().call(network, data, options)
      } finally {
        epoch = 0
      }
    })
    // The time-step classes may make fewer sequences of the data than it has elements.
    hooks.replace('formatData', (stock) => (given) => {
      const formatted = stock().call(network, given)
      if (epoch > 0) epoch = formatted.length
      return formatted
    })
  }
  return { batches, hooks }
}

function recurrentSource(
  network: RecurrentNetwork,
  { batchSize, groupOf }: Settings,
  matrices: Description['matrices'],
): GradientSource {
  let trained: readonly Matrix[] = []
  // If a batch is one sequence, the network's deltas are in the optimiser's memory themselves.
  const adoptsDeltas = batchSize === 1
  return {
    owner: () => network.model,
    parameters() {
      if (!network.model || network.model.isInitialized === false) return undefined
      const found = matrices(network)
      trained = found.map(({ matrix }) => matrix)
      return withGroups(
        found.map((parameter) => parameterOf(parameter, adoptsDeltas)),
        groupOf,
      )
    },
    gradients(own, isFirst, weight) {
      if (adoptsDeltas) return trained.map(({ deltas }) => deltas as Float32Array)
      trained.forEach(({ deltas }, index) => gatherRows(own[index]!, [deltas], weight, isFirst))
      return own
    },
  }
}

function parameterOf({ matrix, ...info }: MatrixParameter, adoptsDeltas: boolean): AdoptableParameter {
  return {
    ...info,
    rows: 1,
    get: () => matrix.weights,
    set: (_, array) => (matrix.weights = array),
    ...(adoptsDeltas && {
      setGradient(array: Float32Array) {
        // The gradient of the very first sequence is there already.
        const { deltas } = matrix as { deltas: Numbers | null }
        if (deltas === null) return
        // Old views have no elements after the memory has grown. Their values are in the new ones already.
        if (deltas.length === array.length) array.set(deltas)
        matrix.deltas = array
      },
    }),
  }
}

function matricesOf({ model }: RecurrentNetwork): MatrixParameter[] {
  const { input, hiddenLayers, outputConnector, output } = model!
  const named: [name: string, matrix: Matrix][] = hiddenLayers.flatMap((layer, index) =>
    Object.entries(layer).map(([name, matrix]): [string, Matrix] => [
      `hiddenLayers.${index}.${name}`,
      matrix,
    ]),
  )
  if (input) named.unshift(['input', input])
  named.push(['outputConnector', outputConnector], ['output', output])
  return named.map(([name, matrix]) => {
    const { rows, columns } = matrix
    // A single column is a vector, as biases are: some bases treat matrices differently.
    return { name, shape: columns === 1 ? [rows] : [rows, columns], matrix }
  })
}

/** The equations that took part in a sequence. */
function equationsOf(network: RecurrentNetwork, sequence: Sequence): Equation[] {
  return network.model!.equations.slice(0, placesOf(network, sequence))
}

function placesOf(network: RecurrentNetwork, sequence: Sequence): number {
  if ('input' in sequence) return sequence.input.length + sequence.output.length - 1
  // A start precedes the tokens, and the last token predicts the end; values only predict one another.
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

/** −ln of the probability of `target` under the softmax of `logits`. */
function surprise(logits: Numbers, target: number): number {
  let largest = -Infinity
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i]!)
  let sum = 0
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - largest)
  return Math.log(sum) + largest - logits[target]!
}

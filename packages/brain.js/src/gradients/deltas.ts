import { shapeError } from '@induced-metric/core/adapter'
import type { DenseNetwork, Numbers } from '../network.js'

type CalculateDeltas = NonNullable<DenseNetwork['calculateDeltas']>

/** The stock methods that propagate errors back, down to deltas of the inputs, which nothing reads. */
const stockNames = [
  '_calculateDeltasSigmoid',
  '_calculateDeltasRelu',
  '_calculateDeltasLeakyRelu',
  '_calculateDeltasTanh',
] as const

/**
 * Returns a network's `calculateDeltas` without its superfluous and its wrong parts: the deltas of the input layer, which are
 * half of the work, and those of a leaky-relu that is differentiated as another one. A method that is not brain.js's own is
 * called as it is.
 *
 * @param isExact whether the wrong leaky-relu is corrected
 */
export function deltasOf(
  network: DenseNetwork,
  stock: () => DenseNetwork['calculateDeltas'],
  isExact: boolean,
): CalculateDeltas {
  let known: CalculateDeltas | undefined
  let options: DenseNetwork['trainOpts'] | undefined
  let isStock = false
  let isWrong = false
  return (target) => {
    checkTarget(network, target)
    const calculate = stock()!
    // A training that asks for another activation replaces one of the two: 2.x its options, 1.6.1 the method.
    if (calculate !== known || network.trainOpts !== options) {
      known = calculate
      options = network.trainOpts
      const methods = network as unknown as Readonly<Record<string, unknown>>
      isStock = stockNames.some((name) => methods[name] === calculate)
      isWrong = isExact && isWrongLeakyRelu(network, calculate)
    }
    if (isWrong) propagateLeakyRelu(network, target)
    else if (isStock) withoutInputs(network, calculate, target)
    else calculate.call(network, target)
  }
}

/** Throws ERR_SHAPE for a pattern whose output lacks numbers: brain.js would read past its end, and compute NaN. */
function checkTarget({ outputLayer, sizes }: DenseNetwork, target: Numbers): void {
  const size = sizes![outputLayer!]!
  if (target.length >= size) return
  throw shapeError(
    `the output of a pattern must have ${size} numbers, as the network's output layer has, given ${target.length}`,
  )
}

/** Makes the network believe that it has no inputs: its loops then leave out their layer. */
function withoutInputs(network: DenseNetwork, calculate: CalculateDeltas, target: Numbers): void {
  const sizes = network.sizes!
  const inputs = sizes[0]!
  sizes[0] = 0
  try {
    calculate.call(network, target)
  } finally {
    sizes[0] = inputs
  }
}

/**
 * Whether the network has brain.js's other leaky-relu, which is α·z for z > 0 and 0 below, but is differentiated as 1 and
 * α: that of 1.6.1, and of `NeuralNetworkGPU` in either version, where α is always 0.01.
 */
function isWrongLeakyRelu(network: DenseNetwork, calculate: CalculateDeltas): boolean {
  // 1.6.1 has the activation on the network, 2.x in the options.
  const { activation } = network.trainOpts
  if ((activation ?? network.activation) !== 'leaky-relu') return false
  return (
    network.gpu !== undefined || (activation === undefined && calculate === network._calculateDeltasLeakyRelu)
  )
}

function propagateLeakyRelu(network: DenseNetwork, target: Numbers): void {
  const slope = network.gpu === undefined ? network.leakyReluAlpha! : 0.01
  const last = network.outputLayer!
  for (let layer = last; layer >= 1; layer--) {
    const outputs = network.outputs[layer]!
    const errors = network.errors[layer]!
    const deltas = network.deltas[layer]!
    if (layer === last) {
      for (let node = 0; node < outputs.length; node++) errors[node] = target[node]! - outputs[node]!
    } else {
      const above = network.deltas[layer + 1]!
      const weights = network.weights![layer + 1]!
      for (let node = 0; node < outputs.length; node++) {
        let error = 0
        for (let k = 0; k < above.length; k++) error += above[k]! * weights[k]![node]!
        errors[node] = error
      }
    }
    for (let node = 0; node < outputs.length; node++)
      deltas[node] = outputs[node]! > 0 ? slope * errors[node]! : 0
  }
}

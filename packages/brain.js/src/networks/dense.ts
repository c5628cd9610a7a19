import { unsupported, withGroups, type AdoptableParameter, type GroupOf } from '@induced-metric/core/adapter'
import { Batches, type GradientSource, type NetworkParameters } from '../batches.js'
import { halfSquares, outerProduct } from '../gradients/arithmetic.js'
import { deltasOf } from '../gradients/deltas.js'
import { createHooks } from '../hooks.js'
import type { DenseNetwork, Numbers } from '../network.js'
import { repeatByTurns, warn } from '../platform.js'
import type { Attachment, Settings } from './attachment.js'
import { flushAfterStream } from './trainStream.js'

/** Attaches to a `NeuralNetwork`, or a `NeuralNetworkGPU` that computes on the CPU. */
export function attachDense(network: DenseNetwork, settings: Settings): Attachment {
  const { transformation, batchSize, groupOf } = settings
  refuseGpu(network)
  const isGpuClass = network.gpu !== undefined
  const hooks = createHooks(network)
  const batches = new Batches(transformation, denseSource(network, groupOf), batchSize)
  const warnOfAdam = createAdamWarning(network)
  warnOfAdam()

  hooks.replace(
    'adjustWeights',
    () => () => {
      const errors = network.errors[network.outputLayer!]!
      if (isGpuClass) checkArrays(network, errors)
      batches.add(halfSquares(errors))
    },
    (assigned) => warnOfAdam(assigned === network._adjustWeightsAdam),
  )
  hooks.replace('calculateDeltas', (stock) => deltasOf(network, stock, settings.exactGradients))
  if (batchSize > 1) flushAfterStream(network, hooks, batches)
  const epoch = <T>(body: () => T): T => {
    warnOfAdam()
    return batches.epoch(body)
  }
  hooks.replace('calculateTrainingError', (stock) => (data) => epoch(() => stock().call(network, data)))
  hooks.replace('trainPatterns', (stock) => (data) => epoch(() => stock().call(network, data)))
  // The stock method is broken in 1.6.1; in 2.x an error in the middle of a training ends the process.
  hooks.replace('trainAsync', () => async (data, options = {}) => {
    const { preparedData, data: prepared, status, endTime } = network.prepTraining(data, options)
    await repeatByTurns(() => network.trainingTick((preparedData ?? prepared)!, status, endTime))
    return status
  })
  hooks.onRelease(() => forgetCopies(network))
  return { batches, hooks }
}

/** The weights, biases and gradients of a dense network. */
export function denseSource(network: DenseNetwork, groupOf?: GroupOf): GradientSource {
  return {
    owner: () => network.weights,
    parameters(): NetworkParameters {
      const { sizes, outputLayer, weights, biases } = network
      const isInitialized = sizes && weights && biases && outputLayer! > 0 && weights.length > outputLayer!
      return isInitialized ? withGroups(parametersOf(network), groupOf) : undefined
    },
    gradients(own, isFirst, weight) {
      const { outputLayer, deltas, outputs } = network
      for (let layer = 1; layer <= outputLayer!; layer++) {
        const inputs = outputs[layer - 1]!
        outerProduct(own[2 * layer - 2]!, own[2 * layer - 1]!, deltas[layer]!, inputs, -weight, isFirst)
      }
      return own
    },
  }
}

function parametersOf(network: DenseNetwork): AdoptableParameter[] {
  const parameters: AdoptableParameter[] = []
  for (let layer = 1; layer <= network.outputLayer!; layer++) {
    const rows = network.sizes![layer]!
    parameters.push(
      {
        name: `weights.${layer}`,
        shape: [rows, network.sizes![layer - 1]!],
        rows,
        get: (row) => network.weights?.[layer]?.[row],
        set: (row, array) => (network.weights![layer]![row] = array),
      },
      {
        name: `biases.${layer}`,
        shape: [rows],
        rows: 1,
        get: () => network.biases?.[layer],
        set: (_, array) => (network.biases![layer] = array),
      },
    )
  }
  return parameters
}

/** The modes of gpu.js whose arrays are plain ones. */
const hostModes = new Set(['cpu', 'webasm', 'dev'])

function refuseGpu({ gpu }: DenseNetwork): void {
  const mode = gpu?.mode ?? gpu?.getMode?.()
  if (mode === undefined || hostModes.has(mode)) return
  throw unsupported(
    `this NeuralNetworkGPU computes on a GPU (mode ${JSON.stringify(mode)}), where its weights cannot be reached: make it ` +
      "with { mode: 'cpu' }, or use NeuralNetwork",
  )
}

function checkArrays(network: DenseNetwork, errors: Numbers): void {
  if (!(errors instanceof Float32Array)) {
    throw unsupported(
      "this NeuralNetworkGPU keeps its values on a GPU: make it with { mode: 'cpu' }, or use NeuralNetwork",
    )
  }
  const [inputs, hidden] = network.sizes as [number, number]
  if (network.outputs[0]!.length >= inputs) return
  throw unsupported(
    `NeuralNetworkGPU.train cuts its inputs to the size of the first layer behind them, here ${inputs} to ${hidden}, and ` +
      'computes NaN: make that layer at least as large as the input, or use NeuralNetwork',
  )
}

/** Returns a function that warns, the first time, if brain.js's own Adam is asked for as well. */
function createAdamWarning(network: DenseNetwork): (isAdam?: boolean) => void {
  let hasWarned = false
  return (isAdam = network.trainOpts.praxis === 'adam') => {
    if (!isAdam || hasWarned) return
    hasWarned = true
    warn(
      "praxis: 'adam' has no effect on this network: the optimiser it was given with useOptimizer trains it",
    )
  }
}

/** Empties the copies of the weights from which the own update of 1.6.1's NeuralNetworkGPU would go on. */
function forgetCopies(network: DenseNetwork): void {
  for (const name of ['weightsCopies', 'biasCopies', 'changesCopies'] as const) {
    if (network[name]) network[name] = []
  }
}

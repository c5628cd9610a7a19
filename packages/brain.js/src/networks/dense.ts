import { InducedMetricError } from '@induced-metric/core'
import { withGroups } from '@induced-metric/core/adapter'
import type { Attachment, Settings } from './attachment.js'
import { halfSquares, outerProduct } from '../gradients/arithmetic.js'
import { deltasOf } from '../gradients/deltas.js'
import { createHooks } from '../hooks.js'
import type { DenseNetwork, Numbers } from '../network.js'
import { turn, warn } from '../platform.js'
import { watchStream } from './trainStream.js'
import type { Tensor } from '../parameter.js'
import { createTraining } from '../batches.js'

/** Attaches to a `NeuralNetwork`, or a `NeuralNetworkGPU` that computes on the CPU. */
export function attachDense(network: DenseNetwork, settings: Settings): Attachment {
  const { transformation, batchSize } = settings
  refuseGpu(network)
  const isGpuClass = network.gpu !== undefined
  const hooks = createHooks(network)
  const training = createTraining(
    transformation,
    {
      holder: () => network.weights,
      tensors: () =>
        isInitialized(network) ? withGroups(denseTensors(network), settings.groupOf) : undefined,
      gradients(own, isFirst, weight) {
        const { outputLayer, deltas, outputs } = network
        for (let layer = 1; layer <= outputLayer!; layer++) {
          const inputs = outputs[layer - 1]!
          outerProduct(own[2 * layer - 2]!, own[2 * layer - 1]!, deltas[layer]!, inputs, -weight, isFirst)
        }
        return own
      },
    },
    batchSize,
  )
  const praxis = watchPraxis(network)

  hooks.replace(
    'adjustWeights',
    () => () => {
      const errors = network.errors[network.outputLayer!]!
      if (isGpuClass) checkArrays(network, errors)
      training.add(halfSquares(errors))
    },
    (assigned) => assigned === network._adjustWeightsAdam && praxis.warn(),
  )
  hooks.replace('calculateDeltas', (stock) => deltasOf(network, stock, settings.exactGradients))
  const stream = batchSize > 1 ? watchStream(network, hooks, () => training.flush()) : undefined
  const epoch = <T>(body: () => T): T => {
    praxis.check()
    return training.epoch(stream ? () => stream.pause(body) : body)
  }
  hooks.replace('calculateTrainingError', (stock) => (data) => epoch(() => stock().call(network, data)))
  hooks.replace('trainPatterns', (stock) => (data) => epoch(() => stock().call(network, data)))
  // The stock one is broken in 1.6.1; in 2.x an error in the middle of a training ends the process.
  hooks.replace('trainAsync', () => async (data, options = {}) => {
    const { preparedData, data: prepared, status, endTime } = network.prepTraining(data, options)
    await turn()
    while (network.trainingTick((preparedData ?? prepared)!, status, endTime)) await turn()
    return status
  })

  return {
    training,
    detach() {
      try {
        training.release()
      } finally {
        hooks.release()
        forgetCopies(network)
      }
    },
  }
}

/** Whether a network has weights. */
export function isInitialized({ sizes, outputLayer, weights, biases }: DenseNetwork): boolean {
  return Boolean(sizes && weights && biases && outputLayer! > 0 && weights.length > outputLayer!)
}

/** The weights and biases of a network, by layer. */
export function denseTensors(network: DenseNetwork): Tensor[] {
  const tensors: Tensor[] = []
  for (let layer = 1; layer <= network.outputLayer!; layer++) {
    const rows = network.sizes![layer]!
    tensors.push(
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
  return tensors
}

/** Backends of gpu.js whose arrays are plain ones. */
const hostModes = new Set(['cpu', 'webasm', 'dev'])

function refuseGpu({ gpu }: DenseNetwork): void {
  if (gpu === undefined) return
  const mode = gpu.mode ?? gpu.getMode?.()
  if (mode === undefined || hostModes.has(mode)) return
  throw new InducedMetricError(
    'ERR_NOT_SUPPORTED',
    `this NeuralNetworkGPU computes on a GPU (mode ${JSON.stringify(mode)}), where its weights cannot be reached: make it ` +
      "with { mode: 'cpu' }, or use NeuralNetwork",
  )
}

function checkArrays(network: DenseNetwork, errors: Numbers): void {
  if (!(errors instanceof Float32Array)) {
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      "this NeuralNetworkGPU keeps its values on a GPU: make it with { mode: 'cpu' }, or use NeuralNetwork",
    )
  }
  const [inputs, hidden] = network.sizes as [number, number]
  if (network.outputs[0]!.length >= inputs) return
  throw new InducedMetricError(
    'ERR_NOT_SUPPORTED',
    `NeuralNetworkGPU.train cuts its inputs to the size of the first layer behind them, here ${inputs} to ${hidden}, and ` +
      'computes NaN: make that layer at least as large as the input, or use NeuralNetwork',
  )
}

/** Tells once that another optimiser was asked for as well. */
function watchPraxis(network: DenseNetwork): { warn(): void; check(): void } {
  let isTold = false
  const tell = (): void => {
    if (isTold) return
    isTold = true
    warn(
      "praxis: 'adam' has no effect on this network: the optimiser it was given with useOptimizer trains it",
    )
  }
  const check = (): void => {
    if (network.trainOpts.praxis === 'adam') tell()
  }
  check()
  return { warn: tell, check }
}

/** In 1.6.1, NeuralNetworkGPU's own update goes on from copies it made before, if there are any. */
function forgetCopies(network: DenseNetwork): void {
  if (network.weightsCopies) network.weightsCopies = []
  if (network.biasCopies) network.biasCopies = []
  if (network.changesCopies) network.changesCopies = []
}

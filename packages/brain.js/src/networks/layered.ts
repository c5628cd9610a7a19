import { InducedMetricError } from '@induced-metric/core'
import { withGroups } from '@induced-metric/core/adapter'
import { gatherRows, halfSquares } from '../gradients/arithmetic.js'
import type { Attachment, Settings } from './attachment.js'
import { createHooks } from '../hooks.js'
import type { Layer, LayeredNetwork, Numbers } from '../network.js'
import { turn } from '../platform.js'
import type { Tensor } from '../parameter.js'
import { createTraining } from '../batches.js'

/** Attaches to a `FeedForward` network (2.x). */
export function attachLayered(network: LayeredNetwork, settings: Settings): Attachment {
  const hooks = createHooks(network)
  const training = createTraining(
    settings.transformation,
    {
      holder: () => network._model,
      tensors: () => (network._model ? withGroups(layeredTensors(network), settings.groupOf) : undefined),
      gradients(own, isFirst, weight) {
        network._model!.forEach(({ deltas }, index) => {
          gatherRows(own[index]!, deltas, weight, isFirst)
          // The layer adds up until it is given other weights, which ours never are.
          for (const row of deltas) row.fill(0)
        })
        return own
      },
    },
    settings.batchSize,
  )

  const repair = createTargetRepair()
  /** The loss of what was propagated back since the weights were adjusted; of two patterns the deltas are no sum, nor known. */
  let told: { readonly loss: number | undefined } | undefined
  hooks.replace('_calculateDeltas', (stock) => (target) => {
    if (settings.exactGradients) repair.apply(network._outputLayer!)
    stock().call(network, target)
    const { errors = [] } = network._outputLayer!
    told = { loss: told ? undefined : errors.reduce((sum, row) => sum + halfSquares(row), 0) }
  })
  hooks.replace('adjustWeights', () => () => {
    const output = network._outputLayer!
    if (!isTarget(output)) {
      throw new InducedMetricError(
        'ERR_NOT_SUPPORTED',
        'the last layer must be layer.target() or layer.output(): the loss of others is not known',
      )
    }
    const { loss } = told ?? {}
    told = undefined
    training.add(loss)
  })
  hooks.replace('_calculateTrainingError', (stock) => (data) => {
    const error = stock().call(network, data)
    training.flush()
    return error
  })
  hooks.replace('_trainPatterns', (stock) => (data) => {
    stock().call(network, data)
    training.flush()
  })
  // In the stock one an error in the middle of a training ends the process.
  hooks.replace('trainAsync', () => async (data, options = {}) => {
    const { preparedData, status, endTime } = network._prepTraining(data, options)
    const calculateError = (): number => network._calculateTrainingError(preparedData!)
    const trainPatterns = (): void => network._trainPatterns(preparedData!)
    await turn()
    while (network._trainingTick(status, endTime, calculateError, trainPatterns)) await turn()
    return status
  })

  return {
    training,
    detach() {
      try {
        training.release()
      } finally {
        hooks.release()
        repair.undo()
      }
    },
  }
}

function layeredTensors({ layers, _model: model }: LayeredNetwork): Tensor[] {
  return model!.map((layer): Tensor => {
    if (!isMatrix(layer)) {
      throw new InducedMetricError(
        'ERR_NOT_SUPPORTED',
        `the trained layer ${layer.settings.id ?? layers!.indexOf(layer)} is no matrix of single precision in this ` +
          "process's memory: layers with a depth, or on a GPU, cannot be trained by this adapter",
      )
    }
    const { width, height } = layer
    return {
      name: `layers.${layers!.indexOf(layer)}`,
      shape: width === 1 ? [height] : [height, width],
      rows: height,
      get: (row) => layer.weights[row],
      set: (row, array) => (layer.weights[row] = array),
    }
  })
}

/** Whether a layer only compares with the target, as opposed to what computes something of its own first. */
function isTarget({ errors, predictKernel }: Layer): boolean {
  return errors !== undefined && (predictKernel ?? null) === null
}

/** The target layer of a network with several outputs compares all of them with the first number of the target. */
function createTargetRepair(): { apply(layer: Layer): void; undo(): void } {
  let repaired: Layer | undefined
  let stock: Layer['compareKernel']
  const compare = (outputs: readonly Numbers[], target: Numbers): Numbers[] =>
    outputs.map((row, index) => Float32Array.of(row[0]! - target[index]!))
  return {
    apply(layer) {
      if (layer.compareKernel === compare || !isTarget(layer) || layer.width !== 1 || layer.height === 1)
        return
      repaired = layer
      stock = layer.compareKernel
      layer.compareKernel = compare
    },
    undo() {
      if (repaired?.compareKernel === compare) repaired.compareKernel = stock
    },
  }
}

function isMatrix({ weights, height, width }: Layer): boolean {
  return (
    Array.isArray(weights) &&
    weights.length === height &&
    weights.every((row) => (row instanceof Float32Array || Array.isArray(row)) && row.length === width)
  )
}

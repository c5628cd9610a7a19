import { unsupported, withGroups, type AdoptableParameter } from '@induced-metric/core/adapter'
import { Batches } from '../batches.js'
import { gatherRows, halfSquares } from '../gradients/arithmetic.js'
import { createHooks, type Hooks } from '../hooks.js'
import type { Layer, LayeredNetwork, Numbers } from '../network.js'
import { repeatByTurns } from '../platform.js'
import type { Attachment, Settings } from './attachment.js'

/** Attaches to a `FeedForward` network (2.x). */
export function attachLayered(network: LayeredNetwork, settings: Settings): Attachment {
  const hooks = createHooks(network)
  const batches = new Batches(
    settings.transformation,
    {
      owner: () => network._model,
      parameters: () => (network._model ? withGroups(parametersOf(network), settings.groupOf) : undefined),
      gradients(own, isFirst, weight) {
        network._model!.forEach(({ deltas }, index) => {
          gatherRows(own[index]!, deltas, weight, isFirst)
          // The layer adds up until its weights are replaced, and ours never are.
          for (const row of deltas) row.fill(0)
        })
        return own
      },
    },
    settings.batchSize,
  )

  const repairTarget = createTargetRepair(hooks)
  /**
   * The loss of the pattern that was propagated back since the weights were adjusted. If there were two, their loss is not
   * known: the deltas are no sum.
   */
  let propagated: { readonly loss: number | undefined } | undefined
  hooks.replace('_calculateDeltas', (stock) => (target) => {
    if (settings.exactGradients) repairTarget(network._outputLayer!)
    stock().call(network, target)
    const { errors = [] } = network._outputLayer!
    propagated = { loss: propagated ? undefined : errors.reduce((sum, row) => sum + halfSquares(row), 0) }
  })
  hooks.replace('adjustWeights', () => () => {
    if (!isTarget(network._outputLayer!))
      throw unsupported(
        'the last layer must be layer.target() or layer.output(): the loss of others is not known',
      )
    const { loss } = propagated ?? {}
    propagated = undefined
    batches.add(loss)
  })
  hooks.replace(
    '_calculateTrainingError',
    (stock) => (data) => batches.epoch(() => stock().call(network, data)),
  )
  hooks.replace('_trainPatterns', (stock) => (data) => batches.epoch(() => stock().call(network, data)))
  // With the stock method, an error in the middle of a training ends the process.
  hooks.replace('trainAsync', () => async (data, options = {}) => {
    const { preparedData, status, endTime } = network._prepTraining(data, options)
    const calculateError = (): number => network._calculateTrainingError(preparedData!)
    const trainPatterns = (): void => network._trainPatterns(preparedData!)
    await repeatByTurns(() => network._trainingTick(status, endTime, calculateError, trainPatterns))
    return status
  })
  return { batches, hooks }
}

function parametersOf({ layers, _model: model }: LayeredNetwork): AdoptableParameter[] {
  return model!.map((layer): AdoptableParameter => {
    const place = layers!.indexOf(layer)
    if (!isMatrix(layer)) {
      throw unsupported(
        `the trained layer ${layer.settings.id ?? place} is no matrix of single precision in this ` +
          "process's memory: layers with a depth, or on a GPU, cannot be trained by this adapter",
      )
    }
    const { width, height } = layer
    return {
      name: `layers.${place}`,
      shape: width === 1 ? [height] : [height, width],
      rows: height,
      get: (row) => layer.weights[row],
      set: (row, array) => (layer.weights[row] = array),
    }
  })
}

function isMatrix({ weights, height, width }: Layer): boolean {
  return (
    Array.isArray(weights) &&
    weights.length === height &&
    weights.every((row) => (row instanceof Float32Array || Array.isArray(row)) && row.length === width)
  )
}

/** Whether a layer only compares with the target: others compute something of their own first. */
function isTarget({ errors, predictKernel }: Layer): boolean {
  return errors !== undefined && (predictKernel ?? null) === null
}

/**
 * Returns a function that repairs the target layer of a network with several outputs, which compares all of them with the
 * first number of the target.
 */
function createTargetRepair(hooks: Pick<Hooks<never>, 'onRelease'>): (layer: Layer) => void {
  let revert = (): void => undefined
  hooks.onRelease(() => revert())
  const compare = (outputs: readonly Numbers[], target: Numbers): Numbers[] =>
    outputs.map((row, index) => Float32Array.of(row[0]! - target[index]!))
  return (layer) => {
    const { compareKernel: stock, width, height } = layer
    if (stock === compare || !isTarget(layer) || width !== 1 || height === 1) return
    layer.compareKernel = compare
    revert = () => {
      if (layer.compareKernel === compare) layer.compareKernel = stock
    }
  }
}

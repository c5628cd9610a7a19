import { unsupported, withGroups, type AdoptableParameter } from '@induced-metric/core/adapter'
import { createBatches } from '../batches.js'
import { gatherRows, halfSquares } from '../gradients/arithmetic.js'
import { createHooks } from '../hooks.js'
import type { Layer, LayeredNetwork, Numbers } from '../network.js'
import { trainByTurns } from '../platform.js'
import { createAttachment, type Attachment, type Settings } from './attachment.js'

/** Attaches to a `FeedForward` network (2.x). */
export function attachLayered(network: LayeredNetwork, settings: Settings): Attachment {
  const hooks = createHooks(network)
  const batches = createBatches(
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

  const repair = createTargetRepair()
  /**
   * The loss of the pattern that was propagated back since the weights were adjusted. If there were two, their loss is not
   * known: the deltas are no sum.
   */
  let propagated: { readonly loss: number | undefined } | undefined
  hooks.replace('_calculateDeltas', (stock) => (target) => {
    if (settings.exactGradients) repair.apply(network._outputLayer!)
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
  hooks.replace(
    'trainAsync',
    () =>
      (data, options = {}) =>
        trainByTurns(
          () => network._prepTraining(data, options),
          (prepared, { status, endTime }) =>
            network._trainingTick(
              status,
              endTime,
              () => network._calculateTrainingError(prepared),
              () => network._trainPatterns(prepared),
            ),
        ),
  )
  return createAttachment(batches, hooks, repair.undo)
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

/** Repairs the target layer of a network with several outputs, which compares all of them with the first number of the target. */
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

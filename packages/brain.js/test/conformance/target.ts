import * as core from '@induced-metric/core'
import {
  allCapabilities,
  type ConformanceTarget,
  type Session,
  type TargetParameter,
} from '@induced-metric/conformance'
import type { Matrix, RecurrentNetwork } from '../../src/network.js'
import { attachRecurrent } from '../../src/recurrent.js'
import type { versions } from '../support/brain.js'

/**
 * The adapter as a target of the conformance suite. No network of brain.js has parameters of any shape, but its recurrent
 * classes are trained through a list of matrices of any size: so the suite's parameters become matrices of a real `RNN`,
 * which the adapter is attached to as to any. A step writes the gradients where back-propagation leaves them, into the
 * matrices' deltas, and has the network adjust its weights.
 *
 * What the suite does not see is the back-propagation of brain.js (gradients.test.ts) and the batches
 * (batches.test.ts). Only the names and shapes of the matrices and the loss are handed to the adapter from outside.
 */
export function brainTarget({ version, brain }: (typeof versions)[number]): ConformanceTarget {
  return {
    manifest: {
      name: '@induced-metric/brain.js',
      version: '0.1.0',
      framework: { name: 'brain.js', version },
      dtypes: ['float32'],
      arithmetic: { float32: { elementwise: 'float32', sums: 'float64' } },
      capabilities: allCapabilities,
    },
    core,
    create: (transformation, parameters) =>
      createSession(brain as unknown as Brain, transformation, parameters),
  }
}

interface Brain {
  readonly recurrent: { readonly RNN: new () => RecurrentNetwork & { initialize(): void } }
}

function createSession(
  brain: Brain,
  transformation: core.Transformation,
  parameters: readonly TargetParameter[],
): Session {
  const network = new brain.recurrent.RNN()
  network.initialize()
  const Matrix = network.initialLayerInputs[0]!.constructor as new (rows: number, columns: number) => Matrix
  const matrices = parameters.map(({ shape, data }) => {
    const [rows = 1, ...columns] = shape
    const matrix = new Matrix(rows, core.sizeOf(columns))
    matrix.weights = data as Float32Array
    return matrix
  })
  network.model = { ...network.model!, isInitialized: true, allMatrices: matrices }

  let loss: number | undefined
  const { training, detach } = attachRecurrent(
    network,
    { transformation, batchSize: 1, exactGradients: true, groupOf: undefined },
    {
      matrices: () =>
        parameters.map(({ name, shape, group }, i) => ({
          name,
          shape,
          ...(group !== undefined && { group }),
          matrix: matrices[i]!,
        })),
      loss: () => loss,
    },
  )
  // Before any step, it only moves the weights.
  training.flush()

  return {
    step(gradients, options = {}) {
      // brain.js has one list of deltas for each matrix: only a session can count them.
      if (gradients.length !== matrices.length) {
        throw new core.InducedMetricError(
          'ERR_SHAPE',
          `${matrices.length} matrices need as many gradients, given ${gradients.length}`,
        )
      }
      training.flush()
      loss = options.loss
      const own = matrices.map(({ deltas }) => deltas)
      matrices.forEach((matrix, i) => {
        const gradient = gradients[i] as Float32Array | null
        const fits = gradient?.length === matrix.weights.length && gradient instanceof Float32Array
        if (fits && matrix.deltas instanceof Float32Array) matrix.deltas.set(gradient)
        else matrix.deltas = gradient as Float32Array
      })
      try {
        network.adjustWeights()
      } finally {
        // As brain.js would have arrays of the right size here again.
        matrices.forEach((matrix, i) => {
          if (matrix.deltas === gradients[i]) matrix.deltas = own[i]!
        })
      }
      return training.report
    },
    read: () => matrices.map(({ weights }) => Float32Array.from(weights)),
    slots: () => Object.fromEntries(training.save().parameters.map(({ name, slots }) => [name, slots])),
    save: () => core.encodeCheckpoint(training.save()),
    load: (bytes) => training.load(bytes),
    dispose: detach,
  }
}

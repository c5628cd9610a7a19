import {
  InducedMetricError,
  perExample,
  type Checkpoint,
  type PerExampleOptimizer,
  type PerExampleOptions,
  type Preconditioner,
  type StepReport,
} from '@induced-metric/core'
import { checkOptions, initialReport, sizeOf } from '@induced-metric/core/adapter'
import { outerProduct } from './gradients/arithmetic.js'
import { attached } from './networks/attachment.js'
import { deltasOf } from './gradients/deltas.js'
import { denseTensors, isInitialized } from './networks/dense.js'
import { createHooks } from './hooks.js'
import type { DenseNetwork, Numbers } from './network.js'
import type { Tensor } from './parameter.js'
import type { OptimizerHandle } from './useOptimizer.js'

/** Options of {@link usePerExample}: those of the core's `perExample` that go with residuals, and the size of a batch. */
export interface UsePerExampleOptions extends Omit<PerExampleOptions, 'embedding' | 'onBadLoss'> {
  /**
   * Number of patterns that make a step. Default: all of them, or for a network of more than 512 weights as many as fit into
   * 512 rows, one for each output of each pattern. What is left at the end of an epoch makes a step of its own.
   */
  readonly batchSize?: number
}

/** A prepared pattern. */
interface Pattern {
  readonly input: Numbers
  readonly output: Numbers
}

/** The weights of a network as it is now, and their optimiser. */
interface Fit {
  readonly holder: DenseNetwork['weights']
  readonly tensors: readonly Tensor[]
  readonly parameters: readonly { readonly data: Float32Array }[]
  readonly optimizer: PerExampleOptimizer
}

/**
 * Experimental. Trains a small brain.js network by least squares, with one axis per residual: Levenberg and Marquardt's
 * method in the metric of the base. Its `train` and all else stay as they are; every epoch takes one step, or one per batch.
 *
 * @param network a `NeuralNetwork` of brain.js 1.6.1 or 2.x, trained or not
 * @param base `adam({ beta1: 0 })`, or another whose P is diagonal
 * @param options `learningRate`, `xi` and `onNonFinite`, as the core's `perExample` has them, and `batchSize`
 * @returns a handle to report, save, load and detach, as that of `useOptimizer`; batches are never left unfinished, so that
 *   it has no `flush`
 * @throws ERR_OPTION for a wrong option, or a network that has an optimiser; ERR_NOT_SUPPORTED for another kind of network,
 *   or a base whose P is not diagonal. By `train`: ERR_OPTION where weights and rows of a step are both
 *   more than 512
 *
 * @example
 * ```ts
 * import { adam } from '@induced-metric/core'
 * import { usePerExample } from '@induced-metric/brain.js'
 * import { NeuralNetwork } from 'brain.js'
 *
 * const network = new NeuralNetwork({ hiddenLayers: [8], activation: 'tanh' })
 * const handle = usePerExample(network, adam({ beta1: 0 }))
 * const xs = Array.from({ length: 32 }, (_, i) => i / 31)
 * network.train(xs.map((x) => ({ input: [x], output: [Math.sin(6 * x) / 2] })), { iterations: 30, errorThresh: 1e-5 })
 * console.log(handle.report.step, handle.report.loss)
 * ```
 */
export function usePerExample(
  network: object,
  base: Preconditioner,
  options: UsePerExampleOptions = {},
): Omit<OptimizerHandle, 'flush' | 'learningRate' | 'withAveragedWeights'> {
  checkOptions<UsePerExampleOptions>('usePerExample', options, {
    learningRate: 'any',
    xi: 'any',
    onNonFinite: 'any',
    batchSize: { kind: 'integer', min: 1 },
  })
  const { batchSize, ...rest } = options
  perExample(base, [], rest).dispose()
  const dense = checkNetwork(network)
  let fit: Fit | undefined
  let isDetached = false
  let report: StepReport = initialReport
  const existing = (purpose: string): Fit => {
    if (isDetached)
      throw new InducedMetricError('ERR_DISPOSED', 'this optimiser was detached from its network')
    if (fit?.holder !== dense.weights) {
      fit?.optimizer.dispose()
      fit = isInitialized(dense) ? createFit(dense, base, rest) : undefined
      report = initialReport
    }
    if (fit) return fit
    throw new InducedMetricError(
      'ERR_CHECKPOINT',
      `${purpose}: the network has no weights yet. Train it first, or give it some with fromJSON or initialize`,
    )
  }

  const hooks = createHooks(dense)
  const calculateDeltas = deltasOf(dense, () => dense.calculateDeltas, true)
  /** Takes the steps of an epoch; the mean of the patterns' mean squared errors before them, as brain.js has it. */
  const epoch = (data: readonly unknown[]): number => {
    const current = existing('train')
    const patterns = data as readonly Pattern[]
    const outputs = dense.sizes![dense.outputLayer!]!
    const weights = current.parameters.reduce((total, { data }) => total + data.length, 0)
    const size = batchSize ?? (weights <= 512 ? patterns.length : Math.max(1, Math.floor(512 / outputs)))
    let sum = 0
    for (let start = 0; start < patterns.length; start += size) {
      sum += stepOn(dense, current, patterns.slice(start, start + size), calculateDeltas)
      report = current.optimizer.report
    }
    return sum / outputs / patterns.length
  }
  hooks.replace('calculateTrainingError', () => epoch)
  hooks.replace('trainPatterns', () => (data) => void epoch(data))
  attached.add(network)
  return {
    get report() {
      return report
    },
    save: () => existing('save').optimizer.save(),
    load(checkpoint: Checkpoint | Uint8Array) {
      const { optimizer } = existing('load')
      optimizer.load(checkpoint)
      report = optimizer.report
    },
    detach() {
      if (isDetached) return
      isDetached = true
      attached.delete(network)
      hooks.release()
      fit?.optimizer.dispose()
    },
  }
}

function checkNetwork(network: object): DenseNetwork {
  const names = ['runInput', 'calculateDeltas', 'trainPatterns', 'calculateTrainingError', 'sizes', 'weights']
  const isObject = typeof network === 'object' && network !== null
  if (isObject && attached.has(network)) {
    throw new InducedMetricError(
      'ERR_OPTION',
      'this network has an optimiser already: detach() that one before attaching another',
    )
  }
  if (isObject && names.every((name) => name in network) && !('gpu' in network))
    return network as DenseNetwork
  const given = isObject ? network.constructor.name : String(network)
  throw new InducedMetricError(
    'ERR_NOT_SUPPORTED',
    `usePerExample cannot train ${given}: it must be an instance of NeuralNetwork; for all others there is useOptimizer`,
  )
}

function createFit(network: DenseNetwork, base: Preconditioner, options: PerExampleOptions): Fit {
  const tensors = denseTensors(network)
  const parameters = tensors.map(({ name, shape }) => ({
    name,
    shape,
    data: new Float32Array(sizeOf(shape)),
  }))
  return { holder: network.weights, tensors, parameters, optimizer: perExample(base, parameters, options) }
}

/** Visits each row of the network's arrays, with the part of the parameter that is its. */
function eachRow({ tensors, parameters }: Fit, visit: (row: Numbers, part: Float32Array) => void): void {
  tensors.forEach((tensor, index) => {
    const { data } = parameters[index]!
    const width = data.length / tensor.rows
    for (let row = 0; row < tensor.rows; row++)
      visit(tensor.get(row)!, data.subarray(row * width, (row + 1) * width))
  })
}

/** Takes a step on a batch; Σ of the squared residuals before it. */
function stepOn(
  network: DenseNetwork,
  fit: Fit,
  patterns: readonly Pattern[],
  calculateDeltas: (target: Numbers) => void,
): number {
  const { sizes, outputLayer } = network
  const outputs = sizes![outputLayer!]!
  const residuals = new Float64Array(patterns.length * outputs)
  const blocks = fit.parameters.map(({ data }) => new Float32Array(residuals.length * data.length))
  const rowOf = (block: number, row: number): Float32Array => {
    const { length } = fit.parameters[block]!.data
    return blocks[block]!.subarray(row * length, (row + 1) * length)
  }
  patterns.forEach(({ input, output }, pattern) => {
    const result = Array.from(network.runInput!(input))
    for (let k = 0; k < outputs; k++) {
      const row = pattern * outputs + k
      residuals[row] = result[k]! - output[k]!
      // The deltas are those of ½Σ(target − output)², downhill: with this target, of the output itself, uphill.
      calculateDeltas(result.map((value, i) => (i === k ? value + 1 : value)))
      for (let layer = 1; layer <= outputLayer!; layer++) {
        const [weights, biases] = [rowOf(2 * layer - 2, row), rowOf(2 * layer - 1, row)]
        outerProduct(weights, biases, network.deltas[layer]!, network.outputs[layer - 1]!, 1, true)
      }
    }
  })
  eachRow(fit, (row, part) => part.set(row))
  const { skipped } = fit.optimizer.step(blocks, { residuals, examples: patterns.length })
  if (!skipped) {
    eachRow(fit, (row, part) => {
      for (let i = 0; i < part.length; i++) row[i] = part[i]!
    })
  }
  return residuals.reduce((sum, r) => sum + r * r, 0)
}

import type { PerExampleOptions, Preconditioner } from '@induced-metric/core'
import {
  checkOptions,
  createModelPerExample,
  RowCollector,
  sizeOf,
  unsupported,
} from '@induced-metric/core/adapter'
import { deltasOf } from './gradients/deltas.js'
import { createHooks } from './hooks.js'
import { classOf, hasMembers } from './members.js'
import type { DenseNetwork, Numbers } from './network.js'
import { denseSource } from './networks/dense.js'
import type { OptimizerHandle } from './useOptimizer.js'

/** Options of {@link usePerExample}: those of the core's `perExample` that go with residuals, and the size of a batch. */
export interface UsePerExampleOptions extends Omit<PerExampleOptions, 'embedding' | 'onBadLoss'> {
  /**
   * Number of patterns that make a step. Default: all of them, or for a network of more than 512 weights as many as fit into
   * 512 rows, one for each output of each pattern. The rest at the end of an epoch makes a step of its own.
   */
  readonly batchSize?: number
}

/** A prepared pattern. */
interface Pattern {
  readonly input: Numbers
  readonly output: Numbers
}

/**
 * Experimental. Trains a small brain.js network by least squares, with one axis per residual: Levenberg and Marquardt's
 * method in the metric of the base. Its `train` and everything else stay as they are. Every epoch takes one step, or one per
 * batch.
 *
 * @param network a `NeuralNetwork` of brain.js 1.6.1 or 2.x, trained or not
 * @param base `adam({ beta1: 0 })`, or another whose P is diagonal
 * @param options `learningRate`, `xi` and `onNonFinite` of the core's `perExample`, and `batchSize`
 * @returns a handle to report, save, load and detach, like that of `useOptimizer`. It has no `flush`, as batches are never
 *   left unfinished
 * @throws ERR_OPTION for a wrong option, or a network that has an optimiser; ERR_NOT_SUPPORTED for another kind of network,
 *   or a base whose P is not diagonal. `train` throws ERR_OPTION if weights and rows of a step are both more than 512
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
): Omit<OptimizerHandle, 'flush' | 'learningRate' | 'findLearningRate' | 'withEvaluationWeights'> {
  checkOptions<UsePerExampleOptions>('usePerExample', options, {
    learningRate: 'any',
    xi: 'any',
    onNonFinite: 'any',
    batchSize: { kind: 'integer', min: 1 },
  })
  const { batchSize, ...rest } = options
  const dense = checkNetwork(network)
  const source = denseSource(dense)
  const optimizer = createModelPerExample(base, source, rest)
  const hooks = createHooks(dense)
  const calculateDeltas = deltasOf(dense, () => dense.calculateDeltas, true)

  /** Adds a row for each output of a pattern: its residual, and its gradient by the weights. */
  const addRows = (
    collector: RowCollector,
    { input, output }: Pattern,
    gradients: readonly Float32Array[],
  ): void => {
    const result = Array.from(dense.runInput!(input))
    result.forEach((value, k) => {
      // The deltas are those of ½Σ(target − output)², downhill: with this target, of the output itself, uphill.
      calculateDeltas(result.map((other, i) => (i === k ? other + 1 : other)))
      source.gradients(gradients, true, -1)
      collector.add(value - output[k]!, gradients)
    })
  }
  /** Takes the steps of an epoch. Returns the mean of the patterns' mean squared errors before them, as brain.js does. */
  const epoch = (data: readonly unknown[]): number => {
    const patterns = data as readonly Pattern[]
    const sizes = optimizer.follow()!.map(({ shape }) => sizeOf(shape))
    const weights = sizes.reduce((total, size) => total + size, 0)
    const gradients = sizes.map((size) => new Float32Array(size))
    const outputs = dense.sizes![dense.outputLayer!]!
    const size = batchSize ?? (weights <= 512 ? patterns.length : Math.max(1, Math.floor(512 / outputs)))
    let sum = 0
    for (let start = 0; start < patterns.length; start += size) {
      const batch = patterns.slice(start, start + size)
      const collector = new RowCollector()
      for (const pattern of batch) addRows(collector, pattern, gradients)
      const { rows, targets: residuals } = collector.take()
      optimizer.step(rows, { residuals, examples: batch.length })
      sum += residuals.reduce((total, r) => total + r * r, 0)
    }
    return sum / outputs / patterns.length
  }
  hooks.replace('calculateTrainingError', () => epoch)
  hooks.replace('trainPatterns', () => (data) => void epoch(data))
  return {
    get report() {
      return optimizer.report
    },
    save: () => optimizer.save(),
    load: (checkpoint) => optimizer.load(checkpoint),
    reset: () => optimizer.reset(),
    detach() {
      hooks.release()
      optimizer.dispose()
    },
  }
}

function checkNetwork(network: object): DenseNetwork {
  const names = ['runInput', 'calculateDeltas', 'trainPatterns', 'calculateTrainingError', 'sizes', 'weights']
  if (hasMembers(network, ...names) && !('gpu' in network)) return network as DenseNetwork
  throw unsupported(
    `usePerExample cannot train ${classOf(network)}: it must be an instance of NeuralNetwork; for all others there is useOptimizer`,
  )
}

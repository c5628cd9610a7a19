import type { Batches } from '../batches.js'
import type { Hooks } from '../hooks.js'
import type { DenseNetwork } from '../network.js'

/**
 * Ends a batch with each epoch of a `TrainStream` (1.6.1), which trains pattern by pattern and does not tell its network
 * where an epoch ends. In its first pass it shows the network every pattern without training on it: as many patterns make
 * an epoch.
 */
export function flushAfterStream(network: DenseNetwork, hooks: Hooks<DenseNetwork>, batches: Batches): void {
  let shown = 0
  let size = 0
  let trained = 0
  hooks.replace('addFormat', (stock) => (data) => {
    shown++
    stock().call(network, data)
  })
  hooks.replace('trainPattern', (stock) => (value, logErrorRate) => {
    if (shown > 0) {
      size = shown
      shown = trained = 0
    }
    const error = stock().call(network, value, logErrorRate)
    // Patterns of a list are not counted: its end is known.
    if (!batches.isInEpoch && size > 0 && ++trained % size === 0) batches.flush()
    return error
  })
}

import type { Hooks } from '../hooks.js'
import type { DenseNetwork } from '../network.js'

/**
 * Finds the end of each epoch of a `TrainStream` (1.6.1), which trains pattern by pattern and does not tell its network.
 * In its first pass it shows the network every pattern without training on it: as many patterns make an epoch.
 */
export function watchStream(
  network: DenseNetwork,
  hooks: Hooks<DenseNetwork>,
  onEpoch: () => void,
): { pause<T>(body: () => T): T } {
  let shown = 0
  let size = 0
  let trained = 0
  let isPaused = false

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
    if (!isPaused && size > 0 && ++trained % size === 0) onEpoch()
    return error
  })
  return {
    /** Runs a function without counting its patterns: they come from a list, whose end is known. */
    pause(body) {
      isPaused = true
      try {
        return body()
      } finally {
        isPaused = false
      }
    },
  }
}

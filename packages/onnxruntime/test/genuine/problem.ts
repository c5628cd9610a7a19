import { initializeNetwork } from '../../../../examples/mnist/src/network/network.js'
import { buildArtifacts, type Artifacts } from '../../../../examples/mnist/src/network/artifacts.js'
import { createRandom } from '../../../../examples/mnist/src/random.js'

/** Examples in a batch. */
export const batchSize = 16

/** Units of the network that the genuine runtime and this package train alike. */
export const layers = [12, 8, 8, 5]

/** Artifacts of a small network of GELU layers. */
export function smallArtifacts(): Promise<Artifacts> {
  return buildArtifacts(initializeNetwork(createRandom(3), layers))
}

/** The batch of a step, counted from 1. */
export function batchOf(step: number): { input: Float32Array; labels: BigInt64Array } {
  const input = Float32Array.from({ length: batchSize * layers[0]! }, (_, i) =>
    Math.sin(step * 1.3 + i * 0.37),
  )
  const labels = BigInt64Array.from({ length: batchSize }, (_, i) => BigInt((i * 7 + step) % layers.at(-1)!))
  return { input, labels }
}

import { createRandom, uniform, type Random } from '@induced-metric/onnx/adapter'

/**
 * The order in which an epoch visits the rows: a shuffle that depends on the seed and the epoch only. So a training
 * that was killed continues with the same rows that it would have visited.
 *
 * @param count - the number of rows
 * @param seed - any integer from 0 to 2³²−1
 * @param epoch - counted from 0
 */
export function orderOf(count: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, row) => row)
  const random = generator(seed, epoch)
  for (let last = count - 1; last > 0; last--) {
    const chosen = Math.floor(uniform(random) * (last + 1))
    const kept = order[last]!
    order[last] = order[chosen]!
    order[chosen] = kept
  }
  return order
}

/** Every epoch has a stream of its own. */
function generator(seed: number, epoch: number): Random {
  return createRandom(Math.imul(seed ^ 0x5bf03635, 0x9e3779b1) + Math.imul(epoch + 1, 0x85ebca6b))
}

import { fillSlot } from '../step/initialSlots.js'
import type { DeferredBackend } from '../tensors/deferredStep.js'
import { createHostMatrix } from '../tensors/hostMatrices.js'
import { withHostNumbers } from '../tensors/hostNumbers.js'
import type { VariableBackend } from './backend.js'
import type { Constants } from './constants.js'

/** The operations of a framework with variables, on its tensors and on numbers of the host. */
export function createOperations<T extends object>(
  backend: VariableBackend<T>,
  { tensor }: Pick<Constants<T>, 'tensor'>,
): DeferredBackend<T | number> {
  return {
    lowering: withHostNumbers(backend.lowering, tensor),
    // Asked for at every step, as a framework may change its backend.
    get hostMatrix() {
      const read = backend.waitingReader()
      return read && createHostMatrix<T>({ read, from: (values, shape) => backend.from(values, shape) })
    },
    constant: (value) => value,
    sum: (values) => backend.sum(values.map(tensor)),
    reshape: (value, shape) => backend.reshape(tensor(value), shape),
    identity(n) {
      const matrix = new Float32Array(n * n)
      fillSlot(matrix, 'identity')
      return backend.from(matrix, [n, n])
    },
    free(value) {
      if (typeof value !== 'number') backend.free(value)
    },
    copy: (value) => (typeof value === 'number' ? value : backend.clone(value)),
    sharesScalars: true,
  }
}

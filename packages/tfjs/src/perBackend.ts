import type { TensorFlow } from './namespace.js'

/**
 * Looks for something in the current backend, once for each backend.
 *
 * @param find returns `undefined` where there is none
 */
export function perBackend<P>(
  find: (tf: TensorFlow, backend: object) => P | undefined,
): (tf: TensorFlow) => P | undefined {
  const found = new WeakMap<object, { readonly place: P | undefined }>()
  return (tf) => {
    const backend = tf.backend() as object
    let entry = found.get(backend)
    if (entry === undefined) found.set(backend, (entry = { place: find(tf, backend) }))
    return entry.place
  }
}

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

/** Whether an object has functions of these names: what is not documented is looked for before it is relied on. */
export function hasFunctions(object: unknown, ...names: readonly string[]): boolean {
  const members = (object ?? {}) as Readonly<Record<string, unknown>>
  return names.every((name) => typeof members[name] === 'function')
}

import toFastProperties from 'to-fast-properties'

/** Members of a network that are replaced by the adapter's. */
export interface Hooks<N extends object> {
  /**
   * Replaces a method on the instance. What the network itself assigns later becomes the stock method and changes
   * nothing else.
   *
   * @param make is given a function that tells the stock method; returns the adapter's
   * @param onAssign called when the network assigns a method
   */
  replace<K extends keyof N>(
    name: K,
    make: (stock: () => N[K]) => N[K],
    onAssign?: (value: N[K]) => void,
  ): void
  /** Puts the stock members back as they would be now. */
  release(): void
}

/** Prepares the replacing of a network's members. */
export function createHooks<N extends object>(network: N): Hooks<N> {
  const undo: (() => void)[] = []
  return {
    replace(name, make, onAssign) {
      const before = Object.getOwnPropertyDescriptor(network, name)
      let isOwn = before !== undefined
      let stock = network[name]
      const ours = make(() => stock)
      Object.defineProperty(network, name, {
        configurable: true,
        enumerable: before?.enumerable ?? false,
        // A network tells by a missing method that it is not ready.
        get: () => (typeof stock === 'function' ? ours : stock),
        set: (value: N[typeof name]) => {
          if (value === ours) return
          stock = value
          isOwn = true
          onAssign?.(value)
        },
      })
      // V8 keeps an object whose members are redefined as a table, which makes a small network take twice as long.
      toFastProperties(network)
      undo.push(() => {
        delete network[name]
        if (!isOwn) return
        // There may be a hook below this one.
        const plain = {
          configurable: true,
          enumerable: before?.enumerable ?? true,
          writable: true,
          value: stock,
        }
        Object.defineProperty(network, name, before?.get ? before : plain)
      })
    },
    release() {
      for (const step of undo.splice(0)) step()
      toFastProperties(network)
    },
  }
}

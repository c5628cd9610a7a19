import { optionError } from '@induced-metric/core/adapter'
import toFastProperties from 'to-fast-properties'

/** Changes of a network that are reverted when its optimiser is detached. */
export interface Hooks<N extends object> {
  /**
   * Replaces a method on the instance. A method that the network itself assigns later becomes the stock method and changes
   * nothing else.
   *
   * @param make receives a function that returns the stock method; returns the adapter's method
   * @param onAssign called when the network assigns a method
   */
  replace<K extends keyof N>(
    name: K,
    make: (stock: () => N[K]) => N[K],
    onAssign?: (value: N[K]) => void,
  ): void
  /** Adds a function that reverts another change. */
  onRelease(revert: () => void): void
  /** Puts the stock members back as they would be now. A second call does nothing. */
  release(): void
}

/** The networks that have an optimiser. */
const hooked = new WeakSet()

/**
 * Prepares the replacing of a network's members.
 *
 * @throws ERR_OPTION if the network has an optimiser
 */
export function createHooks<N extends object>(network: N): Hooks<N> {
  if (hooked.has(network))
    throw optionError('this network has an optimiser already: detach() that one before attaching another')
  hooked.add(network)
  const reverts: (() => void)[] = [() => hooked.delete(network)]
  return {
    replace(name, make, onAssign) {
      const before = Object.getOwnPropertyDescriptor(network, name)
      let isOwn = before !== undefined
      let stock = network[name]
      const ours = make(() => stock)
      Object.defineProperty(network, name, {
        configurable: true,
        enumerable: before?.enumerable ?? false,
        // A network recognises by a missing method that it is not ready.
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
      reverts.push(() => {
        delete network[name]
        if (!isOwn) return
        const enumerable = before?.enumerable ?? true
        // The member may have been an accessor, as other libraries make them.
        const plain = { configurable: true, enumerable, writable: true, value: stock }
        Object.defineProperty(network, name, before?.get ? before : plain)
      })
    },
    onRelease(revert) {
      reverts.push(revert)
    },
    release() {
      for (const revert of reverts.splice(0)) revert()
      toFastProperties(network)
    },
  }
}

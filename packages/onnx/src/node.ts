/** The modules of Node that are used. */
interface NodeModules {
  readonly 'node:fs': typeof import('node:fs')
  readonly 'node:fs/promises': typeof import('node:fs/promises')
  readonly 'node:path': typeof import('node:path')
  readonly 'node:url': typeof import('node:url')
  readonly 'node:worker_threads': typeof import('node:worker_threads')
}

/**
 * Imports a module of Node. Bundlers for pages do not follow a name in a variable: a page has no such module, and they would
 * refuse it.
 */
export async function importNode<K extends keyof NodeModules>(name: K): Promise<NodeModules[K]> {
  return (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as NodeModules[K]
}

/**
 * Imports a module of Node. Bundlers for pages do not follow a name in a variable: a page has no such module, and they would
 * refuse it.
 *
 * @param name as in `'node:fs'`; its type is `typeof import('node:fs')`
 */
export async function importNode<M>(name: `node:${string}`): Promise<M> {
  return (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as M
}

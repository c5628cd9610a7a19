/** The adapter on the devices that Node has, for its own tests, the table, the tests across adapters and `induced-conformance`. */
import { createRequire } from 'node:module'
import { jaxTarget } from './target.js'

const { version, devDependencies } =
  /** @type {{ version: string, devDependencies: Record<string, string> }} */ (
    createRequire(import.meta.url)('../../package.json')
  )
const versions = { version, ofJax: devDependencies['@jax-js/jax'] ?? 'unknown' }

/** What there is to test: one entry for each backend. */
export const targets = { wasm: () => jaxTarget('wasm', versions), cpu: () => jaxTarget('cpu', versions) }

// The adapters of the workspace, each declared by its package.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, workspaces } from './workspace.js'

/** @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget */

/**
 * An adapter that runs in Node: one backend, or one version of the framework.
 *
 * @typedef {object} Adapter
 * @property {string} folder - the package's folder, from the root
 * @property {string} name - of package and target, as in `tfjs wasm`
 * @property {() => ConformanceTarget | Promise<ConformanceTarget>} start - sets up what the adapter needs; its target
 */

/** The module of a package that exports `targets`: functions that create a target, by name. The core's is in the kit. */
export const targetsFile = 'test/conformance/targets.js'

/** The adapters: all published packages except the core, the kit, ONNX's toolchain, command and fine-tuning, and sweeps. */
export function adapterPackages() {
  return workspaces().filter(({ folder }) =>
    /^packages\/(?!core$|conformance$|onnx$|onnx-cli$|sweep$|transformers$)/.test(folder),
  )
}

/**
 * Every target that a package of the workspace exports, the core's first.
 *
 * @returns {Promise<Adapter[]>}
 */
export async function findAdapters() {
  const folders = ['packages/conformance', ...adapterPackages().map(({ folder }) => folder)]
  const found = await Promise.all(
    folders
      .filter((folder) => existsSync(join(root, folder, targetsFile)))
      .map(async (folder) => {
        const path = pathToFileURL(join(root, folder, targetsFile)).href
        const { targets } = /** @type {{ targets: Record<string, Adapter['start']> }} */ (await import(path))
        const owner = folder === 'packages/conformance' ? 'core' : folder.slice('packages/'.length)
        return Object.entries(targets).map(([name, start]) => ({ folder, name: `${owner} ${name}`, start }))
      }),
  )
  return found.flat()
}

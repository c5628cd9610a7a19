import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The part of a package.json that scripts and tests read.
 *
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} [license]
 * @property {string} [version]
 * @property {boolean} [private]
 * @property {string[]} [workspaces]
 * @property {string[]} [files]
 * @property {{ node?: string }} [engines]
 * @property {Record<string, string>} [bin]
 * @property {Record<string, string>} [scripts]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [devDependencies]
 * @property {Record<string, string>} [optionalDependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, { optional?: boolean }>} [peerDependenciesMeta]
 */

/** The workspace's root folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * @param {string} path - a file, absolute or from the root
 * @returns {unknown}
 */
export function readJson(path) {
  return JSON.parse(readFileSync(path.startsWith(root) ? path : join(root, path), 'utf8'))
}

/**
 * @param {string} folder - the package's folder, from the root
 * @returns {Manifest}
 */
export function readManifest(folder) {
  return /** @type {Manifest} */ (readJson(join(root, folder, 'package.json')))
}

/**
 * Every package of the workspace as npm sees it, private ones included.
 *
 * @returns {{ folder: string, manifest: Manifest }[]}
 */
export function workspaces() {
  return (readManifest('.').workspaces ?? [])
    .flatMap((pattern) => (pattern.endsWith('/*') ? children(pattern.slice(0, -2)) : [pattern]))
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => ({ folder, manifest: readManifest(folder) }))
}

/** The packages that get published. */
export function publicPackages() {
  return workspaces().filter(({ manifest }) => manifest.private !== true)
}

/**
 * The files that are committed or would be: tracked files, and new files that no .gitignore excludes.
 *
 * @returns {string[]} paths from the root, in order
 */
export function listFiles() {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  return [...new Set(listed.split('\0'))].filter((path) => path !== '' && existsSync(join(root, path))).sort()
}

/**
 * Runs one of the installed tools and waits for it.
 *
 * @param {string} name - as in node_modules/.bin
 * @param {string[]} args
 * @param {{ cwd?: string }} [options]
 * @returns {{ status: number | null, output: string }} its exit status and all it printed
 */
export function runTool(name, args, options = {}) {
  return run(join(root, 'node_modules', '.bin', name), args, options)
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, shows?: boolean }} [options] - `shows`: prints as it runs, and returns no output
 * @returns {{ status: number | null, output: string }} its exit status and all it printed
 */
export function run(command, args, options = {}) {
  const { shows = false, cwd = root } = options
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
    maxBuffer: 1 << 26,
    stdio: shows ? 'inherit' : 'pipe',
  })
  if (error !== undefined) throw error
  return { status, output: shows ? '' : `${stdout}${stderr}` }
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function children(folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}/${entry.name}`)
    .sort()
}

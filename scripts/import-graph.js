// The imports between the source files of the packages, types included, and what can be asked of them.
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'
import { listFiles, readManifest, root } from './workspace.js'

/**
 * The modules that a file names: in imports and exports, of types as well, later ones and types by `import('…')`.
 *
 * @param {string} text - TypeScript or JavaScript
 * @param {string} file - its name, whose ending tells the language
 * @returns {string[]} each once, as written
 */
export function importsOf(text, file) {
  const { program, errors, module } = parseSync(file, text)
  const [error] = errors
  if (error !== undefined) throw new Error(`${file} cannot be parsed: ${error.message}`)
  const found = new Set(module.staticImports.map(({ moduleRequest }) => moduleRequest.value))
  for (const { entries } of module.staticExports)
    for (const { moduleRequest } of entries) if (moduleRequest !== null) found.add(moduleRequest.value)
  new Visitor({
    ImportExpression({ source }) {
      if (source.type === 'Literal' && typeof source.value === 'string') found.add(source.value)
    },
    TSImportType({ source }) {
      found.add(source.value)
    },
  }).visit(program)
  return [...found]
}

/**
 * @typedef {object} ImportGraph
 * @property {Map<string, string[]>} files - the source files that each source file imports, paths from the root
 * @property {Map<string, string[]>} outside - the packages of others that it imports, and Node's modules
 */

/** The source files of packages, from the root. */
export function sourceFiles() {
  return listFiles().filter((file) => /^packages\/[^/]+\/src\/.*\.ts$/.test(file))
}

/**
 * @param {readonly string[]} sources - files from the root
 * @param {(file: string) => string} [read] - the text of a file
 * @param {(specifier: string) => string | undefined} [entry] - the source file of a package's entry
 * @returns {ImportGraph}
 */
export function importGraph(
  sources,
  read = (file) => readFileSync(join(root, file), 'utf8'),
  entry = sourceOfEntry,
) {
  const known = new Set(sources)
  /** @type {ImportGraph} */
  const graph = { files: new Map(), outside: new Map() }
  for (const file of sources) {
    /** @type {string[]} */
    const inside = []
    /** @type {string[]} */
    const outside = []
    for (const specifier of importsOf(read(file), file)) {
      const target = specifier.startsWith('.')
        ? posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts')
        : entry(specifier)
      if (target === undefined) outside.push(specifier)
      else if (known.has(target)) inside.push(target)
      else throw new Error(`${file} imports ${specifier}, which is no source file`)
    }
    graph.files.set(file, inside)
    graph.outside.set(file, outside)
  }
  return graph
}

/**
 * @param {string} specifier - as `@induced-metric/core/adapter`
 * @returns {string | undefined} the source file behind it, if it is an entry of a package of this workspace
 */
function sourceOfEntry(specifier) {
  const [, name, rest] = /^@induced-metric\/([^/]+)(\/.*)?$/.exec(specifier) ?? []
  if (name === undefined || !existsSync(join(root, 'packages', name))) return undefined
  const { exports: entries } = /** @type {{ exports?: Record<string, Record<string, string>> }} */ (
    readManifest(`packages/${name}`)
  )
  const source = entries?.[`.${rest ?? ''}`]?.['@induced-metric/source']
  return source === undefined ? undefined : posix.join('packages', name, source)
}

/**
 * A graph of groups of files, with an arrow for each import from one group into another.
 *
 * @param {ReadonlyMap<string, readonly string[]>} files - by file
 * @param {(file: string) => string | undefined} groupOf - `undefined` leaves a file out
 * @returns {Map<string, Set<string>>} the groups that each group imports
 */
export function groupImports(files, groupOf) {
  /** @type {Map<string, Set<string>>} */
  const groups = new Map()
  for (const [file, targets] of files) {
    const group = groupOf(file)
    if (group === undefined) continue
    const found = groups.get(group) ?? new Set()
    groups.set(group, found)
    for (const target of targets) {
      const other = groupOf(target)
      if (other !== undefined && other !== group) found.add(other)
    }
  }
  return groups
}

/**
 * @param {ReadonlyMap<string, Iterable<string>>} graph
 * @returns {string[] | undefined} the members of a circle in order, the first again at the end; `undefined` without one
 */
export function findCircle(graph) {
  /** @type {Set<string>} */
  const done = new Set()
  /** @type {string[]} */
  const path = []
  /** @returns {string[] | undefined} */
  const visit = (/** @type {string} */ name) => {
    if (done.has(name)) return undefined
    const start = path.indexOf(name)
    if (start >= 0) return [...path.slice(start), name]
    path.push(name)
    for (const next of graph.get(name) ?? []) {
      const circle = visit(next)
      if (circle !== undefined) return circle
    }
    path.pop()
    done.add(name)
    return undefined
  }
  for (const name of graph.keys()) {
    const circle = visit(name)
    if (circle !== undefined) return circle
  }
  return undefined
}

/**
 * The floor of each member of a graph without circles: 1 for those that import nothing, else one above the highest
 * that they import.
 *
 * @param {ReadonlyMap<string, Iterable<string>>} graph
 * @returns {Map<string, number>}
 */
export function floorsOf(graph) {
  const circle = findCircle(graph)
  if (circle !== undefined) throw new Error(`imports in a circle have no floors: ${circle.join(' → ')}`)
  /** @type {Map<string, number>} */
  const floors = new Map()
  const floor = (/** @type {string} */ name) => {
    const known = floors.get(name)
    if (known !== undefined) return known
    let below = 0
    for (const next of graph.get(name) ?? []) below = Math.max(below, floor(next))
    floors.set(name, below + 1)
    return below + 1
  }
  for (const name of graph.keys()) floor(name)
  return floors
}

/**
 * @param {string} file - from the root
 * @returns {string} the folder of its package: `core` for `packages/core/src/errors.ts`
 */
export function packageOf(file) {
  return file.split('/')[1] ?? ''
}

/**
 * @param {string} file - from the root
 * @param {string} base - a folder, from the root
 * @returns {string | undefined} the folder directly below `base`, or the file itself; `undefined` for a file elsewhere
 */
export function partOf(file, base) {
  return file.startsWith(`${base}/`) ? file.slice(base.length + 1).split('/')[0] : undefined
}

/**
 * The order of the parts of a folder. A part imports from earlier lines only; parts on one line stand beside each
 * other. The doors import everything, and nothing here imports them.
 *
 * @typedef {{ floors: readonly (readonly string[])[], doors?: readonly string[] }} Order
 */

/**
 * The imports that an order does not allow.
 *
 * @param {ReadonlyMap<string, readonly string[]>} files - of the graph
 * @param {string} base - the folder that has the order
 * @param {Order} order
 * @returns {string[]} as `file imports file: why`
 */
export function brokenOrder(files, base, { floors, doors = [] }) {
  const floorOf = (/** @type {string} */ part) => floors.findIndex((floor) => floor.includes(part))
  /** @type {string[]} */
  const broken = []
  for (const [file, targets] of files) {
    const from = partOf(file, base)
    if (from === undefined) continue
    const isDoor = doors.includes(from)
    if (!isDoor && floorOf(from) < 0) broken.push(`${file}: the order has no ${from}`)
    for (const target of targets) {
      const to = partOf(target, base)
      if (to === undefined || to === from) continue
      if (doors.includes(to)) broken.push(`${file} imports ${target}: a door`)
      else if (!isDoor && floorOf(to) >= floorOf(from))
        broken.push(`${file} imports ${target}: ${to} is not below ${from}`)
    }
  }
  return broken
}

// npm run docs:architecture
//
// Draws the packages and their folders in docs/architecture.md, from the imports. The rest of the page is written by
// hand; tests/architecture.test.ts compares all of it with the imports.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { folderOrder } from './folder-order.js'
import { groupImports, importGraph, partOf, sourceFiles } from './import-graph.js'
import { root } from './workspace.js'

/** @typedef {import('./import-graph.js').ImportGraph} ImportGraph */

/** The page, from the root. */
export const page = 'docs/architecture.md'

/** The folders whose parts the page draws. */
export const drawn = ['packages', 'packages/core/src', 'packages/onnx/src']

/**
 * The arrows that do not follow from others.
 *
 * @param {ReadonlyMap<string, ReadonlySet<string>>} graph - without circles
 * @returns {[string, string][]}
 */
export function essentialArrows(graph) {
  const reaches = (/** @type {string} */ from, /** @type {string} */ to) => {
    /** @type {string[]} */
    const open = [...(graph.get(from) ?? [])].filter((next) => next !== to)
    const seen = new Set(open)
    for (const name of open) {
      if (name === to) return true
      for (const next of graph.get(name) ?? []) {
        if (seen.has(next)) continue
        seen.add(next)
        open.push(next)
      }
    }
    return false
  }
  return [...graph].flatMap(([from, targets]) =>
    [...targets]
      .filter((to) => !reaches(from, to))
      .sort()
      .map((to) => /** @type {[string, string]} */ ([from, to])),
  )
}

/**
 * @param {ImportGraph} graph
 * @param {string} base - a folder that has an order
 * @returns {string} a drawing in Mermaid, which GitHub shows: importers above what they import
 */
export function draw({ files }, base) {
  const { floors, doors = [] } = /** @type {import('./import-graph.js').Order} */ (folderOrder[base])
  const parts = groupImports(files, (file) => partOf(file, base))
  const names = [...doors, ...floors.flat().reverse()]
  const known = new Map(names.map((name) => [name, parts.get(name) ?? new Set()]))
  // Mermaid takes no `graph` for the name of a node.
  const id = (/** @type {string} */ name) => `${name.replaceAll(/\W/g, '_')}_`
  return [
    '```mermaid',
    'flowchart TD',
    ...names.map((name) => `  ${id(name)}["${name}"]`),
    ...essentialArrows(known).map(([from, to]) => `  ${id(from)} --> ${id(to)}`),
    '```',
  ].join('\n')
}

/**
 * @param {string} text - of the page
 * @param {ImportGraph} graph
 * @returns {string} the page with its drawings as the imports are
 */
export function renderArchitecture(text, graph) {
  return drawn.reduce((before, base) => {
    const [start, end] = [`<!-- imports in ${base} -->`, `<!-- end of the imports in ${base} -->`]
    const [from, to] = [before.indexOf(start), before.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`the page has no ${start} … ${end}`)
    return `${before.slice(0, from)}${start}\n${draw(graph, base)}\n${before.slice(to)}`
  }, text)
}

/** Draws the page again. */
export function updateArchitecture() {
  const path = join(root, page)
  writeFileSync(path, renderArchitecture(readFileSync(path, 'utf8'), importGraph(sourceFiles())))
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  updateArchitecture()

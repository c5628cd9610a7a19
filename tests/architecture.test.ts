import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { draw, drawn, essentialArrows, page, renderArchitecture } from '../scripts/architecture.js'
import { folderOrder } from '../scripts/folder-order.js'
import { importGraph, sourceFiles } from '../scripts/import-graph.js'
import { root } from '../scripts/workspace.js'

const text = readFileSync(join(root, page), 'utf8')
const graph = importGraph(sourceFiles())

/** The part of the page below a heading, up to the next. */
function section(heading: string): string {
  const [, after] = text.split(`\n## ${heading}\n`)
  if (after === undefined) throw new Error(`${page} has no section ${heading}`)
  return after.split('\n## ')[0]!
}

/** The rows of a section's table, cell by cell. */
function rows(heading: string): string[][] {
  const lines = section(heading)
    .split('\n')
    .filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const floorsOf = (base: string) => folderOrder[base]!.floors

describe('the drawings of the architecture', () => {
  it('have the arrows that the imports have', () => {
    expect(renderArchitecture(text, graph), 'run `npm run docs:architecture`').toBe(text)
  })

  it('leave out the arrows that follow from others, and no other', () => {
    const arrows = new Map([
      ['a', new Set(['b', 'c', 'd'])],
      ['b', new Set(['c'])],
      ['c', new Set(['d'])],
      ['d', new Set<string>()],
      ['e', new Set(['d'])],
    ])
    expect(essentialArrows(arrows).map((arrow) => arrow.join(''))).toEqual(['ab', 'bc', 'cd', 'ed'])
  })

  it.each(drawn)('show every part of %s', (base) => {
    const drawing = draw(graph, base)
    for (const name of floorsOf(base).flat()) expect(drawing).toMatch(new RegExp(`^  .*${name}`, 'm'))
  })
})

describe('the tables of the architecture', () => {
  it('name every package', () => {
    const names = rows('The packages').map(([name]) => name?.replaceAll('`', ''))
    expect(new Set(names)).toEqual(new Set(floorsOf('packages').flat()))
    expect(names).toHaveLength(new Set(names).size)
  })

  it.each([
    ['The folders of the core', 'packages/core/src'],
    ['The folders of the ONNX toolchain', 'packages/onnx/src'],
  ])('have the floors that the test of imports holds: %s', (heading, base) => {
    const shown = rows(heading).map(([floor, name]) => `${floor} ${name?.replaceAll('`', '')}`)
    const held = floorsOf(base).flatMap((floor, index) => floor.map((name) => `${index + 1} ${name}`))
    expect(shown).toEqual(held)
  })
})

describe('the way of a step', () => {
  const way = section('The way of a step')
  const source = (name: string) => `packages/core/src/${name}`
  const nodes = new Map([...way.matchAll(/^ {2}(\w+)\["(.+)"\]$/gm)].map(([, id, name]) => [id, name!]))
  const arrows = [...way.matchAll(/^ {2}(\w+) --> (\w+)$/gm)].map(([, from, to]) => [from!, to!] as const)

  it('leads over files that there are', () => {
    expect(nodes.size).toBeGreaterThan(10)
    for (const name of nodes.values())
      expect([name, existsSync(join(root, source(name)))]).toEqual([name, true])
  })

  it('has an import for every arrow, and an arrow for every file', () => {
    const missing = arrows.filter(([from, to]) => {
      const [file, target] = [nodes.get(from), nodes.get(to)]
      if (file === undefined || target === undefined) throw new Error(`no such file: ${from} --> ${to}`)
      return !graph.files.get(source(file))?.includes(source(target))
    })
    expect(missing).toEqual([])
    expect(new Set(arrows.flat())).toEqual(new Set(nodes.keys()))
  })
})

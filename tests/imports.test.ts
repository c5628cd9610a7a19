import { describe, expect, it } from 'vitest'
import { folderOrder } from '../scripts/folder-order.js'
import {
  brokenOrder,
  findCircle,
  floorsOf,
  groupImports,
  importGraph,
  importsOf,
  packageOf,
  partOf,
  sourceFiles,
} from '../scripts/import-graph.js'
import { publicPackages } from '../scripts/workspace.js'

// Imports point down, types included: between packages and between folders that have an order. They never make a circle.

const { files, outside } = importGraph(sourceFiles())

describe('the imports of the packages', () => {
  it('are all read', () => {
    const packages = new Set([...files.keys()].map((file) => `packages/${packageOf(file)}`))
    expect(packages).toEqual(new Set(publicPackages().map(({ folder }) => folder)))
    expect(files.size).toBeGreaterThan(300)
    const unknown = [...outside].flatMap(([file, names]) =>
      names.filter((name) => name.startsWith('@induced-metric/')).map((name) => `${file}: ${name}`),
    )
    expect(unknown).toEqual([])
  })

  it('make no circle', () => {
    expect(findCircle(files)).toBeUndefined()
  })

  it.each(publicPackages().map(({ folder }) => folder))('make no circle of folders in %s', (folder) => {
    const parts = groupImports(files, (file) => partOf(file, `${folder}/src`))
    expect(findCircle(parts)).toBeUndefined()
  })

  it.each(Object.entries(folderOrder))('keep to the order of %s', (base, order) => {
    expect(brokenOrder(files, base, order)).toEqual([])
    const parts = new Set([...files.keys()].flatMap((file) => partOf(file, base) ?? []))
    expect(new Set([...order.floors, order.doors ?? []].flat())).toEqual(parts)
  })

  it('leave the core with eight floors at most', () => {
    const folders = groupImports(files, (file) => partOf(file, 'packages/core/src'))
    expect(Math.max(...floorsOf(folders).values())).toBeLessThanOrEqual(8)
    expect(folderOrder['packages/core/src']!.floors.length).toBeLessThanOrEqual(8)
  })
})

describe('the imports of a file', () => {
  it.each([
    ['values', `import { a } from './a.js'`, ['./a.js']],
    ['types', `import type { A } from './a.js'\nexport type B = A`, ['./a.js']],
    ['a type among values', `import { type A, b } from './a.js'`, ['./a.js']],
    ['a namespace', `import * as a from './a.js'`, ['./a.js']],
    ['nothing of a module', `import './a.js'`, ['./a.js']],
    ['exports from elsewhere', `export { a } from './a.js'\nexport * from './b.js'`, ['./a.js', './b.js']],
    ['types exported from elsewhere', `export type { A } from './a.js'`, ['./a.js']],
    ['later imports', `export const a = async () => await import('./a.js')`, ['./a.js']],
    ['types by import', `export type A = import('./a.js').A`, ['./a.js']],
    ['a module twice, once', `import { a } from './a.js'\nexport * from './a.js'`, ['./a.js']],
    ['no text that looks like one', `// import './a.js'\nexport const a = "import './b.js'"`, []],
  ])('are found: %s', (_, text, expected) => {
    expect(importsOf(text, 'x.ts')).toEqual(expected)
  })
})

/** The graph of files made up, in the package p. */
function graphOf(texts: Record<string, string>) {
  const sources = new Map(Object.entries(texts).map(([file, text]) => [`packages/p/src/${file}`, text]))
  const entry = (name: string) => (name === '@induced-metric/p' ? 'packages/p/src/index.ts' : undefined)
  return importGraph([...sources.keys()], (file) => sources.get(file) ?? '', entry)
}

const order = { floors: [['low.ts'], ['left', 'right'], ['high']], doors: ['index.ts'] }
const broken = (texts: Record<string, string>) => brokenOrder(graphOf(texts).files, 'packages/p/src', order)

describe('the rules, each broken once', () => {
  const low = { 'low.ts': '', 'left/a.ts': '', 'right/b.ts': '', 'high/c.ts': '', 'index.ts': '' }

  it('allow imports from below', () => {
    expect(
      broken({
        ...low,
        'left/a.ts': `export * from '../low.js'`,
        'high/c.ts': `export * from '../left/a.js'\nexport * from '../right/b.js'\nexport * from './d.js'`,
        'high/d.ts': '',
        'index.ts': `export * from './high/c.js'`,
      }),
    ).toEqual([])
  })

  it.each([
    [
      'an import from above',
      { 'left/a.ts': `import type { C } from '../high/c.js'` },
      'high is not below left',
    ],
    ['an import from beside', { 'left/a.ts': `export * from '../right/b.js'` }, 'right is not below left'],
    ['an import of a door', { 'high/c.ts': `export * from '../index.js'` }, 'index.ts: a door'],
    ['a door by its name', { 'high/c.ts': `export * from '@induced-metric/p'` }, 'index.ts: a door'],
    ['a folder without a place', { 'new/d.ts': '' }, 'the order has no new'],
  ])('find %s', (_, change, why) => {
    const found = broken({ ...low, ...(change as Record<string, string>) })
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(why)
  })

  it('find a circle, of types as well', () => {
    const { files: circle } = graphOf({
      'a.ts': `import type { B } from './b.js'`,
      'b.ts': `export * from './c.js'`,
      'c.ts': `export type A = import('./a.js').A`,
    })
    const names = ['a', 'b', 'c', 'a'].map((name) => `packages/p/src/${name}.ts`)
    expect(findCircle(circle)).toEqual(names)
    expect(() => floorsOf(circle)).toThrow(names.join(' → '))
  })

  it('count floors by the longest way down', () => {
    const { files: tower } = graphOf({
      'a.ts': `export * from './b.js'\nexport * from './c.js'`,
      'b.ts': `export * from './c.js'`,
      'c.ts': '',
    })
    expect(new Set(floorsOf(tower).values())).toEqual(new Set([1, 2, 3]))
  })

  it('find an import of a file that is not there', () => {
    expect(() => graphOf({ 'a.ts': `export * from './gone.js'` })).toThrow('a.ts imports ./gone.js')
  })
})

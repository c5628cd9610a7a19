import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as adapter from '@induced-metric/core/adapter'
import * as core from '@induced-metric/core'
import { expect, it } from 'vitest'
import { listFiles, root } from '../scripts/workspace.js'

/** The names in the files that the path selects. */
function namesIn(selects: (path: string) => boolean): Set<string> {
  const texts = listFiles()
    .filter(selects)
    .map((path) => readFileSync(join(root, path), 'utf8'))
  return new Set(texts.join('\n').match(/\w+/g))
}

it('every value of the door for adapters has a user: a package, the template or the guide', () => {
  const used = namesIn(
    (path) =>
      (/^(packages\/(?!core\/)[^/]+\/src|templates|docs)\//.test(path) || path.endsWith('/README.md')) &&
      /\.(ts|md)$/.test(path),
  )
  expect(Object.keys(adapter).filter((name) => !used.has(name))).toEqual([])
})

it('the door for users has about thirty values besides the bases, and no name of the other door', () => {
  const isBase = (value: unknown): boolean =>
    typeof value === 'function' && 'definition' in value && 'update' in (value.definition as object)
  expect(Object.values(core).filter((value) => !isBase(value)).length).toBeLessThanOrEqual(35)
  expect(Object.keys(core).filter((name) => name in adapter)).toEqual([])
})

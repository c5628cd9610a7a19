import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { gradients, noGradient } from '../src/artifacts/index.js'
import { decompositions } from '../src/decomposition/table.js'
import { lowerings } from '../src/lowering/index.js'

const pageOf = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../docs/${path}`, import.meta.url)), 'utf8')

it('the page of the adapter lists the operators of the lowering table, all of them and no other', () => {
  const page = pageOf('adapters/onnxruntime.md')
  const [, table = ''] = /<!-- operators -->\n([\s\S]*)<!-- end of operators -->/.exec(page) ?? []
  const rows = table.split('\n').filter((line) => line.startsWith('| `'))
  const listed = rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`(\w+)`/g)].map(([, name]) => name))
  const known = Object.values(lowerings).flatMap((operators) => Object.keys(operators))
  expect(new Set(listed)).toEqual(new Set(known))
  expect(listed).toHaveLength(known.length)
})

it('the page of training artifacts lists the operators that have gradient rules, all of them and no other', () => {
  const [, list = ''] =
    /<!-- gradients -->\n([\s\S]*)<!-- end of gradients -->/.exec(pageOf('training-artifacts.md')) ?? []
  const listed = [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name!)
  const known = Object.values(gradients).flatMap((rules) =>
    Object.entries(rules).flatMap(([name, rule]) => (rule === noGradient ? [] : [name])),
  )
  expect([...listed].sort()).toEqual([...new Set(known)].sort())
})

it('the page of training artifacts lists the operators that are written out, all of them and no other', () => {
  const [, list = ''] =
    /<!-- decompositions -->\n([\s\S]*)<!-- end of decompositions -->/.exec(
      pageOf('training-artifacts.md'),
    ) ?? []
  const listed = new Set([...list.matchAll(/`(\w+)`/g)].map(([, name]) => name!))
  expect([...listed].sort()).toEqual(
    [...new Set(Object.values(decompositions).flatMap((rows) => Object.keys(rows)))].sort(),
  )
})

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { lowerings } from '../src/lowering/index.js'

it('the page of the adapter lists the operators of the lowering table, all of them and no other', () => {
  const page = readFileSync(
    fileURLToPath(new URL('../../../docs/adapters/onnxruntime.md', import.meta.url)),
    'utf8',
  )
  const [, table = ''] = /<!-- operators -->\n([\s\S]*)<!-- end of operators -->/.exec(page) ?? []
  const rows = table.split('\n').filter((line) => line.startsWith('| `'))
  const listed = rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`(\w+)`/g)].map(([, name]) => name))
  const known = Object.values(lowerings).flatMap((operators) => Object.keys(operators))
  expect(new Set(listed)).toEqual(new Set(known))
  expect(listed).toHaveLength(known.length)
})

import { readdirSync } from 'node:fs'

import { expect, test } from 'vitest'

import { findFrameworks } from '../src/findFrameworks.js'

test('every module of the folder is a framework, in the order of their names', async () => {
  const files = readdirSync(new URL('../src/frameworks/', import.meta.url))
  const ids = (await findFrameworks()).map(({ id }) => id)
  expect(ids).toEqual(files.map((file) => file.replace('.ts', '')).sort())
  expect(ids).toContain('tfjs')
})

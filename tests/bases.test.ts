import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cases, features } from '@induced-metric/conformance'
import { golden, tied, translate } from '@induced-metric/conformance/golden'
import * as core from '@induced-metric/core'
import { exportedBases, folder, goldenSources, readComment, slotsOf } from '../scripts/base-pages.js'
import { renderBasePages } from '../scripts/docs-bases.js'
import { root } from '../scripts/workspace.js'

// A base has its page, golden vectors from outside, and cases of conformance: none may be forgotten.

const bases = exportedBases()

const inTheSuite = new Set([
  ...tied.map(({ transformation }) => transformation.base.name),
  ...Object.values(golden)
    .flat()
    .map((vector) => translate(vector).transformation.base.name),
])

/** What a base of this name lacks. */
function gapsOf(name: string): string[] {
  const gaps: string[] = []
  if (!readdirSync(join(root, folder)).includes(`${name}.md`)) gaps.push('page')
  if (!inTheSuite.has(name) && goldenSources(name).length === 0) gaps.push('golden vectors')
  const own = cases.filter((one) => 'problem' in one && one.problem.transformation.base.name === name)
  for (const family of ['step', 'checkpoint']) {
    for (const dtype of ['float32', 'float64']) {
      if (!own.some((one) => one.id.startsWith(`${family}/`) && one.dtype === dtype))
        gaps.push(`cases ${family} in ${dtype}`)
    }
  }
  return gaps
}

it('finds the bases', () => {
  expect(bases.map(({ name }) => name)).toEqual(expect.arrayContaining(['adam', 'muon', 'signum']))
})

it('finds what a base lacks that has nothing', () => {
  expect(gapsOf('forgotten')).toEqual([
    'page',
    'golden vectors',
    'cases step in float32',
    'cases step in float64',
    'cases checkpoint in float32',
    'cases checkpoint in float64',
  ])
})

it('has capabilities for the bases that there are', () => {
  const named = features.filter((name) => name.startsWith('base/') && name !== 'base/custom')
  expect([...named].sort()).toEqual(bases.map(({ name }) => `base/${name}`).sort())
})

describe('the pages', async () => {
  const pages = await renderBasePages()

  it('are of bases that the core exports', () => {
    const files = readdirSync(join(root, folder)).map((file) => `${folder}/${file}`)
    expect(files.filter((file) => !pages.has(file))).toEqual([])
  })

  it.each([...pages])('%s is as `npm run docs:bases` writes it', (path, text) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(text)
  })
})

describe.each(bases)('$name', ({ name, make }) => {
  const comment = readComment(name)

  it('lacks nothing', () => {
    expect(gapsOf(name)).toEqual([])
  })

  // A base over another one is called with that one.
  it.skipIf(make.length > 0)('is exported under its own name', () => {
    const transformation = core.inducedMetric(make(), { learningRate: 1 })
    expect(make().name).toBe(name)
    expect(core.fromJSON(transformation.toJSON()).settings.base.name).toBe(name)
  })

  it.skipIf(make.length > 0)('has all of its options in its doc comment', () => {
    const missing = Object.keys(make().hyperparameters).filter(
      (key) => !comment.options.includes(`\`${key}\``),
    )
    expect(missing).toEqual([])
  })

  it.skipIf(make.length > 0)('has the state in its doc comment that it has', () => {
    const slots = slotsOf(make())
    expect(comment.text).toContain('State: ')
    const said = /State: [^;]*?(\d+) bytes per float32 parameter/.exec(comment.text)?.[1]
    const isElementwise = slots.every(({ matrix, vector }) => matrix === 512 * 256 && vector === 512)
    if (isElementwise && said !== undefined) expect(Number(said)).toBe(4 * slots.length)
  })
})

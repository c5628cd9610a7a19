import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cases, features } from '@induced-metric/conformance'
import { golden, tied, translate } from '@induced-metric/conformance/golden'
import * as core from '@induced-metric/core'
import { readJson, root } from '../scripts/workspace.js'

// A base has its entry in docs/bases.md, golden vectors from outside, and cases of conformance: none may be forgotten.

/** The bases that the core exports, by name. */
const bases = Object.entries(core).flatMap(([name, value]) => {
  const { definition } = value as Partial<core.PreconditionerFactory<core.HyperparameterSpecs>>
  return definition !== undefined && 'update' in definition
    ? [{ name, make: value as () => core.Preconditioner }]
    : []
})

const { vectors } = readJson('packages/core/test/fixtures/bases.json') as {
  vectors: readonly { base: { name: string } }[]
}
const checked = new Set([
  ...vectors.map(({ base }) => base.name),
  ...tied.map(({ transformation }) => transformation.base.name),
  ...Object.values(golden)
    .flat()
    .map((vector) => translate(vector).transformation.base.name),
])
const page = readFileSync(join(root, 'docs/bases.md'), 'utf8')

it('finds the bases', () => {
  expect(bases.map(({ name }) => name)).toEqual(expect.arrayContaining(['adam', 'muon', 'signum']))
})

it('has capabilities for the bases that there are', () => {
  const named = features.filter((name) => name.startsWith('base/') && name !== 'base/custom')
  expect([...named].sort()).toEqual(bases.map(({ name }) => `base/${name}`).sort())
})

describe.each(bases)('$name', ({ name, make }) => {
  const base = make()
  const [, entry = ''] = new RegExp(`\\n## \`${name}\`\\n((?:(?!\\n## )[^])*)`).exec(page) ?? []

  it('is exported under its own name', () => {
    expect(base.name).toBe(name)
    expect(core.fromJSON(core.inducedMetric(base, { learningRate: 1 }).toJSON()).settings.base.name).toBe(
      name,
    )
  })

  it('has an entry in the docs, with its defaults', () => {
    const defaults = Object.entries(base.hyperparameters)
      .map(([key, value]) => `${key}: ${JSON.stringify(value).replaceAll('"', "'")}`)
      .join(', ')
    expect(entry).toContain(`- Defaults: \`${name}({ ${defaults} })\``)
  })

  it('has the state in the docs that it has', () => {
    const parameter = { name: 'w', shape: [2, 2], data: new Float32Array([1, 2, 3, 4]) }
    const optimizer = core.createOptimizer(core.inducedMetric(base, { learningRate: 1 }), [parameter])
    const bytes = `${4 * Object.keys(optimizer.slots[0]!).length} bytes`
    expect(/- State: (\d+ bytes)/.exec(entry)?.[1]).toBe(bytes)
    expect(page).toMatch(new RegExp(`\\n\\| \\[\`${name}\`\\].*\\| ${bytes} \\|`))
  })

  it('has golden vectors', () => {
    expect([...checked]).toContain(name)
  })

  it('has cases of conformance', () => {
    const own = cases.filter((one) => 'problem' in one && one.problem.transformation.base.name === name)
    for (const family of ['step', 'checkpoint']) {
      for (const dtype of ['float32', 'float64']) {
        const found = own.filter((one) => one.id.startsWith(`${family}/`) && one.dtype === dtype)
        expect(found.length, `${family} in ${dtype}`).toBeGreaterThan(0)
      }
    }
  })
})

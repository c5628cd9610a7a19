import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { adapterPackages, targetsFile } from '../scripts/adapters.js'
import { listFiles, publicPackages, readJson, readManifest, root, workspaces } from '../scripts/workspace.js'

// A package is built, type-checked and tested only if it is listed. These tests find a package that is not.

const references = (file: string): string[] =>
  (readJson(file) as { references: { path: string }[] }).references.map(({ path }) => path)

describe('every part of the workspace takes part', () => {
  it.each(workspaces().map(({ folder }) => folder))('%s is built', (folder) => {
    if (existsSync(join(root, folder, 'src'))) expect(references('tsconfig.json')).toContain(folder)
  })

  it.each(publicPackages().map(({ folder }) => folder))('%s has a test project', (folder) => {
    expect(existsSync(join(root, folder, 'vitest.config.ts'))).toBe(true)
  })

  it('has its tests type-checked', () => {
    const folders = new Set(
      listFiles()
        .filter((file) => file.endsWith('.test.ts') && !file.startsWith('templates/'))
        .map(
          (file) => /^(?:tests|(?:packages|examples)\/[^/]+\/test)(?=\/)/.exec(file)?.[0] ?? dirname(file),
        ),
    )
    expect(references('tsconfig.check.json')).toEqual(expect.arrayContaining([...folders]))
  })

  it('refers to nothing that is gone', () => {
    for (const folder of [...references('tsconfig.json'), ...references('tsconfig.check.json')]) {
      expect([folder, existsSync(join(root, folder, 'tsconfig.json'))]).toEqual([folder, true])
    }
  })
})

describe('every adapter takes part', () => {
  const { dependencies } = readManifest('examples/mnist')

  it.each(adapterPackages())(
    '$folder is tested beside the others, and trains digits',
    ({ folder, manifest }) => {
      expect(existsSync(join(root, folder, targetsFile)), `${folder}/${targetsFile}`).toBe(true)
      expect(Object.keys(dependencies ?? {})).toContain(manifest.name)
    },
  )

  it('has its page in the guide', () => {
    const guide = readFileSync(join(root, 'docs/README.md'), 'utf8')
    for (const page of readdirSync(join(root, 'docs/adapters'))) expect(guide).toContain(`(adapters/${page})`)
  })
})

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { publicPackages, readJson, readManifest, root, workspaces } from '../scripts/workspace.js'

const { version } = readJson('lerna.json') as { version: string }
const all = workspaces()
const names = new Set(all.map(({ manifest }) => manifest.name))

describe('versions go in lockstep', () => {
  it('of packages that there are', () => {
    expect([...names]).toEqual(
      expect.arrayContaining(['@induced-metric/core', '@induced-metric/conformance']),
    )
  })

  it.each(all.map(({ folder, manifest }) => ({ folder, manifest })))('$folder', ({ manifest }) => {
    expect(manifest.version).toBe(version)
    const needs = { ...manifest.devDependencies, ...manifest.dependencies, ...manifest.peerDependencies }
    const inner = Object.entries(needs).filter(([name]) => names.has(name))
    expect(inner).toEqual(inner.map(([name]) => [name, version]))
  })

  it('in the lock file too', () => {
    const lock = readJson('package-lock.json') as { packages: Record<string, { version?: string }> }
    for (const { folder } of all) expect([folder, lock.packages[folder]?.version]).toEqual([folder, version])
  })
})

describe('dependencies of the workspace', () => {
  it.each([{ folder: '.', manifest: readManifest('.') }, ...all])(
    '$folder pins what it installs',
    ({ manifest }) => {
      const pinned = { ...manifest.devDependencies, ...manifest.dependencies }
      // A package under another name is pinned as well: npm:name@1.2.3.
      for (const [name, range] of Object.entries(pinned))
        expect([name, range]).toEqual([name, expect.stringMatching(/^(npm:.+@)?\d/)])
    },
  )
})

describe('what is published', () => {
  it.each(publicPackages())('$folder says who may use it and how', ({ folder, manifest }) => {
    expect(manifest).toMatchObject({
      name: expect.stringMatching(/^@induced-metric\/[\w.-]+$/),
      description: expect.any(String),
      keywords: expect.arrayContaining(['optimizer']),
      license: 'MIT',
      type: 'module',
      engines: { node: readManifest('.').engines?.node },
      publishConfig: { access: 'public' },
      files: expect.arrayContaining(['dist', 'src']),
    })
    const license = join(root, folder, 'LICENSE')
    expect(existsSync(license)).toBe(true)
    expect(readFileSync(license, 'utf8')).toBe(readFileSync(join(root, 'LICENSE'), 'utf8'))
  })
})

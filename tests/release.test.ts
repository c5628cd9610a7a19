import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publicPackages, readJson, readManifest, root, run, runTool } from '../scripts/workspace.js'
import { publishOrder, publishProblem } from '../scripts/release.js'

const { version } = readJson('lerna.json') as { version: string }

/** Where nothing can be reached: a registry without a server. */
const offline = { npm_config_registry: 'http://127.0.0.1:9', npm_config_fetch_retries: '0' }

describe('npm run release', () => {
  it('is the script of that name', () => {
    expect(readManifest('.').scripts?.['release']).toBe('node scripts/release.js')
  })

  it('with --dry-run checks the packages and shows them, without the network, and publishes nothing', () => {
    const output = execFileSync('node', ['scripts/release.js', '--dry-run'], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, ...offline },
    })
    const names = publicPackages().map(({ manifest }) => manifest.name)
    for (const name of names) {
      expect(output).toContain(`ok    attw  ${name}\n`)
      expect(output).toMatch(new RegExp(`^${name} +\\d+ files +\\d+ kB packed$`, 'm'))
    }
    expect(output).toContain(`Version ${version}, in this order:`)
    expect(output).toContain('Nothing was published')
    expect(output).not.toMatch(/ published$/m)
  }, 180_000)

  it.each([
    [['--dry-run', '--publish'], 'not both'],
    [['--publsh'], '--publsh'],
  ])('takes no %s', (args, message) => {
    const { status, output } = run('node', ['scripts/release.js', ...args])
    expect(status).toBe(1)
    expect(output).toContain(message)
  })
})

describe('a release', () => {
  it('publishes packages after those that they depend on', () => {
    const names = ['d', 'a', 'c', 'b']
    const needs: Record<string, string[]> = { d: ['c', 'a'], a: [], c: ['b', 'elsewhere'], b: ['a'] }
    const packages = names.map((name) => ({ name, dependencies: needs[name]! }))
    expect(publishOrder(packages).map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('has no order where packages depend on each other', () => {
    const packages = [
      { name: 'a', dependencies: ['b'] },
      { name: 'b', dependencies: ['a'] },
    ]
    expect(() => publishOrder(packages)).toThrow('a → b → a')
  })

  it('publishes a commit with the tag of its version and nothing else', () => {
    const ready = { status: '', tags: ['other', 'v1.2.3'], version: '1.2.3' }
    expect(publishProblem(ready)).toBeUndefined()
    expect(publishProblem({ ...ready, status: ' M README.md\n' })).toContain(' M README.md')
    expect(publishProblem({ ...ready, tags: ['v1.2.2'] })).toContain('no tag v1.2.3')
  })
})

describe('lerna version', () => {
  let folder: string
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, encoding: 'utf8' })
  const commit = (file: string, message: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), message)
    git('add', '--all')
    git('-c', 'user.name=test', '-c', 'user.email=test@localhost', 'commit', '--quiet', '--message', message)
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'induced-metric-changelog-'))
    for (const file of ['lerna.json', 'CHANGELOG.md']) cpSync(join(root, file), join(folder, file))
    const manifest = { name: 'x', private: true, workspaces: ['packages/*'] }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    mkdirSync(join(folder, 'packages/core'), { recursive: true })
    writeFileSync(join(folder, 'packages/core/package.json'), JSON.stringify({ name: 'core', version }))
    git('init', '--quiet')
    commit('packages/core/a.txt', 'feat: before')
    git('tag', `v${version}`)
    commit('packages/core/b.txt', 'feat(core): an option for the test')
    commit('packages/core/c.txt', 'fix(core): a fault for the test')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('writes conventional commits into the changelog, above what was written by hand', () => {
    const before = readFileSync(join(folder, 'CHANGELOG.md'), 'utf8')
    const args = ['version', '--yes', '--no-git-tag-version']
    const { status, output } = runTool('lerna', args, { cwd: folder })
    expect(status, output).toBe(0)
    const after = readFileSync(join(folder, 'CHANGELOG.md'), 'utf8')
    const entries = /^#+ \[?\d+\.\d+\.\d+/m
    const [start, old] = [before.search(entries), before.slice(before.search(entries))]
    expect(after.slice(0, start)).toBe(before.slice(0, start))
    expect(after.trimEnd().endsWith(old.trimEnd())).toBe(true)
    const added = after.slice(start, after.indexOf(old.trimEnd()))
    expect(added).toMatch(/### Features\n+\* \*\*core:\*\* an option for the test/)
    expect(added).toMatch(/### Bug Fixes\n+\* \*\*core:\*\* a fault for the test/)
    expect(added).not.toContain('before')
  }, 120_000)
})

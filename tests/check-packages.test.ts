import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { checkPackages } from '../scripts/check-packages.js'
import { run } from '../scripts/workspace.js'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'induced-metric-check-packages-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => vi.restoreAllMocks())

/** Packs a package of these files, and returns how many of its checks failed and what was printed. */
async function check(name: string, manifest: object, files: Readonly<Record<string, string>>) {
  const place = join(folder, name)
  const contents = { name, version: '1.0.0', type: 'module', license: 'MIT', ...manifest }
  for (const [path, text] of Object.entries({ ...files, 'package.json': JSON.stringify(contents) })) {
    mkdirSync(dirname(join(place, path)), { recursive: true })
    writeFileSync(join(place, path), text)
  }
  const { status, output } = run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: place })
  expect(status, output).toBe(0)
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {})
  const tarball = join(folder, `${name}-1.0.0.tgz`)
  const failures = await checkPackages([{ name, folder: place, tarball, files: [] }])
  return { failures, printed: printed.mock.calls.map(([line]) => String(line)).join('\n') }
}

const typed = {
  'dist/index.js': 'export const one = 1\n',
  'dist/index.d.ts': 'export declare const one: number\n',
}

it('a package whose exports are there and have types passes', async () => {
  const exports = { types: './dist/index.d.ts', default: './dist/index.js' }
  const { failures, printed } = await check('good', { exports }, typed)
  expect(printed).toBe('ok    publint  good\nok    attw  good')
  expect(failures).toBe(0)
})

it('a package without types fails, and the fault is told', async () => {
  const { failures, printed } = await check(
    'untyped',
    { exports: './index.js' },
    { 'index.js': 'export {}\n' },
  )
  expect(printed).toContain('FAIL  attw  untyped\n      no types')
  expect(failures).toBe(1)
})

it('a package whose exports name what is not packed fails', async () => {
  const exports = { '.': { types: './dist/index.d.ts', default: './dist/gone.js' } }
  const { failures, printed } = await check('gone', { exports }, typed)
  expect(printed).toMatch(/FAIL {2}publint {2}gone\n.*dist\/gone\.js/)
  expect(failures).toBe(1)
})

it('a package whose declarations are of CommonJS fails', async () => {
  const exports = { types: './dist/index.d.cts', default: './dist/index.js' }
  const files = { 'dist/index.js': typed['dist/index.js'], 'dist/index.d.cts': typed['dist/index.d.ts'] }
  const { failures, printed } = await check('common', { exports }, files)
  expect(printed).toMatch(/FAIL {2}attw {2}common\n.*FalseCJS/)
  expect(failures).toBeGreaterThan(0)
})

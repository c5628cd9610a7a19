import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { listFiles, readJson, root } from '../scripts/workspace.js'

const self = 'tests/committed-files.test.ts'

const forbidden: [what: string, pattern: RegExp][] = [
  ['a path of one machine', /(?<![\w.~$}-])\/(?:work|root|home)\//],
  ['a temporary path', /(?<![\w.~$}-])\/tmp\/\w/],
  ['a path of Windows', /\b[A-Z]:\\Users\\/],
  ['a registry', /registry\.(?:npmjs|yarnpkg|npmmirror)|npm\.pkg\.github/],
  ['a merge conflict', /^(?:<{7}|>{7}) /],
]

/** The forbidden parts of a text, as `line: what`. */
function findForbidden(text: string): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      forbidden.filter(([, pattern]) => pattern.test(line)).map(([what]) => `${index + 1}: ${what}`),
    )
}

function isText(bytes: Buffer): boolean {
  return !bytes.subarray(0, 8000).includes(0)
}

describe('committed files', () => {
  it('name no place that only some machine has', () => {
    const found = listFiles()
      .filter((file) => file !== self)
      .flatMap((file) => {
        const bytes = readFileSync(join(root, file))
        return isText(bytes) ? findForbidden(bytes.toString('utf8')).map((what) => `${file}:${what}`) : []
      })
    expect(found).toEqual([])
  })

  it.each([
    ['see /work/project/x', 'a path of one machine'],
    ['/home/someone', 'a path of one machine'],
    ['x = "/tmp/plan"', 'a temporary path'],
    ['C:\\Users\\x', 'a path of Windows'],
    ['"resolved": "https://registry.npmjs.org/x"', 'a registry'],
    ['<<<<<<< HEAD', 'a merge conflict'],
  ])('would be caught: %s', (text, what) => {
    expect(findForbidden(`\n${text}`)).toEqual([`2: ${what}`])
  })

  it.each(['docs/work/x', '../work/', 'network/', '~/home/', 'join(tmpdir(), x)'])('may say %s', (text) => {
    expect(findForbidden(text)).toEqual([])
  })
})

describe('the lock file', () => {
  it('names no host to install from', () => {
    const lock = readJson('package-lock.json') as { packages: Record<string, { resolved?: string }> }
    const entries = Object.entries(lock.packages)
    expect(entries.filter(([, { resolved }]) => resolved?.includes(':') === true)).toEqual([])
    expect(entries.length).toBeGreaterThan(100)
  })
})

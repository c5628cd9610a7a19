import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { publicPackages, readJson, root } from '../scripts/workspace.js'

// Every export of a package has a doc comment at its declaration.

interface Declaration {
  readonly name: string
  /** As `file:line`. */
  readonly at: string
  readonly comment: string
}

const declaration =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:function|const|class|interface|type|enum) (\w+)/gm
const list = /^export (?:type )?\{([^}]*)\} from '([^']+)'/gm

/** The source behind a specifier in a file: a path, or a package's entry. */
function sourceOf(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier.replace(/\.js$/, '.ts')))
  const [, name = '', entry = ''] = /^@induced-metric\/([^/]+)(.*)$/.exec(specifier) ?? []
  const { exports } = readJson(`packages/${name}/package.json`) as {
    exports: Record<string, Record<string, string>>
  }
  return join('packages', name, exports[`.${entry}`]!['@induced-metric/source']!)
}

/** The declarations of a module's exports, followed through re-exports. */
function exportsOf(file: string): Declaration[] {
  const text = readFileSync(join(root, file), 'utf8')
  const own = [...text.matchAll(declaration)].map(({ index, 1: name = '' }) => {
    const before = text.slice(0, index)
    const comment = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n$/.exec(before)?.[0] ?? ''
    return { name, comment, at: `${file}:${before.split('\n').length}` }
  })
  const others = [...text.matchAll(list)].flatMap(({ 1: names = '', 2: source = '' }) => {
    const wanted = names
      .split(',')
      .map((name) =>
        name
          .trim()
          .replace(/^type /, '')
          .replace(/ as .*/, ''),
      )
      .filter((name) => name !== '')
    const found = exportsOf(sourceOf(file, source))
    return wanted.map((name) => {
      const one = found.find((candidate) => candidate.name === name)
      if (one === undefined) throw new Error(`${file} exports ${name}, which ${source} does not declare`)
      return one
    })
  })
  return [...own, ...others]
}

describe.each(publicPackages().map(({ folder }) => folder))('%s', (folder) => {
  const index = `${folder}/src/index.ts`

  it('exports something', () => {
    expect(existsSync(join(root, index))).toBe(true)
    expect(exportsOf(index)).not.toEqual([])
  })

  it('says of every function with options, which throws for those it does not know, that it throws', () => {
    const silent = exportsOf(index).filter(
      ({ comment }) => /@param options/.test(comment) && !/@throws/.test(comment),
    )
    expect(silent.map(({ at, name }) => `${at} ${name}`)).toEqual([])
  })

  it('documents all that it exports', () => {
    expect(
      exportsOf(index)
        .filter(({ comment }) => comment === '')
        .map(({ at, name }) => `${at} ${name}`),
    ).toEqual([])
  })
})

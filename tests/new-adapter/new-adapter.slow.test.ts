import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyWorkspace, type Copy } from './copy.js'
import { bodies, files, trainerBodies } from './filled/functions.js'

// Runs `npm run new:adapter` on a copy of the workspace. The new package passes every check at once except the conformance
// suite, which it passes as soon as its functions are filled in.

const arrays = { name: 'one-net', kind: 'typed-arrays', form: 'update' }
const tensors = { name: 'two.net2', kind: 'tensors', form: 'update' }
const trainer = { name: 'three-net', kind: 'typed-arrays', form: 'trainer' }
const all = [arrays, tensors, trainer]
const folders = all.flatMap(({ name }) => [`packages/${name}`, `examples/${name}`])

let copy: Copy

const newAdapter = (...args: string[]) => copy.run('node', 'scripts/new-adapter.js', ...args)
const path = (...parts: string[]): string => join(copy.folder, ...parts)
const read = (file: string): string => readFileSync(path(file), 'utf8')
const change = (file: string, f: (text: string) => string): void => writeFileSync(path(file), f(read(file)))

/** What tests did: how many passed, and the messages of those that failed. */
interface Outcome {
  readonly passed: number
  readonly failures: readonly string[]
}

/**
 * Runs tests in the copy, which keeps the modules that it has transformed for the next run.
 *
 * @returns their outcome, of all of them or of the files whose paths contain a text
 */
function runTests(...args: string[]): (part?: string) => Outcome {
  const file = path('results.json')
  const options = ['--reporter=json', `--outputFile=${file}`, '--experimental.fsModuleCache']
  const { output } = copy.tool('vitest', 'run', ...options, ...args)
  try {
    const results = JSON.parse(readFileSync(file, 'utf8')) as {
      testResults: {
        name: string
        message: string
        assertionResults: { status: string; failureMessages: string[] }[]
      }[]
    }
    return (part = '') => {
      const chosen = results.testResults.filter(({ name }) => name.includes(part))
      const tests = chosen.flatMap(({ assertionResults }) => assertionResults)
      return {
        passed: tests.filter(({ status }) => status === 'passed').length,
        failures: [
          ...tests.filter(({ status }) => status === 'failed').map((it) => it.failureMessages.join('\n')),
          // A file that does not load has no tests.
          ...chosen.filter(({ assertionResults }) => assertionResults.length === 0).map((it) => it.message),
        ],
      }
    }
  } catch (error) {
    throw new Error(output, { cause: error })
  } finally {
    rmSync(file, { force: true })
  }
}

beforeAll(() => {
  copy = copyWorkspace()
})

afterAll(() => {
  rmSync(copy.folder, { recursive: true, force: true })
})

describe('a name or an option that does not do', () => {
  it.each<[string, string[], RegExp]>([
    ['no name', [], /give one name, given none[^]*npm run new:adapter NAME/],
    ['two names', ['one', 'two'], /give one name, given one and two/],
    ['a scope', ['@induced-metric/one'], /without a scope: one/],
    ['capitals', ['OneNet'], /small letters and digits/],
    ['a path', ['../one'], /small letters and digits/],
    ['a digit first', ['1net'], /starts with a letter/],
    ['a dot at its end', ['one.'], /single dots or hyphens/],
    ['nothing', [''], /small letters/],
    ["an adapter's", ['tfjs'], /"tfjs" can't be an adapter's name: it is taken: see packages\/tfjs/],
    ["the core's", ['core'], /it is taken: see packages\/core/],
    ["a private package's", ['tests'], /it is taken: see tests/],
    ["an example's", ['mnist'], /it is taken: see examples\/mnist/],
    [
      'an unknown kind',
      ['one', '--kind', 'graphs'],
      /the kind is one of tensors and typed-arrays, given graphs/,
    ],
    ['an unknown form', ['one', '--form', 'class'], /the form is one of update and trainer, given class/],
    [
      'a trainer of tensors',
      ['one', '--kind', 'tensors', '--form', 'trainer'],
      /a trainer is a form of adapters over typed arrays/,
    ],
    ['an unknown option', ['one', '--colour'], /Unknown option '--colour'/],
  ])('%s: says why, and writes nothing', (_, args, says) => {
    const { status, output } = newAdapter(...args, '--no-install')
    expect(output).toMatch(says)
    expect(output).not.toMatch(/^ {4}at /m)
    expect(status).toBe(1)
    expect(copy.changes()).toEqual([])
  })

  it('writes nothing where a file has no place for an adapter, either', () => {
    const before = read('docs/README.md')
    change('docs/README.md', (text) => text.replaceAll('](adapters/', '](elsewhere/'))
    const { status, output } = newAdapter('one', '--no-install')
    expect(output).toContain('docs/README.md is not as expected')
    expect(status).toBe(1)
    expect(copy.changes()).toEqual([' M docs/README.md'])
    writeFileSync(path('docs/README.md'), before)
  })

  it('says where the two dashes go when npm has taken an option for its own', () => {
    const { status, output } = copy.run('npm', 'run', 'new:adapter', 'one', '--kind', 'tensors')
    expect(output).toContain('npm run new:adapter one -- --kind tensors')
    expect(status).not.toBe(0)
    expect(copy.changes()).toEqual([])
  })
})

describe('a new adapter', () => {
  beforeAll(() => {
    for (const { name, kind, form } of all) {
      const made = newAdapter(name, '--kind', kind, '--form', form, '--no-install')
      expect(made.output).toContain(`@induced-metric/${name} is in packages/${name}`)
      expect(made.status).toBe(0)
      copy.link(`@induced-metric/${name}`, `packages/${name}`)
      copy.link(`@induced-metric/example-${name}`, `examples/${name}`)
    }
    // Like npm install, without the linking.
    const args = ['install', '--package-lock-only', '--offline', '--no-audit', '--no-fund']
    const { status, output } = copy.run('npm', ...args)
    expect(status, output).toBe(0)
  })

  const ownProjects = all.flatMap(({ name }) => ['--project', name])
  const ownFolders = all.map(({ name }) => `packages/${name}/`)
  let newborn: ReturnType<typeof runTests>

  beforeAll(() => {
    // In one run, as its start takes seconds: the adapters' own tests, and those that look at the whole workspace.
    const files = ['architecture', 'imports', 'workspace', 'versions', 'links', 'doc-comments']
    newborn = runTests(...ownProjects, '--project', 'tests', ...ownFolders, ...files.map(testFile))
  })

  const testFile = (name: string): string => `tests/${name}.test.ts`
  /** The outcome of files of the workspace's tests. */
  const across = (...names: string[]): Outcome => {
    const outcomes = names.map((name) => newborn(testFile(name)))
    return {
      passed: outcomes.reduce((sum, { passed }) => sum + passed, 0),
      failures: outcomes.flatMap(({ failures }) => failures),
    }
  }

  it('changes what is there by lines of its own only', () => {
    const { output } = copy.run('git', 'diff', '--unified=0', '--', ':!package-lock.json')
    const lines = output.split('\n').filter((line) => /^[+-](?![+-])/.test(line))
    // A last entry that gets a comma, or a list that gets one more entry, counts as a removed and an added line.
    const removed = lines.filter((line) => line.startsWith('-'))
    expect(removed.length).toBeLessThanOrEqual(3)
    expect(lines.length - 2 * removed.length).toBeLessThanOrEqual(all.length * 11)
    expect(copy.changes().filter((line) => !line.startsWith('??')).sort()).toEqual(
      [
        'docs/README.md', 'docs/architecture.md', 'examples/README.md', 'examples/mnist/package.json', 'examples/mnist/tsconfig.json',
        'package-lock.json', 'tsconfig.check.json', 'tsconfig.json',
      ].map((file) => ` M ${file}`).sort(),
    ) // prettier-ignore
  })

  it('builds, and so do the packages that it is registered with', () => {
    expect(copy.tool('tsc', '-b', ...folders, 'examples/mnist')).toEqual({ status: 0, output: '' })
  })

  it('is in the demonstration, which knows its frameworks by the sources in the folder', () => {
    const demo = (...args: string[]) => copy.run('node', 'examples/mnist/dist/main.js', ...args)
    const built = (name: string): string => path(`examples/mnist/dist/frameworks/${name}.js`)
    writeFileSync(built('gone'), 'throw new Error()')
    const { status, output } = demo('--frameworks', 'gone')
    const known = readdirSync(path('examples/mnist/src/frameworks')).map((file) => file.replace(/\.ts$/, ''))
    expect(known).toEqual(expect.arrayContaining(['brain', ...all.map(({ name }) => name)]))
    expect(output).toContain(`Unknown framework: gone. Known: ${known.sort().join(', ')}.`)
    expect(status).toBe(2)
    const untrained = demo('--frameworks', all.map(({ name }) => name).join())
    for (const { name } of all) expect(untrained.output).toContain(`${name} is left out: it is not written`)
    expect(untrained.status).toBe(1)
    writeFileSync(built('one-net'), 'export const oneNet = {}')
    expect(demo('--help').output).toMatch(/one-net\.ts has to export a framework whose id is one-net/)
  })

  it('type-checks', () => {
    const tests = folders.map((folder) => `${folder}/test`)
    expect(copy.tool('tsc', '-b', ...tests)).toEqual({ status: 0, output: '' })
  })

  it('is linted', () => {
    const demonstration = all.map(({ name }) => `examples/mnist/src/frameworks/${name}.ts`)
    const { status, output } = copy.tool('oxlint', ...folders, ...demonstration)
    expect(status, output).toBe(0)
  })

  it('is in the drawing of the architecture, and keeps to the order of imports', () => {
    for (const { name } of all)
      expect(read('docs/architecture.md')).toContain(`| \`${name}\` | the adapter for ${name} |`)
    expect(across('architecture', 'imports').failures).toEqual([])
    expect(across('architecture', 'imports').passed).toBeGreaterThan(40)
  })

  it('is formatted', () => {
    const files = copy.changes().map((line) => line.slice(3))
    const { status, output } = copy.tool('oxfmt', '--check', ...files)
    expect(status, output).toBe(0)
  })

  it('leaves nothing unused', () => {
    const { output } = copy.tool('knip', '--no-config-hints')
    for (const { name } of all) expect(output).not.toContain(name)
  })

  it('has its place in the workspace', () => {
    const { passed, failures } = across('workspace', 'versions', 'links', 'doc-comments')
    expect(failures).toEqual([])
    expect(passed).toBeGreaterThan(50)
    for (const { name } of all) {
      expect(read('docs/README.md')).toContain(`(adapters/${name}.md)`)
    }
  })

  it('is red in its tests, which say what to fill in, in a few lines', () => {
    const { failures } = newborn('/packages/')
    // Of each: the conformance suite as one test, and the two of the gradients.
    expect(failures).toHaveLength(3 * all.length)
    for (const message of failures) expect(message).toMatch(/\bfill in \w+/)
  })

  it('does not compile without one of the operations', () => {
    const file = `packages/${tensors.name}/src/lowering.ts`
    const before = read(file)
    change(file, (text) => text.replace(/^ {2}sqrt: .*\n/m, ''))
    const { status, output } = copy.tool('tsc', '-b', `packages/${tensors.name}`, '--pretty', 'false')
    expect(output).toMatch(/lowering\.ts.*Property 'sqrt' is missing/)
    expect(status).not.toBe(0)
    writeFileSync(path(file), before)
  })

  it('is green once it is filled in, and follows the others from then on', () => {
    cpSync(join(import.meta.dirname, 'filled/framework.ts'), path(`packages/${arrays.name}/src/framework.ts`))
    for (const [name, given] of [
      [arrays.name, bodies],
      [trainer.name, trainerBodies],
    ] as const) {
      for (const [file, functions] of Object.entries(given)) {
        for (const [called, body] of Object.entries(functions)) {
          change(file.replace('NAME', name), (text) => {
            const filled = text.replace(
              new RegExp(`(function ${called}\\([^]*?\\{\\n)[^]*?\\n\\}`),
              `$1${body}\n}`,
            )
            expect(filled, `${called} in ${file}`).not.toBe(text)
            return filled
          })
        }
      }
    }
    for (const [{ name }, given] of [
      [arrays, files.arrays],
      [tensors, files.tensors],
      [trainer, files.trainer],
    ] as const) {
      for (const [file, text] of Object.entries(given)) writeFileSync(path(`packages/${name}/${file}`), text)
    }
    const framework = 'packages/conformance/test/targets/arrays.ts'
    cpSync(path(framework), path(`packages/${tensors.name}/src/tensors.ts`))
    writeFileSync(
      path(`packages/${tensors.name}/src/tensor.ts`),
      "export type { Tensor } from './tensors.js'\n",
    )
    rmSync(path(`packages/${tensors.name}/src/lowering.ts`))
    for (const { name } of all) rmSync(path(`packages/${name}/src/fillIn.ts`))

    const tests = [arrays, trainer].map(({ name }) => `packages/${name}/test`)
    expect(copy.tool('tsc', '-b', ...folders, ...tests)).toEqual({ status: 0, output: '' })
    // A part of the suite, of all kinds: the kit's own tests ask the rest of this same framework with tensors.
    for (const { name } of all) {
      change(`packages/${name}/test/conformance.test.ts`, (text) => {
        const part = text.replace('{ describe, it })', "{ describe, it }, { shard: '1/30' })")
        expect(part).not.toBe(text)
        return part
      })
    }
    const examples = [arrays, trainer].map(({ name }) => `examples/${name}/`)
    const grown = runTests(...ownProjects, '--project', 'examples', ...ownFolders, ...examples)
    expect(grown('/packages/').failures).toEqual([])
    expect(grown('/packages/').passed).toBeGreaterThan(400)
    expect(grown('/examples/')).toEqual({ passed: 2, failures: [] })
    const beside = runTests('--project', 'tests', 'tests/adapters.test.ts', '-t', 'adam, identity')()
    expect(beside.failures).toEqual([])
    expect(beside.passed).toBeGreaterThanOrEqual(2 + 2 * all.length)
  })
})

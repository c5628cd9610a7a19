import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cases, selectCases } from '@induced-metric/conformance'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { markdownBlocks } from '../snippets/blocks.js'
import { type Packed, packAll } from '../../scripts/pack.js'
import { publicPackages, readManifest, root, run, runTool } from '../../scripts/workspace.js'

// The packages as a user gets them: packed, installed into another project, imported, compiled against. Nothing comes from
// the network: their dependencies are copied from this workspace's installation.

const packages = publicPackages()
let folder: string
let packed: Packed[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'induced-metric-user-'))
  mkdirSync(join(folder, 'tarballs'))
  packed = packAll(join(folder, 'tarballs'))
  const inner = Object.fromEntries(packed.map(({ name, tarball }) => [name, `file:${tarball}`]))
  const outer = Object.fromEntries(
    [...outerDependencies()].map(([name, place]) => [name, `file:${copyInstalled(name, place)}`]),
  )
  const manifest = {
    name: 'user',
    private: true,
    type: 'module',
    dependencies: { ...inner, ...outer },
    overrides: { ...inner, ...outer },
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const args = ['install', '--offline', '--install-links', '--no-audit', '--no-fund', '--legacy-peer-deps']
  const { status, output } = run('npm', args, { cwd: folder })
  if (status !== 0) throw new Error(`npm install of the tarballs failed:\n${output}`)
}, 600_000)

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/**
 * All dependencies of the packages outside this workspace, at any depth, with required frameworks, and with the optional ones
 * that this platform has, such as a driver's binary.
 *
 * @returns their folders by name; where several versions are installed, one of them
 */
function outerDependencies(): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const visit = (place: string): void => {
    const {
      dependencies = {},
      optionalDependencies = {},
      peerDependencies = {},
      peerDependenciesMeta = {},
    } = readManifest(place)
    const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional)
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies }).concat(peers)) {
      if (found.has(name) || packages.some((inner) => inner.manifest.name === name)) continue
      const dependency = installedFor(place, name)
      if (dependency === undefined && Object.hasOwn(optionalDependencies, name)) continue
      if (dependency === undefined) throw new Error(`${name}, which ${place} needs, is not installed`)
      found.set(name, dependency)
      visit(dependency)
    }
  }
  for (const { folder } of packages) visit(folder)
  return found
}

/** The folder in which a package finds a dependency: its own, or that of a folder around it. */
function installedFor(place: string, name: string): string | undefined {
  const folder = join(place, 'node_modules', name)
  if (existsSync(join(root, folder, 'package.json'))) return folder
  return place === '.' ? undefined : installedFor(dirname(place), name)
}

/** Whether a program can be started: packages of binaries put a text in the place of one that is not installed. */
function starts(program: string): boolean {
  return existsSync(program) && spawnSync(program, ['--version']).status === 0
}

/** A copy without the package's own node_modules, so that npm installs it as a plain folder. */
function copyInstalled(name: string, place: string): string {
  const copy = join(folder, 'outer', name)
  cpSync(join(root, place), copy, { recursive: true })
  return copy
}

function installed(name: string): string {
  return join(folder, 'node_modules', name)
}

/** Files beside the build and the sources, by package. */
const extras: Readonly<Record<string, readonly string[]>> = {
  '@induced-metric/conformance': [
    'protocol.schema.json',
    'suite.schema.json',
    'suite/index.json',
    ...[...new Set(cases.map(({ id }) => id.split('/')[0]))]
      .map((family) => `suite/${family}.json.gz`)
      .sort(),
    'targets/perl/adam.pl',
    'targets/python/numpy_sgd.py',
    'targets/python/paper.py',
    'targets/python/protocol.py',
    'targets/python/template.py',
    'targets/python/torch_optim.py',
  ],
}

describe.each(packages.map(({ manifest }) => manifest.name))('%s, packed', (name) => {
  const files = (): string[] => packed.find((entry) => entry.name === name)?.files ?? []

  it('holds its build, its sources, its licence and what its manifest adds, and no more', () => {
    expect(files()).toEqual(
      expect.arrayContaining(['LICENSE', 'package.json', 'dist/index.js', 'dist/index.d.ts']),
    )
    const added = files().filter((file) => !/^(dist\/|src\/|README\.md$|LICENSE$|package\.json$)/.test(file))
    expect(added.sort()).toEqual([...(extras[name] ?? [])].sort())
    expect(files().filter((file) => /\.(test|spec)\.|tsbuildinfo|\.config\./.test(file))).toEqual([])
  })

  it('holds the sources that its source maps name', () => {
    const maps = files().filter((file) => file.endsWith('.map'))
    expect(maps).not.toEqual([])
    for (const map of maps) {
      const path = join(installed(name), map)
      const { sources } = JSON.parse(readFileSync(path, 'utf8')) as { sources: string[] }
      for (const source of sources)
        expect(existsSync(join(path, '..', source)), `${map}: ${source}`).toBe(true)
    }
  })

  it('imports what it is told to', () => {
    // The compiler can put a call around the argument, which renames a module of the caller, and which minifiers write inline as
    // an import of two arguments.
    const modules = files().filter((file) => /^dist\/.*\.js$/.test(file))
    const renaming = modules.filter((file) =>
      /\bimport\(\s*__/.test(readFileSync(join(installed(name), file), 'utf8')),
    )
    expect(renaming).toEqual([])
  })

  it('imports in plain Node', () => {
    const code = `const it = await import('${name}'); if (Object.keys(it).length === 0) throw new Error('no exports')`
    expect(run(process.execPath, ['--input-type=module', '--eval', code], { cwd: folder })).toEqual({
      status: 0,
      output: '',
    })
  })

  it('compiles in a strict project', () => {
    const project = join(folder, `compile-${name.replaceAll(/\W/g, '-')}`)
    mkdirSync(project)
    // The declarations of a framework are not checked.
    const framework = Object.keys(readManifest(join('node_modules', name)).peerDependencies ?? {}).length > 0
    if (framework) linkFrameworks(name)
    const config = {
      compilerOptions: {
        target: 'es2022',
        lib: framework ? ['es2022', 'dom'] : ['es2022'],
        module: 'nodenext',
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        skipLibCheck: framework,
        types: [],
      },
      files: ['user.ts'],
    }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
    writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module' }))
    writeFileSync(
      join(project, 'user.ts'),
      `import * as it from '${name}'\n\nexport const names = Object.keys(it)\n`,
    )
    expect(runTool('tsc', ['-p', project, '--pretty', 'false'])).toEqual({ status: 0, output: '' })
  })

  it('gives each of its commands', () => {
    for (const command of Object.keys(readManifest(join('node_modules', name)).bin ?? {})) {
      const { status, output } = run(join(folder, 'node_modules/.bin', command), ['--help'], { cwd: folder })
      expect(output).toContain(command)
      expect(status, output).toBe(0)
    }
  })
})

/** Copies the declarations of peer dependencies to where the compiler finds them. */
function linkFrameworks(name: string): void {
  for (const peer of Object.keys(readManifest(join('node_modules', name)).peerDependencies ?? {})) {
    if (!existsSync(installed(peer)))
      cpSync(join(root, 'node_modules', peer), installed(peer), { recursive: true })
  }
}

describe('the core, used by a stranger', () => {
  it('trains, and compiles to the last declaration', () => {
    const text = [
      `import { type Transformation, adam, createOptimizer, inducedMetric } from '@induced-metric/core'`,
      '',
      'const transformation: Transformation = inducedMetric(adam(), { learningRate: 0.1 })',
      'const data = new Float32Array([3, -2])',
      `const optimizer = createOptimizer(transformation, [{ name: 'theta', shape: [2], data }])`,
      'for (let step = 0; step < 100; step += 1) optimizer.step([data.map((x) => 2 * x)])',
      'const size: number = data.reduce((sum, x) => sum + x * x, 0)',
      'if (!(size < 1)) throw new Error(`did not descend: ${size}`)',
      'if (optimizer.report.step !== 100) throw new Error(`counted ${optimizer.report.step} steps`)',
    ]
    const project = join(folder, 'stranger')
    mkdirSync(project)
    const compilerOptions = { target: 'es2022', lib: ['es2022'], module: 'nodenext', strict: true, types: [] }
    writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module' }))
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }))
    writeFileSync(join(project, 'main.ts'), text.join('\n'))
    expect(runTool('tsc', ['-p', project, '--pretty', 'false'])).toEqual({ status: 0, output: '' })
    expect(run(process.execPath, ['main.js'], { cwd: project })).toEqual({ status: 0, output: '' })
  })
})

describe('the kit, in a repository of its own', () => {
  /** The test file that the guide shows. */
  const shown = markdownBlocks('guide', readFileSync(join(root, 'docs/contributing-an-adapter.md'), 'utf8'))
    .map(({ lines }) => lines)
    .find((lines) => lines.some((line) => line.includes(`from 'node:test'`)))
  const project = (): string => join(folder, 'adapter')

  beforeAll(() => {
    mkdirSync(project())
    writeFileSync(join(project(), 'package.json'), JSON.stringify({ name: 'my-adapter', type: 'module' }))
    // The test runner is not packed.
    const runner = join(folder, 'node_modules/vitest')
    if (!existsSync(runner)) symlinkSync(join(root, 'node_modules/vitest'), runner)
  })

  const shard = '1/20'
  const [whole, family] = [
    selectCases(undefined, false, shard).length,
    selectCases('step/', false, shard).length,
  ]

  /** Writes the shown file for one runner, over a shard, or over a family of it with an adapter that adds to the weights. */
  function write(name: string, runner: string, broken: boolean): void {
    let text = (shown ?? []).join('\n')
    const replace = (from: string, to: string): void => {
      expect(text).toContain(from)
      text = text.replace(from, to)
    }
    replace(`'node:test'`, `'${runner}'`)
    const options = { shard, ...(broken && { filter: 'step/' }) }
    replace('{ describe, it })', `{ describe, it }, ${JSON.stringify(options)})`)
    if (broken) replace('({ data }) => data)', '({ data }) => data.map((x) => x + 1))')
    writeFileSync(join(project(), name), text)
  }

  /** Runs it as a user would, without the environment of this run of vitest. */
  function start(
    command: string,
    args: readonly string[],
    env: object = {},
  ): { status: number | null; output: string } {
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: project(),
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: folder, NO_COLOR: '1', ...env },
      maxBuffer: 1 << 26,
    })
    return { status, output: `${stdout}${stderr}` }
  }

  it('takes less than 30 lines', () => {
    expect(shown).toBeDefined()
    expect(shown!.length).toBeLessThan(30)
  })

  it('runs in node:test, and fails there where the adapter is wrong', () => {
    write('conformance.test.js', 'node:test', false)
    const good = start(process.execPath, ['--test', '--test-reporter=tap', 'conformance.test.js'])
    expect(good.output).toMatch(/^# fail 0$/m)
    const count = (of: string, { output } = good) =>
      Number(new RegExp(`^# ${of} (\\d+)$`, 'm').exec(output)?.[1])
    expect(count('pass') + count('skipped')).toBe(whole)
    expect(count('skipped')).toBeLessThan(whole / 20)
    expect(good.status).toBe(0)
    write('conformance.test.js', 'node:test', true)
    const bad = start(process.execPath, ['--test', '--test-reporter=tap', 'conformance.test.js'])
    expect(count('pass', bad)).toBe(0)
    expect(count('fail', bad) + count('skipped', bad)).toBe(family)
    expect(bad.status).toBe(1)
  })

  it('runs in vitest, and fails there where the adapter is wrong', () => {
    const vitest = join(folder, 'node_modules/vitest/vitest.mjs')
    const args = [vitest, 'run', '--root', '.', '--reporter=json']
    write('conformance.test.js', 'vitest', false)
    const good = start(process.execPath, args)
    const summary = (text: string) => JSON.parse(text.slice(text.indexOf('{'))) as Record<string, number>
    expect(summary(good.output)).toMatchObject({ numTotalTests: whole, numFailedTests: 0 })
    expect(good.status).toBe(0)
    write('conformance.test.js', 'vitest', true)
    const bad = start(process.execPath, args)
    const { numPassedTests, numFailedTests, numPendingTests } = summary(bad.output)
    expect([numPassedTests, numFailedTests! + numPendingTests!]).toEqual([0, family])
    expect(bad.status).toBe(1)
  })

  /** Other runners and runtimes, if `npm install --prefix tests/packages/runners`, or `runtimes`, has brought them. */
  const runners = join(root, 'tests/packages/runners/node_modules')
  const runtimes = join(root, 'tests/packages/runtimes/node_modules')
  const isThere = (name: string): boolean => existsSync(join(runners, name))
  const part = selectCases('step/sgd').length

  /** Writes the shown file, with its runner's globals or module, over a part of the suite. */
  function writePart(name: string, runner: string | undefined, broken: boolean): void {
    let text = (shown ?? []).join('\n')
    const line = `import { describe, it } from 'node:test'\n`
    expect(text).toContain(line)
    text = text.replace(line, runner === undefined ? '' : line.replace('node:test', runner))
    text = text.replace('{ describe, it })', `{ describe, it }, { filter: 'step/sgd' })`)
    if (broken) text = text.replace('({ data }) => data)', '({ data }) => data.map((x) => x + 1))')
    writeFileSync(join(project(), name), text)
  }

  /** Runs a command on a right and on a wrong adapter. */
  function both(name: string, runner: string | undefined, command: readonly string[], env: object = {}) {
    return [false, true].map((broken) => {
      writePart(name, runner, broken)
      return start(command[0]!, command.slice(1), env)
    }) as [ReturnType<typeof start>, ReturnType<typeof start>]
  }

  it.skipIf(!isThere('mocha'))('runs in mocha', () => {
    const [good, bad] = both('suite.mjs', undefined, [
      process.execPath,
      join(runners, 'mocha/bin/mocha.js'),
      'suite.mjs',
    ])
    expect(good.output).toContain(`${part} passing`)
    expect(good.status).toBe(0)
    expect(bad.output).toContain(`${part} failing`)
    expect(bad.status).not.toBe(0)
  })

  it.skipIf(!isThere('jest'))('runs in jest, in a CommonJS package, as the page says', () => {
    writeFileSync(join(project(), 'package.json'), JSON.stringify({ name: 'my-adapter' }))
    const config = "module.exports = { testMatch: ['**/*.test.mjs'], transform: {} }\n"
    expect(readFileSync(join(root, 'packages/conformance/README.md'), 'utf8')).toContain(config.trim())
    writeFileSync(join(project(), 'jest.config.js'), config)
    try {
      const command = [process.execPath, join(runners, 'jest/bin/jest.js'), 'suite']
      const [good, bad] = both('suite.test.mjs', undefined, command, {
        NODE_OPTIONS: '--experimental-vm-modules',
      })
      expect(good.output).toMatch(new RegExp(`Tests: +${part} passed, ${part} total`))
      expect(good.status).toBe(0)
      expect(bad.output).toMatch(new RegExp(`Tests: +${part} failed, ${part} total`))
      expect(bad.status).not.toBe(0)
    } finally {
      rmSync(join(project(), 'jest.config.js'))
      writeFileSync(join(project(), 'package.json'), JSON.stringify({ name: 'my-adapter', type: 'module' }))
    }
  })

  const bun = ['@oven/bun-linux-x64/bin/bun', 'bun/bin/bun.exe']
    .map((path) => join(runtimes, path))
    .find(starts)
  it.skipIf(bun === undefined)('runs in bun test', () => {
    const [good, bad] = both('bun.test.js', 'bun:test', [bun!, 'test', './bun.test.js'])
    expect(good.output).toMatch(new RegExp(`\\n ${part} pass\\n 0 fail\\n`))
    expect(good.status).toBe(0)
    expect(bad.output).toMatch(new RegExp(`\\n 0 pass\\n ${part} fail\\n`))
    expect(bad.status).not.toBe(0)
  })

  const deno = ['@deno/linux-x64-glibc/deno', 'deno/bin.cjs'].map((path) => join(runtimes, path)).find(starts)
  it.skipIf(deno === undefined)('runs in deno test', () => {
    const command = [deno!, 'test', '--allow-all', '--no-check', '--no-lock', 'deno.test.js']
    const [good, bad] = both('deno.test.js', 'node:test', command)
    expect(good.output).toMatch(new RegExp(`\\(${part + 1} steps\\) \\| 0 failed`))
    expect(good.status).toBe(0)
    expect(bad.output).toContain('FAILED')
    expect(bad.status).not.toBe(0)
  })

  it('has its command there, which writes reports and compares them', () => {
    const module = [
      `import * as core from '@induced-metric/core'`,
      `import { allCapabilities } from '@induced-metric/conformance'`,
      ...(shown ?? []).slice(4, -2),
      'export const targets = { one: { manifest, core, create } }',
    ]
    writeFileSync(join(project(), 'targets.js'), module.join('\n'))
    const command = join(folder, 'node_modules/.bin/induced-conformance')
    const run = (...args: string[]) => start(command, args)
    const part = run('targets.js', '--filter', 'step/adam', '--json', 'old.json')
    expect(part.output).toContain('a part of the suite, which shows no conformance: step/adam')
    expect(part.status).toBe(0)
    const { status, output } = run('diff', 'old.json', 'old.json')
    expect(output).toContain('nothing is worse')
    expect(status).toBe(0)
  })
})

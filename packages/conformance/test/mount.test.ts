import * as core from '@induced-metric/core'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  allCapabilitiesBut,
  cases,
  casesVersion,
  mountConformance,
  runConformance,
  type ConformanceTarget,
} from '../src/index.js'
import { coreTarget } from './conformance/targets.js'
import { sloppyTarget } from './targets/sloppy.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))
const target = coreTarget('reference')

/** A runner that only records the mounted tests. */
function recorder(): {
  readonly names: string[]
  readonly tests: {
    readonly path: string
    readonly timeout: number | undefined
    readonly body: () => Promise<void>
  }[]
  readonly describe: (name: string, body: () => void) => void
  readonly it: (name: string, body: () => Promise<void>, timeout?: number) => void
} {
  const stack: string[] = []
  const names: string[] = []
  const tests: ReturnType<typeof recorder>['tests'] = []
  return {
    names,
    tests,
    describe(name, body) {
      names.push(name)
      stack.push(name)
      body()
      stack.pop()
    },
    it: (name, body, timeout) => void tests.push({ path: [...stack, name].join(' > '), timeout, body }),
  }
}

describe('mountConformance', () => {
  it('mounts every case once, under its family', () => {
    const runner = recorder()
    // A target that counts what lives is asked everything.
    mountConformance({ ...target, living: () => 0 }, runner)
    expect(runner.tests).toHaveLength(cases.length)
    expect(new Set(runner.tests.map(({ path }) => path)).size).toBe(cases.length)
    expect(runner.names[0]).toBe(
      `conformance of @induced-metric/core 0.1.0 on reference, suite ${casesVersion}: ${cases.length} cases to pass`,
    )
    expect(runner.names).toContain('checkpoint')
    // Runners that count parameters (mocha, jest) take a body with one for a callback's.
    expect(runner.tests.every(({ body, timeout }) => body.length === 0 && timeout === undefined)).toBe(true)
  })

  it('mounts what a filter leaves, with a timeout where one is given', () => {
    const runner = recorder()
    mountConformance(target, runner, { filter: 'error/shape', timeout: 1234 })
    expect(runner.tests).toHaveLength(6)
    expect(runner.names[0]).toMatch(/, suite \d+, only error\/shape: 6 cases to pass$/)
    expect(runner.tests.every(({ timeout }) => timeout === 1234)).toBe(true)
  })

  it('makes tests that fail by the case’s message', async () => {
    const runner = recorder()
    mountConformance(sloppyTarget('decay scaled by ρ'), runner, { filter: 'option/decay/f64/0001' })
    await expect(runner.tests[0]!.body()).rejects.toThrow(
      /option\/decay\/f64\/0001: decoupled decay is not multiplied by ρ\n {2}call 1, parameter kernel.*expected/,
    )
  })

  it('says in the title what is not declared', () => {
    const runner = recorder()
    mountConformance(sloppyTarget(), runner, { filter: 'option/scope/f64/0001' })
    expect(runner.tests[0]!.path).toMatch(/\(metricScope is not declared: must be refused\)$/)
  })

  it('says how many cases are to pass, to be refused, and not asked', () => {
    const runner = recorder()
    mountConformance(sloppyTarget(), runner, { filter: /^(option\/scope|step\/sgd)\/f64/ })
    expect(runner.names[0]).toMatch(/: \d+ cases to pass, \d+ to be refused$/)
    const plain = recorder()
    const { manifest } = target
    mountConformance({ ...target, manifest: { ...manifest, capabilities: ['base/sgd'] } }, plain)
    const [, asked, not] = /: (\d+) cases to pass, (\d+) not asked$/.exec(plain.names[0]!)!
    expect([Number(asked) > 0, Number(asked) + Number(not)]).toEqual([true, cases.length])
  })

  it('skips what is not asked, where the runner can', () => {
    const runner = recorder()
    const skipped: string[] = []
    const it = Object.assign(runner.it, { skip: (name: string) => void skipped.push(name) })
    const { manifest } = target
    mountConformance({ ...target, manifest: { ...manifest, capabilities: ['base/sgd'] } }, { ...runner, it })
    expect(runner.tests.length + skipped.length).toBe(cases.length)
    expect(runner.tests.every(({ path }) => !path.includes('(not asked'))).toBe(true)
    expect(skipped.every((title) => title.includes('(not asked'))).toBe(true)
  })

  it('gives a test that fails by an error of the target its place and its cause', async () => {
    const runner = recorder()
    const create = () => {
      throw new TypeError('x is undefined', { cause: new RangeError('no x') })
    }
    mountConformance({ ...target, create }, runner, { filter: 'step/sgd/f64/0001' })
    const error = await runner.tests[0]!.body().catch((thrown: unknown) => thrown as Error)
    expect(error).toMatchObject({ name: 'ConformanceFailure', cause: { message: 'x is undefined' } })
    expect((error as Error).message).toMatch(
      /\n {2}TypeError: x is undefined\n {4}at .*mount\.test\.ts[^]*\n {4}caused by RangeError: no x\n/,
    )
  })

  it('refuses what is no target, in words', () => {
    const mount = (wrong: unknown) => () => mountConformance(wrong as ConformanceTarget, recorder())
    expect(mount(undefined)).toThrow(/a conformance target is \{ manifest, core, create \}/)
    expect(mount({})).toThrow(
      /manifest must be an object\n.*create must be a function.*\n.*import \* as core/,
    )
    expect(mount({ ...target, manifest: { ...target.manifest, capabilities: ['fast'] } })).toThrow(
      /names "fast"; known:/,
    )
  })
})

/** The cases about a disposed optimiser. */
const disposed = ['0001', '0002'].flatMap((n) => [`error/disposed/f32/${n}`, `error/disposed/f64/${n}`])

describe('runConformance', () => {
  it('reports what can be written as JSON and says how near the limits it came', async () => {
    const report = await runConformance(target, { filter: 'step/adam/f32', seed: 3 })
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
    expect(report).toMatchObject({
      format: 'induced-metric-conformance',
      version: casesVersion,
      seed: 3,
      filter: 'step/adam/f32',
    })
    expect(report.totals).toEqual({ passed: 18, failed: 0, 'not-supported-as-declared': 0 })
    const { worst } = report.cases[0]!
    expect(worst!.error).toBeGreaterThan(0)
    expect(worst!.error).toBeLessThan(worst!.tolerance)
  })

  it('runs the cases of some ids, or that match an expression, wherever that has been used', async () => {
    const ids = ['step/sgd/f64/0001', 'error/disposed/f32/0001']
    const { cases, filter } = await runConformance(target, { filter: ids })
    expect(cases.map(({ id }) => id).sort()).toEqual(ids.sort())
    expect(filter).toBe('2 cases by id')
    const expression = /error\/disposed/g
    const [first, second] = [
      await runConformance(target, { filter: expression }),
      await runConformance(target, { filter: expression }),
    ]
    expect(first.cases.map(({ id }) => id)).toEqual(disposed)
    expect(second).toEqual(first)
    expect(first.filter).toBe('/error\\/disposed/g')
  })

  it('runs no part that is empty', async () => {
    await expect(runConformance(target, { filter: 'zzz' })).rejects.toThrow('no case matches the filter zzz')
    await expect(runConformance(target, { filter: [] })).rejects.toThrow('no case matches the filter 0 cases')
    await expect(runConformance(target, { filter: ['step/sgd/f64/0'] })).rejects.toThrow(
      'no case step/sgd/f64/0',
    )
    expect(() => mountConformance(target, recorder(), { filter: /zzz/ })).toThrow(
      'no case matches the filter /zzz/',
    )
  })

  it('takes its seed from the environment', async () => {
    process.env['INDUCED_CONFORMANCE_SEED'] = '42'
    try {
      expect((await runConformance(target, { filter: 'error/disposed' })).seed).toBe(42)
      process.env['INDUCED_CONFORMANCE_SEED'] = 'x'
      await expect(runConformance(target)).rejects.toThrow('INDUCED_CONFORMANCE_SEED must be a whole number')
    } finally {
      delete process.env['INDUCED_CONFORMANCE_SEED']
    }
  })

  it('works on a target that is asynchronous throughout', async () => {
    const slow = async <T>(value: () => T | Promise<T>): Promise<T> => {
      await Promise.resolve()
      return value()
    }
    const later: ConformanceTarget = {
      ...target,
      create: (...given) =>
        slow(async () => {
          const session = await target.create(...given)
          return {
            step: (...x) => slow(() => session.step(...x)),
            read: () => slow(async () => (await session.read()).map((data) => data.slice())),
            save: () => slow(() => session.save!()),
            load: (bytes) => slow(() => session.load!(bytes)),
            reset: () => slow(() => session.reset!()),
            dispose: () => slow(() => session.dispose!()),
          }
        }),
    }
    const { totals, cases } = await runConformance(later, {
      filter: /^(edge\/skip|error|checkpoint|custom|support)/,
      shard: '1/4',
    })
    expect(cases.filter(({ status }) => status === 'failed')).toEqual([])
    expect(totals.passed).toBeGreaterThan(100)
  })

  it('disposes of every session, whatever becomes of the case', async () => {
    let open = 0
    const counting = (inner: ConformanceTarget): ConformanceTarget => ({
      ...inner,
      async create(...given) {
        const session = await inner.create(...given)
        open++
        let done = false
        return {
          ...session,
          dispose() {
            if (!done) open--
            done = true
            return session.dispose!()
          },
        }
      },
    })
    await runConformance(counting(target), { filter: /^(support|error|random\/oracle|checkpoint\/bad)/ })
    expect(open).toBe(0)
    await runConformance(counting(sloppyTarget('a sum per tensor')), {
      filter: /^(step\/sgd|property\/layout)/,
    })
    expect(open).toBe(0)
  })

  it('lets an adapter that does not promise byName load by position, if it does so properly', async () => {
    const byPosition = (keepSlots: boolean): ConformanceTarget => ({
      ...target,
      manifest: { ...target.manifest, capabilities: allCapabilitiesBut('byName') },
      async create(transformation, parameters) {
        const session = await target.create(transformation, parameters)
        return {
          ...session,
          load(bytes) {
            const saved = core.decodeCheckpoint(bytes)
            const states = saved.parameters.map((state, i) => ({
              ...state,
              name: parameters[i]!.name,
              slots: keepSlots
                ? state.slots
                : Object.fromEntries(
                    Object.entries(state.slots).map(([name, data]) => [name, data.slice().fill(0)]),
                  ),
            }))
            return session.load!(core.encodeCheckpoint({ ...saved, parameters: states }))
          },
        }
      },
    })
    const filter = /^checkpoint\/bad\/f64\/0007/
    expect((await runConformance(byPosition(true), { filter })).totals.passed).toBe(1)
    const { cases } = await runConformance(byPosition(false), { filter })
    expect(cases[0]!.message).toMatch(/slot 0 after loading by position/)
  })

  it('survives a target that throws what is no error', async () => {
    const wild: ConformanceTarget = {
      ...target,
      create() {
        // oxlint-disable-next-line typescript/only-throw-error -- that is the point
        throw 'no'
      },
    }
    const { cases } = await runConformance(wild, { filter: 'step/sgd/f64/0001' })
    expect(cases[0]).toMatchObject({ status: 'failed', message: expect.stringContaining('no') as string })
  })
})

describe('outside vitest', () => {
  let directory: string
  beforeAll(async () => {
    // The published form of the packages, which Node itself loads.
    await run(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-b', 'packages/conformance'],
      { cwd: root },
    )
    directory = await mkdtemp(join(root, 'packages/conformance/test/.run-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  const targetModule = (wrong: string): string => `
    import * as core from '@induced-metric/core'
    import { allCapabilities } from '@induced-metric/conformance'
    const arithmetic = { elementwise: 'float64', sums: 'float64' }
    export default {
      manifest: { name: 'tiny', version: '1.0.0', backend: 'node', dtypes: ['float64'], arithmetic: { float64: arithmetic }, capabilities: allCapabilities },
      core,
      create(transformation, parameters) {
        if (parameters[0].data instanceof Float32Array) throw new core.InducedMetricError('ERR_NOT_SUPPORTED', 'float64 only')
        const optimizer = core.createOptimizer(transformation, parameters)
        return {
          step: (gradients, options) => { const report = optimizer.step(gradients, options); ${wrong}; return report },
          read: () => parameters.map(({ data }) => data),
          save: () => core.encodeCheckpoint(optimizer.save()),
          load: (bytes) => optimizer.load(core.decodeCheckpoint(bytes)),
          reset: () => optimizer.reset(),
          dispose: () => optimizer.dispose(),
        }
      },
    }`
  const write = async (name: string, text: string): Promise<string> => {
    const file = join(directory, name)
    await writeFile(file, text)
    return file
  }
  const bin = join(root, 'packages/conformance/dist/bin.js')
  const node = async (...given: string[]): Promise<{ code: number; out: string; err: string }> => {
    // vitest's own variables would have node:test talk to it instead of to us.
    const env = { PATH: process.env['PATH'] }
    try {
      const { stdout, stderr } = await run(process.execPath, given, { cwd: directory, env })
      return { code: 0, out: stdout, err: stderr }
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
      return { code, out: stdout, err: stderr }
    }
  }

  it('mounts into node:test', async () => {
    await write('good.mjs', targetModule(''))
    const suite = (filter: string): string => `
      import { describe, it } from 'node:test'
      import { mountConformance } from '@induced-metric/conformance'
      import target from './good.mjs'
      mountConformance(target, { describe, it }, { filter: ${filter}, timeout: 60_000 })`
    const file = await write('suite.mjs', suite('/^(step\\/sgd|edge|error)/'))
    const { code, out } = await node('--test', '--test-reporter=tap', file)
    expect(out).toMatch(/# fail 0/)
    expect(Number(/# tests (\d+)/.exec(out)![1])).toBeGreaterThan(300)
    expect(code).toBe(0)
  })

  it('fails in node:test where the target fails', async () => {
    await write('bad.mjs', targetModule('parameters[0].data[0] *= 1 + 1e-9'))
    const file = await write(
      'failing.mjs',
      `
      import { describe, it } from 'node:test'
      import { mountConformance } from '@induced-metric/conformance'
      import target from './bad.mjs'
      mountConformance(target, { describe, it }, { filter: 'step/sgd' })`,
    )
    const { code, out } = await node('--test', '--test-reporter=tap', file)
    expect(code).toBe(1)
    expect(out).toMatch(/not ok .*step\/sgd\/f64\/0001/)
    expect(out).toMatch(
      /element 0: -0\.4626959\d{6,}, expected -0\.4626959\d{6,} \(relative error 2\.39e-10, allowed 1\.00e-12\)/,
    )
  })

  it('prints a table, writes a report and exits with 0', async () => {
    const module = await write('good.mjs', targetModule(''))
    const json = join(directory, 'report.json')
    const { code, out, err } = await node(bin, module, '--json', json, '--filter', 'step/sgd', '--seed', '9')
    expect(err).toBe('')
    expect(out).toMatch(
      /^tiny 1\.0\.0 on node by version \d+ of the suite\n\nfamily +passed +failed +not supported +worst error\/allowed\n/,
    )
    // It refuses every case in float32, and passes every case in float64.
    const stepsIn = (dtype: string): number =>
      cases.filter(({ id }) => id.startsWith('step/sgd') && id.includes(dtype)).length
    expect(out).toMatch(new RegExp(`\\nstep +${stepsIn('/f64/')} +0 +${stepsIn('/f32/')} `))
    expect(out).toMatch(/seed 9; nothing failed/)
    expect(code).toBe(0)
    const { default: report } = (await import(json, { with: { type: 'json' } })) as {
      default: { totals: { failed: number; passed: number }; cases: unknown[]; seed: number }
    }
    expect(report.totals.failed).toBe(0)
    expect(report.cases).toHaveLength(
      cases.filter(({ id, title }) => `${id} ${title}`.includes('step/sgd')).length,
    )
    expect(report.seed).toBe(9)
  })

  it('prints failures with their messages and exits with 1', async () => {
    const module = await write('bad.mjs', targetModule('parameters[0].data[0] *= 1 + 1e-9'))
    const { code, out } = await node(bin, module, '--filter', 'step/sgd/f64/0001')
    expect(code).toBe(1)
    expect(out).toMatch(
      /✗ step\/sgd\/f64\/0001\n {2}sgd under identity, .*\n {4}call 1, parameter kernel, element 0: .*, expected .*\(relative error/,
    )
    expect(out).toMatch(/step +0 +1 +0/)
    expect(out).toMatch(/1 failed/)
  })

  it('takes a function that makes the target', async () => {
    await write('good.mjs', targetModule(''))
    const module = await write(
      'made.mjs',
      `import target from './good.mjs'\nexport default async () => target`,
    )
    expect((await node(bin, module, '--filter', 'error/disposed')).code).toBe(0)
  })

  it('runs one target of a module that exports several', async () => {
    await write('good.mjs', targetModule(''))
    const module = await write(
      'several.mjs',
      `import target from './good.mjs'\nexport const targets = { one: () => target, two: () => target }`,
    )
    const filter = ['--filter', 'error/disposed']
    expect((await node(bin, module, '--target', 'two', ...filter)).code).toBe(0)
    expect((await node(bin, module, ...filter)).err).toMatch(/choose one with --target: one, two/)
    expect((await node(bin, module, '--target', 'three', ...filter)).err).toMatch(/there is no target three/)
    const single = join(directory, 'good.mjs')
    expect((await node(bin, single, '--target', 'x', ...filter)).err).toMatch(/--target x chooses among/)
  })

  it.each([
    ['no module', [], /name the module of a target[^]*Exit code/],
    ['two modules', ['a.mjs', 'b.mjs'], /one target at a time, given a\.mjs and b\.mjs/],
    ['a module that is not there', ['absent.mjs'], /absent\.mjs: Cannot find module/],
    [
      'a module without a target',
      ['empty.mjs'],
      /empty\.mjs: export the target as default.*; it exports other/,
    ],
    [
      'a target without a manifest',
      ['half.mjs'],
      /half\.mjs: this conformance target can't be run:\n {2}manifest must be an object/,
    ],
    ['an unknown option', ['--colour'], /Unknown option '--colour'/],
    ['a seed that is no number', ['half.mjs', '--seed', 'x'], /--seed must be a whole number, given x/],
    ['a filter without a match', ['half.mjs', '--filter', 'zzz'], /no case matches the filter zzz/],
    ['a filter without a match, to list', ['--list', '--filter', 'zzz'], /no case matches the filter zzz/],
    ['failed cases of no report', ['half.mjs', '--failed', 'half.mjs'], /Unexpected token/],
    ['failed cases of what is not there', ['half.mjs', '--failed', 'absent.json'], /absent\.json/],
    ['two filters', ['half.mjs', '--filter', 'x', '--failed', 'y'], /--filter or --failed, not both/],
  ])('exits with 2 and says why: %s', async (_what, given, says) => {
    await write('empty.mjs', 'export const other = 1')
    await write('half.mjs', 'export default { create() {} }')
    const { code, err } = await node(bin, ...given)
    expect(err).toMatch(says)
    expect(code).toBe(2)
  })

  it('runs again what failed in a report, and says that it is a part', async () => {
    const json = join(directory, 'failed.json')
    const module = await write('bad.mjs', targetModule('parameters[0].data[0] *= 1 + 1e-9'))
    const first = await node(bin, module, '--filter', 'step/sgd', '--json', json)
    expect(first.out).toMatch(/ failed\na part of the suite, which shows no conformance: step\/sgd\n/)
    const again = await node(bin, module, '--failed', json)
    expect(again.code).toBe(1)
    const ids = (out: string) => out.match(/✗ \S+/g)
    expect(ids(again.out)).toEqual(ids(first.out))
    expect(again.out).toMatch(/\nall +0 +(\d+) +0\s[^]*: \1 cases by id\n/)

    const good = await write('good.mjs', targetModule(''))
    expect((await node(bin, good, '--failed', json)).out).toContain('nothing failed\na part of the suite')
    await node(bin, good, '--failed', json, '--json', json)
    expect((await node(bin, good, '--failed', json)).err).toContain('nothing failed there')
  })

  it('compares the reports of two runs', async () => {
    const filter = ['--filter', 'step/sgd/f64/0001']
    const [good, bad] = [join(directory, 'good.json'), join(directory, 'bad.json')]
    await node(bin, await write('good.mjs', targetModule('')), ...filter, '--json', good)
    const worse = targetModule('parameters[0].data[0] *= 1 + 1e-9')
    await node(bin, await write('bad.mjs', worse), ...filter, '--json', bad)
    const { code, out, err } = await node(bin, 'diff', good, bad)
    expect(err).toBe('')
    expect(out).toMatch(
      /newly failing: 1\n {2}✗ step\/sgd\/f64\/0001 {2}passed → failed .*\n.*relative error/,
    )
    expect(code).toBe(1)
    const better = await node(bin, 'diff', bad, good)
    expect(better.out).toContain('nothing is worse in a part of the suite: step/sgd/f64/0001')
    expect(better.code).toBe(0)
    expect(await node(bin, 'diff', good, join(directory, 'absent.json'))).toMatchObject({ code: 2 })
    expect((await node(bin, 'diff', good, bad, '--seed', '1')).err).toContain('diff takes no --seed')
  })

  it('lists cases and prints its help', async () => {
    const list = await node(bin, '--list', '--filter', 'error/disposed')
    expect(list.out).toMatch(/^error\/disposed\/f32\/0001 {2}after dispose\(\)/)
    expect(
      list.out
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(disposed)
    const help = await node(bin, '--help')
    expect(help.out).toMatch(/^induced-conformance \.\/target\.js/)
    // V8 complains of flags that it does not have.
    expect(help.err).toBe('')
  })
})

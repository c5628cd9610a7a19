import * as core from '@induced-metric/core'
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { splitCommand, startProcess } from '../src/bin/process.js'
import { notAsked } from '../src/asked.js'
import {
  allCapabilitiesBut,
  cases,
  features,
  guarantees,
  limits,
  mountConformance,
  runConformance,
  type CaseFilter,
  type ConformanceTarget,
} from '../src/index.js'
import type { Peer } from '../src/protocol/peer.js'
import { connectTarget, type RemoteTarget } from '../src/protocol/target.js'
import { coreTarget } from './conformance/targets.js'

const run = promisify(execFile)
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const root = path('../../..')
const nodeTarget = (name: string, ...given: string[]): string[] => [
  process.execPath,
  path(`process/${name}.js`),
  ...given,
]

beforeAll(async () => {
  // The processes load the packages in their published form.
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-b', 'packages/conformance'], {
    cwd: root,
  })
})

const opened: RemoteTarget[] = []
afterEach(async () => {
  for (const { end } of opened.splice(0)) await end()
})

async function connect(start: () => Peer): Promise<RemoteTarget> {
  const remote = await connectTarget(core, start)
  opened.push(remote)
  return remote
}

/** Runs cases on a process, and returns the messages of the failed ones by id. */
async function failures(command: readonly string[], filter: CaseFilter, timeout = 20_000) {
  const { target } = await connect(() => startProcess(command, timeout))
  const { cases, totals } = await runConformance(target, { filter })
  const failed = cases.filter(({ status }) => status === 'failed')
  return { totals, failed: Object.fromEntries(failed.map(({ id, message }) => [id, message])) }
}

/** The first interpreter that can import the modules. */
function python(...modules: string[]): string | undefined {
  const code = `import sys${modules.map((name) => `, ${name}`).join('')}; assert sys.version_info >= (3, 8)`
  return [process.env['PYTHON'] ?? 'python3', '/usr/bin/python3'].find(
    (name) => spawnSync(name, ['-c', code]).status === 0,
  )
}
const plainPython = python()
const torchPython = python('torch')
const hasPerl = spawnSync('perl', ['-MJSON::PP', '-e', '1']).status === 0

describe('a number on the line', () => {
  const odd = [
    NaN,
    Infinity,
    -Infinity,
    -0,
    0,
    5e-324,
    -Number.MAX_VALUE,
    Number.MIN_VALUE,
    0.1,
    1 / 3,
    2 ** 53 + 2,
  ]
  const drawn = Array.from({ length: 200 }, (_, i) => Math.sin(i + 1) * 10 ** (((i * 37) % 600) - 300))

  it.each(['float64', 'float32'] as const)('arrives bit for bit, there and back, in %s', async (dtype) => {
    const { target } = await connect(() => startProcess(nodeTarget('echo'), 20_000))
    const data = (dtype === 'float64' ? Float64Array : Float32Array).from([...odd, ...drawn])
    const transformation = core.inducedMetric(core.sgd(), { learningRate: 0.1, xi: 0 })
    const session = await target.create(transformation, [{ name: 'p', shape: [data.length], data }])
    const bytes = (array: ArrayBufferView) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)
    expect(bytes((await session.read())[0]!)).toEqual(bytes(data))
    const gradient = data.slice().reverse()
    await session.step([gradient])
    expect(bytes((await session.read())[0]!)).toEqual(bytes(gradient))
  })
})

describe('a process that is conformant', () => {
  it('passes what it is asked, and is asked nothing that needs functions', async () => {
    const filter = /^(support|custom|error)\/|^checkpoint\/bad\/f64/
    const { totals, failed } = await failures(nodeTarget('core'), filter)
    expect(failed).toEqual({})
    expect(totals.passed).toBeGreaterThan(40)
    // Options, schedules, transformations, definitions, functions, and arguments that JSON does not carry; 2 features that are functions.
    const manifest = {
      ...coreTarget('reference').manifest,
      protocol: 1,
      capabilities: allCapabilitiesBut('base/custom', 'embedding/custom'),
    }
    const unasked = cases
      .filter(({ id }) => filter.test(id))
      .filter((one) => notAsked({ manifest }, one) !== undefined)
    expect(totals['not-supported-as-declared']).toBe(unasked.length)
    expect(unasked.length).toBe(361)
  })
})

describe('a process that fails', () => {
  /** The second is under log. */
  const three = ['step/sgd/f64/0001', 'step/sgd/f64/0002', 'step/sgd/f64/0003']

  /** By the argument of the process: the text that the failed cases must show. */
  const faults: Readonly<Record<string, RegExp>> = {
    crash:
      /ended with exit code 7 before it answered "step"; its standard error ends in:\nMemoryError: no more/,
    hang: /gave no answer to "step" within 1 s and was stopped/,
    'a word too early':
      /answer to "step" is no JSON object on one line: step 3 took 0\.1 ms \(only answers belong on/,
    'a line too many': /the process wrote a line that answers nothing: \{\}/,
    'an array': /answer to "step" is no JSON object on one line: \[\]/,
    'no report': /the answer to "step": report must be an object, is missing/,
    'a text for a number': /the answer to "step": report\.scale must be a number, "NaN", .*, is "large"/,
    'calls that wait': /call 3, report\.accumulated: 1, expected exactly 0/,
    'NaN for a number': /answer to "step" is no JSON object on one line: \{"report":/,
    'an unknown code': /answer to "step": error\.code must be one of ERR_OPTION, .*, is "ERR_BAD"/,
    'an error of its own': /the target failed: KeyError: v/,
    'an error that is asked for nowhere': /unexpected ERR_SHAPE: ERR_SHAPE: odd/,
    'a number too few': /answer to "read": parameters\[0\], parameter kernel, must hold 12 numbers, holds 11/,
    'a parameter too few': /answer to "read": parameters must hold 4 arrays, holds 3/,
    'NaN in a parameter': /call 3, parameter kernel, element 0: NaN, expected -?\d/,
    'crash at the end': /ended with exit code 3 before it answered "dispose"/,
  }
  it.each(Object.entries(faults))(
    'fails the cases in which it shows, and no other: %s',
    async (fault, says) => {
      const timeout = fault === 'hang' ? 1000 : 20_000
      const { failed, totals } = await failures(nodeTarget('core', fault), three, timeout)
      expect(Object.keys(failed)).toEqual(['step/sgd/f64/0002'])
      for (const message of Object.values(failed)) expect(message).toMatch(says)
      expect(totals.passed).toBe(2)
    },
  )

  it('fails the next case where it ends between two', async () => {
    const { failed } = await failures(nodeTarget('core', 'end between two cases'), three)
    expect(Object.keys(failed)).toEqual(['step/sgd/f64/0003'])
    expect(Object.values(failed)[0]).toMatch(/the process ended with exit code 0/)
  })

  it('is not started for smaller examples of a random case', async () => {
    let starts = 0
    const { target } = await connect(() => {
      starts++
      return startProcess(nodeTarget('core', 'crash'), 20_000)
    })
    const { cases } = await runConformance(target, { filter: ['random/oracle/f64/0001'] })
    expect(cases[0]!.message).toMatch(
      /ended with exit code 7 before it answered "step"[^]*smallest example found/,
    )
    expect(starts).toBe(1)
  })

  it('is not started with another manifest', async () => {
    const { failed } = await failures(nodeTarget('core', 'another manifest'), three)
    expect(failed['step/sgd/f64/0003']).toMatch(
      /after it was started again, the process has another manifest/,
    )
  })

  it.each([
    ['another protocol', /the answer to "hello": protocol must be 1, is 2/],
    ['a base of the kit’s own', /declares base\/custom, which no process can: a message carries no function/],
  ])('is refused at once: %s', async (fault, says) => {
    await expect(connectTarget(core, () => startProcess(nodeTarget('core', fault), 20_000))).rejects.toThrow(
      says,
    )
  })
})

describe('the command', () => {
  const bin = path('../dist/bin.js')
  const exec = async (...given: string[]): Promise<{ code: number; out: string; err: string }> => {
    try {
      const { stdout, stderr } = await run(process.execPath, [bin, ...given])
      return { code: 0, out: stdout, err: stderr }
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
      return { code, out: stdout, err: stderr }
    }
  }
  const quoted = (...words: string[]): string => words.map((word) => `"${word}"`).join(' ')
  const filter = ['--filter', 'step/sgd/f64']

  it('runs a process in place of a module', async () => {
    const good = await exec('--exec', quoted(...nodeTarget('core')), ...filter)
    expect(good).toMatchObject({ code: 0, err: '' })
    expect(good.out).toMatch(/^core in a process 1\.0\.0 by version \d+ of the suite\n[^]*\nstep +6 +0 +0 /)
    const bad = await exec('--exec', quoted(...nodeTarget('core', 'hang')), '--timeout', '0.5', ...filter)
    expect(bad.code).toBe(1)
    expect(bad.out).toMatch(/✗ step\/sgd\/f64\/0002\n[^]*within 0\.5 s[^]*\nstep +4 +2 +0 /)
  })

  it.each([
    [
      'a program that is not there',
      ['--exec', 'no-such-program x'],
      /no-such-program cannot be started: .*ENOENT/,
    ],
    [
      'a program that says nothing',
      ['--exec', quoted(process.execPath, '-e', '0')],
      /ended with exit code 0 before/,
    ],
    ['an empty command', ['--exec', ' '], /the command is empty/],
    ['a quote without an end', ['--exec', 'node "x'], /a quote without an end: node "x/],
    ['a module as well', ['x.js', '--exec', 'y'], /a module or --exec, not both: given x\.js and y/],
    ['a target by name', ['--exec', 'y', '--target', 'z'], /--target chooses among the targets of a module/],
    ['no time', ['--exec', 'y', '--timeout', '0'], /--timeout must be a number of seconds, above 0/],
  ])('exits with 2 and says why: %s', async (_, given, says) => {
    const { code, err } = await exec(...given)
    expect(err).toMatch(says)
    expect(code).toBe(2)
  })

  it('keeps blanks within quotes', () => {
    expect(splitCommand(`"/a b/python" -u 'my target.py' --name="x y"`)).toEqual([
      '/a b/python',
      '-u',
      'my target.py',
      '--name=x y',
    ])
  })
})

describe('a plain optimiser', () => {
  it('is asked for steps at ξ = 0, and the titles of all other cases say why it is not', async () => {
    const { target } = await connect(() => startProcess(nodeTarget('echo'), 20_000))
    const titles: string[] = []
    mountConformance(target, {
      describe: (_, body) => body(),
      it: (title) => void titles.push(title),
    })
    const asked = titles.filter((title) => !title.includes('(not asked: '))
    expect(asked.map((title) => title.split(' ')[0])).toEqual([
      'support/base/sgd/0001',
      'step/plain/f32/0001',
      'step/plain/f64/0001',
      'step/plain/f32/0311',
      'step/plain/f64/0311',
      'edge/gradient/f32/0301',
    ])
    expect(titles).toContainEqual(expect.stringMatching(/^step\/plain\/f64\/0005 .*declare base\/adam\)$/))
    expect(titles).toContainEqual(expect.stringMatching(/^step\/sgd\/f64\/0001 .*which has no metric\)$/))
    const { cases, totals } = await runConformance(target, { filter: 'step/plain' })
    expect(totals).toMatchObject({ passed: 0, failed: 4 })
    expect(cases[0]!.message).toMatch(/sgd at ξ = 0 is momentum SGD\n {2}call 1, parameter kernel, element/)
  })

  it('may be a module, whose reports have no metric', async () => {
    const whole = coreTarget('reference')
    const plain: ConformanceTarget = {
      ...whole,
      manifest: { ...whole.manifest, capabilities: ['base/adam', 'weightDecay'] },
      async create(transformation, parameters) {
        const session = await whole.create(transformation, parameters)
        const none = { scale: NaN, dualNorm: NaN, metric: NaN, xi: NaN, learningRate: NaN }
        return { ...session, step: async (...given) => ({ ...(await session.step(...given)), ...none }) }
      },
    }
    const { totals } = await runConformance(plain, { filter: /^(step\/plain|option|edge|error|random)\// })
    expect(totals).toMatchObject({ passed: 6, failed: 0 })
  })

  it('may refuse hyperparameters, but not its base', async () => {
    const whole = coreTarget('reference')
    const refuseIf = (refused: (base: Record<string, unknown>) => boolean): ConformanceTarget => ({
      ...whole,
      manifest: { ...whole.manifest, capabilities: ['base/sgd'] },
      create(transformation, parameters) {
        const { base } = transformation.toJSON() as { base: Record<string, unknown> }
        if (refused(base)) throw new core.InducedMetricError('ERR_NOT_SUPPORTED', 'no momentum')
        return whole.create(transformation, parameters)
      },
    })
    const filter = /^(support\/base\/sgd|step\/plain\/f64\/0001)/
    const momentum = await runConformance(
      refuseIf((base) => base['momentum'] !== 0),
      { filter },
    )
    expect(momentum.cases.map(({ status, message = '' }) => `${status} ${message}`)).toEqual([
      'passed ',
      'not-supported-as-declared it refused the hyperparameters: ERR_NOT_SUPPORTED: no momentum',
    ])
    const all = await runConformance(
      refuseIf(() => true),
      { filter },
    )
    expect(all.cases[0]).toMatchObject({ id: 'support/base/sgd/0001', status: 'failed' })
  })

  const template = path('../targets/python/template.py')
  it.skipIf(plainPython === undefined)('passes: the template (needs Python 3.8)', async () => {
    const { failed, totals } = await failures([plainPython!, template], '')
    expect(failed).toEqual({})
    expect(totals.passed).toBe(11)
  })

  it.skipIf(plainPython === undefined)(
    'is told where it is wrong: momentum as an average (needs Python 3.8)',
    async () => {
      const { failed } = await failures([plainPython!, path('process/wrong.py')], '')
      expect(failed['step/plain/f64/0002']).toMatch(
        /^heavyBall at ξ = 0 is torch’s SGD\n {2}call 2, parameter kernel, element 0: 1\.60205078, expected 1\.85984497/,
      )
    },
  )

  it.skipIf(torchPython === undefined)('passes: torch.optim (needs Python with torch)', async () => {
    const torch = path('../targets/python/torch_optim.py')
    const { failed, totals } = await failures([torchPython!, torch], '', 60_000)
    expect(failed).toEqual({})
    expect(totals.passed).toBeGreaterThanOrEqual(45)
  })

  it.skipIf(python('numpy') === undefined)(
    'passes: the ten lines of numpy (needs Python with numpy)',
    async () => {
      const sgd = path('../targets/python/numpy_sgd.py')
      const { failed, totals } = await failures([python('numpy')!, sgd], '')
      // The suite's cases of sgd at ξ = 0 have momentum.
      expect(Object.values(failed).join('\n')).not.toMatch(/relative error/)
      expect(totals.passed).toBeGreaterThan(0)
    },
  )

  it.skipIf(!hasPerl)('passes: Adam in Perl, written from the page alone (needs Perl)', async () => {
    const { failed, totals } = await failures(['perl', path('../targets/perl/adam.pl')], '')
    expect(failed).toEqual({})
    expect(totals.passed).toBeGreaterThanOrEqual(10)
  })

  it.skipIf(torchPython === undefined)('is told where the file of the paper’s author goes', async () => {
    const paper = path('../targets/python/paper.py')
    const start = () => startProcess([torchPython!, paper, 'nowhere.py'], 20_000)
    await expect(connectTarget(core, start)).rejects.toThrow(
      /give the path of the author's torch_imp\.py[^]*given: nowhere\.py/,
    )
  })
})

describe('the schema', () => {
  const schema = JSON.parse(readFileSync(path('../protocol.schema.json'), 'utf8')) as {
    $id: string
    $defs: Record<string, { items?: unknown }>
  }
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true })
  ajv.addSchema(schema, 'protocol')
  const problems = (name: string, message: unknown): string => {
    const validate = ajv.getSchema(`protocol#/$defs/${name}`)!
    return validate(message) === true
      ? ''
      : `${name}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(message)}`
  }
  /** Checks a request and its answer. */
  const check = (request: unknown, answer: unknown): string[] => {
    const { method } = request as { method: string }
    const isError = Object.hasOwn(answer as object, 'error')
    return [
      problems(`${method}Request`, request),
      problems(isError ? 'errorAnswer' : `${method}Answer`, answer),
      problems('request', request),
      problems('answer', answer),
    ].filter((text) => text !== '')
  }
  /** A process whose lines are checked. */
  const checked = (peer: Peer, found: Set<string>, methods: Map<string, number>): Peer => ({
    get fault() {
      return peer.fault
    },
    async request(method, line) {
      const answer = await peer.request(method, line)
      methods.set(method, (methods.get(method) ?? 0) + 1)
      for (const text of check(JSON.parse(line), JSON.parse(answer))) found.add(text)
      return answer
    },
    stop: (fault) => peer.stop(fault),
    end: () => peer.end(),
  })

  it.each([
    [
      'the core',
      nodeTarget('core'),
      /^(support|error\/(shape|disposed))\/|^(option\/tied|edge\/tied|checkpoint\/(resume|reset))\/f64\/000/,
    ],
    ['a plain optimiser', nodeTarget('echo'), /^step\/plain/],
  ])('holds for every line between the suite and %s', async (name, command, filter) => {
    const found = new Set<string>()
    const methods = new Map<string, number>()
    const { target } = await connect(() => checked(startProcess(command, 20_000), found, methods))
    await runConformance(target, { filter })
    expect([...found].slice(0, 3)).toEqual([])
    const all = ['hello', 'create', 'step', 'read', 'dispose', 'save', 'load', 'reset']
    expect([...methods.keys()].sort()).toEqual((name === 'the core' ? all : all.slice(0, 5)).sort())
  })

  it.each([
    ['stepAnswer', { report: { step: 1 } }],
    ['readAnswer', {}],
    ['readAnswer', { parameters: [['nan']] }],
    ['readAnswer', { parameters: [[null]] }],
    ['saveAnswer', { bytes: 'no base64' }],
    ['errorAnswer', { error: { code: 'ERR_BAD', message: '' } }],
    ['helloAnswer', { protocol: 2, manifest: {} }],
    ['stepRequest', { method: 'step', session: 1 }],
    ['createRequest', { method: 'create', session: 0, transformation: {}, parameters: [] }],
  ])('does not hold for a wrong %s, %j', (name, message) => {
    expect(problems(name, message)).not.toBe('')
  })

  it('knows the capabilities that a process may declare', () => {
    const { properties } = schema.$defs['manifest'] as unknown as {
      properties: Record<'capabilities' | 'limits', { items: { enum: string[] } }>
    }
    expect(properties.limits.items.enum).toEqual(limits)
    const unsent = new Set<string>(['base/custom', 'embedding/custom'])
    const names = [...features, ...guarantees].filter((name) => !unsent.has(name))
    expect(properties.capabilities.items.enum).toEqual(names)
  })

  describe('and the transcript of the page', () => {
    const page = readFileSync(path('../../../docs/conformance-protocol.md'), 'utf8')
    const [, block] = /```text transcript\n([^]*?)```/.exec(page)!
    const lines = block!.trim().split('\n')
    const pairs = lines.flatMap((line, i) =>
      line.startsWith('→ ') ? [[line.slice(2), lines[i + 1]!.slice(2)]] : [],
    )

    it('agree', () => {
      expect(pairs.length * 2).toBe(lines.length)
      for (const [request, answer] of pairs)
        expect(check(JSON.parse(request!), JSON.parse(answer!))).toEqual([])
    })

    it.skipIf(plainPython === undefined)('are what the template answers (needs Python 3.8)', async () => {
      const peer = startProcess([plainPython!, path('../targets/python/template.py')], 20_000)
      for (const [request, answer] of pairs) {
        const { method } = JSON.parse(request!) as { method: string }
        expect(JSON.parse(await peer.request(method, request!))).toEqual(JSON.parse(answer!))
      }
      await peer.end()
    })
  })
})

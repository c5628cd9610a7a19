import { readFile } from 'node:fs/promises'
import { PassThrough, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { main } from '../src/command/main.js'
import { createDisplay } from '../src/command/progress.js'
import { choice, grid, type SweepEvent } from '../src/index.js'
import { openStore } from '../src/results/store.js'
import { runHere, temporary } from './support/runHere.js'

/** Runs the command in this process. */
async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const code = await main(argv, { stdout, stderr, signal: new AbortController().signal })
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

const study = {
  name: 'digits',
  space: { optimizer: choice(['adam', 'sgd']), size: choice([1, 2, 3]) },
  metric: 'loss',
  sampler: grid(),
  seeds: 3,
  run: ({
    hyperparameters: { optimizer, size },
    seed,
  }: {
    hyperparameters: { optimizer: string; size: number }
    seed: number
  }) => {
    if (size === 3) throw new Error('too large\nfor this')
    return size + (optimizer === 'adam' ? 0 : 0.5) + seed / 10
  },
}

const bowl = fileURLToPath(new URL('studies/bowl.js', import.meta.url))
let file: string
beforeAll(async () => {
  file = temporary()
  const store = openStore(file)
  await runHere(study, { store })
  store.close()
})

describe('show', () => {
  it('prints the best configurations', async () => {
    const { code, out } = await run('show', file, '--top', '2')
    expect(code).toBe(0)
    expect(out).toContain('digits: 18 of 18 runs are done\nnumber  loss       seeds  optimizer  size  time')
    expect(out.split('\n')[3]).toMatch(/^0 {7}1\.2 ± 0\.1 {2}3 {6}adam {7}1 {5}\d/)
    expect(out.split('\n')[4]).toMatch(/^3 {7}1\.7 ± 0\.1 {2}3 {6}sgd {8}1 {5}\d/)
    expect(out.trimEnd().split('\n')).toHaveLength(5)
  })

  it('prints everything as JSON', async () => {
    const { out } = await run('show', file, '--json', '--study', 'digits')
    const { trials } = JSON.parse(out) as { trials: { runs: unknown[] }[] }
    expect(trials.flatMap(({ runs }) => runs)).toHaveLength(18)
  })
})

describe('compare', () => {
  it('prints the differences of two configurations, seed by seed', async () => {
    const { out } = await run('compare', file, '3', '0')
    expect(out).toContain('seed  number 3 − number 0')
    expect(out).toContain('mean 0.5, 95 % interval 0.5 to 0.5')
  })

  it('prints the best configuration of each value', async () => {
    const { out } = await run('compare', file, '--by', 'optimizer', '--level', '0.9')
    expect(out.split('\n')[2]).toMatch(/^adam +1\.2 ± 0\.1 +0 +2$/)
    expect(out.split('\n')[3]).toMatch(/^sgd +1\.7 ± 0\.1 +3 +2 +0\.5, 90 % interval/)
  })
})

it('writes a report', async () => {
  const page = temporary('page.html')
  const { code, out } = await run('report', file, '-o', page, '--series', 'size')
  expect([code, out]).toEqual([0, `report: ${page}\n`])
  expect(await readFile(page, 'utf8')).toContain('Study digits')
})

it('prints its version and its help', async () => {
  expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  const { out } = await run('run', '--help')
  for (const command of ['run', 'worker', 'report', 'show', 'compare'])
    expect(out).toContain(`induced-sweep ${command} `)
})

it.each([
  [[], 2, 'give a command: run, worker, report, show, compare'],
  [['sweep'], 2, 'no command "sweep"'],
  [['toString'], 2, 'no command "toString"'],
  [['run'], 2, 'name the study file'],
  [['run', 'a.js', 'b.js'], 2, 'also b.js'],
  [['run', 'a.js', '--speed', '3'], 2, '--speed'],
  [['run', 'a.js', '--threads', 'two'], 2, '--threads takes a number, given "two"'],
  [['run', 'a.js', '--redis', 'redis://x', '--threads', '2'], 2, 'belongs to the workers'],
  [['run', 'none.js'], 1, 'cannot be loaded'],
  [
    ['run', 'STUDY', '--results', 'none/none.sqlite'],
    1,
    'none/none.sqlite cannot be written: there is no folder none',
  ],
  [['report', 'FILE', '-o', 'none/page.html'], 1, 'the report cannot be written to none/page.html: ENOENT'],
  [['worker', 'a.js'], 2, '--redis'],
  [['show', 'none.sqlite'], 1, 'there is no file none.sqlite'],
  [['compare', 'FILE', '1'], 2, 'two configurations'],
  [['compare', 'FILE', '1', 'x'], 2, 'two configurations'],
  [['compare', 'FILE', '1', '99'], 1, 'configuration 99'],
  [['compare', 'FILE', '--by', 'colour'], 1, '"colour"'],
  [['show', 'FILE', '--study', 'letters'], 1, '"digits"'],
] as [string[], number, string][])(
  'a command that makes no sense is refused: %j',
  async (argv, code, message) => {
    const ended = await run(...argv.map((word) => (word === 'FILE' ? file : word === 'STUDY' ? bowl : word)))
    expect([ended.code, ended.err]).toEqual([code, expect.stringContaining(message)])
    expect(ended.err).toMatch(/^induced-sweep: /)
    expect(ended.err).not.toMatch(/\n {4}at /)
  },
)

describe('progress', () => {
  async function shown(isTTY: boolean, quiet = false): Promise<string> {
    let text = ''
    const terminal = {
      isTTY: true,
      columns: 120,
      cursorTo: () => true,
      clearLine: () => true,
      moveCursor: () => true,
    }
    const stdout = Object.assign(
      new Writable({
        write(chunk: Buffer, _, done) {
          text += chunk.toString()
          done()
        },
      }),
      isTTY && terminal,
    )
    const released: (() => void)[] = []
    const display = createDisplay(
      {
        stdout,
        stderr: stdout,
        signal: new AbortController().signal,
        onRelease: (one) => released.push(one),
      },
      quiet,
    )
    const events: SweepEvent[] = []
    await runHere(study, {
      onEvent(event) {
        events.push(event)
        display.show(event)
      },
    })
    display.show({ kind: 'notice', notice: 'Redis is away', progress: events.at(-1)!.progress })
    display.stop()
    expect(released).toHaveLength(isTTY ? 1 : 0)
    return text
  }

  it('is a bar on a terminal', async () => {
    const text = await shown(true)
    expect(text).toContain('digits')
    expect(text).toContain('18/18')
    expect(text).toContain('best 1.1 (number 0), 6 without a result')
    expect(text).toContain('Redis is away\n')
  })

  it('is a line for each run elsewhere', async () => {
    const lines = (await shown(false)).trimEnd().split('\n')
    expect(lines).toHaveLength(1 + 18 + 1)
    expect(lines[0]).toBe('digits: 0 of 18 runs are done')
    expect(lines[1]).toMatch(
      /^1\/18 number 0 seed 1 finished 1\.1 in .*s \(optimizer adam, size 1\) {2}.* left$/,
    )
    expect(lines[7]).toMatch(
      /^7\/18 number 2 seed 1 failed in .*\(optimizer adam, size 3\): Error: too large {2}/,
    )
    expect(lines.at(-1)).toBe('Redis is away')
    expect((await shown(false, true)).split('\n')).toHaveLength(3)
  })
})

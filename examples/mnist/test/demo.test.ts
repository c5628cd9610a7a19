import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { demo } from '../src/demo.js'
import { listenForInterrupt } from '../src/interrupt.js'
import { settings } from '../src/settings.js'
import type { Framework } from '../src/training/framework.js'
import { CONTROL, fakeFramework, Sink } from './fakes.js'

const paper = ['adam', 'adamw', 'sgd', 'muon', 'identity', 'log', 'rms']

let folder: string
let output: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-'))
  output = join(folder, 'report.html')
})
afterEach(() => rm(folder, { recursive: true }))

async function run(
  frameworks: Framework[],
  argv: string[] = [],
  { controller = new AbortController(), terminal = false } = {},
) {
  const [stdout, stderr] = [new Sink(), new Sink()]
  stdout.isTTY = terminal
  const all = ['--output', output, '--limit', '3', ...argv]
  const code = await demo(all, { frameworks, settings, stdout, stderr, signal: controller.signal })
  return { code, out: stdout.text, err: stderr.text, html: await readFile(output, 'utf8').catch(() => null) }
}

test('a framework joins by one entry: it trains every setting, in the table and in the report', async () => {
  const train = vi.fn<Framework['train']>(fakeFramework().train)
  const { code, out, html } = await run([fakeFramework({ train })], ['--epochs', '2'])
  expect(code).toBe(0)
  expect(train.mock.calls.map(([job]) => job.setting.id)).toEqual(paper)
  const [job] = train.mock.calls[0]!
  expect([job.epochs, job.batches.length, job.test.count]).toEqual([2, 3, 10_000])
  expect(job.network.reduce((sum, { data }) => sum + data.length, 0)).toBe(55_050)
  expect(out).toContain('55050 parameters, 3 batches of 1024, seed 0')
  expect(out).toMatch(
    /Induced, log in Fake framework\n {2}epoch 1\/2 {2}loss 0\.6111 {2}accuracy .* {2}test \.9000 {2}ρ 0\.9000/,
  )
  expect(out).toMatch(/\nInduced, identity +\.9000 +\.9068 +\.9500 +\.9310 +\.9817/)
  expect(out.trimEnd().endsWith(`Report: ${output}`)).toBe(true)
  expect(html).toContain('Fake framework 1.0')
})

test('learning rates are compared in ONNX Runtime, or in the requested framework', async () => {
  const train = vi.fn<Framework['train']>(fakeFramework().train)
  const trained = async (id: string, ...argv: string[]) => {
    train.mockClear()
    const { out, html } = await run([fakeFramework({ id, train })], ['--epochs', '1', ...argv])
    return { out, html, settings: train.mock.calls.map(([{ setting }]) => setting) }
  }
  const inDemo = await trained('onnxruntime')
  expect(inDemo.settings.slice(0, 7).map(({ id }) => id)).toEqual(paper)
  expect(inDemo.settings.slice(7).map(({ rate }) => [rate!.metric, rate!.learningRate])).toEqual([
    ...[0.01, 1, 100].map((rate) => ['none', rate]),
    ...[0.01, 1, 100].map((rate) => ['root', rate]),
  ])
  const { out, html, settings } = await trained('fake', '--rates', 'lion,muon')
  expect(settings).toHaveLength(30)
  for (const { rate, transformation } of settings) {
    const { metric, learningRate } = rate!
    const height = { xi: 'rate', embedding: { name: 'root' } }
    const expected = {
      none: { xi: 0 },
      root: { ...height, startAxis: undefined },
      rateFree: { ...height, startAxis: { steps: Number(/, (\d+) batches/.exec(out)![1]) } },
    }[metric]
    expect(transformation.settings).toMatchObject({ learningRate, ...expected })
  }
  expect(out).toMatch(/Test accuracy by learning rate\nBase .* η \.01 +η \.1 +η 1 +η 10 +η 100 +apart\n/)
  expect(out).toMatch(/\nlion +root, ξ = η +Fake framework( +\.9000){5} +\.0000\n/)
  expect(out).toMatch(/\nlion +rateFree +Fake framework( +\.9000){5} +\.0000\n/)
  expect(
    html!.match(/<title id="[^"]*">Accuracy by learning rate: (muon|lion) in Fake framework</g),
  ).toHaveLength(2)
})

test('two frameworks share the start and the data, and the table names them', async () => {
  const jobs: unknown[] = []
  const spying = (id: string): Framework =>
    fakeFramework({
      id,
      title: `Framework ${id}`,
      train: (job) => {
        jobs.push([job.network, job.batches])
        return fakeFramework().train(job)
      },
    })
  const { out } = await run([spying('one'), spying('two')], ['--optimizers', 'log', '--epochs', '1'])
  expect(jobs).toHaveLength(2)
  expect(jobs[0]).toEqual(jobs[1])
  expect(out).toMatch(/Induced, log +Framework one .*\nInduced, log +Framework two /)
})

test('an output that is not a terminal gets plain lines', async () => {
  vi.stubEnv('FORCE_COLOR', '1')
  const { out } = await run([fakeFramework()])
  vi.unstubAllEnvs()
  expect(out).not.toMatch(CONTROL)
})

test('a terminal gets a bar for each run, with loss, accuracy and factor, and its cursor back', async () => {
  const { out } = await run([fakeFramework()], ['--optimizers', 'log'], { terminal: true })
  expect(out).toMatch(/Induced, log +█+ loss 0\.\d+ {2}accuracy +\.\d+ {2}ρ 0\.9000 {2}test \.9667/)
  expect(out.lastIndexOf('\u001B[?25h')).toBeGreaterThan(out.lastIndexOf('\u001B[?25l'))
})

test('a terminal that calls itself dumb gets plain lines', async () => {
  vi.stubEnv('TERM', 'dumb')
  const { out } = await run([fakeFramework()], [], { terminal: true })
  vi.unstubAllEnvs()
  expect(out).not.toMatch(CONTROL)
})

test('stopped in the middle, it reports the finished part', async () => {
  const controller = new AbortController()
  const framework = fakeFramework({
    train: (job) =>
      fakeFramework().train({
        ...job,
        onStep: (record) => {
          job.onStep(record)
          if (job.setting.id === 'sgd' && record.step === 5) controller.abort()
        },
      }),
  })
  const { code, out, html } = await run([framework], [], { controller })
  expect(code).toBe(130)
  expect(out).toMatch(/SGD in Fake framework\n.*epoch 1\/3.*\n {2}stopped after 5 steps\n/)
  expect(out).not.toContain('Induced')
  expect(out).toContain(`Stopped. Report: ${output}`)
  expect(html).toContain('SGD stopped after 5 steps')
  expect(html!.match(/class="chart"/g)).toHaveLength(14)
})

test('an optimiser that fails does not affect the others', async () => {
  const framework = fakeFramework({
    train: (job) =>
      job.setting.id === 'log' ? Promise.reject(new Error('loss 0')) : fakeFramework().train(job),
  })
  const { code, out, html } = await run([framework])
  expect(code).toBe(1)
  expect(out).toContain('failed after 0 steps: loss 0')
  expect(out).toMatch(/\nInduced, RMS +\.9000/)
  expect(html).toContain('Induced, log failed after 0 steps: loss 0')
})

test('an unavailable framework is left out with its reason, and without any framework there is nothing to do', async () => {
  const absent = fakeFramework({
    id: 'absent',
    title: 'Absent framework',
    available: () => Promise.resolve({ ok: false, reason: 'it is not installed' }),
  })
  const both = await run([absent, fakeFramework()], ['--optimizers', 'adam'])
  expect(both.code).toBe(0)
  expect(both.out).toContain('Absent framework is left out: it is not installed')
  const none = await run([absent])
  expect(none.code).toBe(1)
  expect(none.err).toContain('none of the chosen frameworks can train here')
})

test('a wrong argument ends it before it does anything', async () => {
  const train = vi.fn<Framework['train']>(fakeFramework().train)
  const { code, err, html } = await run([fakeFramework({ train })], ['--optimizers', 'foo'])
  expect(code).toBe(2)
  expect(err).toContain('Unknown optimiser: foo. Known: adam, adamw, sgd, muon, identity,')
  expect(train).not.toHaveBeenCalled()
  expect(html).toBeNull()
})

test('the first interrupt stops, its echo is ignored, the second quits', () => {
  vi.useFakeTimers()
  const quit = vi.fn<() => void>()
  const before = process.listeners('SIGINT')
  const signal = listenForInterrupt(quit)
  expect(signal.aborted).toBe(false)
  process.emit('SIGINT')
  expect(signal.aborted).toBe(true)
  vi.advanceTimersByTime(100)
  process.emit('SIGINT')
  expect(quit).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1000)
  process.emit('SIGINT')
  expect(quit).toHaveBeenCalledOnce()
  for (const listener of process.listeners('SIGINT'))
    if (!before.includes(listener)) process.off('SIGINT', listener)
  vi.useRealTimers()
})

import { describe, expect, it } from 'vitest'
import { choice, logUniform, medianRule, random, runStudy, type SweepEvent, tpe } from '../src/index.js'
import { definitionOf, requireSame } from '../src/results/definition.js'
import { openStore } from '../src/results/store.js'
import { complete, essence, runHere, temporary } from './support/runHere.js'

const study = {
  space: { rate: logUniform(1e-3, 1), kind: choice(['a', 'b']) },
  metric: 'loss',
  budget: { trials: 30 },
  seeds: 2,
  sampler: tpe({ startup: 5 }),
  stopping: medianRule(),
  delay: 4,
  run: ({
    hyperparameters: { rate, kind },
    seed,
    report,
  }: {
    hyperparameters: { rate: number; kind: string }
    seed: number
    report: (m: { loss: number }) => void
  }) => {
    if (rate > 0.9) throw new Error('diverged')
    for (let step = 1; step <= 5; step++)
      report({ loss: Math.log10(rate / 0.05) ** 2 + (kind === 'a' ? 0.2 : 0) + seed / 50 + 1 / step })
  },
}

describe('a study that learns', () => {
  it('comes to the same results with one run at a time and with many, bit for bit', async () => {
    const alone = await runHere(study)
    for (const capacity of [2, 5, 64])
      expect(essence(await runHere(study, { capacity }))).toEqual(essence(alone))
    expect(alone.trials).toHaveLength(30)
    expect(new Set(alone.trials.flatMap(({ runs }) => runs.map(({ status }) => status)))).toContain('stopped')
  })

  it('goes on after it was stopped, and comes to the same results', async () => {
    const file = temporary()
    for (const stopAfter of [1, 7, 20]) {
      const store = openStore(file)
      await runHere(study, { store, stopAfter, capacity: 3 })
      store.close()
    }
    const store = openStore(file)
    const jobs: string[] = []
    const again = await runHere(study, {
      store,
      onJob: ({ configuration, seed }) => jobs.push(`${configuration} ${seed}`),
    })
    expect(essence(again)).toEqual(essence(await runHere(study)))
    // Nothing that was stored ran again: 28 runs, and those that were under way when the sweep was stopped.
    expect(jobs.length).toBeLessThanOrEqual(60 - 28)
    expect(jobs.length).toBeGreaterThanOrEqual(60 - 28 - 6)
    store.close()
  })
})

it('tells how far it has come', async () => {
  const events: SweepEvent[] = []
  await runHere(study, { onEvent: (event) => events.push(event) })
  expect(events.filter(({ kind }) => kind === 'begin')).toHaveLength(60)
  expect(events[0]).toMatchObject({
    kind: 'start',
    progress: { total: 60, done: 0, found: 0, best: undefined },
  })
  expect(events.filter(({ kind }) => kind === 'run').map(({ progress }) => progress.done)).toEqual(
    Array.from({ length: 60 }, (_, i) => i + 1),
  )
  const finished = events.flatMap((event) =>
    event.kind === 'run' && event.run.status === 'finished' ? [event.run.value!] : [],
  )
  expect(events.at(-1)!.progress.best?.value).toBe(Math.min(...finished))
  expect(events.at(-1)!.progress.failed).toBe(
    events.filter((event) => event.kind === 'run' && event.run.status === 'failed').length,
  )
})

it('gives up where a result cannot be stored, and stores nothing of what the pool still says', async () => {
  const store = openStore(temporary())
  let calls = 0
  const failing = {
    ...store,
    addRun(...args: Parameters<typeof store.addRun>) {
      if (++calls === 3) throw new Error('the disk is full')
      return store.addRun(...args)
    },
  }
  await expect(runHere(study, { store: failing, capacity: 4 })).rejects.toThrow('the disk is full')
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(store.runs('here')).toHaveLength(2)
  store.close()
})

describe('a file that has results of the study', () => {
  const stored = definitionOf(complete({ ...study, sampler: random(), stopping: undefined as never }))
  const same = (changes: object) => () =>
    requireSame(
      'file',
      'study',
      stored,
      definitionOf(complete({ ...study, sampler: random(), stopping: undefined as never, ...changes })),
    )

  it.each([
    [{}],
    [{ budget: { trials: 99 } }],
    [{ budget: { trials: 5, secondsPerRun: 9 } }],
    [{ seeds: 5 }],
  ])('goes on with %j', (changes) => {
    expect(same(changes)).not.toThrow()
  })

  it.each([
    ['space', { space: { rate: logUniform(1e-3, 2), kind: choice(['a', 'b']) } }],
    ['metric', { metric: { name: 'loss', goal: 'maximize' } }],
    ['samplerSeed', { samplerSeed: 1 }],
    ['sampler', { sampler: tpe() }],
    ['stopping', { stopping: medianRule() }],
    ['delay', { delay: 5 }],
  ])('refuses another %s', (name, changes) => {
    expect(same(changes)).toThrow(
      expect.objectContaining({
        code: 'ERR_CHECKPOINT',
        message: expect.stringContaining(`another ${name}`),
      }),
    )
  })
})

it('options of a sweep that make no sense are refused', async () => {
  await expect(runStudy('none.js', { thread: 2 } as never)).rejects.toThrow('no "thread"')
  await expect(runStudy('none.js', { threads: 0 })).rejects.toThrow('threads')
  await expect(runStudy('none.js')).rejects.toMatchObject({
    code: 'ERR_OPTION',
    message: expect.stringContaining('cannot be loaded'),
  })
})

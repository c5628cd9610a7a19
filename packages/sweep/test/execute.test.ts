import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type Metric, type RunContext, type RunResult, uniform } from '../src/index.js'
import { execute } from '../src/runs/execute.js'
import { decodeOutcome, encode } from '../src/runs/outcome.js'
import type { Thresholds } from '../src/stopping/rule.js'
import { complete } from './support/runHere.js'

function run(
  training: (context: RunContext) => RunResult | Promise<RunResult>,
  {
    metric = 'loss',
    secondsPerRun,
    thresholds = [],
  }: { metric?: Metric | string; secondsPerRun?: number; thresholds?: Thresholds } = {},
) {
  const budget = { trials: 1, ...(secondsPerRun !== undefined && { secondsPerRun }) }
  const study = complete({ space: { x: uniform(0, 1) }, metric, budget, run: training })
  return execute(study, { configuration: 0, seed: 7, hyperparameters: { x: 0.5 }, thresholds })
}

describe('a run', () => {
  it('is given its configuration and seed, and may return the metric alone', async () => {
    const outcome = await run(({ hyperparameters, seed }) => (hyperparameters['x'] as number) * seed)
    expect(outcome).toMatchObject({
      status: 'finished',
      value: 3.5,
      metrics: { loss: 3.5 },
      reports: [],
      error: null,
    })
  })

  it('may report and return nothing: the last report counts', async () => {
    const outcome = await run(({ report }) => {
      report({ loss: 1, accuracy: 0.2 })
      report({ loss: 2 }, 10)
    })
    expect(outcome).toMatchObject({ status: 'finished', value: 2, metrics: { loss: 2 } })
    expect(outcome.reports.map(({ step }) => step)).toEqual([1, 10])
  })

  it.each([
    ['minimize', 1],
    ['maximize', 3],
  ] as const)('counts by its best report where the metric says so: %s', async (goal, value) => {
    const training = ({ report }: RunContext): RunResult => {
      for (const accuracy of [2, 1, 3, NaN, 2]) report({ accuracy })
      return { accuracy: 2, size: 4 }
    }
    const outcome = await run(training, { metric: { name: 'accuracy', goal, of: 'best' } })
    expect(outcome).toMatchObject({ status: 'finished', value, metrics: { accuracy: value, size: 4 } })
  })

  it.each([NaN, Infinity, -Infinity])('without a finite metric is recorded as that: %f', async (loss) => {
    const outcome = await run(() => ({ loss, other: 1 }))
    expect(outcome).toMatchObject({ status: 'notFinite', value: null, metrics: { loss, other: 1 } })
  })

  it.each([
    [
      'throws',
      () => {
        throw new RangeError('too far')
      },
      'RangeError: too far',
    ],
    ['rejects', () => Promise.reject(new Error('late')), 'late'],
    [
      'throws what is no error',
      () => {
        // eslint-disable-next-line typescript/only-throw-error -- users may
        throw 'just text'
      },
      'just text',
    ],
    [
      'forgets the metric',
      () => ({ accuracy: 1 }),
      '"loss" was neither returned nor reported; there was accuracy',
    ],
    ['returns a text', () => ({ loss: '1' }) as never, 'loss must be a number'],
    ['reports a text', ({ report }: RunContext) => report({ loss: '1' as never }), 'loss must be a number'],
    [
      'goes back a step',
      ({ report }: RunContext) => {
        report({ loss: 1 }, 3)
        report({ loss: 1 }, 3)
      },
      'above 3',
    ],
  ] as [string, (context: RunContext) => RunResult, string][])(
    'that %s is recorded as failed',
    async (_, training, message) => {
      const outcome = await run(training)
      expect(outcome).toMatchObject({
        status: 'failed',
        value: null,
        error: expect.stringContaining(message),
      })
    },
  )

  it.each([
    [
      'waits',
      async ({ signal }: RunContext) => {
        await sleep(600_000, undefined, { signal })
      },
    ],
    [
      'computes and reports',
      ({ report }: RunContext) => {
        for (;;) report({ loss: 1 })
      },
    ],
    [
      'catches the end',
      ({ report }: RunContext) => {
        for (;;)
          try {
            report({ loss: 1 })
          } catch {
            return { loss: 0 }
          }
      },
    ],
  ] as [string, (context: RunContext) => RunResult][])(
    'that takes too long and %s is recorded as timed out',
    async (_, training) => {
      const outcome = await run(training, { secondsPerRun: 0.05 })
      expect(outcome).toMatchObject({ status: 'timedOut', value: null })
      expect(outcome.seconds).toBeLessThan(60)
    },
  )

  it('stops where it is worse than a threshold, with the value of that moment', async () => {
    let steps = 0
    const aborted: boolean[] = []
    const training = ({ report, signal }: RunContext): RunResult => {
      for (const loss of [9, 5, 6, 7]) {
        steps++
        try {
          report({ loss })
        } finally {
          aborted.push(signal.aborted)
        }
      }
    }
    const outcome = await run(training, {
      thresholds: [
        [1, 10],
        [3, 4.5],
        [4, 0],
      ],
    })
    expect(outcome).toMatchObject({ status: 'stopped', value: 6 })
    expect([steps, outcome.reports.length, aborted]).toEqual([3, 3, [false, false, true]])
    // As good as the threshold is good enough.
    expect(await run(training, { thresholds: [[3, 5]] })).toMatchObject({ status: 'finished', value: 7 })
  })
})

it('outcomes come through JSON bit for bit', () => {
  const values = [0.1 + 0.2, -0, 5e-324, 1.7976931348623157e308, NaN, Infinity, -Infinity]
  const metrics = Object.fromEntries(values.map((value, index) => [`m${index}`, value]))
  const outcome = {
    status: 'finished',
    value: -0,
    metrics,
    reports: [{ step: 1, metrics }],
    error: null,
    seconds: 1,
  } as const
  expect(decodeOutcome(encode(outcome))).toStrictEqual(outcome)
})

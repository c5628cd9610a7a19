import type { Case } from '../case.js'
import type { PlainSchedule } from '../plain.js'
import { mixed, table, type Row } from './table.js'
import { run as tiedRun } from './tied.js'

/** By the number in the id. Appended to only. */
const schedules: readonly (readonly [n: number, title: string, schedule: PlainSchedule])[] = [
  [
    16,
    'one cycle by a cosine',
    { schedule: 'oneCycle', peak: 0.5, steps: 7, warmup: 3, from: 0.125, to: 0.0625 },
  ],
  [
    17,
    'one cycle by straight lines',
    { schedule: 'oneCycle', peak: 0.5, steps: 5, warmup: 2.5, curve: 'linear' },
  ],
  [18, 'one cycle with its defaults, run past its end', { schedule: 'oneCycle', peak: 0.5, steps: 6 }],
  [
    19,
    'warm-up, a constant rate, and decay in a straight line',
    { schedule: 'warmupStableDecay', peak: 0.5, warmup: 2, stable: 2, decay: 3, from: 0.125, to: 0.0625 },
  ],
  [
    20,
    'warm-up, a constant rate, and decay by a root',
    { schedule: 'warmupStableDecay', peak: 0.5, warmup: 1, stable: 2, decay: 8, curve: 'sqrt' },
  ],
  [
    21,
    'a constant rate without warm-up, and decay by a cosine',
    { schedule: 'warmupStableDecay', peak: 0.5, stable: 2, decay: 4, curve: 'cosine' },
  ],
  [22, 'an inverse square root', { schedule: 'inverseSqrt', from: 0.5, steps: 3 }],
  [
    23,
    'a warm-up into an inverse square root, the schedule of the Transformer',
    {
      schedule: 'warmup',
      // oxlint-disable-next-line unicorn/no-thenable -- the name the schedule's data have; it is no function
      then: { schedule: 'inverseSqrt', from: 0.5, steps: 3 },
      steps: 3,
    },
  ],
  [24, 'a cosine with warm restarts', { schedule: 'cosineRestarts', from: 0.5, to: 0.125, steps: 3 }],
  [
    25,
    'warm restarts into cycles that are longer and lower',
    { schedule: 'cosineRestarts', from: 0.5, to: 0.125, steps: 2, stepsFactor: 2, peakFactor: 0.5 },
  ],
]

const rates = table(
  'option/schedule',
  schedules.map(([n, title, learningRate]): Row => ({
    n,
    title,
    check: 'trajectory',
    problem: {
      transformation: { base: { name: 'sgd', momentum: 0.75 }, learningRate, xi: 0.25 },
      parameters: mixed,
      steps: 8,
      seed: 100 + n,
    },
  })),
)

const tied = table('option/tied', [
  ...schedules.map(([n, title, learningRate]) =>
    tiedRun(n + 14, `ξ is tied to the peak of the learning rate: ${title}`, { learningRate }, { steps: 8 }),
  ),
  tiedRun(40, 'ξ tied to restarts that grow, which have no peak, is tied to their value at the step', {
    learningRate: { schedule: 'cosineRestarts', from: 0.0625, steps: 2, peakFactor: 1.5 },
  }),
])

/** Learning rates on one cycle, warm-up with stable and decaying parts, inverse square roots, and warm restarts. */
export const scheduleCases: readonly Case[] = [...rates, ...tied]

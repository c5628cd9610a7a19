import type { Case } from '../case.js'
import type { PlainBase, PlainOptions, PlainSchedule, PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { seededVariants } from './step.js'
import { hasAverage, matrices, mixed, small, table, type Row } from './table.js'

/** Append only, four entries at most: the position in the list is part of the ids. */
const ties: readonly (Pick<PlainOptions, 'embedding' | 'xi'> & { readonly of: string })[] = [
  { embedding: { name: 'root', floor: 0.25 }, xi: 'rate', of: 'under root with ξ = η: ρ = ℓ/(ℓ+ηs)' },
  { embedding: { name: 'log', floor: -0.5 }, xi: { perRate: 2 }, of: 'under log with ξ = 2η' },
  { embedding: { name: 'identity' }, xi: { perRate: 0.25 }, of: 'under identity with ξ = η/4' },
]

const learningRate = 0.125
const parametersOf = (base: PlainBase): Problem['parameters'] => (base.name === 'muon' ? matrices : mixed)

const trajectories = seededVariants.flatMap(([name, b, list]) =>
  table(
    `step/tied-${name}`,
    list.flatMap(({ base, of }, v) =>
      ties.map(({ of: under, ...tie }, e): Row => ({
        n: 4 * v + e + 1,
        title: `${of} ${under}, decay and all`,
        check: 'trajectory',
        problem: {
          transformation: { base, ...tie, learningRate, weightDecay: 0.125 },
          parameters: parametersOf(base),
          steps: 8,
          seed: 20_000 + 1000 * b + 10 * v + e,
          loss: { first: 4, ratio: 0.75 },
        },
      })),
    ),
  ),
)

const models = seededVariants.flatMap(([name, b, list]) =>
  table(
    `step/averaged-${name}`,
    list.flatMap(({ base, of }, v): Row[] => {
      if (!hasAverage(base)) return []
      const problem = (more: Partial<PlainTransformation>, seed: number): Problem => ({
        transformation: { base, learningRate: 0.03125, xi: 'rate', averagedModel: true, ...more },
        parameters: parametersOf(base),
        steps: 8,
        seed,
        loss: { first: 12, ratio: 0.875 },
      })
      return [
        {
          n: 4 * v + 1,
          title: `${of}: its averaged model under root, ρ = ψ/(ψ+η⟨x̂,d⟩)`,
          check: 'trajectory',
          problem: problem({ embedding: { name: 'root' } }, 30_000 + 1000 * b + 10 * v),
        },
        {
          n: 4 * v + 2,
          title: `${of}: its averaged model under log, with a floor that follows`,
          check: 'trajectory',
          problem: problem(
            // Muon's model comes near a floor with the bound 0, where single precision keeps few digits of the difference.
            {
              embedding: { name: 'log', floor: name === 'muon' ? { follow: -8 } : 'follow' },
              xi: { perRate: 2 },
            },
            30_001 + 1000 * b + 10 * v,
          ),
        },
      ]
    }),
  ),
)

const sgd = { name: 'sgd', momentum: 0.75 }
const adam = { name: 'adam', beta1: 0.75, beta2: 0.9375 }
const root = { name: 'root' }
const falling = { loss: { first: 4, ratio: 0.75 } }
const grouped = mixed.map((p, i) => ({ ...p, group: i % 2 === 0 ? 'body' : 'head' }))

/** A trajectory under root with ξ = η, unless the options say otherwise. */
export function run(
  n: number,
  title: string,
  transformation: Partial<PlainTransformation>,
  more: Partial<Problem> = {},
): Row {
  const problem: Problem = {
    transformation: { base: sgd, learningRate: 0.125, xi: 'rate', embedding: root, ...transformation },
    parameters: mixed,
    steps: 6,
    seed: 40_000 + n,
    ...falling,
    ...more,
  }
  return { n, title, check: 'trajectory', problem }
}

const warmup = (then: number | PlainSchedule, from: number): PlainSchedule => ({
  schedule: 'warmup',
  // oxlint-disable-next-line unicorn/no-thenable -- the name the schedule's data have; it is no function
  then,
  steps: 3,
  from,
})
const schedules: readonly (readonly [title: string, schedule: PlainSchedule])[] = [
  ['a linear rate', { schedule: 'linear', from: 0.25, to: 0, steps: 5 }],
  ['a linear rate that rises to its peak', { schedule: 'linear', from: 0.0625, to: 0.25, steps: 4 }],
  ['a cosine', { schedule: 'cosine', from: 0.25, to: 0.03125, steps: 5 }],
  ['a constant schedule', { schedule: 'constant', value: 0.25 }],
  ['an exponential that falls', { schedule: 'exponential', from: 0.25, rate: 0.5, steps: 2 }],
  ['pieces', { schedule: 'piecewise', values: [0.125, 0.5, 0.0625], boundaries: [2, 4] }],
  ['a warm-up into a cosine', warmup({ schedule: 'cosine', from: 0.25, steps: 4 }, 0.03125)],
  ['a warm-up from above', warmup(0.125, 0.5)],
]

const tied = table('option/tied', [
  ...schedules.map(([title, schedule], i) =>
    run(i + 1, `ξ is tied to the peak of ${title}, not to its value at the step`, { learningRate: schedule }),
  ),
  run(11, 'ξ tied to an exponential that grows, which has no peak, is tied to its value at the step', {
    learningRate: { schedule: 'exponential', from: 0.0625, rate: 1.5 },
  }),
  run(12, 'ξ tied to a warm-up into an exponential that grows is tied to its value at the step', {
    learningRate: warmup({ schedule: 'exponential', from: 0.0625, rate: 1.5 }, 0.03125),
  }),
  run(13, 'ξ tied to a learning rate of 0', { learningRate: 0, weightDecay: 0.5 }),
  run(14, 'ξ tied to a huge learning rate', { learningRate: 2 ** 20 }),
  run(15, 'ξ tied to a tiny learning rate', { learningRate: 2 ** -20, xi: { perRate: 4 } }),
  run(16, 'ξ tied under logDamped', { embedding: { name: 'logDamped' }, xi: { perRate: 0.5 } }),
  run(17, 'ξ tied, and the gradient clipped before s', { clipNorm: 2, base: adam }),
  run(
    18,
    'ξ tied, and gradients missing',
    { base: adam, weightDecay: 0.25 },
    { missing: { 1: [0], 2: [0, 1], 4: [2] } },
  ),
  run(
    19,
    'ξ is tied to the rate of each group',
    { groups: { head: { learningRate: { schedule: 'linear', from: 0.5, to: 0.125, steps: 4 } } } },
    { parameters: grouped },
  ),
  run(
    20,
    'a group ties its ξ, and the others do not: decay and bad losses by each group’s own defaults',
    {
      xi: 0.25,
      embedding: { name: 'identity' },
      weightDecay: 0.25,
      groups: { head: { xi: 'rate', embedding: root } },
    },
    { parameters: grouped, loss: [4, 2, 0, -1, 2, 1] },
  ),
  run(
    21,
    'a group unties its ξ',
    { weightDecay: 0.25, groups: { head: { xi: 0.5, learningRate: 0.25 } } },
    { parameters: grouped },
  ),
  run(
    22,
    'ξ tied where each group has an s of its own',
    { metricScope: 'group', groups: { head: { learningRate: 0.5, xi: { perRate: 2 } } } },
    { parameters: grouped },
  ),
  run(23, 'ξ tied where each parameter has an s of its own', { metricScope: 'parameter', base: adam }),
  run(
    24,
    'muon and its fallback with ξ tied, in one s',
    { base: { name: 'muon', rows: 'outputs' }, fallback: adam },
    {
      parameters: [...matrices, ...small],
    },
  ),
  run(25, 'root without a tie: ρ = ℓ/(ℓ+v̂) with ξ = 1/N', { xi: 'auto' }),
  run(26, 'root with a scheduled floor and a ξ of its own', {
    xi: 0.5,
    embedding: { name: 'root', floor: { schedule: 'linear', from: -1, to: 0.25, steps: 5 } },
  }),
])

/** At a learning rate of 0 nothing moves, and only s can be compared. */
const still = { learningRate: 0, xi: 0.25, beta: 0, embedding: { name: 'identity' } } as const
const dual = table('option/dual', [
  run(1, 's of lion is ⟨x̂,d⟩⟨g,g⟩/⟨x̂,x̂⟩, not ⟨g,d⟩, summed over the tensors', {
    ...still,
    base: { name: 'lion' },
  }),
  run(2, 's of lion with short averages, by its own bias correction', {
    ...still,
    base: { name: 'lion', beta1: 0.5, beta2: 0.75 },
  }),
  run(
    3,
    's of muon is ⟨x̂,d⟩⟨g,g⟩/⟨x̂,x̂⟩, not ⟨g,d⟩ and not ⟨x̂,d⟩',
    { ...still, base: { name: 'muon' } },
    { parameters: matrices },
  ),
  run(
    4,
    's of muon without Nesterov momentum',
    { ...still, base: { name: 'muon', momentum: 0.75, nesterov: false } },
    { parameters: matrices },
  ),
  run(
    5,
    's of muon and its fallback lion: each tensor by its own averages',
    { ...still, base: { name: 'muon', rows: 'inputs' }, fallback: { name: 'lion' } },
    { parameters: [...matrices, ...small] },
  ),
  run(
    6,
    's of lion where gradients are missing: each tensor by its own steps',
    { ...still, base: { name: 'lion' } },
    { missing: { 1: [1], 2: [1, 2], 4: [0] } },
  ),
])

const rows = table(
  'option/rows',
  (['outputs', 'inputs'] as const).flatMap((side, i): Row[] => [
    run(
      2 * i + 1,
      `muon whose rows are the ${side}: √max(1, ${side === 'outputs' ? 'rows/columns' : 'columns/rows'})`,
      { base: { name: 'muon', rows: side } },
      { parameters: matrices },
    ),
    run(
      2 * i + 2,
      `muon whose rows are the ${side}, at ξ = 0`,
      { base: { name: 'muon', rows: side, momentum: 0.5 }, xi: 0, embedding: { name: 'identity' } },
      { parameters: matrices },
    ),
  ]),
)

const huge = { learningRate: 100, weightDecay: 0.01 }
const decay = table('option/decayScaling', [
  run(1, 'decay is scaled as the step where ξ is tied', { weightDecay: 0.5 }),
  run(2, 'decay is not scaled where ξ is tied and decayScaling is rate', {
    weightDecay: 0.5,
    decayScaling: 'rate',
  }),
  run(3, 'decay is scaled as the step where decayScaling says so', {
    weightDecay: 0.5,
    decayScaling: 'step',
    xi: 0.5,
    embedding: { name: 'identity' },
  }),
  run(4, 'decay is not scaled under root where ξ is not tied', { weightDecay: 0.5, xi: 0.5 }),
  run(
    5,
    'decay is scaled by a ρ above 1, under log',
    {
      weightDecay: 0.125,
      decayScaling: 'step',
      xi: 0.0625,
      embedding: { name: 'log', floor: -0.125 },
    },
    { loss: { first: 0.5, ratio: 0.75 } },
  ),
  run(6, 'decay at a huge learning rate, scaled as the step', { ...huge, base: adam }, { steps: 12 }),
  run(7, 'decay that is scaled and masked', { weightDecay: 0.5, decayMask: 'matrices', base: adam }),
  run(
    8,
    'decay scaled in one group and not in another',
    {
      weightDecay: 0.5,
      groups: { head: { decayScaling: 'rate' } },
    },
    { parameters: grouped },
  ),
  run(9, 'a scheduled decay that is scaled', {
    weightDecay: { schedule: 'linear', from: 0.5, to: 0, steps: 5 },
  }),
])

const keeps = table(
  'property/keepsWeights',
  [adam, sgd, { name: 'lion' }].map((base, i): Row => {
    const { problem } = run(0, '', { ...huge, base }, { steps: 20 }) as { readonly problem: Problem }
    return {
      n: i + 1,
      title: `η = 100 and wd = 0.01 with ξ = η do not wipe out the weights under ${base.name}`,
      check: 'keepsWeights',
      problem: { ...problem, loss: { first: 0.03125, ratio: 0.875 } },
    }
  }),
)

/** Trajectories and options of a ξ that is tied to the rate, of its s, and of scaled decay. */
export const tiedCases: readonly Case[] = [
  ...trajectories,
  ...models,
  ...tied,
  ...dual,
  ...rows,
  ...decay,
  ...keeps,
]

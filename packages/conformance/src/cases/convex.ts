import type { Case, ConvexKind } from '../case.js'
import type { PlainBase, PlainSchedule, PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { fromZero, matrices, mixed, small, table, type Row } from './table.js'

/** Append only: the positions in these lists are part of the ids. */
const kinds: readonly (readonly [ConvexKind, string])[] = [
  ['quadratic', 'quadratics'],
  ['powers', 'sums of powers'],
  ['maximum', 'maxima of linear functions'],
  ['logSumExp', 'logs of sums of exponentials'],
]
const rates = [1e-4, 1e-2, 1, 1e2, 1e4, 1e6]

const approach = table('property/approach', [
  ...kinds.flatMap(([kind, of], k) =>
    rates.flatMap((learningRate, r) =>
      [0.5, 1].map((perRate, i): Row => ({
        n: 20 * k + 2 * r + i + 1,
        title: `the distance to a minimum never grows: ${of} at η = ${learningRate} with ξ = ${perRate}η`,
        check: 'approach',
        kind,
        problems: 21,
        learningRate,
        perRate,
        tooLow: 0,
        seed: 60_000 + 20 * k + 2 * r + i,
        dtypes: ['float64'],
        needs: ['base/sgd', 'embedding/root', 'tiedXi'],
      })),
    ),
  ),
  ...kinds.flatMap(([kind, of], k) =>
    [1e-2, 1e4].map((learningRate, r): Row => ({
      n: 101 + 2 * k + r,
      title: `the distance to a minimum never grows, in single precision: ${of} at η = ${learningRate} with ξ = η`,
      check: 'approach',
      kind,
      problems: 6,
      learningRate,
      perRate: 1,
      tooLow: 0,
      seed: 60_100 + 2 * k + r,
      dtypes: ['float32'],
      needs: ['base/sgd', 'embedding/root', 'tiedXi'],
    })),
  ),
  ...kinds.flatMap(([kind, of], k) =>
    [1e-2, 1, 1e6].map((learningRate, r): Row => ({
      n: 121 + 3 * k + r,
      title: `with a floor too low by δ the distance falls while ℓ > δ: ${of} at η = ${learningRate}`,
      check: 'approach',
      kind,
      problems: 6,
      learningRate,
      perRate: 1,
      tooLow: 0.25,
      seed: 60_120 + 3 * k + r,
      dtypes: ['float64'],
      needs: ['base/sgd', 'embedding/root', 'tiedXi'],
    })),
  ),
])

const peak = 2 ** 16
const step = (
  n: number,
  title: string,
  learningRate: number | PlainSchedule,
  peaks: readonly number[],
): Row => ({
  n,
  title,
  check: 'cappedStep',
  peaks,
  problem: {
    transformation: {
      base: { name: 'sgd' },
      learningRate,
      xi: { perRate: 2 },
      beta: 0,
      embedding: { name: 'root', floor: 0.5 },
    },
    parameters: small,
    steps: 5,
    seed: 61_000 + n,
    loss: { first: 4, ratio: 0.75 },
  },
})
const capped = table('property/cappedStep', [
  step(1, 'at a huge rate the step is the one that κη caps', peak, [peak]),
  step(2, 'a linear rate scales the capped step', { schedule: 'linear', from: peak, to: 0, steps: 8 }, [
    peak,
  ]),
  step(3, 'a cosine scales the capped step', { schedule: 'cosine', from: peak, steps: 8 }, [peak]),
  step(4, 'an exponential scales the capped step', { schedule: 'exponential', from: peak, rate: 0.5 }, [
    peak,
  ]),
  step(
    5,
    'a warm-up scales the capped step',
    // oxlint-disable-next-line unicorn/no-thenable -- the name the schedule's data have; it is no function
    { schedule: 'warmup', then: { schedule: 'linear', from: peak, to: 0, steps: 8 }, steps: 3 },
    [peak],
  ),
  step(
    6,
    'pieces scale the capped step, by the largest of them',
    { schedule: 'piecewise', values: [1, peak, 4], boundaries: [1, 3] },
    [peak],
  ),
  step(
    7,
    'an exponential that grows has no peak: the cap follows it',
    { schedule: 'exponential', from: 1, rate: 4 },
    [1, 4, 16, 64, 256],
  ),
])

const allBases: readonly PlainBase[] = [
  { name: 'sgd', momentum: 0.75 },
  { name: 'heavyBall', momentum: 0.75 },
  { name: 'rmsprop', decay: 0.75 },
  { name: 'adagrad' },
  { name: 'adam', beta1: 0.75, beta2: 0.875 },
  { name: 'lion' },
  { name: 'muon', rows: 'outputs' },
]
const options: readonly (readonly [string, Partial<PlainTransformation>])[] = [
  ['root with ξ = η', {}],
  ['root, a floor that follows', { embedding: { name: 'root', floor: 'follow' } }],
  ['the averaged model', { averagedModel: true }],
  ['a start axis', { startAxis: { weight: 10, steps: 6 } }],
]
const promise = table(
  'property/promise',
  options.flatMap(([of, more], o) =>
    allBases.map((base, b): Row => ({
      n: 10 * o + b + 1,
      title: `ρ is in [0, 1] and promises no more than is left, for ${base.name} under ${of}`,
      check: 'promise',
      problem: {
        transformation: { base, learningRate: 16, xi: 'rate', embedding: { name: 'root' }, ...more },
        parameters: base.name === 'muon' ? matrices : small,
        steps: 8,
        seed: 62_000 + 10 * o + b,
        loss: [4, 2, 1, 0.5, 0, -1, 1, 1e-6],
      },
    })),
  ),
)

/** Bases whose direction scales with the gradient, and those whose direction does not. */
const homogeneous: readonly (readonly [base: PlainBase, degree: 0 | 1])[] = [
  [{ name: 'sgd', momentum: 0.75 }, 1],
  [{ name: 'heavyBall', momentum: 0.75, nesterov: true }, 1],
  [{ name: 'adam', beta1: 0.75, beta2: 0.875, epsilon: 0 }, 0],
  [{ name: 'adagrad', epsilon: 0 }, 0],
  [{ name: 'lion' }, 0],
]
const losses = [4, 3, 3.25, 2.5, 2, 2.25]
const forms: readonly (readonly [string, Partial<PlainTransformation>])[] = [
  ['root', {}],
  ['root with a floor that follows', { embedding: { name: 'root', floor: 'follow' } }],
  ['rateFree’s recipe', { averagedModel: true, startAxis: { weight: 10, steps: 12 } }],
]
const scaled = (
  base: PlainBase,
  degree: 0 | 1,
  more: Partial<PlainTransformation>,
  c: number,
  seed: number,
): Problem => ({
  transformation: {
    base,
    learningRate: 0.125 / c ** degree,
    xi: 'rate',
    embedding: { name: 'root' },
    ...more,
  },
  parameters: fromZero,
  steps: 6,
  seed,
  gradientScale: c / 4,
  gradientKind: 'steady',
  loss: losses.map((loss) => loss * c),
})
const scaling = table(
  'property/lossScale',
  forms.flatMap(([of, more], f) =>
    homogeneous.flatMap(([base, degree], b) =>
      [8, 2 ** -6, 3].map((c, i): Row => {
        const seed = 63_000 + 100 * f + 10 * b + i
        const rate = degree === 1 ? 'η/c' : 'η'
        return {
          n: 100 * f + 10 * b + i + 1,
          title: `L times ${c} at ${rate} changes nothing${i === 2 ? '' : ', exactly'}: ${base.name} under ${of}`,
          check: 'equal',
          exact: i < 2,
          problem: scaled(base, degree, more, 1, seed),
          other: scaled(base, degree, more, c, seed),
        }
      }),
    ),
  ),
)

const bad = { loss: [2, 0, 1.5, -1, 0.5] as const }
const edge = (
  n: number,
  title: string,
  more: Partial<PlainTransformation>,
  given: Partial<Problem> = bad,
): Row => ({
  n,
  title,
  check: 'trajectory',
  problem: {
    transformation: {
      base: { name: 'adam', beta1: 0.75, beta2: 0.875 },
      embedding: { name: 'root' },
      learningRate: 0.25,
      xi: 'rate',
      weightDecay: 0.125,
      ...more,
    },
    parameters: mixed,
    steps: 5,
    seed: 64_000 + n,
    ...given,
  },
})
const edges = table('edge/tied', [
  edge(1, 'root with ξ tied at L = 0 and L < 0: ρ = 0 without being told, and the state goes on', {}),
  edge(2, 'log with ξ tied at L = 0 and L < 0: ρ = 0 without being told', { embedding: { name: 'log' } }),
  edge(3, 'a loss at the floor, which lies above 0', { embedding: { name: 'root', floor: 1.5 } }),
  {
    ...edge(4, 'root with ξ tied throws at a bad loss where it is told to', { onBadLoss: 'throw' }),
    outcomes: { 2: 'ERR_BAD_LOSS', 4: 'ERR_BAD_LOSS' },
  } as Row,
  {
    ...edge(5, 'root with ξ tied skips a bad loss where it is told to', { onBadLoss: 'skip' }),
    outcomes: { 2: 'skipped', 4: 'skipped' },
  } as Row,
  edge(6, 'root with ξ tied takes the base’s step at a bad loss where it is told to', { onBadLoss: 'base' }),
  {
    ...edge(7, 'root throws at a bad loss where ξ is not tied', { xi: 0.25 }),
    outcomes: { 2: 'ERR_BAD_LOSS', 4: 'ERR_BAD_LOSS' },
  } as Row,
  edge(
    8,
    'a ξ that is not tied, and a floor that follows: ρ = 0 without being told',
    {
      xi: 0.25,
      embedding: { name: 'root', floor: 'follow' },
    },
    { loss: [2, 0, -3, -1, 0.5] },
  ),
  {
    ...edge(9, 'root without a loss is ERR_LOSS_REQUIRED', {}, { loss: [2, null, 1.5, null, 0.5] }),
    outcomes: { 2: 'ERR_LOSS_REQUIRED', 4: 'ERR_LOSS_REQUIRED' },
  } as Row,
  {
    ...edge(
      10,
      'a loss that is not finite under root is skipped',
      {},
      { loss: [2, 'NaN', 1.5, 'Infinity', 0.5] },
    ),
    outcomes: { 2: 'skipped', 4: 'skipped' },
  } as Row,
  edge(
    11,
    'g = 0 under root with ξ tied: only the decay moves',
    {},
    { gradientKind: 'zero', loss: [2, 0, 1.5, 1, 0.5] },
  ),
  edge(12, 'losses near 0 under root are finite', { beta: 0 }, { loss: [1e-3, 1e-6, 1e-9, 1e-12, 1e-15] }),
  edge(13, 'losses that are huge under root', {}, { loss: [1e3, 1e30, 1e9, 1e3, 1] }),
  {
    ...edge(
      14,
      'a huge loss and a huge ξ in double precision',
      { learningRate: 1e150, base: { name: 'sgd' } },
      { loss: [1e-150, 1e150, 1, 1e-30, 1e30] },
    ),
    dtypes: ['float64'],
  },
  edge(
    15,
    'identity with ξ tied does not read the loss',
    { embedding: { name: 'identity' } },
    { loss: [null, 'NaN', -1, 0, null] },
  ),
])

/** The guarantees of ξ = κη on convex losses, for any scale of the loss, and its edge cases. */
export const convexCases: readonly Case[] = [...approach, ...capped, ...promise, ...scaling, ...edges]

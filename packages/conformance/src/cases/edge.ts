import type { Case, Outcome } from '../case.js'
import type { PlainBase, PlainTransformation } from '../plain.js'
import type { CaseNumber, Problem } from '../problem.js'
import { matrices, numberOf, small, table, type Row } from './table.js'

const bases: readonly PlainBase[] = [
  { name: 'sgd', momentum: 0.75 },
  { name: 'heavyBall', momentum: 0.75 },
  { name: 'rmsprop', decay: 0.75 },
  { name: 'adagrad' },
  { name: 'adam', beta1: 0.75, beta2: 0.875 },
  { name: 'lion' },
  { name: 'muon' },
]
const parametersOf = (base: PlainBase): Problem['parameters'] => (base.name === 'muon' ? matrices : small)

function run(
  n: number,
  title: string,
  seed: number,
  transformation: PlainTransformation,
  more: Partial<Problem>,
  outcomes?: Readonly<Record<number, Outcome>>,
): Row {
  const problem: Problem = {
    transformation,
    parameters: parametersOf(transformation.base),
    steps: 5,
    seed,
    ...more,
  }
  return { n, title, check: 'trajectory', problem, ...(outcomes && { outcomes }) }
}

const inject = (step: number, value: CaseNumber, parameter = 0): NonNullable<Problem['inject']> => [
  { step, parameter, element: 1, value },
]
const falling = { loss: { first: 2, ratio: 0.75 } }

/** A step with a gradient or loss that is not finite is skipped and leaves no trace. */
const skips = table('edge/skip', [
  ...bases.map((base, b) =>
    run(
      numberOf(base, b + 1),
      `NaN in a gradient of ${base.name}: the step is skipped and leaves no trace, in the average either`,
      600 + b,
      { base, learningRate: 0.25, xi: 0.25, weightDecay: 0.125 },
      { inject: inject(3, 'NaN') },
      { 3: 'skipped' },
    ),
  ),
  ...bases.map((base, b) =>
    run(
      numberOf(base, b + 11),
      `Infinity in a gradient of ${base.name}: the step is skipped and leaves no trace`,
      610 + b,
      { base, learningRate: 0.25, xi: 0.25 },
      { inject: inject(2, b % 2 === 0 ? 'Infinity' : '-Infinity', 1) },
      { 2: 'skipped' },
    ),
  ),
  run(
    21,
    'NaN at the first step',
    620,
    { base: bases[4]!, learningRate: 0.25, xi: 0.25 },
    { inject: inject(1, 'NaN') },
    { 1: 'skipped' },
  ),
  run(
    22,
    'NaN in every element, twice',
    621,
    { base: bases[0]!, learningRate: 0.25, xi: 0.25 },
    {
      inject: [
        { step: 2, parameter: 0, value: 'NaN' },
        { step: 3, parameter: 1, value: 'NaN' },
      ],
    },
    { 2: 'skipped', 3: 'skipped' },
  ),
  run(
    23,
    'NaN under log',
    622,
    { base: bases[4]!, embedding: { name: 'log' }, learningRate: 0.25, xi: 0.25 },
    { ...falling, inject: inject(3, 'NaN') },
    { 3: 'skipped' },
  ),
  run(
    24,
    'NaN at ξ = 0',
    623,
    { base: bases[4]!, learningRate: 0.25, xi: 0, weightDecay: 0.125 },
    { inject: inject(3, 'NaN') },
    { 3: 'skipped' },
  ),
  run(
    25,
    'NaN where the gradient is clipped',
    624,
    { base: bases[0]!, learningRate: 0.25, xi: 0.25, clipNorm: 1 },
    { inject: inject(3, 'NaN') },
    { 3: 'skipped' },
  ),
  run(
    26,
    'a loss of NaN under log is skipped',
    625,
    { base: bases[4]!, embedding: { name: 'log' }, learningRate: 0.25, xi: 0.25 },
    { loss: [2, 1.5, 'NaN', 1, 0.5] },
    { 3: 'skipped' },
  ),
  run(
    27,
    'a loss of Infinity under logDamped is skipped',
    626,
    { base: bases[0]!, embedding: { name: 'logDamped' }, learningRate: 0.25, xi: 0.25 },
    { loss: [2, 'Infinity', 1.5, 1, 0.5] },
    { 2: 'skipped' },
  ),
  run(
    28,
    'NaN in one tensor stops all tensors, in the scope of each parameter too',
    627,
    { base: bases[4]!, learningRate: 0.25, xi: 0.25, metricScope: 'parameter' },
    { inject: inject(3, 'NaN', 1) },
    { 3: 'skipped' },
  ),
])

const throwing = { onNonFinite: 'throw' } as const
const throws = table('edge/throw', [
  run(
    1,
    'onNonFinite: throw: NaN in a gradient is ERR_NON_FINITE and changes nothing',
    640,
    { base: bases[4]!, learningRate: 0.25, xi: 0.25, ...throwing },
    { inject: inject(3, 'NaN') },
    { 3: 'ERR_NON_FINITE' },
  ),
  run(
    2,
    'onNonFinite: throw: Infinity in a gradient is ERR_NON_FINITE and changes nothing',
    641,
    { base: bases[0]!, learningRate: 0.25, xi: 0.25, ...throwing },
    { inject: inject(1, '-Infinity') },
    { 1: 'ERR_NON_FINITE' },
  ),
  run(
    3,
    'onNonFinite: throw: a loss of NaN under log is ERR_NON_FINITE',
    642,
    { base: bases[0]!, embedding: { name: 'log' }, learningRate: 0.25, xi: 0.25, ...throwing },
    { loss: [2, 'NaN', 1.5, 1, 0.5] },
    { 2: 'ERR_NON_FINITE' },
  ),
])

const bad = { loss: [2, 0, 1.5, -1, 0.5] as const }
const log = { base: bases[0]!, embedding: { name: 'log' }, learningRate: 0.25, xi: 0.25, weightDecay: 0.125 }
const losses = table('edge/loss', [
  run(1, 'log at L = 0 and L < 0 throws ERR_BAD_LOSS and never ascends', 650, log, bad, {
    2: 'ERR_BAD_LOSS',
    4: 'ERR_BAD_LOSS',
  }),
  run(
    2,
    'logDamped at L = 0 and L < 0 throws ERR_BAD_LOSS',
    651,
    { ...log, embedding: { name: 'logDamped' } },
    bad,
    { 2: 'ERR_BAD_LOSS', 4: 'ERR_BAD_LOSS' },
  ),
  run(3, 'onBadLoss: skip: the step is skipped', 652, { ...log, onBadLoss: 'skip' }, bad, {
    2: 'skipped',
    4: 'skipped',
  }),
  run(4, 'onBadLoss: base: the base’s step, ρ = 1', 653, { ...log, onBadLoss: 'base' }, bad),
  run(5, 'onBadLoss: zero: ρ = 0, decay and state go on', 654, { ...log, onBadLoss: 'zero' }, bad),
  run(
    6,
    'log without a loss is ERR_LOSS_REQUIRED and changes nothing',
    655,
    log,
    { loss: [2, null, 1.5, null, 0.5] },
    { 2: 'ERR_LOSS_REQUIRED', 4: 'ERR_LOSS_REQUIRED' },
  ),
  run(
    7,
    'logDamped without a loss is ERR_LOSS_REQUIRED and changes nothing',
    656,
    { ...log, embedding: { name: 'logDamped' } },
    { loss: [null, 2, 1.5, 1, 0.5] },
    { 1: 'ERR_LOSS_REQUIRED' },
  ),
  run(
    8,
    'log at L = floor is a bad loss',
    657,
    { ...log, embedding: { name: 'log', floor: 1 } },
    { loss: [2, 1, 1.5, 0.5, 1.25] },
    { 2: 'ERR_BAD_LOSS', 4: 'ERR_BAD_LOSS' },
  ),
  run(
    9,
    'log at L = 0 with g = 0 is a bad loss too, and no NaN',
    658,
    log,
    { gradientKind: 'zero', loss: [2, 0, 1.5, 1, 0.5] },
    { 2: 'ERR_BAD_LOSS' },
  ),
  run(
    10,
    'log at a loss near 0 is finite',
    659,
    { ...log, beta: 0 },
    { loss: [1e-3, 1e-6, 1e-9, 1e-12, 1e-15] },
  ),
  run(11, 'log at a large loss', 660, { ...log, learningRate: 64 }, { loss: [1e3, 1e6, 1e9, 1e3, 1] }),
])

const gradients = table('edge/gradient', [
  ...bases.map((base, b) =>
    run(
      b + 1,
      `g = 0 under ${base.name}: nothing moves, nothing is NaN`,
      670 + b,
      { base, learningRate: 0.25, xi: 0.25 },
      { gradientKind: 'zero' },
    ),
  ),
  ...bases.map((base, b) =>
    run(
      numberOf(base, b + 11),
      `g = 0 for one tensor under ${base.name} with decay`,
      680 + b,
      { base, learningRate: 0.25, xi: 0.25, weightDecay: 0.125 },
      {
        inject: [
          { step: 1, parameter: 0, value: 0 },
          { step: 2, parameter: 0, value: 0 },
        ],
      },
    ),
  ),
  ...bases.map((base, b): Row => ({
    ...run(
      numberOf(base, b + 21),
      `gradients of 1e30 under ${base.name} in float64`,
      690 + b,
      { base, learningRate: 0.25, xi: 1e-60 },
      { gradientScale: 1e30, gradientKind: 'steady' },
    ),
    dtypes: ['float64'],
  })),
  ...bases.map((base, b): Row => ({
    ...run(
      numberOf(base, b + 31),
      `gradients of 1e-30 under ${base.name} in float64`,
      700 + b,
      { base, learningRate: 0.25, xi: 0.25 },
      { gradientScale: 1e-30, gradientKind: 'steady' },
    ),
    dtypes: ['float64'],
  })),
  {
    ...run(
      41,
      'a dual norm that overflows float32 is not finite: the step is skipped, and the average is not poisoned',
      710,
      { base: { name: 'sgd' }, learningRate: 0.25, xi: 0.25 },
      { inject: inject(3, 1e30) },
      { 3: 'skipped' },
    ),
    dtypes: ['float32'],
  },
  {
    ...run(
      42,
      'a dual norm that overflows float64 is not finite: the step is skipped, and the average is not poisoned',
      711,
      { base: { name: 'sgd' }, learningRate: 0.25, xi: 0.25 },
      { inject: inject(3, 1e200) },
      { 3: 'skipped' },
    ),
    dtypes: ['float64'],
  },
  {
    ...run(
      143,
      'a gradient of 1e30 in float32, whose square overflows under lion: the step is skipped',
      712,
      { base: { name: 'lion' }, learningRate: 0.25, xi: 0.25, weightDecay: 0.125 },
      { inject: inject(2, 1e30) },
      { 2: 'skipped' },
    ),
    dtypes: ['float32'],
  },
  ...bases
    .filter(({ name }) => name !== 'lion')
    .map((base, b): Row => ({
      ...run(
        b + 51,
        `a gradient of 1e30 in float32, whose square overflows under ${base.name}: the step is skipped`,
        750 + b,
        { base, learningRate: 0.25, xi: 0.25, weightDecay: 0.125 },
        { inject: inject(2, 1e30) },
        { 2: 'skipped' },
      ),
      dtypes: ['float32'],
    })),
  ...bases.map(
    (base, b): Row =>
      ({
        ...run(
          b + 61,
          `gradients of 1e-30 in float32, whose squares underflow under ${base.name}: no NaN`,
          760 + b,
          { base, learningRate: 0.25, xi: 0.25 },
          {
            gradientScale: 1e-30,
            gradientKind: 'steady',
            parameters: parametersOf(base).map((p) => ({ ...p, fill: 0 })),
          },
        ),
        check: 'trajectory',
        reports: false,
        dtypes: ['float32'],
      }) as Row,
  ),
  run(
    44,
    'a large gradient once: the average carries it on',
    713,
    { base: { name: 'sgd' }, learningRate: 0.25, xi: 0.25, beta: 0.9375 },
    { inject: inject(2, 1000) },
  ),
])

const shapes = (list: readonly (readonly number[])[]): Problem['parameters'] =>
  list.map((shape, i) => ({ name: `p${i}`, shape }))
const tensors = table('edge/shape', [
  ...bases.map((base, b) =>
    run(
      numberOf(base, b + 1),
      `empty tensors beside others, under ${base.name}`,
      720 + b,
      { base, learningRate: 0.25, xi: 0.25 },
      {
        parameters:
          base.name === 'muon'
            ? shapes([
                [0, 3],
                [2, 3],
                [3, 0],
              ])
            : shapes([[0], [3], [2, 0, 2], [2, 2]]),
      },
    ),
  ),
  ...bases.map((base, b) =>
    run(
      numberOf(base, b + 11),
      `scalars and single elements, under ${base.name}`,
      730 + b,
      { base, learningRate: 0.25, xi: 0.25 },
      {
        parameters:
          base.name === 'muon'
            ? shapes([
                [1, 1],
                [1, 4],
                [4, 1],
              ])
            : shapes([[], [1], [1, 1]]),
      },
    ),
  ),
  run(21, 'nothing but a scalar', 740, { base: bases[4]!, learningRate: 0.25 }, { parameters: shapes([[]]) }),
  run(
    22,
    'many tensors',
    741,
    { base: bases[4]!, learningRate: 0.25, xi: 0.25 },
    { parameters: shapes(Array.from({ length: 24 }, (_, i) => [1 + (i % 3)])) },
  ),
  run(
    23,
    'a tensor longer than any vector unit or work group',
    742,
    { base: bases[4]!, learningRate: 0.25, xi: 0.0625 },
    { parameters: shapes([[1031], [3]]), steps: 3 },
  ),
])

/** Sums that a plain float32 accumulator gets visibly wrong. */
const large = table('edge/large', [
  {
    ...run(
      1,
      'a million elements: s loses nothing to the length of the sum',
      745,
      { base: { name: 'sgd' }, learningRate: 0.25, xi: 1e-6, beta: 0 },
      {
        parameters: [{ name: 'p', shape: [1000, 1000], fill: 1 }],
        steps: 1,
        gradientKind: 'flat',
        gradientScale: 0.7,
      },
    ),
    dtypes: ['float32'],
  },
  {
    ...run(
      2,
      'a tensor with more elements than a GPU has work groups, under adam',
      746,
      { base: bases[4]!, learningRate: 0.25, xi: 1e-5, beta: 0 },
      {
        parameters: [{ name: 'p', shape: [70_001], fill: 1 }],
        steps: 2,
        gradientKind: 'flat',
        gradientScale: 0.7,
      },
    ),
    dtypes: ['float32'],
  },
])

/** Inputs at the edge of the valid range. */
export const edgeCases: readonly Case[] = [...skips, ...throws, ...losses, ...gradients, ...tensors, ...large]

import type { Case } from '../case.js'
import type { PlainBase, PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { fromZero, matrices, mixed, small, table, type Row } from './table.js'

function of(seed: number, transformation: PlainTransformation, more: Partial<Problem> = {}): Problem {
  return { transformation, parameters: small, steps: 4, seed, ...more }
}

const allBases: readonly PlainBase[] = [
  { name: 'sgd', momentum: 0.75 },
  { name: 'heavyBall', momentum: 0.75 },
  { name: 'rmsprop', decay: 0.75, momentum: 0.5 },
  { name: 'adagrad' },
  { name: 'adam', beta1: 0.75, beta2: 0.875 },
  { name: 'lion' },
  { name: 'muon' },
]
const diagonal: readonly PlainBase[] = [
  { name: 'sgd' },
  { name: 'heavyBall', momentum: 0 },
  { name: 'rmsprop', decay: 0.75, epsilon: 0.125 },
  { name: 'adagrad', initialAccumulator: 0.5 },
  { name: 'adam', beta1: 0, beta2: 0.75, epsilon: 0.125 },
]
const three = ['identity', 'log', 'logDamped'] as const
const losses = { loss: { first: 2, ratio: 0.75 } }

const base0 = table('property/base', [
  ...allBases.map((base, i): Row => {
    const t = { base, learningRate: 0.25, weightDecay: 0.125 }
    const parameters = base.name === 'muon' ? matrices : mixed
    return {
      n: i + 1,
      title: `ξ → 0 is the base: ${base.name} with a vanishing ξ equals ${base.name} with ξ = 0, bit for bit`,
      check: 'equal',
      exact: true,
      problem: of(200 + i, { ...t, xi: 0 }, { parameters }),
      other: of(200 + i, { ...t, xi: 1e-300 }, { parameters }),
    }
  }),
  ...allBases.map((base, i): Row => {
    const t = { base, learningRate: 0.25, weightDecay: 0.125, xi: 0 }
    const parameters = base.name === 'muon' ? matrices : mixed
    return {
      n: i + 11,
      title: `ξ = 0 is the base: ${base.name} under logDamped equals ${base.name}, bit for bit`,
      check: 'equal',
      exact: true,
      problem: of(210 + i, t, { parameters, ...losses }),
      other: of(210 + i, { ...t, embedding: { name: 'logDamped' } }, { parameters, ...losses }),
    }
  }),
])

const parallel = table(
  'property/parallel',
  [...allBases, ...allBases].map((base, i): Row => {
    const embedding = { name: i < allBases.length ? 'identity' : 'log' }
    const parameters = base.name === 'muon' ? matrices.map((p) => ({ ...p, fill: 0 })) : fromZero
    return {
      n: i + 1,
      title: `the step of ${base.name} under ${embedding.name} is parallel to the base’s`,
      check: 'parallel',
      problem: of(
        220 + i,
        { base, embedding, learningRate: 0.25, xi: 0.5 },
        { steps: 1, parameters, ...losses },
      ),
      xi: embedding.name === 'identity' ? 0 : 4,
    }
  }),
)

const range = table(
  'property/factor',
  three.flatMap((name, e) =>
    allBases.map((base, b): Row => ({
      n: 10 * e + b + 1,
      title:
        name === 'log'
          ? `ρ ≤ 1/ℓ and ρ ≤ 1/(2√v̂) for ${base.name} under log`
          : `ρ is in (0, 1] for ${base.name} under ${name}`,
      check: 'factorRange',
      problem: of(
        240 + 10 * e + b,
        { base, embedding: { name }, learningRate: 0.125, xi: 0.5 },
        { steps: 8, parameters: base.name === 'muon' ? matrices : small, loss: { first: 2, ratio: 0.5 } },
      ),
    })),
  ),
)

const falling = table('property/falling', [
  ...three.map((name, e): Row => ({
    n: e + 1,
    title: `ρ falls as ξ grows, under ${name}`,
    check: 'falling',
    along: 'xi',
    values: [0.03125, 0.125, 0.5, 2, 8],
    problem: of(280 + e, { base: { name: 'sgd' }, embedding: { name }, learningRate: 0.25 }, losses),
  })),
  ...three.map((name, e): Row => ({
    n: e + 11,
    title: `ρ falls as s grows, under ${name}`,
    check: 'falling',
    along: 'gradientScale',
    values: [0.125, 0.5, 1, 2, 8],
    problem: of(
      284 + e,
      { base: { name: 'adam' }, embedding: { name }, learningRate: 0.25, xi: 0.25 },
      losses,
    ),
  })),
  {
    n: 21,
    title: 'the step grows up to s = 1/ξ and shrinks after it',
    check: 'redescends',
    problem: of(
      290,
      { base: { name: 'sgd' }, learningRate: 0.25, beta: 0 },
      { steps: 1, parameters: fromZero },
    ),
  },
])

const dense = table(
  'property/dense',
  three.flatMap((name, e) =>
    diagonal.map((base, b): Row => ({
      n: 10 * e + b + 1,
      title: `the step solves (γ + ξf′²ggᵀ)Δθ = −lr·h′·g for ${base.name} under ${name}`,
      check: 'denseSolve',
      problem: of(
        300 + 10 * e + b,
        { base, embedding: { name }, learningRate: 0.25, xi: 0.25, beta: 0 },
        { steps: 1, parameters: fromZero, gradientKind: 'steady', loss: { first: 1.5, ratio: 1 } },
      ),
    })),
  ),
)

const bound = table(
  'property/bound',
  (['identity', 'log'] as const).flatMap((name, e) =>
    diagonal.map((base, b): Row => ({
      n: 10 * e + b + 1,
      title: `|Δθ|_γ ≤ lr/(2√ξ), with equality at ξf′²s = 1, for ${base.name} under ${name}`,
      check: 'stepBound',
      problem: of(
        340 + 10 * e + b,
        { base, embedding: { name }, learningRate: 0.25, xi: 0.25, beta: 0 },
        { steps: 1, parameters: fromZero, gradientKind: 'steady', loss: { first: 1.5, ratio: 1 } },
      ),
    })),
  ),
)

const noMomentum: readonly PlainBase[] = [
  ...diagonal,
  { name: 'lion', beta1: 0, beta2: 0 },
  { name: 'muon', momentum: 0, nesterov: false },
]
const descent = table(
  'property/descent',
  three.flatMap((name, e) =>
    noMomentum.map((base, b): Row => ({
      n: 10 * e + b + 1,
      title: `⟨g, Δθ⟩ < 0 for ${base.name} without momentum under ${name}`,
      check: 'descends',
      problem: of(
        370 + 10 * e + b,
        { base, embedding: { name }, learningRate: 0.25, xi: 0.25 },
        { parameters: base.name === 'muon' ? matrices : small, ...losses },
      ),
    })),
  ),
)

const decayed = (base: PlainBase, name: string): PlainTransformation => ({
  base,
  embedding: { name },
  learningRate: 0.5,
  xi: 2,
  weightDecay: 0.25,
})
const decay = table(
  'property/decay',
  three.flatMap((name, e) =>
    allBases.map((base, b): Row => ({
      n: 10 * e + b + 1,
      title: `at g = 0 the step of ${base.name} under ${name} is −lr·wd·θ exactly`,
      check: 'decayAlone',
      problem: of(410 + 10 * e + b, decayed(base, name), {
        steps: 1,
        gradientKind: 'zero',
        parameters: base.name === 'muon' ? matrices : mixed,
        loss: { first: 0.5, ratio: 1 },
      }),
    })),
  ),
)

const mixedTransformation = (base: PlainBase, name: string): PlainTransformation => ({
  base,
  embedding: { name },
  learningRate: 0.25,
  xi: 0.25,
  weightDecay: 0.125,
})
const flat = [{ name: 'all', shape: [29] }]
const shards = [7, 1, 13, 8].map((size, i) => ({ name: `shard${i}`, shape: [size] }))
/** Bases whose s is a sum over elements. The s of lion is a sum of products of sums, one per tensor. */
const elementwiseBases = allBases.filter(({ name }) => name !== 'muon' && name !== 'lion')
const cut = table('property/layout', [
  ...elementwiseBases.map((base, b): Row => ({
    n: b + 1,
    title: `merging all tensors into one changes nothing, for ${base.name}`,
    check: 'layout',
    layout: flat,
    order: 'kept',
    problem: of(440 + b, mixedTransformation(base, 'identity'), { parameters: mixed }),
  })),
  ...elementwiseBases.map((base, b): Row => ({
    n: b + 11,
    title: `splitting and permuting tensors changes nothing, for ${base.name} under log`,
    check: 'layout',
    layout: shards,
    order: 'reversed',
    problem: of(450 + b, mixedTransformation(base, 'log'), { parameters: mixed, ...losses }),
  })),
])

const scaled = (seed: number, t: PlainTransformation, c: number, loss = 1): Problem =>
  of(seed, t, { parameters: mixed, gradientScale: c, loss: { first: 1.5 * loss, ratio: 1 } })
const sgdMomentum = { name: 'sgd', momentum: 0.75 }
const scaling = table(
  'property/scaling',
  [0.25, 8].flatMap((c, i): Row[] => [
    {
      n: 10 * i + 1,
      title: `identity: gradients × ${c} with ξ/c² move c times as far, exactly`,
      check: 'equal',
      exact: true,
      problem: scaled(470, { base: sgdMomentum, learningRate: 0.25, xi: 0.5 }, 1),
      other: scaled(470, { base: sgdMomentum, learningRate: 0.25 / c, xi: 0.5 / (c * c) }, c),
    },
    {
      n: 10 * i + 2,
      title: `log: loss and gradients × ${c} change nothing, exactly`,
      check: 'equal',
      exact: true,
      problem: scaled(
        471,
        { base: sgdMomentum, embedding: { name: 'log' }, learningRate: 0.25, xi: 0.5, weightDecay: 0.125 },
        1,
      ),
      other: scaled(
        471,
        { base: sgdMomentum, embedding: { name: 'log' }, learningRate: 0.25, xi: 0.5, weightDecay: 0.125 },
        c,
        c,
      ),
    },
    {
      n: 10 * i + 3,
      title: `logDamped: loss and gradients × ${c} leave ρ as it is, exactly`,
      check: 'equal',
      exact: true,
      problem: scaled(
        472,
        { base: sgdMomentum, embedding: { name: 'logDamped' }, learningRate: 0.25, xi: 0.5 },
        1,
      ),
      other: scaled(
        472,
        { base: sgdMomentum, embedding: { name: 'logDamped' }, learningRate: 0.25 / c, xi: 0.5 },
        c,
        c,
      ),
    },
  ]),
)

const shift = (seed: number, t: PlainTransformation, offset: number): Problem =>
  of(seed, t, { parameters: mixed, loss: { first: 1.5, ratio: 0.75, offset } })
const offset = table('property/offset', [
  {
    n: 1,
    title: 'identity: a constant added to the loss changes nothing, bit for bit',
    check: 'equal',
    exact: true,
    problem: shift(480, { base: { name: 'adam' }, learningRate: 0.25, xi: 0.25 }, 0),
    other: shift(480, { base: { name: 'adam' }, learningRate: 0.25, xi: 0.25 }, 1000),
  },
  ...(['log', 'logDamped'] as const).map((name, i): Row => ({
    n: i + 2,
    title: `${name}: a constant added to both the loss and the floor changes nothing`,
    check: 'equal',
    exact: true,
    problem: shift(
      481,
      { base: { name: 'adam' }, embedding: { name, floor: 0.25 }, learningRate: 0.25, xi: 0.25 },
      0,
    ),
    other: shift(
      481,
      { base: { name: 'adam' }, embedding: { name, floor: 8.25 }, learningRate: 0.25, xi: 0.25 },
      8,
    ),
  })),
])

const same = (
  n: number,
  title: string,
  seed: number,
  a: PlainTransformation,
  b: PlainTransformation,
  more: Partial<Problem> = {},
): Row => ({ n, title, check: 'equal', exact: true, problem: of(seed, a, more), other: of(seed, b, more) })
const adam = { name: 'adam' }
const groupedSmall = small.map((p, i) => ({ ...p, group: i === 0 ? 'body' : 'head' }))
const equivalents = table('property/same', [
  same(
    1,
    'ξ = auto is 1/N',
    490,
    { base: adam, learningRate: 0.25 },
    { base: adam, learningRate: 0.25, xi: 1 / 10 },
  ),
  same(
    2,
    'a constant schedule is its number',
    491,
    { base: adam, learningRate: 0.25, xi: 0.5 },
    {
      base: adam,
      learningRate: { schedule: 'constant', value: 0.25 },
      xi: { schedule: 'constant', value: 0.5 },
    },
  ),
  same(
    3,
    'a group whose options are those of all is no group',
    492,
    { base: adam, learningRate: 0.25, xi: 0.5 },
    { base: adam, learningRate: 0.25, xi: 0.5, groups: { head: { learningRate: 0.25 } } },
    { parameters: groupedSmall },
  ),
  same(
    4,
    'with one parameter every scope is the same',
    493,
    { base: adam, learningRate: 0.25, xi: 0.5 },
    { base: adam, learningRate: 0.25, xi: 0.5, metricScope: 'parameter' },
    { parameters: [{ name: 'p', shape: [7] }] },
  ),
  same(
    5,
    'a clipNorm above every norm is none',
    494,
    { base: adam, learningRate: 0.25, xi: 0.5 },
    { base: adam, learningRate: 0.25, xi: 0.5, clipNorm: 1e6 },
  ),
  same(
    6,
    'defaults written out are the defaults',
    495,
    { base: adam, learningRate: 0.25 },
    {
      base: { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, nesterov: false },
      learningRate: 0.25,
      xi: 'auto',
      beta: 0.8,
      embedding: { name: 'identity' },
      weightDecay: 0,
      decayMask: 'all',
      onNonFinite: 'skip',
      onBadLoss: 'throw',
      metricScope: 'global',
    },
  ),
  {
    ...same(
      7,
      'adam with β₂ = 0 and no momentum is a sign step',
      496,
      { base: { name: 'adam', beta1: 0, beta2: 0, epsilon: 0 }, learningRate: 0.25, xi: 0.5 },
      { base: { name: 'lion', beta1: 0, beta2: 0 }, learningRate: 0.25, xi: 0.5 },
    ),
    exact: false,
  } as Row,
  same(
    8,
    'heavyBall without momentum is sgd without momentum',
    497,
    { base: { name: 'heavyBall', momentum: 0 }, learningRate: 0.25, xi: 0.5 },
    { base: { name: 'sgd' }, learningRate: 0.25, xi: 0.5 },
  ),
])

const nuclear = table(
  'property/nuclear',
  [[matrices[0]!], [matrices[1]!], [matrices[2]!], [...matrices]].map((parameters, i): Row => ({
    n: i + 1,
    title: `s of muon is the nuclear norm of the gradient (${parameters.map((p) => p.name).join(', ')}), up to Newton–Schulz’s error`,
    check: 'nuclearNorm',
    problem: of(
      500 + i,
      { base: { name: 'muon', momentum: 0, nesterov: false }, learningRate: 0.25, xi: 0.25 },
      { steps: 1, parameters },
    ),
  })),
)

const manners = table('property/manners', [
  ...allBases.map((base, b): Row => ({
    n: b + 1,
    title: `equal runs of ${base.name} are equal, bit for bit`,
    check: 'repeatable',
    problem: of(
      510 + b,
      { base, learningRate: 0.25, xi: 0.25 },
      { parameters: base.name === 'muon' ? matrices : mixed },
    ),
  })),
  ...allBases.map((base, b): Row => ({
    n: b + 11,
    title: `${base.name} neither writes to the caller’s gradient nor keeps hold of it`,
    check: 'keepsGradient',
    problem: of(
      520 + b,
      { base, learningRate: 0.25, xi: 0.25 },
      { parameters: base.name === 'muon' ? matrices : mixed },
    ),
  })),
  ...allBases.map((base, b): Row => ({
    n: b + 31,
    title: `two optimisers of ${base.name} side by side do not disturb each other`,
    check: 'independent',
    problem: of(
      540 + b,
      { base, learningRate: 0.25, xi: 0.25 },
      { parameters: base.name === 'muon' ? matrices : mixed },
    ),
  })),
  {
    n: 21,
    title: 'clipping does not write to the caller’s gradient',
    check: 'keepsGradient',
    problem: of(
      530,
      { base: { name: 'sgd' }, learningRate: 0.25, xi: 0.25, clipNorm: 0.5 },
      { parameters: mixed },
    ),
  },
])

/** Properties that hold for every base and embedding and for any numbers. */
export const propertyCases: readonly Case[] = [
  ...base0,
  ...parallel,
  ...range,
  ...falling,
  ...dense,
  ...bound,
  ...descent,
  ...decay,
  ...cut,
  ...scaling,
  ...offset,
  ...equivalents,
  ...nuclear,
  ...manners,
]

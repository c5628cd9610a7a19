import type { Case } from '../case.js'
import type { PlainBase, PlainEmbedding, PlainOptions, PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { matrices, small, table, type Row } from './table.js'

/**
 * Matrices, a kernel of three axes and a vector: 49 scalars. Rows and columns differ by one at most, because the first
 * gradient has else a null space of more dimensions, in which eigenvectors are arbitrary.
 */
const kernels: Problem['parameters'] = [
  { name: 'tall', shape: [4, 3] },
  { name: 'wide', shape: [3, 4] },
  { name: 'square', shape: [3, 3] },
  { name: 'filter', shape: [3, 2, 2] },
  { name: 'bias', shape: [4] },
]

/** The bases for matrices of the fourth suite. Append only: the positions in these lists are part of the ids. */
const variants: Readonly<Record<string, readonly { readonly base: PlainBase; readonly of: string }[]>> = {
  adafactor: [
    { base: { name: 'adafactor' }, of: 'adafactor' },
    {
      base: { name: 'adafactor', decay: 0.5, epsilon: 0.125, scaleEpsilon: 1.5, clip: 0.75 },
      of: 'adafactor with its epsilon within the squares',
    },
    {
      base: {
        name: 'adafactor',
        relativeStep: false,
        scaleParameter: false,
        momentum: 0.75,
        epsilon: 0.0625,
      },
      of: 'adafactor with momentum and steps of its own',
    },
  ],
  sm3: [
    { base: { name: 'sm3' }, of: 'sm3' },
    {
      base: { name: 'sm3', momentum: 0, decay: 0.75, epsilon: 0.125 },
      of: 'sm3 with averages, its epsilon within the root',
    },
  ],
  normuon: [
    { base: { name: 'normuon' }, of: 'normuon' },
    {
      base: { name: 'normuon', momentum: 0.5, beta2: 0.75, epsilon: 0.125, nesterov: false, iterations: 3 },
      of: 'normuon with short averages',
    },
    {
      base: { name: 'normuon', momentum: 0.875, matchRms: true, rows: 'inputs' },
      of: 'normuon whose steps have the root mean square 0.2, by columns',
    },
  ],
  shampoo: [
    { base: { name: 'shampoo', epsilon: 0.5, every: 1 }, of: 'shampoo with roots at every step' },
    {
      base: { name: 'shampoo', epsilon: 0.25, every: 3, momentum: 0.75, decay: 0.875 },
      of: 'shampoo with momentum and averages, and roots at every third step',
    },
    { base: { name: 'shampoo', epsilon: 0.5, every: 2, graft: true }, of: 'shampoo as long as AdaGrad' },
  ],
  soap: [
    { base: { name: 'soap', epsilon: 0.125, every: 3 }, of: 'soap' },
    {
      base: { name: 'soap', beta1: 0.75, beta2: 0.875, epsilon: 0.25, every: 1 },
      of: 'soap whose bases turn at every step',
    },
  ],
}

const embeddings: readonly { readonly embedding: PlainEmbedding; readonly of: string }[] = [
  { embedding: { name: 'identity' }, of: 'under identity, ρ = 1/(1+v̂)' },
  { embedding: { name: 'log', floor: 0.25 }, of: 'under log, ρ = ℓ/(ℓ²+v̂)' },
  { embedding: { name: 'logDamped', floor: -0.5 }, of: 'under logDamped, ρ = ℓ²/(ℓ²+v̂)' },
]

const ties: readonly (Pick<PlainOptions, 'embedding' | 'xi'> & { readonly of: string })[] = [
  { embedding: { name: 'root', floor: 0.25 }, xi: 'rate', of: 'under root with ξ = η: ρ = ℓ/(ℓ+ηs)' },
  { embedding: { name: 'log', floor: -0.5 }, xi: { perRate: 2 }, of: 'under log with ξ = 2η' },
  { embedding: { name: 'identity' }, xi: { perRate: 0.25 }, of: 'under identity with ξ = η/4' },
]

const trajectories = Object.entries(variants).flatMap(([name, list], b) => [
  ...table(
    `step/${name}`,
    list.flatMap(({ base, of }, v) =>
      embeddings.map(({ embedding, of: under }, e): Row => ({
        n: 4 * v + e + 1,
        title: `${of} ${under}`,
        check: 'trajectory',
        problem: {
          transformation: { base, embedding, learningRate: 0.25, xi: 0.125, beta: 0.75 },
          parameters: kernels,
          steps: 8,
          seed: 200_000 + 1000 * b + 10 * v + e,
          ...(embedding.name === 'identity' ? {} : { loss: { first: 4, ratio: 0.75 } }),
        },
      })),
    ),
  ),
  ...table(
    `step/tied-${name}`,
    list.flatMap(({ base, of }, v) =>
      ties.map(({ of: under, ...tie }, e): Row => ({
        n: 4 * v + e + 1,
        title: `${of} ${under}, decay and all`,
        check: 'trajectory',
        problem: {
          transformation: { base, ...tie, learningRate: 0.125, weightDecay: 0.125 },
          parameters: kernels,
          steps: 8,
          seed: 210_000 + 1000 * b + 10 * v + e,
          loss: { first: 4, ratio: 0.75 },
        },
      })),
    ),
  ),
])

/** The momentum of adafactor and sm3 averages P g. */
const hasAverage = ({ name, momentum }: PlainBase): boolean =>
  name === 'adafactor' ? momentum === undefined : name === 'sm3' ? momentum === 0 : true

const models = Object.entries(variants).flatMap(([name, list], b) =>
  table(
    `step/averaged-${name}`,
    list.flatMap(({ base, of }, v): Row[] =>
      hasAverage(base)
        ? [
            {
              n: v + 1,
              title: `${of}: its averaged model under root, ρ = ψ/(ψ+η⟨x̂,d⟩)`,
              check: 'trajectory',
              problem: {
                transformation: {
                  base,
                  learningRate: 0.03125,
                  xi: 'rate',
                  averagedModel: true,
                  embedding: { name: 'root' },
                },
                parameters: kernels,
                steps: 8,
                seed: 220_000 + 1000 * b + 10 * v,
                loss: { first: 12, ratio: 0.875 },
              },
            },
          ]
        : [],
    ),
  ),
)

const plain = (base: PlainBase, seed: number, parameters = kernels): Problem => ({
  transformation: { base, learningRate: 0.125, xi: 0 },
  parameters,
  steps: 8,
  seed,
})

/** Without the metric, at the defaults. Where rounding grows much, in double precision only. */
const plainBases = table(
  'step/plain',
  (
    [
      [{ name: 'adafactor' }, 'the paper’s Adafactor'],
      [{ name: 'sm3' }, 'optax’s SM3'],
      [{ name: 'normuon' }, 'NorMuon'],
      [{ name: 'shampoo', every: 1 }, 'Shampoo', ['float64']],
      [{ name: 'soap', every: 3 }, 'SOAP', ['float64']],
    ] as readonly (readonly [PlainBase, string, Row['dtypes']?])[]
  ).map(([base, of, dtypes], i): Row => ({
    n: i + 101,
    title: `${base.name} at ξ = 0 is ${of}`,
    check: 'trajectory',
    problem: plain(base, 230_000 + i),
    ...(dtypes === undefined ? {} : { dtypes }),
  })),
)

const filters: Problem['parameters'] = [
  { name: 'filter', shape: [2, 3, 2] },
  { name: 'image', shape: [3, 2, 2, 2] },
  ...small,
]
const sides = (['outputs', 'inputs'] as const).flatMap((rows) =>
  (
    [{ name: 'muon', flatten: true }, { name: 'normuon' }, { name: 'adafactor' }, { name: 'sm3' }] as const
  ).map((base): PlainBase => ({ ...base, rows })),
)
const flatten = table('option/flatten', [
  ...sides.map((base, i): Row => ({
    n: i + 1,
    title: `${base.name} on kernels of more axes, which are matrices whose rows are the ${String(base['rows'])}`,
    check: 'trajectory',
    problem: {
      transformation: { base, learningRate: 0.125, xi: 0.25, beta: 0.75 },
      parameters: filters,
      steps: 6,
      seed: 240_000 + i,
    },
  })),
  {
    n: 21,
    title: 'normuon that does not flatten hands kernels to its fallback',
    check: 'trajectory',
    problem: {
      transformation: {
        base: { name: 'normuon', flatten: false },
        fallback: { name: 'sgd', momentum: 0.5 },
        learningRate: 0.125,
        xi: 0.25,
      },
      parameters: [...matrices, ...filters],
      steps: 6,
      seed: 240_021,
    },
  },
])

const common = { learningRate: 0.25, xi: 0.25, beta: 0.875 }
const saved = (base: PlainBase, seed: number, more: Partial<PlainTransformation>): Problem => ({
  transformation: { base, ...common, ...more },
  parameters: kernels,
  steps: 6,
  seed,
  loss: { first: 2, ratio: 0.75 },
})
const needs = ['checkpoint'] as const
const kept = Object.values(variants).map(([, second]) => second!.base)
const checkpoints = [
  ...table(
    'checkpoint/resume',
    kept.map((base, b): Row => ({
      n: b + 271,
      title: `${base.name}: saved, loaded into a second session and continued equals uninterrupted, bit for bit`,
      check: 'resume',
      after: 3,
      state: true,
      needs,
      problem: saved(base, 250_000 + b, { weightDecay: 0.125 }),
    })),
  ),
  ...table(
    'checkpoint/handover',
    kept.flatMap((base, b): Row[] => [
      {
        n: b + 271,
        title: `${base.name}: a checkpoint continues in the core’s reference engine`,
        check: 'handover',
        from: 'target',
        after: 3,
        needs,
        problem: saved(base, 250_100 + b, { embedding: { name: 'logDamped' } }),
      },
      {
        n: b + 371,
        title: `${base.name}: a checkpoint of the core’s reference engine continues here`,
        check: 'handover',
        from: 'reference',
        after: 3,
        needs,
        problem: saved(base, 250_200 + b, { embedding: { name: 'log' } }),
      },
    ]),
  ),
]

/** Trajectories, options and checkpoints of the bases that treat matrices differently. */
export const matrixCases: readonly Case[] = [
  ...trajectories,
  ...models,
  ...plainBases,
  ...flatten,
  ...checkpoints,
]

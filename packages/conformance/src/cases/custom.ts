import type { Case } from '../case.js'
import type { Problem } from '../problem.js'
import { matrices, mixed, small, table, type Row } from './table.js'

const own: Problem = {
  transformation: { base: { name: 'sgd' }, learningRate: 0.25 },
  parameters: mixed,
  steps: 5,
  seed: 920,
}

const ownTied: Problem = { ...own, loss: { first: 12, ratio: 0.875 } }
const ownModel: Problem = {
  ...ownTied,
  seed: 925,
  transformation: { ...own.transformation, averagedModel: true },
}

/** Bases, embeddings and schedules that users define. */
export const customCases: readonly Case[] = [
  ...table('custom/base', [
    {
      n: 1,
      title: 'a preconditioner of the kit’s own runs as its formula says',
      check: 'customBase',
      problem: { ...own, seed: 921 },
      needs: ['base/custom'],
    },
  ]),
  ...table('custom/factored', [
    {
      n: 1,
      title:
        'a preconditioner of the kit’s own keeps vectors of rows and columns and a scalar, some of them renewed at every second step',
      check: 'customFactored',
      problem: { ...own, seed: 929, steps: 6 },
      needs: ['base/custom'],
    },
  ]),
  ...table('custom/identity', [
    {
      n: 1,
      title: 'a preconditioner of the kit’s own multiplies by identity matrices and takes a diagonal',
      check: 'customIdentity',
      problem: { ...own, seed: 932, steps: 2, parameters: matrices },
      needs: ['base/custom'],
    },
  ]),
  ...table('custom/functions', [
    {
      n: 1,
      title: 'a preconditioner of the kit’s own takes powers, exponentials, logarithms and angles of tensors',
      check: 'customFunctions',
      problem: { ...own, seed: 933, steps: 3 },
      needs: ['base/custom'],
    },
  ]),
  ...table('custom/noise', [
    {
      n: 1,
      title:
        'a preconditioner of the kit’s own reads normal numbers by seed, parameter, stream and step, or is refused',
      check: 'customNoise',
      baseSeed: 2 ** 40 + 12345,
      problem: {
        ...own,
        seed: 930,
        parameters: [...mixed, { name: 'odd/ä', shape: [7] }],
        missing: { 2: [0] },
      },
      needs: ['base/custom'],
    },
    {
      n: 2,
      title: 'the seed of normal numbers may be below 0',
      check: 'customNoise',
      baseSeed: -3,
      problem: { ...own, seed: 931, steps: 2 },
      needs: ['base/custom'],
    },
  ]),
  ...table(
    'custom/sums',
    (['rowMax', 'rowSums', 'sum', 'total', 'loss'] as const).flatMap((by, i): Row[] =>
      (['float32', 'float64'] as const).map((dtype, k) => ({
        n: 10 * i + k + 1,
        title: `where ${by} of a preconditioner of the kit’s own is infinite, a step is skipped that would change nothing`,
        check: 'customSums',
        by,
        problem: { ...own, seed: 940 + i, steps: 1, gradientScale: dtype === 'float32' ? 2 ** 70 : 2 ** 600 },
        needs: ['base/custom'],
        dtypes: [dtype],
      })),
    ),
  ),
  ...table('custom/average', [
    {
      n: 1,
      title: 'a preconditioner of the kit’s own gives the average of its direction: s = Σ⟨x̂,d⟩⟨g,g⟩/⟨x̂,x̂⟩',
      check: 'customAverage',
      along: 'average',
      problem: { ...ownTied, seed: 924 },
      needs: ['base/custom', 'embedding/root', 'tiedXi'],
    },
    {
      n: 2,
      title: 'a preconditioner of the kit’s own has an averaged model, by the weights of its average',
      check: 'customAverage',
      along: 'average',
      problem: ownModel,
      needs: ['base/custom', 'embedding/root', 'tiedXi'],
    },
    {
      n: 3,
      title: 'where a step is against its average, neither s nor v̂ is below 0',
      check: 'customAverage',
      along: 'gradient',
      problem: { ...ownModel, seed: 928, steps: 12, parameters: [{ name: 'p', shape: [2] }] },
      needs: ['base/custom', 'embedding/root', 'tiedXi'],
    },
  ]),
  ...table('custom/embedding', [
    {
      n: 1,
      title: 'an embedding of the kit’s own, f = h = √L, scales by h′/(1 + f′²v̂)',
      check: 'customEmbedding',
      problem: { ...own, seed: 922, loss: { first: 4, ratio: 0.75 } },
      needs: ['embedding/custom'],
    },
  ]),
  ...table(
    'custom/slopes',
    (['root', 'log', 'logDamped'] as const).map((embedding, i): Row => ({
      n: i + 1,
      title: `${embedding} steps as an embedding of its slopes does`,
      check: 'ownSlopes',
      embedding,
      problem: { ...own, seed: 950 + i, loss: { first: 4, ratio: 0.75 } },
      needs: ['embedding/custom', `embedding/${embedding}`],
    })),
  ),
  ...table('custom/schedule', [
    {
      n: 1,
      title: 'a function of the step, counted from 1, is a schedule',
      check: 'customSchedule',
      problem: { ...own, seed: 923, parameters: small },
      needs: ['schedules'],
    },
    {
      n: 2,
      title: 'ξ tied to a function of the step is tied to its value at the step',
      check: 'customSchedule',
      problem: {
        ...own,
        seed: 926,
        parameters: small,
        transformation: { ...own.transformation, xi: 'rate' },
      },
      needs: ['schedules'],
    },
  ]),
]

import type { Case } from '../case.js'
import { golden, smallFunctionRows, tied, translate, translateRow } from '../golden/index.js'
import { capabilitiesOf } from '../case.js'
import type { Feature } from '../manifest.js'
import type { Problem } from '../problem.js'
import { mixed, small, table } from './table.js'

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')

const trajectories = Object.entries(golden).flatMap(([suite, vectors]) =>
  vectors.map((vector): Case => {
    const { transformation } = translate(vector)
    const nonMatrices = vector.params.some(({ shape }) => shape.length !== 2)
    const needs = capabilitiesOf(transformation, nonMatrices)
    if (vector.steps.some(({ grads }) => grads.includes(null))) needs.push('missingGradients')
    return {
      id: `golden/${suite}/${vector.dtype === 'float32' ? 'f32' : 'f64'}/${slug(vector.name)}`,
      title: `${vector.name}, as an independent implementation has it`,
      check: 'golden',
      suite,
      name: vector.name,
      dtype: vector.dtype,
      requires: needs,
    }
  }),
)

const planes = smallFunctionRows.map((row): Case => ({
  id: `golden/functions/f64/${row.function}-${slug(row.optimiser)}`,
  title: `${row.function} by ${row.optimiser}: ${row.published.converged ? `${row.published.iterations} iterations` : 'no end'}, as published`,
  check: 'plane',
  function: row.function,
  optimiser: row.optimiser,
  dtype: 'float64',
  requires: capabilitiesOf(translateRow(row), true),
}))

const rates = tied.flatMap((vector): Case[] => {
  const nonMatrices = vector.params.some(({ shape }) => shape.length !== 2)
  const requires = capabilitiesOf(vector.transformation, nonMatrices)
  return (['float32', 'float64'] as const)
    .filter((dtype) => dtype === 'float64' || vector.single)
    .map((dtype) => ({
      id: `golden/tied/${dtype === 'float32' ? 'f32' : 'f64'}/${slug(vector.name)}`,
      title: `${vector.name}, as the whole history of gradients and losses gives it`,
      check: 'goldenTied',
      name: vector.name,
      dtype,
      requires,
    }))
})

/** Vectors of independent implementations. */
export const goldenCases: readonly Case[] = [...trajectories, ...planes, ...rates]

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

/** What users define themselves. */
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

const properties: readonly (readonly [name: string, title: string, runs: number, n?: number])[] = [
  ['oracle', 'any transformation steps as the oracle', 40],
  ['missing', 'any transformation with any gradients missing steps as the oracle', 25],
  ['factor', 'any transformation has its ρ in range', 25],
  ['layout', 'any cutting into tensors gives the same step, where P is a linear map', 25, 2],
  ['atomic', 'steps that are skipped or fail leave no trace, wherever they come', 25],
  ['resume', 'saving and loading at any steps changes nothing', 25],
  ['tied', 'any transformation with its ξ tied and what goes with it steps as the oracle', 40],
  ['groups', 'any options of a group, in any scope, with any gradients missing, step as the oracle', 40],
  ['tiedResume', 'saving and loading at any steps changes nothing, with ξ tied and what goes with it', 25],
]

const tiedNeeds = ['embedding/root', 'tiedXi', 'averagedModel', 'followingFloor', 'startAxis'] as const
const needsOfProperty: Readonly<Record<string, readonly Feature[]>> = {
  missing: ['missingGradients'],
  resume: ['checkpoint'],
  tied: [...tiedNeeds, 'averageWeights'],
  groups: [...tiedNeeds, 'averageWeights', 'groups', 'decayScaling'],
  tiedResume: [...tiedNeeds, 'averageWeights', 'checkpoint'],
}

/** Properties of drawn examples; a failure's message holds the seed that replays it. */
export const randomCases: readonly Case[] = properties.flatMap(([property, title, runs, n = 1]) =>
  table(`random/${property}`, [
    {
      n,
      title,
      check: 'random',
      property,
      runs,
      needs: needsOfProperty[property] ?? [],
    },
  ]),
)

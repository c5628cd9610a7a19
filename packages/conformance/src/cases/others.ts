import type { Case } from '../case.js'
import { golden, smallFunctionRows, translate, translateRow } from '../golden/index.js'
import { capabilitiesOf } from '../case.js'
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

/** Vectors of independent implementations. */
export const goldenCases: readonly Case[] = [...trajectories, ...planes]

const own: Problem = {
  transformation: { base: { name: 'sgd' }, learningRate: 0.25 },
  parameters: mixed,
  steps: 5,
  seed: 920,
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
  ]),
]

const properties: readonly (readonly [name: string, title: string, runs: number])[] = [
  ['oracle', 'any transformation steps as the oracle', 40],
  ['missing', 'any transformation with any gradients missing steps as the oracle', 25],
  ['factor', 'any transformation has its ρ in range', 25],
  ['layout', 'any cutting into tensors gives the same step', 25],
  ['atomic', 'steps that are skipped or fail leave no trace, wherever they come', 25],
  ['resume', 'saving and loading at any steps changes nothing', 25],
]

/** Properties of drawn examples; a failure's message holds the seed that replays it. */
export const randomCases: readonly Case[] = properties.flatMap(([property, title, runs]) =>
  table(`random/${property}`, [
    {
      n: 1,
      title,
      check: 'random',
      property,
      runs,
      needs: property === 'resume' ? ['checkpoint'] : property === 'missing' ? ['missingGradients'] : [],
    },
  ]),
)

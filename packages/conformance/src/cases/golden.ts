import { capabilitiesOf, type Case } from '../case.js'
import { golden, smallFunctionRows, tied, translate, translateRow } from '../golden/index.js'

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
      title: `${transformation.base.name}: ${vector.name}, as an independent implementation has it`,
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

import type { Dtype } from '../manifest.js'
import type { PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { matrices, small } from './table.js'

/** A run whose checkpoint is kept in the kit. */
export interface GoldenProblem {
  readonly title: string
  readonly dtype: Dtype
  readonly after: number
  readonly problem: Problem
}

/** A vector of five and a scalar: in single precision their bytes are no multiple of 8. */
const odd = [
  { name: 'vector', shape: [5] },
  { name: 'scalar', shape: [] },
]
const grouped = small.map((p, i) => ({ ...p, group: i === 0 ? 'body' : 'head' }))
const other = [
  { name: 'θ/重み "a\\b"', shape: [3] },
  { name: 'dense.kernel', shape: [2, 2] },
]

const of = (
  seed: number,
  transformation: Partial<PlainTransformation>,
  more: Partial<Problem> = {},
): Problem => ({
  transformation: {
    base: { name: 'adam', beta1: 0.75, beta2: 0.875 },
    learningRate: 0.25,
    xi: 0.25,
    ...transformation,
  },
  parameters: odd,
  steps: 5,
  seed,
  loss: { first: 2, ratio: 0.75 },
  ...more,
})

/** Everything that a unit keeps. */
const kept: Partial<PlainTransformation> = {
  base: { name: 'sgd', momentum: 0.75 },
  learningRate: 0.0625,
  xi: 'rate',
  embedding: { name: 'log', floor: 'follow' },
  averagedModel: true,
  startAxis: { weight: 9 },
  averageWeights: 2,
}
const high = { loss: { first: 12, ratio: 0.875 } }

/** Append only: the position in the list is the number of the case. */
export const goldenProblems: readonly GoldenProblem[] = [
  { title: 'slots of odd lengths, single', dtype: 'float32', after: 3, problem: of(2660, {}) },
  { title: 'slots of odd lengths, double', dtype: 'float64', after: 3, problem: of(2661, {}) },
  {
    title: 'three slots of each parameter',
    dtype: 'float32',
    after: 2,
    problem: of(
      2662,
      { base: { name: 'rmsprop', decay: 0.75, centered: true, momentum: 0.5 } },
      { parameters: small },
    ),
  },
  {
    title: 'names in other scripts',
    dtype: 'float64',
    after: 2,
    problem: of(2663, { metricScope: 'parameter' }, { parameters: other }),
  },
  { title: 'all that a unit keeps', dtype: 'float64', after: 3, problem: of(2664, kept, high) },
  {
    title: 'all that the units of groups keep',
    dtype: 'float32',
    after: 3,
    problem: of(
      2665,
      { ...kept, metricScope: 'group', groups: { head: { beta: 0.5, embedding: { name: 'root' } } } },
      {
        ...high,
        parameters: grouped,
      },
    ),
  },
  {
    title: 'muon and its fallback',
    dtype: 'float64',
    after: 2,
    problem: of(
      2666,
      { base: { name: 'muon' }, fallback: { name: 'heavyBall', momentum: 0.5 } },
      {
        parameters: [matrices[0]!, small[1]!],
      },
    ),
  },
  {
    title: 'a parameter without a gradient so far',
    dtype: 'float64',
    after: 2,
    problem: of(
      2667,
      { base: { name: 'adagrad', initialAccumulator: 0.25 } },
      { missing: { 1: [1], 2: [1], 4: [0] } },
    ),
  },
  { title: 'no slots', dtype: 'float32', after: 2, problem: of(2668, { base: { name: 'sgd' } }) },
]

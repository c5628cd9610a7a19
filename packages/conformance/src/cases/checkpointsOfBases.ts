import type { Case } from '../case.js'
import type { PlainBase, PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { furtherCheckpoints } from './furtherBases.js'
import { mixed, table, type Row } from './table.js'

function of(seed: number, transformation: PlainTransformation): Problem {
  return { transformation, parameters: mixed, steps: 6, seed, loss: { first: 2, ratio: 0.75 } }
}

const needs = ['checkpoint'] as const
const common = { learningRate: 0.25, xi: 0.25, beta: 0.875 }

/** The bases of the third suite. Append only: the position in the list is part of the ids. */
const bases: readonly PlainBase[] = [
  { name: 'adamax', beta1: 0.75, beta2: 0.875 },
  { name: 'radam', beta1: 0.75, beta2: 0.8125 },
  { name: 'adadelta', decay: 0.75 },
  { name: 'rprop' },
  { name: 'adan', beta1: 0.75, beta2: 0.5, beta3: 0.875 },
  { name: 'ademamix', beta1: 0.5, beta2: 0.75, beta3: 0.9375 },
  { name: 'adopt', beta1: 0.5, beta2: 0.75, epsilon: 0.125 },
  { name: 'lamb', beta1: 0.75, beta2: 0.875, weightDecay: 0.25 },
  { name: 'novograd', beta1: 0.5, beta2: 0.75 },
  { name: 'yogi', beta1: 0.75, beta2: 0.875, initialAccumulator: 0.25 },
  { name: 'adabelief', beta1: 0.75, beta2: 0.875, epsilon: 0.0625 },
  { name: 'signum', momentum: 0.75 },
  { name: 'adam', beta1: 0.75, beta2: 0.5, amsgrad: true },
  { name: 'adam', beta1: 0.75, beta2: 0.875, cautious: true },
  { name: 'lion', beta1: 0.75, beta2: 0.875, cautious: true },
]
/** All of them, with the number that their ids and seeds follow from. */
const numbered: readonly (readonly [index: number, base: PlainBase])[] = [
  ...bases.map((base, b) => [b, base] as const),
  ...furtherCheckpoints.map((base, b) => [300 + b, base] as const),
]
const titleOf = ({ name, amsgrad, cautious, layerwise }: PlainBase): string =>
  `${layerwise === true ? 'layerwise ' : ''}${cautious === true ? 'cautious ' : ''}${name}${amsgrad === true ? ' with amsgrad' : ''}`

const resume = table(
  'checkpoint/resume',
  numbered.map(([b, base]): Row => ({
    n: b + 201,
    title: `${titleOf(base)}: saved, loaded into a second session and continued equals uninterrupted, bit for bit`,
    check: 'resume',
    after: 3,
    state: true,
    needs,
    problem: of(1000 + b, { base, ...common, weightDecay: 0.125 }),
  })),
)
const handover = table(
  'checkpoint/handover',
  numbered.flatMap(([b, base]): Row[] => [
    {
      n: b + 201,
      title: `${titleOf(base)}: a checkpoint continues in the core’s reference engine`,
      check: 'handover',
      from: 'target',
      after: 3,
      needs,
      problem: of(1050 + b, { base, ...common, embedding: { name: 'logDamped' } }),
    },
    {
      n: b + 301,
      title: `${titleOf(base)}: a checkpoint of the core’s reference engine continues here`,
      check: 'handover',
      from: 'reference',
      after: 3,
      needs,
      problem: of(1100 + b, { base, ...common, embedding: { name: 'log' } }),
    },
  ]),
)

/** Saving and loading the bases of the third suite. */
export const checkpointsOfBases: readonly Case[] = [...resume, ...handover]

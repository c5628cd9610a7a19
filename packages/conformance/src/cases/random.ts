import type { Case } from '../case.js'
import type { Feature } from '../manifest.js'
import { table } from './table.js'

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

/** Properties of drawn examples. A failure's message contains the seed that replays it. */
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

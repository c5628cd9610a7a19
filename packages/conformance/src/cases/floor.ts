import type { Case } from '../case.js'
import { run } from './tied.js'
import { mixed, small, table, type Row } from './table.js'

const adam = { name: 'adam', beta1: 0.75, beta2: 0.9375 }
const grouped = mixed.map((p, i) => ({ ...p, group: i % 2 === 0 ? 'body' : 'head' }))

/** Losses that fall, stay and rise, which moves a floor that follows them. */
const path = [
  6, 5, 4.25, 3.5, 3, 2.75, 2.5, 2.5, 2.4375, 2.5, 2.5, 2.375, 2.5, 2.75, 3, 3.5, 3.25, 3, 2.75, 2.5,
]
const noisy = path.map((loss, i) => loss + ((i * 7) % 5) / 4 - 0.5)
const following = { name: 'root', floor: 'follow' } as const

const floors = table('option/floor', [
  ...(['root', 'log', 'logDamped'] as const).flatMap((name, i): Row[] => [
    run(
      4 * i + 1,
      `a floor that follows the losses, under ${name}`,
      { embedding: { name, floor: 'follow' } },
      { loss: path, steps: 20 },
    ),
    run(
      4 * i + 2,
      `a floor that follows noisy losses down to a bound below 0, under ${name}`,
      { embedding: { name, floor: { follow: -1 } }, base: adam, xi: { perRate: 2 } },
      { loss: noisy, steps: 20 },
    ),
    run(
      4 * i + 3,
      `a floor that follows in every parameter’s scope, with gradients missing, under ${name}`,
      { embedding: { name, floor: 'follow' }, metricScope: 'parameter' },
      { loss: noisy, steps: 8, missing: { 1: [1], 2: [1, 2], 5: [0] } },
    ),
  ]),
  run(
    21,
    'a floor that follows where ξ is not tied',
    { embedding: following, xi: 0.25 },
    { loss: path, steps: 12 },
  ),
  run(
    22,
    'a floor that follows a loss that does not move',
    { embedding: following },
    { loss: path.map(() => 2), steps: 12 },
  ),
  run(
    23,
    'a floor that follows a steep fall stays at its bound',
    { embedding: { name: 'root', floor: { follow: 0.5 } } },
    {
      loss: { first: 64, ratio: 0.5 },
      steps: 12,
    },
  ),
  run(
    24,
    'a floor that follows in one group, and stays in another',
    {
      groups: { head: { embedding: following } },
    },
    { loss: path, steps: 12, parameters: grouped },
  ),
  run(
    25,
    'a floor that follows losses below its bound: ρ = 0, and the averages go on',
    { embedding: following },
    {
      loss: [2, 1, 0.5, -1, -2, -1, 0.5, 1, 1.5, 2, 2, 2],
      steps: 12,
    },
  ),
  {
    ...run(
      26,
      'a skipped step enters no average of the losses',
      { embedding: following, base: adam },
      {
        loss: [6, 5, 'NaN', 4, 100, 3.5, 3, 2.75],
        steps: 8,
        inject: [{ step: 5, parameter: 0, element: 1, value: 'NaN' }],
      },
    ),
    outcomes: { 3: 'skipped', 5: 'skipped' },
  } as Row,
  run(
    27,
    'a floor that follows a hundred steps',
    { embedding: following, base: adam },
    {
      loss: { first: 8, ratio: 0.984375, offset: 1 },
      steps: 100,
      parameters: small,
    },
  ),
])

/** Floors that follow the losses. */
export const floorCases: readonly Case[] = floors

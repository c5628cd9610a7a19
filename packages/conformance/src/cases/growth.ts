import type { Case } from '../case.js'
import { adam, grouped, run } from './start.js'
import { table, type Row } from './table.js'

const averagedModel = true

/** Losses that begin near the floor and then leave it, so that ρ would leap; one later loss is small by chance. */
const leaping = [0.25, 0.25, 12, 12, 12, 0.25, 12, 11, 11, 11]
/** Limits of the growth of ρ. */
export const growthCases: readonly Case[] = table('option/growthRate', [
  run(
    1,
    'ρ is at most the growth rate times the last ones',
    { growthRate: 1.5, learningRate: 0.5 },
    { loss: leaping, steps: 10 },
  ),
  run(
    2,
    'a growth rate of 1: ρ never grows beyond the last ones',
    { growthRate: 1, learningRate: 0.5 },
    { loss: leaping, steps: 10 },
  ),
  run(
    3,
    'a growth rate beside the averaged model and the start axis',
    { growthRate: 1.02, averagedModel, startAxis: { weight: 9, steps: 20 }, base: adam },
    { loss: leaping.map((loss) => loss + 8), steps: 10 },
  ),
  run(
    4,
    'a growth rate where ξ is not tied, under log',
    { growthRate: 1.25, xi: 0.5, embedding: { name: 'log' } },
    { loss: leaping, steps: 10 },
  ),
  run(
    5,
    'ρ = 0 at losses below the floor does not count for the growth',
    { growthRate: 1.25, learningRate: 0.5 },
    { loss: [0.5, 0.5, -1, -1, -1, 12, 12, 12, 12, 12], steps: 10 },
  ),
  run(
    6,
    'losses below the floor from the start: the first ρ above 0 is not limited',
    { growthRate: 1.25, learningRate: 0.5 },
    { loss: [-1, -1, 0.5, 12, 12, 12, 12, 12], steps: 8 },
  ),
  run(
    7,
    'the base’s step at a bad loss does not count for the growth',
    { growthRate: 1.25, onBadLoss: 'base', learningRate: 0.0625 },
    { loss: [0.5, -1, 12, 12, -1, 12, 12, 12], steps: 8 },
  ),
  {
    ...run(
      8,
      'a skipped step does not count for the growth',
      { growthRate: 1.25, learningRate: 0.5 },
      {
        loss: leaping,
        steps: 10,
        inject: [{ step: 3, parameter: 0, element: 1, value: 'NaN' }],
      },
    ),
    outcomes: { 3: 'skipped' },
  } as Row,
  run(
    9,
    'a group with a growth rate of its own, in every group’s scope',
    {
      growthRate: 1.5,
      metricScope: 'group',
      learningRate: 0.5,
      groups: { head: { growthRate: 1.0625 } },
    },
    { loss: leaping, steps: 10, parameters: grouped },
  ),
  run(10, 'a growth rate of the base alone has no effect', {
    growthRate: 1,
    xi: 0,
    embedding: { name: 'identity' },
    base: adam,
  }),
])

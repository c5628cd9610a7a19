import type { Case } from '../case.js'
import { adam, grouped, run } from './start.js'
import { table, type Row } from './table.js'

const averagedModel = true

/** Losses that begin near the floor and then leave it, so that ρ would leap; one later loss is small by chance. */
const leaping = [0.25, 0.25, 12, 12, 12, 0.25, 12, 11, 11, 11]
const growth = table('option/growthRate', [
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

const small = 0.015625
const caps = table('option/risingCap', [
  run(
    1,
    'a cap that rises by a half at every step, up to its height',
    { risingCap: { growth: 1.5, to: 0.125 }, learningRate: small },
    { steps: 10 },
  ),
  run(2, 'a cap that rises by its defaults: 2 % a step, up to 1', { risingCap: {}, learningRate: small }),
  run(3, 'by default a cap ends at 1', { risingCap: { growth: 16 }, learningRate: small }),
  run(4, 'a cap that begins above its height stays there', {
    risingCap: { growth: 2, to: 0.125 },
    learningRate: 0.5,
  }),
  run(5, 'a growth of 1 leaves the cap where it is', { risingCap: { growth: 1 }, learningRate: small }),
  run(
    6,
    'a cap that rises beside the averaged model, a start axis and a growth rate',
    {
      risingCap: { growth: 1.25 },
      growthRate: 1.125,
      averagedModel,
      startAxis: { weight: 9, steps: 20 },
      base: adam,
      learningRate: small,
    },
    { loss: leaping.map((loss) => loss + 8), steps: 10 },
  ),
  run(7, 'a cap that rises beside a start axis with no end', {
    risingCap: { growth: 2 },
    startAxis: { weight: 9 },
    learningRate: small,
  }),
  run(8, 'a cap that rises under log, where ξ is not tied', {
    risingCap: { growth: 1.5 },
    xi: 0.5,
    embedding: { name: 'log' },
    learningRate: small,
  }),
  run(9, 'a cap that rises under identity', {
    risingCap: { growth: 2 },
    embedding: { name: 'identity' },
    learningRate: small,
  }),
  run(10, 'a cap that rises with decay, which follows the step', {
    risingCap: { growth: 2 },
    weightDecay: 0.125,
    learningRate: small,
  }),
  run(11, 'a cap that rises from the peak of a schedule', {
    risingCap: { growth: 1.5, to: 0.25 },
    learningRate: { schedule: 'linear', from: 0.0625, to: 0, steps: 12 },
  }),
  run(12, 'a cap that rises beside a rate without a peak, up to a height that the rate reaches too', {
    risingCap: { growth: 1.25, to: 0.5 },
    learningRate: { schedule: 'exponential', from: 0.03125, rate: 1.5 },
  }),
  run(
    13,
    'a group with a cap of its own, in every group’s scope',
    {
      risingCap: { growth: 1.5 },
      metricScope: 'group',
      learningRate: small,
      groups: { head: { risingCap: { growth: 2, to: 0.0625 } } },
    },
    { parameters: grouped },
  ),
  {
    ...run(
      14,
      'a cap does not rise in a skipped step',
      { risingCap: { growth: 2 }, learningRate: small },
      { inject: [{ step: 3, parameter: 0, element: 1, value: 'NaN' }] },
    ),
    outcomes: { 3: 'skipped' },
  } as Row,
  run(
    15,
    'a cap that rises leaves the base’s step at a bad loss as it is',
    { risingCap: { growth: 2 }, onBadLoss: 'base', learningRate: small },
    { loss: [4, 4, -1, 4, -1, 4, 4, 4] },
  ),
  run(16, 'a cap that rises has no effect on the base alone', {
    risingCap: { growth: 2 },
    xi: 0,
    embedding: { name: 'identity' },
    base: adam,
  }),
])

/** Limits of the growth of ρ, and caps that rise. */
export const growthCases: readonly Case[] = [...growth, ...caps]

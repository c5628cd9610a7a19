import type { Case } from '../case.js'
import { table, warmUp, type Row } from './table.js'

const linear = { schedule: 'linear', from: 0.5, to: 0.1, steps: 4 }
const cosine = { schedule: 'cosine', from: 0.5, steps: 4 }
const exponential = { schedule: 'exponential', from: 0.5, rate: 0.5 }
const piecewise = { schedule: 'piecewise', values: [0.5, 0.25, 0.125], boundaries: [2, 4] }
const oneCycle = { schedule: 'oneCycle', peak: 0.5, steps: 6 }
const stable = { schedule: 'warmupStableDecay', peak: 0.5, warmup: 1, stable: 2, decay: 3 }
const inverse = { schedule: 'inverseSqrt', from: 0.5, steps: 3 }
const restarts = { schedule: 'cosineRestarts', from: 0.5, steps: 3 }
const warmup = warmUp(0.5, 3)

/** A schedule as data, and a text that the message must contain. Append only: the position in the list is the number. */
const schedules: readonly (readonly [schedule: unknown, names: string])[] = [
  [{ schedule: 'constant', value: 'NaN' }, 'value'],
  [{ schedule: 'constant', value: 0.5, from: 1 }, 'from'],
  [{ ...linear, steps: 0 }, 'linear.steps'],
  [{ ...linear, steps: -2 }, 'linear.steps'],
  [{ ...linear, from: 'high' }, 'linear.from'],
  [{ ...linear, to: null }, 'linear.to'],
  [{ ...linear, stops: 3 }, 'stops'],
  [{ schedule: 'linear', from: 0.5, to: 0.1 }, 'linear.steps'],
  [{ ...cosine, steps: 0 }, 'cosine.steps'],
  [{ ...cosine, to: 'low' }, 'cosine.to'],
  [{ ...cosine, from: null }, 'cosine.from'],
  [{ ...cosine, at: 1 }, 'at'],
  [{ ...exponential, rate: 0 }, 'exponential.rate'],
  [{ ...exponential, rate: -0.5 }, 'exponential.rate'],
  [{ ...exponential, steps: 0 }, 'exponential.steps'],
  [{ ...exponential, from: '1' }, 'exponential.from'],
  [{ ...exponential, to: 0 }, 'to'],
  [{ ...piecewise, boundaries: [4, 2] }, 'boundaries'],
  [{ ...piecewise, boundaries: [2, 2] }, 'boundaries'],
  [{ ...piecewise, boundaries: [2] }, 'piecewise'],
  [{ ...piecewise, boundaries: [2, 4, 6] }, 'piecewise'],
  [{ ...piecewise, boundaries: ['2', 4] }, 'boundaries'],
  [{ ...piecewise, values: [0.5, 'low', 0.125] }, 'values'],
  [{ ...piecewise, values: 0.5 }, 'values'],
  [{ ...piecewise, boundaries: 2 }, 'boundaries'],
  [{ ...piecewise, steps: 3 }, 'steps'],
  [{ ...warmup, steps: 0 }, 'warmup.steps'],
  [{ ...warmup, from: 'low' }, 'warmup.from'],
  [warmUp({ schedule: 'linear', from: 1, to: 0, steps: 0 }, 3), 'linear.steps'],
  [warmUp(null, 3), 'then'],
  [{ ...warmup, to: 1 }, 'to'],
  [{ ...oneCycle, steps: 0 }, 'oneCycle.steps'],
  [{ ...oneCycle, peak: 'high' }, 'oneCycle.peak'],
  [{ ...oneCycle, warmup: -1 }, 'oneCycle.warmup'],
  [{ ...oneCycle, warmup: 7 }, 'oneCycle.warmup'],
  [{ ...oneCycle, from: 'low' }, 'oneCycle.from'],
  [{ ...oneCycle, to: 'low' }, 'oneCycle.to'],
  [{ ...oneCycle, curve: 'square' }, 'curve'],
  [{ ...oneCycle, decay: 1 }, 'decay'],
  [{ ...stable, decay: 0 }, 'decay'],
  [{ ...stable, warmup: -1 }, 'warmup'],
  [{ ...stable, stable: -1 }, 'stable'],
  [{ ...stable, peak: null }, 'peak'],
  [{ ...stable, from: 'low' }, 'from'],
  [{ ...stable, to: 'low' }, 'to'],
  [{ ...stable, curve: 'square' }, 'curve'],
  [{ ...stable, steps: 1 }, 'steps'],
  [{ ...inverse, from: 'high' }, 'inverseSqrt.from'],
  [{ ...inverse, steps: 0 }, 'inverseSqrt.steps'],
  [{ ...inverse, to: 0 }, 'to'],
  [{ ...restarts, steps: 0 }, 'cosineRestarts.steps'],
  [{ ...restarts, from: null }, 'cosineRestarts.from'],
  [{ ...restarts, to: 'low' }, 'cosineRestarts.to'],
  [{ ...restarts, stepsFactor: 0.5 }, 'stepsFactor'],
  [{ ...restarts, peakFactor: 0 }, 'peakFactor'],
  [{ ...restarts, cycles: 2 }, 'cycles'],
  [{ schedule: 'stairs', from: 1 }, 'stairs'],
  [{ schedule: 'constructor' }, 'constructor'],
  [{ from: 1, to: 0, steps: 3 }, 'learningRate'],
  [[0.5, 0.25], 'learningRate'],
  [{ ...piecewise, boundaries: [2] }, 'boundaries: 1, values: 3'],
  [{ ...piecewise, values: 'none' }, 'values: "none"'],
]

const wrongSchedules = table(
  'error/schedule',
  schedules.map(([schedule, names], i): Row => ({
    n: i + 1,
    title: `a schedule ${JSON.stringify(schedule)} is ERR_OPTION`,
    check: 'badSchedule',
    schedule,
    names,
    needs: ['schedules'],
    dtypes: ['float64'],
  })),
)

/** What replaces entries of a transformation, and a text that the message must contain. Append only. */
const transformations: readonly (readonly [change: unknown, names: string])[] = [
  [null, 'object'],
  [[], 'object'],
  [{ format: 'induced' }, 'format'],
  [{ version: 2 }, 'version'],
  [{ base: undefined }, 'base'],
  [{ base: { name: 'adamm' } }, 'adamm'],
  [{ base: 'adam' }, 'base'],
  [{ embedding: { name: 'lag' } }, 'lag'],
  [{ embedding: null }, 'embedding'],
  [{ embedding: 'log' }, 'embedding'],
  [{ fallback: { name: 'muon' } }, 'fallback'],
  [{ fallback: { name: 'none' } }, 'fallback'],
  [{ learningRate: undefined }, 'learningRate'],
  [{ groups: [] }, 'groups'],
  [{ groups: null }, 'groups'],
  [{ groups: 'head' }, 'groups'],
  [{ groups: { head: null } }, 'groups.head'],
  [{ groups: { head: { learningrate: 1 } } }, 'learningrate'],
  [{ groups: { head: { learningRate: -1 } } }, 'groups.head.learningRate'],
  [{ groups: { head: { xi: 'much' } } }, 'groups.head.xi'],
  [{ groups: { head: { beta: 1 } } }, 'groups.head.beta'],
  [{ groups: { head: { base: { name: 'adamm' } } } }, 'adamm'],
  [{ groups: { head: { base: { name: 'sgd', momentum: 1 } } } }, 'momentum'],
  [{ groups: { head: { embedding: { name: 'lag' } } } }, 'lag'],
  [{ groups: { head: { weightDecay: -1 } } }, 'groups.head.weightDecay'],
  [{ groups: { head: { decayMask: 'vectors' } } }, 'groups.head.decayMask'],
  [{ groups: { head: { decayScaling: 'both' } } }, 'groups.head.decayScaling'],
  [{ groups: { head: { onBadLoss: 'ignore' } } }, 'groups.head.onBadLoss'],
  [{ groups: { head: { clipNorm: 0 } } }, 'groups.head.clipNorm'],
  [{ groups: { head: { averagedModel: 1 } } }, 'groups.head.averagedModel'],
  [{ groups: { head: { averageWeights: -1 } } }, 'groups.head.averageWeights'],
  [{ groups: { head: { startAxis: { weight: 0 } } } }, 'groups.head.startAxis'],
  [{ groups: { head: { fallback: { name: 'muon' } } } }, 'groups.head.fallback'],
  [{ groups: { head: { metricScope: 'group' } } }, 'metricScope'],
  [{ groups: { head: { onNonFinite: 'throw' } } }, 'onNonFinite'],
  [{ decayMask: ['kernel', 1] }, 'decayMask'],
  [{ decayMask: { kernel: true } }, 'decayMask'],
  [{ startAxis: [9] }, 'startAxis'],
  [{ base: { name: 'muon', iterations: 51 } }, 'iterations'],
  [{ base: { name: 'muon', iterations: '5' } }, 'iterations'],
  [{ base: { name: 'adam', cautious: 'yes' } }, 'cautious'],
  [{ base: { name: 'adam', amsgrad: 0 } }, 'amsgrad'],
  [{ base: { name: 'rprop', minStep: 2, maxStep: -1 } }, 'maxStep'],
  [{ base: { name: 'adam', beta1: { schedule: 'linear', from: 0, to: 1, steps: 0 } } }, 'steps'],
  [{ embedding: { name: 'log', floor: { follow: 'NaN' } } }, 'follow'],
  [{ embedding: { name: 'log', floor: true } }, 'floor'],
  [{ base: { name: 'rmsprop', momentum: 1 } }, 'momentum'],
  [{ base: { name: 'rmsprop', decay: 1 } }, 'decay'],
  [{ base: { name: 'adagrad', epsilon: -1 } }, 'epsilon'],
  [{ base: { name: 'lion', beta1: -0.5 } }, 'beta1'],
  [{ base: { name: 'prodigy', initialDistance: 0 } }, 'initialDistance'],
  [{ base: { name: 'prodigy', coefficient: 0 } }, 'coefficient'],
  [{ base: { name: 'dog', initialDistance: 0 } }, 'initialDistance'],
  [{ base: { name: 'dadaptation', initialDistance: 0 } }, 'initialDistance'],
  [{ base: { name: 'polyak', scaling: 0 } }, 'scaling'],
  [{ beta: 1 }, 'a number in [0, 1), given 1'],
  [{ weightDecay: -1 }, 'a finite number ≥ 0'],
  [{ clipNorm: 0 }, 'a finite number > 0'],
  [{ embedding: { name: 'log', floor: true } }, "'follow'"],
]

const wrongTransformations = table(
  'error/transformation',
  transformations.map(([change, names], i): Row => ({
    n: i + 1,
    title: `a transformation with ${JSON.stringify(change)} in it is ERR_OPTION`,
    check: 'badTransformation',
    change: undefinedAsText(change),
    names,
    dtypes: ['float64'],
  })),
)

/** JSON has no undefined: a case must be data. */
function undefinedAsText(change: unknown): unknown {
  if (typeof change !== 'object' || change === null || Array.isArray(change)) return change
  return Object.fromEntries(
    Object.entries(change).map(([key, value]) => [key, value === undefined ? 'left out' : value]),
  )
}

/** Schedules and transformations whose data are wrong. */
export const wrongDataCases: readonly Case[] = [...wrongSchedules, ...wrongTransformations]

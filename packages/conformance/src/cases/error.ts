import type { Case } from '../case.js'
import type { Problem } from '../problem.js'
import { small, table, type Row } from './table.js'

const problem = (seed: number): Problem => ({
  transformation: { base: { name: 'adam' }, learningRate: 0.25, xi: 0.25 },
  parameters: small,
  steps: 2,
  seed,
})

const shape = table('error/shape', [
  {
    n: 1,
    title: 'a gradient of the wrong length is ERR_SHAPE',
    check: 'badShape',
    mistake: 'length',
    problem: problem(800),
  },
  {
    n: 2,
    title: 'a gradient too few is ERR_SHAPE',
    check: 'badShape',
    mistake: 'count',
    problem: problem(801),
  },
  {
    n: 3,
    title: 'data that do not fill their shape are ERR_SHAPE',
    check: 'badShape',
    mistake: 'data',
    problem: problem(802),
  },
])

const disposed = table('error/disposed', [
  { n: 1, title: 'after dispose() every use is ERR_DISPOSED', check: 'disposed', problem: problem(803) },
])

/** Option, value and base. Append only: the position in the list is the number. */
const options: readonly (readonly [string, unknown, string?])[] = [
  ['learningRate', 'NaN'],
  ['learningRate', -0.1],
  ['learningRate', 'Infinity'],
  ['learningRate', null],
  ['learningRate', '0.1'],
  ['xi', -1],
  ['xi', 'NaN'],
  ['xi', 'much'],
  ['beta', 1],
  ['beta', -0.1],
  ['beta', 'NaN'],
  ['weightDecay', -1],
  ['weightDecay', 'NaN'],
  ['clipNorm', 0],
  ['clipNorm', -1],
  ['onNonFinite', 'ignore'],
  ['onBadLoss', 'ignore'],
  ['metricScope', 'tensor'],
  ['decayMask', 'vectors'],
  ['learningrate', 0.1],
  ['momentum', 0.9],
  ['base.momentum', 1],
  ['base.momentum', -0.5],
  ['base.momentum', 'NaN'],
  ['base.momentun', 0.9],
  ['base.beta1', 1, 'adam'],
  ['base.beta2', 'NaN', 'adam'],
  ['base.epsilon', -1e-8, 'adam'],
  ['base.nesterov', 1, 'adam'],
  ['base.iterations', 2.5, 'muon'],
  ['base.iterations', 0, 'muon'],
  ['base.decay', 1.5, 'rmsprop'],
  ['base.initialAccumulator', -1, 'adagrad'],
  ['embedding.floor', 'NaN'],
  ['embedding.ground', 0],
  ['xi', 'rates'],
  ['xi', { perRate: 0 }],
  ['xi', { perRate: -1 }],
  ['xi', { perRate: 'two' }],
  ['xi', { perrate: 1 }],
  ['embedding.floor', 'followed'],
  ['embedding.floor', { follow: 'it' }],
  ['embedding.floor', { follows: 0 }],
  ['decayScaling', 'both'],
  ['averagedModel', 1],
  ['startAxis', 9],
  ['startAxis', { power: 1 }],
  ['startAxis', { weight: 0 }],
  ['startAxis', { weight: -1 }],
  ['startAxis', { weight: 1, steps: 0 }],
  ['startAxis', { weight: 1, steps: 2.5 }],
  ['startAxis', { weight: 1, power: -1 }],
  ['startAxis', { weight: 1, step: 10 }],
  ['averageWeights', -1],
  ['averageWeights', 'all'],
  ['base.rows', 'sideways', 'muon'],
  ['growthRate', 0.99],
  ['growthRate', 'slow'],
  ['risingCap', 1.02],
  ['risingCap', { growth: 0.99 }],
  ['risingCap', { growth: 'fast' }],
  ['risingCap', { to: 0 }],
  ['risingCap', { from: 0.01 }],
]

const option = table(
  'error/option',
  options.map(([name, value, base], i): Row => ({
    n: i + 1,
    title: `${base === undefined ? '' : `${base}: `}${name} = ${JSON.stringify(value)} is ERR_OPTION`,
    check: 'badOption',
    option: name,
    value,
    ...(base === undefined ? {} : { base }),
    dtypes: ['float64'],
  })),
)

/** Wrong uses, their error codes, and the state that they leave unchanged. */
export const errorCases: readonly Case[] = [...shape, ...disposed, ...option]

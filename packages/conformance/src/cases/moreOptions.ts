import type { Case } from '../case.js'
import type { PlainSchedule, PlainTransformation } from '../plain.js'
import type { Problem, ProblemParameter } from '../problem.js'
import { matrices, mixed, small, table, type Row } from './table.js'

const sgd = { name: 'sgd', momentum: 0.75 }
const adam = { name: 'adam', beta1: 0.75, beta2: 0.875 }
/** Losses that fall. */
export const falling = { loss: { first: 2, ratio: 0.75 } }
/** A straight line. */
export const linear = (from: number, to: number, steps = 4): PlainSchedule => ({
  schedule: 'linear',
  from,
  to,
  steps,
})

/** Parameters in groups, by turns. */
export const labelled = (
  labels: readonly string[],
  parameters: readonly ProblemParameter[] = mixed,
): ProblemParameter[] => parameters.map((p, i) => ({ ...p, group: labels[i % labels.length]! }))
/** Parameters in three groups. */
export const three = labelled(['body', 'head', 'tail', 'head'])

/** A run under sgd with momentum, unless the options say otherwise. */
export function problemOf(
  seed: number,
  transformation: Partial<PlainTransformation>,
  more: Partial<Problem>,
): Problem {
  return {
    transformation: { base: sgd, learningRate: 0.25, xi: 0.25, ...transformation },
    parameters: mixed,
    steps: 6,
    seed,
    ...more,
  }
}

/** Options of groups: a third one, every option of its own, and labels that every object has. Append only. */
const grouped: readonly (readonly [
  title: string,
  transformation: Partial<PlainTransformation>,
  more?: Partial<Problem>,
])[] = [
  [
    'three groups with options, and one without',
    { groups: { head: { learningRate: 0.125 }, tail: { xi: 1, beta: 0.5 }, body: { weightDecay: 0.25 } } },
  ],
  ['a group’s own schedule', { groups: { head: { learningRate: linear(0.5, 0) } } }],
  [
    'a group’s own schedules of ξ and decay',
    { groups: { tail: { xi: linear(2, 0.25), weightDecay: linear(0, 0.5) } } },
  ],
  [
    'a group’s own rate, and a decay of all',
    { weightDecay: 0.5, groups: { head: { learningRate: 0.0625 } } },
  ],
  ['a group’s own rate and decay together', { groups: { head: { learningRate: 0.0625, weightDecay: 0.5 } } }],
  ['a group’s own norm, clipped by itself', { groups: { head: { clipNorm: 0.5 } } }],
  ['a norm of all but one group, which has its own', { clipNorm: 2, groups: { head: { clipNorm: 0.5 } } }],
  [
    'a norm of all, clipped across groups',
    { clipNorm: 1, groups: { head: { learningRate: 0.5 }, tail: { xi: 1 } } },
  ],
  [
    'two groups clipped to the same norm, each by itself',
    { groups: { head: { clipNorm: 1 }, tail: { clipNorm: 1 } } },
  ],
  ['a group’s own decayMask', { weightDecay: 0.5, groups: { head: { decayMask: 'matrices' } } }],
  [
    'a group’s own decayMask, of names',
    {
      weightDecay: 0.5,
      decayMask: 'matrices',
      groups: { head: { decayMask: ['bias'] }, tail: { decayMask: 'all' } },
    },
  ],
  [
    'a group’s own policy for bad losses',
    {
      embedding: { name: 'log' },
      onBadLoss: 'zero',
      weightDecay: 0.25,
      groups: { head: { onBadLoss: 'base' } },
    },
    { loss: [2, 1, 0, -1, 0.5, 1] },
  ],
  [
    'a group’s own momentum of the same base',
    { groups: { head: { base: { name: 'sgd', momentum: 0.25 } } } },
  ],
  [
    'a group’s own fallback',
    { base: { name: 'muon' }, fallback: sgd, groups: { head: { fallback: adam } } },
    { parameters: labelled(['body', 'head'], [...matrices, ...small]) },
  ],
  [
    'groups in a scope each, with options and without',
    {
      metricScope: 'group',
      groups: { head: { beta: 0.5, embedding: { name: 'log' } }, tail: { xi: 'auto' } },
    },
    falling,
  ],
  [
    'parameters in a scope each, in groups with options',
    { metricScope: 'parameter', groups: { head: { learningRate: 0.5, beta: 0.25 } } },
  ],
  [
    'groups whose labels every object has',
    { groups: { constructor: { learningRate: 0.5 }, toString: { xi: 2 } } },
    { parameters: labelled(['constructor', 'toString', 'valueOf']) },
  ],
  [
    'a label that every object has, in the scope of groups',
    { metricScope: 'group', groups: { hasOwnProperty: { learningRate: 0.5 } } },
    { parameters: labelled(['hasOwnProperty', 'isPrototypeOf']) },
  ],
  [
    'a missing gradient in one of three groups',
    { groups: { head: { beta: 0.5 }, tail: { learningRate: 0.5 } } },
    { missing: { 2: [2], 3: [1, 3], 5: [0, 1] } },
  ],
  [
    'a group whose gradients are all missing, in a scope of its own',
    { metricScope: 'group', clipNorm: 4, groups: { tail: { beta: 0.5 } } },
    { missing: { 1: [2], 3: [2], 4: [0] } },
  ],
  ['a group at ξ = 0 in a scope of its own', { metricScope: 'group', groups: { head: { xi: 0 } } }],
  ['a rate of 0 in one group, as a number', { weightDecay: 0.5, groups: { head: { learningRate: 0 } } }],
  ['averages of the weights in one group', { groups: { head: { averageWeights: 2 } } }],
  [
    'the first group’s rate is the one reported',
    { groups: { body: { learningRate: linear(1, 0.25) }, head: { learningRate: 0.125 } } },
  ],
]

const groups = table(
  'option/groupOptions',
  grouped.map(([title, transformation, more], i): Row => ({
    n: i + 1,
    title,
    check: 'trajectory',
    problem: problemOf(2200 + i, transformation, { parameters: three, ...more }),
  })),
)

/** The keys of the units follow from groups and scopes. Append only. */
const reported: readonly (readonly [
  title: string,
  keys: readonly string[],
  transformation: Partial<PlainTransformation>,
  more?: Partial<Problem>,
])[] = [
  ['one unit, with a loss that nothing reads', [''], {}, falling],
  ['one unit, without a loss', [''], { xi: 'auto' }],
  [
    'one unit under log, with a schedule',
    [''],
    { embedding: { name: 'log' }, learningRate: linear(0.5, 0.125) },
    falling,
  ],
  ['one unit at ξ = 0', [''], { xi: 0 }],
  ['ξ = 0 under log', [''], { xi: 0, embedding: { name: 'log' } }, falling],
  [
    'steps that are skipped',
    [''],
    {},
    {
      inject: [
        { step: 2, parameter: 1, value: 'NaN' },
        { step: 4, parameter: 0, value: 'Infinity' },
      ],
    },
  ],
  [
    'a first step that is skipped',
    [''],
    {},
    { inject: [{ step: 1, parameter: 0, element: 0, value: 'NaN' }] },
  ],
  ['steps without any gradient', [''], {}, { missing: { 1: [0, 1, 2, 3], 3: [0, 1, 2, 3] } }],
  [
    'losses for which a step is skipped',
    [''],
    { embedding: { name: 'log' }, onBadLoss: 'skip' },
    { loss: [2, 0, 1, -1, 'NaN', 0.5] },
  ],
  [
    'losses at which nothing moves',
    [''],
    { embedding: { name: 'log' }, onBadLoss: 'zero' },
    { loss: [2, 0, 1, -1, 3, 0.5] },
  ],
  ['two groups', ['', 'head'], { groups: { head: { beta: 0.5, xi: 1 } } }, { parameters: three }],
  [
    'a group that comes first',
    ['body', ''],
    { groups: { body: { learningRate: 0.5 } } },
    { parameters: three },
  ],
  [
    'three groups',
    ['body', 'head', 'tail'],
    { groups: { tail: { xi: 1 }, body: { beta: 0.5 }, head: { xi: 0 } } },
    { parameters: three },
  ],
  ['each group in its scope', ['body', 'head', 'tail'], { metricScope: 'group' }, { parameters: three }],
  [
    'each group in its scope, one of them without a gradient',
    ['body', 'head', 'tail'],
    { metricScope: 'group' },
    { parameters: three, missing: { 1: [0], 2: [2], 4: [1, 3] } },
  ],
  ['each parameter in its scope', ['kernel', 'bias', 'scale', 'filter'], { metricScope: 'parameter' }],
  [
    'each parameter in its scope, with steps that are skipped',
    ['kernel', 'bias', 'scale', 'filter'],
    { metricScope: 'parameter', embedding: { name: 'logDamped' } },
    { ...falling, inject: [{ step: 3, parameter: 2, value: 'NaN' }] },
  ],
  [
    'ξ tied to the rate, under root',
    [''],
    { xi: 'rate', embedding: { name: 'root' }, learningRate: linear(0.25, 0.125) },
    falling,
  ],
  ['a gradient that is 0', [''], { embedding: { name: 'log' } }, { ...falling, gradientKind: 'zero' }],
]

const reports = table(
  'option/report',
  reported.map(([title, keys, transformation, more], i): Row => ({
    n: i + 1,
    title: `every field of the report: ${title}`,
    check: 'reports',
    keys,
    problem: problemOf(2230 + i, transformation, more ?? {}),
  })),
)

/** More options: of groups, and what reports say of them. */
export const moreOptionCases: readonly Case[] = [...groups, ...reports]

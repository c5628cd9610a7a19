import type { Case, ParameterMistake } from '../case.js'
import {
  definitionMistakes,
  transformationMistakes,
  gradientMistakes,
  parameterMistakes,
} from '../mistakes.js'
import type { PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { small, table, type Row } from './table.js'

const adam = { name: 'adam', beta1: 0.75, beta2: 0.875 }

const of = (seed: number, more: Partial<PlainTransformation> = {}, parameters = small): Problem => ({
  transformation: { base: adam, learningRate: 0.25, xi: 0.25, ...more },
  parameters,
  steps: 2,
  seed,
  loss: { first: 2, ratio: 0.75 },
})

/** Mistakes that are none of shapes and data. */
const ofNames: ReadonlySet<ParameterMistake> = new Set([
  'two of one name',
  'a name that is no text',
  'nothing',
  'a group that is no text',
] as const)

const parameters = table(
  'error/parameters',
  parameterMistakes.map((mistake, i): Row => {
    const code = ofNames.has(mistake) ? 'ERR_OPTION' : 'ERR_SHAPE'
    return {
      n: i + 1,
      title: `parameters with ${mistake} are ${code}`,
      check: 'badParameters',
      mistake,
      code,
      problem: of(2000 + i),
    }
  }),
)

const gradients = table(
  'error/gradients',
  gradientMistakes.map((mistake, i): Row => ({
    n: i + 1,
    title: `gradients with a mistake (${mistake}) are ERR_SHAPE and change nothing`,
    check: 'badGradients',
    mistake,
    problem: of(2030 + i),
  })),
)

const grouped = small.map((p, i) => ({ ...p, group: i === 0 ? 'body' : 'head' }))
const names = table('error/names', [
  {
    n: 1,
    title: 'options of a group in which no parameter is are ERR_OPTION',
    check: 'badNames',
    names: ['tail'],
    problem: of(2050, { groups: { head: { beta: 0.5 }, tail: { learningRate: 0.5 } } }, grouped),
  },
  {
    n: 2,
    title: 'options of a group are ERR_OPTION where no parameter is in any',
    check: 'badNames',
    names: ['head'],
    problem: of(2051, { groups: { head: { learningRate: 0.5 } } }),
  },
  {
    n: 3,
    title: 'a decayMask that lists a name which no parameter has is ERR_OPTION',
    check: 'badNames',
    names: ['decayMask', 'biass'],
    problem: of(2052, { weightDecay: 0.5, decayMask: ['kernel', 'biass'] }),
  },
  {
    n: 4,
    title: 'a decayMask of a group that lists a name which no parameter has is ERR_OPTION',
    check: 'badNames',
    names: ['head', 'decayMask', 'kernels'],
    problem: of(2053, { weightDecay: 0.5, groups: { head: { decayMask: ['kernels'] } } }, grouped),
  },
])

const steps: readonly (readonly [title: string, options: unknown])[] = [
  ['an unknown option', { losses: 2 }],
  ['a loss that is a text', { loss: '2' }],
  ['a loss that is null', { loss: null }],
  ['options that are a number', 2],
  ['options that are null', null],
]
const step = table(
  'error/step',
  steps.map(([title, options], i): Row => ({
    n: i + 1,
    title: `${title} of a step is ERR_OPTION and changes nothing`,
    check: 'badStep',
    options,
    code: 'ERR_OPTION',
    problem: of(2060 + i),
  })),
)

const modelNeeds = ['base/custom', 'embedding/root', 'tiedXi', 'averagedModel'] as const
const definitions = table(
  'error/definition',
  definitionMistakes.map((mistake, i): Row => ({
    n: i + 1,
    title: `${mistake} is refused`,
    check: 'badDefinition',
    mistake,
    problem: of(2070 + i),
    needs: mistake.includes('averaged model')
      ? modelNeeds
      : [mistake.includes('embedding') ? 'embedding/custom' : 'base/custom'],
    dtypes: ['float32'],
  })),
)

const disposed = table('error/disposed', [
  {
    n: 2,
    title: 'after dispose() a state can be neither loaded nor reset, and another optimiser goes on',
    check: 'disposedState',
    problem: of(2110),
  },
])

const functions = (
  [
    ['learningRate', 'NaN'],
    ['learningRate', -0.5],
    ['xi', 'NaN'],
    ['weightDecay', -1],
    ['momentum', 1],
    ['floor', 'Infinity'],
  ] as const
).map(([option, value], i): Row => ({
  n: i + 1,
  title: `a function that gives ${value} for ${option} is ERR_OPTION at that step, before anything is written`,
  check: 'badFunction',
  option,
  value,
  problem: { ...of(2120 + i), transformation: { base: { name: 'sgd' }, learningRate: 0.25 }, steps: 3 },
  needs: [
    'schedules',
    ...(option === 'momentum' ? (['base/heavyBall'] as const) : []),
    ...(option === 'floor' ? (['embedding/log'] as const) : []),
    ...(option === 'weightDecay' || option === 'xi' ? (['weightDecay'] as const) : []),
  ],
}))

const nonFinite = (
  [
    ['gradient', 'identity', { inject: [{ step: 1, parameter: 0, element: 0, value: 'NaN' }] }],
    ['gradient', 'log', { inject: [{ step: 1, parameter: 0, element: 0, value: 'Infinity' }], loss: [2] }],
    ['loss', 'log', { loss: ['NaN'] }],
    ['loss', 'root', { loss: ['Infinity'] }],
  ] as const
).map(([names, embedding, more], i): Row => ({
  n: i + 1,
  title: `the message of ERR_NON_FINITE names the ${names} that is not finite, under ${embedding}`,
  check: 'namesNonFinite',
  names,
  problem: {
    ...of(2240 + i),
    steps: 1,
    transformation: {
      base: { name: 'sgd' },
      learningRate: 0.25,
      xi: 0.25,
      embedding: { name: embedding },
      onNonFinite: 'throw',
    },
    ...more,
  },
  dtypes: ['float32'],
}))

const baseReadsLoss: Row = {
  n: 11,
  title: 'the message of ERR_NON_FINITE names the loss that is not finite, where a base reads it',
  check: 'namesNonFinite',
  names: 'loss',
  problem: {
    ...of(2250),
    steps: 1,
    transformation: { base: { name: 'polyak' }, learningRate: 0.25, xi: 0.25, onNonFinite: 'throw' },
    loss: ['NaN'],
  },
  dtypes: ['float32'],
}

const notTheLoss: Row = {
  n: 12,
  title: 'the message of ERR_NON_FINITE names the gradient, where a base reads a loss that is finite',
  check: 'namesNonFinite',
  names: 'gradient',
  problem: {
    ...of(2251),
    steps: 1,
    transformation: { base: { name: 'polyak' }, learningRate: 0.25, xi: 0.25, onNonFinite: 'throw' },
    loss: [2],
    inject: [{ step: 1, parameter: 0, element: 0, value: 'NaN' }],
  },
  dtypes: ['float32'],
}

const noTransformations = transformationMistakes.map((given, i): Row => ({
  n: i + 1,
  title: `an optimiser of ${given} is ERR_OPTION`,
  check: 'noTransformation',
  given,
  problem: of(2260 + i),
  dtypes: ['float32'],
}))

const unsaved = (['learningRate', 'warmup', 'group'] as const).map((within, i): Row => ({
  n: i + 1,
  title: `a transformation whose ${within} is a function of the step is no data: toJSON is ERR_NOT_SUPPORTED`,
  check: 'unsaved',
  within,
  needs: ['schedules'],
  dtypes: ['float32'],
}))

/** Wrong arguments, each with its error. */
export const argumentCases: readonly Case[] = [
  ...parameters,
  ...gradients,
  ...names,
  ...step,
  ...definitions,
  ...disposed,
  ...table('error/function', functions),
  ...table('error/nonFinite', [...nonFinite, baseReadsLoss, notTheLoss]),
  ...table('error/noTransformation', noTransformations),
  ...table('error/unsaved', unsaved),
  ...table('error/ownData', [
    {
      n: 1,
      title: 'a transformation of a base and an embedding of one’s own is data for those who name both',
      check: 'ownData',
      needs: ['base/custom', 'embedding/custom'],
      dtypes: ['float32'],
    },
  ]),
]

import type { Case } from '../case.js'
import type { PlainBase } from '../plain.js'
import type { Problem } from '../problem.js'
import { mixed, table, type Row } from './table.js'

/** Bases that plain optimisers have, with hyperparameters other than their defaults. */
const bases: readonly PlainBase[] = [
  { name: 'sgd', momentum: 0.75 },
  { name: 'heavyBall', momentum: 0.75, dampening: 0.25 },
  { name: 'rmsprop', decay: 0.75, momentum: 0.5 },
  { name: 'adagrad' },
  { name: 'adam', beta1: 0.75, beta2: 0.875 },
  { name: 'lion', beta1: 0.75, beta2: 0.5 },
]

const plain = (base: PlainBase, seed: number, more: Partial<Problem> = {}): Problem => ({
  transformation: { base, learningRate: 0.125, xi: 0 },
  parameters: mixed,
  steps: 7,
  seed,
  ...more,
})

/** Elements of a gradient whose parts beside the diagonal are a thousandth of it. */
function nearlyDiagonal(step: number): { step: number; parameter: number; element: number; value: number }[] {
  return Array.from({ length: 9 }, (_, element) => ({
    step,
    parameter: 0,
    element,
    value: element % 4 === 0 ? (1 + element) * (1 + step / 8) : (((element * step) % 5) + 1) * 2 ** -10,
  }))
}

/** What plain optimisers are asked beside the steps of their defaults. */
export const plainStepCases: readonly Case[] = [
  ...table('step/plain', [
    ...bases.map((base, i): Row => ({
      n: 301 + i,
      title: `${base.name} at ξ = 0: a parameter without a gradient stands still, with its state and its count`,
      check: 'trajectory',
      problem: plain(base, 2301 + i, { missing: { 1: [1], 3: [0, 2], 4: [0] } }),
    })),
    ...bases.map((base, i): Row => ({
      n: 311 + i,
      title: `${base.name} at ξ = 0, by hyperparameters that are not its defaults`,
      check: 'trajectory',
      problem: plain(base, 2311 + i),
    })),
    {
      n: 321,
      title: 'heavyBall at ξ = 0 by Nesterov’s formula',
      check: 'trajectory',
      problem: plain({ name: 'heavyBall', momentum: 0.75, nesterov: true }, 2321),
    },
  ]),
  ...table('edge/gradient', [
    {
      n: 301,
      title: 'without the metric, gradients of more than half the largest number are taken',
      check: 'trajectory',
      problem: plain({ name: 'sgd' }, 2340, {
        transformation: { base: { name: 'sgd' }, learningRate: 2 ** -126, xi: 0 },
        gradientKind: 'flat',
        gradientScale: 1.5 * 2 ** 127,
        steps: 2,
      }),
      dtypes: ['float32'],
    },
  ]),
  ...table('step/plain', [
    {
      n: 332,
      title: 'soap, whose gradients are nearly diagonal, loses no digits to its orthogonal factors',
      check: 'trajectory',
      problem: plain({ name: 'soap', every: 1 }, 2346, {
        parameters: [{ name: 'kernel', shape: [3, 3] }],
        gradientKind: 'zero',
        steps: 4,
        inject: [1, 2, 3, 4].flatMap((step) => nearlyDiagonal(step)),
      }),
      dtypes: ['float64'],
    },
    {
      n: 331,
      title:
        'scheduleFree, by its defaults, weighs iterates by the square of the largest learning rate so far',
      check: 'trajectory',
      problem: plain({ name: 'scheduleFree', base: { name: 'sgd' } }, 2345, {
        transformation: {
          base: { name: 'scheduleFree', base: { name: 'sgd' } },
          learningRate: { schedule: 'linear', from: 0.0625, to: 0.5, steps: 6 },
          xi: 0,
        },
      }),
    },
  ]),
  ...table('option/rateSet', [
    {
      n: 1,
      title: 'the learning rate can be read, and set from the next step on, by a session that shows it',
      check: 'rateSet',
      after: 3,
      problem: plain({ name: 'adam', beta1: 0.75, beta2: 0.875 }, 2350, {
        transformation: {
          base: { name: 'adam', beta1: 0.75, beta2: 0.875 },
          learningRate: { schedule: 'linear', from: 0.5, to: 0.25, steps: 8 },
          xi: 0.25,
        },
      }),
    },
  ]),
  ...table('checkpoint/lacking', [
    {
      n: 1,
      title: 'a checkpoint that lacks one value of a unit starts all of them afresh',
      check: 'lackingValues',
      after: 3,
      needs: ['checkpoint'],
      problem: plain({ name: 'adam', beta1: 0.75, beta2: 0.875 }, 2351, {
        transformation: {
          base: { name: 'adam', beta1: 0.75, beta2: 0.875 },
          learningRate: 0.125,
          xi: 'rate',
          embedding: { name: 'root', floor: 'follow' },
        },
        loss: { first: 12, ratio: 0.875 },
      }),
      dtypes: ['float64'],
    },
  ]),
  ...table(
    'checkpoint/reset',
    bases.map((base, i): Row => ({
      n: 801 + i,
      title: `${base.name} at ξ = 0: after a reset it takes the steps of a new optimiser`,
      check: 'reset',
      after: 3,
      needs: ['reset'],
      problem: plain(base, 2331 + i),
    })),
  ),
]

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  adagrad,
  adam,
  algebra,
  cosine,
  createOptimizer,
  definePreconditioner,
  heavyBall,
  identity,
  inducedMetric,
  lion,
  log,
  logDamped,
  rmsprop,
  root,
  sgd,
  type Expr,
  type Transformation,
} from '@induced-metric/core'
import { randomArray, type Dtype } from './support.js'

// A step on few weights is one call. With a tensor that has no gradient, it takes the passes instead, which must not
// change the other tensors. So the results of both can be compared bit by bit.

const { abs, add, div, finite, greater, max, min, mul, neg, pow, select, sign, sqrt, square, sub } = algebra

const shapes = [[4, 2], [4], [1, 4], []]

interface Given {
  readonly gradient: number
  readonly loss: number
}

function compare(transformation: Transformation, dtype: Dtype, adopt: boolean, steps: readonly Given[]) {
  const [fused, passes] = [[], [[3]]].map((others) =>
    createOptimizer(
      transformation,
      [...shapes, ...others].map((shape, i) => {
        const size = shape.reduce((a, b) => a * b, 1)
        return { name: `p${i}`, shape, data: randomArray(dtype, size, i) }
      }),
      { engine: 'wasm', adopt },
    ),
  ) as [ReturnType<typeof createOptimizer>, ReturnType<typeof createOptimizer>]
  steps.forEach(({ gradient, loss }, step) => {
    const isMissing = gradient === 0 && step === 0
    const gradients = shapes.map((shape, i) => {
      if (isMissing) return null
      const array = randomArray(dtype, shape.reduce((a, b) => a * b, 1), 100 * step + i) // prettier-ignore
      return i === 1 ? array.fill(gradient) : array
    })
    const outcomes = [
      () => fused.step(gradients, { loss }),
      () => passes.step([...gradients, null], { loss }),
    ].map((take) => {
      try {
        return take()
      } catch (error) {
        return String(error)
      }
    })
    expect(outcomes[0]).toStrictEqual(outcomes[1])
    shapes.forEach((_, i) => {
      expect(fused.parameters[i]!.data).toStrictEqual(passes.parameters[i]!.data)
      expect(fused.slots[i]).toStrictEqual(passes.slots[i])
    })
  })
  const [state, expected] = [fused.save(), passes.save()]
  expect(state.units).toStrictEqual(expected.units)
  expect(state.parameters).toStrictEqual(expected.parameters.slice(0, shapes.length))
}

const dtypes = fc.constantFrom<Dtype>('float32', 'float64')
const given = fc.array(
  fc.record({
    gradient: fc.oneof(
      { weight: 4, arbitrary: fc.double({ min: -3, max: 3, noNaN: true }) },
      fc.constantFrom(0, 1e30, 1e-30, NaN, Infinity),
    ),
    loss: fc.oneof(
      { weight: 4, arbitrary: fc.double({ min: 0.01, max: 5, noNaN: true }) },
      fc.constantFrom(0, -1, NaN, Infinity),
    ),
  }),
  { minLength: 1, maxLength: 6 },
)

describe('a step in one call', () => {
  it('equals the step of the passes: bases, embeddings, schedules, steps that are not finite', () => {
    const bases = [sgd(), sgd({ momentum: 0.9 }), heavyBall({ momentum: 0.5 }), adam(), rmsprop({ centered: true }),
      adagrad(), lion(), adam({ beta1: cosine({ from: 0.9, to: 0.5, steps: 5 }) })] // prettier-ignore
    fc.assert(
      fc.property(
        fc.constantFrom(...bases),
        fc.constantFrom(identity(), log(), logDamped({ floor: -0.5 }), root(), root({ floor: 'follow' })),
        fc.record({
          learningRate: fc.constantFrom(0.1, cosine({ from: 0.1, to: 0.01, steps: 4 })),
          xi: fc.constantFrom(0, 0.3, (step: number) => 0.1 * step, 'rate' as const, { perRate: 0.5 }),
          averagedModel: fc.boolean(),
          startAxis: fc.constantFrom(undefined, { weight: 9 }, { weight: 10, steps: 4 }),
          averageWeights: fc.constantFrom(undefined, 8),
          weightDecay: fc.constantFrom(0, 0.02),
          onBadLoss: fc.constantFrom('throw' as const, 'skip' as const, 'base' as const, 'zero' as const),
          onNonFinite: fc.constantFrom('throw' as const, 'skip' as const),
        }),
        dtypes,
        fc.boolean(),
        given,
        (base, embedding, options, dtype, adopt, steps) => {
          compare(
            inducedMetric(base, { ...(options as object), learningRate: options.learningRate, embedding }),
            dtype,
            adopt,
            steps,
          )
        },
      ),
      { numRuns: 150 },
    )
  })

  it('equals the step of the passes: bias corrections that approach 1', () => {
    const steps = Array.from({ length: 500 }, () => ({ gradient: 0.5, loss: 1 }))
    for (const base of [sgd({ momentum: 0.9 }), adam({ beta1: 0.5, beta2: 0.9 }), adam({ nesterov: true })])
      compare(inducedMetric(base, { learningRate: 0.1, xi: 0.05 }), 'float64', true, steps)
  })

  it('equals the step of the passes: any scalars', () => {
    type Recipe = (given: Readonly<Record<'h' | 'step', Expr>>) => Expr
    const { scalar } = fc.letrec<{ scalar: Recipe }>((tie) => {
      const apply = (ops: readonly ((...x: Expr[]) => Expr)[], arity: number) =>
        fc
          .tuple(fc.constantFrom(...ops), fc.array(tie('scalar'), { minLength: arity, maxLength: arity }))
          .map(
            ([op, inputs]): Recipe =>
              (scalars) =>
                op(...inputs.map((x) => x(scalars))),
          )
      const unary = [sqrt, square, abs, neg, sign, finite] as ((...x: Expr[]) => Expr)[]
      const binary = [add, sub, mul, div, max, min, pow, greater] as ((...x: Expr[]) => Expr)[]
      const leaves = fc.oneof(
        fc.constantFrom<Recipe>(
          ({ h }) => h,
          ({ step }) => step,
        ),
        fc.constantFrom(0, -0, 1, -2, 0.5).map(
          (value): Recipe =>
            ({ h }) =>
              add(mul(h, 0), value),
        ),
      )
      return {
        scalar: fc.oneof(
          { maxDepth: 6, depthSize: 'large' },
          leaves,
          apply(unary, 1),
          apply(binary, 2),
          apply([select as (...x: Expr[]) => Expr], 3),
        ),
      }
    })
    fc.assert(
      fc.property(scalar, scalar, fc.double({ min: -3, max: 3, noNaN: true }), dtypes, (a, b, h, dtype) => {
        const base = definePreconditioner({
          name: 'scalars',
          hyperparameters: { h: { kind: 'number', default: h } },
          update({ gradient, slot, step, h }) {
            const scalars = { h, step }
            const m = add(mul(0.5, slot('m')), mul(a(scalars), gradient))
            return { direction: mul(b(scalars), gradient), slots: { m } }
          },
        })
        const transformation = inducedMetric(base(), { learningRate: 0.1, xi: 0.5 })
        compare(transformation, dtype, true, [{ gradient: 1, loss: 1 }, { gradient: -0.5, loss: 1 }]) // prettier-ignore
      }),
      { numRuns: 150 },
    )
  })
})

import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  adam,
  algebra,
  createOptimizer,
  defineEmbedding,
  definePreconditioner,
  fromJSON,
  inducedMetric,
  log,
  type ErrorCode,
  type Expr,
  type Preconditioner,
  type Schedule,
  type StepReport,
  type Transformation,
} from '@induced-metric/core'
import { expectError } from './support.js'

// Compiled by `npm run check:types`: an expected error that does not occur is one.

describe('the compiler knows', () => {
  it('the options', () => {
    // @ts-expect-error -- no such option
    expectError(() => inducedMetric(adam(), { learningRate: 0.1, lr: 0.1 }), 'ERR_OPTION')
    // @ts-expect-error -- the learning rate is required
    expectError(() => inducedMetric(adam(), {}), 'ERR_OPTION')
    // @ts-expect-error -- no other string than 'auto'
    expectError(() => inducedMetric(adam(), { learningRate: 0.1, xi: 'small' }), 'ERR_OPTION')
    // @ts-expect-error -- β takes no schedule
    expectError(() => inducedMetric(adam(), { learningRate: 0.1, beta: () => 0.5 }), 'ERR_OPTION')
    // @ts-expect-error -- a factory that was not called
    expectError(() => inducedMetric(adam, { learningRate: 0.1 }), 'ERR_OPTION')
    // @ts-expect-error -- an embedding that was not called
    expectError(() => inducedMetric(adam(), { learningRate: 0.1, embedding: log }), 'ERR_OPTION')
    const perGroup = { a: { onNonFinite: 'skip' } } as const
    // @ts-expect-error -- not by group
    expectError(() => inducedMetric(adam(), { learningRate: 0.1, groups: perGroup }), 'ERR_OPTION')
  })

  it('the hyperparameters of a base and their kinds', () => {
    // @ts-expect-error -- no such hyperparameter
    expectError(() => adam({ beta3: 0 }), 'ERR_OPTION')
    // @ts-expect-error -- a switch
    expectError(() => adam({ nesterov: () => true }), 'ERR_OPTION')
    expectTypeOf(adam({ beta1: (step) => 1 / step })).toEqualTypeOf<Preconditioner>()
    expectTypeOf(adam).parameter(0).toEqualTypeOf<
      | {
          readonly beta1?: number | Schedule
          readonly beta2?: number | Schedule
          readonly epsilon?: number | Schedule
          readonly nesterov?: boolean
          readonly amsgrad?: boolean
          readonly cautious?: boolean
        }
      | undefined
    >()
  })

  it('what a definition is given', () => {
    const mine = definePreconditioner({
      name: 'mine',
      hyperparameters: {
        rate: { kind: 'number', default: 0.5 },
        flag: { kind: 'boolean', default: false },
        count: { kind: 'integer', default: 2 },
      },
      update(given) {
        expectTypeOf(given.gradient).toEqualTypeOf<Expr>()
        expectTypeOf(given.rate).toEqualTypeOf<Expr>()
        expectTypeOf(given.flag).toEqualTypeOf<boolean>()
        expectTypeOf(given.count).toEqualTypeOf<number>()
        return { direction: algebra.mul(given.rate, given.gradient), slots: {} }
      },
    })
    const halfRoot = defineEmbedding({
      name: 'halfRoot',
      hyperparameters: { power: { kind: 'number', default: 0.5 } },
      slope: (loss, { power }) => {
        expectTypeOf(loss).toEqualTypeOf<Expr>()
        expectTypeOf(power).toEqualTypeOf<Expr>()
        return algebra.pow(loss, power)
      },
      descends: () => 1,
    })
    const saved = inducedMetric(mine({ count: 3 }), { learningRate: 1, embedding: halfRoot() }).toJSON()
    const restored = fromJSON(saved, { preconditioners: [mine], embeddings: [halfRoot] })
    expectTypeOf(restored).toEqualTypeOf<Transformation>()
    expect(restored.toJSON()).toEqual(saved)
  })

  it('what goes into a step and what comes out', () => {
    const weights = { name: 'w', shape: [1], data: new Float32Array([1]) }
    const optimizer = createOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), [weights])
    // @ts-expect-error -- no plain arrays
    expectError(() => optimizer.step([[1]]), 'ERR_SHAPE')
    const report = optimizer.step([null], { loss: 1 })
    expectTypeOf(report).toEqualTypeOf<StepReport>()
    expectTypeOf(report.loss).toEqualTypeOf<number | null>()
    expect(report.skipped).toBe(true)
  })

  it('all the codes', () => {
    const codes: Record<ErrorCode, true> = {
      ERR_OPTION: true,
      ERR_SHAPE: true,
      ERR_LOSS_REQUIRED: true,
      ERR_BAD_LOSS: true,
      ERR_NON_FINITE: true,
      ERR_CHECKPOINT: true,
      ERR_NOT_SUPPORTED: true,
      ERR_DISPOSED: true,
    }
    expect(Object.keys(codes)).toHaveLength(8)
  })
})

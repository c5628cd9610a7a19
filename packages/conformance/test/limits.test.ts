import { notAsked } from '../src/asked.js'
import { describe, expect, it } from 'vitest'
import {
  cases,
  compareReports,
  limits,
  runConformance,
  type ConformanceTarget,
  type Limit,
} from '../src/index.js'
import { coreTarget } from './conformance/targets.js'

const whole = coreTarget('reference')

/** The core in a framework that cannot hold some tensors, and says so, or does not. */
function limited(declared: readonly Limit[]): ConformanceTarget {
  return {
    ...whole,
    manifest: { ...whole.manifest, limits: declared },
    create(transformation, parameters) {
      for (const { shape } of parameters) {
        if (shape.includes(0)) throw new TypeError('no elements')
        if (shape.length === 0) throw new TypeError('no axes')
      }
      return whole.create(transformation, parameters)
    },
  }
}

/** Small parts of each family that gives a session such tensors. */
const filter =
  /^(support|edge\/(shape|tied|gradient)|golden\/(identity|tied)|step\/(sgd|plain)|random\/(oracle|layout))\/f64|^support/

describe('a limit of a framework', () => {
  it('is not asked for where it is declared, and the reason is given', async () => {
    const { cases, totals } = await runConformance(limited(limits), { filter })
    expect(cases.filter(({ status }) => status === 'failed')).toEqual([])
    const reasons = new Set(
      cases.flatMap(({ message = '' }) => (message.startsWith('the framework') ? [message] : [])),
    )
    expect([...reasons].sort()).toEqual([
      'the framework has no tensors of shape []',
      'the framework has no tensors without elements',
    ])
    expect(totals.passed).toBeGreaterThan(50)
  })

  it('leaves out the steps whose loss is missing', () => {
    const manifest = { ...whole.manifest, limits: ['stepsWithoutLoss'] as const }
    const left = cases.filter((one) => notAsked({ manifest, living: () => 0 }, one) !== undefined)
    expect(left.length).toBeGreaterThan(0)
    for (const one of left) expect(JSON.stringify(one)).toContain('ERR_LOSS_REQUIRED')
  })

  it('fails where it is not declared', async () => {
    const { cases } = await runConformance(limited([]), { filter })
    const messages = cases.flatMap(({ status, message = '' }) => (status === 'failed' ? [message] : []))
    expect(messages.some((message) => message.includes('TypeError: no axes'))).toBe(true)
    expect(messages.some((message) => message.includes('TypeError: no elements'))).toBe(true)
  })

  it('is one of the known ones', async () => {
    await expect(runConformance(limited(['tensors' as Limit]))).rejects.toThrow(
      'manifest.limits must list some of emptyTensors, scalarTensors, stepsWithoutLoss',
    )
  })

  it('is a regression if it is new', async () => {
    const [before, after] = await Promise.all(
      [[], limits].map((declared) => runConformance(limited(declared), { filter: 'error/disposed' })),
    )
    const { facts, regressed } = compareReports(before!, after!)
    expect(facts).toContainEqual({
      what: 'limit emptyTensors', before: 'not declared', after: 'declared', regression: true,
    }) // prettier-ignore
    expect(regressed).toBe(true)
    expect(compareReports(after!, before!).facts.every(({ regression }) => !regression)).toBe(true)
  })
})

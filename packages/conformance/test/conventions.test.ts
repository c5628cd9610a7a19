import * as core from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { conventionsCommand } from '../src/conventionsCommand.js'
import type { CommandIo } from '../src/commandIo.js'
import { conventionsOf, features, type ConformanceTarget, type Convention } from '../src/index.js'
import { coreTarget } from './conformance/targets.js'

const reference = coreTarget('reference')
type Create = ConformanceTarget['create']

/** A plain optimiser that has some bases of the core's, and takes the step that `create` makes of it. */
function plain(
  bases: readonly string[],
  create: Create = (...given) => reference.create(...given),
): ConformanceTarget {
  const capabilities = features.filter((name) => bases.includes(name))
  return { ...reference, manifest: { ...reference.manifest, name: 'plain', capabilities }, create }
}

/** A target whose base has another value of a hyperparameter than the one that is asked for. */
function instead(name: string, value: number, of: string): ConformanceTarget {
  return plain([`base/${of}`], (transformation, parameters) => {
    const json = transformation.toJSON() as { base: Record<string, unknown> }
    return reference.create(core.fromJSON({ ...json, base: { ...json.base, [name]: value } }), parameters)
  })
}

const summary = (conventions: readonly Convention[]) => [...new Set(conventions.map(({ status }) => status))]

describe('the conventions of a target', () => {
  it('are those of every base in the core, with the metric', async () => {
    const { conventions, dtype } = await conventionsOf(reference)
    expect(dtype).toBe('float64')
    expect(summary(conventions)).toEqual(['follows'])
    const bases = new Set(conventions.map(({ base }) => `base/${base.slice(0, base.indexOf('('))}`))
    const built = features.filter((name) => name.startsWith('base/') && name !== 'base/custom')
    expect([...bases].sort()).toEqual([...built].sort())
    // Also under embeddings that read the loss.
    expect(conventions.map(({ id }) => id)).toContain('step/adam/f64/0002')
  })

  it('are asked for at ξ = 0 where there is no metric', async () => {
    const xis: unknown[] = []
    const target = plain(['base/adam'], (transformation, parameters) => {
      xis.push((transformation.toJSON() as { xi: unknown }).xi)
      return reference.create(transformation, parameters)
    })
    const { conventions } = await conventionsOf(target)
    expect(summary(conventions)).toEqual(['follows'])
    expect(conventions.length).toBeGreaterThan(5)
    expect(new Set(xis)).toEqual(new Set([0]))
  })

  it('deviate, with the size of the error, its call, and the hyperparameter without which they agree', async () => {
    const { conventions } = await conventionsOf(instead('momentum', 0.5, 'heavyBall'))
    const first = conventions.find(({ id }) => id === 'step/heavyBall/f64/0001')
    expect(first).toMatchObject({ base: 'heavyBall()', status: 'deviates', call: 2 })
    expect(first!.error).toBeGreaterThan(0.1)
    expect(first!.agreesWith).toBeUndefined()
    const of = (target: ConformanceTarget) => conventionsOf(target).then((report) => report.conventions)
    const lost = plain(['base/heavyBall'], async (transformation, parameters) => {
      const json = transformation.toJSON() as { base: Record<string, unknown> }
      const base = { ...json.base, momentum: Number(json.base['momentum']) / 2 }
      return reference.create(core.fromJSON({ ...json, base }), parameters)
    })
    expect((await of(lost))[0]).toMatchObject({ status: 'deviates', agreesWith: ['momentum → 0'] })
  })

  it('do not agree because nothing moves', async () => {
    const halved = plain(['base/adadelta'], (transformation, parameters) => {
      const json = transformation.toJSON() as { learningRate: number }
      return reference.create(core.fromJSON({ ...json, learningRate: json.learningRate / 2 }), parameters)
    })
    const { conventions } = await conventionsOf(halved)
    expect(summary(conventions)).toEqual(['deviates'])
    // With ε near 0 adadelta stands still, at every rate.
    for (const { agreesWith } of conventions) expect(agreesWith).toBeUndefined()
  })

  it('are refused, fail or are not finite one by one, and the others go on', async () => {
    const odd = plain(['base/sgd', 'base/adam', 'base/lion'], async (transformation, parameters) => {
      const { name } = (transformation.toJSON() as { base: { name: string } }).base
      if (name === 'sgd') throw new core.InducedMetricError('ERR_NOT_SUPPORTED', 'none')
      const session = await reference.create(transformation, parameters)
      if (name === 'adam') return { ...session, step: () => Promise.reject(new TypeError('x is undefined')) }
      return { ...session, read: () => parameters.map(({ data }) => data.map(() => NaN)) }
    })
    const { conventions } = await conventionsOf(odd)
    const of = (base: string) => conventions.find((one) => one.base === base)
    expect(of('sgd()')).toMatchObject({ status: 'refused', message: 'ERR_NOT_SUPPORTED: none' })
    expect(of('adam()')).toMatchObject({ status: 'fails', message: 'x is undefined' })
    expect(of('lion()')).toMatchObject({ status: 'deviates', error: null, call: 1 })
  })
})

describe('induced-conformance conventions', () => {
  const run = async (target: ConformanceTarget, json?: string) => {
    const [out, err, files]: [string[], string[], Record<string, string>] = [[], [], {}]
    const io: CommandIo = {
      out: (text) => void out.push(text),
      err: (text) => void err.push(text),
      load: () => Promise.resolve({ target }),
      loadCore: () => Promise.resolve(core),
      prepare: () => {
        throw new Error('no process')
      },
      read: () => Promise.reject(new Error('no file')),
      write: (path, text) => Promise.resolve(void (files[path] = text)),
    }
    const code = await conventionsCommand({ target: './x.js', json }, io)
    return { code, out: out.join(''), err: err.join(''), files }
  }

  it('prints a line for each problem and a sum, and writes what it measured', async () => {
    const { code, out, files } = await run(instead('epsilon', 0.5, 'adagrad'), 'report.json')
    expect(code).toBe(0)
    expect(out).toMatch(
      /^plain 0\.1\.0, in float64\n\nstep\/adagrad\/f64\/0001 +adagrad\(\) +deviates by \d\.\d+, from call 1 on/,
    )
    expect(out).toMatch(/\nfollows 0, deviates \d, refused 0, fails 0\nreport: report\.json\n$/)
    expect(JSON.parse(files['report.json']!)).toEqual(
      JSON.parse(JSON.stringify(await conventionsOf(instead('epsilon', 0.5, 'adagrad')))),
    )
  })

  it('says what is wrong with a target that it cannot measure', async () => {
    const { code, err } = await run({} as ConformanceTarget)
    expect(code).toBe(2)
    expect(err).toMatch(
      /^induced-conformance: this conformance target can't be run:\n {2}manifest must be an object/,
    )
  })
})

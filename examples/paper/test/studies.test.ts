import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { paperSettings } from '@induced-metric/example-mnist'
import type { Study } from '@induced-metric/sweep'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { controls, exportResults, optimizerIds, studyIds, type CompactStudy } from '../src/index.js'
import { withControl } from '../src/controls.js'
import { drawSettings, transform } from '../src/optimizers.js'
import { numberFrom } from '../src/scope.js'

const here = fileURLToPath(new URL('..', import.meta.url))
const small = {
  PAPER_EPOCHS: '1',
  PAPER_BATCHES: '2',
  PAPER_SEEDS: '1',
  PAPER_TRIALS: '1',
  PAPER_STEPS: '10',
}

beforeAll(() => void Object.assign(process.env, small))

/** Runs the first configurations of a study, in this thread. */
async function tryOut(file: string, count: number): Promise<Record<string, number>[][]> {
  const { default: study } = (await import(`../src/studies/${file}.ts`)) as { default: Study }
  const { sampler, space, run } = study
  const size = sampler!.size!(space)
  return Promise.all(
    Array.from({ length: Math.min(count, size) }, async (_, index) => {
      const hyperparameters = sampler!.propose({ space, index, seed: 0, tried: [] })
      const reports: Record<string, number>[] = []
      const report = (metrics: Readonly<Record<string, number>>) => void reports.push({ ...metrics })
      const result = await run({ hyperparameters, seed: 1, report, signal: new AbortController().signal })
      return [...reports, ...(typeof result === 'object' ? [result] : [])]
    }),
  )
}

test('MNIST runs every optimiser of the paper', async () => {
  const runs = await tryOut('mnist', 99)
  expect(runs).toHaveLength(7)
  for (const [epoch, ...others] of runs) {
    expect(others).toEqual([])
    expect(epoch!['accuracy']).toBeGreaterThan(0.05)
    // Of 10,000 pictures and of 9216 of them.
    expect(Math.abs(epoch!['accuracy']! - epoch!['wholeAccuracy']!)).toBeLessThan(0.02)
    expect(epoch!['trainingLoss']).toBeGreaterThan(1)
    expect(epoch!['scale']).toBeGreaterThan(0)
  }
})

test.each([
  ['mnistControls', 2, 'accuracy'],
  ['mnistSweep', 2, 'accuracy'],
  ['regression', 7, 'error'],
  ['gpt', 1, 'loss'],
  ['functions', 40, 'steps'],
] as const)('%s runs', async (file, count, metric) => {
  const runs = await tryOut(file, count)
  expect(runs).toHaveLength(count)
  for (const reports of runs) expect(reports.at(-1)![metric]).toBeGreaterThan(0)
})

test('controls change what they say, and nothing else', () => {
  for (const { optimizer, control } of controls) {
    const { transformation } = paperSettings.find(({ id }) => id === optimizer)!
    const [before, after] = [transformation.toJSON(), withControl(transformation, control).toJSON()]
    const changed = control === 'no metric' ? 'xi' : 'weightDecay'
    expect({ ...after, [changed]: before[changed] }, `${optimizer}, ${control}`).toEqual(before)
    if (control === 'the decay of log')
      expect((after.learningRate as number) * (after.weightDecay as number)).toBeCloseTo(1.123e-3, 6)
    else expect(after[changed]).toBe(0)
  }
})

test('every optimiser has as many settings as asked for', () => {
  for (const optimizer of optimizerIds) {
    const settings = drawSettings(optimizer, 5)
    expect(new Set(settings.map(({ learningRate }) => learningRate)).size).toBe(5)
    for (const one of settings) expect(transform(optimizer, one).toJSON().learningRate).toBe(one.learningRate)
  }
})

test('a wrong number in the environment is refused', () => {
  process.env['PAPER_WRONG'] = '1.5'
  expect(() => numberFrom('PAPER_WRONG', 1)).toThrow(
    'PAPER_WRONG must be a whole number from 1 on, given "1.5".',
  )
})

describe('the command', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'paper-'))
    const compiler = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url))
    const { stdout, stderr } = spawnSync(process.execPath, [compiler, '-b', here], { encoding: 'utf8' })
    expect(stdout + stderr).toBe('')
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const call = (...argv: string[]) =>
    spawnSync(process.execPath, [join(here, 'dist', 'main.js'), ...argv], {
      encoding: 'utf8',
      env: { ...process.env, ...small, PAPER_CACHE: folder },
    })

  test('goes on where it stopped, and the results are exported', () => {
    const { status, stdout, stderr } = call('study', 'regression')
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout.trim().split('\n')).toHaveLength(7)
    expect(call('study', 'regression').stdout).toBe('')
    expect(exportResults(folder, folder)).toEqual([join(folder, 'regression.json')])
    const study = JSON.parse(readFileSync(join(folder, 'regression.json'), 'utf8')) as CompactStudy
    expect(study.command).toBe('npm run study -w examples/paper regression')
    expect([study.metric, study.goal, study.planned]).toEqual(['error', 'minimize', 7])
    expect(study.trials.map(({ hyperparameters }) => hyperparameters['optimizer'])).toEqual([...optimizerIds])
    for (const { runs } of study.trials) {
      expect(runs).toHaveLength(1)
      expect(runs[0]).toMatchObject({ seed: 1, first: runs[0]!.value, bestAt: 1 })
    }
  })

  test('says which studies there are', () => {
    const { status, stderr } = call('study', 'cifar')
    expect(status).toBe(1)
    expect(stderr).toContain(`There is no study "cifar"; there are ${studyIds.join(', ')}.`)
  })
})

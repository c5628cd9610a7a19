import * as tf from '@tensorflow/tfjs'
import { adam, cosine, inducedMetric, log, muon, sgd, type Transformation } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeBackends, useBackend } from './backends.js'
import type { Resumed } from './process/resume.js'
import { saveModel, trainBatches } from './saving.js'
import { distance, network, values } from './support.js'

const transformations: Record<string, Transformation> = {
  'adam-identity': inducedMetric(adam(), { learningRate: 0.02 }),
  'sgd-log-schedule': inducedMetric(sgd({ momentum: 0.9 }), {
    learningRate: cosine({ from: 0.05, to: 0.01, steps: 8 }),
    xi: 0.5,
    embedding: log({ floor: -1 }),
  }),
  muon: inducedMetric(muon(), { learningRate: 0.02 }),
  'masked-decay': inducedMetric(adam(), {
    learningRate: 0.02,
    weightDecay: 0.5,
    decayMask: ['Process_masked-decay_1/kernel'],
  }),
}

// One process for all cases, because starting it takes most of the time.
describe('in a fresh process', () => {
  let directory: string
  const expected: Record<string, { losses: number[]; weights: Float32Array[] }> = {}

  beforeAll(async () => {
    await useBackend('cpu')
    directory = await mkdtemp(join(tmpdir(), 'tfjs-resume-'))
    for (const [name, transformation] of Object.entries(transformations)) {
      const model = network([4, 4, 1], { inputs: 3, prefix: `Process_${name}` })
      model.compile({ optimizer: inducedOptimizer(tf, transformation), loss: 'meanSquaredError' })
      await trainBatches(model, 1, 3)
      const { text, bytes } = await saveModel(model)
      await writeFile(join(directory, `${name}.json`), text)
      await writeFile(join(directory, `${name}.bin`), bytes)
      const losses = await trainBatches(model, 4, 8)
      expected[name] = { losses, weights: await values(model.getWeights()) }
    }
    const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
    // With vitest's own variables, TensorFlow.js would believe that it is being tested.
    const env = { PATH: process.env['PATH'] }
    await promisify(execFile)(
      process.execPath,
      [file('process/start.js'), file('process/resume.ts'), directory, ...Object.keys(transformations)],
      { env },
    )
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  const cases = nodeBackends.flatMap((backend) =>
    Object.keys(transformations).map((name) => [name, backend] as const),
  )
  it.each(cases)('%s goes on, on %s, as if nothing had happened', async (name, backend) => {
    const got = JSON.parse(await readFile(join(directory, `${name}.${backend}.json`), 'utf8')) as Resumed
    const { losses, weights } = expected[name]!
    expect(got.step).toBe(8)
    expect(Math.max(...got.losses.map((loss, i) => Math.abs(loss - losses[i]!)))).toBeLessThan(1e-6)
    expect(distance(got.weights, weights)).toBeLessThan(backend === 'cpu' ? 1e-6 : 1e-5)
  })

  it('a model cannot be loaded before the optimiser is registered', async () => {
    const { unregistered } = JSON.parse(await readFile(join(directory, 'muon.cpu.json'), 'utf8')) as Resumed
    expect(unregistered).toMatch(/Unknown layer: InducedMetric/)
  })
})

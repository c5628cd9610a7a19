import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import { beforeAll, describe, expect, it } from 'vitest'
import { readCheckpoint, TrainingSession } from '../../src/index.js'
import { createAttribute, readModel, writeModel, type AttributeValue } from '@induced-metric/onnx/proto'
import { relativeError } from '../../../onnx/test/run.js'
import { smallArtifacts } from './problem.js'
import { isInstalled, startGenuine, type Genuine } from '../../../onnx/test/genuine/runtime.js'
import { parametersOf, take, type MakeTensor } from './trainer.js'

// Every form of the genuine optimisers, with numbers that tell them apart: an ε as large as the root it is added to,
// and decay as large as the step. That build refuses mode 0 without bias correction.

type Form = readonly [name: string, attributes: Readonly<Record<string, AttributeValue>>]

const steps = 10
const usual = { alpha: { float: 0.8 }, beta: { float: 0.95 }, epsilon: { float: 0.01 } }
const decay = { weight_decay: { float: 30 } }
const forms: readonly Form[] = [
  ['AdamW in its default form', {}],
  ['AdamW, mode 0', { ...usual, ...decay, adam_mode: 0, correct_bias: 1 }],
  ['AdamW, mode 1', { ...usual, ...decay, adam_mode: 1, correct_bias: 1 }],
  ['AdamW, mode 1, bias not corrected', { ...usual, adam_mode: 1, correct_bias: 0 }],
]

const artifacts = await smallArtifacts()
const tensor: MakeTensor = (type, data, dims) => new ort.Tensor(type as 'float32', data as Float32Array, dims)
const start = readCheckpoint(artifacts.checkpointState).trainable.flatMap(({ data }) =>
  Array.from(data as Float32Array),
)

/** The distances that parameters have moved. An optimiser determines those, not the positions. */
const moved = (parameters: readonly number[]) => parameters.map((x, i) => x - start[i]!)

/** The optimizer model of the artifacts, in another form. */
function optimizerModel(attributes: Form[1]): Uint8Array {
  const model = readModel(artifacts.optimizerModel)
  model.graph.node[0]!.attribute = Object.entries(attributes).map(([name, value]) =>
    createAttribute(name, value),
  )
  return writeModel(model)
}

const file = fileURLToPath(new URL('../fixtures/optimizers.json', import.meta.url))
const recorded = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number[]>

describe('the optimisers of the training build, as recorded of it', () => {
  it.each(forms)('%s', async (name, attributes) => {
    const session = await TrainingSession.create({
      ...artifacts,
      optimizerModel: optimizerModel(attributes),
    })
    await take(session, tensor, 1, steps)
    const parameters = await parametersOf(session)
    await session.release()
    expect(relativeError(moved(parameters), moved(recorded[name]!))).toBeLessThan(2e-5)
  })

  // That build fails on models with SGDOptimizerV2, so its result is computed here: θ − lr·g, with its lr of 0.001.
  it('SGD', async () => {
    const given = readModel(optimizerModel({}))
    const [node] = given.graph.node
    node!.opType = 'SGDOptimizerV2'
    node!.input = ['learning_rate', 'params', 'gradients']
    const session = await TrainingSession.create({ ...artifacts, optimizerModel: writeModel(given) })
    await take(session, tensor, 1, 1)
    const gradients = [...session.gradients.values()].flatMap(({ data }) => Array.from(data as Float32Array))
    const expected = gradients.map((g) => -0.001 * g)
    expect(relativeError(moved(await parametersOf(session)), expected)).toBeLessThan(1e-3)
    session.setLearningRate(0)
    const before = await parametersOf(session)
    await session.runOptimizerStep()
    expect(await parametersOf(session)).toEqual(before)
    await session.release()
  })

  it('tell one form from another', () => {
    for (const [a] of forms) {
      for (const [b] of forms) {
        if (a === b) continue
        expect(relativeError(moved(recorded[a]!), moved(recorded[b]!))).toBeGreaterThan(1e-3)
      }
    }
  })
})

describe.skipIf(!isInstalled)('the optimisers of the training build', () => {
  let genuine: Genuine
  beforeAll(async () => {
    genuine = await startGenuine()
  })

  it('are what was recorded', async () => {
    const found: Record<string, number[]> = {}
    for (const [name, attributes] of forms) {
      const session = await genuine.create({
        ...artifacts,
        optimizerModel: optimizerModel(attributes),
      })
      await take(session, genuine.tensor, 1, steps)
      found[name] = await parametersOf(session)
      await session.release()
    }
    if (process.env['UPDATE_FIXTURES']) writeFileSync(file, `${JSON.stringify(found)}\n`)
    else for (const [name] of forms) expect(relativeError(found[name]!, recorded[name]!)).toBeLessThan(1e-6)
  })
})

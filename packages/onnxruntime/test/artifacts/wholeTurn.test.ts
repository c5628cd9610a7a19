import { adam, inducedMetric } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { generateArtifacts, withParameters } from '../../src/artifacts.js'
import { TrainingSession } from '../../src/index.js'
import { mlp } from '@induced-metric/onnx/models'
import { readModel, writeModel } from '@induced-metric/onnx/proto'
import { runModel } from '../../../onnx/test/run.js'

const forward = mlp({ sizes: [4, 6, 1], inputShape: [2, 2], finalActivation: 'sigmoid', seed: 3 })
const generated = generateArtifacts(forward, { loss: 'bce-with-logits', outputNames: ['logits'] })
const optimizer = inducedMetric(adam(), { learningRate: 0.1 })
const data = Array.from({ length: 12 }, (_, i) => Math.sin(i))
const feeds = {
  input: new ort.Tensor('float32', Float32Array.from(data), [3, 2, 2]),
  target: new ort.Tensor('float32', Float32Array.of(0, 1, 1), [3, 1]),
}

async function trained(): Promise<TrainingSession> {
  const session = await TrainingSession.create({ ...(await generated), optimizer, ort })
  for (let step = 0; step < 3; step++) {
    await session.runTrainStep(feeds)
    await session.runOptimizerStep()
    await session.lazyResetGrad()
  }
  return session
}
const run = async (bytes: Uint8Array, input: string, output: string): Promise<number[]> =>
  (await runModel(readModel(bytes), { [input]: { dims: [3, 2, 2], data } }))[output]!.data

describe('from a forward model to a trained one', () => {
  it('all artifacts at once are the options of a session; the checkpoint is not written for it', async () => {
    const artifacts = await generated
    expect(Object.keys(artifacts)).not.toContain('checkpointState')
    expect(artifacts.checkpointState).toBeInstanceOf(Uint8Array)
    const session = await trained()
    expect(session.report.skipped).toBe(false)
    const { checkpointState } = artifacts
    const fresh = await TrainingSession.create({ ...artifacts, checkpointState, ort })
    expect(fresh.parameters.get('layers.1.bias')!.data).not.toEqual(
      session.parameters.get('layers.1.bias')!.data,
    )
    await Promise.all([fresh.release(), session.release()])
  })

  it('the forward model takes the trained parameters, and computes what the export computes', async () => {
    const session = await trained()
    const exported = await run(await session.exportModelForInference(['output']), 'input', 'output')
    const filled = writeModel(withParameters(forward, session.parameters))
    expect(await run(filled, 'input', 'output')).toEqual(exported)
    expect(exported).not.toEqual(await run(writeModel(forward), 'input', 'output'))
    const { state } = await generated
    expect(await run(writeModel(withParameters(forward, state)), 'input', 'output')).toEqual(
      await run(writeModel(forward), 'input', 'output'),
    )
    await session.release()
  })

  it('an export has the names that a runtime of others expects', async () => {
    const session = await trained()
    const wanted = await run(await session.exportModelForInference(['output']), 'input', 'output')
    const renamed = (inputs: Record<string, string>, outputs: Record<string, string> = {}) =>
      session.exportModelForInference(['output'], { inputs, outputs })
    expect(await run(await renamed({ input: 'x.1' }, { output: '53' }), 'x.1', '53')).toEqual(wanted)
    // Names that inner values have, and names exchanged.
    expect(await run(await renamed({ input: 'logits' }), 'logits', 'output')).toEqual(wanted)
    const swapped = await renamed({ input: 'output' }, { output: 'input' })
    expect(await run(swapped, 'output', 'input')).toEqual(wanted)
    await expect(renamed({ x: 'y' })).rejects.toThrow(
      /ERR_OPTION: inputs: there is no "x" to rename, but input/,
    )
    await expect(renamed({ input: '' })).rejects.toThrow(/ERR_OPTION.*must be a text, given ""/)
    await expect(renamed({ input: 'layers.0.bias' })).rejects.toThrow(
      /ERR_OPTION.*two values called "layers.0.bias"/,
    )
    await expect(renamed({ input: 'output' })).rejects.toThrow(/ERR_OPTION.*two values called "output"/)
    await session.release()
  })
})

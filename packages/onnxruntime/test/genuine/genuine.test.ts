import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readCheckpoint } from '@induced-metric/onnx'
import { TrainingSession } from '../../src/session/trainingSession.js'
import { smallArtifacts } from './problem.js'
import { readRecording, writeRecording, type Recording } from './recording.js'
import {
  isInstalled,
  startGenuine,
  type Genuine,
  type GenuineSession,
} from '../../../onnx/test/genuine/runtime.js'
import { distance, parametersOf, take, type MakeTensor } from './trainer.js'

// This package beside the last release of ONNX Runtime for JavaScript that trained: compared with recorded results,
// and with the release itself if it is installed.

const artifacts = await smallArtifacts()
const tensor: MakeTensor = (type, data, dims) => new ort.Tensor(type as 'float32', data as Float32Array, dims)
const sessions: { release(): Promise<void> }[] = []

afterEach(async () => {
  for (const session of sessions.splice(0)) await session.release()
})

async function own(checkpointState: Uint8Array = artifacts.checkpointState): Promise<TrainingSession> {
  const session = await TrainingSession.create({ ...artifacts, checkpointState, ort })
  sessions.push(session)
  return session
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))

describe('beside what was recorded of the genuine runtime', () => {
  let recording: Recording
  beforeAll(() => {
    recording = readRecording()
  })

  it('20 steps of AdamW from optimizer_model.onnx agree', async () => {
    const session = await own()
    const losses = await take(session, tensor, 1, 20)
    expect(distance(losses, recording.run.losses)).toBeLessThan(1e-5)
    expect(distance(await parametersOf(session), recording.run.parameters)).toBeLessThan(1e-5)
    expect(recording.run.losses[19]).toBeLessThan(recording.run.losses[0]!)
  })

  it('three further steps from a checkpoint that it wrote agree', async () => {
    const { checkpoint, losses, parameters } = recording.written
    const [group] = readCheckpoint(bytesOf(checkpoint)).optimizerGroups
    expect([group!.name, group!.step, group!.parameters[0]!.momentums.map(({ name }) => name)]).toEqual([
      'group0',
      5n,
      ['momentum0', 'momentum1'],
    ])
    const session = await own(bytesOf(checkpoint))
    expect(distance(await take(session, tensor, 6, 3), losses)).toBeLessThan(1e-6)
    expect(distance(await parametersOf(session), parameters)).toBeLessThan(1e-6)
  })

  it('three further steps of its from a checkpoint that was written here agree', async () => {
    const { checkpoint, losses, parameters } = recording.read
    const session = await own(bytesOf(checkpoint))
    expect(distance(await take(session, tensor, 6, 3), losses)).toBeLessThan(1e-6)
    expect(distance(await parametersOf(session), parameters)).toBeLessThan(1e-6)
  })
})

describe.skipIf(!isInstalled)('beside the genuine runtime', () => {
  let genuine: Genuine
  beforeAll(async () => {
    genuine = await startGenuine()
  })

  async function other(checkpointState: Uint8Array = artifacts.checkpointState): Promise<GenuineSession> {
    const session = await genuine.create({ ...artifacts, checkpointState })
    sessions.push(session)
    return session
  }

  it('a checkpoint written here resumes there, and one written there here', async () => {
    const [mine, theirs] = [await own(), await other()]
    await take(mine, tensor, 1, 5)
    await take(theirs, genuine.tensor, 1, 5)

    // Written here.
    const written = await mine.saveCheckpoint()
    const there = await other(written)
    expect(distance(await take(mine, tensor, 6, 3), await take(there, genuine.tensor, 6, 3))).toBeLessThan(
      1e-6,
    )
    expect(distance(await parametersOf(mine), await parametersOf(there))).toBeLessThan(1e-6)

    // Written there.
    const here = await own(genuine.saveCheckpoint(theirs))
    expect(distance(await take(here, tensor, 6, 3), await take(theirs, genuine.tensor, 6, 3))).toBeLessThan(
      1e-6,
    )
    expect(distance(await parametersOf(here), await parametersOf(theirs))).toBeLessThan(1e-6)

    // Through the genuine runtime twice and back here: neither loses what only the other uses.
    const back = readCheckpoint(genuine.saveCheckpoint(there))
    expect([...back.properties].filter(([key]) => !key.startsWith('induced-metric.'))).toEqual([])
    expect([...back.properties.keys()].sort()).toEqual([...readCheckpoint(written).properties.keys()].sort())
  })

  it('the properties of a checkpoint come through it', async () => {
    const session = await own()
    session.properties.set('epoch', 7n).set('best', 0.5).set('note', 'Grüße')
    const there = await other(await session.saveCheckpoint())
    const { properties } = readCheckpoint(genuine.saveCheckpoint(there))
    expect([properties.get('epoch'), properties.get('best'), properties.get('note')]).toEqual([
      7n,
      0.5,
      'Grüße',
    ])
  })

  it('is what was recorded', async () => {
    const run = await other()
    const losses = await take(run, genuine.tensor, 1, 20)
    const parameters = await parametersOf(run)
    const first = await other()
    await take(first, genuine.tensor, 1, 5)
    const written = genuine.saveCheckpoint(first)
    const mine = await own()
    await take(mine, tensor, 1, 5)
    const given = process.env['UPDATE_FIXTURES']
      ? await mine.saveCheckpoint()
      : bytesOf(readRecording().read.checkpoint)
    const second = await other(given)
    const continued = async (session: GenuineSession, checkpoint: Uint8Array) => ({
      checkpoint: base64(checkpoint),
      losses: await take(session, genuine.tensor, 6, 3),
      parameters: await parametersOf(session),
    })
    const recording: Recording = {
      runtime: 'onnxruntime-web 1.19.2',
      run: { losses, parameters },
      written: await continued(first, written),
      read: await continued(second, given),
    }
    if (process.env['UPDATE_FIXTURES']) {
      mkdirSync(fileURLToPath(new URL('../fixtures', import.meta.url)), { recursive: true })
      writeRecording(recording)
    }
    const stored = readRecording()
    for (const [now, then] of [
      [recording.run, stored.run],
      [recording.written, stored.written],
      [recording.read, stored.read],
    ] as const) {
      expect(distance(now.losses, then.losses)).toBeLessThan(1e-6)
      expect(distance(now.parameters, then.parameters)).toBeLessThan(1e-6)
    }
  })
})

import { readCheckpoint, type CheckpointState } from '@induced-metric/onnxruntime'
import * as ort from 'onnxruntime-node'
import { afterAll, describe, expect, it } from 'vitest'
import { dataFiles } from '../src/data/files.js'
import { loadNetwork } from '../src/networks/index.js'
import type { Network } from '../src/networks/network.js'
import { parseOptions } from '../src/options.js'
import { train } from '../src/training/loop.js'
import { networkOf, openSession, type Session } from '../src/training/session.js'

const [gpt, digits] = await Promise.all(
  (['gpt', 'digits'] as const).map((name) => loadNetwork(name, (file) => dataFiles[file]())),
)
const sessions: Session[] = []
afterAll(() => Promise.all(sessions.map((session) => session.release())))

async function open(network: Network, checkpoint?: CheckpointState): Promise<Session> {
  const session = await openSession(network, { device: 'cpu', ort }, checkpoint)
  sessions.push(session)
  return session
}

async function lossesOf(session: Session, network: Network, steps: number): Promise<number[]> {
  const losses = []
  for await (const { loss } of train(session, network, { ort, steps, interval: 0 })) losses.push(loss)
  return losses
}

describe.each([gpt!, digits!])('$name', (network) => {
  it('learns, and goes on from its checkpoint as if it had not stopped', async () => {
    const whole = await lossesOf(await open(network), network, 30)
    expect(whole.length).toBe(30)
    expect(whole.at(-1)!).toBeLessThan(0.8 * whole[0]!)
    const first = await open(network)
    const losses = await lossesOf(first, network, 12)
    const checkpoint = readCheckpoint(await first.saveCheckpoint())
    expect(networkOf(checkpoint)).toBe(network.name)
    const second = await open(network, checkpoint)
    losses.push(...(await lossesOf(second, network, 18)))
    expect(losses).toEqual(whole)
    // A checkpoint of a run that has gone on still says which network it is of.
    expect(networkOf(await second.checkpointState())).toBe(network.name)
  })
})

it('writes a text that begins as it is told, and another one later', async () => {
  const session = await open(gpt!)
  const [a, again, later] = [1, 1, 2].map((step) => gpt!.evaluate(session, ort, step))
  expect(await a).toEqual(await again)
  expect(await later).not.toEqual(await a)
  expect(await a).toEqual({ text: expect.stringMatching(/^The [^]{120}$/) as string })
})

it('reads digits that it was not trained on', async () => {
  const session = await open(digits!)
  await lossesOf(session, digits!, 60)
  const evaluation = await digits!.evaluate(session, ort, 60)
  expect(evaluation).toMatchObject({ of: 1000 })
  expect('accuracy' in evaluation && evaluation.accuracy).toBeGreaterThan(0.75)
})

it('reports by time, and stops when it is told to', async () => {
  const session = await open(digits!)
  const stop = new AbortController()
  const steps = []
  for await (const { step, speed } of train(session, digits!, { ort, interval: 20, signal: stop.signal })) {
    steps.push(step)
    expect(speed).toBeGreaterThan(0)
    if (steps.length === 3) stop.abort()
  }
  expect(steps.length).toBe(3)
  expect(session.report!.step).toBe(steps[2])
})

it('refuses files that it cannot go on from, and says why', async () => {
  const session = await open(digits!)
  await lossesOf(session, digits!, 1)
  const checkpoint = await session.checkpointState()
  await expect(open(gpt!, checkpoint)).rejects.toThrow(
    /ERR_CHECKPOINT: the checkpoint is of digits, not of gpt/,
  )
  expect(() => networkOf({ ...checkpoint, properties: new Map() })).toThrow(
    /ERR_CHECKPOINT.*names no network/,
  )
})

it('takes a file or a network on the command line', () => {
  expect(parseOptions([])).toMatchObject({ file: undefined, network: 'gpt', steps: 200 })
  expect(parseOptions(['/a.ckpt', '--steps', '5', '--output', '/b.ckpt'])).toMatchObject({
    file: '/a.ckpt',
    steps: 5,
    output: '/b.ckpt',
  })
})

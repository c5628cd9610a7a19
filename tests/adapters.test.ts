import * as core from '@induced-metric/core'
import type { Session, TargetParameter } from '@induced-metric/conformance'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Adapter, findAdapters } from '../scripts/adapters.js'

// Every adapter trains with the same seed, data and transformation, and one run is handed from adapter to adapter.

const { adam, cosine, identity, inducedMetric, log, muon, sgd } = core

// The reference comes first. A new package is included as soon as it has targets.
const adapters = await findAdapters()

const transformations = {
  'adam, identity': inducedMetric(adam(), { learningRate: 0.02, xi: 0.5, weightDecay: 0.01 }),
  'sgd, log, cosine': inducedMetric(sgd({ momentum: 0.9 }), {
    learningRate: cosine({ from: 0.2, to: 0.02, steps: 50 }),
    xi: 0.1,
    embedding: log(),
    clipNorm: 2,
  }),
  'muon, identity, groups': inducedMetric(muon({ rows: 'outputs' }), {
    learningRate: 0.02,
    embedding: identity(),
    groups: { head: { learningRate: 0.01, xi: 0.01 } },
  }),
}

/** A two-layer network on fixed data, small enough to differentiate by hand: 3-4-1, tanh, squared error. */
const inputs = Array.from({ length: 16 }, (_, i) => [Math.sin(i), Math.cos(2 * i), Math.sin(3 * i + 1)])
const targets = inputs.map(([x, y, z]) => Math.tanh(x! * y! - z!))

function freshParameters(): TargetParameter[] {
  const values = (length: number, seed: number): Float32Array =>
    Float32Array.from({ length }, (_, i) => Math.sin(seed + 1.7 * i) / 2)
  return [
    { name: 'hidden', shape: [3, 4], data: values(12, 1) },
    { name: 'bias', shape: [4], data: values(4, 2) },
    { name: 'output', shape: [4, 1], data: values(4, 3), group: 'head' },
  ]
}

function differentiate(parameters: readonly ArrayLike<number>[]): {
  loss: number
  gradients: Float32Array[]
} {
  const [hidden, bias, output] = parameters as [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>]
  const gradients = [new Float32Array(12), new Float32Array(4), new Float32Array(4)]
  let loss = 0
  inputs.forEach((input, k) => {
    const activations = [0, 1, 2, 3].map((j) =>
      Math.tanh(input.reduce((sum, x, i) => sum + x * hidden[4 * i + j]!, bias[j]!)),
    )
    const error = activations.reduce((sum, a, j) => sum + a * output[j]!, -targets[k]!) / inputs.length
    loss += (error * error * inputs.length) / 2
    activations.forEach((a, j) => {
      const back = error * output[j]! * (1 - a * a)
      gradients[2]![j]! += error * a
      gradients[1]![j]! += back
      input.forEach((x, i) => (gradients[0]![4 * i + j]! += back * x))
    })
  })
  return { loss, gradients }
}

async function take(session: Session, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    const { loss, gradients } = differentiate(await session.read())
    await session.step(gradients, { loss })
  }
}

async function run(adapter: Adapter, transformation: core.Transformation, steps: number): Promise<number[]> {
  const target = await adapter.start()
  const session = await target.create(transformation, freshParameters())
  await take(session, steps)
  const values = (await session.read()).flatMap((parameter) => [...parameter])
  await session.dispose?.()
  return values
}

function expectClose(given: readonly number[], expected: readonly number[]): void {
  const scale = Math.max(...expected.map(Math.abs))
  given.forEach((x, i) => expect(Math.abs(x - expected[i]!) / scale).toBeLessThan(2e-5))
}

describe.each(Object.entries(transformations))('%s', (_, transformation) => {
  let expected: number[]
  beforeAll(async () => {
    expected = await run(adapters[0]!, transformation, 50)
  })

  it('learns', () => {
    const { loss } = differentiate(freshParameters().map(({ data }) => data))
    const learned = [expected.slice(0, 12), expected.slice(12, 16), expected.slice(16)]
    expect(differentiate(learned).loss).toBeLessThan(0.8 * loss)
  })

  it.each(adapters.slice(1))('follows the reference over 50 steps in $name', async (adapter) => {
    expectClose(await run(adapter, transformation, 50), expected)
  })

  it('goes on where it was when it is handed around all adapters, and comes back', async () => {
    let parameters = freshParameters()
    let checkpoint: Uint8Array | undefined
    for (const adapter of [...adapters, adapters[0]!]) {
      const target = await adapter.start()
      const session = await target.create(transformation, parameters)
      if (checkpoint) await session.load!(checkpoint)
      await take(session, 10)
      const values = await session.read()
      parameters = parameters.map((parameter, i) => ({ ...parameter, data: Float32Array.from(values[i]!) }))
      checkpoint = await session.save!()
      await session.dispose?.()
    }
    expectClose(
      parameters.flatMap(({ data }) => [...data]),
      await run(adapters[0]!, transformation, 10 * (adapters.length + 1)),
    )
  })
})

import * as core from '@induced-metric/core'
import {
  allCapabilitiesBut,
  type Capability,
  type Session,
  type TargetParameter,
  type TypedArray,
} from '@induced-metric/conformance'
import { describe, expect, it } from 'vitest'
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

type Dtype = 'float32' | 'float64'

function freshParameters(dtype: Dtype): TargetParameter[] {
  const make = dtype === 'float32' ? Float32Array : Float64Array
  const values = (length: number, seed: number) =>
    make.from(Array.from({ length }, (_, i) => Math.sin(seed + 1.7 * i) / 2))
  return [
    { name: 'hidden', shape: [3, 4], data: values(12, 1) },
    { name: 'bias', shape: [4], data: values(4, 2) },
    { name: 'output', shape: [4, 1], data: values(4, 3), group: 'head' },
  ]
}

function differentiate(parameters: readonly ArrayLike<number>[]): {
  loss: number
  gradients: TypedArray[]
} {
  const [hidden, bias, output] = parameters as [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>]
  const make = hidden instanceof Float32Array ? Float32Array : Float64Array
  const gradients = [new make(12), new make(4), new make(4)]
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

/** A session on fresh parameters, in float32 where there is float32. Nothing where the manifest leaves out what it needs. */
async function begin(adapter: Adapter, transformation: core.Transformation, dtype?: Dtype) {
  const target = await adapter.start()
  const { dtypes, capabilities } = target.manifest
  const missing = needsOf(transformation).filter((name) => !capabilities.includes(name))
  return { target, dtype: dtype ?? (dtypes.includes('float32') ? 'float32' : 'float64'), missing } as const
}

/** What the transformations above need. */
function needsOf(transformation: core.Transformation): Capability[] {
  const json: unknown = transformation.toJSON()
  const { base, embedding, learningRate, weightDecay, clipNorm, groups } = json as Record<string, unknown> & {
    base: { name: string }
    embedding: { name: string }
  }
  return [
    `base/${base.name}`,
    ...(base.name === 'muon' ? ['base/adam'] : []),
    `embedding/${embedding.name}`,
    ...(typeof learningRate === 'object' ? ['schedules'] : []),
    ...(weightDecay === 0 ? [] : ['weightDecay']),
    ...(clipNorm === undefined ? [] : ['clipNorm']),
    ...(groups === undefined ? [] : ['groups']),
  ] as Capability[]
}

async function run(
  adapter: Adapter,
  transformation: core.Transformation,
  steps: number,
  dtype: Dtype,
): Promise<number[]> {
  const target = await adapter.start()
  const session = await target.create(transformation, freshParameters(dtype))
  await take(session, steps)
  const values = (await session.read()).flatMap((parameter) => [...parameter])
  await session.dispose?.()
  return values
}

function expectClose(given: readonly number[], expected: readonly number[], name: string): void {
  const scale = Math.max(...expected.map(Math.abs))
  const error = Math.max(...given.map((x, i) => Math.abs(x - expected[i]!) / scale))
  expect(error, `${name} is off by ${error}`).toBeLessThan(2e-5)
}

const reference = adapters[0]!

describe.each(Object.entries(transformations))('%s', (_, transformation) => {
  it('learns', async () => {
    const { loss } = differentiate(freshParameters('float32').map(({ data }) => data))
    const values = await run(reference, transformation, 50, 'float32')
    const learned = [values.slice(0, 12), values.slice(12, 16), values.slice(16)]
    expect(differentiate(learned).loss).toBeLessThan(0.8 * loss)
  })

  it.each(adapters.slice(1))('follows the reference over 50 steps in $name', async (adapter) => {
    const { dtype, missing } = await begin(adapter, transformation)
    if (missing.length > 0) return
    const expected = await run(reference, transformation, 50, dtype)
    expectClose(await run(adapter, transformation, 50, dtype), expected, adapter.name)
  })

  // One hand-over for each adapter: the rounding of all of them in a row would grow with every adapter that is added.
  it.each(adapters.slice(1))(
    'goes on where it was when it is handed to $name, and comes back',
    async (adapter) => {
      const { dtype, missing, target } = await begin(adapter, transformation)
      if (missing.length > 0 || !target.manifest.capabilities.includes('checkpoint')) return
      let parameters = freshParameters(dtype)
      let checkpoint: Uint8Array | undefined
      for (const { start } of [reference, adapter, reference]) {
        const session = await (await start()).create(transformation, parameters)
        if (checkpoint) await session.load!(checkpoint)
        await take(session, 10)
        const values = await session.read()
        parameters = parameters.map((parameter, i) => ({ ...parameter, data: values[i]!.slice() }))
        checkpoint = await session.save!()
        await session.dispose?.()
      }
      expectClose(
        parameters.flatMap(({ data }) => [...data]),
        await run(reference, transformation, 30, dtype),
        adapter.name,
      )
    },
  )
})

describe('an adapter that leaves something out', () => {
  const double = reference.start
  const onlyDouble: Adapter = {
    ...reference,
    name: 'double',
    async start() {
      const target = await double()
      const capabilities = allCapabilitiesBut('groups', 'checkpoint')
      return { ...target, manifest: { ...target.manifest, dtypes: ['float64'], capabilities } }
    },
  }
  it('is given what its manifest has', async () => {
    const muon = await begin(onlyDouble, transformations['muon, identity, groups'])
    expect([muon.dtype, muon.missing]).toEqual(['float64', ['groups']])
    const sgd = await begin(onlyDouble, transformations['sgd, log, cosine'])
    expect(sgd.missing).toEqual([])
    const values = await run(onlyDouble, transformations['sgd, log, cosine'], 5, sgd.dtype)
    expectClose(values, await run(reference, transformations['sgd, log, cosine'], 5, 'float64'), 'double')
  })
})

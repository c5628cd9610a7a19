import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { generateArtifacts, type GenerateOptions } from '../../src/artifacts.js'
import { TrainingSession } from '../../src/session/trainingSession.js'

// A published voice activity detector: a network for either of two sampling rates, in branches of one model, in which
// weights are initializers (legacy) or constants in nodes (version 5), and extents decide branches within branches.

const folder = dirname(createRequire(import.meta.url).resolve('@ricky0123/vad-web'))
const read = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(folder, `silero_vad_${name}.onnx`)))
const batch = 2

const noise = (dims: readonly number[], scale: number): ort.Tensor => {
  const size = dims.reduce((a, b) => a * b, 1)
  const data = Float32Array.from({ length: size }, (_, i) => scale * Math.sin(i * 1.7 + Math.sin(i * 0.3)))
  return new ort.Tensor('float32', data, dims)
}

interface Case {
  readonly name: string
  readonly rate: bigint
  readonly options: GenerateOptions
  readonly feeds: Readonly<Record<string, ort.Tensor>>
}

const cases: readonly Case[] = [
  {
    name: 'legacy',
    rate: 16000n,
    // The logarithm of a spectrum that is 0 in places has no slope that single precision could tell.
    options: { frozen: ['*forward_basis_buffer', '*adaptive_normalization*'] },
    feeds: {
      input: noise([batch, 1536], 0.3),
      h: noise([2, batch, 64], 0.1),
      c: noise([2, batch, 64], 0.1),
    },
  },
  {
    name: 'v5',
    rate: 16000n,
    options: { inputs: { input: ['batch', 576] } },
    feeds: { input: noise([batch, 576], 0.3), state: noise([2, batch, 128], 0.1) },
  },
  {
    name: 'v5',
    rate: 8000n,
    options: { inputs: { input: ['batch', 288] } },
    feeds: { input: noise([batch, 288], 0.3), state: noise([2, batch, 128], 0.1) },
  },
]

describe.each(cases)('silero, $name at $rate Hz,', ({ name, rate, options, feeds }) => {
  const target = new ort.Tensor('float32', Float32Array.of(1, 0), [batch, 1])
  const given = { ...feeds, target }

  it('needs its rate to be bound', async () => {
    await expect(generateArtifacts(read(name), { loss: 'mse', ...options })).rejects.toThrow(
      /an If decides it.*values \(bind\)|the model has no parameters/,
    )
  })

  it('trains: the loss is the one of the file, and its gradient the slope of the loss', async () => {
    const artifacts = await generateArtifacts(read(name), { loss: 'mse', bind: { sr: rate }, ...options })
    expect(artifacts.summary.unreached).toEqual([])
    const session = await TrainingSession.create({ ...artifacts, ort })
    const valueOf = (results: Readonly<Record<string, { data: unknown }>>): number =>
      Number((results['loss']!.data as Float32Array)[0])
    const loss = valueOf(await session.runTrainStep(given))

    const original = await ort.InferenceSession.create(read(name))
    const sr = new ort.Tensor('int64', BigInt64Array.of(rate), [])
    const scores = (await original.run({ ...feeds, sr }))['output']!.data as Float32Array
    await original.release()
    const wanted = ((scores[0]! - 1) ** 2 + scores[1]! ** 2) / 2
    expect(loss).toBeCloseTo(wanted, 5)

    // Along the gradient the loss rises by its square, per unit of step.
    let square = 0
    for (const { data } of session.gradients.values()) for (const g of data as Float32Array) square += g * g
    const step = (3e-5 * wanted) / square
    const moved = async (by: number): Promise<number> => {
      const before = [...session.gradients].map(([key, { data }]) => {
        const parameter = session.parameters.get(key)!.data as Float32Array
        const kept = parameter.slice()
        ;(data as Float32Array).forEach((g, i) => (parameter[i]! += by * g))
        return () => parameter.set(kept)
      })
      const result = valueOf(await session.runEvalStep(given, ['loss']))
      for (const restore of before) restore()
      return result
    }
    const slope = ((await moved(step)) - (await moved(-step))) / (2 * step)
    expect(Math.abs(slope / square - 1)).toBeLessThan(0.03)
    await session.release()
  })
})

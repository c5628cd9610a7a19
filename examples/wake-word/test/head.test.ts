import { readModel } from '@induced-metric/onnx/proto'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../src/audio/random.js'
import { packBackground, unpackBackground } from '../src/background.js'
import { alarmsIn, createHead, createTrigger } from '../src/detector.js'
import { createPool, gather, type Labelled } from '../src/head/pool.js'
import { trainHead } from '../src/head/train.js'
import { chooseThreshold, figuresAt, type Scored } from '../src/measure.js'

const size = 96
const step = 1280

/** Stretches of noise in which a pattern of eight embeddings is the wake word, and its half is a near miss. */
function stretches(count: number, seed: number): Labelled[] {
  const pattern = createRandom(99)
  const shape = Float32Array.from({ length: 8 * size }, () => 3 * pattern.normal())
  const random = createRandom(seed)
  return Array.from({ length: count }, () => {
    const embeddings = Float32Array.from({ length: 60 * size }, () => random.normal())
    const add = (part: Float32Array, at: number) => part.forEach((x, i) => (embeddings[at * size + i]! += x))
    add(shape, 20)
    add(shape.subarray(0, 4 * size), 44)
    return {
      embeddings,
      spans: [
        { kind: 'phrase', from: 20 * step, to: 28 * step },
        { kind: 'near', from: 44 * step, to: 48 * step },
      ],
    }
  })
}

const pool = createPool(stretches(40, 1))
const trained = await trainHead(pool, { ort, steps: 100 })

/** The head's score by its formula in double precision, from the weights in the file. */
function scoreOf(model: Uint8Array, window: Float32Array): number {
  const weights = new Map(
    readModel(model).graph.initializer.map(({ name, rawData }) => [
      name,
      new Float32Array(rawData.slice().buffer),
    ]),
  )
  const dense = (name: string, x: readonly number[]): number[] => {
    const [w, b] = [weights.get(`${name}.weight`)!, weights.get(`${name}.bias`)!]
    return Array.from(b, (bias, unit) => x.reduce((sum, one, i) => sum + one * w[unit * x.length + i]!, bias))
  }
  const activated = (name: string, x: readonly number[]): number[] => {
    const [scale, shift] = [weights.get(`${name}.weight`)!, weights.get(`${name}.bias`)!]
    const mean = x.reduce((sum, one) => sum + one, 0) / x.length
    const variance = x.reduce((sum, one) => sum + (one - mean) ** 2, 0) / x.length
    return x.map((one, i) => Math.max(0, ((one - mean) / Math.sqrt(variance + 1e-5)) * scale[i]! + shift[i]!))
  }
  const [centre, scale96] = [weights.get('embedding.mean')!, weights.get('embedding.scale')!]
  const scaled = Array.from(window, (x, i) => (x - centre[i % size]!) * scale96[i % size]!)
  const mapped = Array.from({ length: 8 }, (_, pair) =>
    activated('pair.norm', dense('pair', scaled.slice(2 * pair * size, 2 * (pair + 1) * size))),
  ).flat()
  const [logit] = dense('out', activated('hidden.norm', dense('hidden', mapped)))
  return 1 / (1 + Math.exp(-logit!))
}

describe('windows', () => {
  it('are positive for .3 seconds after the wake word, and near while it is being said', () => {
    const [one] = stretches(1, 2)
    const pool = createPool([one!])
    const ends = (places: readonly { step: number }[]) => places.map(({ step }) => step + 1)
    expect(ends(pool.positive)).toEqual([28, 29, 30, 31])
    expect(ends(pool.near)).toEqual([21, 22, 45, 46, 47, 48, 49, 50, 51, 52])
    expect(ends(pool.complete)).toEqual([47, 48, 49, 50, 51, 52])
    const undecided = [23, 24, 25, 26, 27, 32, 33, 34, 35, 36]
    const all = [...ends(pool.positive), ...ends(pool.near), ...ends(pool.other), ...undecided]
    expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 45 }, (_, i) => i + 16))
  })

  it('are the 16 embeddings up to their step', () => {
    const embeddings = Float32Array.from({ length: 20 * size }, (_, i) => i)
    const window = gather([{ embeddings, step: 17 }])
    expect(window.length).toBe(16 * size)
    expect([window[0], window.at(-1)]).toEqual([2 * size, 18 * size - 1])
  })
})

describe('a head', () => {
  it('learns to tell the wake word from its half and from noise', async () => {
    const head = await createHead(ort, trained)
    const unseen = createPool(stretches(20, 5))
    const mean = async (places: typeof unseen.positive) => {
      const session = await ort.InferenceSession.create(trained)
      const input = new ort.Tensor('float32', gather(places), [places.length, 16, size])
      const scores = (await session.run({ input }))['score']!.data as Float32Array
      return scores.reduce((sum, x) => sum + x, 0) / scores.length
    }
    expect(await mean(unseen.positive)).toBeGreaterThan(0.9)
    expect(await mean(unseen.near)).toBeLessThan(0.1)
    expect(await mean(unseen.other)).toBeLessThan(0.1)
    await head.release()
  })

  it('is exported with the shapes that openWakeWord asks for, and gives the scores of its formula', async () => {
    const session = await ort.InferenceSession.create(trained)
    expect([session.inputNames, session.outputNames]).toEqual([['input'], ['score']])
    const shapes = [session.inputMetadata[0], session.outputMetadata[0]].map(
      (one) => one!.isTensor && one!.shape,
    )
    expect(shapes).toEqual([
      ['batch', 16, 96],
      ['batch', 1],
    ])
    for (const place of [...pool.positive.slice(0, 9), ...pool.near.slice(0, 9), ...pool.other.slice(0, 9)]) {
      const window = gather([place])
      const { score } = await session.run({ input: new ort.Tensor('float32', window, [1, 16, size]) })
      expect(Math.abs((score!.data as Float32Array)[0]! - scoreOf(trained, window))).toBeLessThan(1e-6)
    }
  })

  it('is the same for the same seed, reports its progress, and can be stopped', async () => {
    const steps: number[] = []
    const again = await trainHead(pool, { ort, steps: 100, onProgress: ({ step }) => void steps.push(step) })
    expect(again).toEqual(trained)
    expect(steps).toEqual([25, 50, 75, 100])
    const controller = new AbortController()
    const onProgress = () => controller.abort()
    await expect(trainHead(pool, { ort, onProgress, signal: controller.signal })).rejects.toThrow('aborted')
  })

  it('needs windows of each kind', async () => {
    await expect(trainHead({ ...pool, near: [] }, { ort })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await expect(trainHead({ ...pool, positive: [] }, { ort })).rejects.toThrow('of the wake word')
  })

  it('scores every window of a stretch', async () => {
    const head = await createHead(ort, trained)
    const [{ embeddings }] = stretches(1, 7) as [Labelled]
    const scores = await head.scores(embeddings)
    expect(scores.length).toBe(45)
    const one = await head.scores(embeddings.slice(9 * size, 25 * size))
    expect(Math.abs(one[0]! - scores[9]!)).toBeLessThan(1e-6)
    await expect(head.scores(embeddings.subarray(1))).rejects.toMatchObject({ code: 'ERR_OPTION' })
  })
})

describe('the trigger', () => {
  it('fires on the mean of four scores, and rests for a second', () => {
    const scores = Float32Array.from([0, 1, 0, 0, 1, 1, 1, 1, ...Array.from({ length: 12 }, () => 1)])
    const times = alarmsIn(scores, 0.6).map(({ at }) => Math.round(at / 0.08) - 16)
    expect(times).toEqual([6, 19])
  })

  it('tells the mean', () => {
    const trigger = createTrigger(0.5)
    expect(trigger.push(0.9).level).toBeCloseTo(0.225)
    expect(trigger.push(0.3)).toEqual({ level: expect.closeTo(0.3), fired: false })
  })
})

describe('figures', () => {
  const scored = (kind: 'phrase' | 'near', at: readonly number[]): Scored => ({
    scores: Float32Array.from({ length: 200 }, (_, i) =>
      [0, 1, 2, 3].some((k) => at.includes(i - k)) ? 0.8 : 0,
    ),
    spans: [{ kind, from: 40 * step, to: 50 * step }],
    ordinary: 36,
  })

  it('count phrases heard, near misses that fire, and other alarms by the hour', () => {
    const all = [scored('phrase', [36]), scored('phrase', []), scored('near', [36]), scored('near', [120])]
    expect(figuresAt(0.5, all)).toEqual({
      heard: 0.5,
      nearMisses: 0.5,
      alarmsAnHour: expect.closeTo(25),
      phrases: 2,
      hours: expect.closeTo(0.04),
    })
    expect(figuresAt(0.9, all)).toMatchObject({ heard: 0, nearMisses: 0, alarmsAnHour: 0 })
  })

  it('give the highest threshold that hears enough, if few enough near misses fire', () => {
    const [heard, missed, near] = [scored('phrase', [36]), scored('phrase', []), scored('near', [36])]
    const choose = (clean: readonly Scored[], noisy: readonly Scored[], nearMisses = 0.2) =>
      chooseThreshold(clean, noisy, { clean: 0.9, noisy: 0.5, nearMisses })
    expect(choose([heard], [heard, missed])).toBeCloseTo(0.8)
    expect(choose([heard], [missed])).toBeCloseTo(0.02)
    expect(choose([heard, missed], [heard])).toBeCloseTo(0.02)
    expect(choose([heard, missed, near], [heard])).toBeCloseTo(0.81)
    expect(choose([heard, missed, near], [heard], 1)).toBeCloseTo(0.02)
  })
})

describe('background speech', () => {
  it('is packed in a byte a number', () => {
    const given = stretches(3, 8).map(({ embeddings }) => embeddings)
    const bytes = packBackground(given)
    expect(bytes.length).toBeLessThan(3 * 60 * size + 3000)
    const read = unpackBackground(bytes)
    expect(read.map(({ embeddings }) => embeddings.length)).toEqual(given.map(({ length }) => length))
    for (const [i, { embeddings }] of read.entries())
      embeddings.forEach((x, j) => expect(Math.abs(x - given[i]![j]!)).toBeLessThan(0.05))
  })

  it('is refused if it is damaged', () => {
    const bytes = packBackground([new Float32Array(size)])
    for (const damaged of [bytes.slice(0, 3), bytes.slice(0, -1), new Uint8Array(99)])
      expect(() => unpackBackground(damaged)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })
})

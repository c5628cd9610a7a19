import { describe, expect, it } from 'vitest'
import { createOptimizer, findLearningRate, inducedMetric, sgd, type RateSubject } from '@induced-metric/core'
import { bits } from './support.js'

/** L = Σ hᵢ wᵢ²/2 under gradient descent: it diverges where η > 2/max h. */
function quadratic(xi: number | ((step: number) => number) = 0) {
  const data = new Float64Array([3, -2, 1])
  const h = [1, 4, 10]
  const transformation = inducedMetric(sgd(), { learningRate: 0.1, xi })
  const optimizer = createOptimizer(transformation, [{ name: 'w', shape: [3], data }])
  const rates: number[] = []
  const subject: RateSubject<{ weights: Float64Array; state: ReturnType<typeof optimizer.save> }> = {
    step(learningRate) {
      rates.push(learningRate)
      optimizer.learningRate = learningRate
      const loss = data.reduce((sum, w, i) => sum + (h[i]! * w * w) / 2, 0)
      const { scale } = optimizer.step([data.map((w, i) => h[i]! * w)], { loss })
      return { loss, scale }
    },
    save: () => ({ weights: data.slice(), state: optimizer.save() }),
    load({ weights, state }) {
      data.set(weights)
      optimizer.load(state)
    },
  }
  return { data, optimizer, subject, rates }
}

async function rejection(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  return promise.then(
    () => ({ code: 'nothing', message: '' }),
    (error: unknown) => error as { code: string; message: string },
  )
}

describe('findLearningRate', () => {
  it('sweeps rates by a constant factor until the loss diverges, and suggests the steepest fall', async () => {
    const { subject, rates } = quadratic()
    const found = await findLearningRate(subject, { from: 1e-4, to: 10, steps: 101 })
    const [sweep] = found.sweeps
    expect(sweep!.points.map(({ learningRate }) => learningRate)).toEqual(rates)
    rates.slice(1).forEach((rate, i) => expect(rate / rates[i]!).toBeCloseTo(10 ** 0.05, 9))
    expect(sweep!.diverged).toBe(rates.at(-1))
    // From 2/10 on the third weight grows again; it has shrunk a lot by then.
    expect(sweep!.diverged).toBeGreaterThan(0.2)
    expect(sweep!.diverged).toBeLessThan(10)
    expect(sweep!.suggestedBy).toBe('steepest')
    expect(found.suggestion).toBe(sweep!.steepest)
    expect(found.suggestion).toBeGreaterThan(5e-3)
    expect(found.suggestion).toBeLessThan(0.2)
    expect(found.best).toBe(sweep)
    let [average, weight] = [0, 0]
    for (const { loss, smoothed, scale } of sweep!.points) {
      average = 0.9 * average + 0.1 * loss
      weight = 0.9 * weight + 0.1
      expect(smoothed).toBeCloseTo(average / weight, 12)
      expect(scale).toBe(1)
    }
  })

  it('puts everything back, bit for bit, also after an error', async () => {
    const { data, optimizer, subject } = quadratic(0.5)
    for (let i = 0; i < 3; i++) await subject.step(0.01, i)
    optimizer.reset()
    await subject.step(0.01, 0)
    const [weights, state] = [bits(data), optimizer.save()]
    await findLearningRate(subject, { steps: 20 })
    expect([bits(data), optimizer.save()]).toEqual([weights, state])
    const failing = {
      ...subject,
      step: (rate: number, i: number) => (i < 5 ? subject.step(rate, i) : Promise.reject(new Error('out'))),
    }
    await expect(findLearningRate(failing)).rejects.toThrow('out')
    expect([bits(data), optimizer.save()]).toEqual([weights, state])
  })

  it('suggests a tenth of the rate of divergence where the loss never falls', async () => {
    const rising: RateSubject<null> = { step: (_, i) => 1 + 2 ** i, save: () => null, load: () => {} }
    const found = await findLearningRate(rising, { from: 1e-3, to: 1, steps: 31 })
    const { diverged, steepest, suggestedBy } = found.best
    expect(steepest).toBeUndefined()
    expect(suggestedBy).toBe('divergence')
    expect(found.suggestion).toBeCloseTo(diverged! / 10, 15)
    expect(found.text()).toContain('a tenth of the rate of divergence')
  })

  it('a loss that is NaN diverges, and a constant one gives no suggestion', async () => {
    const of = (loss: (i: number) => number): RateSubject<null> => ({
      step: (_, i) => loss(i),
      save: () => null,
      load: () => {},
    })
    const broken = await findLearningRate(
      of((i) => (i < 7 ? 1 : NaN)),
      { steps: 20 },
    )
    expect(broken.best.points).toHaveLength(8)
    expect(broken.best.diverged).toBe(broken.best.points[7]!.learningRate)
    const flat = await findLearningRate(
      of(() => 2),
      { steps: 20 },
    )
    expect(flat.best).toMatchObject({ suggestion: undefined, suggestedBy: undefined, diverged: undefined })
    expect(flat.text()).toContain('no suggestion')
  })

  it('a loss below 0 or near 0 is no divergence', async () => {
    const of = (loss: (i: number) => number): RateSubject<null> => ({
      step: (_, i) => loss(i),
      save: () => null,
      load: () => {},
    })
    for (const loss of [(i: number) => -i, (i: number) => 2 ** -i, (i: number) => -1 - (i % 2) / 10]) {
      const { best } = await findLearningRate(of(loss), { steps: 40 })
      expect(best.diverged).toBeUndefined()
    }
  })

  it('sweeps ξ as well', async () => {
    let xi = 0
    const { subject, data } = quadratic(() => xi)
    const before = bits(data)
    const found = await findLearningRate(
      { ...subject, setXi: (value) => void (xi = value) },
      { xi: [0, 1, 100], from: 1e-3, to: 100 },
    )
    expect(found.sweeps.map((sweep) => sweep.xi)).toEqual([0, 1, 100])
    // The metric holds steps back: the more, the later the loss diverges.
    const [plain, one] = found.sweeps
    expect(one!.diverged ?? Infinity).toBeGreaterThan(plain!.diverged!)
    expect(one!.points.some(({ scale }) => scale < 0.5)).toBe(true)
    expect(bits(data)).toBe(before)
    expect(found.text()).toContain('ξ = 100')
    expect(found.svg().match(/<circle/g)).toHaveLength(
      found.sweeps.filter(({ suggestion }) => suggestion !== undefined).length,
    )
  })

  it('draws the loss and ρ', async () => {
    const { subject } = quadratic()
    const found = await findLearningRate(subject)
    const lines = found.text().split('\n')
    expect(lines[0]).toBe('loss over the learning rate')
    expect(lines).toHaveLength(17)
    expect(Math.max(...lines.slice(0, -1).map((line) => line.length))).toBeLessThanOrEqual(76)
    expect(lines.some((line) => line.includes('•') && line.includes('┊'))).toBe(true)
    expect(lines.find((line) => line.includes('ρ 0 to 1'))).toMatch(/█/)
    expect(lines.at(-1)).toContain('the steepest fall; diverged at')
    const svg = found.svg()
    expect(svg).toMatch(/^<svg xmlns=.*<\/svg>$/s)
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    expect(svg.match(/<polyline/g)).toHaveLength(2)
  })

  it.each([
    [{ from: 0 }, 'from'],
    [{ from: 1, to: 1 }, 'to'],
    [{ steps: 1 }, 'steps'],
    [{ smoothing: 1 }, 'smoothing'],
    [{ divergence: 1 }, 'divergence'],
    [{ xi: [] }, 'xi'],
    [{ xi: [-1] }, 'xi'],
    [{ xi: [1] }, 'setXi'],
    [{ rates: 3 } as never, 'rates'],
  ])('%o is ERR_OPTION, and takes no step', async (options, name) => {
    const { subject, rates } = quadratic()
    const { code, message } = await rejection(findLearningRate(subject, options))
    expect(code).toBe('ERR_OPTION')
    expect(message).toContain(name)
    expect(rates).toHaveLength(0)
  })

  it('says what a subject is', async () => {
    expect(await rejection(findLearningRate(undefined as never))).toMatchObject({ code: 'ERR_OPTION' })
    expect(await rejection(findLearningRate({ step: () => 1 } as never))).toMatchObject({
      code: 'ERR_OPTION',
    })
    const { subject } = quadratic()
    const silent = { ...subject, step: () => undefined as never }
    expect((await rejection(findLearningRate(silent))).message).toMatch(/step must return/)
  })
})

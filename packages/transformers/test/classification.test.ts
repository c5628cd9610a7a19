import { describe, expect, it, onTestFinished } from 'vitest'
import { createFineTuning, type FineTuning, type FineTuningOptions, type ModelFiles } from '../src/index.ts'
import { emptyFolder, modelFolder, reviews, words } from './support.ts'

async function tune(files: ModelFiles, options: FineTuningOptions): Promise<FineTuning> {
  const tuning = await createFineTuning(files, options)
  onTestFinished(() => tuning.release())
  return tuning
}

async function trained(tuning: FineTuning): Promise<number[]> {
  const losses: number[] = []
  for await (const { loss } of tuning.train()) losses.push(loss)
  return losses
}

describe('a classifier', () => {
  it('learns with adapters, and pipeline() gives the scores of the session', async () => {
    const examples = reviews(words)
    const tuning = await tune(modelFolder('bert'), { examples, epochs: 15 })
    expect(tuning.task).toBe('text-classification')
    expect(tuning.labels).toEqual(['negative', 'positive'])
    const before = await tuning.evaluate(examples)
    const losses = await trained(tuning)
    expect(losses).toHaveLength(tuning.steps)
    const after = await tuning.evaluate(examples)
    expect(before.loss).toBeGreaterThan(0.65)
    expect(after.loss).toBeLessThan(0.3)
    expect(after.accuracy).toBeGreaterThan(0.9)

    const { files, open } = await emptyFolder()
    await tuning.save(files)
    const texts = ['a superb film', 'the music was dull and slow']
    const expected = await tuning.classify(texts)
    const classify = await open('text-classification')
    const found = await classify(texts)
    found.forEach((result, i) => {
      const { label, score } = result
      expect(label).toBe(expected[i]![0]!.label)
      expect(score).toBeCloseTo(expected[i]![0]!.score, 5)
    })
    await classify.dispose()
  })

  it('trains the adapters and the head, and nothing else', async () => {
    const tuning = await tune(modelFolder('bert'), { examples: reviews(words), epochs: 1, lora: { rank: 2 } })
    const trainable = [...tuning.session.parameters].filter(([, parameter]) => parameter.trainable)
    const others = trainable.map(([name]) => name).filter((name) => !/\.lora_[AB]$/.test(name))
    expect(others.sort()).toEqual(['classifier.bias', 'classifier.weight'])
    // Adapters of 12 products of the encoder and of the pooler.
    expect(trainable).toHaveLength(2 * 13 + 2)
  })

  it.each([
    ['bert', 3],
    ['bert-base', 2],
  ] as const)('gets a new head: %s with %d labels', async (name, count) => {
    const labels = ['negative', 'positive', 'unsure'].slice(0, count)
    const tuning = await tune(modelFolder(name), { examples: reviews(words), epochs: 8, labels })
    expect([...tuning.session.parameters.get('classifier.weight')!.dims]).toEqual([32, count])
    const losses = await trained(tuning)
    expect(losses[0]).toBeCloseTo(Math.log(count), 1)
    expect(losses.at(-1)).toBeLessThan(0.75 * Math.log(count))
    const { files, open } = await emptyFolder()
    await tuning.save(files)
    const classify = await open('text-classification')
    const all = (await classify('a superb film', { top_k: 5 })) as { label: string; score: number }[]
    const [expected] = await tuning.classify(['a superb film'])
    expect(all.map(({ label }) => label)).toEqual(expected!.map(({ label }) => label))
    all.forEach(({ score }, i) => expect(score).toBeCloseTo(expected![i]!.score, 5))
    await classify.dispose()
  })

  it('pads short texts without changing their scores', async () => {
    const tuning = await tune(modelFolder('bert-base'), { examples: reviews(words) })
    const long = 'the acting was great and the music too but the story was a very dull one'
    const [alone] = await tuning.classify(['great'])
    const [beside] = await tuning.classify(['great', long])
    beside!.forEach(({ score }, i) => expect(score).toBeCloseTo(alone![i]!.score, 6))
  })

  it('trains all parameters without adapters', async () => {
    const examples = reviews(words)
    const tuning = await tune(modelFolder('bert'), { examples, epochs: 30, lora: false })
    expect(tuning.summary.frozenScalars).toBe(0)
    const losses = await trained(tuning)
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]!)
    const { files, open } = await emptyFolder()
    await tuning.save(files)
    const classify = await open('text-classification')
    const [[expected]] = (await tuning.classify(['a superb film'])) as unknown as [[{ score: number }]]
    expect((await classify('a superb film'))[0]).toMatchObject({
      score: expect.closeTo(expected.score, 5) as number,
    })
    await classify.dispose()
  })

  it('learns several labels a text, and numbers', async () => {
    const several = reviews(words).map(({ text, label }) => ({
      text,
      label: text.includes('music') ? [label, 'music'] : [label],
    }))
    const tagging = await tune(modelFolder('bert'), {
      examples: several,
      epochs: 8,
      problem: 'multi_label_classification',
    })
    expect(tagging.labels).toEqual(['music', 'negative', 'positive'])
    const losses = await trained(tagging)
    expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]!)
    const [scores] = await tagging.classify(['the acting was great and the music too'])
    expect(scores![0]!.label).toBe('music')

    const numbers = reviews(words).map(({ text, label }) => ({ text, label: label === 'positive' ? 1 : -1 }))
    const rating = await tune(modelFolder('bert-base'), {
      examples: numbers,
      epochs: 20,
      problem: 'regression',
      labels: ['stars'],
    })
    const errors = await trained(rating)
    expect(errors.at(-1)).toBeLessThan(0.7 * errors[0]!)
    const [[good], [bad]] = (await rating.classify(['a great story', 'an ugly story'])) as unknown as [
      [{ score: number }],
      [{ score: number }],
    ]
    expect(good.score).toBeGreaterThan(bad.score)
  })

  it('learns numbers in place of the classes that a model has, one or several', async () => {
    const numbers = reviews(words).map(({ text, label }) => ({ text, label: label === 'positive' ? 1 : -1 }))
    const one = await tune(modelFolder('bert'), { examples: numbers, epochs: 20, problem: 'regression' })
    expect(one.labels).toEqual(['LABEL_0'])
    const losses = await trained(one)
    expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]!)
    const { files } = await emptyFolder()
    await one.save(files)

    // What was saved is a regression, which goes on with its own layer.
    const again = await tune(files, { examples: numbers, epochs: 1, lora: false })
    const { loss } = await again.evaluate(numbers)
    expect(loss).toBeCloseTo((await one.evaluate(numbers)).loss, 4)

    const pairs = numbers.map(({ text, label }) => ({ text, label: [label, text.length / 50] }))
    const two = await tune(modelFolder('bert'), { examples: pairs, epochs: 4, problem: 'regression' })
    expect(two.labels).toEqual(['LABEL_0', 'LABEL_1'])
    const both = await trained(two)
    expect(both.at(-1)).toBeLessThan(both[0]!)
  })

  it('is the same for the same seed, and another for another', async () => {
    const losses = async (seed: number): Promise<number[]> =>
      trained(await tune(modelFolder('bert'), { examples: reviews(words), epochs: 1, seed }))
    const first = await losses(1)
    expect(await losses(1)).toEqual(first)
    expect(await losses(2)).not.toEqual(first)
  })

  it('adds up the gradients of several batches', async () => {
    const examples = reviews(words).slice(0, 32)
    const whole = await tune(modelFolder('bert'), { examples, epochs: 1, batchSize: 16 })
    const parts = await tune(modelFolder('bert'), { examples, epochs: 1, batchSize: 8, accumulate: 2 })
    expect(parts.steps).toBe(whole.steps)
    const [first] = await trained(whole)
    const [summed] = await trained(parts)
    expect(summed).toBeCloseTo(first!, 5)
  })

  it('stops where the caller stops', async () => {
    const tuning = await tune(modelFolder('bert'), { examples: reviews(words), epochs: 2 })
    const controller = new AbortController()
    let steps = 0
    for await (const { step } of tuning.train({ signal: controller.signal })) {
      steps = step
      if (step === 3) controller.abort()
    }
    expect(steps).toBe(3)
  })
})

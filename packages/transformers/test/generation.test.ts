import * as ort from 'onnxruntime-node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { generationEncoder } from '../src/examples.ts'
import {
  createFineTuning,
  type FineTuning,
  type FineTuningOptions,
  type ModelFiles,
  type TextExample,
} from '../src/index.ts'
import { readTextModel } from '../src/textModel.ts'
import { emptyFolder, modelFolder } from './support.ts'

async function tune(name: 'gpt2' | 'llama', options: FineTuningOptions): Promise<FineTuning> {
  const tuning = await createFineTuning(modelFolder(name), options)
  onTestFinished(() => tuning.release())
  return tuning
}

const completions: TextExample[] = [
  'the cat',
  'a dog',
  'the child',
  'my friend',
  'the teacher',
  'a small bird',
].flatMap((prompt) =>
  ['sees', 'likes', 'finds', 'draws'].map((verb) => ({
    prompt: `${prompt} ${verb}`,
    completion: ' no bread.',
  })),
)

/** The mean loss of the learnt tokens of examples, by the model's own logits, one example at a time. */
async function lossByLogits(
  files: ModelFiles,
  heads: number,
  examples: readonly TextExample[],
): Promise<number> {
  const encode = generationEncoder(await readTextModel(files, 'fp32'), 64)
  const session = await ort.InferenceSession.create((await files.read('onnx/model.onnx'))!)
  let [sum, count] = [0, 0]
  for (const example of examples) {
    const { ids, labels } = encode(example, 'the example')
    const integers = (values: readonly number[]) =>
      new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, ids.length])
    const caches = session.inputNames
      .filter((input) => input.startsWith('past'))
      .map((input) => [input, new ort.Tensor('float32', new Float32Array(), [1, heads, 0, 8])])
    const { logits } = await session.run({
      input_ids: integers(ids),
      attention_mask: integers(ids.map(() => 1)),
      position_ids: integers(ids.map((_, i) => i)),
      ...(Object.fromEntries(caches) as Record<string, ort.Tensor>),
    })
    const size = logits!.dims[2]!
    labels.forEach((label, token) => {
      if (label === -100) return
      const scores = [...(logits!.data as Float32Array).subarray(token * size, (token + 1) * size)]
      const largest = Math.max(...scores)
      sum +=
        largest + Math.log(scores.reduce((total, x) => total + Math.exp(x - largest), 0)) - scores[label]!
      count++
    })
  }
  await session.release()
  return sum / count
}

describe.each([
  ['gpt2', 4],
  ['llama', 2],
] as const)('a language model of the shape of %s', (name, heads) => {
  it('has the loss of its logits, whatever the padding', async () => {
    const examples: TextExample[] = [
      { text: 'the cat sees the house.' },
      { prompt: 'the old man remembers', completion: ' the river. yes' },
      { text: 'a dog' },
    ]
    const tuning = await tune(name, { examples, batchSize: 3, epochs: 1 })
    const { loss } = await tuning.evaluate(examples)
    expect(loss).toBeCloseTo(await lossByLogits(modelFolder(name), heads, examples), 4)
    const { value } = (await tuning.train().next()) as { value: { loss: number } }
    expect(value.loss).toBeCloseTo(loss, 4)
  })

  it('learns what follows, and pipeline() says it', async () => {
    const tuning = await tune(name, { examples: completions, epochs: 30 })
    expect(tuning.task).toBe('text-generation')
    const before = await tuning.evaluate(completions)
    for await (const { report } of tuning.train()) expect(report.skipped).toBe(false)
    const after = await tuning.evaluate(completions)
    expect(after.loss).toBeLessThan(0.2 * before.loss)
    const { files, open } = await emptyFolder()
    await tuning.save(files)
    expect(await lossByLogits(files, heads, completions)).toBeCloseTo(after.loss, 4)
    const generate = await open('text-generation')
    const [result] = (await generate('my friend likes', { max_new_tokens: 6, do_sample: false })) as {
      generated_text: string
    }[]
    expect(result!.generated_text).toMatch(/^my friend likes.* bread\./)
    await generate.dispose()
  })
})

describe('tokens of texts', () => {
  const decoded = async (name: 'gpt2' | 'llama', example: TextExample, maxLength = 64) => {
    const model = await readTextModel(modelFolder(name), 'fp32')
    const { ids, labels, truncated } = generationEncoder(model, maxLength)(example, 'the example')
    const learnt = labels.filter((label) => label !== -100)
    return {
      text: model.tokenizer.decode(ids),
      learnt: model.tokenizer.decode(learnt),
      labels,
      ids,
      truncated,
    }
  }

  it('learns all of a text, and its end', async () => {
    const { ids, labels } = await decoded('gpt2', { text: 'the cat sees' })
    expect(labels).toEqual([...ids.slice(1), -100])
    expect(ids.at(-1)).toBe(0)
  })

  it('learns a completion, not its prompt', async () => {
    const { text, learnt } = await decoded('gpt2', { prompt: 'the cat', completion: ' sees the house.' })
    expect(text).toBe('the cat sees the house.<|endoftext|>')
    expect(learnt).toBe(' sees the house.<|endoftext|>')
  })

  it('learns what the assistant says, by the template', async () => {
    const messages = [
      { role: 'user', content: 'the cat' },
      { role: 'assistant', content: 'the house.' },
      { role: 'user', content: 'a dog' },
      { role: 'assistant', content: 'the river.' },
    ]
    const { text, learnt } = await decoded('llama', { messages })
    expect(text).toBe('user: the cat\nassistant: the house.\nuser: a dog\nassistant: the river.\n')
    expect(learnt).toBe('the house.\nthe river.\n')
  })

  it('cuts what is too long, and says so', async () => {
    const { ids, truncated } = await decoded(
      'gpt2',
      { text: 'the old man remembers the music of the river' },
      5,
    )
    expect([ids.length, truncated]).toEqual([5, true])
    await expect(
      decoded('gpt2', { prompt: 'the old man remembers the music', completion: ' no' }, 4),
    ).rejects.toThrow(/ERR_OPTION: the example has no token to learn among its first 4/)
  })
})

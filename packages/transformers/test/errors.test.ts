import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createNode, createValue, dataType, readModel, writeModel } from '@induced-metric/onnx/proto'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  cachedFiles,
  createFineTuning,
  memoryFiles,
  urlFiles,
  type FineTuningOptions,
  type WritableModelFiles,
} from '../src/index.ts'
import { emptyFolder, modelFolder, reviews, words } from './support.ts'

const examples = reviews(words)
const paths = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx']

/** The files of a model in memory, to be changed. */
async function copyOf(name: 'bert' | 'gpt2'): Promise<Map<string, Uint8Array>> {
  const folder = modelFolder(name)
  return new Map(await Promise.all(paths.map(async (path) => [path, (await folder.read(path))!] as const)))
}

/** The message of the error of a fine-tuning that cannot be. */
async function refusal(
  files: Map<string, Uint8Array>,
  options: Partial<FineTuningOptions> = {},
): Promise<string> {
  const before = new Map([...files].map(([path, content]) => [path, content.slice()]))
  const error = await createFineTuning(memoryFiles(files), { examples, ...options }).then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason as Error,
  )
  expect(files).toEqual(before)
  return error.message
}

describe('a fine-tuning is refused', () => {
  it('names a missing file, and the variants that there are', async () => {
    const files = await copyOf('bert')
    files.set('onnx/model_quantized.onnx', files.get('onnx/model.onnx')!)
    files.delete('onnx/model.onnx')
    expect(await refusal(files)).toBe(
      'ERR_OPTION: the files has no onnx/model.onnx, but the variants q8: give one as dtype',
    )
    files.delete('tokenizer.json')
    expect(await refusal(files)).toMatch(/ERR_OPTION: the files has no tokenizer\.json/)
    files.set('config.json', new TextEncoder().encode('{'))
    expect(await refusal(files)).toMatch(/ERR_OPTION: the files: config\.json is not JSON/)
  })

  it.each([['models/bert'], [undefined]])('asks for files where %o is given', async (given) => {
    await expect(createFineTuning(given as never, { examples })).rejects.toThrow(
      `ERR_OPTION: createFineTuning takes the files of a model, as in folderFiles('models/bert'); given ${JSON.stringify(given)}`,
    )
  })

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['an unknown option', { rate: 1 }, /ERR_OPTION.*rate/],
    ['an unknown variant', { dtype: 'q5' }, /ERR_OPTION: dtype must be one of fp32/],
    ['no examples', { examples: [] }, /ERR_OPTION: examples is empty/],
    ['half an epoch', { epochs: 0.5 }, /ERR_OPTION: epochs must be a positive whole number, given 0\.5/],
    ['a rank of 0', { lora: { rank: 0 } }, /ERR_OPTION: rank is 0/],
    ['labels twice', { labels: ['a', 'a'] }, /ERR_OPTION: labels must be a list of different names/],
    [
      'a label that is none',
      { labels: ['negative', 'good'] },
      /ERR_OPTION: examples\[0\]: the label "positive" is none of/,
    ],
    [
      'one label only',
      { examples: examples.slice(0, 3) },
      /ERR_OPTION: all examples have the label "positive"/,
    ],
    [
      'an example without a label',
      { examples: [...examples, { text: 'so' }] },
      /ERR_OPTION: examples\[48\] has text: "so"; a classifier takes \{ text, label \}/,
    ],
    ['nothing', { examples: [...examples, null] }, /ERR_OPTION: examples\[48\] is null; a classifier takes/],
    [
      'a list in place of an example',
      { examples: [[...examples]] },
      /ERR_OPTION: examples\[0\] is an array of length 48; a classifier takes/,
    ],
    [
      'a pair that is no text',
      { examples: [...examples, { text: 'so', text_pair: 5, label: 'positive' }] },
      /ERR_OPTION: examples\[48\] has text: "so", text_pair: 5, label: "positive"; a classifier takes/,
    ],
    [
      'names beside numbers',
      { examples: [...examples, { text: 'so', label: 0 }] },
      /ERR_OPTION: labels are names, such as "positive", and numbers, such as 0; give all of one kind/,
    ],
    [
      'a number as a class',
      { examples: [{ text: 'so', label: 0.5 }] },
      /ERR_OPTION: examples\[0\]: the label 0\.5 is none of .*; to learn numbers, give problem: 'regression'/,
    ],
    [
      'as many numbers as others have not',
      {
        problem: 'regression',
        examples: [
          { text: 'so', label: [1, 2] },
          { text: 'no', label: 1 },
        ],
      },
      /ERR_OPTION: examples\[1\]: the label of a regression is a list of 2 numbers, given 1/,
    ],
    ['another task', { task: 'translation' }, /ERR_OPTION.*task/],
    [
      'no words',
      { problem: 'regression' },
      /ERR_OPTION: examples\[0\]: the label of a regression is a number/,
    ],
  ])('for %s', async (_, options, message) => {
    expect(await refusal(await copyOf('bert'), options as Partial<FineTuningOptions>)).toMatch(message)
  })

  it('for texts that a language model does not take', async () => {
    const files = await copyOf('gpt2')
    const messages = [{ role: 'assistant', content: 'yes' }]
    expect(await refusal(files, { examples: [{ messages }] })).toMatch(/ERR_OPTION.*no chat_template/)
    for (const [example, what] of [
      [{ prompt: 'the cat' }, 'has prompt: "the cat"'],
      [{ messages: [null] }, 'has messages: an array of length 1'],
      [null, 'is null'],
    ] as const) {
      const message = await refusal(files, { examples: [example as never] })
      expect(message).toContain(`ERR_OPTION: examples[0] ${what}; a language model takes { text }`)
    }
  })

  it('for a language model that is to classify', async () => {
    expect(await refusal(await copyOf('gpt2'), { task: 'text-classification' })).toMatch(
      /ERR_NOT_SUPPORTED: a classifier computes logits \[batch, labels\], and the model's have 3 axes/,
    )
  })

  it('for a model with other inputs, naming the one', async () => {
    const files = await copyOf('bert')
    const model = readModel(files.get('onnx/model.onnx')!)
    model.graph.input.push(createValue('pixel_values', dataType.float, ['batch', 32]))
    model.graph.node.push(createNode('ReduceSum', ['pixel_values'], ['brightness'], { keepdims: 0 }))
    const { output } = model.graph.node.find((node) => node.output.includes('logits'))!
    output[0] = 'dark'
    model.graph.node.push(createNode('Add', ['dark', 'brightness'], ['logits']))
    files.set('onnx/model.onnx', writeModel(model))
    expect(await refusal(files)).toMatch(/ERR_NOT_SUPPORTED: the model takes an input "pixel_values"/)
  })

  it('for a model of another architecture', async () => {
    const files = await copyOf('bert')
    files.set('config.json', new TextEncoder().encode('{"architectures":["BertForTokenClassification"]}'))
    expect(await refusal(files)).toMatch(/ERR_NOT_SUPPORTED.*"BertForTokenClassification"/)
  })
})

describe('files', () => {
  afterEach(() => void vi.unstubAllGlobals())

  it('are read from a server', async () => {
    const folder = modelFolder('bert')
    const server = createServer((request, response) => {
      const answer = async (): Promise<void> => {
        const content = await folder.read(request.url!.slice('/bert/'.length))
        // Servers of single-page applications answer with a page of theirs instead of 404.
        if (content === undefined && request.url!.endsWith('_fp16.onnx')) {
          response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html>')
        } else response.writeHead(content ? 200 : 404).end(content)
      }
      void answer()
    })
    await new Promise<void>((resolve) => server.listen(0, resolve))
    onTestFinished(() => void server.close())
    const url = `http://localhost:${(server.address() as AddressInfo).port}/bert`
    const tuning = await createFineTuning(urlFiles(url), { examples, epochs: 1 })
    onTestFinished(() => tuning.release())
    expect(tuning.labels).toEqual(['negative', 'positive'])
    await expect(createFineTuning(urlFiles(url), { examples, dtype: 'q4' })).rejects.toThrow(
      /has no onnx\/model_q4\.onnx, but the variants fp32/,
    )
  })

  it('are those of the cache of Transformers.js, by its keys', async () => {
    const stored = new Map<string, Response>()
    const open = (key: string) => {
      expect(key).toBe('transformers-cache')
      return Promise.resolve({
        match: (url: string) => Promise.resolve(stored.get(url)?.clone()),
        put: (url: string, response: Response) => Promise.resolve(void stored.set(url, response)),
      })
    }
    vi.stubGlobal('caches', { open })
    const bert = cachedFiles('me/bert')
    await copyTo(bert)
    expect([...stored.keys()]).toContain('https://huggingface.co/me/bert/resolve/main/onnx/model.onnx')
    const tuning = await createFineTuning(bert, { examples, epochs: 1 })
    onTestFinished(() => tuning.release())
    await tuning.save(cachedFiles('me/bert-films'))
    expect([...stored.keys()].filter((key) => key.includes('bert-films')).sort()).toEqual(
      paths.map((path) => `https://huggingface.co/me/bert-films/resolve/main/${path}`).sort(),
    )
    vi.unstubAllGlobals()
    expect(() => cachedFiles('me/bert')).toThrow(/ERR_OPTION: there is no Cache API here/)
  })

  it('have a generation config after a language model is saved, so that nothing is asked of a host', async () => {
    const files = await copyOf('gpt2')
    const tuning = await createFineTuning(memoryFiles(files), { examples: [{ text: 'the cat' }], epochs: 1 })
    onTestFinished(() => tuning.release())
    const saved = new Map<string, Uint8Array>()
    await tuning.save(memoryFiles(saved))
    const read = (from: Map<string, Uint8Array>, path: string) =>
      JSON.parse(new TextDecoder().decode(from.get(path))) as Record<string, unknown>
    const { bos_token_id, eos_token_id } = read(files, 'config.json')
    expect(read(saved, 'generation_config.json')).toEqual({
      _from_model_config: true,
      bos_token_id,
      eos_token_id,
    })
    const own = new TextEncoder().encode('{"do_sample":true}')
    files.set('generation_config.json', own)
    await tuning.save(memoryFiles(saved))
    expect(saved.get('generation_config.json')).toEqual(own)
  })

  it('are written into folders that are made for them', async () => {
    const { files } = await emptyFolder()
    await files.write('onnx/model.onnx', Uint8Array.of(1, 2, 3))
    expect(await files.read('onnx/model.onnx')).toEqual(Uint8Array.of(1, 2, 3))
    expect(await files.read('onnx/other.onnx')).toBeUndefined()
  })
})

async function copyTo(files: WritableModelFiles): Promise<void> {
  for (const [path, content] of await copyOf('bert')) await files.write(path, content)
}

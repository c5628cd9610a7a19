import { readModel, writeModel, type Model } from '@induced-metric/onnx/proto'
import { pipeline } from '@huggingface/transformers'
import { expect, it, onTestFinished } from 'vitest'
import { quantized, type Quantization } from '../../onnx/test/quantize.js'
import { createFineTuning, memoryFiles, type Dtype, type TextExample } from '../src/index.ts'
import { emptyFolder, modelFolder, reviews, words } from './support.ts'

const completions: TextExample[] = ['the cat', 'a dog', 'the child', 'my friend'].flatMap((prompt) =>
  ['sees', 'likes', 'finds'].map((verb) => ({ prompt: `${prompt} ${verb}`, completion: ' no bread.' })),
)

/** A model's folder with a quantised variant as well. */
async function withVariant(name: 'bert' | 'llama', path: string, kind: Quantization) {
  const folder = modelFolder(name)
  const files = new Map<string, Uint8Array>()
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx']) {
    files.set(file, (await folder.read(file))!)
  }
  const model = quantized(readModel(files.get('onnx/model.onnx')!), kind)
  files.set(path, writeModel(model))
  return { files: memoryFiles(files), model }
}

function bytesOf(model: Model): Map<string, Uint8Array> {
  const { initializer } = model.graph
  return new Map(
    initializer.filter(({ dataType }) => dataType !== 1).map(({ name, rawData }) => [name, rawData]),
  )
}

it.each<[string, Dtype, string, Quantization]>([
  ['four bits', 'q4', 'onnx/model_q4.onnx', 'MatMulNBits'],
  ['eight bits', 'q8', 'onnx/model_quantized.onnx', 'MatMulInteger'],
])('a classifier of %s learns by adapters that stay beside its weights', async (_, dtype, path, kind) => {
  const { files, model } = await withVariant('bert', path, kind)
  const examples = reviews(words)
  const tuning = await createFineTuning(files, { examples, epochs: 15, dtype })
  onTestFinished(() => tuning.release())
  const losses: number[] = []
  for await (const { loss } of tuning.train()) losses.push(loss)
  const { loss, accuracy } = await tuning.evaluate(examples)
  expect(loss).toBeLessThan(0.4)
  expect(accuracy).toBeGreaterThan(0.85)

  const { files: saved, path: folder } = await emptyFolder()
  await tuning.save(saved)
  const trained = bytesOf(readModel((await saved.read(path))!))
  for (const [name, bytes] of bytesOf(model)) expect(trained.get(name), name).toEqual(bytes)
  const { env } = await import('@huggingface/transformers')
  Object.assign(env, { allowRemoteModels: false, localModelPath: folder })
  const classify = await pipeline('text-classification', 'model', { dtype })
  const [found] = await classify('a superb film')
  const [[expected]] = (await tuning.classify(['a superb film'])) as unknown as [
    [{ score: number; label: string }],
  ]
  expect(found).toEqual({ label: expected.label, score: expect.closeTo(expected.score, 4) as number })
  await classify.dispose()
})

it('a language model of four bits learns as one of float does', async () => {
  const { files } = await withVariant('llama', 'onnx/model_q4.onnx', 'MatMulNBits')
  const lossOf = async (dtype: Dtype): Promise<number> => {
    const tuning = await createFineTuning(files, { examples: completions, epochs: 20, dtype })
    onTestFinished(() => tuning.release())
    for await (const { report } of tuning.train()) expect(report.skipped).toBe(false)
    return (await tuning.evaluate(completions)).loss
  }
  const [float, few] = [await lossOf('fp32'), await lossOf('q4')]
  expect(few).toBeLessThan(1.5 * float)
})

import * as web from 'onnxruntime-web/wasm'
import { expect, it } from 'vitest'
import { createFineTuning } from '../src/index.ts'
import { modelFolder, reviews, words } from './support.ts'

web.env.wasm.numThreads = 1

// Extents that nobody knows are another number there.
it.each(['bert', 'gpt2'] as const)('onnxruntime-web prepares %s as onnxruntime-node does', async (name) => {
  const options = { examples: name === 'bert' ? reviews(words) : [{ text: 'the cat' }], epochs: 1 }
  const node = await createFineTuning(modelFolder(name), options)
  const page = await createFineTuning(modelFolder(name), { ...options, ort: web })
  expect(page.summary).toEqual(node.summary)
  const [found, expected] = [await page.train().next(), await node.train().next()]
  expect(found.value?.loss).toBeCloseTo(expected.value?.loss ?? NaN, 5)
  await Promise.all([node.release(), page.release()])
})

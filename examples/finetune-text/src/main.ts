import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { env, pipeline } from '@huggingface/transformers'
import { createFineTuning, folderFiles, type TextExample } from '@induced-metric/transformers'
import { completions, labelledReviews } from './samples.js'

// Small models in the layout of Transformers.js; any folder of this layout does.
const models = fileURLToPath(new URL('../../../packages/transformers/test/models', import.meta.url))
const output = await mkdtemp(join(tmpdir(), 'finetune-text-'))
env.allowRemoteModels = false
env.localModelPath = output

await fineTune('bert', labelledReviews, 20)
const classify = await pipeline('text-classification', 'bert', { dtype: 'fp32' })
// So small a model, which nobody has trained before, knows no more than its examples.
for (const text of ['the film was superb', 'the film was clumsy'])
  console.log(`  ${text}:`, (await classify(text))[0])

for (const name of ['gpt2', 'llama']) {
  await fineTune(name, completions, 30)
  const generate = await pipeline('text-generation', name, { dtype: 'fp32' })
  const [result] = await generate('the teacher likes', { max_new_tokens: 6, do_sample: false })
  console.log(`  ${JSON.stringify(result)}`)
}
console.log(`The models are in ${output}.`)

/** Fine-tunes one of the models and writes it into the output's folder under its name. */
async function fineTune(name: string, examples: readonly TextExample[], epochs: number): Promise<void> {
  const tuning = await createFineTuning(folderFiles(join(models, name)), { examples, epochs })
  const before = await tuning.evaluate(examples)
  const start = performance.now()
  let last = NaN
  for await (const { loss } of tuning.train()) last = loss
  const seconds = (performance.now() - start) / 1000
  const { trainableScalars, frozenScalars } = tuning.summary
  console.log(
    `${name}: ${trainableScalars} of ${trainableScalars + frozenScalars} scalars, ${tuning.steps} steps in ${seconds.toFixed(1)} s, ` +
      `loss ${before.loss.toFixed(3)} → ${(await tuning.evaluate(examples)).loss.toFixed(3)} (last batch ${last.toFixed(3)})`,
  )
  await tuning.save(folderFiles(join(output, name)))
  await tuning.release()
}

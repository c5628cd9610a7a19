// Final losses and accuracies of optimisers on the small models of this package's tests.
import { fileURLToPath } from 'node:url'
import { adam, adamw, inducedMetric, rateFree, root } from '@induced-metric/core'
import { createFineTuning, folderFiles } from '@induced-metric/transformers'

const words = {
  positive: 'wonderful great lovely brilliant funny warm moving superb charming excellent'.split(' '),
  negative: 'awful dull boring terrible bad slow ugly weak clumsy poor'.split(' '),
}
const reviews = Object.entries(words).flatMap(([label, list]) =>
  list.flatMap((word) =>
    [
      `the film was ${word}`,
      `a very ${word} story`,
      `it is really ${word}`,
      `the acting was ${word} and the music too`,
      `i like this: ${word}`,
    ].map((text) => ({ text, label })),
  ),
)
const completions = ['the cat', 'a dog', 'the child', 'my friend', 'the teacher', 'a small bird'].flatMap(
  (prompt) =>
    ['sees', 'likes', 'finds', 'draws'].map((verb) => ({ prompt, completion: ` ${verb} 42 yes yes yes!` })),
)

const tied = (/** @type {number} */ learningRate) =>
  inducedMetric(adam(), { learningRate, xi: 'rate', embedding: root() })
/** @type {Record<string, (steps: number) => import('@induced-metric/core').Transformation>} */
const optimizers = {
  'adam, .01, tied': () => tied(0.01),
  'adam, 1, tied': () => tied(1),
  'adam, .003': () => adamw({ learningRate: 0.003, weightDecay: 0 }),
  'adam, .01': () => adamw({ learningRate: 0.01, weightDecay: 0 }),
  'adam, .03': () => adamw({ learningRate: 0.03, weightDecay: 0 }),
  rateFree: (steps) => rateFree(adam(), { steps }),
}

const epochs = 10
for (const name of ['bert', 'bert-base', 'gpt2', 'llama']) {
  const isClassifier = name.startsWith('bert')
  const examples = isClassifier ? reviews.filter((_, i) => i % 5 < 3) : completions
  const held = isClassifier ? reviews.filter((_, i) => i % 5 >= 3) : completions
  for (const [label, create] of Object.entries(optimizers)) {
    const files = folderFiles(fileURLToPath(new URL(`../test/models/${name}`, import.meta.url)))
    const optimizer = create(epochs * Math.ceil(examples.length / 8))
    const tuning = await createFineTuning(files, { examples, epochs, optimizer })
    for await (const { report } of tuning.train())
      if (report.skipped) console.log(`step ${report.step} was skipped`)
    const { loss, accuracy } = await tuning.evaluate(held)
    await tuning.release()
    const result = accuracy === undefined ? `loss ${loss.toFixed(2)}` : `accuracy ${accuracy.toFixed(3)}`
    console.log(`${name.padEnd(10)} ${label.padEnd(16)} ${String(tuning.steps).padStart(3)} steps  ${result}`)
  }
}

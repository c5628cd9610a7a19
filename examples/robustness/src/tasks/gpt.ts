import { createRandom, type Random } from '@induced-metric/example-mnist'
import { gpt } from '@induced-metric/onnxruntime/models'
import * as ort from 'onnxruntime-node'

import { openSession } from './session.js'
import type { Problem, Task } from './task.js'
import { loadText, type Text } from './text.js'

const BATCH = 16
const CONTEXT = 64
/** The number of distinct characters in the text. */
const ALPHABET = 85
/** The final loss is the mean over this many batches: 32,768 characters. */
const EVALUATED = 32

const task = (steps: number): Task => ({
  id: `gpt-${steps}`,
  title: `GPT, ${steps} steps`,
  description:
    `A transformer that reads ${CONTEXT} characters of the Brown corpus: 2 blocks, 4 heads, width 64, 110,000 parameters; ` +
    `batches of ${BATCH}, ${steps} steps, no character twice.`,
  loss: 'cross-entropy in nats per character',
  untrained: Math.log(ALPHABET),
  steps,
  open: (seed) => openGpt(seed, steps),
})

export const gptShort = task(300)
export const gptLong = task(900)

let text: Promise<Text> | undefined

/** A character model with the weights and the positions in the text of a seed. */
export async function openGpt(seed: number, steps: number, evaluated = EVALUATED): Promise<Problem> {
  text ??= loadText()
  const loaded = await text
  const random = createRandom(seed)
  const forward = gpt({
    vocabulary: ALPHABET,
    context: CONTEXT,
    layers: 2,
    heads: 4,
    width: 64,
    flatten: true,
    approximate: 'tanh',
    seed,
  })
  const batches = Array.from({ length: steps + evaluated }, () => drawBatch(loaded, random))
  return openSession({
    forward,
    loss: 'cross-entropy',
    rowsAre: 'outputs',
    feeds: (step) => batches[step - 1]!,
    training: batches.slice(steps),
  })
}

/** Pieces of the text from random positions; the model predicts every character from those before it. */
function drawBatch({ tokens }: Text, random: Random): Record<string, ort.Tensor> {
  const inputs = new BigInt64Array(BATCH * CONTEXT)
  const labels = new BigInt64Array(BATCH * CONTEXT)
  for (let row = 0; row < BATCH; row++) {
    const start = Math.floor(random() * (tokens.length - CONTEXT))
    for (let place = 0; place < CONTEXT; place++) {
      inputs[row * CONTEXT + place] = BigInt(tokens[start + place]!)
      labels[row * CONTEXT + place] = BigInt(tokens[start + place + 1]!)
    }
  }
  return {
    input_ids: new ort.Tensor('int64', inputs, [BATCH, CONTEXT]),
    labels: new ort.Tensor('int64', labels, [BATCH * CONTEXT]),
  }
}

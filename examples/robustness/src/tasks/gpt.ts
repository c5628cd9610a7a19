import { createRandom, type Random } from '@induced-metric/example-mnist'
import { gpt } from '@induced-metric/onnxruntime/models'
import * as ort from 'onnxruntime-node'

import { openSession } from './session.js'
import type { Problem, Task } from './task.js'
import { loadText, type Text } from './text.js'

/** The sizes of a model and of its batches. */
export interface GptSize {
  readonly batch: number
  /** Characters that it reads at once. */
  readonly context: number
  readonly layers: number
  readonly width: number
  readonly heads: number
}

const usual: GptSize = { batch: 16, context: 64, layers: 2, width: 64, heads: 4 }
/** The number of distinct characters in the text. */
const ALPHABET = 85
/** The final loss is the mean over this many batches: 32,768 characters. */
const EVALUATED = 32

const task = (steps: number): Task => ({
  id: `gpt-${steps}`,
  title: `GPT, ${steps} steps`,
  description:
    `A transformer that reads ${usual.context} characters of the Brown corpus: 2 blocks, 4 heads, width 64, 110,000 parameters; ` +
    `batches of ${usual.batch}, ${steps} steps, no character twice.`,
  loss: 'cross-entropy in nats per character',
  untrained: Math.log(ALPHABET),
  steps,
  open: (seed) => openGpt(seed, steps),
})

export const gptShort = task(300)
export const gptLong = task(900)

let text: Promise<Text> | undefined

/** A character model with the weights and the positions in the text of a seed. */
export async function openGpt(
  seed: number,
  steps: number,
  evaluated = EVALUATED,
  size = usual,
): Promise<Problem> {
  const { context, layers, heads, width } = size
  text ??= loadText()
  const loaded = await text
  const random = createRandom(seed)
  const forward = gpt({
    vocabulary: ALPHABET,
    context,
    layers,
    heads,
    width,
    flatten: true,
    approximate: 'tanh',
    seed,
  })
  const batches = Array.from({ length: steps + evaluated }, () => drawBatch(loaded, random, size))
  return openSession({
    forward,
    loss: 'cross-entropy',
    rowsAre: 'outputs',
    feeds: (step) => batches[step - 1]!,
    training: batches.slice(steps),
  })
}

/** Pieces of the text from random positions; the model predicts every character from those before it. */
function drawBatch(
  { tokens }: Text,
  random: Random,
  { batch, context }: GptSize,
): Record<string, ort.Tensor> {
  const inputs = new BigInt64Array(batch * context)
  const labels = new BigInt64Array(batch * context)
  for (let row = 0; row < batch; row++) {
    const start = Math.floor(random() * (tokens.length - context))
    for (let place = 0; place < context; place++) {
      inputs[row * context + place] = BigInt(tokens[start + place]!)
      labels[row * context + place] = BigInt(tokens[start + place + 1]!)
    }
  }
  return {
    input_ids: new ort.Tensor('int64', inputs, [batch, context]),
    labels: new ort.Tensor('int64', labels, [batch * context]),
  }
}

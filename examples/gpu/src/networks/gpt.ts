import { createRandom, uniform, type Random } from '@induced-metric/onnx/adapter'
import { createOrtTensor, type Ort, type OrtValues } from '@induced-metric/onnxruntime'
import { gpt } from '@induced-metric/onnxruntime/models'
import type { Evaluator, Network } from './network.js'

/** Characters that a sample adds to its beginning. */
const sampled = 120
const beginning = 'The '
/** The scores of characters are divided by it: below 1, likely ones become likelier. */
const temperature = 0.7

/** How much a {@link gptNetwork} reads at once. */
export interface GptSize {
  /** Rows of a batch. Default 16. */
  readonly batch?: number
  /** Characters of a row. Default 64. */
  readonly context?: number
}

/**
 * A GPT of 2 blocks, 4 heads and width 64 that reads some characters and predicts each from those before it.
 *
 * @param text the text to learn; its characters are the tokens
 */
export function gptNetwork(text: string, { batch = 16, context = 64 }: GptSize = {}): Network {
  const alphabet = [...new Set(text)].sort()
  const places = new Map(alphabet.map((character, place) => [character, place]))
  const tokens = Uint16Array.from(text, (character) => places.get(character)!)
  const vocabulary = alphabet.length
  return {
    name: 'gpt',
    unit: 'tokens',
    perStep: batch * context,
    extents: [
      { batch, sequence: context, tokens: batch * context },
      // For samples.
      { batch: 1, sequence: context, tokens: context },
    ],
    output: 'logits',
    forward: () => gpt({ vocabulary, context, layers: 2, heads: 4, width: 64, flatten: true, seed: 1 }),
    batch: (ort, step) => {
      const random = createRandom(step)
      const starts = Array.from({ length: batch }, () =>
        Math.floor(uniform(random) * (tokens.length - context)),
      )
      const rows = (shift: number): BigInt64Array =>
        BigInt64Array.from({ length: batch * context }, (_, i) =>
          BigInt(tokens[starts[Math.floor(i / context)]! + (i % context) + shift]!),
        )
      return feeds(ort, rows(0), rows(1), context)
    },
    async evaluate(session, ort, step) {
      const random = createRandom(step)
      const written = Array.from(beginning, (character) => places.get(character)!)
      while (written.length < beginning.length + sampled)
        written.push(await drawNext(session, ort, written, random))
      return { text: written.map((token) => alphabet[token]!).join('') }
    },
  }

  /** Draws the token after those given. */
  async function drawNext(
    session: Evaluator,
    ort: Ort,
    written: readonly number[],
    random: Random,
  ): Promise<number> {
    // No token attends to later ones, so that those behind the last do not matter.
    const seen = written.slice(-context)
    const ids = BigInt64Array.from({ length: context }, (_, i) => BigInt(seen[i] ?? 0))
    const { logits } = await session.runEvalStep(feeds(ort, ids, ids, context), ['logits'])
    const end = seen.length * vocabulary
    return draw((logits!.data as Float32Array).subarray(end - vocabulary, end), random)
  }
}

/**
 * @param ids rows of `context` tokens
 * @param labels those that follow
 */
function feeds(ort: Ort, ids: BigInt64Array, labels: BigInt64Array, context: number): OrtValues {
  return {
    input_ids: createOrtTensor(ort, 'int64', ids, [ids.length / context, context]),
    labels: createOrtTensor(ort, 'int64', labels, [labels.length]),
  }
}

/** Draws a place by the softmax of the logits over the temperature. */
function draw(logits: Float32Array, random: Random): number {
  const most = Math.max(...logits)
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - most) / temperature))
  let rest = uniform(random) * weights.reduce((sum, weight) => sum + weight, 0)
  const place = weights.findIndex((weight) => (rest -= weight) < 0)
  return place < 0 ? logits.indexOf(most) : place
}

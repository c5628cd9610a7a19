import { createRandom, permutation } from '@induced-metric/example-mnist'
import { loadPieces, normal, openSession } from '@induced-metric/example-robustness'
import { createModelBuilder, dataType, type Model } from '@induced-metric/onnx/proto'
import * as ort from 'onnxruntime-node'

import type { Workload } from './workload.js'

const WORDS = 250
const WIDTH = 16
const LENGTH = 64
const BATCH = 64
const STEPS = 200
const VALIDATION = 512
/** Genres of the corpus by the second letter of a piece's name. */
const GENRES = ['abc', 'defg', 'hj', 'klmnpr'] as const

/** The mean of the embeddings of the words of a passage, and a dense layer (A. Joulin and others, arXiv:1607.01759). */
export const textBag: Workload = {
  id: 'text-bag',
  title: 'Text classifier',
  description:
    `Tells press, non-fiction, official and learned prose, and fiction of the Brown corpus apart by the mean embedding of ${LENGTH} words: ` +
    `${WORDS} words × ${WIDTH} and a dense layer, 4,068 parameters; ${STEPS} batches of ${BATCH}; cross-entropy.`,
  steps: STEPS,
  async open(seed) {
    passages ??= cutPassages()
    const all = await passages
    const random = createRandom(seed)
    const forward = bagModel(random)
    const order = permutation(all.length - VALIDATION, random)
    const feeds = (rows: readonly number[]) => feedsOf(rows.map((row) => all[row]!))
    const batches = Array.from({ length: STEPS }, (_, step) =>
      feeds(Array.from({ length: BATCH }, (_, row) => order[(step * BATCH + row) % order.length]!)),
    )
    const validation = feeds(Array.from({ length: VALIDATION }, (_, row) => all.length - 1 - row))
    return openSession({
      forward,
      loss: 'cross-entropy',
      rowsAre: 'inputs',
      feeds: (step) => batches[step - 1]!,
      training: [validation],
    })
  },
}

interface Passage {
  /** Places of its words among the most frequent ones; 0 is any other word. */
  readonly words: BigInt64Array
  readonly genre: number
}

let passages: Promise<Passage[]> | undefined

/** Passages of equal length, shuffled by whole pieces, so that the last ones share no piece with many of the others. */
async function cutPassages(): Promise<Passage[]> {
  const pieces = (await loadPieces()).map(({ name, text }) => ({
    genre: GENRES.findIndex((letters) => letters.includes(name[1]!)),
    words: text.toLowerCase().split(' '),
  }))
  const counts = new Map<string, number>()
  for (const { words } of pieces) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  const frequent = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, WORDS - 1)
  const places = new Map(frequent.map(([word], place) => [word, BigInt(place + 1)]))
  return [...permutation(pieces.length, createRandom(9001))].flatMap((place) => {
    const { genre, words } = pieces[place]!
    return Array.from({ length: Math.floor(words.length / LENGTH) }, (_, index) => ({
      genre,
      words: BigInt64Array.from(
        words.slice(index * LENGTH, (index + 1) * LENGTH),
        (word) => places.get(word) ?? 0n,
      ),
    }))
  })
}

function bagModel(random: () => number): Model {
  const { float, int64 } = dataType
  const { input, output, initializer, emit, build } = createModelBuilder(17)
  const draw = (count: number, deviation: number): Float32Array =>
    Float32Array.from({ length: count }, () => deviation * normal(random))
  const embedding = initializer('embedding', [WORDS, WIDTH], float, draw(WORDS * WIDTH, 0.1))
  const weight = initializer(
    'dense.weight',
    [WIDTH, GENRES.length],
    float,
    draw(WIDTH * GENRES.length, 1 / Math.sqrt(WIDTH)),
  )
  const bias = initializer('dense.bias', [GENRES.length], float, new Float32Array(GENRES.length))
  const vectors = emit('Gather', [embedding, input('input', int64, ['batch', LENGTH])])
  const mean = emit('ReduceMean', [vectors], { axes: [1], keepdims: 0 })
  output(emit('Gemm', [mean, weight, bias], {}, 'output'), float, ['batch', GENRES.length])
  return build('bag')
}

function feedsOf(batch: readonly Passage[]): Record<string, ort.Tensor> {
  const words = new BigInt64Array(batch.length * LENGTH)
  batch.forEach((passage, row) => words.set(passage.words, row * LENGTH))
  const labels = BigInt64Array.from(batch, ({ genre }) => BigInt(genre))
  return {
    input: new ort.Tensor('int64', words, [batch.length, LENGTH]),
    labels: new ort.Tensor('int64', labels, [batch.length]),
  }
}

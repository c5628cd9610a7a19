import { createRequire } from 'node:module'

import { adam, heavyBall, identity, inducedMetric, log, sgd, type Transformation } from '@induced-metric/core'
import type { NeuralNetwork } from 'brain.js'

import type { Batch } from '../data/batches.js'
import { PIXELS } from '../data/digits.js'
import type { NetworkArray } from '../network/network.js'
import type { Setting } from '../settings.js'
import type { Availability, EpochRecord, Framework, StepRecord, TrainingJob } from '../training/framework.js'
import { takeSteps } from '../training/loop.js'

/** Pictures per batch to train on, and pictures of the test set to evaluate: as many as time allows. */
const TRAINED = 64
const TESTED = 2000
const UNITS = 64
const DIGITS = 10

/** brain.js's own options of training, or an optimiser of ours and the size of its batches. */
type Means =
  | {
      readonly stock: { readonly praxis?: 'adam'; readonly learningRate: number; readonly momentum?: number }
    }
  | { readonly induced: Transformation; readonly batchSize: number; readonly activation?: string }

/**
 * For rows of learning rates. With logistic units, a step that promises all of the loss takes every output to 0, where the
 * gradient is too small to bring them back.
 */
const rateMeans = { batchSize: 16, activation: 'tanh' }

const means: Readonly<Record<string, Means>> = {
  adam: { stock: { praxis: 'adam', learningRate: 0.003 } },
  sgd: { stock: { learningRate: 0.3, momentum: 0.1 } },
  identity: {
    induced: inducedMetric(heavyBall({ momentum: 0.1 }), { learningRate: 1, xi: 1, embedding: identity() }),
    batchSize: 1,
  },
  log: {
    induced: inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 1, xi: 1, embedding: log() }),
    batchSize: 8,
  },
  rms: {
    induced: inducedMetric(adam(), { learningRate: 0.003, xi: 3e-3, embedding: identity() }),
    batchSize: 1,
  },
}

const published = { byEpoch: {} }

/** Not from the paper, which trains another network: rates tried on this one, three or four per optimiser. */
const settings: readonly Setting[] = [
  { id: 'adam', title: 'Adam', description: "brain.js's own. Learning rate .003." },
  { id: 'sgd', title: 'SGD', description: "brain.js's own, at its defaults. Learning rate .3, momentum .1." },
  {
    id: 'identity',
    title: 'Induced, identity',
    description: 'In brain.js: its SGD as base, learning rate 1, momentum .1, ξ 1, picture by picture.',
  },
  {
    id: 'log',
    title: 'Induced, log',
    description: 'In brain.js: SGD base with an averaged momentum of .9, learning rate 1, ξ 1, batches of 8.',
  },
  {
    id: 'rms',
    title: 'Induced, RMS',
    description: 'In brain.js: Adam base, learning rate .003, ξ 3e-3, picture by picture.',
  },
].map((setting) => {
  const how = means[setting.id]!
  // Baselines are never transformed.
  const transformation = 'induced' in how ? how.induced : inducedMetric(sgd(), { learningRate: 0 })
  return { ...setting, transformation, published }
})

/**
 * brain.js 2.x. It has neither GELU nor softmax and trains picture by picture, so its network is a smaller one,
 * 784-64-10 with logistic units, whose loss is half the squared error, on a part of every batch.
 */
export const framework: Framework = {
  id: 'brain',
  title: 'brain.js',
  settings,
  loss: 'half the squared error',
  available,
  train,
}

function available(): Promise<Availability> {
  try {
    const { version } = createRequire(import.meta.url)('brain.js/package.json') as { version: string }
    return Promise.resolve({
      ok: true,
      detail: `brain.js ${version}, ${PIXELS}-${UNITS}-${DIGITS} on ${TRAINED} pictures of every batch`,
    })
  } catch (error) {
    return Promise.resolve({ ok: false, reason: error instanceof Error ? error.message : String(error) })
  }
}

interface Pattern {
  readonly input: Float32Array
  readonly output: Float32Array
  readonly digit: number
}

async function train(job: TrainingJob): Promise<void> {
  const { network: start, test, setting } = job
  const how: Means = means[setting.id] ?? { induced: setting.transformation, ...rateMeans }
  const network = await createNetwork(start, optionsOf(how))
  const { useOptimizer } = await import('@induced-metric/brain.js')
  const handle =
    'induced' in how ? useOptimizer(network, how.induced, { batchSize: how.batchSize }) : undefined
  const tests = patternsOf(test, TESTED)

  await takeSteps(job, {
    step(batch) {
      const seen = trainBatch(network, patternsOf(batch, TRAINED))
      const { scale, dualNorm } = handle?.flush() ?? { scale: null, dualNorm: null }
      return { ...seen, scale, dualNorm }
    },
    evaluate: () => evaluate(network, tests),
  })
}

function optionsOf(how: Means): object {
  if ('stock' in how) return how.stock
  return how.activation === undefined ? {} : { activation: how.activation }
}

type Network = NeuralNetwork<Float32Array, Float32Array>

/** The first and last layer of the demonstration's network, between logistic units. */
async function createNetwork(start: readonly NetworkArray[], options: object): Promise<Network> {
  const { NeuralNetwork } = await import('brain.js')
  const network: Network = new NeuralNetwork({ hiddenLayers: [UNITS], ...options })
  network.sizes = [PIXELS, UNITS, DIGITS]
  network.initialize()
  for (const [layer, name] of [
    [1, 'layer1'],
    [2, 'layer3'],
  ] as const) {
    const { data, shape } = start.find((array) => array.name === `${name}/weight`)!
    const [inputs, outputs] = shape as [number, number]
    for (let node = 0; node < outputs; node++) {
      for (let k = 0; k < inputs; k++) network.weights[layer]![node]![k] = data[k * outputs + node]!
    }
    network.biases[layer]!.fill(0)
  }
  return network
}

function patternsOf({ images, labels, count }: Batch, most: number): Pattern[] {
  return Array.from({ length: Math.min(count, most) }, (_, row) => {
    const output = new Float32Array(DIGITS)
    output[labels[row]!] = 1
    return { input: images.subarray(row * PIXELS, (row + 1) * PIXELS), output, digit: labels[row]! }
  })
}

/** Trains on the pictures one after the other. Loss and guesses are those before each picture's own step. */
function trainBatch(network: Network, patterns: readonly Pattern[]): Pick<StepRecord, 'loss' | 'accuracy'> {
  let loss = 0
  let right = 0
  for (const pattern of patterns) {
    network.trainPattern(pattern)
    const { errors, outputs, outputLayer } = network
    loss += halfSquares(errors[outputLayer]!)
    right += guessOf(outputs[outputLayer]!) === pattern.digit ? 1 : 0
  }
  return { loss: loss / patterns.length, accuracy: right / patterns.length }
}

function evaluate(network: Network, patterns: readonly Pattern[]): Omit<EpochRecord, 'epoch'> {
  let loss = 0
  let right = 0
  for (const { input, output, digit } of patterns) {
    const outputs = network.runInput(input)
    loss += halfSquares(outputs.map((value, i) => value - output[i]!))
    right += guessOf(outputs) === digit ? 1 : 0
  }
  return { testLoss: loss / patterns.length, testAccuracy: right / patterns.length }
}

function halfSquares(errors: Float32Array): number {
  return errors.reduce((sum, error) => sum + error * error, 0) / 2
}

function guessOf(outputs: Float32Array): number {
  return outputs.indexOf(Math.max(...outputs))
}

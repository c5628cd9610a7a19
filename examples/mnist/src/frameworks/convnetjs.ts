import { createRequire } from 'node:module'

import { adam, identity, inducedMetric, log, sgd, type Transformation } from '@induced-metric/core'
import type { Net, Vol } from 'convnetjs'

import type { Batch } from '../data/batches.js'
import { PIXELS } from '../data/digits.js'
import type { NetworkArray } from '../network/network.js'
import type { Setting } from '../settings.js'
import type { Availability, EpochRecord, Framework, StepRecord, TrainingJob } from '../training/framework.js'
import { takeSteps } from '../training/loop.js'

/** Pictures per batch to train on, and pictures of the test set to evaluate: as many as time allows. */
const TRAINED = 16
/** The same for rows of learning rates: the loss of so few pictures is too poor a bound for what a step may promise. */
const TRAINED_BY_RATE = 64
const TESTED = 500
const SIDE = 28

/** Options of convnetjs's own trainer, or an optimiser of ours. */
type Means = { readonly stock: object } | { readonly induced: Transformation }

const means: Readonly<Record<string, Means>> = {
  adam: { induced: inducedMetric(adam(), { learningRate: 0.01, xi: 0 }) },
  sgd: { stock: { method: 'sgd', learning_rate: 0.03, momentum: 0.9 } },
  identity: {
    induced: inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.3, xi: 0.01, embedding: identity() }),
  },
  log: { induced: inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.3, xi: 0.1, embedding: log() }) },
  rms: { induced: inducedMetric(adam(), { learningRate: 0.01, xi: 1e-3, embedding: identity() }) },
}

/** Not from the paper, which trains another network. */
const settings: readonly Setting[] = [
  {
    id: 'adam',
    title: 'Adam',
    description: 'In convnetjs, which has none: our Adam base with ξ = 0. Learning rate .01.',
  },
  { id: 'sgd', title: 'SGD', description: "convnetjs's own, with momentum .9. Learning rate .03." },
  {
    id: 'identity',
    title: 'Induced, identity',
    description: 'In convnetjs: SGD base, momentum .9, learning rate .3, ξ .01.',
  },
  {
    id: 'log',
    title: 'Induced, log',
    description: 'In convnetjs: SGD base, momentum .9, learning rate .3, ξ .1.',
  },
  { id: 'rms', title: 'Induced, RMS', description: 'In convnetjs: Adam base, learning rate .01, ξ 1e-3.' },
].map((setting) => {
  const how = means[setting.id]!
  // Baselines are never transformed.
  const transformation = 'induced' in how ? how.induced : inducedMetric(sgd(), { learningRate: 0 })
  return { ...setting, transformation, published: { byEpoch: {} } }
})

/** convnetjs, with a convolutional network of its own, on a part of every batch. */
export const framework: Framework = { id: 'convnetjs', title: 'convnetjs', settings, available, train }

function available(): Promise<Availability> {
  try {
    const { version } = createRequire(import.meta.url)('convnetjs/package.json') as { version: string }
    const detail = `convnetjs ${version}, a convolution and a layer on ${TRAINED} pictures of every batch`
    return Promise.resolve({ ok: true, detail })
  } catch (error) {
    return Promise.resolve({ ok: false, reason: error instanceof Error ? error.message : String(error) })
  }
}

interface Pattern {
  readonly x: Vol
  readonly y: number
}

async function train(job: TrainingJob): Promise<void> {
  const how = means[job.setting.id] ?? { induced: job.setting.transformation }
  const { default: framework } = await import('convnetjs')
  const { InducedTrainer } = await import('@induced-metric/convnetjs')
  const net = createNet(new framework.Net(), job.network)
  const trained = job.setting.rate ? TRAINED_BY_RATE : TRAINED
  const size = { batch_size: trained }
  const induced = 'induced' in how ? new InducedTrainer(net, how.induced, size) : undefined
  const trainer = induced ?? new framework.Trainer(net, { ...size, ...('stock' in how ? how.stock : {}) })
  const patternsOf = ({ images, labels, count }: Batch, most: number): Pattern[] =>
    Array.from({ length: Math.min(count, most) }, (_, row) => {
      const x = new framework.Vol(SIDE, SIDE, 1, 0)
      x.w.set(images.subarray(row * PIXELS, (row + 1) * PIXELS))
      return { x, y: labels[row]! }
    })
  const tests = patternsOf(job.test, TESTED)

  await takeSteps(job, {
    step(batch) {
      const patterns = patternsOf(batch, trained)
      const seen = look(net, patterns, ({ x, y }) => trainer.train(x, y).cost_loss)
      const { scale, dualNorm } = induced?.flush() ?? { scale: null, dualNorm: null }
      return { ...seen, scale, dualNorm: Number.isNaN(dualNorm) ? null : dualNorm }
    },
    evaluate(): Omit<EpochRecord, 'epoch'> {
      const { loss, accuracy } = look(net, tests, ({ x, y }) => -Math.log(net.forward(x).w[y]!))
      return { testLoss: loss, testAccuracy: accuracy }
    },
  })
  induced?.dispose()
}

/** Runs patterns through a net. Returns the mean of the losses, and the share that is classified correctly. */
function look(
  net: Net,
  patterns: readonly Pattern[],
  lossOf: (pattern: Pattern) => number,
): Pick<StepRecord, 'loss' | 'accuracy'> {
  let [loss, right] = [0, 0]
  for (const pattern of patterns) {
    loss += lossOf(pattern)
    right += net.getPrediction() === pattern.y ? 1 : 0
  }
  return { loss: loss / patterns.length, accuracy: right / patterns.length }
}

/** A net of its own shape. Its weights are taken from those of the demonstration's network, scaled for its own layers. */
function createNet(net: Net, [first]: readonly NetworkArray[]): Net {
  net.makeLayers([
    { type: 'input', out_sx: SIDE, out_sy: SIDE, out_depth: 1 },
    { type: 'conv', sx: 5, filters: 8, stride: 2, pad: 2, activation: 'relu' },
    { type: 'pool', sx: 2, stride: 2 },
    { type: 'softmax', num_classes: 10 },
  ])
  const { data, shape } = first!
  let place = 0
  for (const { filters = [] } of net.layers)
    for (const { w } of filters)
      for (let i = 0; i < w.length; i++) w[i] = data[place++]! * Math.sqrt(shape[0]! / w.length)
  return net
}

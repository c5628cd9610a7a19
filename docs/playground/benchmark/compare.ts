import { adam, createOptimizer, inducedMetric } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import type { TrainingTask } from '../training/tasks.js'
import { Trainer } from '../training/trainer.js'
import { createLoop, learningRate } from './loop.js'

/** Two ways to do the same work, by their times. */
export interface Comparison {
  readonly what: string
  /** Milliseconds of a step, or of a training, with this library; the median. */
  readonly ours: number
  /** The same with the other. */
  readonly other: number
  /** The median of `other / ours` over the rounds: above 1 where this library is faster. */
  readonly ratio: number
}

/** Something to time: does its work so many times, and returns when it is done. */
export type Work = (times: number) => void | Promise<void>

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? NaN
}

async function time(work: Work, times: number): Promise<number> {
  const began = performance.now()
  await work(times)
  return (performance.now() - began) / times
}

/** How often a work is done in a slice of time. Browsers round the clock, so only what takes a good part of the slice can be measured. */
async function timesIn(slice: number, work: Work): Promise<number> {
  let times = 1
  let once = await time(work, times)
  while (once * times < slice / 4 && times < 2 ** 24) {
    times *= 2
    once = await time(work, times)
  }
  return Math.max(1, Math.round(slice / once))
}

/**
 * Times two ways in turn, so that what else the machine does meets both.
 *
 * @param slice how long one turn should take, in milliseconds
 */
export async function compare(
  what: string,
  ours: Work,
  other: Work,
  { rounds = 7, slice = 60 }: { readonly rounds?: number; readonly slice?: number } = {},
): Promise<Comparison> {
  const times = [await timesIn(slice, ours), await timesIn(slice, other)] as const
  const [a, b]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    a.push(await time(ours, times[0]))
    b.push(await time(other, times[1]))
  }
  return { what, ours: median(a), other: median(b), ratio: median(b.map((t, i) => t / a[i]!)) }
}

const values = (size: number, seed: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(seed + i))

/** Induced Adam over typed arrays, as a step on arrays of one size. */
function ownSteps(size: number): { work: Work; dispose(): void } {
  const optimizer = createOptimizer(
    inducedMetric(adam(), { learningRate }),
    [{ name: 'w', shape: [size], data: values(size, 1) }],
    { adopt: true },
  )
  const gradients = optimizer.gradients.map(({ data }) => data)
  gradients[0]!.set(values(size, 2))
  return {
    work(times) {
      for (let i = 0; i < times; i++) optimizer.step(gradients)
    },
    dispose: () => optimizer.dispose(),
  }
}

/** A step on so many weights beside plain Adam as a loop of JavaScript. */
export async function compareWithLoop(
  size: number,
  options?: { rounds?: number; slice?: number },
): Promise<Comparison> {
  const own = ownSteps(size)
  const step = createLoop(values(size, 1))
  const gradient = values(size, 2)
  try {
    return await compare(
      `${size.toLocaleString('en')} weights`,
      own.work,
      (times) => {
        for (let i = 0; i < times; i++) step(gradient)
      },
      options,
    )
  } finally {
    own.dispose()
  }
}

type Tf = typeof import('@tensorflow/tfjs')

/** A step of the adapter for TensorFlow.js beside `tf.train.adam`, on the backend in use. */
export async function compareWithTf(
  tf: Tf,
  size: number,
  options?: { rounds?: number; slice?: number },
): Promise<Comparison> {
  const gradient = tf.tensor1d(values(size, 2))
  const stepsOf = (optimizer: import('@tensorflow/tfjs').Optimizer, name: string): [Work, () => void] => {
    const variable = tf.variable(tf.tensor1d(values(size, 1)), true, name)
    const work: Work = async (times) => {
      for (let i = 0; i < times; i++) optimizer.applyGradients({ [name]: gradient })
      // What a device was told to do is done when the result has arrived.
      await variable.data()
    }
    const forget = (): void => {
      optimizer.dispose()
      variable.dispose()
    }
    return [work, forget]
  }
  const [ours, forget] = stepsOf(inducedOptimizer(tf, inducedMetric(adam(), { learningRate })), `own${size}`)
  const [other, forgetOther] = stepsOf(tf.train.adam(learningRate), `other${size}`)
  try {
    return await compare(`${size.toLocaleString('en')} weights`, ours, other, options)
  } finally {
    forget()
    forgetOther()
    gradient.dispose()
  }
}

/** A small training beside the same one whose steps are a loop of JavaScript: the gradients take most of it. */
export async function compareTraining(
  task: TrainingTask,
  steps: number,
  options?: { rounds?: number; slice?: number },
): Promise<Comparison> {
  const ours: Work = (times) => {
    for (let i = 0; i < times; i++) {
      const trainer = new Trainer(task, inducedMetric(adam(), { learningRate }))
      for (let step = 0; step < steps; step++) trainer.train()
      trainer.dispose()
    }
  }
  const other: Work = (times) => {
    for (let i = 0; i < times; i++) {
      const trainer = new Trainer(task, inducedMetric(adam(), { learningRate }))
      const { network } = trainer
      const loops = network.layers.flatMap(({ weights, biases }) => [createLoop(weights), createLoop(biases)])
      trainer.trainWith((gradients) => loops.forEach((step, k) => step(gradients[k]!)), steps)
      trainer.dispose()
    }
  }
  return compare(`${steps} steps of a network`, ours, other, options)
}

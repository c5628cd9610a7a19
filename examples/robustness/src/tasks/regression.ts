import {
  createRandom,
  forwardModel,
  initializeNetwork,
  permutation,
  type Random,
} from '@induced-metric/example-mnist'
import * as ort from 'onnxruntime-node'

import { normal } from '../normal.js'
import { openSession } from './session.js'
import type { Problem, Task } from './task.js'

const VARIABLES = 4
const DEGREE = 6
const POINTS = 13_312
const TRAINING = 8192
const BATCH = 1024
const EPOCHS = 200

/** The paper's regression: a random polynomial, learned by a small network. */
export const regression: Task = {
  id: 'regression',
  title: 'Regression',
  description:
    `A random polynomial of degree ${DEGREE} in ${VARIABLES} normal variables, centred and scaled to variance 1, by 4-32-32-1 with ` +
    `GELU, 1,249 parameters; ${TRAINING} points in batches of ${BATCH}, ${EPOCHS} epochs (arXiv:2509.03594).`,
  loss: 'mean squared error',
  untrained: 1,
  steps: (EPOCHS * TRAINING) / BATCH,
  open: openRegression,
}

/** How the regression is trained and judged. */
export interface RegressionOptions {
  /** Points of a batch. Default 1024. */
  readonly batch?: number
  /** The points whose loss `evaluate` measures: those of the training (default), or the 5120 others. */
  readonly judgedOn?: 'training' | 'validation'
  /** The seed of the polynomial and the points, where runs with several seeds are to have the same ones. */
  readonly dataSeed?: number
}

/** The seed determines everything, the polynomial included: one polynomial is much harder than another. */
export function openRegression(
  seed: number,
  { batch = BATCH, judgedOn = 'training', dataSeed }: RegressionOptions = {},
): Promise<Problem> {
  let random = createRandom(dataSeed ?? seed)
  const inputs = Float32Array.from({ length: POINTS * VARIABLES }, () => normal(random))
  const targets = standardized(polynomial(inputs, random))
  if (dataSeed !== undefined) random = createRandom(seed)
  const network = initializeNetwork(random, [VARIABLES, 32, 32, 1])
  const order = permutation(TRAINING, random)
  const gather = (rows: Uint32Array) => {
    const input = new Float32Array(rows.length * VARIABLES)
    rows.forEach((row, place) =>
      input.set(inputs.subarray(row * VARIABLES, (row + 1) * VARIABLES), place * VARIABLES),
    )
    const target = Float32Array.from(rows, (row) => targets[row]!)
    return {
      input: new ort.Tensor('float32', input, [rows.length, VARIABLES]),
      target: new ort.Tensor('float32', target, [rows.length, 1]),
    }
  }
  const cut = (rows: Uint32Array, size: number) =>
    Array.from({ length: rows.length / size }, (_, index) =>
      gather(rows.subarray(index * size, (index + 1) * size)),
    )
  const feeds = cut(order, batch)
  const others = Uint32Array.from({ length: POINTS - TRAINING }, (_, index) => TRAINING + index)
  return openSession({
    forward: forwardModel(network),
    loss: 'mse',
    rowsAre: 'inputs',
    feeds: (step) => feeds[(step - 1) % feeds.length]!,
    training: judgedOn === 'training' ? feeds : cut(others, BATCH),
  })
}

/** Σ cₐ xᵃ over all exponents a of a total degree up to 6, with standard normal cₐ. */
function polynomial(inputs: Float32Array, random: Random): Float64Array {
  const terms = exponents(VARIABLES, DEGREE).map((powers) => ({ powers, coefficient: normal(random) }))
  return Float64Array.from({ length: inputs.length / VARIABLES }, (_, row) => {
    let sum = 0
    for (const { powers, coefficient } of terms)
      sum += powers.reduce(
        (product, power, axis) => product * inputs[row * VARIABLES + axis]! ** power,
        coefficient,
      )
    return sum
  })
}

/** All lists of that many exponents whose sum is at most `degree`. */
function exponents(variables: number, degree: number): number[][] {
  if (variables === 0) return [[]]
  return Array.from({ length: degree + 1 }, (_, power) =>
    exponents(variables - 1, degree - power).map((rest) => [power, ...rest]),
  ).flat()
}

function standardized(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return values.map((value) => (value - mean) / Math.sqrt(variance))
}

import { openGpt, openNoisyQuadratic, openRegression } from '@induced-metric/example-robustness'

import { autoencoder, mnistLenet, mnistMlp } from './digits.js'
import { spirals } from './spirals.js'
import { textBag } from './textBag.js'
import type { Workload } from './workload.js'

const REGRESSION = { batch: 256, steps: 400 }
const GPT = { batch: 4, context: 32, layers: 1, width: 32, heads: 2, steps: 200 }
const QUADRATIC_STEPS = 1000

const regression: Workload = {
  id: 'regression',
  title: 'Regression',
  description: `A polynomial of degree 6 in 4 variables, as in the paper, by 4-32-32-1, 1,249 parameters; ${REGRESSION.steps} batches of ${REGRESSION.batch}; mean squared error on 5,120 other points.`,
  steps: REGRESSION.steps,
  open: (seed) => openRegression(seed, { batch: REGRESSION.batch, judgedOn: 'validation', dataSeed: 0 }),
}

const characterGpt: Workload = {
  id: 'char-gpt',
  title: 'Character GPT',
  description: `A transformer of one block, two heads and width 32 that reads 32 characters of the Brown corpus, 16,512 parameters; ${GPT.steps} batches of ${GPT.batch}; cross-entropy on 8 other batches.`,
  steps: GPT.steps,
  open: (seed) => openGpt(seed, GPT.steps, 8, GPT),
}

const noisyQuadratic: Workload = {
  id: 'noisy-quadratic',
  title: 'Noisy quadratic',
  description: `½ Σ hᵢ θᵢ² in 100 variables with hᵢ = 1/i and noisy gradients (arXiv:1907.04164); ${QUADRATIC_STEPS} steps; the exact loss.`,
  steps: QUADRATIC_STEPS,
  open: (seed) => Promise.resolve(openNoisyQuadratic(seed)),
}

/** The eight workloads, in the order of the report. */
export const workloads: readonly Workload[] = [
  mnistMlp,
  mnistLenet,
  regression,
  spirals,
  characterGpt,
  textBag,
  autoencoder,
  noisyQuadratic,
]

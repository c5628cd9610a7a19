import { choice, defineStudy, listed } from '@induced-metric/sweep'

import { drawSettings, optimizerIds, transform, type Settings } from '../optimizers.js'
import { numberFrom, seedsOf } from '../scope.js'
import { trainRegression } from '../regression.js'

const trials = numberFrom('PAPER_TRIALS', 12)
const epochs = numberFrom('PAPER_EPOCHS', 200)

const drawn = optimizerIds.map((optimizer) =>
  drawSettings(optimizer, trials).map((settings) => ({ optimizer, ...settings })),
)
/** Each optimiser in turn, so that a part of the study is fair as well. */
const configurations = Array.from({ length: trials }, (_, trial) => drawn.map((of) => of[trial]!)).flat()

/** The paper's regression: best validation error of 200 epochs, over drawn settings of each optimiser. */
export default defineStudy({
  name: 'regression',
  space: { optimizer: choice(optimizerIds) },
  sampler: listed(configurations),
  metric: { name: 'error', of: 'best' },
  seeds: seedsOf(3),
  async run({ hyperparameters: { optimizer, ...settings }, seed, report }) {
    await trainRegression({
      transformation: transform(optimizer, settings as unknown as Settings),
      epochs,
      seed,
      onEpoch: (epoch, error) => report({ error }, epoch),
    })
  },
})

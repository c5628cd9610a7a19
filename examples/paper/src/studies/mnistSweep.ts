import { choice, defineStudy, listed, medianRule } from '@induced-metric/sweep'

import { trainDigits } from '../digits.js'
import { drawSettings, optimizerIds, transform, type Settings } from '../optimizers.js'
import { numberFrom } from '../scope.js'

const trials = numberFrom('PAPER_TRIALS', 40)
const epochs = numberFrom('PAPER_EPOCHS', 20)
const drawn = optimizerIds.map((optimizer) =>
  drawSettings(optimizer, trials).map((settings) => ({ optimizer, ...settings })),
)

/** A sweep on MNIST, of 20 epochs a run: forty settings of each optimiser, in turn, so that a part of it is fair as well. */
export default defineStudy({
  name: 'mnist-sweep',
  space: { optimizer: choice(optimizerIds) },
  sampler: listed(Array.from({ length: trials }, (_, trial) => drawn.map((of) => of[trial]!)).flat()),
  metric: { name: 'accuracy', goal: 'maximize', of: 'best' },
  stopping: medianRule({ startup: 20, warmup: 5 }),
  async run({ hyperparameters: { optimizer, ...settings }, seed, report }) {
    await trainDigits({
      transformation: transform(optimizer, settings as unknown as Settings),
      epochs,
      seed,
      limit: numberFrom('PAPER_BATCHES', 58),
      onEpoch: (epoch, results) => report({ ...results }, epoch),
    })
  },
})

import { paperSettings } from '@induced-metric/example-mnist'
import { choice, defineStudy, listed } from '@induced-metric/sweep'

import { trainDigits } from '../digits.js'
import { numberFrom, seedsOf } from '../scope.js'

const ids = paperSettings.map(({ id }) => id)
const epochs = numberFrom('PAPER_EPOCHS', 200)

/** MNIST at the paper's best settings: best test accuracy of 200 epochs, as in the paper. */
export default defineStudy({
  name: 'mnist',
  space: { optimizer: choice(ids) },
  sampler: listed(ids.map((optimizer) => ({ optimizer }))),
  metric: { name: 'accuracy', goal: 'maximize', of: 'best' },
  seeds: seedsOf(5),
  async run({ hyperparameters: { optimizer }, seed, report }) {
    const { transformation } = paperSettings.find(({ id }) => id === optimizer)!
    await trainDigits({
      transformation,
      epochs,
      seed,
      limit: numberFrom('PAPER_BATCHES', 58),
      onEpoch: (epoch, results) => report({ ...results }, epoch),
    })
  },
})

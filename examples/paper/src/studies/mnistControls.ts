import { paperSettings } from '@induced-metric/example-mnist'
import { choice, defineStudy, listed } from '@induced-metric/sweep'

import { controls, withControl } from '../controls.js'
import { trainDigits } from '../digits.js'
import { numberFrom, seedsOf } from '../scope.js'

const epochs = numberFrom('PAPER_EPOCHS', 200)

/** What remains of an optimiser's lead without its weight decay, without the metric, or where others have the decay as well. */
export default defineStudy({
  name: 'mnist-controls',
  space: {
    optimizer: choice([...new Set(controls.map(({ optimizer }) => optimizer))]),
    control: choice([...new Set(controls.map(({ control }) => control))]),
  },
  sampler: listed(controls.map(({ optimizer, control }) => ({ optimizer, control }))),
  metric: { name: 'accuracy', goal: 'maximize', of: 'best' },
  seeds: seedsOf(2),
  async run({ hyperparameters: { optimizer, control }, seed, report }) {
    const { transformation } = paperSettings.find(({ id }) => id === optimizer)!
    await trainDigits({
      transformation: withControl(transformation, control),
      epochs,
      seed,
      limit: numberFrom('PAPER_BATCHES', 58),
      onEpoch: (epoch, results) => report({ ...results }, epoch),
    })
  },
})

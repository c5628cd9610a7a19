// A study whose configurations and early ends depend on the runs before.
import { choice, defineStudy, logUniform, medianRule, tpe } from '@induced-metric/sweep'

export default defineStudy({
  space: { learningRate: logUniform(1e-3, 1), optimizer: choice(['adam', 'sgd']) },
  metric: { name: 'accuracy', goal: 'maximize' },
  budget: { trials: 24 },
  seeds: 2,
  sampler: tpe({ startup: 6 }),
  stopping: medianRule(),
  run({ hyperparameters: { learningRate, optimizer }, seed, report }) {
    if (learningRate > 0.8) throw new Error('diverged')
    if (learningRate > 0.6) return NaN
    const far = Math.log10(learningRate / 0.03) ** 2 + (optimizer === 'adam' ? 0.1 : 0)
    for (let step = 1; step <= 6; step++) report({ accuracy: 1 / (1 + far + Math.sin(seed) / 20 + 1 / step) })
    return undefined
  },
})

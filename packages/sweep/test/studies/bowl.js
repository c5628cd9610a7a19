// A bowl whose bottom is at a rate of 0.1 and a momentum of 0.9, with some noise from the seed.
import { choice, defineStudy, logUniform, uniform, when } from '@induced-metric/sweep'

export default defineStudy({
  space: {
    optimizer: choice(['adam', 'sgd']),
    learningRate: logUniform(1e-4, 10),
    xi: logUniform(1e-3, 10),
    momentum: when({ optimizer: 'sgd' }, uniform(0, 0.99)),
  },
  metric: 'loss',
  budget: { trials: Number(process.env['TRIALS'] ?? 12) },
  seeds: 2,
  run({ hyperparameters: { learningRate, xi, momentum = 0.8, optimizer }, seed, report }) {
    const bottom = optimizer === 'adam' ? 0 : 0.05
    const best =
      (Math.log10(learningRate) + 1) ** 2 + (momentum - 0.9) ** 2 + (Math.log10(xi) / 4) ** 2 + bottom
    for (let step = 1; step <= 10; step++) report({ loss: best + Math.sin(seed * step) / 100 + 1 / step })
    return { loss: best + Math.sin(seed * 10) / 100 + 0.1, accuracy: 1 / (1 + best) }
  },
})

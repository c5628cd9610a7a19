// A run that computes for about a second, always the same amount.
import { defineStudy, uniform } from '@induced-metric/sweep'

export default defineStudy({
  space: { x: uniform(0, 1) },
  metric: 'loss',
  budget: { trials: Number(process.env['TRIALS'] ?? 10) },
  run({ hyperparameters: { x }, report }) {
    let sum = x
    for (let step = 1; step <= 100; step++) {
      for (let i = 0; i < 1_000_000; i++) sum = Math.sin(sum + i)
      report({ loss: sum })
    }
    return sum
  },
})

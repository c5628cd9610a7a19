// Runs that end in every way in which a run may end.
import { choice, defineStudy, grid } from '@induced-metric/sweep'

export default defineStudy({
  space: { way: choice(['finish', 'throw', 'NaN', 'hang', 'wait', 'exit']) },
  metric: 'loss',
  budget: { secondsPerRun: 0.3 },
  sampler: grid(),
  run({ hyperparameters: { way }, report }) {
    report({ loss: 3 })
    switch (way) {
      case 'throw':
        throw new Error('it was asked to')
      case 'NaN':
        return NaN
      case 'hang':
        for (;;);
      // The loop has no end.
      // falls through
      case 'wait':
        return new Promise(() => {})
      case 'exit':
        return process.exit(1)
      default:
        return 1
    }
  },
})

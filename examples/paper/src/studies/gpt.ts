import { createOptimizer, linear } from '@induced-metric/core'
import { openGpt } from '@induced-metric/example-robustness'
import { choice, defineStudy, listed } from '@induced-metric/sweep'

import { optimizerIds, transform, type OptimizerId } from '../optimizers.js'
import { numberFrom, seedsOf } from '../scope.js'

const steps = numberFrom('PAPER_STEPS', 300)

/** Three rates of each optimiser, half a decade apart; the rest is as usual for them. */
const settings: Readonly<Record<OptimizerId, { readonly rates: readonly number[]; readonly rest: object }>> =
  {
    adam: { rates: [1e-3, 3e-3, 1e-2], rest: { momentum: 0.9 } },
    adamw: { rates: [1e-3, 3e-3, 1e-2], rest: { momentum: 0.9, weightDecay: 0.1 } },
    sgd: { rates: [0.03, 0.1, 0.3], rest: { momentum: 0.9 } },
    muon: { rates: [3e-3, 1e-2, 3e-2], rest: { momentum: 0.95 } },
    identity: { rates: [0.3, 1, 3], rest: { momentum: 0.9, xi: 1e-4 } },
    log: { rates: [0.3, 1, 3], rest: { momentum: 0.9, xi: 1e-4 } },
    rms: { rates: [1e-3, 3e-3, 1e-2], rest: { momentum: 0.9, xi: 1e-3 } },
  }

/** A GPT that two cores carry: 110,000 parameters on 16 × 64 characters of the Brown corpus, a run of 300 steps. */
export default defineStudy({
  name: 'gpt',
  space: { optimizer: choice(optimizerIds) },
  sampler: listed(
    [1, 0, 2].flatMap((rate) =>
      optimizerIds.map((optimizer) => ({
        optimizer,
        learningRate: settings[optimizer].rates[rate]!,
        ...settings[optimizer].rest,
      })),
    ),
  ),
  metric: 'loss',
  seeds: seedsOf(3),
  async run({ hyperparameters: { optimizer, ...rest }, seed, report }) {
    const problem = await openGpt(seed, steps)
    const given = rest as unknown as Parameters<typeof transform>[1]
    const decaying = linear({ from: given.learningRate, to: 0, steps })
    const running = createOptimizer(transform(optimizer, given, decaying), problem.parameters)
    try {
      let sum = 0
      for (let step = 1; step <= steps; step++) {
        const loss = await problem.differentiate(step)
        running.step(problem.gradients, { loss })
        sum += loss / 10
        if (step % 10 !== 0) continue
        report({ trainingLoss: sum }, step)
        sum = 0
      }
      return { loss: (await problem.evaluate()).loss }
    } finally {
      running.dispose()
      await problem.release()
    }
  },
})

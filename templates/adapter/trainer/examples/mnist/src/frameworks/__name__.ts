import type { InducedTrainer, Model } from '@induced-metric/__name__'

import type { Batch } from '../data/batches.js'
import type { NetworkArray } from '../network/network.js'
import { takeSteps } from '../training/loop.js'
import type { Availability, EpochRecord, Framework, StepRecord, TrainingJob } from '../training/framework.js'

/** __name__. FILL IN the three functions at the end, then let `available` say so. */
export const framework: Framework = { id: '__name__', title: '__name__', available, train }

function available(): Promise<Availability> {
  return Promise.resolve({ ok: false, reason: 'it is not written yet (src/frameworks/__name__.ts)' })
}

async function train(job: TrainingJob): Promise<void> {
  const { InducedTrainer } = await import('@induced-metric/__name__')
  const model = createModel(job.network)
  // Where the framework has an Adam of its own, use its trainer for settings with `stock`.
  const [{ count }] = job.batches as [Batch]
  const trainer = new InducedTrainer(model, job.setting.transformation, { batchSize: count })
  await takeSteps(job, {
    step: (batch) => {
      const seen = trainBatch(trainer, batch)
      const { scale, dualNorm } = trainer.report
      return { ...seen, scale, dualNorm: Number.isNaN(dualNorm) ? null : dualNorm }
    },
    evaluate: (test) => evaluate(model, test),
  })
}

/** FILL IN: the network of dense layers that starts from these weights and biases, with GELU in its tanh form after all but the last. */
function createModel(network: readonly NetworkArray[]): Model {
  throw new Error(`fill in createModel, of ${network.length} arrays`)
}

/** FILL IN: one training step; loss and accuracy on the batch, from before it. */
function trainBatch(trainer: InducedTrainer, batch: Batch): Pick<StepRecord, 'loss' | 'accuracy'> {
  throw new Error(`fill in trainBatch: ${typeof trainer} on ${batch.count} pictures`)
}

/** FILL IN: what the model makes of the test set. */
function evaluate(model: Model, test: Batch): Omit<EpochRecord, 'epoch'> {
  throw new Error(`fill in evaluate: ${typeof model} on ${test.count} pictures`)
}

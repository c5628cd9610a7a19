import type { Tensor, Variable } from '@induced-metric/__name__'

import type { Batch } from '../data/batches.js'
import { takeSteps } from '../training/loop.js'
import type { Availability, EpochRecord, Framework, StepRecord, TrainingJob } from '../training/framework.js'

/** __name__. FILL IN the two functions at the end, then let `available` say so. */
export const framework: Framework = { id: '__name__', title: '__name__', available, train }

function available(): Promise<Availability> {
  return Promise.resolve({ ok: false, reason: 'it is not written yet (src/frameworks/__name__.ts)' })
}

async function train(job: TrainingJob): Promise<void> {
  const { inducedOptimizer, tensors } = await import('@induced-metric/__name__')
  const variables = job.network.map(
    ({ name, shape, data }): Variable => ({ name, value: tensors.from(data, shape) }),
  )
  // If the framework has its own Adam, use that for settings with `stock`.
  const optimizer = inducedOptimizer(variables, job.setting.transformation)
  try {
    await takeSteps(job, {
      step(batch) {
        const { loss, accuracy, gradients } = differentiate(variables, batch)
        const { scale, dualNorm } = optimizer.step(gradients, { loss })
        for (const gradient of gradients) tensors.dispose?.(gradient)
        return { loss, accuracy, scale, dualNorm: Number.isNaN(dualNorm) ? null : dualNorm }
      },
      evaluate: (test) => evaluate(variables, test),
    })
  } finally {
    optimizer.dispose()
    for (const { value } of variables) tensors.dispose?.(value)
  }
}

/** FILL IN: loss and accuracy of the network of dense layers, with GELU in its tanh form after all but the last, on a batch, and the gradients of the loss. */
function differentiate(
  variables: readonly Variable[],
  batch: Batch,
): Pick<StepRecord, 'loss' | 'accuracy'> & { readonly gradients: readonly Tensor[] } {
  throw new Error(`fill in differentiate: ${variables.length} variables on ${batch.count} pictures`)
}

/** FILL IN: loss and accuracy of the network on the test set. */
function evaluate(variables: readonly Variable[], test: Batch): Omit<EpochRecord, 'epoch'> {
  throw new Error(`fill in evaluate: ${variables.length} variables on ${test.count} pictures`)
}

import { setImmediate } from 'node:timers/promises'

import type { Batch } from '../data/batches.js'
import type { EpochRecord, StepRecord, TrainingJob } from './framework.js'

/** What a framework does in a training run. */
export interface Moves {
  /**
   * Trains on a batch; what there is to say of it, from before the step.
   *
   * @param place - of the batch in its epoch, from 0
   */
  readonly step: (batch: Batch, place: number) => Omit<StepRecord, 'step'> | Promise<Omit<StepRecord, 'step'>>
  /** What the test set says now. */
  readonly evaluate: (test: Batch) => Omit<EpochRecord, 'epoch'> | Promise<Omit<EpochRecord, 'epoch'>>
}

/** Goes through all epochs of a job, until done or aborted. */
export async function takeSteps(
  { batches, test, epochs, signal, onStep, onEpoch }: TrainingJob,
  { step, evaluate }: Moves,
): Promise<void> {
  onEpoch({ epoch: 0, ...(await evaluate(test)) })
  let count = 0
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (const [place, batch] of batches.entries()) {
      if (signal.aborted) return
      onStep({ step: ++count, ...(await step(batch, place)) })
      // The event loop's turn, in which the signal can be raised.
      await setImmediate()
    }
    onEpoch({ epoch, ...(await evaluate(test)) })
  }
}

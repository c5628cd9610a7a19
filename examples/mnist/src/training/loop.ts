import { setImmediate } from 'node:timers/promises'

import type { Batch } from '../data/batches.js'
import type { EpochRecord, StepRecord, TrainingJob } from './framework.js'

/** The framework's part of a training run. */
export interface Moves {
  /**
   * Trains on a batch. Returns its report, with values from before the step.
   *
   * @param place - the index of the batch in its epoch, from 0
   */
  readonly step: (batch: Batch, place: number) => Omit<StepRecord, 'step'> | Promise<Omit<StepRecord, 'step'>>
  /** Evaluates the test set. */
  readonly evaluate: (test: Batch) => Omit<EpochRecord, 'epoch'> | Promise<Omit<EpochRecord, 'epoch'>>
}

/** Runs all epochs of a job, until done or aborted. */
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
      // Yields to the event loop, where the signal can be aborted.
      await setImmediate()
    }
    onEpoch({ epoch, ...(await evaluate(test)) })
  }
}

import { cutBatches, wholeBatch } from '../src/data/batches.js'
import { loadMnist } from '../src/data/mnist.js'
import { initializeNetwork } from '../src/network/network.js'
import { createRandom } from '../src/random.js'
import { settings } from '../src/settings.js'
import type { EpochRecord, Framework, StepRecord, TrainingJob } from '../src/training/framework.js'

/** The training data: the demonstration's network, digits in its batches, and digits to test with. */
export type Task = Pick<TrainingJob, 'network' | 'batches' | 'test'>

/** @param limit the maximum number of batches */
export async function loadTask(limit = Infinity): Promise<Task> {
  const mnist = await loadMnist()
  const random = createRandom(0)
  const network = initializeNetwork(random)
  return { network, batches: cutBatches(mnist.train, 1024, random, limit), test: wholeBatch(mnist.test) }
}

/** Trains for an epoch with one of the framework's settings, and keeps its reports. */
export async function trainEpoch(
  framework: Framework,
  { network, batches, test }: Task,
  id: string,
  options: { limit?: number; signal?: AbortSignal; onStep?: () => void } = {},
): Promise<{ steps: StepRecord[]; epochs: EpochRecord[] }> {
  const { limit, signal = new AbortController().signal, onStep } = options
  const steps: StepRecord[] = []
  const epochs: EpochRecord[] = []
  await framework.train({
    network,
    batches: batches.slice(0, limit),
    test,
    epochs: 1,
    setting: (framework.settings ?? settings).find((setting) => setting.id === id)!,
    signal,
    onStep(record) {
      steps.push(record)
      onStep?.()
    },
    onEpoch: (record) => epochs.push(record),
  })
  return { steps, epochs }
}

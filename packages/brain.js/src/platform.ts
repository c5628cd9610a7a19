import type { PreparedTraining, TrainingStatus } from './network.js'

// What browsers, Node and others have in common, without the types of any one of them.
declare const console: { warn(message: string): void }
declare const setTimeout: (callback: () => void, milliseconds: number) => unknown

/** Warns the developer. */
export function warn(message: string): void {
  console.warn(`@induced-metric/brain.js: ${message}`)
}

/** Lets other tasks run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0)
  })
}

/**
 * Trains asynchronously: other tasks run between any two epochs.
 *
 * @param prepare prepares the training
 * @param tick trains for an epoch on the prepared data; false after the last
 */
export async function trainByTurns(
  prepare: () => PreparedTraining,
  tick: (data: readonly unknown[], training: PreparedTraining) => boolean,
): Promise<TrainingStatus> {
  const training = prepare()
  const data = (training.preparedData ?? training.data)!
  await turn()
  while (tick(data, training)) await turn()
  return training.status
}

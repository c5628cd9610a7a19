import type { Ort } from '@induced-metric/onnxruntime'
import type { Network } from '../networks/network.js'
import { latestReport, type Session } from './session.js'

/** A look at a run. */
export interface Progress {
  /** The number of steps so far, those before the checkpoint included. */
  readonly step: number
  readonly loss: number
  /** The factor ρ of the metric. */
  readonly scale: number
  /** The steps that were refused because of their numbers. */
  readonly skipped: number
  /** Tokens or examples per second since the last look. */
  readonly speed: number
}

/** Options of {@link train}. */
export interface TrainOptions {
  readonly ort: Ort
  /** The number of steps to take. Default: until it is stopped. */
  readonly steps?: number
  /** The milliseconds between two looks at least: on a GPU a look waits for it. Default 250. */
  readonly interval?: number
  readonly signal?: AbortSignal
}

/**
 * Trains, on any device, from the step at which the session is.
 *
 * @throws as the session; ERR_DISPOSED for a GPU that was lost
 */
export async function* train(
  session: Session,
  network: Network,
  { ort, steps = Infinity, interval = 250, signal }: TrainOptions,
): AsyncGenerator<Progress> {
  const { step = 0, skippedSteps = 0 } = (await latestReport(session)) ?? {}
  // A step that was refused has used its batch.
  let tried = step + skippedSteps
  const end = tried + steps
  let [taken, since] = [0, performance.now()]
  const isStopped = (): boolean => signal?.aborted ?? false
  while (tried < end && !isStopped()) {
    await session.runTrainStep(network.batch(ort, tried))
    await session.runOptimizerStep()
    await session.lazyResetGrad()
    tried++
    taken++
    const isLast = tried === end || isStopped()
    if (!isLast && performance.now() - since < interval) continue
    const report = (await latestReport(session))!
    const speed = (1000 * taken * network.perStep) / (performance.now() - since)
    yield { step: report.step, loss: report.loss!, scale: report.scale, skipped: report.skippedSteps, speed }
    // A caller that looks at the network in the meantime takes no time of the training.
    ;[taken, since] = [0, performance.now()]
  }
}

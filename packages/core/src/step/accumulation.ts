import type { StepReport } from './report.js'

/** The name in checkpoints of the sum of a parameter's gradients, in the middle of an update. */
export const accumulatedSlot = 'accumulatedGradient'

/** The calls of `step` whose gradients and losses wait for the rest of their update. */
export interface Accumulated {
  readonly calls: number
  /** The sum of their losses; `undefined` if one of them had none. */
  readonly loss: number | undefined
}

export const nothingAccumulated: Accumulated = { calls: 0, loss: 0 }

/** Adds a call. */
export function withCall({ calls, loss: sum }: Accumulated, loss: number | undefined): Accumulated {
  return { calls: calls + 1, loss: sum === undefined || loss === undefined ? undefined : sum + loss }
}

/** The mean of the losses; `undefined` unless all are known. */
export function meanLoss({ calls, loss }: Accumulated): number | undefined {
  return loss === undefined ? undefined : loss / calls
}

/** The report of a call that waits for the rest of its update: that of the latest update, with the loss of the calls so far. */
export function waitingReport(report: StepReport, accumulated: Accumulated): StepReport {
  return { ...report, loss: meanLoss(accumulated) ?? null, skipped: false, accumulated: accumulated.calls }
}

import { performance } from 'node:perf_hooks'

import type { Batch } from '../data/batches.js'
import type { NetworkArray } from '../network/network.js'
import type { Setting } from '../settings.js'
import type { EpochRecord, Framework, StepRecord } from './framework.js'

/** One optimiser's training in one framework, up to where it ended. */
export interface Run {
  readonly framework: Pick<Framework, 'id' | 'title' | 'loss'>
  readonly setting: Setting
  readonly steps: readonly StepRecord[]
  readonly epochs: readonly EpochRecord[]
  readonly seconds: number
  /** Whether all requested steps were taken. */
  readonly complete: boolean
  /** The reason of a failure. */
  readonly failure?: string
}

/** The common part of all runs. */
export interface Plan {
  readonly frameworks: readonly Framework[]
  readonly settings: readonly Setting[]
  readonly network: readonly NetworkArray[]
  readonly batches: readonly Batch[]
  readonly test: Batch
  readonly epochs: number
  readonly signal: AbortSignal
}

/** Receives events while the runs go on. */
export interface Listener {
  readonly runStarts: (run: Run, totalSteps: number) => void
  readonly stepTaken: (run: Run, record: StepRecord) => void
  readonly epochEnded: (run: Run, record: EpochRecord) => void
  readonly runEnded: (run: Run) => void
}

/**
 * Trains every setting in every framework, one after the other, until done or aborted. A framework with its own settings
 * skips the others, except rows of learning rates, which fit any network.
 */
export async function runAll(plan: Plan, listener: Listener): Promise<Run[]> {
  const runs: Run[] = []
  for (const framework of plan.frameworks)
    for (const setting of plan.settings) {
      if (plan.signal.aborted) return runs
      const own = framework.settings?.find(({ id }) => id === setting.id)
      if (setting.only?.includes(framework.id) === false) continue
      if (framework.settings && !own && !setting.rate) continue
      runs.push(await runOne(plan, framework, own ?? setting, listener))
    }
  return runs
}

async function runOne(plan: Plan, framework: Framework, setting: Setting, listener: Listener): Promise<Run> {
  const { network, batches, test, epochs, signal } = plan
  const steps: StepRecord[] = []
  const epochRecords: EpochRecord[] = []
  const start = performance.now()
  const state = (): Run => ({
    framework,
    setting,
    steps,
    epochs: epochRecords,
    seconds: (performance.now() - start) / 1000,
    complete: steps.length === epochs * batches.length,
  })

  listener.runStarts(state(), epochs * batches.length)
  let run: Run
  try {
    await framework.train({
      network,
      batches,
      test,
      epochs,
      setting,
      signal,
      onStep: (record) => {
        steps.push(record)
        listener.stepTaken(state(), record)
      },
      onEpoch: (record) => {
        epochRecords.push(record)
        listener.epochEnded(state(), record)
      },
    })
    run = state()
  } catch (error) {
    // One optimiser's failure must not lose the results of the others.
    run = { ...state(), complete: false, failure: error instanceof Error ? error.message : String(error) }
  }
  listener.runEnded(run)
  return run
}

/** Mean over the steps of one epoch (counted from 1); null when it has none. */
export function meanOfEpoch(
  run: Run,
  epoch: number,
  stepsPerEpoch: number,
  key: 'loss' | 'accuracy',
): number | null {
  const part = run.steps.slice((epoch - 1) * stepsPerEpoch, epoch * stepsPerEpoch)
  return part.length === 0 ? null : part.reduce((sum, record) => sum + record[key], 0) / part.length
}

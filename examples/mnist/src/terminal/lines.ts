import { meanOfEpoch, type Listener, type Run } from '../training/run.js'
import { formatNumber, formatShare } from './figures.js'

/** Writes one plain line per epoch: for files, pipes and terminals without cursor control. */
export function createLines(write: (line: string) => void, epochs: number, stepsPerEpoch: number): Listener {
  return {
    runStarts: (run) => write(`${run.setting.title} in ${run.framework.title}`),
    stepTaken: () => {},
    epochEnded: (run, { epoch, testAccuracy }) => {
      if (epoch === 0) return
      const parts = [
        `epoch ${epoch}/${epochs}`,
        `loss ${formatNumber(meanOfEpoch(run, epoch, stepsPerEpoch, 'loss'))}`,
        `accuracy ${formatShare(meanOfEpoch(run, epoch, stepsPerEpoch, 'accuracy'))}`,
        `test ${formatShare(testAccuracy)}`,
        `ρ ${formatNumber(run.steps.at(-1)?.scale)}`,
        `${run.seconds.toFixed(1)} s`,
      ]
      write(`  ${parts.join('  ')}`)
    },
    runEnded: (run) => {
      const trouble = troubleOf(run)
      if (trouble !== null) write(`  ${trouble}`)
    },
  }
}

/** The reason why a run did not finish, in words; null when it did. */
export function troubleOf(run: Run): string | null {
  if (run.failure !== undefined) return `failed after ${run.steps.length} steps: ${run.failure}`
  return run.complete ? null : `stopped after ${run.steps.length} steps`
}

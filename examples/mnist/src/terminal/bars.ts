import type { WriteStream } from 'node:tty'

import { Presets, SingleBar } from 'cli-progress'

import type { Listener, Run } from '../training/run.js'
import { formatNumber, formatShare } from './figures.js'
import { troubleOf } from './lines.js'

/** Progress bars on a terminal, one for each run; `release` gives the terminal back in the middle of one. */
export interface Bars extends Listener {
  readonly release: () => void
}

/** Draws a bar with the loss, the accuracies and the factor ρ for each run. */
export function createBars(stream: WriteStream): Bars {
  let bar: SingleBar | undefined
  let framework: string | undefined
  let running = { loss: 0, accuracy: 0 }
  const payload = (run: Run) => ({
    title: run.setting.title.padEnd(18),
    loss: formatNumber(run.steps.length > 0 ? running.loss : null).padStart(6),
    accuracy: formatShare(run.steps.length > 0 ? running.accuracy : null).padStart(5),
    rho: formatNumber(run.steps.at(-1)?.scale).padStart(6),
    test: formatShare(run.epochs.at(-1)?.testAccuracy),
  })
  return {
    runStarts: (run, totalSteps) => {
      if (run.framework.id !== framework) stream.write(`${run.framework.title}\n`)
      framework = run.framework.id
      bar = new SingleBar(
        {
          stream,
          format: '{title}{bar} loss {loss}  accuracy {accuracy}  ρ {rho}  test {test}',
          // With this the line fits into 80 columns.
          barsize: 11,
          hideCursor: true,
          // The program handles Ctrl-C.
          gracefulExit: false,
        },
        Presets.shades_classic,
      )
      bar.start(totalSteps, 0, payload(run))
    },
    stepTaken: (run, { step, loss, accuracy }) => {
      // Single batches are noisy; an average over some ten of them is readable.
      const weight = Math.max(1 / step, 0.1)
      const mix = (old: number, now: number): number => old + weight * (now - old)
      running = { loss: mix(running.loss, loss), accuracy: mix(running.accuracy, accuracy) }
      bar?.update(step, payload(run))
    },
    epochEnded: (run) => bar?.update(run.steps.length, payload(run)),
    runEnded: (run) => {
      bar?.update(run.steps.length, payload(run))
      bar?.stop()
      bar = undefined
      const trouble = troubleOf(run)
      if (trouble !== null) stream.write(`  ${trouble}\n`)
    },
    release: () => bar?.stop(),
  }
}

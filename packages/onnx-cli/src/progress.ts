import { Presets, SingleBar } from 'cli-progress'
import type { Surroundings } from './io.js'
import { formatNumber } from './text.js'

/** The results of a training step. */
export interface StepNews {
  /** Counted from 1, through all epochs. */
  readonly step: number
  readonly epoch: number
  readonly loss: number
  /** The factor ρ; null if the optimiser has none. */
  readonly scale: number | null
}

/** Shows the progress of a training. */
export interface Progress {
  readonly start: (done: number) => void
  readonly step: (news: StepNews) => void
  /** Prints a line of its own, below or between. */
  readonly say: (line: string) => void
  readonly stop: () => void
}

/** The extent of a training. */
export interface Extent {
  readonly steps: number
  readonly epochs: number
  /** The steps between two lines. */
  readonly logEvery: number
}

/** Creates a progress display: a bar on a terminal, lines elsewhere. */
export function createProgress({ stdout, onRelease }: Surroundings, extent: Extent): Progress {
  // A dumb terminal cannot move its cursor.
  if (stdout.isTTY !== true || process.env['TERM'] === 'dumb') return createLines(stdout, extent)
  const bar = createBar(stdout, extent)
  onRelease?.(bar.stop)
  return bar
}

function createLines(stdout: NodeJS.WritableStream, { steps, epochs, logEvery }: Extent): Progress {
  const say = (line: string): void => void stdout.write(`${line}\n`)
  return {
    start: () => {},
    step: ({ step, epoch, loss, scale }) => {
      if (step % logEvery !== 0 && step !== steps) return
      const factor = scale === null ? '' : `  ρ ${formatNumber(scale)}`
      say(`epoch ${epoch}/${epochs}  step ${step}/${steps}  loss ${formatNumber(loss)}${factor}`)
    },
    say,
    stop: () => {},
  }
}

function createBar(stdout: Surroundings['stdout'], { steps, epochs }: Extent): Progress {
  const bar = new SingleBar(
    {
      stream: stdout,
      format: 'epoch {epoch} {bar} {value}/{total}  loss {loss}{factor}  {eta_formatted} left',
      barsize: 20,
      hideCursor: true,
      // The program handles Ctrl-C itself.
      gracefulExit: false,
    },
    Presets.shades_classic,
  )
  let average: number | undefined
  let shown = { epoch: `1/${epochs}`, loss: '–', factor: '' }
  let running = false
  return {
    start: (done) => {
      running = true
      bar.start(steps, done, shown)
    },
    step: ({ step, epoch, loss, scale }) => {
      // The loss of a single batch is noisy; an average over about ten of them is readable.
      // A skipped step has none, and would stay in the average.
      if (Number.isFinite(loss)) average = average === undefined ? loss : average + 0.1 * (loss - average)
      const factor = scale === null ? '' : `  ρ ${formatNumber(scale)}`
      shown = { epoch: `${epoch}/${epochs}`, loss: formatNumber(average ?? loss), factor }
      bar.update(step, shown)
    },
    say: (line) => {
      if (running) bar.stop()
      stdout.write(`${line}\n`)
      if (running) bar.start(steps, (bar as unknown as { value: number }).value, shown)
    },
    stop: () => {
      if (running) bar.stop()
      running = false
    },
  }
}

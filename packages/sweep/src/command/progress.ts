import { Presets, SingleBar } from 'cli-progress'
import type { Progress, SweepEvent } from '../events.js'
import { formatDuration, formatNumber, formatValue } from '../report/text.js'
import type { Surroundings } from './io.js'

/** Shows the events of a sweep. */
export interface Display {
  readonly show: (event: SweepEvent) => void
  readonly stop: () => void
}

/** Creates a display: a bar on a terminal, lines elsewhere. */
export function createDisplay(surroundings: Surroundings, quiet: boolean): Display {
  const { stdout, onRelease } = surroundings
  // A dumb terminal cannot move its cursor.
  if (stdout.isTTY !== true || process.env['TERM'] === 'dumb') return createLines(stdout, quiet)
  const bar = createBar(stdout)
  onRelease?.(bar.stop)
  return bar
}

/** The time that is left, by the runs of this call. Empty before there are any. */
function left({ total, done, found }: Progress, begin: number): string {
  const now = done - found
  if (now === 0 || done >= total) return ''
  return formatDuration((((performance.now() - begin) / 1000) * (total - done)) / now)
}

function facts({ best, failed, running }: Progress): string {
  const parts = [`${running} running`]
  if (best !== undefined) parts.push(`best ${formatNumber(best.value)} (number ${best.configuration})`)
  if (failed > 0) parts.push(`${failed} without a result`)
  return parts.join(', ')
}

function describe({ run }: Extract<SweepEvent, { kind: 'run' }>): string {
  const values = Object.entries(run.hyperparameters).map(([name, value]) => `${name} ${formatValue(value)}`)
  const result = run.value === null ? '' : ` ${formatNumber(run.value)}`
  const why = run.error === null ? '' : `: ${run.error.split('\n')[0]}`
  return `number ${run.configuration} seed ${run.seed} ${run.status}${result} in ${formatDuration(run.seconds)} (${values.join(', ')})${why}`
}

function createLines(stdout: NodeJS.WritableStream, quiet: boolean): Display {
  let begin = performance.now()
  const say = (line: string): void => void stdout.write(`${line}\n`)
  return {
    show(event) {
      const { progress } = event
      if (event.kind === 'notice') say(event.notice)
      else if (event.kind === 'start') {
        begin = performance.now()
        say(`${progress.study}: ${progress.done} of ${progress.total} runs are done`)
      } else if (event.kind === 'run' && !quiet) {
        const time = left(progress, begin)
        say(`${progress.done}/${progress.total} ${describe(event)}${time === '' ? '' : `  ${time} left`}`)
      }
    },
    stop: () => {},
  }
}

function createBar(stdout: Surroundings['stdout']): Display {
  const bar = new SingleBar(
    {
      stream: stdout,
      format: '{study} {bar} {value}/{total}  {facts}{left}',
      barsize: 20,
      hideCursor: true,
      // The program handles Ctrl-C itself.
      gracefulExit: false,
    },
    Presets.shades_classic,
  )
  let begin = performance.now()
  let [running, last] = [false, undefined as Progress | undefined]
  const payload = (progress: Progress) => {
    const time = left(progress, begin)
    return { study: progress.study, facts: facts(progress), left: time === '' ? '' : `  ${time} left` }
  }
  const start = (progress: Progress): void => {
    running = true
    bar.start(progress.total, progress.done, payload(progress))
  }
  const stop = (): void => {
    if (running) bar.stop()
    running = false
  }
  return {
    show(event) {
      last = event.progress
      if (event.kind === 'start') {
        begin = performance.now()
        start(last)
      } else if (event.kind !== 'notice') bar.update(last.done, payload(last))
      else {
        // A line of its own above the bar.
        stop()
        stdout.write(`${event.notice}\n`)
        if (last.done < last.total) start(last)
      }
    },
    stop,
  }
}

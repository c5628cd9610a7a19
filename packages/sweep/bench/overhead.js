// npm run bench -w packages/sweep [-- RUNS]
//
// What a sweep costs beside its runs: runs of one second in one thread and in two. Two cores should be idle.
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { runStudy } from '@induced-metric/sweep'

const runs = Number(process.argv[2] ?? 20)
const study = new URL('work.js', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'induced-metric-bench-'))
process.env['TRIALS'] = String(runs)

/** @param {number} threads */
async function measure(threads) {
  let [begin, end] = [0, 0]
  let work = 0
  await runStudy(study, {
    results: join(folder, `${threads}.sqlite`),
    threads,
    onEvent: (event) => {
      if (event.kind !== 'run') return
      // Threads start and load the study once; what counts is a long study.
      if (event.progress.done <= threads) begin = performance.now()
      else work += event.run.seconds
      end = performance.now()
    },
  })
  return { wall: (end - begin) / 1000, work }
}

console.log(`load of the machine before: ${loadavg()[0]?.toFixed(2)}`)
const [one, two] = [await measure(1), await measure(2)]
rmSync(folder, { recursive: true })
const overhead = (one.wall / one.work - 1) * 100
console.log(
  `one thread: ${one.wall.toFixed(2)} s for ${one.work.toFixed(2)} s of runs, ${overhead.toFixed(2)} % more`,
)
console.log(
  `two threads: ${two.wall.toFixed(2)} s for ${two.work.toFixed(2)} s of runs; ${((one.wall * (runs - 2)) / (runs - 1) / two.wall).toFixed(2)} times as fast`,
)
console.log(`of which the pool alone: ${(two.work / two.wall).toFixed(2)} runs at a time`)

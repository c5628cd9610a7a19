import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { openResults } from '@induced-metric/sweep/results'

import { cacheFolder, pathOf } from './scope.js'
import type { Targets } from './targets.js'

/** Writes results/targets.json: by workload, the median over the seeds at the best of Adam's rates. */
export function exportTargets(): void {
  const file = openResults(join(cacheFolder, 'targets.sqlite'))
  try {
    const targets: Record<string, number> = {}
    for (const { hyperparameters, runs } of file.read('targets').trials) {
      const workload = hyperparameters['workload'] as string
      const loss = median(runs.map(({ value }) => value ?? Infinity))
      targets[workload] = Number(Math.min(loss, targets[workload] ?? Infinity).toPrecision(4))
    }
    write(targets)
  } finally {
    file.close()
  }
}

/** The middle one of an odd number of values. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function write(targets: Targets): void {
  const command = 'npm run study -w examples/optimizer-benchmark targets'
  writeFileSync(pathOf('results/targets.json'), `${JSON.stringify({ command, targets }, undefined, 2)}\n`)
}

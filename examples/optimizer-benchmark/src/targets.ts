import { readFileSync } from 'node:fs'

import { pathOf } from './scope.js'

/** The loss to reach, by workload. */
export type Targets = Readonly<Record<string, number>>

/** The targets that the study `targets` found. */
export function readTargets(): Targets {
  return (JSON.parse(readFileSync(pathOf('results/targets.json'), 'utf8')) as { targets: Targets }).targets
}

/** @throws Error for a workload without a target */
export function targetOf(targets: Targets, workload: string): number {
  const target = targets[workload]
  if (target === undefined)
    throw new Error(
      `results/targets.json has no target for ${workload}: run the study of targets, and its export.`,
    )
  return target
}

import type { Run } from '../run.js'

/** The runs of an optimiser at a rate, over the seeds. */
export interface Point {
  readonly rate: number
  /** Median; infinite where that run did not end with a finite loss. */
  readonly loss: number
  readonly least: number
  readonly most: number
  readonly accuracy: number | undefined
  readonly seeds: number
}

/** The points of an optimiser on a task, in ascending order of the rate. */
export function pointsOf(runs: readonly Run[], optimizer: string): Point[] {
  const own = runs.filter((run) => run.optimizer === optimizer)
  const rates = [...new Set(own.map(({ rate }) => rate))].sort((one, other) => one - other)
  return rates.map((rate) => {
    const seeds = own.filter((run) => run.rate === rate)
    const losses = seeds.map(({ loss }) => loss ?? Infinity).sort((one, other) => one - other)
    const accuracies = seeds.flatMap(({ accuracy }) => accuracy ?? [])
    return {
      rate,
      loss: median(losses),
      least: losses[0]!,
      most: losses.at(-1)!,
      accuracy: accuracies.length === 0 ? undefined : median(accuracies),
      seeds: seeds.length,
    }
  })
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}

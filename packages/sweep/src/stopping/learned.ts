import type { LossCurve, StoppingRule, Thresholds } from './rule.js'

/** Learns from runs, in their order, and tells the thresholds of the next one. */
export interface LearnedThresholds {
  /** @param curve - of a run, whether it finished or was stopped */
  readonly learn: (curve: LossCurve) => void
  /** The thresholds for a run that begins now. */
  readonly thresholds: () => Thresholds
}

/** Creates the memory of a rule. */
export function learnThresholds({ name, options }: StoppingRule): LearnedThresholds {
  return name === 'medianRule'
    ? learnMedians(options['startup']!, options['warmup']!)
    : learnRungs(options['firstStep']!, options['factor']!)
}

/** Puts a number into a sorted list. NaN counts as the worst. */
function insert(sorted: number[], given: number): void {
  const value = Number.isNaN(given) ? Infinity : given
  let [from, to] = [0, sorted.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (sorted[middle]! <= value) from = middle + 1
    else to = middle
  }
  sorted.splice(from, 0, value)
}

function learnMedians(startup: number, warmup: number): LearnedThresholds {
  const bySteps = new Map<number, number[]>()
  return {
    learn(curve) {
      for (const [step, loss] of curve) {
        if (step <= warmup) continue
        const sorted = bySteps.get(step) ?? []
        insert(sorted, loss)
        bySteps.set(step, sorted)
      }
    },
    thresholds: () =>
      [...bySteps]
        .filter(([, sorted]) => sorted.length >= startup)
        .map(([step, sorted]): [number, number] => [step, medianOf(sorted)])
        .filter(([, median]) => Number.isFinite(median))
        .sort(([a], [b]) => a - b),
  }
}

function medianOf(sorted: readonly number[]): number {
  const [low, high] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!]
  return low === high ? low : (low + high) / 2
}

function learnRungs(firstStep: number, factor: number): LearnedThresholds {
  const rungs: number[][] = []
  return {
    learn(curve) {
      let best = Infinity
      let rung = 0
      for (const [step, loss] of curve) {
        if (loss < best) best = loss
        while (step >= firstStep * factor ** rung) insert((rungs[rung++] ??= []), best)
      }
    },
    thresholds: () =>
      rungs.flatMap((sorted, rung): [number, number][] => {
        // The run itself takes part: of n others and itself, the best (n + 1)/factor go on.
        const promoted = Math.floor((sorted.length + 1) / factor)
        const worst = sorted[promoted - 1]
        return worst === undefined || !Number.isFinite(worst) ? [] : [[firstStep * factor ** rung, worst]]
      }),
  }
}

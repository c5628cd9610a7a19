import type { Optimizer } from '@induced-metric/core'
import type { Formula } from './formula.js'
import type { AxisId } from './numbers.js'
import { outcomes, type Outcome } from './outcomes.js'
import { cellSettings, phaseSize } from './phaseAxes.js'
import { createPointOptimizer, descend } from './run.js'
import type { Settings } from './settings.js'
import { createSurface, type Surface } from './surface.js'
import { createTransformation } from './transformation.js'

/** The ends of a run for every cell of some rows. */
export interface PhaseRows {
  readonly firstRow: number
  /** Final losses, row after row. */
  readonly losses: Float64Array
  /** Indices among {@link outcomes}. */
  readonly outcomes: Uint8Array
}

/** What a run reads at every step, so that no new optimiser is needed for another value. */
const perStep: ReadonlySet<AxisId> = new Set(['rate', 'xi', 'perRate', 'noise', 'lift'])

/** Makes the runs of rows of the phase diagram. One optimiser serves all that differ in numbers which it reads at every step. */
class CellRunner {
  #current: Settings | undefined
  #optimizer: Optimizer | undefined
  readonly #surface: Surface

  constructor(surface: Surface) {
    this.#surface = surface
  }

  run(settings: Settings): { readonly loss: number; readonly outcome: Outcome } {
    this.#prepare(settings)
    return descend(this.#optimizer!, this.#surface, settings)
  }

  #prepare(settings: Settings): void {
    const before = this.#current
    this.#current = settings
    const { axisX, axisY } = settings
    const isSame =
      before !== undefined &&
      [axisX, axisY].every((axis) => perStep.has(axis) || before[axis] === settings[axis])
    if (isSame) {
      this.#optimizer!.reset()
      return
    }
    this.#optimizer?.dispose()
    const xiOf = ({ xiMode, xi, perRate, rate }: Settings): number =>
      ({ number: xi, rate: perRate * rate, off: 0 })[xiMode]
    const transformation = createTransformation(settings, {
      learningRate: () => this.#current!.rate,
      xi: () => xiOf(this.#current!),
    })
    this.#optimizer = createPointOptimizer(transformation)
  }

  dispose(): void {
    this.#optimizer?.dispose()
  }
}

/**
 * Makes the runs of some rows.
 *
 * @param rows the first, and the one after the last
 */
export function computePhase(
  settings: Settings,
  formula: Formula,
  [from, to]: readonly [number, number],
): PhaseRows {
  const runner = new CellRunner(createSurface(formula))
  const losses = new Float64Array((to - from) * phaseSize)
  const ends = new Uint8Array(losses.length)
  try {
    for (let row = from; row < to; row++)
      for (let column = 0; column < phaseSize; column++) {
        const { loss, outcome } = runner.run(cellSettings(settings, column, row))
        const cell = (row - from) * phaseSize + column
        losses[cell] = loss
        ends[cell] = outcomes.indexOf(outcome)
      }
  } finally {
    runner.dispose()
  }
  return { firstRow: from, losses, outcomes: ends }
}

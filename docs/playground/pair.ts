import type { Formula } from './formula.js'
import { record, type Run } from './run.js'
import type { Settings } from './settings.js'
import { createSurface } from './surface.js'
import { createBeside, createTransformation } from './transformation.js'

/** A run with the metric, and the one beside it. */
export interface RunPair {
  readonly induced: Run
  readonly beside: Run
  /** Whether both visit the same points, to the last bit. */
  readonly isSame: boolean
  /** The largest distance between points of the same step. */
  readonly difference: number
}

/** Both runs that settings mean, on the surface of a formula. */
export function runPair(settings: Settings, formula: Formula): RunPair {
  const surface = createSurface(formula)
  const induced = record(createTransformation(settings), surface, settings)
  const beside = record(createBeside(settings), surface, settings)
  const [a, b] = [induced.path, beside.path]
  const isSame = a.length === b.length && a.every((value, i) => Object.is(value, b[i]))
  let difference = 0
  for (let i = 0; i < Math.min(a.length, b.length); i += 2)
    difference = Math.max(difference, Math.hypot(a[i]! - b[i]!, a[i + 1]! - b[i + 1]!))
  return { induced, beside, isSame, difference }
}

import { unitBall } from './ball.js'
import type { Run } from './run.js'
import type { View } from './state.js'
import type { Point } from './surfaces.js'

/** The unit ball at a point: the base's own, and the induced one, as corners in the plane. */
export interface Ball {
  readonly round: readonly Point[]
  readonly pressed: readonly Point[]
}

/** The points of a run up to a step, as far as they are finite. */
export function pointsOf({ path }: Run, steps: number): Point[] {
  const list: Point[] = []
  for (let i = 0; i < path.length && i <= 2 * steps; i += 2) {
    if (!Number.isFinite(path[i]) || !Number.isFinite(path[i + 1])) break
    list.push([path[i]!, path[i + 1]!])
  }
  return list
}

/** The diagonal of P as a run had it at a step; that of the plane's own measure where it took none. */
function mapAt({ preconditioner, scales }: Run, step: number): Point {
  const at = 2 * Math.min(Math.max(0, step - 1), scales.length - 1)
  return [preconditioner[at] ?? 1, preconditioner[at + 1] ?? 1]
}

function dualNorm({ surface }: View, [x, y]: Point, map: Point): number {
  return surface.value.slopeX(x, y) ** 2 * map[0] + surface.value.slopeY(x, y) ** 2 * map[1]
}

/** Both balls at a point where the metric's weight on the loss axis is f′²·v̂ = `pressure`; undefined where P is 0 or unknown. */
function ballOf(pg: View, centre: Point, map: Point, pressure: number): Ball | undefined {
  const { surface, choice } = pg
  const { view } = choice.value
  const largest = Math.max(...map)
  if (!(largest > 0 && largest < Infinity)) return undefined
  const gradient: Point = [surface.value.slopeX(...centre), surface.value.slopeY(...centre)]
  // As large as can be seen: the unit itself is mostly far larger or smaller than the picture.
  const radius = (0.085 * (view[2] - view[0])) / Math.sqrt(largest)
  const dual = dualNorm(pg, centre, map)
  const weight = dual > 0 && Number.isFinite(pressure) ? pressure / dual : 0
  return {
    round: unitBall(centre, map, gradient, 0, radius),
    pressed: unitBall(centre, map, gradient, weight, radius),
  }
}

/** The ball from which the chosen step was taken. */
export function ballAtStep(pg: View, run: Run): Ball | undefined {
  const from = Math.max(0, Math.min(pg.step.value, run.scales.length) - 1)
  const pressure = pg.lift.value.slope(run.losses[from]!) ** 2 * (run.metrics[from] ?? 0)
  const centre: Point = [run.path[2 * from]!, run.path[2 * from + 1]!]
  return ballOf(pg, centre, mapAt(run, pg.step.value), pressure)
}

/** The ball at any point, without an average: v̂ = ξs. */
export function ballAt(pg: View, run: Run, centre: Point): Ball | undefined {
  const map = mapAt(run, pg.step.value)
  const { xiMode, xi, perRate, rate } = pg.settings.value
  const weight = { number: xi, rate: perRate * rate, off: 0 }[xiMode]
  const slope = pg.lift.value.slope(pg.surface.value.value(...centre))
  return ballOf(pg, centre, map, slope ** 2 * weight * dualNorm(pg, centre, map))
}

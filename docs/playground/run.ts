import { createOptimizer, type Optimizer, type Transformation } from '@induced-metric/core'
import { createNoise, noiseSeed } from './noise.js'
import type { Outcome } from './outcomes.js'
import { mapIn, showMap } from './preconditionerMap.js'
import type { Settings } from './settings.js'
import type { Surface } from './surface.js'

/** A run, with the numbers of every step. */
export interface Run {
  /** The points from the start on: x and y in turn. */
  readonly path: Float64Array
  /** L at every point, not lifted. */
  readonly losses: Float64Array
  /** ρ of every step. */
  readonly scales: Float64Array
  /** s of every step; NaN where it is not computed. */
  readonly dualNorms: Float64Array
  /** v̂ of every step. */
  readonly metrics: Float64Array
  /** The diagonal of the base's P at every step: two numbers a step. */
  readonly preconditioner: Float64Array
  /** Whether P is a linear map; else it is the one that takes the average of the gradients to the step. */
  readonly isLinear: boolean
  readonly outcome: Outcome
  /** The seconds that the steps took. */
  readonly seconds: number
}

/** The end of a run. */
export interface End {
  readonly x: number
  readonly y: number
  readonly loss: number
  readonly outcome: Outcome
}

/** A loss this small counts as the minimum. */
const tolerance = 1e-7

/** Beyond this, a run is not followed. */
const beyond = 1e100

/** An optimiser of the point, whose point and gradient are views of its memory. */
export function createPointOptimizer(transformation: Transformation): Optimizer {
  return createOptimizer(transformation, [{ name: 'point', shape: [2], data: new Float64Array(2) }], {
    adopt: true,
  })
}

type RunSettings = Pick<Settings, 'startX' | 'startY' | 'steps' | 'noise' | 'lift'>

/**
 * Takes an optimiser's steps down a surface, from a state in which it has taken none.
 *
 * @param onStep is called after every step
 */
export function descend(
  optimizer: Optimizer,
  surface: Surface,
  { startX, startY, steps, noise, lift }: RunSettings,
  onStep?: (step: number, loss: number) => void,
): End {
  const { value, slopeX, slopeY } = surface
  const point = optimizer.parameters[0]!.data
  const gradient = optimizer.gradients[0]!.data
  const gradients = [gradient]
  const random = noise === 0 ? undefined : createNoise(noiseSeed)
  const given = { loss: 0 }
  point[0] = startX
  point[1] = startY
  const first = value(startX, startY)
  let loss = first
  for (let step = 1; step <= steps; step++) {
    const [x, y] = [point[0], point[1]]
    gradient[0] = slopeX(x, y)
    gradient[1] = slopeY(x, y)
    if (random) {
      gradient[0] += noise * random()
      gradient[1] += noise * random()
    }
    given.loss = loss + lift
    optimizer.step(gradients, given)
    loss = value(point[0], point[1])
    onStep?.(step, loss)
    if (!(Math.abs(loss) < beyond)) break
  }
  return { x: point[0], y: point[1], loss, outcome: outcomeOf(first, loss) }
}

function outcomeOf(first: number, last: number): Outcome {
  if (!(Math.abs(last) < beyond)) return 'diverged'
  if (last <= tolerance) return 'converged'
  return last <= first ? 'falling' : 'bounded'
}

/** Runs an optimiser from the settings' start, and records it. */
export function record(transformation: Transformation, surface: Surface, settings: RunSettings): Run {
  const showing = showMap(transformation)
  const optimizer = createPointOptimizer(showing.transformation)
  const { startX, startY } = settings
  const path = [startX, startY]
  const losses = [surface.value(startX, startY)]
  const columns = { scales: [] as number[], dualNorms: [] as number[], metrics: [] as number[] }
  const map: number[] = []
  const began = performance.now()
  const { outcome } = descend(optimizer, surface, settings, (_, loss) => {
    const point = optimizer.parameters[0]!.data
    const { scale, dualNorm, metric } = optimizer.report
    path.push(point[0]!, point[1]!)
    losses.push(loss)
    columns.scales.push(scale)
    columns.dualNorms.push(dualNorm)
    columns.metrics.push(metric)
    const { 0: mapX, 1: mapY } = mapIn(optimizer.slots[0]!)
    map.push(mapX!, mapY!)
  })
  const seconds = (performance.now() - began) / 1000
  optimizer.dispose()
  return {
    path: Float64Array.from(path),
    losses: Float64Array.from(losses),
    scales: Float64Array.from(columns.scales),
    dualNorms: Float64Array.from(columns.dualNorms),
    metrics: Float64Array.from(columns.metrics),
    preconditioner: Float64Array.from(map),
    isLinear: showing.isLinear(),
    outcome,
    seconds,
  }
}

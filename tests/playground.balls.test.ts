import { beforeAll, describe, expect, it } from 'vitest'
import { unitBall } from '../docs/playground/ball.js'
import { bases, type BaseId } from '../docs/playground/bases.js'
import { loadParts } from '../docs/playground/parts.js'
import { record, type Run } from '../docs/playground/run.js'
import { defaults, type Settings } from '../docs/playground/settings.js'
import { createSurface } from '../docs/playground/surface.js'
import { surfaces } from '../docs/playground/surfaces.js'
import { createTransformation } from '../docs/playground/transformation.js'

// The unit balls of the playground.

const surface = createSurface(surfaces.valley.formula)
const runOf = (patch: Partial<Settings>): Run => {
  const settings: Settings = { ...defaults, rate: 0.05, steps: 30, startX: -1.6, startY: 2.4, ...patch }
  return record(createTransformation(settings), surface, settings)
}
beforeAll(() => loadParts({ base: 'lion', beside: 'same', embedding: 'root' }))

const ids = Object.keys(bases) as BaseId[]

/** The gradients at which a run took its steps, element by element. */
const gradientsOf = ({ path, scales }: Run): Float64Array =>
  Float64Array.from({ length: 2 * scales.length }, (_, at) => {
    const [x, y] = [path[at - (at % 2)]!, path[at - (at % 2) + 1]!]
    return at % 2 === 0 ? surface.slopeX(x, y) : surface.slopeY(x, y)
  })

it('the unit ball is the set of uᵀ(P⁻¹ + w·ggᵀ)u = r²', () => {
  const [map, gradient, weight, radius] = [[1 / 4, 1 / 9], [3, -2], 0.7, 0.5] as const
  for (const [x, y] of unitBall([1, 2], map, gradient, weight, radius)) {
    const [u, v] = [x - 1, y - 2]
    const along = gradient[0] * u + gradient[1] * v
    expect((u * u) / map[0] + (v * v) / map[1] + weight * along * along).toBeCloseTo(radius ** 2, 12)
  }
})

it('where an element of P is 0, the ball is flat', () => {
  const points = unitBall([1, 2], [1, 0], [3, -2], 0.7, 0.5)
  expect(points.every(([, y]) => y === 2)).toBe(true)
  expect(Math.max(...points.map(([x]) => x - 1))).toBeCloseTo(0.5 / Math.sqrt(1 + 0.7 * 9), 12)
})

/** P⁻¹ of some bases, from the gradients of one element so far, the latest last. */
const inverses: Partial<Record<BaseId, (gradients: readonly number[]) => number>> = {
  sgd: () => 1,
  heavyBall: () => 1,
  adam: (g) => Math.sqrt(average(g.map(square), 0.999)) + 1e-8,
  adamax: (g) => g.reduce((u, x) => Math.max(0.999 * u, Math.abs(x)), 0) + 1e-8,
  rmsprop: (g) => Math.sqrt(g.reduce((v, x) => 0.99 * v + 0.01 * x * x, 0)) + 1e-8,
  signum: (g) => Math.abs(average(g, defaults.momentum)),
  tiger: (g) => Math.abs(average(g, defaults.momentum)),
  lion: (g) => {
    const before = g.slice(0, -1)
    const m = before.reduce((m, x) => 0.99 * m + 0.01 * x, 0)
    const mean = defaults.momentum * m + (1 - defaults.momentum) * g.at(-1)!
    return Math.abs(mean) / (1 - defaults.momentum * 0.99 ** before.length)
  },
}

const square = (x: number): number => x * x

function average(values: readonly number[], rate: number): number {
  const sum = values.reduce((m, x) => rate * m + (1 - rate) * x, 0)
  return sum / (1 - rate ** values.length)
}

describe('P in a run', () => {
  it.each(Object.entries(inverses))('of %s is what its formula says', (base, inverse) => {
    const run = runOf({ base: base as BaseId })
    const gradients = gradientsOf(run)
    for (let at = 0; at < run.preconditioner.length; at++) {
      const own = Array.from({ length: (at >> 1) + 1 }, (_, step) => gradients[2 * step + (at % 2)]!)
      expect(run.preconditioner[at]! * inverse(own), `element ${at}`).toBeCloseTo(1, 9)
    }
  })

  it.each(ids)("of %s gives the core's s = gᵀPg", (base) => {
    // Without momentum, the average of gradients is the gradient, and a P that is not linear has this s as well.
    const run = runOf({ base, momentum: 0 })
    const gradients = gradientsOf(run)
    expect(run.scales.length).toBe(30)
    run.dualNorms.forEach((s, step) => {
      const [x, y] = [2 * step, 2 * step + 1]
      const own = gradients[x]! ** 2 * run.preconditioner[x]! + gradients[y]! ** 2 * run.preconditioner[y]!
      expect(Math.abs(own - s), `step ${step}`).toBeLessThanOrEqual(1e-9 * s)
    })
  })

  it('is told apart from the P of a base whose steps have a length of their own', () => {
    const found = ids.filter((base) => !runOf({ base, steps: 10 }).isLinear)
    expect(found).toEqual(['adamAtan2', 'lion', 'rprop', 'signum', 'tiger'])
  })

  it.each(ids)('of %s is known where an element of the gradient is 0, and nothing moves there', (base) => {
    const settings: Settings = { ...defaults, base, rate: 0.05, steps: 20, startX: 1.3, startY: 0 }
    const { preconditioner, path } = record(
      createTransformation(settings),
      createSurface(surfaces.saddle.formula),
      settings,
    )
    for (const value of preconditioner) expect(value).toBeGreaterThanOrEqual(0)
    // The gradient is 0 along y.
    for (let at = 1; at < path.length; at += 2) expect(path[at]).toBe(0)
  })
})

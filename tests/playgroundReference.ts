import { createOptimizer } from '@induced-metric/core'
import { createNoise, noiseSeed } from '../docs/playground/noise.js'
import { loadParser } from '../docs/playground/parser.js'
import { loadParts } from '../docs/playground/parts.js'
import { readSettings, type Settings } from '../docs/playground/settings.js'
import { createSurface } from '../docs/playground/surface.js'
import { formulaOf } from '../docs/playground/surfaces.js'
import { createBeside, createTransformation } from '../docs/playground/transformation.js'
import { cellSettings } from '../docs/playground/phaseAxes.js'

// The paths that the core's reference engine takes, from a loop of its own. The browser test runs it in the page, because engines of
// JavaScript round powers and sines differently.

/** The points that both optimisers visit: x and y in turn. */
function referencePaths(settings: Settings): { induced: number[]; beside: number[] } {
  const surface = createSurface(formulaOf(settings))
  const follow = (transformation: ReturnType<typeof createTransformation>): number[] => {
    const point = new Float64Array([settings.startX, settings.startY])
    const optimizer = createOptimizer(transformation, [{ name: 'point', shape: [2], data: point }], {
      engine: 'reference',
    })
    const random = createNoise(noiseSeed)
    const path = [...point]
    for (let step = 0; step < settings.steps; step++) {
      const [x, y] = point as unknown as [number, number]
      const gradient = [surface.slopeX(x, y), surface.slopeY(x, y)]
      if (settings.noise > 0) for (const i of [0, 1]) gradient[i]! += settings.noise * random()
      optimizer.step([Float64Array.from(gradient)], { loss: surface.value(x, y) + settings.lift })
      path.push(...point)
    }
    return path
  }
  return { induced: follow(createTransformation(settings)), beside: follow(createBeside(settings)) }
}

/** The paths of an address, or of a cell of its phase diagram. */
export async function referenceOf(
  query: string,
  cell?: readonly [column: number, row: number],
): Promise<{ induced: string[]; beside: string[]; loss: number }> {
  const settings = cell ? cellSettings(readSettings(query), ...cell) : readSettings(query)
  await Promise.all([loadParser(), loadParts(settings)])
  const { induced, beside } = referencePaths(settings)
  const surface = createSurface(formulaOf(settings))
  const loss = surface.value(induced.at(-2)!, induced.at(-1)!)
  return { induced: induced.map(String), beside: beside.map(String), loss }
}

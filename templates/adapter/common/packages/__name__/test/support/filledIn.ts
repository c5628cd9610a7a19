import { adam, inducedMetric } from '@induced-metric/core'
import type { ConformanceTarget } from '@induced-metric/conformance'

/** The error of the first function that says "fill in"; `undefined` if a step can be taken. Any other error is for the suite. */
export async function whatIsToFillIn(target: ConformanceTarget): Promise<Error | undefined> {
  const make = target.manifest.dtypes.includes('float32') ? Float32Array : Float64Array
  try {
    const transformation = inducedMetric(adam(), { learningRate: 0.1 })
    const parameters = [{ name: 'weights', shape: [2, 2], data: make.of(1, 2, 3, 4) }]
    const session = await target.create(transformation, parameters)
    await session.step([make.of(1, 1, 1, 1)], { loss: 1 })
    await session.read()
    await session.dispose?.()
  } catch (error) {
    if (error instanceof Error && /\bfill in\b/.test(error.message)) return error
  }
  return undefined
}

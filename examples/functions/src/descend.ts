import { createOptimizer, type Transformation } from '@induced-metric/core'

import { testFunctions, type Point, type TestFunction } from './functions.js'
import { transformationOf } from './optimizers.js'
import { rows, type Row } from './rows.js'

/** An optimiser's path down a function. */
export interface Way {
  /** From the start to the last point. */
  readonly path: readonly Point[]
  /** The function's value at every point of the path. */
  readonly values: readonly number[]
  /** Steps to the tolerance; null when it was not reached. */
  readonly iterations: number | null
  readonly finalValue: number
}

/** A published run, run again. */
export interface Descent extends Way {
  readonly row: Row
  readonly testFunction: TestFunction
  /** Whether the iterations and three digits of the last value agree with the published ones. */
  readonly reproduced: boolean
}

/** The paper gives up after this many steps. */
export const MAX_ITERATIONS = 1000

/** Follows one optimiser down a function, in double precision. */
export function follow(
  transformation: Transformation,
  testFunction: TestFunction,
  maxIterations: number = MAX_ITERATIONS,
): Way {
  const point = Float64Array.from(testFunction.start)
  const optimizer = createOptimizer(transformation, [{ name: 'point', shape: [2], data: point }])
  const path: Point[] = [testFunction.start]
  const values = [testFunction.value(...testFunction.start)]
  let iterations: number | null = null

  for (let step = 1; step <= maxIterations && iterations === null; step++) {
    const [x, y] = path.at(-1)!
    optimizer.step([Float64Array.from(testFunction.gradient(x, y))], { loss: values.at(-1)! })
    const reached: Point = [point[0]!, point[1]!]
    path.push(reached)
    values.push(testFunction.value(...reached))
    if (values.at(-1)! <= testFunction.tolerance) iterations = step
  }
  optimizer.dispose()
  return { path, values, iterations, finalValue: values.at(-1)! }
}

/** Runs a published run again. */
export function descend(row: Row, maxIterations: number = MAX_ITERATIONS): Descent {
  const testFunction = testFunctions[row.function]
  const way = follow(transformationOf(row), testFunction, maxIterations)
  const { published } = row
  const reproduced =
    way.iterations === published.iterations && threeDigits(way.finalValue) === published.value
  return { row, testFunction, ...way, reproduced }
}

let all: readonly Descent[] | undefined

/** All thirty published runs, which are run once. */
export function descendAll(): readonly Descent[] {
  all ??= rows.map((row) => descend(row))
  return all
}

/** A number as the paper prints it: `8.88e-08`. */
export function threeDigits(value: number): string {
  return value.toExponential(2).replace(/e([+-])(\d)$/, 'e$10$2')
}

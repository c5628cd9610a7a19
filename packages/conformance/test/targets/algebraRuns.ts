import type { Session, TargetParameter } from '@induced-metric/conformance'
import { createOptimizer, type MatrixRows, type Optimizer, type Transformation } from '@induced-metric/core'

/** A matrix, a kernel of a layer, a vector and a scalar. */
export function parametersOf(Type: Float32ArrayConstructor | Float64ArrayConstructor): TargetParameter[] {
  return [
    { name: 'matrix', shape: [3, 4] },
    { name: 'kernel', shape: [2, 1, 2, 3] },
    { name: 'vector', shape: [5] },
    { name: 'scalar', shape: [] },
  ].map(({ name, shape }, k) => {
    const size = shape.reduce((a, b) => a * b, 1)
    return { name, shape, data: Type.from(Array.from({ length: size }, (_, i) => Math.sin(1 + k + 1.7 * i))) }
  })
}

/** A loss and its gradients, which differ in size from element to element. */
export function differentiate(
  values: readonly ArrayLike<number>[],
  step: number,
): { loss: number; gradients: number[][] } {
  let loss = 1
  const gradients = values.map((data, k) =>
    Array.from(data, (x, i) => {
      const weight = 0.2 + ((i * 7 + k * 3 + step) % 5) / 4
      loss += (weight * x * x) / 2
      return weight * x
    }),
  )
  return { loss, gradients }
}

/** The values and slots after some steps by the reference engine, from the beginning or from a saved state. */
export function referenceRun(
  transformation: Transformation,
  parameters: readonly (TargetParameter & { readonly rowsAre?: MatrixRows })[],
  steps: number,
): { values: number[][]; slots: Record<string, Record<string, number[]>>; evaluation: number[][] } {
  const copies = parameters.map((parameter) => ({ ...parameter, data: parameter.data.slice() }))
  const optimizer: Optimizer = createOptimizer(transformation, copies, { engine: 'reference' })
  for (let step = 0; step < steps; step++) {
    const { loss, gradients } = differentiate(
      copies.map(({ data }) => data),
      step,
    )
    optimizer.step(
      gradients.map((gradient, i) => {
        const array = copies[i]!.data.slice()
        array.set(gradient)
        return array
      }),
      { loss },
    )
  }
  const valuesOf = () => copies.map(({ data }) => [...data])
  const slots = optimizer.save().parameters.map(({ name, slots: own }) => {
    return [name, Object.fromEntries(Object.entries(own).map(([slot, data]) => [slot, [...data]]))] as const
  })
  return {
    values: valuesOf(),
    slots: Object.fromEntries(slots),
    evaluation: optimizer.withEvaluationWeights(valuesOf),
  }
}

/** Takes steps from one to another in a session of an adapter. */
export async function sessionRun(session: Session, from: number, to: number): Promise<void> {
  for (let step = from; step < to; step++) {
    const values = await session.read()
    const { loss, gradients } = differentiate(values, step)
    await session.step(
      gradients.map((gradient, i) =>
        (values[i] instanceof Float64Array ? Float64Array : Float32Array).from(gradient),
      ),
      { loss },
    )
  }
}

/** The largest difference between lists of numbers, relative to the largest number of each list. */
export function distance(
  given: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
): number {
  let worst = 0
  expected.forEach((list, k) => {
    const scale = Math.max(1e-3, ...Array.from(list, Math.abs))
    Array.from(list).forEach((x, i) => {
      const difference = Math.abs(given[k]![i]! - x) / scale
      if (!(difference <= worst)) worst = difference
    })
  })
  return worst
}

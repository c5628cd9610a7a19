import type { MetricUnit } from '@induced-metric/core/adapter'
import type { Tensor, TensorFlow } from './namespace.js'
import type { UnitOutcome } from './step.js'

/** What the latest step left to look at, still on the device. */
export interface Latest {
  readonly learningRate: number
  readonly loss: Tensor | number | undefined
  readonly outcomes: readonly UnitOutcome[]
}

/** The same, read. */
export interface LatestValues {
  readonly learningRate: number
  readonly loss: number | undefined
  readonly units: readonly {
    readonly unit: MetricUnit
    readonly xi: number
    readonly dualNorm: number
    readonly metric: number
    readonly scale: number
    /** See the core's `stepStatus`. */
    readonly status: number
  }[]
}

/** Keeps clones of the scalars beyond the `tf.tidy` they were made in. */
export function keepLatest(tf: TensorFlow, { learningRate, loss, outcomes }: Latest): Latest {
  const keep = <T>(x: T): T =>
    typeof x === 'object' ? (tf.keep((x as unknown as Tensor).clone()) as unknown as T) : x
  return {
    learningRate,
    loss: keep(loss),
    outcomes: outcomes.map(({ unit, xi, values }) => {
      if (!values) return { unit, xi }
      const { dualNorm, average, metric, scale, status } = values
      // The average and the rest of the state are kept as such.
      return {
        unit,
        xi,
        values: {
          dualNorm: keep(dualNorm),
          average: typeof average === 'number' ? average : NaN,
          metric: keep(metric),
          scale: keep(scale),
          status: keep(status),
          state: {},
        },
      }
    }),
  }
}

/** Lets go of what {@link keepLatest} kept. */
export function forgetLatest(tf: TensorFlow, latest: Latest | undefined): void {
  if (!latest) return
  tf.dispose([latest.loss, ...latest.outcomes.map(({ values }) => values ?? {})] as never)
}

/** Reads what the latest step left, in one transfer. */
export async function readLatest(
  tf: TensorFlow,
  { learningRate, loss, outcomes }: Latest,
): Promise<LatestValues> {
  const fields = outcomes.flatMap(({ values }) =>
    values ? [values.dualNorm, values.metric, values.scale, values.status] : [],
  )
  const [lossValue, ...numbers] = await readScalars(tf, [loss ?? NaN, ...fields])
  const units = outcomes.map(({ unit, xi, values }) => {
    if (!values) return { unit, xi, dualNorm: NaN, metric: NaN, scale: 0, status: 0 }
    const [dualNorm, metric, scale, status] = numbers.splice(0, 4) as [number, number, number, number]
    return { unit, xi, dualNorm, metric, scale, status }
  })
  return { learningRate, loss: loss === undefined ? undefined : lossValue!, units }
}

/** Reads scalars in one transfer; numbers pass through. */
export async function readScalars(tf: TensorFlow, values: readonly (Tensor | number)[]): Promise<number[]> {
  const tensors = values.filter((x) => typeof x !== 'number')
  if (tensors.length === 0) return values as number[]
  const packed = tf.tidy(() => tf.stack(tensors.map((x) => tf.cast(x, 'float32'))))
  const read = [...(await packed.data())]
  packed.dispose()
  return values.map((x) => (typeof x === 'number' ? x : read.shift()!))
}

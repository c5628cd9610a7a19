import { own, singleValueError, type ValueTypes } from '@induced-metric/onnx/adapter'
import type { OrtValues } from '@induced-metric/onnx'
import type { ModelInput } from './feeds.js'
import type { Model, NodeProto } from '@induced-metric/onnx/proto'

/** Whether a node normalises by the statistics of the batch. */
function usesBatch({ opType, domain }: NodeProto): boolean {
  return opType === 'BatchNormInternal' && domain === 'com.microsoft'
}

/**
 * Creates the check that the batch normalisations of a training model have at least two values per channel. A single
 * value is normalised to 0, whatever it is, and nothing before it learns.
 *
 * @returns a function that throws ERR_SHAPE for feeds with too few values. If the extents do not follow from those of
 *   the feeds, it does nothing
 */
export function createBatchCheck(
  { graph }: Model,
  types: ValueTypes,
  inputs: readonly ModelInput[],
): (method: string, feeds: OrtValues) => void {
  const shapes = graph.node.filter(usesBatch).flatMap(({ input }) => {
    const { shape } = types.get(input[0]!)
    return shape === undefined ? [] : [{ name: input[0]!, shape }]
  })
  // If an extent other than the channels' is known to be above 1, the batch does not matter.
  const doubtful = shapes.filter(
    ({ shape }) => !shape.some((extent, axis) => axis !== 1 && typeof extent === 'number' && extent > 1),
  )
  return (method, feeds) => {
    if (doubtful.length === 0) return
    const symbols = symbolsOf(feeds, inputs)
    for (const { name, shape } of doubtful) {
      const extents = shape.map((extent) => (typeof extent === 'string' ? symbols.get(extent) : extent))
      if (!extents.every((extent, axis) => axis === 1 || extent === 1)) continue
      throw singleValueError(method, name, extents)
    }
  }
}

function symbolsOf(feeds: OrtValues, inputs: readonly ModelInput[]): ReadonlyMap<string, number> {
  const symbols = new Map<string, number>()
  for (const { name, shape } of inputs) {
    const dims = own(feeds, name)?.dims
    shape?.forEach((extent, axis) => {
      if (typeof extent === 'string' && dims) symbols.set(extent, dims[axis]!)
    })
  }
  return symbols
}

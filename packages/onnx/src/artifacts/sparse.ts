import { optionError, unsupported } from '@induced-metric/core/adapter'
import { createAttribute } from '../proto/attribute.js'
import { dataType, elementTypeOf } from '../proto/dataType.js'
import { subgraphsOf } from '../proto/graph.js'
import type { Model } from '../proto/model.js'
import type { GraphProto, NodeProto, SparseTensorProto, TensorProto } from '../proto/onnx_pb.js'
import { createTensor, dimsOf, readTensor } from '../proto/tensor.js'

/** The most bytes that the sparse tensors of a model may take when dense: a short file can claim any number. */
const mostBytes = 2 ** 30

/**
 * Makes the sparse tensors of a model dense, in the graph, the graphs inside it and functions: sparse initializers
 * become initializers, and sparse constants become constants.
 *
 * @param model is changed; its values have been read
 * @throws ERR_OPTION for sparse tensors that contradict themselves; ERR_NOT_SUPPORTED for those that are too large
 */
export function densify(model: Model): void {
  let left = mostBytes
  const dense = (sparse: SparseTensorProto, name: string): TensorProto => {
    const made = denseOf(sparse, name, left)
    left -= made.rawData.length
    return made
  }
  const inGraph = (graph: GraphProto): void => {
    for (const sparse of graph.sparseInitializer) {
      graph.initializer.push(dense(sparse, sparse.values?.name ?? ''))
    }
    graph.sparseInitializer = []
    inNodes(graph.node)
  }
  const inNodes = (nodes: readonly NodeProto[]): void => {
    for (const node of nodes) {
      node.attribute = node.attribute.map((attribute) =>
        attribute.name === 'sparse_value' && attribute.sparseTensor && node.opType === 'Constant'
          ? createAttribute('value', dense(attribute.sparseTensor, node.output[0] ?? ''))
          : attribute,
      )
      subgraphsOf(node).forEach(inGraph)
    }
  }
  inGraph(model.graph)
  for (const { node } of model.functions) inNodes(node)
}

/** Indices are flat positions in the dense tensor, in row-major order, or a row of one index per axis. */
function denseOf({ values, indices, dims }: SparseTensorProto, name: string, most: number): TensorProto {
  const refuse = (reason: string): never => {
    throw optionError(`the sparse tensor ${JSON.stringify(name)} ${reason}`)
  }
  if (!values || !indices) return refuse('lacks its values or its indices')
  const extents = dims.map((extent) => {
    if (extent >= 0n && extent <= 0x7fffffffn) return Number(extent)
    return refuse(`has an axis of ${extent} elements`)
  })
  const { array: TypedArray, bytes } = elementTypeOf(values.dataType)
  const size = extents.reduce((product, extent) => product * extent, 1)
  if (size * bytes > most) {
    throw unsupported(
      `the sparse tensor ${JSON.stringify(name)} has ${size} elements: all such tensors of a model may take ${mostBytes} bytes`,
    )
  }
  const rank = extents.length
  const [count = -1] = values.dims.length === 1 ? dimsOf(values) : []
  const shape = dimsOf(indices)
  const isLinear = shape.length === 1
  const fits = shape[0] === count && (isLinear || (shape.length === 2 && shape[1] === rank))
  if (indices.dataType !== dataType.int64 || !fits) refuse('needs an index of int64 for each of its values')
  const { data } = readTensor(values)
  const places = Array.from(readTensor(indices).data as BigInt64Array, Number)
  const result = new TypedArray(new ArrayBuffer(size * bytes))
  for (let i = 0; i < count; i++) {
    let place = 0
    const index = isLinear ? [places[i]!] : places.slice(i * rank, (i + 1) * rank)
    index.forEach((at, axis) => {
      const extent = isLinear ? size : extents[axis]!
      if (at < 0 || at >= extent) refuse(`has a value at ${at} of ${extent}`)
      place = isLinear ? at : place * extent + at
    })
    result[place] = data[i]!
  }
  return createTensor(name, extents, values.dataType, result)
}

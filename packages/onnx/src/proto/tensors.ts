import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
} from './onnx_pb.js'

/** A tensor of a model and its place. */
export interface PlacedTensor {
  readonly tensor: TensorProto
  /** In words, as an error names it. */
  readonly place: string
}

/**
 * Every tensor of a model, wherever the format allows one: initializers, dense and sparse; attributes of nodes and
 * the defaults of functions' attributes, including lists and sparse ones; in the graph, the graphs inside it,
 * functions, and the format's fields for training.
 */
export function* tensorsOf(model: ModelProto): Generator<PlacedTensor> {
  if (model.graph) yield* ofGraph(model.graph)
  for (const { name, node, attributeProto } of model.functions) {
    yield* ofNodes(node)
    for (const attribute of attributeProto)
      yield* ofAttribute(attribute, `the function ${JSON.stringify(name)}`)
  }
  for (const { initialization, algorithm } of model.trainingInfo) {
    for (const graph of [initialization, algorithm]) if (graph) yield* ofGraph(graph)
  }
}

function* ofGraph(graph: GraphProto): Generator<PlacedTensor> {
  for (const tensor of graph.initializer) yield { tensor, place: JSON.stringify(tensor.name) }
  for (const sparse of graph.sparseInitializer) {
    yield* ofSparse(sparse, `the sparse ${JSON.stringify(sparse.values?.name ?? '')}`)
  }
  yield* ofNodes(graph.node)
}

function* ofNodes(nodes: readonly NodeProto[]): Generator<PlacedTensor> {
  for (const node of nodes) {
    for (const attribute of node.attribute) {
      const name = node.output.find((output) => output !== '') ?? node.name
      yield* ofAttribute(attribute, `${node.opType} ${JSON.stringify(name)}`)
    }
  }
}

function* ofAttribute(attribute: AttributeProto, owner: string): Generator<PlacedTensor> {
  const place = `${owner}, attribute ${JSON.stringify(attribute.name)}`
  for (const tensor of [attribute.t, ...attribute.tensors]) if (tensor) yield { tensor, place }
  for (const sparse of [attribute.sparseTensor, ...attribute.sparseTensors]) {
    if (sparse) yield* ofSparse(sparse, place)
  }
  for (const graph of [attribute.g, ...attribute.graphs]) if (graph) yield* ofGraph(graph)
}

function* ofSparse({ values, indices }: SparseTensorProto, place: string): Generator<PlacedTensor> {
  if (values) yield { tensor: values, place: `${place} (where it is not 0)` }
  if (indices) yield { tensor: indices, place: `${place} (the indices)` }
}

import { create } from '@bufbuild/protobuf'
import {
  AttributeProtoSchema,
  attributeType,
  createAttribute,
  createModel,
  createNode as node,
  createTensor,
  createValue as value,
  dataType,
  FunctionProtoSchema,
  GraphProtoSchema,
  int64Tensor,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  type AttributeProto,
  type GraphProto,
  type Model,
  type NodeProto,
  type SparseTensorProto,
  type TensorProto,
} from '@induced-metric/onnx/proto'

/** Declares that the values of a tensor are in a file. */
export function placeOutside(
  tensor: TensorProto,
  location: string,
  entries: Record<string, string> = {},
): TensorProto {
  const all = { location, ...entries }
  tensor.externalData = Object.entries(all).map(([key, text]) =>
    create(StringStringEntryProtoSchema, { key, value: text }),
  )
  tensor.dataLocation = 1
  tensor.rawData = new Uint8Array()
  return tensor
}

const { double } = dataType

/** The numbers that a model adds to its input, wherever it stores them. */
export const addend = Float64Array.of(0.5, 0, -2)

const dense = (): TensorProto => createTensor('c', [3], double, addend)
const sparseValues = (): TensorProto => createTensor('c', [2], double, Float64Array.of(0.5, -2))
const sparseIndices = (): TensorProto => int64Tensor('c_indices', [0, 2])
const sparse = (values: TensorProto, indices: TensorProto): SparseTensorProto =>
  create(SparseTensorProtoSchema, { values, indices, dims: [3n] })

interface Parts {
  readonly nodes: NodeProto[]
  readonly initializer?: TensorProto[]
  readonly sparse?: SparseTensorProto[]
}

const constant = (tensor: TensorProto, name = 'c'): NodeProto =>
  node('Constant', [], [name], { value: tensor })
const sparseConstant = (given: SparseTensorProto): NodeProto => {
  const made = node('Constant', [], ['c'])
  made.attribute.push(create(AttributeProtoSchema, { name: 'sparse_value', type: 11, sparseTensor: given }))
  return made
}
const graphAttribute = (name: string, g: GraphProto): AttributeProto =>
  create(AttributeProtoSchema, { name, type: attributeType.graph, g })
const graph = (
  name: string,
  { nodes, initializer = [], sparse: some = [] }: Parts,
  from: string,
  inputs: GraphProto['input'] = [],
) =>
  create(GraphProtoSchema, {
    name,
    node: nodes,
    initializer,
    sparseInitializer: some,
    input: inputs,
    output: [value(from, double, [3])],
  })

/** y = (x + c)·w, with nodes that compute the product's operand from x, and anything else that a place needs. */
function modelOf({ nodes, initializer = [], sparse: some = [] }: Parts): Model {
  const made = createModel({
    nodes: [...nodes, node('MatMul', ['sum', 'w'], ['y'])],
    inputs: [value('x', double, ['batch', 3])],
    outputs: [value('y', double, ['batch', 2])],
    initializers: [
      createTensor('w', [3, 2], double, Float64Array.of(0.1, -0.2, 0.3, 0.4, -0.5, 0.6)),
      createTensor('yes', [], dataType.bool, Uint8Array.of(1)),
      ...initializer,
    ],
  })
  made.graph.sparseInitializer = some
  return made
}

const sum = (): NodeProto => node('Add', ['x', 'c'], ['sum'])

/** The graph of a branch, or of a branch within it. */
function choice(parts: Parts, depth = 1): NodeProto {
  const inner: Parts = depth > 1 ? { nodes: [choice(parts, depth - 1)] } : parts
  const none = createTensor('', [3], double, new Float64Array(3))
  const output = depth > 1 ? `chosen${depth - 1}` : 'c'
  const made = node('If', ['yes'], [`chosen${depth}`])
  made.attribute.push(
    graphAttribute('then_branch', graph('then', inner, output)),
    graphAttribute('else_branch', graph('else', { nodes: [constant(none, 'other')] }, 'other')),
  )
  return made
}

function withFunction(
  name: string,
  nodes: NodeProto[],
  defaults: AttributeProto[],
  given: AttributeProto[],
): Model {
  const call = node(`test:${name}`, ['x', 'yes'], ['sum'])
  call.attribute.push(...given)
  const made = modelOf({ nodes: [call] })
  const opsetImport = made.opsetImport.slice(0, 1)
  made.functions.push(
    create(FunctionProtoSchema, {
      name,
      domain: 'test',
      input: ['a', 'yes'],
      output: ['b'],
      attribute: given.map((attribute) => attribute.name),
      attributeProto: defaults,
      node: [...nodes, node('Add', ['a', 'c'], ['b'])],
      opsetImport,
    }),
  )
  return made
}

const reference = (): NodeProto => {
  const made = node('Constant', [], ['c'])
  made.attribute.push(
    create(AttributeProtoSchema, { name: 'value', type: attributeType.tensor, refAttrName: 'constant' }),
  )
  return made
}

/** Transforms a tensor for a place: its values may be moved elsewhere. */
type Put = (tensor: TensorProto) => TensorProto

/** Every kind of place for a tensor in a model. `put` transforms the tensor that goes there. */
export const places: Readonly<Record<string, (put: Put) => Model>> = {
  'an initializer': (put) => modelOf({ nodes: [sum()], initializer: [put(dense())] }),
  'the values of a sparse initializer': (put) =>
    modelOf({ nodes: [sum()], sparse: [sparse(put(sparseValues()), sparseIndices())] }),
  'the indices of a sparse initializer': (put) =>
    modelOf({ nodes: [sum()], sparse: [sparse(sparseValues(), put(sparseIndices()))] }),
  'a Constant': (put) => modelOf({ nodes: [constant(put(dense())), sum()] }),
  'the values of a sparse Constant': (put) =>
    modelOf({ nodes: [sparseConstant(sparse(put(sparseValues()), sparseIndices())), sum()] }),
  'the indices of a sparse Constant': (put) =>
    modelOf({ nodes: [sparseConstant(sparse(sparseValues(), put(sparseIndices()))), sum()] }),
  'a Constant of a branch': (put) =>
    modelOf({ nodes: [choice({ nodes: [constant(put(dense()))] }), node('Add', ['x', 'chosen1'], ['sum'])] }),
  'an initializer of a branch': (put) =>
    modelOf({
      nodes: [choice({ nodes: [], initializer: [put(dense())] }), node('Add', ['x', 'chosen1'], ['sum'])],
    }),
  'a sparse initializer of a branch': (put) =>
    modelOf({
      nodes: [
        choice({ nodes: [], sparse: [sparse(put(sparseValues()), sparseIndices())] }),
        node('Add', ['x', 'chosen1'], ['sum']),
      ],
    }),
  'a Constant of a branch of a branch': (put) =>
    modelOf({
      nodes: [choice({ nodes: [constant(put(dense()))] }, 2), node('Add', ['x', 'chosen2'], ['sum'])],
    }),
  'the body of a Scan': (put) => {
    const body = graph(
      'body',
      { nodes: [constant(put(dense())), node('Add', ['row', 'c'], ['out'])] },
      'out',
      [value('row', double, [3])],
    )
    const scan = node('Scan', ['x'], ['sum'], { num_scan_inputs: 1 })
    scan.attribute.push(graphAttribute('body', body))
    return modelOf({ nodes: [scan] })
  },
  'the body of a Loop': (put) => {
    const nodes = [
      node('Identity', ['go'], ['go_on']),
      constant(put(dense())),
      node('Add', ['state', 'c'], ['next']),
    ]
    const body = graph('body', { nodes }, 'go_on', [
      value('i', dataType.int64, []),
      value('go', dataType.bool, []),
      value('state', double, ['batch', 3]),
    ])
    body.output = [value('go_on', dataType.bool, []), value('next', double, ['batch', 3])]
    const loop = node('Loop', ['once', 'yes', 'x'], ['sum'])
    loop.attribute.push(graphAttribute('body', body))
    const made = modelOf({ nodes: [loop], initializer: [int64Tensor('once', [1], [])] })
    made.graph.valueInfo.push(value('sum', double, ['batch', 3]))
    return made
  },
  'a Constant of a function': (put) => withFunction('Plus', [constant(put(dense()))], [], []),
  'a sparse Constant of a function': (put) =>
    withFunction('Plus', [sparseConstant(sparse(put(sparseValues()), sparseIndices()))], [], []),
  'the default of an attribute of a function': (put) =>
    withFunction('Plus', [reference()], [createAttribute('constant', put(dense()))], []),
  'an attribute of a call': (put) =>
    withFunction('Plus', [reference()], [], [createAttribute('constant', put(dense()))]),
  'a branch in a function': (put) =>
    withFunction(
      'Plus',
      [choice({ nodes: [constant(put(dense()))] }), node('Identity', ['chosen1'], ['c'])],
      [],
      [],
    ),
}

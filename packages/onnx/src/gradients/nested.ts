import { create } from '@bufbuild/protobuf'
import type { Bodies, Body } from '../inference/bodies.js'
import { replaceNodes, rowFor } from '../lowering/lower.js'
import { lowerings } from '../lowering/table.js'
import { allNodes, dropUnused } from '../proto/graph.js'
import { createNode, type Attributes } from '../proto/node.js'
import {
  GraphProtoSchema,
  ValueInfoProtoSchema,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from '../proto/onnx_pb.js'
import { realTensor } from '../proto/tensor.js'
import { applyTypeRules } from '../rewrite/typeRules.js'
import { withFields } from '../rewrite/declare.js'
import { valueTypes, type ValueTypes } from '../rewrite/valueTypes.js'
import type { GradientContext } from './context.js'
import { gradientType } from './quantization.js'

/** What the gradient of a node with graphs inside it needs besides its context. */
export interface NestedScope {
  readonly context: GradientContext
  /** The types of the graph around the node. */
  readonly types: ValueTypes
  readonly bodies: Bodies
  /** The values outside that lead to a wanted one. */
  readonly isOrigin: (name: string) => boolean
  /** The values of a body that depend on the given ones. */
  readonly dependents: (body: Body, wanted: readonly string[]) => ReadonlySet<string>
  /** Adds the nodes of gradients to a body; `differentiate` of the graph around it. */
  readonly differentiate: (
    body: Body,
    seeds: ReadonlyMap<string, string>,
    wanted: readonly string[],
  ) => Differentiated
  /** Gives the gradient of a value from outside. */
  readonly contribute: (value: string, gradient: string) => void
}

/** The gradients of a body. */
export interface Differentiated {
  readonly nodes: readonly NodeProto[]
  readonly constants: readonly TensorProto[]
  readonly gradients: ReadonlyMap<string, string>
}

/** Operators that would draw other numbers when a body is computed once more. */
const drawing = /^(Bernoulli|Multinomial|RandomNormal|RandomUniform)/

/** The graph of a gradient: a body computed once more, and what follows from it backwards. */
export interface BackwardBody {
  readonly graph: GraphProto
  readonly add: (opType: string, inputs: readonly string[], attributes?: Attributes) => string
  readonly gradients: ReadonlyMap<string, string>
}

/** Differentiates a body with respect to some of its values. Values with two seeds get their sum. */
export function backwardBody(
  scope: NestedScope,
  body: Body,
  seeds: readonly (readonly [value: string, gradient: string])[],
  wanted: readonly string[],
): BackwardBody {
  const { context, differentiate } = scope
  const isDrawing = ({ opType, input }: NodeProto): boolean =>
    drawing.test(opType) || (opType === 'Dropout' && (input[2] ?? '') !== '')
  const random = allNodes(body.graph).find(isDrawing)
  if (random) {
    context.refuse(
      `its body draws random numbers (${random.opType}), and its gradient would draw others; draw them outside and pass them in`,
    )
  }
  const sums: NodeProto[] = []
  const merged = new Map<string, string>()
  for (const [value, gradient] of seeds) {
    const before = merged.get(value)
    const total = before === undefined ? gradient : context.fresh(`${value}_grad`)
    if (before !== undefined) sums.push(createNode('Sum', [before, gradient], [total]))
    merged.set(value, total)
    body.types.add(total, gradientType(body.types.get(value)))
  }
  const made = differentiate(body, merged, wanted)
  const graph = create(GraphProtoSchema, {
    name: context.fresh('gradient/body'),
    node: [...body.graph.node, ...sums, ...made.nodes],
    initializer: [
      ...body.graph.initializer.filter(({ name }) => !body.captured.has(name)),
      ...made.constants,
    ],
  })
  const add: BackwardBody['add'] = (opType, inputs, attributes = {}) => {
    const output = context.fresh(`${graph.name}/${opType}`)
    graph.node.push(createNode(opType, inputs, [output], attributes))
    return output
  }
  return { graph, add, gradients: made.gradients }
}

/**
 * Ends the graph of a gradient: what only training builds have is lowered, and what nothing needs is dropped.
 *
 * @returns the values that are needed
 */
export function finish(
  { graph }: BackwardBody,
  { context }: NestedScope,
  body: Body,
  outputs: readonly string[],
): ReadonlySet<string> {
  graph.output = outputs.map((name) => create(ValueInfoProtoSchema, { name }))
  const known = typesIn(graph, body)
  applyTypeRules(graph, known)
  replaceNodes(graph, known, (node) => rowFor(lowerings, node, known), context.opset, graph.name)
  return dropUnused(graph)
}

/** Zeros of the shape of a value. */
export function zerosLike(inner: BackwardBody, value: string, type: number): string {
  return inner.add('ConstantOfShape', [inner.add('Shape', [value])], {
    value: realTensor('', [0], type, [1]),
  })
}

/** The types of the values of a backward body, whose constants and nodes the body itself does not have. */
function typesIn(graph: GraphProto, body: Body): ValueTypes {
  const captured = body.graph.initializer.filter(({ name }) => body.captured.has(name))
  const types = valueTypes(withFields(graph, { initializer: [...graph.initializer, ...captured] }))
  for (const { input, output } of graph.node) {
    for (const name of [...input, ...output]) if (name !== '') types.add(name, body.types.get(name))
  }
  return types
}

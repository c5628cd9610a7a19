import { isStraightThrough } from '../gradients/quantization.js'
import type { Bodies } from '../inference/bodies.js'
import { addGradients } from '../gradients/backward.js'
import { gradients as builtinGradients, type GradientTable } from '../gradients/table.js'
import { dataType } from '../proto/dataType.js'
import { dropUnused, freshNames, namesIn } from '../proto/graph.js'
import { opsetOf, setOpset, type Model } from '../proto/model.js'
import type { GraphProto, ValueInfoProto } from '../proto/onnx_pb.js'
import { realTensor } from '../proto/tensor.js'
import { declaredValue } from '../rewrite/declare.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import { addAccumulation } from './accumulation.js'
import { findStops, type UnreachedParameter } from './reach.js'
import { setTrainingMode } from './trainingMode.js'

/**
 * Turns a model with a loss into one that accumulates gradients.
 *
 * @param model is changed
 * @returns the gradients by parameter; the parameters that no gradient reaches; the number of nodes before the
 *   gradients; and how many roundings gradients pass straight through
 */
export function addTraining(
  model: Model,
  types: ValueTypes,
  loss: string,
  trainable: readonly string[],
  options: {
    readonly batchNormalization: 'training' | 'inference' | undefined
    readonly table: GradientTable | undefined
    readonly bodies: Bodies
  },
): {
  readonly gradients: ReadonlyMap<string, string>
  readonly unreached: readonly UnreachedParameter[]
  readonly forwardNodes: number
  readonly straightThrough: number
} {
  const { graph } = model
  dropUnused(graph)
  setTrainingMode(graph, types, options.batchNormalization)
  const fresh = freshNames(namesIn(graph))
  const { dataType: type = dataType.float, shape = [] } = types.get(loss)
  const seed = realTensor(
    fresh(`${loss}_grad`),
    [1],
    type,
    shape.map(() => 1),
  )
  graph.initializer.push(seed)
  const { table = builtinGradients } = options
  const { nodes, constants, gradients, reached } = addGradients({
    graph,
    types,
    opset: opsetOf(model)!,
    seeds: new Map([[loss, seed.name]]),
    wanted: trainable,
    table,
    bodies: options.bodies,
  })
  const blocked = trainable.filter((name) => !gradients.has(name))
  const unreached = findStops(graph, types, loss, blocked, reached, table)
  const forwardNodes = graph.node.length
  const straightThrough = graph.node.filter((node) => isStraightThrough(node, reached)).length
  graph.node = [...graph.node, ...nodes]
  graph.initializer = [...graph.initializer, ...constants]
  declareValues(graph, types)

  addAccumulation(model, gradients)
  const read = dropUnused(graph)
  graph.input = graph.input.filter(({ name }) => read.has(name))
  if (opsetOf(model, 'com.microsoft') === undefined) setOpset(model, 'com.microsoft', 1)
  return { gradients, unreached, forwardNodes, straightThrough }
}

/** Declares the known types and shapes of a graph's values. */
export function declareValues(graph: GraphProto, types: ValueTypes): void {
  const known = new Set([...graph.input, ...graph.output].map(({ name }) => name))
  const values: ValueInfoProto[] = []
  for (const name of graph.node.flatMap(({ output }) => output)) {
    const { dataType: type, shape } = types.get(name)
    if (name !== '' && type !== undefined && !known.has(name)) values.push(declaredValue(name, type, shape))
  }
  graph.valueInfo = values
}

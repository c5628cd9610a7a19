import type { Graph } from '../graph/graph.js'
import { prepareVariants, type VariantOf } from '../graph/variants.js'
import type { TensorBackend } from './backend.js'
import { prepareTensorFunction, type TensorFunction } from './tensorFunction.js'

const functions = new WeakMap<object, Map<string, unknown>>()

/** The function to outputs of a graph, prepared when it is first needed. Graphs of one structure share it. */
export function functionOf<T>(
  backend: TensorBackend<T>,
  graph: Graph,
  outputs: readonly string[],
): TensorFunction<T> {
  let known = functions.get(backend) as Map<string, TensorFunction<T>> | undefined
  if (known === undefined) functions.set(backend, (known = new Map<string, TensorFunction<T>>()))
  const key = [graph.hash, ...outputs].join()
  let found = known.get(key)
  if (found === undefined) known.set(key, (found = prepareTensorFunction(graph, outputs, backend)))
  return found
}

const variants = new WeakMap<Graph, VariantOf<Graph>>()

/** The graph that a step takes, by the scalars that its conditions read. */
export function variantOf(graph: Graph): VariantOf<Graph> {
  let found = variants.get(graph)
  if (found === undefined) variants.set(graph, (found = prepareVariants(graph)))
  return found
}

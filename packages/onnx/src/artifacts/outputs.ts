import { InducedMetricError } from '@induced-metric/core'
import { capturedBy } from '../proto/graph.js'
import type { GraphProto, ValueInfoProto } from '../proto/onnx_pb.js'

/** Values that an error lists. */
const listed = 8

/**
 * The outputs of a model that a loss can be computed from, where none are named: those that depend on what the model is
 * fed, then those that depend on its parameters alone. Constants that a model gives back, as its classes or its anchors,
 * are none.
 *
 * @param graph its nodes in order of computation, its parameters among its inputs
 * @throws ERR_OPTION where all outputs are constants
 */
export function defaultOutputs(graph: GraphProto, parameters: ReadonlyMap<string, unknown>): string[] {
  const names = graph.output.map(({ name }) => name)
  const isFed = dependents(graph, ({ name }) => !parameters.has(name))
  const isComputed = dependents(graph)
  const fed = names.filter((name) => isFed.has(name))
  const outputs = [...fed, ...names.filter((name) => isComputed.has(name) && !isFed.has(name))]
  if (outputs.length > 0) return outputs
  throw new InducedMetricError(
    'ERR_OPTION',
    `the outputs of the model are constants: ${names.join(', ')} depend on no input and no parameter; name a value that ` +
      'the loss is to be computed from with outputNames',
  )
}

/** Throws ERR_OPTION unless names of values are given as a list of texts; `outputNames` has to have one. */
export function checkNames(names: readonly string[], option: string): void {
  const isList = Array.isArray as (value: unknown) => boolean
  if (!isList(names) || names.some((name) => typeof name !== 'string')) {
    throw new InducedMetricError('ERR_OPTION', `${option} must be a list of names of values`)
  }
  if (names.length === 0 && option === 'outputNames') {
    throw new InducedMetricError('ERR_OPTION', 'outputNames: name at least one value of the model')
  }
}

/**
 * Makes sure that a model computes the values that are asked for.
 *
 * @param option names the option in errors
 * @throws ERR_OPTION for one that it does not have, or has as a constant
 */
export function checkValues(graph: GraphProto, names: readonly string[], option: string): void {
  const known = new Set([
    ...graph.input.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output).filter((name) => name !== ''),
  ])
  const computed = dependents(graph)
  for (const name of names) {
    const shown = JSON.stringify(name)
    if (!known.has(name) && !graph.initializer.some((tensor) => tensor.name === name)) {
      throw new InducedMetricError(
        'ERR_OPTION',
        `${option}: the model computes no ${shown}; it computes ${[...known].slice(-listed).join(', ')}`,
      )
    }
    if (!computed.has(name)) {
      throw new InducedMetricError(
        'ERR_OPTION',
        `${option}: ${shown} is a constant of the model, which depends on no input and no parameter`,
      )
    }
  }
}

/** The values that depend on inputs of a graph: on any, or on those that are asked for. */
function dependents(
  graph: GraphProto,
  isAsked: (input: ValueInfoProto) => boolean = () => true,
): ReadonlySet<string> {
  const found = new Set(graph.input.filter(isAsked).map(({ name }) => name))
  for (const node of graph.node) {
    if (![...node.input, ...capturedBy(node)].some((name) => found.has(name))) continue
    for (const name of node.output) if (name !== '') found.add(name)
  }
  return found
}

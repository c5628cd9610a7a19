import { optionError } from '@induced-metric/core/adapter'
import { capturedBy } from '../proto/graph.js'
import { isReal } from '../gradients/context.js'
import { typeOf } from '../rewrite/valueTypes.js'
import type { GraphProto, ValueInfoProto } from '../proto/onnx_pb.js'

/** The number of values that an error lists. */
const listed = 8

/**
 * The outputs of a model that a loss can be computed from if none are named: those of real numbers that depend on fed
 * inputs and on trained parameters, then others that depend on fed inputs, then those that depend on parameters only.
 * Constants that a model returns, such as its classes or its anchors, are not
 * among them.
 *
 * @param graph its nodes in order of computation, its parameters among its inputs
 * @throws ERR_OPTION if all outputs are constants
 */
export function defaultOutputs(
  graph: GraphProto,
  parameters: ReadonlyMap<string, unknown>,
  trained: readonly string[],
): string[] {
  const names = graph.output.map(({ name }) => name)
  const isFed = dependents(graph, ({ name }) => !parameters.has(name))
  const isComputed = dependents(graph)
  const wanted = new Set(trained)
  const isTrained = dependents(graph, ({ name }) => wanted.has(name))
  const types = new Map(graph.output.map((output) => [output.name, typeOf(output).dataType]))
  const isFirst = (name: string): boolean => isTrained.has(name) && isReal(types.get(name))
  const all = names.filter((name) => isFed.has(name))
  const fed = [...all.filter(isFirst), ...all.filter((name) => !isFirst(name))]
  const outputs = [...fed, ...names.filter((name) => isComputed.has(name) && !isFed.has(name))]
  if (outputs.length > 0) return outputs
  throw optionError(
    `the outputs of the model are constants: ${names.join(', ')} depend on no input and no parameter; name a value that ` +
      'the loss is to be computed from with outputNames',
  )
}

/** Throws ERR_OPTION unless the names of values are a list of strings. `outputNames` must not be empty. */
export function checkNames(names: readonly string[], option: string): void {
  const isList = Array.isArray as (value: unknown) => boolean
  if (!isList(names) || names.some((name) => typeof name !== 'string')) {
    throw optionError(`${option} must be a list of names of values`)
  }
  if (names.length === 0 && option === 'outputNames') {
    throw optionError('outputNames: name at least one value of the model')
  }
}

/**
 * Makes sure that a model computes the requested values.
 *
 * @param option names the option in errors
 * @throws ERR_OPTION for a value that the model does not have, or has as a constant
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
      throw optionError(
        `${option}: the model computes no ${shown}; it computes ${[...known].slice(-listed).join(', ')}`,
      )
    }
    if (!computed.has(name)) {
      throw optionError(
        `${option}: ${shown} is a constant of the model, which depends on no input and no parameter`,
      )
    }
  }
}

/** The values that depend on inputs of a graph: on any, or on the given ones. */
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

import { InducedMetricError } from '@induced-metric/core'
import { optionError, shapeError } from '@induced-metric/core/adapter'
import { describeNode } from '../rewrite/nodeContext.js'
import { typeOf, type Extent } from '../rewrite/valueTypes.js'
import type { Ort } from '../runtime/ort.js'
import { allNodes, subgraphsOf } from '../proto/graph.js'
import type { Model } from '../proto/model.js'
import type { GraphProto, ValueInfoProto } from '../proto/onnx_pb.js'
import type { Dimension } from '../proto/value.js'
import { inferTypes } from '../inference/runtimeTypes.js'
import { describeShape } from './losses.js'
import { declaredValue, withFields } from '../rewrite/declare.js'

/** New extents of a model's inputs, by name: numbers, or symbols for extents that a batch decides. */
export type InputShapes = Readonly<Record<string, readonly Dimension[]>>

function forEachExtent(
  values: readonly ValueInfoProto[],
  visit: (dim: { value: { case: string | undefined; value?: unknown } }) => void,
): void {
  for (const { type } of values) {
    if (type?.value.case === 'tensorType') type.value.value.shape?.dim.forEach(visit)
  }
}

/** Some exporters write −1 for an unknown extent, for which the format has no value at all. */
export function clearUnknownExtents(graph: GraphProto): void {
  forEachExtent([...graph.input, ...graph.output, ...graph.valueInfo], (dim) => {
    if (dim.value.case === 'dimValue' && dim.value.value === -1n) dim.value = { case: undefined }
  })
  for (const node of graph.node) subgraphsOf(node).forEach(clearUnknownExtents)
}

/** Forgets the extents that a graph declares, but not their number: they follow from the inputs. */
function forgetExtents({ output, valueInfo, node }: GraphProto): void {
  forEachExtent([...output, ...valueInfo], (dim) => {
    dim.value = { case: undefined }
  })
  for (const inner of node.flatMap(subgraphsOf)) forgetExtents(inner)
}

/**
 * Drops what a model declares of an output where the runtime infers another number of axes or another extent. Exporters
 * write an empty shape for one that they do not know, and tools that change a graph forget its outputs.
 *
 * @param model its outputs are changed
 */
export async function correctOutputs(model: Model, ort: Ort): Promise<void> {
  const { graph } = model
  const made = new Set(graph.node.flatMap(({ output }) => output))
  const doubtful = graph.output.filter(
    (output) => made.has(output.name) && typeOf(output).shape !== undefined,
  )
  if (doubtful.length === 0) return
  const undeclared = graph.output.map((output) => {
    if (!doubtful.includes(output)) return output
    const { dataType: type = 0 } = typeOf(output)
    return declaredValue(output.name, type, undefined)
  })
  const types = await inferTypes(withFields(model, { graph: withFields(graph, { output: undeclared }) }), ort)
  graph.output = graph.output.map((output, i) => {
    const [declared, inferred] = [typeOf(output).shape, types.get(output.name).shape]
    if (!doubtful.includes(output) || inferred === undefined || agree(declared!, inferred)) return output
    return undeclared[i]!
  })
}

/** Whether two shapes can be of one value. */
function agree(a: readonly Extent[], b: readonly Extent[]): boolean {
  const isNumber = (extent: Extent): boolean => typeof extent === 'number'
  return (
    a.length === b.length &&
    a.every((extent, axis) => extent === b[axis] || !isNumber(extent) || !isNumber(b[axis]))
  )
}

/**
 * Redeclares inputs of a model, for example to free a batch that its exporter has fixed. The declared extents of
 * other values are forgotten.
 *
 * @param model is changed
 * @param outputs the values that the loss is computed from
 * @throws ERR_OPTION for an input that the model does not have, or invalid extents; ERR_SHAPE for another number of
 *   axes, and for a model that contains the extents it was exported with, for example in the constant target of a
 *   Reshape
 */
export async function redeclareInputs(
  model: Model,
  inputs: InputShapes,
  outputs: readonly string[],
  ort: Ort,
): Promise<void> {
  const { graph } = model
  const before = new Map([...graph.input, ...graph.output].map((value) => [value.name, typeOf(value).shape]))
  if (typeof inputs !== 'object' || inputs === null) {
    throw optionError("inputs takes extents by input, as { x: ['batch', 16, 96] }")
  }
  for (const [name, dims] of Object.entries(inputs)) {
    const index = graph.input.findIndex((input) => input.name === name)
    if (index < 0) {
      throw optionError(
        `inputs: the model has no input ${JSON.stringify(name)}; it has ${graph.input.map((input) => input.name).join(', ')}`,
      )
    }
    checkDims(name, dims, before.get(name))
    const { dataType: type = 0 } = typeOf(graph.input[index]!)
    graph.input[index] = declaredValue(name, type, dims)
  }
  forgetExtents(graph)
  let problem: string | undefined
  for (const extents of trials(inputs, before)) {
    problem = await problemAt(model, extents, before, outputs, ort)
    if (problem === undefined) return
  }
  if (problem === undefined) return
  throw shapeError(
    `inputs: the model has the extents that it was exported with in it, and accepts no others: ${problem}. Export it again, with ` +
      'these axes dynamic',
  )
}

function checkDims(name: string, dims: unknown, known: readonly Extent[] | undefined): void {
  const isExtent = (extent: unknown): boolean =>
    typeof extent === 'string' ? extent !== '' : Number.isSafeInteger(extent) && (extent as number) >= 0
  if (!Array.isArray(dims) || !dims.every(isExtent)) {
    throw optionError(
      `inputs: the extents of ${JSON.stringify(name)} must be whole numbers or names, given ${JSON.stringify(dims)}`,
    )
  }
  if (known !== undefined && known.length !== dims.length) {
    throw shapeError(
      `inputs: ${JSON.stringify(name)} has the axes ${describeShape(known)} in the model, given ${describeShape(dims as Extent[])}`,
    )
  }
}

/**
 * Numbers to try for the symbols that replace a number n: a neighbour of n, for values that n limits, and 2n, for
 * values that its divisors decide. A model that contains n accepts neither.
 */
function trials(
  inputs: InputShapes,
  before: ReadonlyMap<string, readonly Extent[] | undefined>,
): ReadonlyMap<string, number>[] {
  const freed = new Map<string, number>()
  for (const [name, dims] of Object.entries(inputs)) {
    dims.forEach((extent, axis) => {
      const fixed = before.get(name)?.[axis]
      if (typeof extent === 'string' && typeof fixed === 'number') freed.set(extent, fixed)
    })
  }
  // An extent of 1 would be compatible with any other.
  const beside = (n: number): number => (n > 2 ? n - 1 : n + 1)
  return [beside, (n: number) => 2 * n].map(
    (choose) => new Map([...freed].map(([symbol, n]) => [symbol, choose(n)])),
  )
}

/** Explains why a model cannot have numbers in place of symbols. */
async function problemAt(
  model: Model,
  extents: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, readonly Extent[] | undefined>,
  outputs: readonly string[],
  ort: Ort,
): Promise<string | undefined> {
  const given = model.graph.input.map((input) => {
    const { dataType: type = 0, shape } = typeOf(input)
    const dims = shape?.map((extent) =>
      typeof extent === 'string' ? (extents.get(extent) ?? extent) : extent,
    )
    return declaredValue(input.name, type, dims)
  })
  const probe = withFields(model, { graph: withFields(model.graph, { input: given }) })
  let types
  try {
    types = await inferTypes(probe, ort)
  } catch (error) {
    if (!(error instanceof InducedMetricError)) throw error
    return error.message
  }
  const sizeOf = (name: string): number | undefined => {
    const { shape } = types.get(name)
    return shape?.every((extent) => typeof extent === 'number')
      ? (shape as number[]).reduce((a, b) => a * b, 1)
      : undefined
  }
  for (const node of allNodes(model.graph)) {
    if (node.opType !== 'Reshape') continue
    const [from, to] = [node.input[0]!, node.output[0]!]
    const [taken, made] = [sizeOf(from), sizeOf(to)]
    if (taken === undefined || made === undefined || taken === made) continue
    const shapes = [from, to].map((name) => describeShape(types.get(name).shape))
    return `${describeNode(node)} would make ${shapes[1]} of ${shapes[0]}`
  }
  return firstAxisProblem(given, types, before, outputs)
}

/** If the first axis of an input changes, that of the output has to follow. */
function firstAxisProblem(
  given: readonly ValueInfoProto[],
  types: Awaited<ReturnType<typeof inferTypes>>,
  before: ReadonlyMap<string, readonly Extent[] | undefined>,
  outputs: readonly string[],
): string | undefined {
  for (const input of given) {
    const [was, is] = [before.get(input.name)?.[0], typeOf(input).shape?.[0]]
    if (typeof was !== 'number' || typeof is !== 'number' || was === is) continue
    const stuck = outputs.find((name) => before.get(name)?.[0] === was && types.get(name).shape?.[0] === was)
    if (stuck === undefined) continue
    return `its output ${JSON.stringify(stuck)} is ${describeShape(types.get(stuck).shape)} where the input ${JSON.stringify(input.name)} is ${describeShape(typeOf(input).shape)}`
  }
  return undefined
}

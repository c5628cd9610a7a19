import { optionError, shapeError } from '@induced-metric/core/adapter'
import { freshNames, namesIn, renameValues } from '../../proto/graph.js'
import { canonicalDomain, checkModel, opsetOf, readModel, setOpset, type Model } from '../../proto/model.js'
import type { GraphProto, ValueInfoProto } from '../../proto/onnx_pb.js'
import { withFields } from '../../rewrite/declare.js'
import { inlineFunctions } from '../../rewrite/inline.js'
import { raiseOpset } from '../../rewrite/upgrade/index.js'
import { typeOf, type Extent } from '../../rewrite/valueTypes.js'
import { describeShape } from '../losses.js'
import { copyOf } from '../readForward.js'

/** The outputs of the first model that the inputs of the second take, by input. */
export type Connections = Readonly<Record<string, string>>

/** Options of {@link composeModels}. */
export interface ComposeOptions {
  /** Put before the names of the second model's parameters and inner values: `'head.'`. Default: none. */
  readonly prefix?: string
}

/**
 * Joins two models: the second computes from outputs of the first, such as a head from a backbone's embeddings.
 *
 * The inputs are those of the first and the unconnected ones of the second; an input that both have by one name is one
 * input. The outputs are the unconnected ones of the first and all of the second. Names of the first stay. A name of
 * the second stays unless the first has it: then it gets a number, as in `layers.0.weight_2`. The model uses the
 * larger of the two versions of ONNX's operators. Model-local functions are inlined.
 *
 * @param first a model, or the content of its file. Neither model is changed
 * @param connections outputs of the first, or other values that it computes, by inputs of the second. Default: those
 *   with equal names; if there are none, the only output to the only input
 * @throws ERR_OPTION for a value that a model does not have, or no connection at all; ERR_SHAPE for connected values
 *   of different types or shapes; ERR_NOT_SUPPORTED for operator sets that cannot be brought to one version
 *
 * @example
 * ```ts
 * import { composeModels } from '@induced-metric/onnxruntime/artifacts'
 * import { mlp } from '@induced-metric/onnxruntime/models'
 *
 * const body = mlp({ sizes: [8, 4] })
 * const head = mlp({ sizes: [4, 2] })
 * const { graph } = composeModels(body, head, { input: 'output' }, { prefix: 'head.' })
 * console.log(graph.initializer.map(({ name }) => name)[2]) // 'head.layers.0.weight'
 * ```
 */
export function composeModels(
  first: Model | Uint8Array,
  second: Model | Uint8Array,
  connections?: Connections,
  { prefix = '' }: ComposeOptions = {},
): Model {
  const [body, head] = align(ownCopy(first, 'the first model'), ownCopy(second, 'the second model'))
  const joined = new Map(Object.entries(connections ?? defaultConnections(body.graph, head.graph)))
  const sources = valuesOf(body.graph)
  const symbols = new Map<string, Extent>()
  for (const [input, output] of joined) checkConnection(input, output, sources, head.graph, symbols)

  const names = newNames(body.graph, head.graph, joined, prefix)
  const shared = new Set(body.graph.input.map(({ name }) => name))
  const taken = new Set(joined.values())
  renameValues(head.graph, names)
  renameSymbols(head.graph, symbols)
  const { graph } = body
  graph.input = [
    ...graph.input,
    ...head.graph.input.filter(({ name }) => !shared.has(name) && !taken.has(name)),
  ]
  const outputs = new Set(head.graph.output.map(({ name }) => name))
  graph.output = [
    ...graph.output.filter(({ name }) => !taken.has(name) && !outputs.has(name)),
    ...head.graph.output,
  ]
  const declared = new Set([...graph.input, ...graph.output].map(({ name }) => name))
  graph.valueInfo = [...sources.values(), ...head.graph.valueInfo].filter(({ name }) => !declared.has(name))
  graph.node = [...graph.node, ...head.graph.node]
  graph.initializer = [...graph.initializer, ...head.graph.initializer]
  graph.sparseInitializer = [...graph.sparseInitializer, ...head.graph.sparseInitializer]
  const keys = new Set(body.metadataProps.map(({ key }) => key))
  body.metadataProps = [...body.metadataProps, ...head.metadataProps.filter(({ key }) => !keys.has(key))]
  return body
}

function ownCopy(given: Model | Uint8Array, what: string): Model {
  const model = copyOf(given instanceof Uint8Array ? readModel(given, what) : checkModel(given, what))
  // In the oldest format initializers are inputs, too.
  const initializers = new Set(model.graph.initializer.map(({ name }) => name))
  model.graph.input = model.graph.input.filter(({ name }) => !initializers.has(name))
  inlineFunctions(model)
  return model
}

/** Brings two models to the same versions of operators and of the format. Both are changed. */
function align(first: Model, second: Model): [Model, Model] {
  const version = Math.max(...[first, second].map((model) => opsetOf(model) ?? 0))
  for (const model of [first, second]) if (opsetOf(model) !== undefined) raiseOpset(model, version)
  for (const { domain, version: needed } of second.opsetImport) {
    const known = opsetOf(first, canonicalDomain(domain))
    if (known === undefined) setOpset(first, canonicalDomain(domain), Number(needed))
    else if (known !== Number(needed)) {
      throw optionError(
        `the models use versions ${known} and ${needed} of the operators of ${domain}; convert them to one version`,
      )
    }
  }
  if (second.irVersion > first.irVersion) first.irVersion = second.irVersion
  if (first.irVersion < 4n) first.irVersion = 4n
  return [first, second]
}

function defaultConnections({ output }: GraphProto, { input }: GraphProto): Connections {
  const outputs = output.map(({ name }) => name)
  const equal = input.map(({ name }) => name).filter((name) => outputs.includes(name))
  if (equal.length > 0) return Object.fromEntries(equal.map((name) => [name, name]))
  if (outputs.length === 1 && input.length === 1) return { [input[0]!.name]: outputs[0]! }
  throw optionError(
    `composeModels: say which outputs the second model takes, as { input: 'output' }; the first has ${outputs.join(', ')}, and the ` +
      `second takes ${input.map(({ name }) => name).join(', ')}`,
  )
}

/** The values that a model declares, and those that it computes without a declaration. */
function valuesOf({ input, output, valueInfo, node }: GraphProto): ReadonlyMap<string, ValueInfoProto> {
  const known = new Map([...valueInfo, ...output, ...input].map((value) => [value.name, value]))
  const template = output[0]!
  for (const name of node.flatMap((one) => one.output)) {
    if (name !== '' && !known.has(name)) known.set(name, withFields(template, { name, type: undefined }))
  }
  return known
}

/** @param symbols gets what the first model knows of the extents that the second has symbols for */
function checkConnection(
  input: string,
  output: string,
  sources: ReadonlyMap<string, ValueInfoProto>,
  { input: inputs }: GraphProto,
  symbols: Map<string, Extent>,
): void {
  const taking = inputs.find(({ name }) => name === input)
  const [from, to] = [JSON.stringify(output), JSON.stringify(input)]
  if (!taking) {
    const others = inputs.map(({ name }) => name).join(', ')
    throw optionError(`composeModels: the second model has no input ${to}; it has ${others}`)
  }
  const source = sources.get(output)
  if (!source) throw optionError(`composeModels: the first model has no value ${from}`)
  const [given, wanted] = [typeOf(source), typeOf(taking)]
  const isOther = given.dataType !== wanted.dataType
  if (isOther && given.dataType !== undefined && wanted.dataType !== undefined) {
    throw shapeError(
      `composeModels: ${from} has elements of ONNX type ${given.dataType}, and the input ${to} takes ${wanted.dataType}`,
    )
  }
  if (given.shape === undefined || wanted.shape === undefined) return
  const fits =
    given.shape.length === wanted.shape.length &&
    given.shape.every((extent, axis) => {
      const other = wanted.shape![axis]
      if (typeof other === 'string' && extent !== undefined) symbols.set(other, extent)
      return typeof extent !== 'number' || typeof other !== 'number' || extent === other
    })
  if (fits) return
  throw shapeError(
    `composeModels: ${from} is ${describeShape(given.shape)}, and the input ${to} takes ${describeShape(wanted.shape)}`,
  )
}

/** The new names of the second model's values and nodes. */
function newNames(
  body: GraphProto,
  head: GraphProto,
  joined: ReadonlyMap<string, string>,
  prefix: string,
): ReadonlyMap<string, string> {
  const fresh = freshNames(namesIn(body))
  const inputs = new Set(head.input.map(({ name }) => name))
  const outputs = new Set(head.output.map(({ name }) => name))
  const shared = new Map(body.input.map((value) => [value.name, typeOf(value)]))
  const names = new Map<string, string>()
  for (const name of namesIn(head)) {
    if (name === '') continue
    const isShared = inputs.has(name) && shared.has(name)
    const own = inputs.has(name) || outputs.has(name) ? name : prefix + name
    names.set(name, joined.get(name) ?? (isShared ? name : fresh(own)))
  }
  for (const value of head.input) {
    const { dataType } = shared.get(value.name) ?? {}
    if (dataType === undefined || joined.has(value.name) || dataType === typeOf(value).dataType) continue
    throw shapeError(`composeModels: both models take ${JSON.stringify(value.name)}, of different types`)
  }
  return names
}

/** Replaces the symbols of extents in the declarations of a graph. */
function renameSymbols(graph: GraphProto, symbols: ReadonlyMap<string, Extent>): void {
  for (const { type } of [...graph.input, ...graph.output, ...graph.valueInfo]) {
    if (type?.value.case !== 'tensorType') continue
    for (const dim of type.value.value.shape?.dim ?? []) {
      const extent = dim.value.case === 'dimParam' ? symbols.get(dim.value.value) : undefined
      if (typeof extent === 'number') dim.value = { case: 'dimValue', value: BigInt(extent) }
      else if (extent !== undefined) dim.value = { case: 'dimParam', value: extent }
    }
  }
}

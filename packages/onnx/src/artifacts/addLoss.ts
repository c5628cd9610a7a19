import { optionError, shapeError, unsupported } from '@induced-metric/core/adapter'
import { createContext, type Emitted } from '../rewrite/nodeContext.js'
import { typeOf as declaredType, type ValueTypes } from '../rewrite/valueTypes.js'
import { capturedBy, freshNames, namesIn, renameValue, subgraphsOf } from '../proto/graph.js'
import { canonicalDomain, opsetOf, setOpset, type Model } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import type { GraphProto, TensorProto } from '../proto/onnx_pb.js'
import { lossBuilder, type Loss, type LossContext } from './losses.js'
import { prepareModel } from './prepare.js'
import { readForward } from './readForward.js'
import { declaredValue, withFields } from '../rewrite/declare.js'

/** A loss in a graph. */
export interface AddedLoss {
  /** The value that is the loss. */
  readonly loss: string
  /** The constants that came with it. They are not parameters, whatever their type. */
  readonly constants: readonly TensorProto[]
}

/**
 * Adds a loss to a model.
 *
 * @param model is changed, except for its constants, which are returned
 * @param outputs the values that the loss is computed from
 * @param parameters inputs of the model that a loss must not share
 * @throws ERR_OPTION and ERR_SHAPE for a loss that does not fit the model
 */
export async function addLoss(
  model: Model,
  types: ValueTypes,
  loss: Loss,
  outputs: readonly string[],
  parameters: ReadonlyMap<string, TensorProto>,
): Promise<AddedLoss> {
  if (typeof loss === 'object' && loss !== null) return addLossModel(model, types, loss, outputs)
  const builder = lossBuilder(loss)
  const { graph } = model
  const emitted: Emitted = {
    nodes: [],
    constants: new Map(),
    prefix: 'loss',
    fresh: freshNames(namesIn(graph)),
  }
  // It provides the hint of names, and the node that errors name.
  const node = createNode('loss', [], ['loss'], {}, 'loss')
  const context = createContext(node, types, emitted, opsetOf(model)!)
  const declared = new Map(graph.input.map((input) => [input.name, input]))
  const added = new Set<string>()
  const given: LossContext = {
    outputs,
    opset: context.opset,
    typeOf: (name) => (added.has(name) ? declaredType(declared.get(name)!) : context.typeOf(name)),
    producerOf: context.producerOf,
    emit: context.emit,
    emitAll: context.emitAll,
    reals: context.reals,
    ints: context.ints,
    fresh: emitted.fresh,
    constant(tensor) {
      const name = emitted.fresh(tensor.name === '' ? 'loss/constant' : tensor.name)
      emitted.constants.set(name, withFields(tensor, { name }))
      return name
    },
    input(name, type, shape) {
      const known = declared.get(name)
      const isOutput = graph.output.some((output) => output.name === name)
      if (parameters.has(name) || (known === undefined && (types.producer(name) || isOutput))) {
        throw optionError(
          `the model ${parameters.has(name) ? 'has a parameter' : 'computes a value'} ${JSON.stringify(name)}, but the loss has an input of that name; give the loss ` +
            'another name for it',
        )
      }
      if (known === undefined) {
        const value = declaredValue(name, type, shape)
        freeName(graph, name, emitted.fresh)
        added.add(name)
        declared.set(name, value)
        graph.input.push(value)
        types.add(name, { dataType: type, shape })
        return name
      }
      const { dataType: found, shape: extents } = declaredType(known)
      if (found !== type || extents?.length !== shape.length) {
        throw shapeError(
          `the model has an input ${JSON.stringify(name)} already, of another type or number of axes than the loss wants; ` +
            'give the loss another name for it',
        )
      }
      return name
    },
  }
  const name = builder(given)
  if (!emitted.nodes.some(({ output }) => output.includes(name))) {
    throw optionError(
      `the function that builds the loss must return the name of a value that it has computed, returned ${JSON.stringify(name)}`,
    )
  }
  graph.node = [...graph.node, ...emitted.nodes]
  return { loss: name, constants: [...emitted.constants.values()] }
}

/** Renames a constant of a graph that has the name of an input. Nothing outside refers to it by its name. */
function freeName(graph: GraphProto, name: string, fresh: (hint: string) => string): void {
  if (graph.initializer.some((tensor) => tensor.name === name)) {
    renameValue(graph, name, fresh(`${name}/constant`))
  }
}

async function addLossModel(
  model: Model,
  types: ValueTypes,
  { model: given }: Exclude<Loss, string | ((...args: never) => unknown)>,
  outputs: readonly string[],
): Promise<AddedLoss> {
  if (given === undefined) throw optionError('a loss that is an object must be { model }')
  const read = await readForward(given, 'the loss')
  const version = opsetOf(read)
  const { model: loss } = prepareModel(read)
  if (opsetOf(loss) !== opsetOf(model)) {
    throw optionError(
      `the loss uses version ${version} of ONNX's operators, the model ${opsetOf(model)}: they must be the same`,
    )
  }
  for (const { domain, version } of loss.opsetImport) {
    if (opsetOf(model, canonicalDomain(domain)) === undefined) setOpset(model, domain, Number(version))
  }
  const names = namesIn(model.graph)
  const fresh = freshNames(names)
  const inputs = loss.graph.input.map(({ name }) => name)
  const isNamed = inputs.some((name) => types.producer(name) !== undefined || outputs.includes(name))
  const renamed = new Map<string, string>([['', '']])
  loss.graph.input.forEach((value, index) => {
    const bound = isNamed
      ? types.producer(value.name) !== undefined || outputs.includes(value.name)
        ? value.name
        : undefined
      : outputs[index]
    if (bound === undefined && !model.graph.input.some(({ name }) => name === value.name)) {
      freeName(model.graph, value.name, fresh)
      model.graph.input.push(value)
    }
    renamed.set(value.name, bound ?? value.name)
  })
  if (outputs.every((name) => ![...renamed.values()].includes(name))) {
    throw optionError('the loss reads no output of the model')
  }
  const rename = (name: string): string => {
    const known = renamed.get(name)
    if (known !== undefined) return known
    const made = fresh(names.has(name) ? `loss/${name}` : name)
    renamed.set(name, made)
    return made
  }
  for (const node of loss.graph.node) {
    const captured = capturedBy(node).filter((name) => rename(name) !== name)
    if (captured.length > 0 && subgraphsOf(node).length > 0) {
      throw unsupported(
        `the loss has control flow that reads ${captured.join(', ')}, whose names are taken in the model: rename them`,
      )
    }
    node.name = fresh(node.name === '' ? `loss/${node.opType}` : node.name)
    node.input = node.input.map(rename)
    node.output = node.output.map(rename)
  }
  model.graph.node = [...model.graph.node, ...loss.graph.node]
  return {
    loss: rename(loss.graph.output[0]!.name),
    constants: loss.graph.initializer.map((tensor) => withFields(tensor, { name: rename(tensor.name) })),
  }
}

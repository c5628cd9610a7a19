import { sizeOf } from '@induced-metric/core/adapter'
import type { ValueType, ValueTypes } from '../rewrite/valueTypes.js'
import { elementTypeOf } from '../proto/dataType.js'
import { canonicalDomain, type Model } from '../proto/model.js'
import { dimsOf } from '../proto/tensor.js'
import type { NamedTensor } from '../proto/tensorData.js'
import type { CheckpointState } from '../checkpoint/state.js'
import type { FormulaConstant } from './parameters.js'
import type { UnreachedParameter } from './reach.js'

/** A parameter in a summary. */
export interface SummarizedParameter {
  readonly name: string
  readonly dims: readonly number[]
  readonly trainable: boolean
}

/** A constant of a formula that was left out of the parameters. */
export interface LeftOutConstant {
  readonly name: string
  readonly dims: readonly number[]
  /** The operator that uses it, as `domain::operator`. */
  readonly operator: string
}

/** A summary of generated artifacts. */
export interface ArtifactsSummary {
  /** Trainable ones first. */
  readonly parameters: readonly SummarizedParameter[]
  readonly trainableScalars: number
  readonly frozenScalars: number
  /**
   * Parameters that should be trained but that no gradient reaches, with the operators that stop it. They are frozen.
   */
  readonly unreached: readonly UnreachedParameter[]
  /** Initializers of float or double that are constants of formulas, and stay in the graph unchanged. */
  readonly constants: readonly LeftOutConstant[]
  /** The number of examples that the model takes at a time, if it is fixed: every step must be fed exactly as many. */
  readonly batch: number | undefined
  /** The inputs to feed the training model: names, types and shapes in words. */
  readonly inputs: readonly string[]
  /** The value that is the loss. */
  readonly loss: string
  /** How often each operator of the training model occurs, as `domain::operator`. */
  readonly operators: Readonly<Record<string, number>>
  /** Model-local functions that were inlined, and how often. */
  readonly inlined: Readonly<Record<string, number>>
  /** Constants of float16 and bfloat16 that are float32 in the artifacts, as are inputs and outputs. */
  readonly widened: number
  /** Nodes that were computed in advance. */
  readonly folded: number
  /** Nodes, such as attentions, that were written out in primitive operators in the training model. */
  readonly writtenOut: number
  /** Quantisations that gradients pass straight through, as if they did not round. */
  readonly straightThrough: number
  /** The memory of a training step, in bytes. */
  readonly memory: StepMemory
}

/** The bytes that a training step needs. */
export interface StepMemory {
  readonly parameters: number
  /** One gradient per trainable parameter. */
  readonly gradients: number
  /** Slots of the optimiser: two per trainable scalar, as for Adam. */
  readonly slots: number
  /** Values of the forward graph that are kept for the backward one: for one example, if the batch is not fixed. */
  readonly activations: number
  /** Unknown extents, which count as 1 in `activations`. */
  readonly symbols: readonly string[]
}

/** Summarizes artifacts. */
export function summarize(given: {
  readonly trainModel: Model
  /** The inputs of the model that are not parameters. */
  readonly fed: ReadonlySet<string>
  /** The number of nodes, from the first, that are the model and the loss. */
  readonly forwardNodes: number
  readonly state: CheckpointState
  readonly types: ValueTypes
  readonly loss: string
  readonly inlined: ReadonlyMap<string, number>
  readonly widened: number
  readonly folded: number
  readonly writtenOut: number
  readonly straightThrough: number
  readonly unreached: readonly UnreachedParameter[]
  readonly constants: ReadonlyMap<string, FormulaConstant>
}): ArtifactsSummary {
  const { trainModel, state, types, loss, unreached } = given
  const { graph } = trainModel
  const operators: Record<string, number> = {}
  for (const { domain, opType } of graph.node) {
    const key = `${canonicalDomain(domain) || 'ai.onnx'}::${opType}`
    operators[key] = (operators[key] ?? 0) + 1
  }
  const count = (tensors: readonly NamedTensor[]): number =>
    tensors.reduce((total, { dims }) => total + sizeOf(dims), 0)
  const bytes = (tensors: readonly NamedTensor[]): number =>
    tensors.reduce((total, { dims, dataType }) => total + sizeOf(dims) * elementTypeOf(dataType).bytes, 0)
  const taken = new Set([...state.trainable, ...state.frozen].map(({ name }) => name))
  const inputs = graph.input.map(({ name }) => name).filter((name) => given.fed.has(name))
  return {
    parameters: [
      ...state.trainable.map(({ name, dims }) => ({ name, dims, trainable: true })),
      ...state.frozen.map(({ name, dims }) => ({ name, dims, trainable: false })),
    ],
    trainableScalars: count(state.trainable),
    frozenScalars: count(state.frozen),
    unreached,
    constants: leftOut(given.constants, taken),
    batch: batchOf(inputs.map((name) => types.get(name).shape)),
    inputs: inputs.map((name) => describe(name, types)),
    loss,
    operators,
    inlined: Object.fromEntries(given.inlined),
    widened: given.widened,
    folded: given.folded,
    writtenOut: given.writtenOut,
    straightThrough: given.straightThrough,
    memory: {
      parameters: bytes(state.trainable) + bytes(state.frozen),
      gradients: bytes(state.trainable),
      slots: 2 * bytes(state.trainable),
      ...activationsOf(trainModel, given.forwardNodes, types),
    },
  }
}

/** The constants of formulas that are not parameters. */
export function leftOut(
  constants: ReadonlyMap<string, FormulaConstant>,
  parameters: ReadonlySet<string>,
): LeftOutConstant[] {
  return [...constants]
    .filter(([name]) => !parameters.has(name))
    .map(([name, { tensor, user }]) => ({
      name,
      dims: dimsOf(tensor),
      operator: `${canonicalDomain(user.domain) || 'ai.onnx'}::${user.opType}`,
    }))
}

/** The first extent that all inputs with axes have in common, if it is a number. */
export function batchOf(shapes: readonly ValueType['shape'][]): number | undefined {
  const [first, ...others] = shapes.filter((shape) => shape?.length !== 0).map((shape) => shape?.[0])
  return typeof first === 'number' && others.every((extent) => extent === first) ? first : undefined
}

function describe(name: string, types: ValueTypes): string {
  const { dataType, shape } = types.get(name)
  const type = dataType === undefined ? '' : ` ${elementTypeOf(dataType).name}`
  return `${name}${type} [${shape?.map((extent) => extent ?? '?').join(', ') ?? '?'}]`
}

/** The values of the forward graph that the gradients still need. */
function activationsOf(
  { graph }: Model,
  forwardNodes: number,
  types: ValueTypes,
): Pick<StepMemory, 'activations' | 'symbols'> {
  const forward = graph.node.slice(0, forwardNodes)
  const made = new Set(forward.flatMap(({ output }) => output))
  const read = new Set(graph.node.slice(forwardNodes).flatMap(({ input }) => input))
  const symbols = new Set<string>()
  let activations = 0
  for (const name of made) {
    if (name === '' || !read.has(name)) continue
    const { dataType, shape } = types.get(name)
    if (dataType === undefined || shape === undefined) continue
    let size = elementTypeOf(dataType).bytes
    for (const extent of shape) {
      if (typeof extent === 'number') size *= extent
      else symbols.add(extent ?? '?')
    }
    activations += size
  }
  return { activations, symbols: [...symbols] }
}

import { clone } from '@bufbuild/protobuf'
import { optionError, show, unsupported } from '@induced-metric/core/adapter'
import { allocated } from '../../errors.js'
import { dataType, elementTypeOf } from '../../proto/dataType.js'
import { namesIn } from '../../proto/graph.js'
import { canonicalDomain, checkModel, readModel, type Model } from '../../proto/model.js'
import { ModelProtoSchema, type GraphProto, type NodeProto, type TensorProto } from '../../proto/onnx_pb.js'
import { createTensor, dimsOf } from '../../proto/tensor.js'
import { createRandom, uniform } from '../../random.js'
import {
  adaptersOf,
  extentsOf,
  factorNames,
  factorShapes,
  factorsOf,
  isProjection,
  projections,
  setAdapters,
  type Adapter,
  type Projection,
} from './adapter.js'
import { adapt } from './change.js'
import { loraUses, type WeightUses } from './uses.js'
import { selectNames, type Selector } from '../select.js'
import { sortNodes } from '../../rewrite/sort.js'
import { validateModel } from '../validate.js'

/** The properties of a weight that can have an adapter. */
export interface LoraTarget {
  readonly dims: readonly number[]
  /** The element type, a value of ONNX's `TensorProto.DataType`. */
  readonly dataType: number
  /** The operator that uses it first, as `domain::operator`. */
  readonly operator: string
}

/** Options of {@link addLora}. */
export interface LoraOptions {
  /** The inner dimension of the two factors of a change: the smaller it is, the fewer numbers are trained. */
  readonly rank: number
  /** A change is alpha/rank times the product of its factors. Default: the rank. */
  readonly alpha?: number
  /** The weights that get an adapter: names, globs, or a predicate. */
  readonly targets: Selector<LoraTarget>
  /**
   * For targets that project to queries, keys and values at once, beside one another: which of these change. Each has
   * factors of its own, `<weight>.q.lora_A` and so on. Default: the whole weight, with one pair of factors.
   */
  readonly qkv?: readonly Projection[]
  /** The seed of the first factors. Default 0. */
  readonly seed?: number
}

/** A model with adapters. */
export interface LoraModel {
  readonly model: Model
  /**
   * The initializers to train, two per target or part of it: `<weight>.lora_A` and `<weight>.lora_B`. All others should
   * stay frozen.
   */
  readonly trainable: readonly string[]
}

/**
 * Adds low-rank adapters to weights: x·W becomes x·W + (alpha/rank)·x·Aᵀ·Bᵀ, with `<weight>.lora_A` [rank, inputs]
 * uniform over ±1/√inputs and `<weight>.lora_B` [outputs, rank] zero, so that at first the model computes the same as
 * before. If a weight is used several times, transposed or not, or as an embedding, it changes in the same way
 * everywhere. Hu and others, arXiv:2106.09685.
 *
 * Weights of MatMul, Gemm, Conv and com.microsoft's Attention have adapters, and tables whose rows Gather looks up (A is
 * then uniform over ±1/√rank). So have weights that are quantised, in MatMulNBits, behind DequantizeLinear and in the
 * products that ONNX Runtime's dynamic quantiser writes: the adapter is real, and adds to the real result. Dettmers and
 * others, arXiv:2305.14314. All that a filter of a Conv reads, channels × kernel, are its inputs.
 *
 * @param forwardModel a model or the content of its file; it is not changed
 * @returns the model with adapters, and the names of the initializers to train: pass them on as `requiresGrad`
 * @throws ERR_OPTION for a model that is not valid ONNX, options out of their range, targets that fit no such weight, and
 *   targets that have an adapter already; ERR_NOT_SUPPORTED for a target that is also used in another way, or whose
 *   elements are of another type
 *
 * @example
 * ```ts
 * import { addLora, mergeLora } from '@induced-metric/onnxruntime/artifacts'
 * import { gpt } from '@induced-metric/onnxruntime/models'
 *
 * const { model, trainable } = addLora(gpt({ layers: 1 }), { rank: 4, alpha: 8, targets: '*.attn.*.weight' })
 * console.log(trainable.length) // 4
 * const merged = mergeLora(model)
 * console.log(merged.graph.node.length < model.graph.node.length) // true
 * ```
 */
export function addLora(forwardModel: Model | Uint8Array, options: LoraOptions): LoraModel {
  if (typeof options !== 'object' || options === null) throw optionError('addLora takes { rank, targets, … }')
  const { rank, alpha = rank, targets, qkv, seed = 0 } = options
  if (!Number.isSafeInteger(rank) || rank < 1)
    throw optionError(`rank is ${show(rank)}; give a positive whole number`)
  if (!Number.isFinite(seed)) throw optionError(`seed is ${show(seed)}; give a number`)
  if (!Number.isFinite(alpha)) throw optionError(`alpha is ${show(alpha)}; give a number`)
  checkParts(qkv)
  const original =
    forwardModel instanceof Uint8Array ? readModel(forwardModel) : checkModel(forwardModel, 'the model')
  validateModel(original)
  const model = clone(ModelProtoSchema, original) as Model
  const { graph } = model
  // It throws for a cycle.
  sortNodes(graph.node)
  const adapters = new Map(adaptersOf(model))
  const weights = adaptable(graph, adapters)
  const targetsByName = new Map<string, LoraTarget>(
    [...weights].map(([name, { tensor, dims, uses }]) => [
      name,
      { dims, dataType: tensor.dataType, operator: operatorOf(uses[0]!.node) },
    ]),
  )
  const names = selectNames(targets, targetsByName, 'targets')
  if (names.length === 0) {
    throw optionError(
      `targets picks none of the ${weights.size} weights of products, convolutions and embeddings: ${[...weights.keys()].join(', ')}`,
    )
  }
  const taken = namesIn(graph)
  const random = createRandom(seed)
  for (const name of names) {
    const { tensor, dims, uses, other } = weights.get(name)!
    const product = uses.find(({ kind }) => kind !== 'Gather')
    const isRowed = product?.node.opType === 'Conv' || (product ?? uses[0]!).transposed
    const adapter: Adapter = {
      scale: alpha / rank,
      stored: isRowed ? 'outputsFirst' : 'inputsFirst',
      ...(qkv && { parts: qkv }),
    }
    check(name, tensor, { dims, adapter, other }, taken)
    adapters.set(name, adapter)
    const type = tensor.dataType === dataType.double ? dataType.double : dataType.float
    adapt(graph, { name, dims, type, adapter, rank, uses }, taken)
    const { a, b } = factorShapes(dims, adapter, rank)
    // A row that is looked up is not a sum over inputs.
    const bound = 1 / Math.sqrt(product === undefined ? rank : a[1])
    const draw = (): number => (2 * uniform(random) - 1) * bound
    for (const pair of factorsOf(name, adapter)) {
      graph.initializer.push(
        factor(pair.a, a, type, draw),
        factor(pair.b, b, type, () => 0),
      )
    }
  }
  setAdapters(model, adapters)
  return { model, trainable: names.flatMap((name) => factorNames(name, adapters.get(name)!)) }
}

function factor(
  name: string,
  dims: readonly [number, number],
  type: number,
  draw: () => number,
): TensorProto {
  const { array: TypedArray, bytes } = elementTypeOf(type)
  const data = allocated(name, () => new TypedArray(new ArrayBuffer(dims[0] * dims[1] * bytes)))
  for (let i = 0; i < data.length; i++) data[i] = draw()
  return createTensor(name, dims, type, data)
}

/** The element types of weights: of those with fewer bits than a float, the adapter works on what they stand for. */
const elementTypes = new Set<number>([
  dataType.float,
  dataType.double,
  dataType.float16,
  dataType.uint8,
  dataType.int8,
  dataType.uint4,
  dataType.int4,
])

interface Weight extends WeightUses {
  readonly tensor: TensorProto
  /** The extents of what it stands for. */
  readonly dims: readonly number[]
}

/** The weights that can have an adapter, by name. */
function adaptable(graph: GraphProto, adapters: ReadonlyMap<string, Adapter>): Map<string, Weight> {
  const usesOf = loraUses(graph)
  const factors = new Set([...adapters].flatMap(([weight, adapter]) => factorNames(weight, adapter)))
  const found = new Map<string, Weight>()
  for (const tensor of graph.initializer) {
    if (factors.has(tensor.name) || tensor.dims.length < 2) continue
    const { uses, other } = usesOf(tensor.name)
    const [first] = uses
    if (first === undefined) continue
    const dims = first.dims ?? dimsOf(tensor)
    const isGathered = uses.every(({ kind }) => kind === 'Gather')
    // A table is a weight only if all its uses are look-ups, or if it is one in a product.
    if (isGathered && (other !== undefined || !elementTypes.has(tensor.dataType))) continue
    if (first.node.opType === 'Conv' || dims.length === 2)
      found.set(tensor.name, { tensor, dims, uses, other })
  }
  return found
}

function operatorOf({ domain, opType }: NodeProto): string {
  return `${canonicalDomain(domain) || 'ai.onnx'}::${opType}`
}

function checkParts(qkv: unknown): void {
  if (qkv === undefined) return
  const isList = Array.isArray(qkv) && qkv.length > 0 && new Set(qkv).size === qkv.length
  if (isList && qkv.every(isProjection)) return
  throw optionError(`qkv is ${JSON.stringify(qkv)}; give a list of 'q', 'k' and 'v'`)
}

function check(
  name: string,
  tensor: TensorProto,
  {
    dims,
    adapter,
    other,
  }: { readonly dims: readonly number[]; readonly adapter: Adapter; readonly other: string | undefined },
  taken: ReadonlySet<string>,
): void {
  const shown = JSON.stringify(name)
  if (other !== undefined) {
    throw unsupported(
      `${shown} cannot have an adapter: ${other}, where its change would be missed; leave it out of targets`,
    )
  }
  if (!elementTypes.has(tensor.dataType)) {
    throw unsupported(
      `${shown} has elements of ONNX type ${tensor.dataType}; weights with adapters are of float, of double, of float16, or ` +
        'quantised to 8, 4 or 2 bits',
    )
  }
  const { outputs } = extentsOf(dims, adapter.stored)
  if (adapter.parts && outputs % 3 !== 0) {
    throw optionError(
      `qkv: ${shown} has ${outputs} outputs, which are not three projections of one size; adapt it without qkv`,
    )
  }
  // An adapter on the whole, or on any part, changes the same results.
  const clash = [undefined, projections]
    .flatMap((parts) => factorNames(name, parts ? { parts } : {}))
    .find((factorName) => taken.has(factorName))
  if (clash !== undefined) {
    throw optionError(
      `${shown} has an adapter already (the model has ${JSON.stringify(clash)}); merge it first, or leave it out of targets`,
    )
  }
}

import { clone } from '@bufbuild/protobuf'
import { optionError, show, unsupported } from '@induced-metric/core/adapter'
import { allocated } from '../../errors.js'
import { attributeOf, floatOf, intOf } from '../../proto/attribute.js'
import { dataType, elementTypeOf } from '../../proto/dataType.js'
import { namesIn } from '../../proto/graph.js'
import { checkModel, readModel, type Model } from '../../proto/model.js'
import { ModelProtoSchema, type GraphProto, type TensorProto } from '../../proto/onnx_pb.js'
import { createTensor, dimsOf } from '../../proto/tensor.js'
import { createRandom, uniform } from '../../random.js'
import { adaptersOf, factorsOf, factorShapes, setAdapters, type Adapter, type Factor } from './adapter.js'
import { createAdapterNodes, type AdapterNodes } from './nodes.js'
import { loraUses, type WeightUse } from './uses.js'
import { selectNames, type Selector } from '../select.js'
import { sortNodes } from '../../rewrite/sort.js'
import { validateModel } from '../validate.js'

/** The properties of a weight that can have an adapter. */
export interface LoraTarget {
  readonly dims: readonly number[]
  /** The element type, a value of ONNX's `TensorProto.DataType`. */
  readonly dataType: number
}

/** Options of {@link addLora}. */
export interface LoraOptions {
  /** The inner dimension of the two factors of a change: the smaller it is, the fewer numbers are trained. */
  readonly rank: number
  /** A change is alpha/rank times the product of its factors. Default: the rank. */
  readonly alpha?: number
  /** The weights that get an adapter: names, globs, or a predicate. */
  readonly targets: Selector<LoraTarget>
  /** The seed of the first factors. Default 0. */
  readonly seed?: number
}

/** A model with adapters. */
export interface LoraModel {
  readonly model: Model
  /**
   * The initializers to train, two per target: `<weight>.lora_A` and `<weight>.lora_B`. All others should stay
   * frozen.
   */
  readonly trainable: readonly string[]
}

/**
 * Adds low-rank adapters to weights of MatMul and Gemm: x·W becomes x·W + (alpha/rank)·x·Aᵀ·Bᵀ, with
 * `<weight>.lora_A` [rank, inputs] uniform over ±1/√inputs and `<weight>.lora_B` [outputs, rank] zero, so that at
 * first the model computes the same as before. If a weight is used several times, transposed or not, or as an
 * embedding, it changes in the same way everywhere. Hu and others, arXiv:2106.09685.
 *
 * @param forwardModel a model or the content of its file; it is not changed
 * @returns the model with adapters, and the names of the initializers to train: pass them on as `requiresGrad`
 * @throws ERR_OPTION for a model that is not valid ONNX, options out of their range, targets that fit no weight of a
 *   MatMul or Gemm, and targets that have an adapter already; ERR_NOT_SUPPORTED for a target that is also used in
 *   another way, or is neither float nor double
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
  const { rank, alpha = rank, targets, seed = 0 } = options
  if (!Number.isSafeInteger(rank) || rank < 1)
    throw optionError(`rank is ${show(rank)}; give a positive whole number`)
  if (!Number.isFinite(seed)) throw optionError(`seed is ${show(seed)}; give a number`)
  if (!Number.isFinite(alpha)) throw optionError(`alpha is ${show(alpha)}; give a number`)
  const original =
    forwardModel instanceof Uint8Array ? readModel(forwardModel) : checkModel(forwardModel, 'the model')
  validateModel(original)
  const model = clone(ModelProtoSchema, original) as Model
  const { graph } = model
  // It throws for a cycle.
  sortNodes(graph.node)
  const usesOf = loraUses(graph)
  const adapters = new Map(adaptersOf(model))
  const factors = new Set([...adapters.keys()].flatMap((weight) => Object.values(factorsOf(weight))))
  const weights = new Map(
    graph.initializer
      .filter((tensor) => tensor.dims.length === 2 && !factors.has(tensor.name))
      .map((tensor) => ({ tensor, ...usesOf(tensor.name) }))
      .filter(({ uses }) => uses.some(({ kind }) => kind !== 'Gather'))
      .map((weight) => [weight.tensor.name, weight]),
  )
  const targetsByName = new Map<string, LoraTarget>(
    [...weights].map(([name, { tensor }]) => [name, { dims: dimsOf(tensor), dataType: tensor.dataType }]),
  )
  const names = selectNames(targets, targetsByName, 'targets')
  if (names.length === 0) {
    throw optionError(
      `targets picks none of the ${weights.size} weights of MatMul and Gemm: ${[...weights.keys()].join(', ')}`,
    )
  }
  const taken = namesIn(graph)
  const random = createRandom(seed)
  for (const name of names) {
    const { tensor, uses, other } = weights.get(name)!
    check(tensor, other, taken)
    const stored = uses.find(({ kind }) => kind !== 'Gather')!.transposed ? 'outputsFirst' : 'inputsFirst'
    const adapter: Adapter = { scale: alpha / rank, stored }
    adapters.set(name, adapter)
    adapt(graph, name, adapter, tensor.dataType, uses, taken)
    const { a, b } = factorShapes(dimsOf(tensor), stored, rank)
    const bound = 1 / Math.sqrt(a[1])
    const draw = (): number => (2 * uniform(random) - 1) * bound
    graph.initializer.push(
      factor(factorsOf(name).a, a, tensor.dataType, draw),
      factor(factorsOf(name).b, b, tensor.dataType, () => 0),
    )
  }
  setAdapters(model, adapters)
  return { model, trainable: names.flatMap((name) => Object.values(factorsOf(name))) }
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

function check(tensor: TensorProto, other: string | undefined, taken: ReadonlySet<string>): void {
  const shown = JSON.stringify(tensor.name)
  if (other !== undefined) {
    throw unsupported(
      `${shown} cannot have an adapter: ${other}, where its change would be missed; leave it out of targets`,
    )
  }
  if (tensor.dataType !== dataType.float && tensor.dataType !== dataType.double) {
    throw unsupported(
      `${shown} has elements of ONNX type ${tensor.dataType}; only weights of float32 and float64 can have adapters`,
    )
  }
  const clash = Object.values(factorsOf(tensor.name)).find((name) => taken.has(name))
  if (clash !== undefined) {
    throw optionError(
      `${shown} has an adapter already (the model has ${JSON.stringify(clash)}); merge it first, or leave it out of targets`,
    )
  }
}

/** Adds the nodes of an adapter after every use of its weight. */
function adapt(
  graph: GraphProto,
  weight: string,
  { scale, stored }: Adapter,
  type: number,
  uses: readonly WeightUse[],
  taken: Set<string>,
): void {
  const { a, b } = factorsOf(weight)
  // The change of the weight as it is stored is left·right.
  const [left, right]: readonly [Factor, Factor] =
    stored === 'outputsFirst'
      ? [
          { name: b, transposed: false },
          { name: a, transposed: false },
        ]
      : [
          { name: a, transposed: true },
          { name: b, transposed: true },
        ]
  const nodes = createAdapterNodes(weight, scale, type, taken)
  const byNode = new Map(uses.map((use) => [use.node, use]))
  graph.node = graph.node.flatMap((node) => {
    const use = byNode.get(node)
    if (!use) return [node]
    const output = node.output[0]!
    const base = nodes.fresh('base')
    nodes.emit('Add', [base, emitChange(nodes, use, left, right, scale)], {}, output)
    node.output[0] = base
    return [node, ...nodes.take()]
  })
}

/** Emits what an adapter adds to the result of a use of its weight, and returns its name. */
function emitChange(
  { emit, matrix, scaled }: AdapterNodes,
  { kind, node, transposed }: WeightUse,
  left: Factor,
  right: Factor,
  scale: number,
): string {
  const flip = ({ name, transposed }: Factor): Factor => ({ name, transposed: !transposed })
  const [first, second] = transposed ? [flip(right), flip(left)] : [left, right]
  if (kind === 'Gather') {
    const rows = emit('Gather', [matrix(first), node.input[1]!], { axis: 0 })
    return emit('MatMul', [scaled(rows), matrix(second)])
  }
  const x = node.input[0]!
  if (kind === 'MatMul') return emit('MatMul', [scaled(emit('MatMul', [x, matrix(first)])), matrix(second)])
  const inner = emit('Gemm', [x, first.name], {
    transA: attributeOf(node, 'transA') && intOf(node, 'transA', 0),
    transB: Number(first.transposed),
  })
  const alpha = floatOf(node, 'alpha', 1) * scale
  return emit('Gemm', [inner, second.name], { alpha: { float: alpha }, transB: Number(second.transposed) })
}

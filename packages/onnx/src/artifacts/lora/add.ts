import { clone } from '@bufbuild/protobuf'
import { InducedMetricError } from '@induced-metric/core'
import { allocated, shown } from '../../errors.js'
import { attributeOf, floatOf, intOf } from '../../proto/attribute.js'
import { dataType, elementTypeOf } from '../../proto/dataType.js'
import { namesIn } from '../../proto/graph.js'
import { checkModel, readModel, type Model } from '../../proto/model.js'
import { createNode, type Attributes } from '../../proto/node.js'
import { ModelProtoSchema, type GraphProto, type NodeProto, type TensorProto } from '../../proto/onnx_pb.js'
import { createTensor, dimsOf, realTensor } from '../../proto/tensor.js'
import { createRandom, uniform } from '../../random.js'
import {
  adaptersOf,
  factorsOf,
  factorShapes,
  partOf,
  setAdapters,
  type Adapter,
  type Factor,
} from './adapter.js'
import { loraUses, type Use } from './uses.js'
import { selectNames, type Selector } from '../select.js'
import { sortNodes } from '../../rewrite/sort.js'
import { validateModel } from '../validate.js'

/** What is known of a weight that can have an adapter. */
export interface LoraTarget {
  readonly dims: readonly number[]
  /** The element type, a value of ONNX's `TensorProto.DataType`. */
  readonly dataType: number
}

/** What adapters are to be like. */
export interface LoraOptions {
  /** Columns and rows of the two factors of a change: the smaller, the fewer numbers to train. */
  readonly rank: number
  /** A change is alpha/rank times the product of its factors. Default: the rank. */
  readonly alpha?: number
  /** Which weights get an adapter: names, globs, or a predicate. */
  readonly targets: Selector<LoraTarget>
  /** Where the drawing of the first factors starts. Default 0. */
  readonly seed?: number
}

/** A model with adapters. */
export interface LoraModel {
  readonly model: Model
  /** The initializers to train, two for each target: `<weight>.lora_A` and `<weight>.lora_B`. All others are to stay. */
  readonly trainable: readonly string[]
}

/**
 * Puts low-rank adapters beside weights of MatMul and Gemm: x·W becomes x·W + (alpha/rank)·x·Aᵀ·Bᵀ, with
 * `<weight>.lora_A` [rank, inputs] uniform over ±1/√inputs and `<weight>.lora_B` [outputs, rank] zero, so that at first
 * the model computes what it did. A weight that is used several times, transposed or not, or whose rows are an embedding,
 * changes the same everywhere. Hu and others, arXiv:2106.09685.
 *
 * @param forwardModel a model or the content of its file; it is left as it is
 * @returns the model with adapters, and the names of what to train: pass them on as what requires gradients
 * @throws ERR_OPTION for a model that is not valid ONNX, options out of their range, targets that fit no weight of a MatMul or Gemm, and those that have
 *   an adapter; ERR_NOT_SUPPORTED for a target that is used in another way as well, or is neither float nor double
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
  if (typeof options !== 'object' || options === null)
    throw new InducedMetricError('ERR_OPTION', 'addLora takes { rank, targets, … }')
  const { rank, alpha = rank, targets, seed = 0 } = options
  if (!Number.isSafeInteger(rank) || rank < 1)
    throw new InducedMetricError('ERR_OPTION', `rank is ${shown(rank)}; give a positive whole number`)
  if (!Number.isFinite(seed))
    throw new InducedMetricError('ERR_OPTION', `seed is ${shown(seed)}; give a number`)
  if (!Number.isFinite(alpha))
    throw new InducedMetricError('ERR_OPTION', `alpha is ${shown(alpha)}; give a number`)
  const original =
    forwardModel instanceof Uint8Array ? readModel(forwardModel) : checkModel(forwardModel, 'the model')
  validateModel(original)
  const model = clone(ModelProtoSchema, original) as Model
  const { graph } = model
  // Throws for a cycle.
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
    throw new InducedMetricError(
      'ERR_OPTION',
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
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      `${shown} cannot have an adapter: ${other}, where its change would be missed; leave it out of targets`,
    )
  }
  if (tensor.dataType !== dataType.float && tensor.dataType !== dataType.double) {
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      `${shown} has elements of ONNX type ${tensor.dataType}; adapters stand beside weights of float32 and float64`,
    )
  }
  const clash = Object.values(factorsOf(tensor.name)).find((name) => taken.has(name))
  if (clash !== undefined) {
    throw new InducedMetricError(
      'ERR_OPTION',
      `${shown} has an adapter already (the model has ${JSON.stringify(clash)}); merge it first, or leave it out of targets`,
    )
  }
}

/** Puts the nodes of an adapter behind every use of its weight. */
function adapt(
  graph: GraphProto,
  weight: string,
  { scale, stored }: Adapter,
  type: number,
  uses: readonly Use[],
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
  let nodes: NodeProto[] = []
  const fresh = (hint: string): string => {
    let name = partOf(weight, hint)
    for (let i = 2; taken.has(name); i++) name = partOf(weight, `${hint}_${i}`)
    taken.add(name)
    return name
  }
  const emit = (
    opType: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    output?: string,
  ): string => {
    const name = fresh(opType)
    nodes.push(createNode(opType, inputs, [output ?? name], attributes, name))
    return output ?? name
  }
  const once = new Map<string, string>()
  const cached = (key: string, make: () => string): string => {
    const found = once.get(key) ?? make()
    once.set(key, found)
    return found
  }
  const matrix = ({ name, transposed }: Factor): string =>
    transposed ? cached(name, () => emit('Transpose', [name], { perm: [1, 0] })) : name
  const scaled = (x: string): string => {
    if (scale === 1) return x
    return emit('Mul', [
      x,
      cached('scale', () => emit('Constant', [], { value: realTensor('', [scale], type) })),
    ])
  }
  const change = ({ kind, node, transposed }: Use): string => {
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

  const byNode = new Map(uses.map((use) => [use.node, use]))
  graph.node = graph.node.flatMap((node) => {
    const use = byNode.get(node)
    if (!use) return [node]
    const output = node.output[0]!
    const base = fresh('base')
    nodes = []
    emit('Add', [base, change(use)], {}, output)
    node.output[0] = base
    return [node, ...nodes]
  })
}

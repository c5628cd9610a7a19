import { unsupported } from '@induced-metric/core/adapter'
import { canonicalDomain, opsetOf, type Model } from '../proto/model.js'
import { dataType } from '../proto/dataType.js'
import { dropUnused, freshNames, namesIn } from '../proto/graph.js'
import { createNode } from '../proto/node.js'
import type { NodeProto } from '../proto/onnx_pb.js'
import { createValue } from '../proto/value.js'
import { foldConstants } from '../inference/fold.js'
import { inferTypes } from '../inference/runtimeTypes.js'
import {
  lowerModel,
  lowerTrainingModel,
  replaceNodes,
  rowIn,
  type BufferUpdate,
  type GradientOutput,
} from '../lowering/lower.js'
import { convolutionRows } from '../lowering/convolution.js'
import { lowerings, withGenuineLosses, type LoweringTable } from '../lowering/table.js'
import { declaredValue, withFields } from '../rewrite/declare.js'
import { codedRule, type LoweringRule } from '../rewrite/nodeContext.js'
import { sortNodes } from '../rewrite/sort.js'
import { typeOf, type ValueType } from '../rewrite/valueTypes.js'
import type { Ort } from '../runtime/ort.js'
import { removeCopies } from './copies.js'
import { dropoutRows, type DropoutMask } from './dropout.js'
import { fixExtents, type FixedExtents } from './extents.js'
import { maxPoolGrad } from './maxPool.js'
import { narrowIntegers } from './narrow.js'
import { bindOutputs } from './outputs.js'
import { sliceGradRow } from './slices.js'
import { stockRows } from './stock.js'
import { convolvedWeightGrad } from './weightGradient.js'

/** A model of fixed extents in operators for which the runtime's WebGPU provider has kernels. */
export interface WebGpuModel {
  readonly model: Model
  /** The types of its outputs, as the original has them. The lowered model's may have other extents, and int32 for int64. */
  readonly outputs: ReadonlyMap<string, ValueType>
  /** Inputs of int64 that are int32 now. */
  readonly narrowed: ReadonlySet<string>
  /** Inputs that the original does not have: masks of dropouts. */
  readonly masks: readonly DropoutMask[]
  /** Another one, if it has it: a float32 of one element that is 0, which a constant would not do. */
  readonly zero: string | undefined
}

/** A training model in the form of {@link WebGpuModel}. */
export interface WebGpuTrainingModel extends WebGpuModel {
  readonly gradients: readonly GradientOutput[]
  readonly buffers: readonly BufferUpdate[]
  /** The outputs that are not gradients; the first is the loss. */
  readonly names: readonly string[]
}

/** What a model is lowered with. */
export interface WebGpuLowering {
  /** The extents of the named axes of its inputs. */
  readonly extents: FixedExtents
  /** A runtime on the CPU, which infers types and computes constants. */
  readonly ort: Ort
  readonly table?: LoweringTable
}

/**
 * Lowers a training model for the WebGPU provider: extents are fixed, training operators replaced, what is constant then is
 * computed, and operators without a kernel are replaced.
 *
 * @param model as `generate_artifacts` writes it; it is not changed
 * @throws ERR_OPTION for a missing extent; ERR_NOT_SUPPORTED for a node that a row cannot lower, naming it
 */
export async function lowerTrainingForWebGpu(
  model: Model,
  lowering: WebGpuLowering,
): Promise<WebGpuTrainingModel> {
  const { table, masks } = trainingTable(lowering.table ?? lowerings)
  const fixed = fixExtents(model, lowering.extents)
  await declareForward(fixed, lowering)
  const { model: lowered, gradients, buffers, outputs } = lowerTrainingModel(fixed, table)
  return { ...(await finish(lowered, masks, lowering.ort)), gradients, buffers, names: outputs }
}

/**
 * Lowers a model without gradients in the same way.
 *
 * @throws as {@link lowerTrainingForWebGpu}
 */
export async function lowerForWebGpu(model: Model, lowering: WebGpuLowering): Promise<WebGpuModel> {
  const { table, masks } = trainingTable(lowering.table ?? lowerings)
  const lowered = lowerModel(fixExtents(model, lowering.extents), withGenuineLosses(table))
  return finish(lowered, masks, lowering.ort)
}

/**
 * Declares the types of all values before the gradients, which have the same extents: where they are known, nothing has to be
 * computed from them.
 *
 * @param model is changed
 */
async function declareForward(model: Model, { ort, table = lowerings }: WebGpuLowering): Promise<void> {
  const { graph } = model
  const known = new Set([
    '',
    ...graph.input.map(({ name }) => name),
    ...graph.initializer.map(({ name }) => name),
  ])
  const forward = graph.node.filter((node) => {
    const isForward = !/Grad/.test(node.opType) && node.input.every((name) => known.has(name))
    if (isForward) for (const name of node.output) known.add(name)
    return isForward && node.opType !== 'InPlaceAccumulatorV2'
  })
  // Builds with that provider do not know Dropout at all.
  const node = forward.flatMap(withoutDropout)
  const part = withFields(model, { graph: withFields(graph, { node, output: [] }) })
  // Everything that a node makes is kept.
  const names = [...new Set(forward.flatMap(({ output }) => output))].filter((name) => name !== '')
  part.graph.output = names.map((name) => createValue(name, dataType.undefined))
  const lowered = lowerModel(part, withGenuineLosses(table))
  lowered.graph.output = []
  const types = await inferTypes(lowered, ort)
  const declared = new Set(graph.output.map(({ name }) => name))
  const found = names.flatMap((name) => {
    const { dataType: type, shape } = types.get(name)
    return type === undefined || shape === undefined || declared.has(name)
      ? []
      : [declaredValue(name, type, shape)]
  })
  const isFound = new Set(found.map(({ name }) => name))
  graph.valueInfo = [...graph.valueInfo.filter(({ name }) => !isFound.has(name)), ...found]
}

/** Values of the types that a dropout makes. */
function withoutDropout(node: NodeProto): NodeProto[] {
  if (node.opType !== 'Dropout' || canonicalDomain(node.domain) !== '') return [node]
  const [x = ''] = node.input
  const [y = '', mask = ''] = node.output
  const made = createNode('Identity', [x], [y])
  return mask === '' ? [made] : [made, createNode('Cast', [x], [mask], { to: dataType.bool })]
}

/** A table in which the rows of this package for training operators are replaced by those for the provider. */
function trainingTable(table: LoweringTable): { table: LoweringTable; masks: readonly DropoutMask[] } {
  const own = lowerings['com.microsoft']!
  const dropout = dropoutRows(own['DropoutGrad']!)
  const replaced = (
    domain: string,
    rows: Readonly<Record<string, LoweringRule>>,
  ): Readonly<Record<string, LoweringRule>> => ({
    ...table[domain],
    ...Object.fromEntries(
      Object.entries(rows)
        .filter(([opType]) => table[domain]?.[opType] === lowerings[domain]?.[opType])
        .map(([opType, row]) => [opType, coded(row)]),
    ),
  })
  return {
    masks: dropout.masks,
    table: {
      ...table,
      '': replaced('', { MaxPoolGrad: maxPoolGrad, Dropout: dropout.Dropout }),
      'com.microsoft': replaced('com.microsoft', {
        ...convolutionRows(convolvedWeightGrad),
        DropoutGrad: dropout.DropoutGrad,
        SliceGrad: sliceGradRow(own['SliceGrad']!),
      }),
    },
  }
}

/** A damaged file can make a row fail in ways that it does not foresee. */
function coded(row: LoweringRule): LoweringRule {
  return (context) => codedRule(context.node, 'it cannot be lowered for WebGPU', () => row(context))
}

/**
 * Computes what is constant, replaces the operators of the stock runtime that have no kernel, and binds outputs.
 *
 * @param model has only operators of the stock runtime; it is changed
 */
async function finish(model: Model, masks: readonly DropoutMask[], ort: Ort): Promise<WebGpuModel> {
  const { graph } = model
  for (const { input, dims } of masks) graph.input.push(declaredValue(input, dataType.float, dims))
  dropUnreadIndices(graph.node)
  const { types: before } = await foldConstants(model, ort)
  const outputs = new Map(
    graph.output.map((output) => [output.name, { ...before.get(output.name), ...known(typeOf(output)) }]),
  )

  const fresh = freshNames(namesIn(graph))
  let zero: string | undefined
  const useZero = (): string => (zero ??= fresh('zero'))
  const rows = stockRows(useZero)
  const rowOf = (node: NodeProto): LoweringRule | undefined => {
    const row = rowIn(rows, node)
    const isExact = ![dataType.double, dataType.float16].includes(
      before.get(node.input[0] ?? '').dataType as never,
    )
    return row && isExact ? coded(row) : undefined
  }
  replaceNodes(graph, before, rowOf, opsetOf(model) ?? 17, 'webgpu')
  if (zero !== undefined) graph.input.push(declaredValue(zero, dataType.float, []))
  dropUnused(graph)
  const { types } = await foldConstants(model, ort)

  const isDeclared = zero !== undefined
  for (const { name } of graph.output) {
    if (types.get(name).shape?.every((extent) => typeof extent === 'number')) continue
    throw unsupported(
      `the extents of the output ${JSON.stringify(name)} depend on the values that the model is fed, and on WebGPU they must be known`,
    )
  }
  removeCopies(graph, types)
  bindOutputs(graph, types, useZero)
  if (!isDeclared && zero !== undefined) graph.input.push(declaredValue(zero, dataType.float, []))
  const narrowed = narrowIntegers(graph, types)
  graph.node = sortNodes(graph.node)
  const needed = dropUnused(graph)
  graph.valueInfo = []
  const used = masks.filter(({ input }) => needed.has(input))
  const added = new Set([...masks.map(({ input }) => input), ...(zero === undefined ? [] : [zero])])
  graph.input = graph.input.filter(({ name }) => !added.has(name) || needed.has(name))
  return { model, outputs, narrowed, masks: used, zero: needed.has(zero ?? '') ? zero : undefined }
}

/** What a declaration says for certain. */
function known({ dataType: type, shape }: ValueType): ValueType {
  return {
    ...(type !== undefined && { dataType: type }),
    ...(shape?.every((extent) => typeof extent === 'number') && { shape }),
  }
}

/** The provider has no kernel for a pool that gives its indices. */
function dropUnreadIndices(nodes: readonly NodeProto[]): void {
  const read = new Set(nodes.flatMap(({ input }) => input))
  for (const node of nodes) {
    if (node.opType !== 'MaxPool' || canonicalDomain(node.domain) !== '') continue
    if (node.output.length > 1 && !read.has(node.output[1]!)) node.output = node.output.slice(0, 1)
  }
}

import { InducedMetricError } from '@induced-metric/core'
import { dataType } from '../onnx/dataType.js'
import { subgraphsOf } from '../onnx/graph.js'
import { canonicalDomain } from '../onnx/model.js'
import type { GraphProto, NodeProto, TensorProto } from '../onnx/onnx_pb.js'
import { dimsOf } from '../onnx/tensor.js'
import { selectNames, type Selector } from './select.js'
import { declaredValue } from './values.js'

/** What a selector is told of a parameter. */
export interface ParameterInfo {
  readonly dims: readonly number[]
  /** Its element type: 1 is float, 11 double. */
  readonly dataType: number
}

/** Inputs of operators that settings go to rather than parameters, though their type is the same. */
const settings: Readonly<Record<string, readonly number[]>> = {
  Clip: [1, 2],
  DequantizeLinear: [1, 2],
  Dropout: [1],
  OneHot: [2],
  Pad: [2],
  Pow: [1],
  QuantizeLinear: [1, 2],
  Range: [0, 1, 2],
  Resize: [1, 2],
  Upsample: [1],
}
/** Inputs that a model carries along and that no gradient flows to: running statistics. */
const buffers: Readonly<Record<string, readonly number[]>> = { BatchNormalization: [3, 4] }

/** The parameters of a model: its initializers of float or double that are no settings. */
export interface ModelParameters {
  /** By name, in the order of the initializers. */
  readonly values: ReadonlyMap<string, TensorProto>
  /** Those that no gradient can flow to. */
  readonly buffers: ReadonlySet<string>
}

/**
 * Takes the parameters out of a graph and makes inputs of them, so that a training and an eval session share them.
 *
 * @param graph is changed
 * @param constants initializers that stay in the graph
 */
export function takeParameters(graph: GraphProto, constants: ReadonlySet<string>): ModelParameters {
  const uses = new Map<string, Set<'setting' | 'buffer' | 'parameter'>>()
  const visit = (nodes: readonly NodeProto[]): void => {
    for (const node of nodes) {
      const isKnown = canonicalDomain(node.domain) === ''
      node.input.forEach((name, index) => {
        const among = (table: Readonly<Record<string, readonly number[]>>): boolean =>
          isKnown && table[node.opType]?.includes(index) === true
        const use = among(settings) ? 'setting' : among(buffers) ? 'buffer' : 'parameter'
        const found = uses.get(name)
        if (found) found.add(use)
        else uses.set(name, new Set([use]))
      })
      for (const inner of subgraphsOf(node)) visit(inner.node)
    }
  }
  visit(graph.node)
  const values = new Map<string, TensorProto>()
  const untrained = new Set<string>()
  const rest: TensorProto[] = []
  for (const tensor of graph.initializer) {
    const { name, dataType: type } = tensor
    const use = uses.get(name)
    const isReal = type === dataType.float || type === dataType.double
    if (!isReal || constants.has(name) || !use || !(use.has('parameter') || use.has('buffer'))) {
      rest.push(tensor)
      continue
    }
    if (!use.has('parameter')) untrained.add(name)
    values.set(name, tensor)
    graph.input.push(declaredValue(name, type, dimsOf(tensor)))
  }
  graph.initializer = rest
  return { values, buffers: untrained }
}

/**
 * Which parameters are to be trained: those that are asked for, all by default, without those to be frozen.
 *
 * @throws ERR_OPTION for patterns that fit nothing, and for a parameter that is named in both
 */
export function chooseTrainable(
  { values, buffers: untrained }: ModelParameters,
  requiresGrad: Selector<ParameterInfo> | undefined,
  frozen: Selector<ParameterInfo> | undefined,
): string[] {
  const candidates = new Map(
    [...values]
      .filter(([name]) => !untrained.has(name))
      .map(([name, tensor]) => [name, { dims: dimsOf(tensor), dataType: tensor.dataType }]),
  )
  const trained =
    requiresGrad === undefined
      ? [...candidates.keys()]
      : selectNames(requiresGrad, candidates, 'requiresGrad')
  const all = new Map(
    [...values].map(([name, tensor]) => [name, { dims: dimsOf(tensor), dataType: tensor.dataType }]),
  )
  const kept = new Set(frozen === undefined ? [] : selectNames(frozen, all, 'frozen'))
  const both = requiresGrad === undefined ? undefined : trained.find((name) => kept.has(name))
  if (both !== undefined) {
    throw new InducedMetricError(
      'ERR_OPTION',
      `the parameter ${JSON.stringify(both)} is in requiresGrad and in frozen; it can be in one only`,
    )
  }
  const chosen = trained.filter((name) => !kept.has(name))
  if (chosen.length === 0) {
    throw new InducedMetricError(
      'ERR_OPTION',
      candidates.size === 0
        ? 'the model has no parameters to train: no initializer of float or double'
        : `no parameter is left to train of ${[...candidates.keys()].slice(0, 6).join(', ')}: see requiresGrad and frozen`,
    )
  }
  return chosen
}

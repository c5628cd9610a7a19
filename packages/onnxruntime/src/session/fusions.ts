import { allNodes, typeOf } from '@induced-metric/onnx/adapter'
import { canonicalDomain, dataType, type GraphProto, type Model } from '@induced-metric/onnx/proto'

/**
 * Optimisations of the runtime that change the results of a model. Each replaces a normalisation that is written out
 * by one operator. They use 1e-5 for an epsilon that is not a float constant (a parameter is none), or that is the
 * first of the two addends; and they assume an exponent of 2 whatever it is.
 */
const normalizations = ['LayerNormFusionL1', 'LayerNormFusionL2', 'SimplifiedLayerNormFusion']

/**
 * This one merges a Pad with zeros into a pool. But the pads of a MaxPool are not zeros, and an AveragePool may not
 * count them.
 */
const padding = 'Pad_Fusion'

/**
 * Optimisations that fail for doubles: one replaces x·σ(x) by a QuickGelu that has no kernel, one fails on a Clip
 * after a Relu, and one rounds the factor of a product to float.
 */
const floatOnly = ['QuickGeluFusion', 'FuseReluClip', 'MatMulScaleFusion']

interface SessionOptions {
  readonly extra?: { readonly optimization?: { readonly disable_specified_optimizers?: string } }
}

/** The options of a session for a model, without the optimisations that would change its results. */
export function withoutWrongFusions({ graph }: Model, options?: SessionOptions): object {
  const { extra } = options ?? {}
  const { disable_specified_optimizers: own } = extra?.optimization ?? {}
  const disabled = [
    ...(own === undefined ? [] : [own]),
    ...normalizations,
    ...(padsPool(graph) ? [padding] : []),
    ...(hasDoubles(graph) ? floatOnly : []),
  ].join(';')
  const optimization = { ...extra?.optimization, disable_specified_optimizers: disabled }
  return { ...options, extra: { ...extra, optimization } }
}

function hasDoubles({ input, valueInfo, output, initializer }: GraphProto): boolean {
  const values = [...input, ...valueInfo, ...output].map((value) => typeOf(value))
  return [...values, ...initializer].some((value) => value.dataType === dataType.double)
}

/** Whether a pool reads the output of a Pad, or a Cast of it. */
function padsPool(graph: GraphProto): boolean {
  const nodes = allNodes(graph).filter(({ domain }) => canonicalDomain(domain) === '')
  const padded = new Set<string>()
  for (const { opType, output } of nodes) if (opType === 'Pad') padded.add(output[0]!)
  if (padded.size === 0) return false
  for (const { opType, input, output } of nodes) {
    if (opType === 'Cast' && padded.has(input[0]!)) padded.add(output[0]!)
  }
  return nodes.some(({ opType, input }) => /^(Max|Average)Pool$/.test(opType) && padded.has(input[0]!))
}

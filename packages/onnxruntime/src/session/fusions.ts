import { allNodes, typeOf } from '@induced-metric/onnx/adapter'
import { canonicalDomain, dataType, type GraphProto, type Model } from '@induced-metric/onnx/proto'

/**
 * Optimisations of the runtime that change what a model computes. Each puts one operator in the place of a normalisation
 * that is written out. They take 1e-5 for an epsilon that is no constant of float, as a parameter is none, or that is the
 * first of the two addends; and they take the exponent for 2 whatever it is.
 */
const normalizations = ['LayerNormFusionL1', 'LayerNormFusionL2', 'SimplifiedLayerNormFusion']

/** Pads a pool itself where a Pad did with zeros, but the pads of a MaxPool are no zeros, and an AveragePool may not count them. */
const padding = 'Pad_Fusion'

/**
 * Optimisations for doubles that are none: one puts a QuickGelu, for which there is no kernel, in the place of x·σ(x), one
 * gives up on a Clip after a Relu, and one rounds the factor of a product to float.
 */
const floatOnly = ['QuickGeluFusion', 'FuseReluClip', 'MatMulScaleFusion']

interface SessionOptions {
  readonly extra?: { readonly optimization?: { readonly disable_specified_optimizers?: string } }
}

/** The options of a session on a model, with the optimisations off that would change what the model computes. */
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

/** Whether a pool reads what a Pad makes, or what a Cast makes of that. */
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

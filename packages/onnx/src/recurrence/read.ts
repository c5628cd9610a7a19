import { attributeOf, intOf, stringOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import type { LoweringContext } from '../rewrite/nodeContext.js'
import { own } from '../own.js'
import { activations, type Activation } from './activations.js'

/** The recurrent layers of ONNX. */
export type RecurrentKind = 'LSTM' | 'GRU' | 'RNN'

/** A direction of a layer, in the order of the first axis of its weights. */
export interface Direction {
  readonly index: number
  /** Whether it starts at the end of each sequence. */
  readonly isReverse: boolean
  /** In ONNX's order: f, g, h of LSTM; f, g of GRU; f of RNN. */
  readonly activations: readonly Activation[]
}

/** A recurrent layer, as its attributes describe it. */
export interface Recurrence {
  readonly kind: RecurrentKind
  /** The number of gates: the weights of a direction have `gates · hidden` rows. */
  readonly gates: number
  readonly hidden: number
  /** The element type, float or double. */
  readonly type: number
  /** The bound of what goes into an activation; `undefined` if there is none. */
  readonly clip: number | undefined
  /** Whether the batch is the first axis of the sequences, and not the time. */
  readonly isBatchFirst: boolean
  /** LSTM: whether the forget gate is 1 less the input gate. */
  readonly isCoupled: boolean
  /** GRU: whether the reset gate applies after the product with the recurrent weights. */
  readonly resetsAfter: boolean
  readonly directions: readonly Direction[]
}

/** The inputs of a layer that have gradients. */
export const slots = { x: 0, w: 1, r: 2, b: 3, lengths: 4, initialH: 5, initialC: 6, peepholes: 7 } as const

const gatesOf: Readonly<Record<RecurrentKind, number>> = { LSTM: 4, GRU: 3, RNN: 1 }
/** The activations of a direction, by default. */
const usual: Readonly<Record<RecurrentKind, readonly string[]>> = {
  LSTM: ['Sigmoid', 'Tanh', 'Tanh'],
  GRU: ['Sigmoid', 'Tanh'],
  RNN: ['Tanh'],
}
/** A bound that ONNX Runtime takes for none. */
const unbounded = 3.4e38

/**
 * Reads a recurrent layer.
 *
 * @throws ERR_NOT_SUPPORTED for peepholes, for element types other than float and double, and for attributes that the
 *   runtime would refuse
 */
export function readRecurrence(context: LoweringContext, kind: RecurrentKind): Recurrence {
  const { node, input, required, typeOf, realTypeOf, refuse } = context
  if (kind === 'LSTM' && input(slots.peepholes) !== undefined) {
    refuse(
      `it has peepholes (input ${slots.peepholes}, P), which are not supported; export the layer without them, or freeze ` +
        'the parameters of this layer and before it',
    )
  }
  const type = realTypeOf(required(slots.x), required(slots.w), required(slots.r))
  if (type !== dataType.float && type !== dataType.double) {
    refuse(`its elements are of ONNX type ${type}; recurrent layers are supported in float32 and float64`)
  }
  const known = typeOf(required(slots.r)).shape?.[2]
  const hidden = intOf(node, 'hidden_size', typeof known === 'number' ? known : 0)
  if (hidden < 1) refuse('its hidden_size is not known; give the attribute')
  const clip = attributeOf(node, 'clip')?.f
  const isBounded = clip !== undefined && clip < unbounded && !(kind === 'RNN' && clip < 0)
  if (isBounded && clip <= 0 && kind !== 'RNN') refuse(`its clip is ${clip}; give a positive number`)
  return {
    kind,
    gates: gatesOf[kind],
    hidden,
    type,
    clip: isBounded ? clip : undefined,
    isBatchFirst: intOf(node, 'layout', 0) === 1,
    isCoupled: kind === 'LSTM' && intOf(node, 'input_forget', 0) !== 0,
    resetsAfter: kind === 'GRU' && intOf(node, 'linear_before_reset', 0) !== 0,
    directions: directionsOf(context, kind),
  }
}

function directionsOf({ node, refuse }: LoweringContext, kind: RecurrentKind): Direction[] {
  const given = stringOf(node, 'direction', 'forward')
  const reverses = own({ forward: [false], reverse: [true], bidirectional: [false, true] }, given)
  if (reverses === undefined) return refuse(`its direction is ${JSON.stringify(given)}`)
  const each = usual[kind].length
  const texts = (attributeOf(node, 'activations')?.strings ?? []).map((text) =>
    new TextDecoder().decode(text),
  )
  const names = texts.length === 0 ? reverses.flatMap(() => usual[kind]) : texts
  // The default that ONNX gives for RNN has an entry for each of two directions.
  const isCounted = names.length === each * reverses.length || (kind === 'RNN' && names.length === 2)
  if (!isCounted) {
    refuse(`it has ${names.length} activations; give ${each} for each of its ${reverses.length} directions`)
  }
  const parse = kind === 'RNN' ? byDirection : inTurn
  const all = parse(node, names, refuse)
  return reverses.map((isReverse, index) => ({
    index,
    isReverse,
    activations: all.slice(each * index, each * (index + 1)),
  }))
}

type Parse = (
  node: LoweringContext['node'],
  names: readonly string[],
  refuse: (reason: string) => never,
) => Activation[]

function kindOf(name: string, refuse: (reason: string) => never) {
  const kind = own(activations, name.toLowerCase())
  return (
    kind ??
    refuse(`its activation ${JSON.stringify(name)} is not one of ${Object.keys(activations).join(', ')}`)
  )
}

/** The activations that have an alpha take them from the list in turn. So with beta. */
const inTurn: Parse = (node, names, refuse) => {
  const alphas = [...(attributeOf(node, 'activation_alpha')?.floats ?? [])]
  const betas = [...(attributeOf(node, 'activation_beta')?.floats ?? [])]
  return names.map((name) => {
    const kind = kindOf(name, refuse)
    const { alpha, beta } = kind
    return {
      kind,
      alpha: alpha === undefined ? 0 : (alphas.shift() ?? alpha),
      beta: beta === undefined ? 0 : (betas.shift() ?? beta),
    }
  })
}

/** ONNX Runtime's RNN has an alpha and a beta for each direction, whether its activation uses them or not; 0 by default. */
const byDirection: Parse = (node, names, refuse) => {
  const count = stringOf(node, 'direction', 'forward') === 'bidirectional' ? 2 : 1
  const listOf = (attribute: string): readonly number[] => {
    const list = attributeOf(node, attribute)?.floats ?? []
    if (list.length > 0 && list.length < count) {
      refuse(
        `its ${attribute} has ${list.length} elements; ONNX Runtime reads one for each of ${count} directions`,
      )
    }
    return list
  }
  const [alphas, betas] = [listOf('activation_alpha'), listOf('activation_beta')]
  return names
    .slice(0, count)
    .map((name, i) => ({ kind: kindOf(name, refuse), alpha: alphas[i] ?? 0, beta: betas[i] ?? 0 }))
}

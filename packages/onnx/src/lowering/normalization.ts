import { floatOf, intOf } from '../proto/attribute.js'
import type { LoweringRule, LoweringContext } from '../rewrite/nodeContext.js'

/** Adds a mean over axes, which are an attribute before opset 18 and an input since. */
export function mean({ emit, ints, opset }: LoweringContext, x: string, axes: readonly number[]): string {
  return opset < 18
    ? emit('ReduceMean', [x], { axes, keepdims: 1 })
    : emit('ReduceMean', [x, ints(axes)], { keepdims: 1 })
}

/** The whole numbers from one up to another, excluding that one. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
}

/** A value after normalisation along axes: x̂ = (X − mean)·inv. */
export interface Normalized {
  /** X normalised. */
  readonly normalized: string
  readonly inverse: string
  /** Whether the mean was subtracted. */
  readonly centered: boolean
}

/** dX = inv·(d̂ − mean d̂ − x̂·mean(d̂·x̂)) from the gradient d̂ of x̂; without the mean of d̂ where X is not centred. */
export function throughNormalization(
  context: LoweringContext,
  gradient: string,
  { normalized, inverse, centered }: Normalized,
  axes: readonly number[],
  result?: string,
): string {
  const { emit } = context
  const projection = emit('Mul', [normalized, mean(context, emit('Mul', [gradient, normalized]), axes)])
  const rest = centered ? emit('Sub', [gradient, mean(context, gradient, axes)]) : gradient
  return emit('Mul', [inverse, emit('Sub', [rest, projection])], {}, result)
}

interface LayerForm extends Normalized {
  readonly scale: string
}

/** The gradients of X, scale and bias. */
function layerGrad(context: LoweringContext, ranked: string, form: LayerForm): void {
  const { node, emit, required, output, ints, rankOf } = context
  const dY = required(0)
  const rank = rankOf(ranked)
  const given = intOf(node, 'axis', -1)
  const axis = given < 0 ? given + rank : given
  const axes = range(axis, rank)
  const leading = range(0, axis)
  const sumLeading = (x: string, result: string): void => {
    if (leading.length === 0) emit('Identity', [x], {}, result)
    else emit('ReduceSum', [x, ints(leading)], { keepdims: 0 }, result)
  }
  const [dX, dScale, dBias] = [output(0), output(1), output(2)]
  if (dX) {
    throughNormalization(context, emit('Mul', [dY, form.scale]), form, axes, dX)
  }
  if (dScale) sumLeading(emit('Mul', [dY, form.normalized]), dScale)
  if (dBias && form.centered) sumLeading(dY, dBias)
}

const layerNormalizationGrad: LoweringRule = (context) => {
  const { emit, required } = context
  const [x, scale, xMean, inverse] = [required(1), required(2), required(3), required(4)]
  // The statistics may be of another type than X.
  const inv = emit('CastLike', [inverse, x])
  const normalized = emit('Mul', [emit('Sub', [x, emit('CastLike', [xMean, x])]), inv])
  layerGrad(context, x, { normalized, inverse: inv, scale, centered: true })
}

const simplifiedLayerNormalizationGrad: LoweringRule = (context) => {
  const { emit, required } = context
  const [x, scale, inverse] = [required(1), required(2), required(3)]
  const inv = emit('CastLike', [inverse, x])
  const normalized = emit('Mul', [x, inv])
  layerGrad(context, x, { normalized, inverse: inv, scale, centered: false })
}

/** From the output Y: x̂ = (Y − bias)/scale. */
const invertibleLayerNormalizationGrad: LoweringRule = (context) => {
  const { emit, required } = context
  const [y, scale, bias, inverse] = [required(1), required(2), required(3), required(4)]
  const normalized = emit('Div', [emit('Sub', [y, bias]), scale])
  const inv = emit('CastLike', [inverse, y])
  layerGrad(context, y, { normalized, inverse: inv, scale, centered: true })
}

/** Reshapes a vector with one element per channel to broadcast against X = [N, C, …]. */
export function perChannel({ emit, ints }: LoweringContext, vector: string, rank: number): string {
  return rank > 2 ? emit('Unsqueeze', [vector, ints(range(1, rank - 1))]) : vector
}

/** All axes but that of the channels. */
export function channelAxes(rank: number): number[] {
  return [0, ...range(2, rank)]
}

/** Batch normalisation in training. It outputs 1/√(variance + ε) instead of the variance. */
const batchNormInternal: LoweringRule = (context) => {
  const { node, emit, required, output, ints, reals, rankOf, realTypeOf } = context
  const x = required(0)
  const type = realTypeOf(x)
  const rank = rankOf(x)
  const axes = channelAxes(rank)
  const momentum = floatOf(node, 'momentum', 0.9)
  const average = mean(context, x, axes)
  const centered = emit('Sub', [x, average])
  const variance = mean(context, emit('Mul', [centered, centered]), axes)
  const one = reals([1], type)
  const inverse = emit('Div', [
    one,
    emit('Sqrt', [emit('Add', [variance, reals([floatOf(node, 'epsilon', 1e-5)], type)])]),
  ])
  const [scale, bias] = [perChannel(context, required(1), rank), perChannel(context, required(2), rank)]
  emit('Add', [emit('Mul', [emit('Mul', [centered, inverse]), scale]), bias], {}, output(0))

  const flat = (value: string, result?: string): string => emit('Reshape', [value, ints([-1])], {}, result)
  const moving = (old: string, now: string, result: string): void => {
    const type_ = realTypeOf(old, x)
    const weighted = [
      emit('Mul', [old, reals([momentum], type_)]),
      emit('Mul', [emit('CastLike', [flat(now), old]), reals([1 - momentum], type_)]),
    ]
    emit('Add', weighted, {}, result)
  }
  const [runningMean, runningVariance, savedMean, savedInverse] = [output(1), output(2), output(3), output(4)]
  if (runningMean) moving(required(3), average, runningMean)
  if (runningVariance) moving(required(4), variance, runningVariance)
  if (savedMean) flat(average, savedMean)
  if (savedInverse) flat(inverse, savedInverse)
}

/** dX = scale·inv·(dY − (dBias + x̂·dScale)/N). */
const batchNormalizationGrad: LoweringRule = (context) => {
  const { emit, required, output, ints, rankOf, typeOf, realTypeOf } = context
  const [dY, x, scale] = [required(0), required(1), required(2)]
  const rank = typeOf(x).shape?.length ?? rankOf(dY)
  const axes = ints(channelAxes(rank))
  const inverse = perChannel(context, emit('CastLike', [required(4), x]), rank)
  const centered = emit('Sub', [x, perChannel(context, emit('CastLike', [required(3), x]), rank)])
  const normalized = emit('Mul', [centered, inverse])
  const dBias = emit('ReduceSum', [dY, axes], { keepdims: 0 }, output(2))
  const dScale = emit('ReduceSum', [emit('Mul', [dY, normalized]), axes], { keepdims: 0 }, output(1))
  const dX = output(0)
  if (dX === undefined) return
  const count = emit('Div', [emit('Size', [x]), emit('Size', [scale])])
  const n = emit('Cast', [count], { to: realTypeOf(x, dY) })
  const lost = emit('Add', [
    perChannel(context, dBias, rank),
    emit('Mul', [normalized, perChannel(context, dScale, rank)]),
  ])
  const rest = emit('Sub', [dY, emit('Div', [lost, n])])
  emit('Mul', [emit('Mul', [perChannel(context, scale, rank), inverse]), rest], {}, dX)
}

export const normalization = {
  LayerNormalizationGrad: layerNormalizationGrad,
  SimplifiedLayerNormalizationGrad: simplifiedLayerNormalizationGrad,
  InvertibleLayerNormalizationGrad: invertibleLayerNormalizationGrad,
  BatchNormInternal: batchNormInternal,
  BatchNormalizationGrad: batchNormalizationGrad,
} satisfies Record<string, LoweringRule>

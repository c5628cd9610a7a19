import {
  channelAxes,
  mean,
  perChannel,
  range,
  throughNormalization,
  type Normalized,
} from '../lowering/normalization.js'
import { floatOf, intOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import type { GradientContext, GradientRule } from './context.js'

/** X normalised along axes, with everything its gradient needs: x̂ = (X − mean X)/√(mean (X − mean X)² + ε). */
function normalize(
  context: GradientContext,
  x: string,
  axes: readonly number[],
  centered: boolean,
  epsilon = floatOf(context.node, 'epsilon', 1e-5),
): Normalized & { readonly mean?: string } {
  const { emit, reals, realTypeOf } = context
  const type = realTypeOf(context.input(0))
  const average = centered ? mean(context, x, axes) : undefined
  const rest = average === undefined ? x : emit('Sub', [x, average])
  const variance = mean(context, emit('Mul', [rest, rest]), axes)
  const inverse = emit('Reciprocal', [emit('Sqrt', [emit('Add', [variance, reals([epsilon], type)])])])
  const normalized = emit('Mul', [rest, inverse])
  return { normalized, inverse, centered, ...(average === undefined ? {} : { mean: average }) }
}

/** The axes from the attribute `axis` on. */
function trailingAxes({ node, rankOf }: GradientContext, x: string, otherwise = -1): number[] {
  const rank = rankOf(x)
  const axis = intOf(node, 'axis', otherwise)
  return range(axis < 0 ? axis + rank : axis, rank)
}

/**
 * Whether the gradient operator of the training build applies: the statistics are float, and scale and bias have
 * exactly the normalised axes.
 */
function isPlain(
  { typeOf, realTypeOf, rankOf }: GradientContext,
  x: string,
  parameters: readonly (string | undefined)[],
  axes: readonly number[],
): boolean {
  if (realTypeOf(x) === dataType.double) return false
  const all = typeOf(x).shape
  return parameters.every(
    (parameter) =>
      parameter === undefined ||
      (rankOf(parameter) === axes.length &&
        typeOf(parameter).shape!.every((extent, i) => extent !== 1 || all?.[axes[i]!] === 1)),
  )
}

/** y = x̂·scale + bias, with a scale and a bias that are broadcast to X. */
function affine(
  context: GradientContext,
  dY: string,
  form: Normalized,
  axes: readonly number[],
  inputs: { readonly x: number; readonly scale: number; readonly bias?: number },
): string | undefined {
  const { emit, give, wants, required, reduceTo, saved } = context
  const scale = required(inputs.scale)
  if (wants(inputs.scale)) {
    give(inputs.scale, reduceTo(emit('Mul', [dY, form.normalized]), scale, saved(0)))
  }
  if (inputs.bias !== undefined && wants(inputs.bias)) {
    give(inputs.bias, reduceTo(dY, required(inputs.bias), saved(0)))
  }
  return wants(inputs.x) ? throughNormalization(context, emit('Mul', [dY, scale]), form, axes) : undefined
}

/** The gradient operator of the training build, with the statistics that the forward one saves. */
function layerGrad(
  context: GradientContext,
  opType: string,
  statistics: readonly string[],
  count: number,
): void {
  const { node, required, requiredGradient, give, emitEach } = context
  const inputs = [requiredGradient(0), required(0), required(1), ...statistics]
  // The genuine kernel computes all of them anyway.
  const wanted = range(0, count).map(() => true)
  const names = emitEach(opType, inputs, { axis: intOf(node, 'axis', -1) }, wanted)
  names.forEach((name, i) => give(i, name!))
}

function layerNormalization(context: GradientContext): void {
  const { required, give, extentsOf, saved } = context
  const [x, scale] = [required(0), required(1)]
  const axes = trailingAxes(context, x)
  if (isPlain(context, x, [scale, context.input(2)], axes)) {
    const shape = extentsOf(x).map((extent, axis) => (axes.includes(axis) ? 1 : extent))
    const statistics = [1, 2].map((i) => saved(i, { dataType: dataType.float, shape }))
    layerGrad(context, 'com.microsoft:LayerNormalizationGrad', statistics, 3)
    return
  }
  const form = normalize(context, x, axes, true)
  const dX = affine(context, context.requiredGradient(0), form, axes, { x: 0, scale: 1, bias: 2 })
  if (dX !== undefined) give(0, dX)
}

/** Normalisation by the root of the mean square, without a bias. */
function rootMeanSquare(context: GradientContext): void {
  const { node, required, give } = context
  const [x, scale] = [required(0), required(1)]
  const axes = trailingAxes(context, x)
  // The genuine kernel fails if more than the last axis is normalised.
  const isPlainForm = axes.length === 1 && isPlain(context, x, [scale], axes)
  if (node.opType === 'SimplifiedLayerNormalization' && isPlainForm) {
    const shape = context.extentsOf(x).map((extent, axis) => (axes.includes(axis) ? 1 : extent))
    const inverse = context.saved(1, { dataType: dataType.float, shape })
    layerGrad(context, 'com.microsoft:SimplifiedLayerNormalizationGrad', [inverse], 2)
    return
  }
  const form = normalize(context, x, axes, false)
  const dX = affine(context, context.requiredGradient(0), form, axes, { x: 0, scale: 1 })
  if (dX !== undefined) give(0, dX)
}

/** Normalisation of X + skip + bias along the last axis. The last output is the sum. */
function skipNormalization(centered: boolean): GradientRule {
  return (context) => {
    const { emit, give, wants, input, required, gradient, reduceTo, rankOf } = context
    const [x, skip, bias] = [required(0), required(1), input(centered ? 4 : 3)]
    const addends = [x, skip, ...(bias === undefined ? [] : [bias])]
    const total = addends.reduce((a, b) => emit('Add', [a, b]))
    const axes = [rankOf(x) - 1]
    const dY = gradient(0)
    const parts: string[] = []
    if (dY !== undefined) {
      const form = normalize(context, total, axes, centered, floatOf(context.node, 'epsilon', 1e-12))
      const inputs = { x: [0, 1, centered ? 4 : 3].find(wants) ?? 0, scale: 2, ...(centered && { bias: 3 }) }
      const dTotal = affine(context, dY, form, axes, inputs)
      if (dTotal !== undefined) parts.push(dTotal)
    }
    const dSum = gradient(3)
    if (dSum !== undefined) parts.push(dSum)
    if (parts.length === 0) return
    const dX = parts.reduce((a, b) => emit('Add', [a, b]))
    give(0, dX)
    if (wants(1)) give(1, reduceTo(dX, skip, x))
    const index = centered ? 4 : 3
    if (bias !== undefined && wants(index)) give(index, reduceTo(dX, bias, x))
  }
}

/** The gradients of a scale and a bias per channel: sums over the other axes. */
function giveChannels(context: GradientContext, normalized: string, axes: readonly number[]): void {
  const { emit, give, wants, requiredGradient, reduce } = context
  const dY = requiredGradient(0)
  if (wants(1)) give(1, reduce('ReduceSum', emit('Mul', [dY, normalized]), axes, false))
  if (wants(2)) give(2, reduce('ReduceSum', dY, axes, false))
}

/** In training it uses the statistics of the batch, and the running ones play no part; otherwise it uses those. */
function batchNormalization(context: GradientContext): void {
  const { node, gradient, refuse, required, rankOf, emit, ints, saved } = context
  for (const output of [1, 2, 3, 4]) {
    if (gradient(output) !== undefined)
      refuse('its statistics have no gradient; let the loss depend on its first output only')
  }
  const x = required(0)
  if (node.opType === 'BatchNormInternal') {
    batchNormalizationGrad(context, [saved(3), saved(4)])
  } else if (intOf(node, 'training_mode', 0) === 1) {
    const { mean: average, inverse } = normalize(context, x, channelAxes(rankOf(x)), true)
    batchNormalizationGrad(
      context,
      [average!, inverse].map((value) => emit('Reshape', [value, ints([-1])])),
    )
  } else runningNormalization(context)
}

function batchNormalizationGrad(context: GradientContext, statistics: readonly string[]): void {
  const { node, required, requiredGradient, give, emitEach } = context
  const names = emitEach(
    'com.microsoft:BatchNormalizationGrad',
    [requiredGradient(0), required(0), required(1), ...statistics],
    { epsilon: { float: floatOf(node, 'epsilon', 1e-5) } },
    [true, true, true],
  )
  names.forEach((name, i) => give(i, name!))
}

/** y = (X − mean)·inv·scale + bias with constant statistics: dMean = −Σ dX, dVariance = −½inv²·scale·dScale. */
function runningNormalization(context: GradientContext): void {
  const { node, emit, give, wants, required, requiredGradient, rankOf, realTypeOf, reals, reduce } = context
  const [dY, x, scale, average, variance] = [
    requiredGradient(0),
    required(0),
    required(1),
    required(3),
    required(4),
  ]
  const rank = rankOf(x)
  const axes = channelAxes(rank)
  const type = realTypeOf(x)
  const stable = emit('Add', [variance, reals([floatOf(node, 'epsilon', 1e-5)], type)])
  const inverse = emit('Reciprocal', [emit('Sqrt', [stable])])
  const slope = emit('Mul', [scale, inverse])
  const dBias = [2, 3].some(wants) ? reduce('ReduceSum', dY, axes, false) : undefined
  if (wants(0)) give(0, emit('Mul', [dY, perChannel(context, slope, rank)]))
  if (wants(2)) give(2, dBias!)
  if (wants(3)) give(3, emit('Neg', [emit('Mul', [dBias!, slope])]))
  if (!wants(1) && !wants(4)) return
  const centered = emit('Sub', [x, perChannel(context, average, rank)])
  const sum = reduce('ReduceSum', emit('Mul', [dY, centered]), axes, false)
  if (wants(1)) give(1, emit('Mul', [sum, inverse]))
  if (wants(4)) {
    give(4, emit('Mul', [emit('Div', [emit('Mul', [sum, slope]), stable]), reals([-0.5], type)]))
  }
}

/** Each channel of each example separately, over all positions. */
function instanceNormalization(context: GradientContext): void {
  const { emit, give, wants, required, requiredGradient, rankOf } = context
  const x = required(0)
  const rank = rankOf(x)
  const axes = range(2, rank)
  const form = normalize(context, x, axes, true)
  giveChannels(context, form.normalized, channelAxes(rank))
  if (!wants(0)) return
  const scaled = emit('Mul', [requiredGradient(0), perChannel(context, required(1), rank)])
  give(0, throughNormalization(context, scaled, form, axes))
}

/** Groups of channels, over all positions. Scale and bias are per group up to opset 20, and per channel since. */
function groupNormalization(context: GradientContext): void {
  const { node, emit, give, wants, required, requiredGradient, rankOf, ints, shapeOf, opset, reduce } =
    context
  const x = required(0)
  const rank = rankOf(x)
  const grouped = (value: string): string =>
    emit('Reshape', [value, ints([0, intOf(node, 'num_groups', 1), -1])])
  const ungrouped = (value: string): string => emit('Reshape', [value, shapeOf(x)])
  const form = normalize(context, grouped(x), [2], true)
  const dY = requiredGradient(0)
  if (opset >= 21) {
    if (wants(1) || wants(2))
      giveChannels(context, wants(1) ? ungrouped(form.normalized) : dY, channelAxes(rank))
    if (!wants(0)) return
    const scaled = emit('Mul', [dY, perChannel(context, required(1), rank)])
    give(0, ungrouped(throughNormalization(context, grouped(scaled), form, [2])))
    return
  }
  const inGroups = grouped(dY)
  if (wants(1)) give(1, reduce('ReduceSum', emit('Mul', [inGroups, form.normalized]), [0, 2], false))
  if (wants(2)) give(2, reduce('ReduceSum', inGroups, [0, 2], false))
  if (!wants(0)) return
  const scaled = emit('Mul', [inGroups, perChannel(context, required(1), 3)])
  give(0, ungrouped(throughNormalization(context, scaled, form, [2])))
}

/**
 * y = x/‖x‖ₚ: dX = (dY − ∂‖x‖·Σ dY·y)/‖x‖, where ∂‖x‖ is y for p = 2 and the sign of x for p = 1; dX is 0 where the
 * norm is 0.
 */
function lpNormalization(context: GradientContext): void {
  const { node, emit, give, required, requiredGradient, saved, reduce, rankOf, reals, realTypeOf } = context
  const [dY, x, y] = [requiredGradient(0), required(0), saved(0)]
  const p = intOf(node, 'p', 2)
  const axis = intOf(node, 'axis', -1)
  const axes = [axis < 0 ? axis + rankOf(x) : axis]
  const norm = reduce(p === 1 ? 'ReduceL1' : 'ReduceL2', x, axes)
  const along = reduce('ReduceSum', emit('Mul', [dY, y]), axes)
  const rest = emit('Sub', [dY, emit('Mul', [p === 1 ? emit('Sign', [x]) : y, along])])
  const zero = reals([0], realTypeOf(x))
  give(0, emit('Where', [emit('Equal', [norm, zero]), zero, emit('Div', [rest, norm])]))
}

/** Rules of normalisations. */
export const normalization: Readonly<Record<string, GradientRule>> = {
  LayerNormalization: layerNormalization,
  SimplifiedLayerNormalization: rootMeanSquare,
  RMSNormalization: rootMeanSquare,
  SkipLayerNormalization: skipNormalization(true),
  SkipSimplifiedLayerNormalization: skipNormalization(false),
  BatchNormalization: batchNormalization,
  BatchNormInternal: batchNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LpNormalization: lpNormalization,
}

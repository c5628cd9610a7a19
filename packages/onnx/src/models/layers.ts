import { optionError, show } from '@induced-metric/core/adapter'
import { constant, parameter, uniformWithin, within, type Draw, type Network } from './network.js'

/** The activation of a layer. */
export type Activation = 'relu' | 'tanh' | 'sigmoid' | 'gelu'

const activations: readonly string[] = ['relu', 'tanh', 'sigmoid', 'gelu']

/** Throws ERR_OPTION for a name that is not an activation's. */
export function checkActivation(option: string, name: string): void {
  if (activations.includes(name)) return
  throw optionError(`${option} is ${show(name)}; there are ${activations.join(', ')}`)
}

/**
 * A dense layer on a matrix, `Gemm(x, weightᵀ, bias)`; weight is [outputs, inputs], drawn as PyTorch's `Linear` draws it.
 *
 * @returns the name of its output, [rows, outputs]
 */
export function dense(network: Network, name: string, x: string, inputs: number, outputs: number): string {
  const layer = within(network, name)
  const draw = uniformWithin(1 / Math.sqrt(inputs))
  const weight = parameter(layer, 'weight', [outputs, inputs], draw)
  const bias = parameter(layer, 'bias', [outputs], draw)
  return layer.builder.emit('Gemm', [x, weight, bias], { transB: 1 })
}

/**
 * A dense layer on the last axis of any tensor: Transpose, MatMul and Add, as exporters write it for three and more axes.
 *
 * @returns the name of its output, […, outputs]
 */
export function project(
  network: Network,
  name: string,
  x: string,
  inputs: number,
  outputs: number,
  draw: Draw,
): string {
  const layer = within(network, name)
  const weight = parameter(layer, 'weight', [outputs, inputs], draw)
  const bias = parameter(layer, 'bias', [outputs], constant(0))
  const { emit } = layer.builder
  return emit('Add', [emit('MatMul', [x, emit('Transpose', [weight], { perm: [1, 0] })]), bias])
}

/** An elementwise function. */
export function activate(network: Network, activation: Activation, x: string): string {
  const { emit } = network.builder
  if (activation === 'relu') return emit('Relu', [x])
  if (activation === 'tanh') return emit('Tanh', [x])
  if (activation === 'sigmoid') return emit('Sigmoid', [x])
  return gelu(network, x)
}

/**
 * x·Φ(x), or its approximation by tanh: one operator if the opset has it (20), otherwise its parts. Hendrycks and
 * Gimpel, arXiv:1606.08415.
 */
export function gelu({ builder, type }: Network, x: string, approximate: 'none' | 'tanh' = 'none'): string {
  const { emit, opset } = builder
  const real = (value: number): string => builder.real(value, type)
  if (opset >= 20) return emit('Gelu', [x], { approximate })
  if (approximate === 'none') {
    const erf = emit('Erf', [emit('Div', [x, real(Math.SQRT2)])])
    return emit('Mul', [emit('Mul', [x, emit('Add', [erf, real(1)])]), real(0.5)])
  }
  const cubed = emit('Mul', [emit('Pow', [x, real(3)]), real(0.044715)])
  const inner = emit('Mul', [emit('Add', [x, cubed]), real(Math.sqrt(2 / Math.PI))])
  return emit('Mul', [emit('Mul', [x, real(0.5)]), emit('Add', [emit('Tanh', [inner]), real(1)])])
}

/** The window of a convolution or a pool. */
export interface Window {
  readonly kernel: number
  readonly stride?: number
  readonly padding?: number
}

/** The attributes of a square window. */
export function windowAttributes({ kernel, stride = 1, padding = 0 }: Window) {
  return {
    kernel_shape: [kernel, kernel],
    pads: [padding, padding, padding, padding],
    strides: [stride, stride],
  }
}

/**
 * A convolution of images; weight is [outputs, inputs, kernel, kernel].
 *
 * @param options `bias`: whether it has one, drawn like the weight
 */
export function convolve(
  network: Network,
  name: string,
  x: string,
  inputs: number,
  outputs: number,
  options: Window & { readonly draw: Draw; readonly bias: boolean },
): string {
  const layer = within(network, name)
  const { kernel, draw, bias } = options
  const weight = parameter(layer, 'weight', [outputs, inputs, kernel, kernel], draw)
  const given = bias ? [x, weight, parameter(layer, 'bias', [outputs], draw)] : [x, weight]
  return layer.builder.emit('Conv', given, {
    ...windowAttributes(options),
    dilations: [1, 1],
    group: 1,
  })
}

/**
 * Normalises channels over batch and space; Ioffe and Szegedy, arXiv:1502.03167.
 *
 * @param training whether it uses the batch's own statistics and outputs new running ones, or uses the running ones
 */
export function batchNormalize(
  network: Network,
  name: string,
  x: string,
  channels: number,
  training: boolean,
): string {
  const layer = within(network, name)
  const inputs = [
    parameter(layer, 'weight', [channels], constant(1)),
    parameter(layer, 'bias', [channels], constant(0)),
    parameter(layer, 'running_mean', [channels], constant(0)),
    parameter(layer, 'running_var', [channels], constant(1)),
  ]
  const attributes = {
    epsilon: { float: 1e-5 },
    momentum: { float: 0.9 },
    ...(training && { training_mode: 1 }),
  }
  return layer.builder.emitAll('BatchNormalization', [x, ...inputs], attributes, training ? 3 : 1)[0]!
}

/**
 * Normalises the last axis: one operator if the opset has it (17), otherwise its parts. Ba, Kiros and Hinton,
 * arXiv:1607.06450.
 */
export function layerNormalize(network: Network, name: string, x: string, width: number): string {
  const layer = within(network, name)
  const { emit, opset, real } = layer.builder
  const weight = parameter(layer, 'weight', [width], constant(1))
  const bias = parameter(layer, 'bias', [width], constant(0))
  if (opset >= 17)
    return emit('LayerNormalization', [x, weight, bias], { axis: -1, epsilon: { float: 1e-5 } })
  const mean = { axes: [-1], keepdims: 1 }
  const centred = emit('Sub', [x, emit('ReduceMean', [x], mean)])
  const variance = emit('ReduceMean', [emit('Pow', [centred, real(2, layer.type)])], mean)
  const deviation = emit('Sqrt', [emit('Add', [variance, real(1e-5, layer.type)])])
  return emit('Add', [emit('Mul', [emit('Div', [centred, deviation]), weight]), bias])
}

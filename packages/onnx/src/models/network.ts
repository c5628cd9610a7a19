import { checkOptions, optionError, show, type OptionSpec } from '@induced-metric/core/adapter'
import { allocated } from '../errors.js'
import { dataType } from '../proto/dataType.js'
import { createModelBuilder, type ModelBuilder } from '../proto/modelBuilder.js'
import { own } from '../own.js'
import { createRandom, normal, uniform, type Random } from '../random.js'

/** Options of all models. */
export interface ModelOptions {
  /** The seed of the parameters: the same seed gives the same parameters. Default 0. */
  readonly seed?: number
  /**
   * The element type of parameters, inputs and outputs. Default `'float32'`. In double precision, stock builds of the
   * runtime have neither convolutions nor Erf, which exact GELU needs. They run the dense network without GELU, and
   * the GPT with `approximate: 'tanh'`.
   */
  readonly dtype?: 'float32' | 'float64'
  /** The version of ONNX's operators, from 13 to 22. Default 17. */
  readonly opset?: number
}

/** A network being built. */
export interface Network {
  readonly builder: ModelBuilder
  /** The element type, of `dataType`. */
  readonly type: number
  readonly random: Random
}

/** Draws one element of a parameter. */
export type Draw = (random: Random) => number

/** The versions of ONNX's operators that the models can be written in. */
const opsets = { oldest: 13, newest: 22, usual: 17 } as const

/**
 * Starts a network.
 *
 * @throws ERR_OPTION for an opset or a type that models cannot be written in
 */
export function createNetwork({ seed = 0, dtype = 'float32', opset = opsets.usual }: ModelOptions): Network {
  if (!Number.isInteger(opset) || opset < opsets.oldest || opset > opsets.newest) {
    throw optionError(
      `opset is ${show(opset)}; models are written in versions ${opsets.oldest} to ${opsets.newest} of ONNX's operators`,
    )
  }
  const types: Readonly<Record<string, number>> = { float32: dataType.float, float64: dataType.double }
  const type = own(types, dtype)
  if (type === undefined) throw optionError(`dtype is ${show(dtype)}; give 'float32' or 'float64'`)
  return { builder: createModelBuilder(opset), type, random: createRandom(seed) }
}

/** Enters a named part of a network. */
export function within(network: Network, scope: string | number): Network {
  return { ...network, builder: network.builder.within(scope) }
}

/** Adds a parameter and draws its elements one after another. */
export function parameter(
  { builder, type, random }: Network,
  name: string,
  dims: readonly number[],
  draw: Draw,
): string {
  const size = dims.reduce((product, extent) => product * extent, 1)
  const data = allocated(`the parameter ${name}, [${dims.join(', ')}],`, () =>
    type === dataType.double ? new Float64Array(size) : new Float32Array(size),
  )
  for (let i = 0; i < size; i++) data[i] = draw(random)
  return builder.initializer(name, dims, type, data)
}

/** Draws the same number everywhere. */
export function constant(value: number): Draw {
  return () => value
}

/** Draws uniformly from ±`bound`. */
export function uniformWithin(bound: number): Draw {
  return (random) => (2 * uniform(random) - 1) * bound
}

/** Draws normally with mean 0. */
export function normalOf(deviation: number): Draw {
  return (random) => deviation * normal(random)
}

/**
 * Checks that a model has the options that it is given.
 *
 * @param owner the model's function
 * @param specs the values of its own options, beside those of all models
 * @throws ERR_OPTION for anything but an object, and for an unknown option
 */
export function checkModelOptions<T extends ModelOptions>(
  owner: string,
  options: T,
  specs: { readonly [K in Exclude<keyof T, keyof ModelOptions>]-?: OptionSpec },
): void {
  checkOptions<ModelOptions>(owner, options, { ...specs, seed: 'any', dtype: 'any', opset: 'any' })
}

/**
 * Checks sizes.
 *
 * @throws ERR_OPTION for one that is not a positive whole number, by its name
 */
export function checkSizes(sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (Number.isSafeInteger(size) && size > 0) continue
    throw optionError(`${name} is ${show(size)}; give a positive whole number`)
  }
}

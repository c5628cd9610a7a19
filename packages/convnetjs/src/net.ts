import type { TypedArray } from '@induced-metric/core'
import { optionError, shapeError, show } from '@induced-metric/core/adapter'

// The parts of convnetjs that the adapter uses. convnetjs has no types of its own, and may come from anywhere, a script tag
// included.

/** A volume of numbers and their gradients, as `convnetjs.Vol`. */
export type Vol = {
  w: TypedArray
  dw: TypedArray
  readonly sx?: number
  readonly sy?: number
  readonly depth?: number
}

/** Weights and their gradients, as layers list them. */
export interface ParamsAndGrads {
  readonly params: TypedArray
  /** The sum over the patterns since the latest step; `null` if a layer of your own has none. */
  readonly grads: TypedArray | null
  /** The weights' share in `l1_decay`; default 1. */
  readonly l1_decay_mul?: number
  /** The weights' share in `l2_decay`; default 1. */
  readonly l2_decay_mul?: number
  /** A name that a layer of your own gives its weights; by default they are named by their place. */
  readonly name?: string
  /** The shape that a layer of your own gives its weights; by default they are a vector. */
  readonly shape?: readonly number[]
}

/** A layer of convnetjs, or one of your own. */
export interface Layer {
  readonly layer_type?: string
  /** The number of outputs at each place; of a last layer, the number of classes or outputs. */
  readonly out_depth?: number
  /** The numbers of columns and rows of the outputs. */
  readonly out_sx?: number
  readonly out_sy?: number
  /** The input x of the latest forward pass; after a backward pass, `dw` is ∂L/∂x. */
  readonly in_act?: Vol
  readonly filters?: readonly Vol[]
  readonly biases?: Vol
  getParamsAndGrads(): ParamsAndGrads[]
}

/** A net, as `convnetjs.Net`. */
export interface Net {
  readonly layers?: readonly Layer[]
  forward(x: Vol, isTraining?: boolean): unknown
  /** Adds to the gradients of the weights. Returns the loss of the pattern of the latest forward pass. */
  backward(y: Target): number | undefined
}

/** Layers of convnetjs that read the extents of what they are given. All others read a list of numbers. */
const spatial: ReadonlySet<string | undefined> = new Set(['conv', 'pool', 'lrn'])

/**
 * Checks a pattern if the net's first layer is convnetjs's own, which takes anything: layers after it would leave numbers out,
 * or compute NaN.
 *
 * @throws ERR_SHAPE for anything but a volume of the net's input
 */
export function checkPattern({ layers }: Net, x: unknown): void {
  const [first, second] = layers ?? []
  if (first?.layer_type !== 'input') return
  const { out_sx: columns = 1, out_sy: rows = 1, out_depth: depth = 1 } = first
  const { w, ...given } = (typeof x === 'object' && x !== null ? x : {}) as Partial<Vol>
  const takes = `the net takes a convnetjs.Vol of ${columns} × ${rows} × ${depth}`
  if (w?.length === undefined) {
    throw shapeError(
      `${takes}, as new convnetjs.Vol(${columns}, ${rows}, ${depth}) makes one, with the numbers in its w; given ${show(x)}`,
    )
  }
  const fits = given.sx === columns && given.sy === rows && given.depth === depth
  if (w.length === columns * rows * depth && (fits || !spatial.has(second?.layer_type))) return
  throw shapeError(
    `${takes}; given one of ${given.sx} × ${given.sy} × ${given.depth}, with ${w.length} numbers`,
  )
}

/** The target of a pattern, as the net's last layer takes it: a class, numbers, or one of the numbers. */
export type Target = number | readonly number[] | Float64Array | { dim: number; val: number }

/**
 * Checks the target of a pattern if the net's last layer is one of convnetjs's own: with a wrong target it would compute
 * NaN, or nothing.
 *
 * @throws ERR_OPTION for a class that does not exist; ERR_SHAPE for anything but as many numbers as the regression has
 *   outputs, or one of them as `{ dim, val }`
 */
export function checkTarget({ layers }: Net, y: unknown): void {
  const { layer_type: type = '', out_depth: depth = 0 } = layers?.at(-1) ?? {}
  const isPlace = (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < depth
  if (type === 'softmax' || type === 'svm') {
    if (isPlace(y)) return
    throw optionError(
      `the class of a pattern must be a whole number from 0 to ${depth - 1}, as the net has ${depth} classes; given ${shownTarget(y)}`,
    )
  }
  if (type !== 'regression') return
  if (Array.isArray(y) || y instanceof Float64Array) {
    if (y.length === depth && (y as readonly unknown[]).every((value) => typeof value === 'number')) return
  } else if (typeof y === 'object' && y !== null) {
    const { dim, val } = y as { readonly dim?: unknown; readonly val?: unknown }
    if (isPlace(dim) && typeof val === 'number') return
  }
  throw shapeError(
    `a regression takes an array of numbers or a Float64Array, here of ${depth}, or { dim, val } with a dim from 0 to ${depth - 1}; ` +
      `given ${shownTarget(y)}`,
  )
}

function shownTarget(y: unknown): string {
  if (ArrayBuffer.isView(y) || Array.isArray(y)) {
    const { length } = y as ArrayLike<unknown>
    return `${y.constructor.name} of length ${length}`
  }
  return typeof y === 'object' ? JSON.stringify(y) : show(y)
}

/**
 * The loss that a backward pass differentiated. For a regression that is ½Σd², whose gradient is d, although convnetjs
 * returns 2Σd².
 *
 * @param returned the return value of `net.backward`
 */
export function differentiatedLoss({ layers }: Net, returned: number | undefined): number | undefined {
  const last = layers?.at(-1)
  if (last?.layer_type !== 'regression' || !last.in_act) return returned
  return [...last.in_act.dw].reduce((sum, d) => sum + d * d, 0) / 2
}

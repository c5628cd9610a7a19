import { InducedMetricError, type TypedArray } from '@induced-metric/core'

// What the adapter touches of convnetjs, which has no types of its own and may come from anywhere, a script tag included.

/** A volume of numbers and their gradients, as `convnetjs.Vol`. */
export type Vol = { w: TypedArray; dw: TypedArray }

/** Weights and their gradients, as layers list them. */
export interface ParamsAndGrads {
  readonly params: TypedArray
  /** Summed up over the patterns since the latest step; `null` where a layer of your own has none. */
  readonly grads: TypedArray | null
  /** The weights' share in `l1_decay`; default 1. */
  readonly l1_decay_mul?: number
  /** The weights' share in `l2_decay`; default 1. */
  readonly l2_decay_mul?: number
  /** A layer of your own may name its weights; otherwise their place does. */
  readonly name?: string
  /** A layer of your own may say the shape of its weights; otherwise they are a vector. */
  readonly shape?: readonly number[]
}

/** A layer, as convnetjs makes them, or one of your own. */
export interface Layer {
  readonly layer_type?: string
  /** How many numbers come out at each place; of a last layer, how many classes or numbers. */
  readonly out_depth?: number
  /** What was put in, with ∂L/∂ of it after a pass back. */
  readonly in_act?: Vol
  readonly filters?: readonly Vol[]
  readonly biases?: Vol
  getParamsAndGrads(): ParamsAndGrads[]
}

/** A net, as `convnetjs.Net`. */
export interface Net {
  readonly layers?: readonly Layer[]
  forward(x: Vol, isTraining?: boolean): unknown
  /** Adds to the gradients of the weights; the loss of the pattern that was put forward. */
  backward(y: Target): number | undefined
}

/** What a pattern is to come out as: a class, numbers, or one of the numbers, as the net's last layer takes it. */
export type Target = number | readonly number[] | Float64Array | { dim: number; val: number }

/**
 * Checks what a pattern is to come out as, where the net's last layer is one of convnetjs's own: with another it computes
 * NaN, or nothing.
 *
 * @throws ERR_OPTION for a class that there is not; ERR_SHAPE for anything but as many numbers as a regression has, or one
 *   of them as `{ dim, val }`
 */
export function checkTarget({ layers }: Net, y: unknown): void {
  const { layer_type: type = '', out_depth: depth = 0 } = layers?.at(-1) ?? {}
  const isPlace = (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < depth
  if (type === 'softmax' || type === 'svm') {
    if (isPlace(y)) return
    throw new InducedMetricError(
      'ERR_OPTION',
      `the class of a pattern must be a whole number from 0 to ${depth - 1}, as the net has ${depth} classes; given ${shown(y)}`,
    )
  }
  if (type !== 'regression') return
  if (Array.isArray(y) || y instanceof Float64Array) {
    if (y.length === depth && (y as readonly unknown[]).every((value) => typeof value === 'number')) return
  } else if (typeof y === 'object' && y !== null) {
    const { dim, val } = y as { readonly dim?: unknown; readonly val?: unknown }
    if (isPlace(dim) && typeof val === 'number') return
  }
  throw new InducedMetricError(
    'ERR_SHAPE',
    `a regression takes an array of numbers or a Float64Array, here of ${depth}, or { dim, val } with a dim from 0 to ${depth - 1}; ` +
      `given ${shown(y)}`,
  )
}

function shown(y: unknown): string {
  if (ArrayBuffer.isView(y) || Array.isArray(y)) {
    const { length } = y as ArrayLike<unknown>
    return `${y.constructor.name} of length ${length}`
  }
  return typeof y === 'object' ? JSON.stringify(y) : String(y)
}

/**
 * The loss that was differentiated, from what a pass back told. For a regression that is ½Σd², whose gradient is d, where
 * convnetjs tells 2Σd².
 */
export function differentiatedLoss({ layers }: Net, told: number | undefined): number | undefined {
  const last = layers?.at(-1)
  if (last?.layer_type !== 'regression' || !last.in_act) return told
  return [...last.in_act.dw].reduce((sum, d) => sum + d * d, 0) / 2
}

/**
 * The residuals of a regression after a pass forward, output minus target, each with the target by which a pass back makes
 * the gradients those of the output itself; `undefined` where the net is none.
 */
export function residualsOf({ layers }: Net, y: Target): { value: number; target: Target }[] | undefined {
  const last = layers?.at(-1)
  if (last?.layer_type !== 'regression' || !last.in_act) return undefined
  const { w } = last.in_act
  const targets =
    typeof y === 'object' && 'dim' in y ? [y] : [...w.keys()].map((dim) => ({ dim, val: valueOf(y, dim) }))
  return targets.map(({ dim, val }) => ({ value: w[dim]! - val, target: { dim, val: w[dim]! - 1 } }))
}

function valueOf(y: Exclude<Target, { dim: number }>, dim: number): number {
  return typeof y === 'number' ? NaN : (y[dim] ?? NaN)
}

/** Adds nodes to a graph, or to the body of a loop. */
export interface Emitter {
  /** Adds a node with one output and returns the output's name. */
  readonly emit: (
    opType: string,
    inputs: readonly (string | undefined)[],
    attributes?: Readonly<Record<string, number | readonly number[]>>,
  ) => string
  /** A scalar constant of the layer's element type. */
  readonly real: (value: number) => string
}

/** An activation of a recurrent layer with its two numbers; 0 where it has none. */
export interface Activation {
  readonly kind: ActivationKind
  readonly alpha: number
  readonly beta: number
}

/** The result of an activation and, on demand, its derivative at the same place. */
export interface Activated {
  readonly value: string
  readonly slope: () => string
}

/** A function that a recurrent layer may have as its activation. */
export interface ActivationKind {
  /** The default of alpha in ONNX Runtime, if the function has one. */
  readonly alpha?: number
  readonly beta?: number
  readonly apply: (emitter: Emitter, x: string, alpha: number, beta: number) => Activated
}

function chosen({ emit, real }: Emitter, condition: string, then: number, otherwise: number): string {
  return emit('Where', [condition, real(then), real(otherwise)])
}

/** α·tanh(βx). */
function scaledTanh(emitter: Emitter, x: string, alpha: number, beta: number): Activated {
  const { emit, real } = emitter
  const inner = emit('Tanh', [beta === 1 ? x : emit('Mul', [x, real(beta)])])
  const slope = (): string => emit('Sub', [real(1), emit('Mul', [inner, inner])])
  if (alpha === 1 && beta === 1) return { value: inner, slope }
  return {
    value: emit('Mul', [inner, real(alpha)]),
    slope: () => emit('Mul', [slope(), real(alpha * beta)]),
  }
}

/** x from a threshold on, and a multiple of it below. */
function ramp(emitter: Emitter, x: string, below: number, threshold: number): Activated {
  const { emit, real } = emitter
  const slope = (): string => chosen(emitter, emit('Greater', [x, real(threshold)]), 1, below)
  return { value: emit('Mul', [x, slope()]), slope }
}

/**
 * The activations of recurrent layers by their names in lower case, as ONNX Runtime's kernels compute them. At a kink
 * the slope is that of the left side.
 */
export const activations: Readonly<Record<string, ActivationKind>> = {
  affine: {
    alpha: 0,
    beta: 0,
    apply: ({ emit, real }, x, alpha, beta) => ({
      value: emit('Add', [emit('Mul', [x, real(alpha)]), real(beta)]),
      slope: () => real(alpha),
    }),
  },
  relu: {
    apply(emitter, x) {
      const { emit, real } = emitter
      return {
        value: emit('Relu', [x]),
        slope: () => chosen(emitter, emit('Greater', [x, real(0)]), 1, 0),
      }
    },
  },
  leakyrelu: { alpha: 0.01, apply: (emitter, x, alpha) => ramp(emitter, x, alpha, 0) },
  thresholdedrelu: { alpha: 0, apply: (emitter, x, alpha) => ramp(emitter, x, 0, alpha) },
  tanh: { apply: (emitter, x) => scaledTanh(emitter, x, 1, 1) },
  scaledtanh: { alpha: 0, beta: 0, apply: scaledTanh },
  sigmoid: {
    apply({ emit }, x) {
      const value = emit('Sigmoid', [x])
      return { value, slope: () => emit('Sub', [value, emit('Mul', [value, value])]) }
    },
  },
  hardsigmoid: {
    alpha: 0.2,
    beta: 0.5,
    apply(emitter, x, alpha, beta) {
      const { emit, real } = emitter
      const line = emit('Add', [emit('Mul', [x, real(alpha)]), real(beta)])
      const isSloped = (): string =>
        emit('And', [emit('Greater', [line, real(0)]), emit('Less', [line, real(1)])])
      return {
        value: emit('Min', [emit('Max', [line, real(0)]), real(1)]),
        slope: () => chosen(emitter, isSloped(), alpha, 0),
      }
    },
  },
  elu: {
    alpha: 1,
    apply({ emit, real }, x, alpha) {
      const isPositive = emit('Greater', [x, real(0)])
      const exponential = emit('Mul', [emit('Exp', [emit('Min', [x, real(0)])]), real(alpha)])
      return {
        value: emit('Where', [isPositive, x, emit('Sub', [exponential, real(alpha)])]),
        slope: () => emit('Where', [isPositive, real(1), exponential]),
      }
    },
  },
  softsign: {
    apply({ emit, real }, x) {
      const denominator = emit('Add', [emit('Abs', [x]), real(1)])
      return {
        value: emit('Div', [x, denominator]),
        slope: () => emit('Div', [real(1), emit('Mul', [denominator, denominator])]),
      }
    },
  },
  softplus: {
    // log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|), where nothing overflows.
    apply: ({ emit, real }, x) => ({
      value: emit('Add', [
        emit('Max', [x, real(0)]),
        emit('Log', [emit('Add', [emit('Exp', [emit('Neg', [emit('Abs', [x])])]), real(1)])]),
      ]),
      slope: () => emit('Sigmoid', [x]),
    }),
  },
}

/**
 * Bounds the input of an activation by ±`clip` and applies it.
 *
 * @returns the result, with a slope that is 0 beyond the bounds
 */
export function activate(
  emitter: Emitter,
  { kind, alpha, beta }: Activation,
  x: string,
  clip: number | undefined,
): Activated {
  if (clip === undefined) return kind.apply(emitter, x, alpha, beta)
  const { emit, real } = emitter
  const bounded = emit('Min', [emit('Max', [x, real(-clip)]), real(clip)])
  const inner = kind.apply(emitter, bounded, alpha, beta)
  return {
    value: inner.value,
    slope: () => emit('Where', [emit('Less', [emit('Abs', [x]), real(clip)]), inner.slope(), real(0)]),
  }
}

import type { PlainTransformation } from '../plain.js'

/** A trajectory computed by an independent implementation. */
export interface GoldenCase {
  readonly name: string
  /** The reference's name: `rms` is `adam`, `sgd` of the baselines is `heavyBall`. */
  readonly base: string
  readonly embedding: 'identity' | 'log' | 'none'
  /** The reference's own names. */
  readonly hyperparameters: Readonly<Record<string, number | boolean | readonly number[]>>
  readonly dtype: 'float32' | 'float64'
  readonly params: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly data: readonly number[]
  }[]
  /** `grads[i] = null` is a missing gradient; `lr` replaces the learning rate from that step on. */
  readonly steps: readonly {
    readonly grads: readonly (readonly number[] | null)[]
    readonly loss: number | null
    readonly lr?: number
  }[]
  readonly expected: readonly {
    readonly step: number
    readonly params: readonly (readonly number[])[]
    /** The factor ρ. */
    readonly metricScale?: number
    /** The average of ξ·s, before its bias correction. */
    readonly metricEma?: number
    /** The average of ξ·s after it: v̂. */
    readonly metricCorrected?: number
  }[]
  /** Allowed max|got − expected| of a tensor, relative to max|expected|. */
  readonly rtol: number
  readonly note?: string
}

/** A trajectory of the learning rate's own metric, in the kit's own terms. */
export interface TiedVector {
  readonly name: string
  readonly transformation: PlainTransformation
  /** Whether single precision is as accurate as elsewhere. */
  readonly single: boolean
  readonly params: GoldenCase['params']
  readonly steps: readonly { readonly grads: readonly (readonly number[])[]; readonly loss: number }[]
  readonly expected: readonly {
    readonly step: number
    readonly params: readonly (readonly number[])[]
    /** ρ, v̂ and s. */
    readonly scale: number
    readonly metric: number
    readonly dualNorm: number
    /** The averages of the parameters, if they are kept. */
    readonly averages?: readonly (readonly number[])[]
  }[]
}

/** A matrix before and after Newton–Schulz. */
export interface GoldenMatrix {
  readonly name: string
  readonly shape: readonly [number, number]
  readonly iterations: number
  readonly input: readonly number[]
  readonly output: readonly number[]
  readonly singularValues: readonly number[]
  /** ⟨input, output⟩ */
  readonly inner: number
}

/** A two-dimensional test function's start and some of its values. */
export interface SmallFunction {
  readonly start: readonly [number, number]
  readonly tolerance: number
  readonly samples: readonly {
    readonly point: readonly [number, number]
    readonly value: number
    readonly gradient: readonly [number, number]
  }[]
}

/** A published run on a two-dimensional function. */
export interface SmallFunctionRow {
  readonly function: string
  readonly optimiser: string
  readonly hyperparameters: Readonly<Record<string, number>>
  readonly published: {
    readonly converged: boolean
    readonly iterations: number
    readonly finalValue: string
  }
}

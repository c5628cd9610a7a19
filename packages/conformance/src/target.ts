import type { Manifest } from './manifest.js'

/** The core's namespace. The kit imports only its types; each target passes in the core that it uses. */
export type Core = typeof import('@induced-metric/core')

/** A transformation made by the core. */
export type CoreTransformation = ReturnType<Core['fromJSON']>

/** The arrays of parameters, gradients and slots. */
export type TypedArray = Float32Array | Float64Array

/** A parameter that is given to a session. */
export interface TargetParameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: TypedArray
  readonly group?: string
}

/** The report of a step on one metric unit. */
export interface SessionUnitReport {
  /** '' for the default group, else the group's label or the parameter's name. It is compared if it is given. */
  readonly key?: string
  /** ρ */
  readonly scale: number
  /** s, the squared dual norm; NaN if it is not computed (ξ = 0 under `identity`). */
  readonly dualNorm: number
  /** v̂ = ξ·v/(1−βᵗ) */
  readonly metric: number
  readonly xi: number
}

/** The report of a step; see the core's `report`. With several units, ρ, s and v̂ are those of the first. */
export interface SessionReport extends SessionUnitReport {
  /** The number of steps taken, from 1. A skipped step does not count. */
  readonly step: number
  readonly skipped: boolean
  readonly skippedSteps: number
  readonly learningRate: number
  /** The number of calls that wait for the rest of their update, where gradients are accumulated. It is compared if it is given. */
  readonly accumulated?: number
  /** The loss that was given, else `null`. It is compared if it is given. */
  readonly loss?: number | null
  /** One entry per unit, if there is more than one. It is compared if it is given. */
  readonly units?: readonly SessionUnitReport[]
}

type Awaitable<T> = T | Promise<T>

/** One optimiser over one set of parameters. Everything is awaited. */
export interface Session {
  /**
   * Takes one step; `null` is a missing gradient. Throws (or rejects with) an `InducedMetricError` of the target's
   * own core.
   */
  step(
    gradients: readonly (TypedArray | null)[],
    options?: { readonly loss?: number },
  ): Awaitable<SessionReport>
  /** The current parameters, in order. */
  read(): Awaitable<readonly TypedArray[]>
  /** The slots, by parameter and name. Optional: with it the kit sees whether a skipped step has written anything. */
  slots?(): Awaitable<Readonly<Record<string, Readonly<Record<string, TypedArray>>>>>
  /** The learning rate of the next step. Optional, and with it `setLearningRate`, which sets it from then on. */
  learningRate?(): Awaitable<number>
  setLearningRate?(rate: number): Awaitable<void>
  /** The weights to evaluate with, by parameter. Optional: with it the kit sees that they are the averages that are kept. */
  evaluationWeights?(): Awaitable<readonly TypedArray[]>
  /** The optimiser's state as bytes of the core's checkpoint format, without the parameters. */
  save?(): Awaitable<Uint8Array>
  /** Restores the state from such bytes. */
  load?(bytes: Uint8Array): Awaitable<void>
  /** Returns to the state before the first step. The parameters keep their values. */
  reset?(): Awaitable<void>
  /** Frees the session's resources; every later use is ERR_DISPOSED. */
  dispose?(): Awaitable<void>
}

/** The subject of the suite: an adapter, its manifest, and the core it uses. */
export interface ConformanceTarget {
  readonly manifest: Manifest
  readonly core: Core
  /** Creates an optimiser. The given arrays belong to the session. Anything it cannot do is ERR_NOT_SUPPORTED. */
  create(transformation: CoreTransformation, parameters: readonly TargetParameter[]): Awaitable<Session>
  /**
   * The number of things that live until they are freed: tensors, buffers, blocks of memory. With it the kit sees whether a
   * session leaves any behind, after it was disposed of, or by a step that was skipped or refused.
   */
  living?(): Awaitable<number>
}

import type { Manifest } from './manifest.js'

/** The core's namespace, of which the kit imports only the types: each target hands over the one it uses itself. */
export type Core = typeof import('@induced-metric/core')

/** A transformation as the core makes it. */
export type CoreTransformation = ReturnType<Core['fromJSON']>

/** Parameters, gradients and slots travel as these. */
export type TypedArray = Float32Array | Float64Array

/** A parameter as a session is given it. */
export interface TargetParameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: TypedArray
  readonly group?: string
}

/** What a step says of a unit of the metric. */
export interface SessionUnitReport {
  /** ρ */
  readonly scale: number
  /** s, the squared dual norm; NaN where none is computed (ξ = 0 under `identity`). */
  readonly dualNorm: number
  /** v̂ = ξ·v/(1−βᵗ) */
  readonly metric: number
  readonly xi: number
}

/** What a step reports; see the core's `report`. With several units, ρ and the like are the first one's. */
export interface SessionReport extends SessionUnitReport {
  /** Steps taken, from 1; a skipped step does not count. */
  readonly step: number
  readonly skipped: boolean
  readonly skippedSteps: number
  readonly learningRate: number
  /** Of every unit, where there is more than one: compared where it is given. */
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
  /** The parameters as they stand, in order. */
  read(): Awaitable<readonly TypedArray[]>
  /** The slots, by parameter and name. Optional: it lets the kit see what a skipped step has written. */
  slots?(): Awaitable<Readonly<Record<string, Readonly<Record<string, TypedArray>>>>>
  /** The optimiser's state as bytes of the core's checkpoint format, without the parameters. */
  save?(): Awaitable<Uint8Array>
  /** Takes the state from such bytes. */
  load?(bytes: Uint8Array): Awaitable<void>
  /** Frees what the session holds; every use after it is ERR_DISPOSED. */
  dispose?(): Awaitable<void>
}

/** What the suite runs on: an adapter, its manifest, and the core it uses. */
export interface ConformanceTarget {
  readonly manifest: Manifest
  readonly core: Core
  /** Makes an optimiser. The arrays handed in belong to the session; what it can't do is ERR_NOT_SUPPORTED. */
  create(transformation: CoreTransformation, parameters: readonly TargetParameter[]): Awaitable<Session>
}

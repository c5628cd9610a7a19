import type { SharedScalars } from '../sharedScalars.js'

/** A program that computes each element of a tensor by itself. */
export interface ShaderProgram {
  /**
   * GLSL ES 3.00: `float valueAt(int i)`, the element of that index, and the functions that it calls. It calls `readK(i)` for an
   * element of the input K, and reads `numbers[k]`, uniforms.
   */
  readonly code: string
  readonly inputs: number
  readonly numbers: number
}

/** Runs programs on a device whose shaders write one tensor each. */
export interface ShaderRunner<T> {
  /**
   * Makes a tensor, and no other.
   *
   * @param inputs with elements, which are read by their indices in row-major order
   * @param numbers in single precision
   */
  run(program: ShaderProgram, inputs: readonly T[], numbers: readonly number[], shape: readonly number[]): T
}

/** What a number is for each number of steps that the device may have refused, from 0. */
export class Candidates<T> {
  readonly values: readonly number[]
  /** How many it has refused, a scalar. */
  readonly refused: T

  constructor(values: readonly number[], refused: T) {
    this.values = values
    this.refused = refused
  }
}

/** The number of candidates, where there are any: more refused steps than these are taken for the last of them. */
export const candidateCount = 32

/** What the programs of a step have in common. */
export interface Fusion<T> {
  readonly runner: ShaderRunner<T>
  shape(tensor: T): readonly number[]
  clone(tensor: T): T
  /** The numbers of the host that several graphs compute from the same ones. */
  readonly numbers: SharedScalars<number | Candidates<T>>
  /** Whether it refuses this step, a scalar, from when that is known. Then old values are chosen in place of new ones. */
  verdict: T | undefined
}

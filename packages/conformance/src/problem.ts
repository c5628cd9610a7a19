import type { Dtype } from './manifest.js'
import type { PlainTransformation } from './plain.js'
import { createRandom, fillNormal } from './random.js'
import type { TargetParameter, TypedArray } from './target.js'

/** A number in a case: JSON has no word for NaN and infinities, so they are strings. */
export type CaseNumber = number | 'NaN' | 'Infinity' | '-Infinity'

/** One parameter. Its data follow from the problem's seed unless they are given. */
export interface ProblemParameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly group?: string
  /** The initial value of every element; drawn from the seed if left out. */
  readonly fill?: number
  /** Its element type, where that is not the case's. */
  readonly dtype?: Dtype
}

/**
 * A run as data: its transformation, its parameters, its gradients and its losses. Parameters and gradients are
 * drawn from `seed`: a stream per tensor, so that a tensor's numbers don't depend on its neighbours.
 */
export interface Problem {
  readonly transformation: PlainTransformation
  readonly parameters: readonly ProblemParameter[]
  readonly steps: number
  readonly seed: number
  /** Multiplies the gradients (default 1). */
  readonly gradientScale?: number
  /**
   * `normal` (default); `steady`: every element keeps its sign and stays away from 0; `flat`: every element is the
   * scale; `zero`.
   */
  readonly gradientKind?: 'normal' | 'steady' | 'flat' | 'zero'
  /** The losses: `first` at step 1, times `ratio` at each next, plus `offset`; or one by one. None if left out. */
  readonly loss?:
    | { readonly first: number; readonly ratio: number; readonly offset?: number }
    | readonly (CaseNumber | null)[]
  /** Parameters without a gradient, by step. */
  readonly missing?: Readonly<Record<number, readonly number[]>>
  /** Puts a number into a gradient: at this step, in this parameter, at this element (everywhere if left out). */
  readonly inject?: readonly {
    readonly step: number
    readonly parameter: number
    readonly element?: number
    readonly value: CaseNumber
  }[]
}

/** One step's input. */
export interface StepInput {
  readonly gradients: (TypedArray | null)[]
  readonly loss: number | undefined
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1)
}

/** Zeros of the type. */
function zeros(dtype: Dtype, length: number): TypedArray {
  return dtype === 'float32' ? new Float32Array(length) : new Float64Array(length)
}

/** An array of the type. */
export function arrayOf(dtype: Dtype, values: ArrayLike<number>): TypedArray {
  return dtype === 'float32' ? new Float32Array(values) : new Float64Array(values)
}

/** The initial parameters of a problem, in new arrays each time. */
export function problemParameters(problem: Problem, dtype: Dtype): TargetParameter[] {
  return problem.parameters.map(({ name, shape, group, fill, dtype: own = dtype }, index) => {
    const data = zeros(own, sizeOf(shape))
    if (fill === undefined) fillNormal(data, stream(problem.seed, index, 0), 1)
    else data.fill(fill)
    return group === undefined ? { name, shape, data } : { name, shape, data, group }
  })
}

/** The gradients and the loss of a step, counted from 1. */
export function problemStep(problem: Problem, step: number, dtype: Dtype): StepInput {
  const { missing, inject = [] } = problem
  const gradients = problem.parameters.map(({ shape, dtype: own = dtype }, index) => {
    if (missing?.[step]?.includes(index)) return null
    const values = zeros(own, sizeOf(shape))
    fillGradient(values, problem, index, step)
    for (const { step: at, parameter, element, value } of inject) {
      if (at !== step || parameter !== index) continue
      if (element === undefined) values.fill(Number(value))
      else values[element] = Number(value)
    }
    return values
  })
  return { gradients, loss: lossAt(problem, step) }
}

/** Fills an array of zeros with a tensor's gradient at a step, before numbers are put into it. */
function fillGradient(values: TypedArray, problem: Problem, index: number, step: number): void {
  const { seed, gradientKind = 'normal', gradientScale = 1 } = problem
  switch (gradientKind) {
    case 'zero':
      return
    case 'flat':
      values.fill(gradientScale)
      return
    case 'normal':
      fillNormal(values, stream(seed, index, step), gradientScale)
      return
    case 'steady': {
      const random = createRandom(stream(seed, index, step))
      const signs = createRandom(stream(seed, index, 0xffff))
      for (let i = 0; i < values.length; i++) {
        const sign = signs.uniform() < 0.5 ? -1 : 1
        values[i] = sign * (Math.round((0.25 + random.uniform()) * 4096) / 4096) * gradientScale
      }
    }
  }
}

function lossAt({ loss }: Problem, step: number): number | undefined {
  if (loss === undefined) return undefined
  if ('first' in loss) {
    return Math.round(loss.first * loss.ratio ** (step - 1) * 4096) / 4096 + (loss.offset ?? 0)
  }
  const value = loss[step - 1]
  return value === null || value === undefined ? undefined : Number(value)
}

function stream(seed: number, parameter: number, step: number): number {
  return (
    Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(parameter + 1, 0x85ebca77) ^ Math.imul(step + 1, 0xc2b2ae3d)
  )
}

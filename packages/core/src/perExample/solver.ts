import type { Checkpoint } from '../checkpoint/checkpoint.js'
import { elementType, type Slots, type TypedArray } from '../dtype.js'
import { compilePass, Scratch, type InterpretedPass } from '../engines/reference/interpreter.js'
import type { Optimizer } from '../arrays/types.js'
import type { Profile } from '../step/plan.js'
import { profileScalars } from '../step/scalarInputs.js'
import type { Scalars } from '../graph/hostScalars.js'
import type { StepReport } from '../step/report.js'
import { checkSize, readRows, type Axes, type PerExampleRows } from './axes.js'
import { factor, solve } from './factor.js'
import { recordPreconditioner, type PreconditionerGraph } from './preconditionerGraph.js'

/** Solves for the steps of an optimiser with one axis per example. */
export interface Solver {
  /** The gradient of the mean loss over the rows that were read, by parameter. */
  readonly gradients: readonly TypedArray[]
  /** Reads the rows of a step. Throws ERR_SHAPE when they have another size. */
  read(rows: PerExampleRows, axes: Axes): void
  /** Solves for new values of the parameters, which `written` writes. */
  solve(
    axes: Axes,
    rates: { readonly learningRate: number; readonly xi: number },
    step: number,
    slots: readonly Slots[],
  ): Pick<StepReport, 'scale' | 'dualNorm' | 'metric'>
  /** Whether the gradient and, if they were solved for, the new values are finite. */
  isFinite(): boolean
  /** Writes the new values, if they were solved for, and counts the step. */
  written(): void
  /** Restores the parameters' step counts. */
  restore(checkpoint: Checkpoint): void
}

/** A parameter's part of the work. */
interface Part {
  readonly data: TypedArray
  readonly gradient: TypedArray
  readonly ones: TypedArray
  readonly direction: TypedArray
  readonly diagonal: TypedArray
  readonly next: TypedArray
  /** The index of its first column. */
  readonly start: number
  readonly shape: readonly number[]
  readonly pass: InterpretedPass
  /** Steps that updated it. */
  steps: number
}

/**
 * Prepares the solving of steps.
 *
 * @param profile the base, and the options from which its numbers come
 * @param optimizer has the parameters, and the slots of the base
 * @throws ERR_NOT_SUPPORTED for a base whose P is not diagonal
 */
export function createSolver(profile: Pick<Profile, 'settings' | 'base'>, optimizer: Optimizer): Solver {
  const graph = recordPreconditioner(profile.base)
  const parts = partsOf(optimizer, graph)
  const sizes = parts.map(({ data }) => data.length)
  const width = sizes.reduce((total, size) => total + size, 0)
  const [gradient, diagonal, move] = [0, 0, 0].map(() => new Float64Array(width)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  let jacobian = new Float64Array(0)
  let isSolved = false

  return {
    gradients: parts.map((part) => part.gradient),
    read(rows, axes) {
      const count = axes.slopes.length
      checkSize(count, width)
      if (jacobian.length !== count * width) jacobian = new Float64Array(count * width)
      readRows(rows, sizes, axes.slopes, jacobian)
      addUp(gradient, jacobian, axes.shares)
      for (const { gradient: own, start } of parts) own.set(gradient.subarray(start, start + own.length))
      isSolved = false
    },
    solve(axes, { learningRate, xi }, step, slots) {
      precondition(parts, profileScalars({}, profile, step), slots)
      for (const part of parts) diagonal.set(part.diagonal, part.start)
      const count = axes.slopes.length
      // A = J P^½, in place.
      for (let i = 0; i < jacobian.length; i += width) {
        for (let k = 0; k < width; k++) jacobian[i + k]! *= Math.sqrt(diagonal[k]!)
      }
      const trace = solveAxes(move, jacobian, axes.weights, xi / axes.examples)
      let dualNorm = 0
      let kept = 0
      for (let k = 0; k < width; k++) {
        move[k]! *= Math.sqrt(diagonal[k]!)
        dualNorm += gradient[k]! * diagonal[k]! * gradient[k]!
        kept += gradient[k]! * move[k]!
      }
      // Where the mean gradient is 0, no decrease is promised; with one example this is still ρ.
      const scale = dualNorm === 0 ? count / (count + trace) : kept / dualNorm
      for (const { data, next, direction, start } of parts) {
        for (let k = 0; k < next.length; k++) {
          const at = start + k
          // With one example all of it is ρ·P m̂.
          const momentum = graph.isPlain ? 0 : scale * (direction[k]! - diagonal[at]! * gradient[at]!)
          next[k] = data[k]! - learningRate * (move[at]! + momentum)
        }
      }
      isSolved = true
      return { scale, dualNorm, metric: trace }
    },
    isFinite: () =>
      parts.every(
        ({ gradient, next }) => gradient.every(Number.isFinite) && (!isSolved || next.every(Number.isFinite)),
      ),
    written() {
      for (const part of parts) {
        if (isSolved) part.data.set(part.next)
        part.steps++
      }
    },
    restore({ parameters }) {
      parts.forEach((part, i) => (part.steps = parameters[i]!.steps))
    },
  }
}

/** Computes the base's direction and the diagonal of its P from the gradient that was read and the slots before the step. */
function precondition(parts: readonly Part[], scalars: Scalars, slots: readonly Slots[]): void {
  parts.forEach(({ data, gradient, ones, direction, diagonal, shape, pass, steps }, i) => {
    const tensors: Record<string, TypedArray> = { gradient, parameter: data, ones }
    for (const [name, slot] of Object.entries(slots[i]!)) tensors[`slot.${name}`] = slot
    const extents = { size: data.length, rows: shape[0] ?? 1, columns: shape[1] ?? 1 }
    pass.run(extents, tensors, { ...scalars, step: steps + 1, size: data.length }, { direction, diagonal })
  })
}

/**
 * Writes Aᵀ(I + cAAᵀ)⁻¹u = (I + cAᵀA)⁻¹Aᵀu into `move`, by the smaller of the two systems.
 *
 * @param rows A, with a row per element of u
 * @returns the trace of cAAᵀ
 */
function solveAxes(move: Float64Array, rows: Float64Array, u: Float64Array, c: number): number {
  const [count, width] = [u.length, move.length]
  const size = Math.min(count, width)
  const system = new Float64Array(size * size)
  if (count <= width) {
    for (let i = 0; i < count; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = 0
        for (let k = 0; k < width; k++) sum += rows[i * width + k]! * rows[j * width + k]!
        system[i * count + j] = c * sum
      }
    }
  } else {
    for (let i = 0; i < rows.length; i += width) {
      for (let k = 0; k < width; k++) {
        const x = c * rows[i + k]!
        for (let l = 0; l <= k; l++) system[k * width + l]! += x * rows[i + l]!
      }
    }
  }
  let trace = 0
  for (let i = 0; i < size; i++) trace += system[i * size + i]!
  factor(system, size)
  if (count <= width) {
    const weights = u.slice()
    solve(system, size, weights)
    addUp(move, rows, weights)
  } else {
    addUp(move, rows, u)
    solve(system, size, move)
  }
  return trace
}

/** Writes Jᵀw into `total`, for a J with a row per weight. */
function addUp(total: Float64Array, jacobian: Float64Array, weights: Float64Array): void {
  total.fill(0)
  const width = total.length
  for (let i = 0; i < weights.length; i++) {
    for (let k = 0; k < width; k++) total[k]! += weights[i]! * jacobian[i * width + k]!
  }
}

function partsOf({ parameters, gradients }: Optimizer, graph: PreconditionerGraph): Part[] {
  const passes = new Map<string, InterpretedPass>()
  let start = 0
  return parameters.map(({ data, shape }, i): Part => {
    const type = elementType(data)!
    const make = (length: number): TypedArray =>
      type === 'float32' ? new Float32Array(length) : new Float64Array(length)
    const pass = passes.get(type) ?? compilePass(graph, ['direction', 'diagonal'], new Scratch(type))
    passes.set(type, pass)
    start += data.length
    return {
      data,
      gradient: gradients[i]!.data,
      ones: make(data.length).fill(1),
      direction: make(data.length),
      diagonal: make(data.length),
      next: make(data.length),
      start: start - data.length,
      shape,
      pass,
      steps: 0,
    }
  })
}

import type { Shape } from '../../../graph/algebra.js'
import type { StepGraph } from '../../../step/stepGraph.js'
import { normalInput } from '../../../transformation/declarations.js'
import type { Guard } from './guards.js'
import type { Loop } from './loop.js'

/**
 * Where a tensor is: from 0 up, a step's inputs (`gradient`, `parameter`, the slots in their order, normal numbers) and
 * then its outputs (`parameter`, the slots); below 0, the registers of scratch memory, of which −1 is the first.
 */
export type TensorLocation = number

/** The names of a step's inputs and outputs, in the order of their {@link TensorLocation}s. */
export function stepTensors(graph: StepGraph): { inputs: string[]; outputs: string[] } {
  const slots = graph.slots.map((name) => `slot.${name}`)
  const normals = graph.normals.map(normalInput)
  return { inputs: ['gradient', 'parameter', ...slots, ...normals], outputs: ['parameter', ...slots] }
}

/** A stage of a pass. It reads only inputs and results of earlier stages. */
export type Stage = (
  | {
      /** Scalars that depend on sums: computed on the host, in double precision. */
      readonly kind: 'scalars'
      readonly nodes: readonly number[]
    }
  | {
      readonly kind: 'loop'
      readonly loop: Loop
      readonly shape: Shape
      /** Of `loop.loads`, then of `loop.stores`, then of the reductions of lines and of places. */
      readonly locations: readonly TensorLocation[]
    }
  | {
      readonly kind: 'matmul'
      readonly a: MatmulOperand
      readonly b: MatmulOperand
      readonly shape: Shape
      readonly to: TensorLocation
    }
  | {
      readonly kind: 'transpose'
      readonly from: TensorLocation
      readonly shape: Shape
      readonly to: TensorLocation
    }
  | {
      /** Tensors that the host computes. */
      readonly kind: 'hosted'
      readonly results: readonly HostedTensor[]
      readonly operands: readonly HostedOperand[]
    }
) & {
  /** When anything needs the stage. */
  readonly guard?: Guard
}

/** A tensor that the host computes: the node, and where it goes. */
export interface HostedTensor {
  readonly node: number
  readonly shape: Shape
  readonly to: TensorLocation
}

/** An operand of an operation that the host computes: a scalar, or a tensor with a location. */
export interface HostedOperand {
  readonly node: number
  readonly shape: Shape
  readonly location: TensorLocation | undefined
}

/** A stage that the host computes. */
export type HostedStage = Extract<Stage, { kind: 'hosted' }>

/** A stage that is a loop. */
export type LoopStage = Extract<Stage, { kind: 'loop' }>

/** A stage that is a matrix product. */
export type MatmulStage = Extract<Stage, { kind: 'matmul' }>

/** A factor of a matrix product: its location, its shape there, and whether the product takes it transposed. */
export interface MatmulOperand {
  readonly location: TensorLocation
  readonly shape: Shape
  readonly transposed: boolean
}

/** The work of one pass, in order. */
export interface PassStages {
  /** Scalars that are known before the tensors are read. */
  readonly early: readonly number[]
  readonly stages: readonly Stage[]
}

/** The passes of a step, and the scratch memory they share. */
export interface StepStages {
  /** Absent where the gradient is not clipped. */
  readonly norm?: PassStages
  /** Absent where the base has no totals. */
  readonly totals?: PassStages
  readonly reduce: PassStages
  readonly update: PassStages
  /**
   * Whether the reductions and totals of two tensors add up to those of both as one tensor. They do not where they have
   * products of sums, as s of Lion.
   */
  readonly additive: boolean
  /**
   * Whether tensors depend on sums or matrix products, or have shapes other than the parameter's. Such a step runs tensor
   * by tensor, stage by stage.
   */
  readonly hasBarriers: boolean
  /** Whether there are matrix products, which take longer than all loops. */
  readonly hasProducts: boolean
  /** The shapes each register has to hold. */
  readonly registers: readonly (readonly Shape[])[]
  /** The registers that keep results of `reduce` until `update`. */
  readonly kept: readonly number[]
}

import { optionError, show } from '@induced-metric/core/adapter'
import type { AttributeValue } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import { createModel, writeModel } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import { createSequence, createValue } from '../proto/value.js'

/** Hyperparameters of {@link adamwOptimizer}. The learning rate is the session's. */
export interface AdamWOptions {
  /** Rates of the averages of g and of g². Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number]
  /** Default 1e-6. */
  readonly epsilon?: number
  /** Default 0. */
  readonly weightDecay?: number
  /** Whether averages are corrected for starting from zero. Default true. */
  readonly biasCorrection?: boolean
}

/** An optimizer of the genuine runtime: a model of its own kernel. */
export interface GenuineOptimizer {
  readonly kernel: 'AdamWOptimizer' | 'SGDOptimizerV2'
  readonly attributes: Readonly<Record<string, AttributeValue>>
}

/** A trainable parameter that an optimizer model updates. */
export interface OptimizerParameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: 'float32' | 'float64'
}

/** Writes the content of an `optimizer_model.onnx` for the trainable parameters, in order. */
export type OptimizerWriter = (parameters: readonly OptimizerParameter[]) => Uint8Array

/** An optimizer of the genuine runtime, by name or with hyperparameters; or a function that writes another's model. */
export type OptimizerChoice = 'adamw' | 'sgd' | GenuineOptimizer | OptimizerWriter

/**
 * AdamW as `generate_artifacts` writes it: one node of the genuine runtime's kernel, in Hugging Face's order of
 * operations.
 */
export function adamwOptimizer(options: AdamWOptions = {}): GenuineOptimizer {
  const { betas = [0.9, 0.999], epsilon = 1e-6, weightDecay = 0, biasCorrection = true } = options
  for (const [name, value] of Object.entries({ beta1: betas[0], beta2: betas[1], epsilon, weightDecay })) {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw optionError(`AdamW: ${name} must be a finite number ≥ 0, given ${show(value)}`)
    }
  }
  return {
    kernel: 'AdamWOptimizer',
    attributes: {
      adam_mode: 1,
      alpha: { float: betas[0] },
      beta: { float: betas[1] },
      correct_bias: biasCorrection ? 1 : 0,
      epsilon: { float: epsilon },
      weight_decay: { float: weightDecay },
    },
  }
}

/** Plain gradient descent as `generate_artifacts` writes it. */
export function sgdOptimizer(): GenuineOptimizer {
  return { kernel: 'SGDOptimizerV2', attributes: {} }
}

/**
 * Writes the content of an `optimizer_model.onnx`.
 *
 * @throws ERR_OPTION if the choice is not an optimizer
 */
export function writeOptimizerModel(
  choice: OptimizerChoice,
  parameters: readonly OptimizerParameter[],
): Uint8Array {
  const type = parameters[0]?.dtype === 'float64' ? dataType.double : dataType.float
  if (choice === 'adamw') return genuineModel(adamwOptimizer(), type)
  if (choice === 'sgd') return genuineModel(sgdOptimizer(), type)
  if (typeof choice === 'object' && choice !== null && 'kernel' in choice) return genuineModel(choice, type)
  if (typeof choice === 'function') return choice(parameters)
  throw optionError(
    `optimizer must be 'adamw', 'sgd', what adamwOptimizer() gives, or a function that writes a model, given ${show(choice)}`,
  )
}

/** Creates a model of one node that updates all parameters, which are passed as sequences. */
function genuineModel({ kernel, attributes }: GenuineOptimizer, type: number): Uint8Array {
  const isAdam = kernel === 'AdamWOptimizer'
  // SGD's model has inputs that its node does not read.
  const lists = ['params', 'gradients', 'first_order_moments', ...(isAdam ? ['second_order_moments'] : [])]
  const read = isAdam ? ['learning_rate', 'step', ...lists] : ['learning_rate', 'params', 'gradients']
  const node = createNode(`com.microsoft:${kernel}`, read, ['updated_flag'], attributes, kernel)
  const model = createModel({
    nodes: [node],
    inputs: [
      createValue('learning_rate', dataType.float, [1]),
      createValue('step', dataType.int64, [1]),
      ...lists.map((name) => createSequence(name, type)),
    ],
    outputs: [createValue('updated_flag', dataType.bool, [1])],
    opset: 14,
  })
  return writeModel(model)
}

import type { Checkpoint, StepReport, Transformation } from '@induced-metric/core'
import {
  checkOptions,
  checkTransformation,
  optionError,
  stepEngineNames,
  VariableOptimizer,
} from '@induced-metric/core/adapter'
import type { Optimizer } from '@tensorflow/tfjs-core'
import { createBackend } from './backend.js'
import { checkLoss } from './checks.js'
import { configOf, transformationOf } from './definitions.js'
import type { InducedOptimizer, InducedOptimizerOptions } from './inducedOptimizer.js'
import type {
  ConfigDict,
  NamedTensor,
  NamedTensorMap,
  Scalar,
  Serializable,
  SerializableConstructor,
  Tensor,
  TensorFlow,
  Variable,
} from './namespace.js'
import { checkpointIn, createSavedWeights } from './savedWeights.js'
import { pairGradients } from './variables.js'

interface InducedOptimizerClass extends SerializableConstructor<Optimizer> {
  new (transformation: Transformation, options?: InducedOptimizerOptions): InducedOptimizer
}

/** A loss and its gradients, as TensorFlow.js returns them. */
type Gradients = ReturnType<Optimizer['computeGradients']>

const classes = new WeakMap<TensorFlow['Optimizer'], InducedOptimizerClass>()

/** The optimiser class of a copy of TensorFlow.js, which is registered for loading models when it is first asked for. */
export function optimizerClass(tf: TensorFlow): InducedOptimizerClass {
  if (typeof tf?.Optimizer !== 'function' || typeof tf.engine !== 'function') {
    throw optionError(
      "the first argument must be the namespace of TensorFlow.js: import * as tf from '@tensorflow/tfjs'",
    )
  }
  let found = classes.get(tf.Optimizer)
  if (found === undefined) {
    found = createClass(tf)
    classes.set(tf.Optimizer, found)
    tf.serialization.registerClass(found)
  }
  return found
}

/** The `tf.Optimizer` of a copy of TensorFlow.js. The core's {@link VariableOptimizer} does the work. */
function createClass(tf: TensorFlow): InducedOptimizerClass {
  return class Induced extends tf.Optimizer implements InducedOptimizer {
    static readonly className = 'InducedMetric'
    static override fromConfig<T extends Serializable>(
      cls: SerializableConstructor<T>,
      config: ConfigDict,
    ): T {
      const Class = cls as unknown as InducedOptimizerClass
      return new Class(transformationOf(tf, config)) as Serializable as T
    }

    readonly #training: VariableOptimizer<Tensor>
    readonly #weights = createSavedWeights(tf)
    readonly transformation: Transformation
    groupOf: InducedOptimizerOptions['groupOf']
    constructor(transformation: Transformation, options: InducedOptimizerOptions = {}) {
      super()
      checkArguments(transformation, options)
      this.transformation = transformation
      this.groupOf = options.groupOf
      const training = { ...options, groupOf: () => this.groupOf }
      this.#training = new VariableOptimizer(transformation, createBackend(tf), training)
    }

    override get iterations(): number {
      return this.#training.steps
    }
    get learningRate(): number {
      return this.#training.learningRate
    }
    set learningRate(value: number) {
      this.#training.learningRate = value
    }

    override computeGradients(f: () => Scalar, variables?: Variable[]): Gradients {
      this.#training.checkAlive()
      const result = super.computeGradients(f, variables)
      this.#training.rememberLoss(result.value, Object.values(result.grads))
      return result
    }
    override applyGradients(gradients: NamedTensorMap | NamedTensor[], loss?: Scalar | number): void {
      takeStep(tf, this.#training, gradients, loss)
    }

    report(): Promise<StepReport> {
      return this.#training.report()
    }
    withEvaluationWeights<R>(evaluate: () => R): R {
      return this.#training.withEvaluationWeights(evaluate)
    }
    save(): Promise<Checkpoint> {
      return this.#training.save()
    }
    load(checkpoint: Checkpoint | Uint8Array, variables?: readonly Variable[]): void {
      this.#training.load(checkpoint, variables)
    }
    reset(): void {
      this.#training.reset()
    }
    override async getWeights(): Promise<NamedTensor[]> {
      const checkpoint = await this.save()
      this.iterations_ = checkpoint.step
      return this.#weights.give(await this.saveIterations(), checkpoint)
    }
    override async setWeights(weights: NamedTensor[]): Promise<void> {
      this.#training.checkAlive()
      this.load(await checkpointIn(weights))
    }
    override getConfig(): ConfigDict {
      return configOf(this.transformation)
    }
    override dispose(): void {
      this.#training.dispose()
      this.#weights.dispose()
    }
  }
}

/** Takes the step of `applyGradients`, with the variables of these names. */
function takeStep(
  tf: TensorFlow,
  training: VariableOptimizer<Tensor>,
  gradients: NamedTensorMap | NamedTensor[],
  loss: Scalar | number | undefined,
): void {
  training.checkReady('applyGradients')
  const pairs = pairGradients(tf, gradients)
  checkLoss(tf, loss)
  training.step(pairs, loss)
}

function checkArguments(transformation: Transformation, options: InducedOptimizerOptions): void {
  checkTransformation(transformation)
  checkOptions('inducedOptimizer', options, {
    groupOf: 'function',
    stepGuard: ['host', 'device'],
    engine: stepEngineNames,
  })
}

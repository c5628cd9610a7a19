import { fromJSON, inducedMetric, sgd, type FromJSONOptions, type Transformation } from '@induced-metric/core'
import { checkpointError } from '@induced-metric/core/adapter'
import type { ConfigDict, TensorFlow } from './namespace.js'

/** The caller's own bases and embeddings, which saved models may name, for each copy of TensorFlow.js. */
const definitions = new WeakMap<TensorFlow['Optimizer'], FromJSONOptions>()

/** Makes definitions known to the models that a copy of TensorFlow.js loads from now on. */
export function addDefinitions(tf: TensorFlow, own: FromJSONOptions): void {
  const { preconditioners = [], embeddings = [] } = definitions.get(tf.Optimizer) ?? {}
  const together = <T>(known: readonly T[], more: readonly T[] = []): T[] => [...new Set([...known, ...more])]
  // Wrong definitions throw now, not when a model is loaded.
  const trial = inducedMetric(sgd(), { learningRate: 0 }).toJSON()
  fromJSON(trial, own)
  const all = {
    preconditioners: together(preconditioners, own.preconditioners),
    embeddings: together(embeddings, own.embeddings),
  }
  fromJSON(trial, all)
  definitions.set(tf.Optimizer, all)
}

/** The configuration that is saved with a model: text under `name`, the one key whose value TensorFlow.js does not change. */
export function configOf(transformation: Transformation): ConfigDict {
  return { name: JSON.stringify(transformation) }
}

/** The transformation in the saved configuration of a model. */
export function transformationOf(tf: TensorFlow, config: ConfigDict): Transformation {
  const saved = config['name']
  if (typeof saved !== 'string') {
    throw checkpointError('the saved model holds no transformation of an induced-metric optimiser')
  }
  return fromJSON(JSON.parse(saved), definitions.get(tf.Optimizer) ?? {})
}

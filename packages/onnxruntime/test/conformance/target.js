/**
 * The adapter as a target of the conformance suite, on any package of the runtime: parameters in a training session whose
 * model is fed the gradients. Plain JavaScript, so that the same file serves the tests (on the sources), the browser and
 * the command `induced-conformance` (on the built packages).
 */
import { allCapabilities } from '@induced-metric/conformance'
import * as core from '@induced-metric/core'
import { planStep } from '@induced-metric/core/adapter'
import { TrainingSession } from '@induced-metric/onnxruntime'
import { checkCount, fedModel, feedName, lossName, trainableOf } from './fedModel.js'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {import('@induced-metric/conformance').Session} Session
 * @typedef {import('@induced-metric/conformance').TargetParameter} TargetParameter
 * @typedef {typeof import('onnxruntime-node') | typeof import('onnxruntime-web')} Runtime
 */

/**
 * @param {Runtime} ort
 * @param {{ name: string, version: string, backend: string }} runtime the package, and its backend
 * @returns {ConformanceTarget}
 */
export function onnxruntimeTarget(ort, { name, version, backend }) {
  return {
    manifest: {
      name: '@induced-metric/onnxruntime',
      version: '0.1.0',
      framework: { name, version },
      backend,
      dtypes: ['float32', 'float64'],
      arithmetic: {
        float32: { elementwise: 'float32', sums: 'float64' },
        float64: { elementwise: 'float64', sums: 'float64' },
      },
      capabilities: allCapabilities,
    },
    core,
    async create(transformation, parameters) {
      // The model cannot detect mistakes in these; the core can.
      planStep(transformation, parameters)
      const trainable = trainableOf(parameters)
      const groups = new Map(parameters.map(({ name, group }) => [name, group]))
      const training = await TrainingSession.create(
        {
          ort,
          trainModel: fedModel(trainable),
          checkpointState: { trainable, frozen: [], optimizerGroups: [], properties: new Map() },
          optimizer: transformation,
          groupOf: ({ name }) => groups.get(name),
        },
        // The models contain nothing to optimise, and there are a thousand of them.
        { intraOpNumThreads: 1, graphOptimizationLevel: 'disabled' },
      )
      return session(ort, training, parameters)
    },
  }
}

/**
 * @param {Runtime} ort
 * @param {TrainingSession} training
 * @param {readonly TargetParameter[]} parameters
 * @returns {Session}
 */
function session(ort, training, parameters) {
  const read = () =>
    [...training.parameters.values()].map(({ data }) => /** @type {Float32Array} */ (data).slice())
  return {
    async step(gradients, { loss } = {}) {
      checkCount(gradients, parameters)
      /** @type {Record<string, ReturnType<typeof real>>} */
      const feeds = { [lossName]: real(ort, Float64Array.of(loss ?? 0), []) }
      /** @type {string[]} */
      const frozen = []
      parameters.forEach(({ name, shape, data }, i) => {
        const given = gradients[i] ?? data.slice().fill(0)
        if (gradients[i] === null) frozen.push(name)
        feeds[feedName(name)] = real(ort, given, given.length === data.length ? shape : [given.length])
      })
      await training.lazyResetGrad()
      await training.runTrainStep(feeds)
      return training.runOptimizerStep({ frozen, ...(loss === undefined && { loss: null }) })
    },
    read,
    slots() {
      const states = training.saveOptimizer().parameters
      return Object.fromEntries(states.map(({ name, slots }) => [name, slots]))
    },
    learningRate: () => training.learningRate,
    setLearningRate: (rate) => training.setLearningRate(rate),
    evaluationWeights: () => training.withEvaluationWeights(read),
    save: () => core.encodeCheckpoint(training.saveOptimizer()),
    load: (bytes) => training.loadOptimizer(bytes),
    reset: () => training.resetOptimizer(),
    dispose: () => training.release(),
  }
}

/**
 * @param {Runtime} ort
 * @param {Float32Array | Float64Array} data
 * @param {readonly number[]} dims
 */
function real(ort, data, dims) {
  return data instanceof Float64Array
    ? new ort.Tensor('float64', data, dims)
    : new ort.Tensor('float32', data, dims)
}

/** The session on the GPU as a target of the conformance suite, for a page. */
import { allCapabilities } from '@induced-metric/conformance'
import * as core from '@induced-metric/core'
import { planStep } from '@induced-metric/core/adapter'
import { createGpuSession, createOrtTensor } from '@induced-metric/onnxruntime'
import { checkCount, fedModel, feedName, lossName, trainableOf } from './fedModel.js'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {import('@induced-metric/conformance').Session} Session
 * @typedef {import('@induced-metric/conformance').TargetParameter} TargetParameter
 * @typedef {import('@induced-metric/onnxruntime').GpuSession} GpuSession
 * @typedef {import('@induced-metric/onnxruntime').WebGpuOrt} WebGpuOrt
 */

/**
 * @param {WebGpuOrt} ort
 * @param {{ version: string, device: import('@induced-metric/core').GpuDevice, living: () => number }} given the runtime's version,
 *   the device, and the number of its buffers that are not the runtime's own
 * @returns {ConformanceTarget}
 */
export function onnxruntimeGpuTarget(ort, { version, device, living }) {
  return {
    manifest: {
      name: '@induced-metric/onnxruntime',
      version: '0.1.0',
      framework: { name: 'onnxruntime-web', version },
      backend: 'webgpu',
      dtypes: ['float32'],
      arithmetic: { float32: { elementwise: 'float32', sums: 'float32' } },
      capabilities: allCapabilities,
    },
    core,
    living,
    async create(transformation, parameters) {
      // The model cannot detect mistakes in these; the core can. The session refuses parameters in double precision, whatever else is wrong.
      if (parameters.every(({ data }) => data instanceof Float32Array)) planStep(transformation, parameters)
      const trainable = trainableOf(parameters)
      const groups = new Map(parameters.map(({ name, group }) => [name, group]))
      const training = await createGpuSession({
        ort,
        device,
        extents: {},
        trainModel: fedModel(trainable, 'float'),
        checkpointState: { trainable, frozen: [], optimizerGroups: [], properties: new Map() },
        optimizer: transformation,
        groupOf: ({ name }) => groups.get(name),
      })
      return session(ort, training, parameters)
    },
  }
}

/**
 * @param {WebGpuOrt} ort
 * @param {GpuSession} training
 * @param {readonly TargetParameter[]} parameters
 * @returns {Session}
 */
function session(ort, training, parameters) {
  const tensor = (/** @type {Float32Array} */ data, /** @type {readonly number[]} */ dims) =>
    createOrtTensor(ort, 'float32', data, dims)
  const read = async () => {
    const found = await training.getParameters()
    return parameters.map(({ name }) => /** @type {Float32Array} */ (found.get(name)?.data))
  }
  return {
    async step(gradients, { loss } = {}) {
      checkCount(gradients, parameters)
      /** @type {Record<string, ReturnType<typeof tensor>>} */
      const feeds = { [lossName]: tensor(Float32Array.of(loss ?? 0), []) }
      /** @type {string[]} */
      const frozen = []
      parameters.forEach(({ name, shape, data }, i) => {
        const given = Float32Array.from(gradients[i] ?? data.slice().fill(0))
        if (gradients[i] === null) frozen.push(name)
        feeds[feedName(name)] = tensor(given, given.length === data.length ? shape : [given.length])
      })
      await training.lazyResetGrad()
      await training.runTrainStep(feeds)
      return training.runOptimizerStep({ report: true, frozen, ...(loss === undefined && { loss: null }) })
    },
    read,
    async slots() {
      const { parameters: saved } = await training.saveOptimizer()
      return Object.fromEntries(saved.map(({ name, slots }) => [name, slots]))
    },
    learningRate: () => training.getLearningRate(),
    setLearningRate: (rate) => training.setLearningRate(rate),
    evaluationWeights: () => training.withEvaluationWeights(read),
    save: async () => core.encodeCheckpoint(await training.saveOptimizer()),
    load: (bytes) => training.loadOptimizer(bytes),
    reset: () => training.resetOptimizer(),
    dispose: () => training.release(),
  }
}

import {
  allCapabilities,
  type ConformanceTarget,
  type Session,
  type TargetParameter,
} from '@induced-metric/conformance'
import * as core from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { TrainingSession } from '../../src/index.js'
import type { NamedTensor } from '../../src/types.js'
import { fedModel, feedName } from './fedModel.js'

/** The adapter as a target of the suite: parameters in a training session, whose model is fed the gradients. */
export const target: ConformanceTarget = {
  manifest: {
    name: '@induced-metric/onnxruntime',
    version: '0.1.0',
    framework: { name: 'onnxruntime-node', version: ort.env.versions.node ?? '' },
    backend: 'cpu',
    dtypes: ['float32', 'float64'],
    arithmetic: {
      float32: { elementwise: 'float32', sums: 'float64' },
      float64: { elementwise: 'float64', sums: 'float64' },
    },
    capabilities: allCapabilities,
  },
  core,
  async create(transformation, parameters) {
    // A model cannot say what is wrong with these; the core can.
    core.planStep(transformation, parameters)
    const trainable = parameters.map(({ name, shape, data }): NamedTensor => ({
      name,
      dims: shape,
      dataType: data.BYTES_PER_ELEMENT === 8 ? 11 : 1,
      data,
    }))
    const groups = new Map(parameters.map(({ name, group }) => [name, group]))
    const training = await TrainingSession.create(
      {
        trainModel: fedModel(trainable),
        checkpointState: { trainable, frozen: [], optimizerGroups: [], properties: new Map() },
        optimizer: transformation,
        groupOf: ({ name }) => groups.get(name),
      },
      // The models hold nothing to optimise, and there are a thousand of them.
      { intraOpNumThreads: 1, graphOptimizationLevel: 'disabled' },
    )
    return session(training, parameters)
  },
}

function session(training: TrainingSession, parameters: readonly TargetParameter[]): Session {
  return {
    async step(gradients, { loss } = {}) {
      if (gradients.length !== parameters.length) {
        // A session's gradients come out of its model: only the suite counts them.
        throw new core.InducedMetricError(
          'ERR_SHAPE',
          `${parameters.length} parameters, ${gradients.length} gradients`,
        )
      }
      const real = (data: Float32Array | Float64Array, dims: readonly number[]): ort.Tensor =>
        data instanceof Float64Array
          ? new ort.Tensor('float64', data, dims)
          : new ort.Tensor('float32', data, dims)
      const feeds: Record<string, ort.Tensor> = { 'loss: fed': real(Float64Array.of(loss ?? 0), []) }
      const frozen: string[] = []
      parameters.forEach(({ name, shape, data }, i) => {
        const gradient = gradients[i]
        if (gradient === null) frozen.push(name)
        const given =
          gradient ??
          (data instanceof Float64Array ? new Float64Array(data.length) : new Float32Array(data.length))
        feeds[feedName(name)] = real(given, given.length === data.length ? shape : [given.length])
      })
      await training.lazyResetGrad()
      await training.runTrainStep(feeds)
      return training.runOptimizerStep({ frozen, ...(loss === undefined && { loss: null }) })
    },
    read: () => [...training.parameters.values()].map(({ data }) => (data as Float32Array).slice()),
    slots() {
      const states = training.saveOptimizer().parameters
      return Object.fromEntries(states.map(({ name, slots }) => [name, slots]))
    },
    save: () => core.encodeCheckpoint(training.saveOptimizer()),
    load: (bytes) => training.loadOptimizer(bytes),
    dispose: () => training.release(),
  }
}

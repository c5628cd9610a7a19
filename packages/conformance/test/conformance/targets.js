/** The core's own optimiser by engine, with which every adapter is compared. It is here since the core does not know the kit. */
import * as core from '@induced-metric/core'
import { allCapabilities } from '@induced-metric/conformance'

/**
 * @param {'reference' | 'wasm'} engine
 * @returns {import('@induced-metric/conformance').ConformanceTarget}
 */
export function coreTarget(engine) {
  return {
    manifest: {
      name: '@induced-metric/core',
      version: '0.1.0',
      backend: engine,
      dtypes: ['float32', 'float64'],
      arithmetic: {
        float32: { elementwise: 'float32', sums: 'float64' },
        float64: { elementwise: 'float64', sums: 'float64' },
      },
      capabilities: [...allCapabilities, 'asGiven'],
    },
    core,
    create(transformation, parameters) {
      const optimizer = core.createOptimizer(transformation, parameters, { engine })
      return {
        step: (gradients, options) => optimizer.step(gradients, options),
        read: () => optimizer.parameters.map(({ data }) => data),
        slots: () => Object.fromEntries(parameters.map(({ name }, i) => [name, optimizer.slots[i] ?? {}])),
        learningRate: () => optimizer.learningRate,
        setLearningRate: (rate) => void (optimizer.learningRate = rate),
        evaluationWeights: () =>
          optimizer.withEvaluationWeights(() => optimizer.parameters.map(({ data }) => data.slice())),
        save: () => core.encodeCheckpoint(optimizer.save()),
        load: (bytes) => optimizer.load(core.decodeCheckpoint(bytes)),
        reset: () => optimizer.reset(),
        dispose: () => optimizer.dispose(),
      }
    },
  }
}

export const targets = {
  reference: () => coreTarget('reference'),
  wasm: () => coreTarget('wasm'),
}

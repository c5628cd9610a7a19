// The core's reference engine as a conformance target, over any copy of the core.
import { allCapabilities } from '@induced-metric/conformance'

/**
 * @param {import('@induced-metric/conformance').Core} core
 * @returns {import('@induced-metric/conformance').ConformanceTarget}
 */
export function createTarget(core) {
  const double = /** @type {const} */ ('float64')
  return {
    manifest: {
      name: 'mutant',
      version: '1.0.0',
      dtypes: ['float32', 'float64'],
      arithmetic: {
        float32: { elementwise: 'float32', sums: double },
        float64: { elementwise: double, sums: double },
      },
      capabilities: [...allCapabilities, 'asGiven'],
    },
    core,
    create(transformation, parameters) {
      const optimizer = core.createOptimizer(transformation, parameters, { engine: 'reference' })
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

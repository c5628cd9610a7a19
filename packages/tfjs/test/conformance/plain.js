/** TensorFlow.js's own optimisers, `tf.train`, as plain optimisers for the leaderboard. */
import * as tf from '@tensorflow/tfjs'
import * as core from '@induced-metric/core'

/**
 * The optimiser that a base names.
 *
 * @param {Record<string, number | boolean | string>} base
 * @param {number} rate
 * @returns {tf.Optimizer | undefined} `undefined` if `tf.train` has none with these options
 */
function optimizerOf(base, rate) {
  const n = (/** @type {string} */ key) => Number(base[key])
  const is = (/** @type {string} */ key) => base[key] === true
  switch (base['name']) {
    case 'sgd':
      return n('momentum') === 0 ? tf.train.sgd(rate) : undefined
    case 'heavyBall':
      return n('dampening') === 0 ? tf.train.momentum(rate, n('momentum'), is('nesterov')) : undefined
    case 'adagrad':
      // Its ε cannot be chosen.
      return tf.train.adagrad(rate, n('initialAccumulator'))
    case 'adadelta':
      return tf.train.adadelta(rate, n('decay'), n('epsilon'))
    case 'rmsprop':
      return tf.train.rmsprop(rate, n('decay'), n('momentum'), n('epsilon'), is('centered'))
    case 'adam':
      if (is('nesterov') || is('amsgrad') || is('cautious')) return undefined
      return tf.train.adam(rate, n('beta1'), n('beta2'), n('epsilon'))
    case 'adamax':
      return tf.train.adamax(rate, n('beta1'), n('beta2'), n('epsilon'))
    default:
      return undefined
  }
}

/** @returns {Promise<import('@induced-metric/conformance').ConformanceTarget>} */
async function start() {
  await tf.setBackend('cpu')
  await tf.ready()
  return {
    manifest: {
      name: 'tf.train',
      version: tf.version.tfjs,
      framework: { name: '@tensorflow/tfjs', version: tf.version.tfjs },
      backend: 'cpu',
      dtypes: ['float32'],
      arithmetic: { float32: { elementwise: 'float32', sums: 'float32' } },
      capabilities: [
        'base/sgd', 'base/heavyBall', 'base/adagrad', 'base/adadelta', 'base/rmsprop', 'base/adam', 'base/adamax',
      ], // prettier-ignore
    },
    core,
    create(transformation, parameters) {
      const { base, learningRate } =
        /** @type {{ base: Record<string, number | boolean | string>, learningRate: number }} */ (
          transformation.toJSON()
        )
      const optimizer = optimizerOf(base, learningRate)
      if (optimizer === undefined)
        throw new core.InducedMetricError(
          'ERR_NOT_SUPPORTED',
          `tf.train has no ${String(base['name'])} with these options`,
        )
      const variables = parameters.map(({ shape, data }) =>
        tf.variable(tf.tensor([...data], [...shape], 'float32')),
      )
      let steps = 0
      return {
        step(gradients) {
          const named = variables.flatMap(({ name, shape }, i) => {
            const gradient = gradients[i]
            return gradient ? [{ name, tensor: tf.tensor([...gradient], shape, 'float32') }] : []
          })
          optimizer.applyGradients(named)
          for (const { tensor } of named) tensor.dispose()
          steps++
          return {
            step: steps,
            skipped: false,
            skippedSteps: 0,
            learningRate,
            scale: 1,
            dualNorm: NaN,
            metric: 0,
            xi: 0,
          }
        },
        read: () => variables.map((variable) => /** @type {Float32Array} */ (variable.dataSync())),
        dispose() {
          for (const variable of variables) variable.dispose()
          optimizer.dispose()
        },
      }
    },
  }
}

export const targets = { train: start }

/** Facts of the framework's interface beside the measurements, by target and base. */
export const notes = {
  train: {
    adagrad: 'ε is a constant of the backend, 1e-7, inside the root',
    rmsprop: 'ε inside the root; with `centered` it is subtracted there',
    adamax: 'ε is added to the maximum',
    adadelta: 'divides by the average of squares of the step before',
  },
}

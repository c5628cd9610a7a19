// The code of the pages of the bases: a base in each framework. The tests compile and run it.

/** @typedef {import('./base-pages.js').BaseFacts} BaseFacts */

/**
 * @typedef {object} Framework
 * @property {string} name
 * @property {(base: string, facts: BaseFacts) => string[]} code - the lines of a module
 */

/**
 * @param {string} base
 * @param {BaseFacts} facts
 * @param {readonly string[]} [more] - names from the core
 */
function fromCore(base, { imports = [] }, more = []) {
  const names = [...new Set([base, ...imports, 'inducedMetric', ...more])].sort()
  return `import { ${names.join(', ')} } from '@induced-metric/core'`
}

/**
 * @param {string} base
 * @param {BaseFacts} facts
 */
function transformation(base, { make = `${base}()`, learningRate }) {
  return `inducedMetric(${make}, { learningRate: ${learningRate} })`
}

/** @type {readonly Framework[]} */
export const frameworks = [
  {
    name: 'typed arrays',
    code: (base, facts) => [
      fromCore(base, facts, ['createOptimizer']),
      '',
      "const kernel = { name: 'kernel', shape: [2, 3], data: new Float32Array([1, 2, 3, 4, 5, 6]) }",
      `const optimizer = createOptimizer(${transformation(base, facts)}, [kernel])`,
      facts.needsLoss === true
        ? 'optimizer.step([kernel.data.map((x) => 2 * x)], { loss: 91 })'
        : 'optimizer.step([kernel.data.map((x) => 2 * x)])',
    ],
  },
  {
    name: 'TensorFlow.js',
    code: (base, facts) => [
      fromCore(base, facts),
      "import { inducedOptimizer } from '@induced-metric/tfjs'",
      "import * as tf from '@tensorflow/tfjs'",
      '',
      'const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [2] })] })',
      `const optimizer = inducedOptimizer(tf, ${transformation(base, facts)})`,
      "model.compile({ optimizer, loss: 'meanSquaredError' })",
      'await model.fit(tf.ones([4, 2]), tf.ones([4, 3]), { epochs: 2, verbose: 0 })',
    ],
  },
  {
    name: 'ONNX Runtime',
    code: (base, facts) => [
      fromCore(base, facts),
      "import { TrainingSession } from '@induced-metric/onnxruntime'",
      "import { generateArtifacts } from '@induced-metric/onnxruntime/artifacts'",
      "import { mlp } from '@induced-metric/onnxruntime/models'",
      "import * as ort from 'onnxruntime-node'",
      '',
      "const artifacts = await generateArtifacts(mlp({ sizes: [2, 3, 2], seed: 1 }), { loss: 'cross-entropy' })",
      `const optimizer = ${transformation(base, facts)}`,
      'const session = await TrainingSession.create({ ...artifacts, optimizer })',
      'await session.runTrainStep({',
      "  input: new ort.Tensor('float32', [0, 1], [1, 2]),",
      "  labels: new ort.Tensor('int64', [1n], [1]),",
      '})',
      'await session.runOptimizerStep()',
    ],
  },
  {
    name: 'brain.js',
    code: (base, facts) => [
      "import { useOptimizer } from '@induced-metric/brain.js'",
      fromCore(base, facts),
      "import { NeuralNetwork } from 'brain.js'",
      '',
      'const network = new NeuralNetwork({ hiddenLayers: [3] })',
      `useOptimizer(network, ${transformation(base, facts)})`,
      'network.train([{ input: [0, 1], output: [1] }], { iterations: 2 })',
    ],
  },
  {
    name: 'convnetjs',
    code: (base, facts) => [
      "import { InducedTrainer } from '@induced-metric/convnetjs'",
      fromCore(base, facts),
      "import convnetjs from 'convnetjs'",
      '',
      'const net = new convnetjs.Net()',
      'net.makeLayers([',
      "  { type: 'input', out_sx: 1, out_sy: 1, out_depth: 2 },",
      "  { type: 'softmax', num_classes: 3 },",
      '])',
      `const trainer = new InducedTrainer(net, ${transformation(base, facts)})`,
      'trainer.train(new convnetjs.Vol([0.5, -1]), 2)',
    ],
  },
  {
    name: 'jax-js',
    code: (base, facts) => [
      fromCore(base, facts),
      "import { applyUpdates, inducedOptimizer } from '@induced-metric/jax-js'",
      "import { grad, numpy as np } from '@jax-js/jax'",
      '',
      `const solver = inducedOptimizer(${transformation(base, facts)})`,
      'let kernel = np.ones([2, 3])',
      'const state = solver.init(kernel.ref)',
      'const gradient = grad((x: np.Array) => np.square(x).sum())(kernel.ref)',
      `const [updates] = solver.update(gradient, state, kernel.ref${facts.needsLoss === true ? ', { loss: 6 }' : ''})`,
      'kernel = applyUpdates(kernel, updates)',
    ],
  },
]

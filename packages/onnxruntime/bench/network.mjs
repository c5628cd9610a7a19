import * as onnx from '@induced-metric/onnxruntime/onnx'

const { createNode: node, createValue: value } = onnx

/**
 * Training artifacts of a network of dense layers with ReLU under cross-entropy, as generate_artifacts makes them, and
 * the number of its parameters.
 *
 * @param {readonly number[]} sizes units, from the input on
 */
export function denseNetwork(sizes) {
  const last = sizes.length - 2
  const layers = sizes.slice(1).map((outputs, i) => ({ i, inputs: sizes[i], outputs }))
  let seed = 1
  const draw = (size, scale) =>
    Float32Array.from({ length: size }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return (seed / 2 ** 32 - 0.5) * 2 * scale
    })
  const parameters = layers.flatMap(({ i, inputs, outputs }) => [
    {
      name: `w${i}`,
      dims: [outputs, inputs],
      dataType: 1,
      data: draw(outputs * inputs, 1 / Math.sqrt(inputs)),
    },
    { name: `b${i}`, dims: [outputs], dataType: 1, data: draw(outputs, 0.01) },
  ])
  const buffers = parameters.map(({ name, dims }) => value(`${name}_grad.accumulation.buffer`, 1, dims))
  const activation = (i) => (i === 0 ? 'input' : `a${i - 1}`)
  const forward = layers.flatMap(({ i }) => [
    node('Gemm', [activation(i), `w${i}`, `b${i}`], [i === last ? 'scores' : `z${i}`], { transB: 1 }),
    ...(i === last ? [] : [node('Relu', [`z${i}`], [`a${i}`])]),
  ])
  const backward = [...layers].reverse().flatMap(({ i }) => {
    const dz = i === last ? 'scores_grad' : `z${i}_grad`
    return [
      ...(i === last ? [] : [node('com.microsoft:ReluGrad', [`a${i}_grad`, `a${i}`], [dz])]),
      node('ReduceSum', [dz, 'axis0'], [`b${i}_grad`], { keepdims: 0 }),
      node('Gemm', [dz, activation(i)], [`w${i}_grad`], { transA: 1 }),
      ...(i === 0 ? [] : [node('Gemm', [dz, `w${i}`], [`a${i - 1}_grad`])]),
    ]
  })
  const loss = node('SoftmaxCrossEntropyLoss', ['scores', 'labels'], ['loss', 'log_prob'], {
    reduction: 'mean',
  })
  const inputs = [value('input', 1, ['batch', sizes[0]]), value('labels', 7, ['batch'])]
  const declared = parameters.map(({ name, dims }) => value(name, 1, dims))
  const outputs = [value('loss', 1, [])]
  const trainModel = model(
    [
      ...forward,
      loss,
      node(
        'com.microsoft:SoftmaxCrossEntropyLossGrad',
        ['loss_grad', 'log_prob', 'labels'],
        ['scores_grad'],
        { reduction: 'mean' },
      ),
      ...backward,
      ...parameters.map(({ name }) =>
        node(
          'com.microsoft:InPlaceAccumulatorV2',
          [`${name}_grad.accumulation.buffer`, `${name}_grad`, 'lazy_reset_grad'],
          [`${name}_grad.accumulation.out`],
        ),
      ),
    ],
    [...inputs, ...declared, ...buffers, value('lazy_reset_grad', 9, [1])],
    [...outputs, ...parameters.map(({ name }) => value(`${name}_grad.accumulation.out`, 9, [1]))],
    [
      onnx.createTensor('loss_grad', [], 1, Float32Array.of(1)),
      onnx.createTensor('axis0', [1], 7, BigInt64Array.of(0n)),
    ],
  )
  const size = parameters.reduce((total, { data }) => total + data.length, 0)
  const artifacts = {
    trainModel,
    evalModel: model([...forward, loss], [...inputs, ...declared], outputs),
    optimizerModel: optimizerModel(),
    checkpointState: { trainable: parameters, frozen: [], optimizerGroups: [], properties: new Map() },
  }
  return { size, artifacts }
}

/** A batch of a network's inputs: { input, labels }, as plain arrays with their dims. */
export function batchOf(sizes, batch) {
  const classes = sizes.at(-1)
  return {
    input: [
      'float32',
      Float32Array.from({ length: batch * sizes[0] }, (_, i) => Math.sin(i * 0.37)),
      [batch, sizes[0]],
    ],
    labels: [
      'int64',
      BigInt64Array.from({ length: batch }, (_, i) => BigInt((i * 7 + 3) % classes)),
      [batch],
    ],
  }
}

/** AdamW as generate_artifacts writes it. */
function optimizerModel() {
  const lists = ['params', 'gradients', 'first_order_moments', 'second_order_moments']
  const attributes = {
    alpha: { float: 0.9 },
    beta: { float: 0.999 },
    epsilon: { float: 1e-6 },
    weight_decay: { float: 0 },
    adam_mode: 1,
    correct_bias: 1,
  }
  return model(
    [node('com.microsoft:AdamWOptimizer', ['learning_rate', 'step', ...lists], ['updated'], attributes)],
    [
      value('learning_rate', 1, [1]),
      value('step', 7, [1]),
      ...lists.map((name) => onnx.createSequence(name, 1)),
    ],
    [value('updated', 9, [1])],
  )
}

function model(nodes, inputs, outputs, initializers) {
  return onnx.writeModel(onnx.createModel({ nodes, inputs, outputs, initializers }))
}

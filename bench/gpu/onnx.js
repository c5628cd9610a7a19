// One training step of ONNX networks, its optimiser's step included: on a GPU session, plain and captured, and on wasm.
import { adam, inducedMetric } from '@induced-metric/core'
import { createGpuSession, TrainingSession } from '@induced-metric/onnxruntime'
import { generateArtifacts } from '@induced-metric/onnxruntime/artifacts'
import { gpt, lenet, mlp } from '@induced-metric/onnxruntime/models'
import { measure } from './counts.js'

const runtime = '/ort/ort.webgpu.min.mjs'
let loaded
/** The runtime, which a page without these rows does not need. */
async function loadRuntime() {
  loaded ??= await import(/* @vite-ignore */ runtime)
  loaded.env.wasm.numThreads = 1
  return loaded
}

const noise = (count, step) => Float32Array.from({ length: count }, (_, i) => Math.sin(1.3 * step + 0.37 * i))
const labels = (count, classes, step) =>
  BigInt64Array.from({ length: count }, (_, i) => BigInt((5 * i + step) % classes))

/**
 * The networks: as small as tests have them, which a GPU in software can compute, and of a size for one in hardware. What is launched
 * hardly depends on it.
 */
const networks = {
  small: {
    mlp: perceptron({ batch: 8, sizes: [12, 16, 7] }),
    lenet: convolutional({ batch: 4, size: 12 }),
    gpt: transformer({ batch: 2, context: 8, layers: 1, width: 16, vocabulary: 7 }),
  },
  usual: {
    mlp: perceptron({ batch: 32, sizes: [784, 128, 10] }),
    lenet: convolutional({ batch: 32, size: 28 }),
    gpt: transformer({ batch: 4, context: 32, layers: 2, width: 64, vocabulary: 64 }),
  },
}

function perceptron({ batch, sizes }) {
  return {
    title: `${sizes.join('-')}, batch ${batch}`,
    forward: () => mlp({ sizes, seed: 1 }),
    extents: { batch },
    feeds: (step) => ({
      input: [noise(batch * sizes[0], step), [batch, sizes[0]]],
      labels: [labels(batch, sizes.at(-1), step), [batch]],
    }),
  }
}

function convolutional({ batch, size }) {
  return {
    title: `${size} × ${size}, batch ${batch}`,
    forward: () => lenet({ size, classes: 10, seed: 1 }),
    extents: { batch },
    feeds: (step) => ({
      input: [noise(batch * size * size, step), [batch, 1, size, size]],
      labels: [labels(batch, 10, step), [batch]],
    }),
  }
}

function transformer({ batch, context, layers, width, vocabulary }) {
  const tokens = batch * context
  return {
    title: `${layers} × ${width}, ${batch} × ${context} tokens`,
    forward: () => gpt({ vocabulary, context, layers, heads: 2, width, flatten: true, seed: 1 }),
    extents: { batch, sequence: context, tokens },
    feeds: (step) => ({
      input_ids: [labels(tokens, vocabulary, step + 3), [batch, context]],
      labels: [labels(tokens, vocabulary, step), [tokens]],
    }),
  }
}

/**
 * The rows to be measured.
 *
 * @param {'small' | 'usual'} size
 */
export function onnxRows(size) {
  return Object.entries(networks[size]).flatMap(([name, network]) =>
    ['GPU session', 'GPU session, captured', 'wasm session'].map((by) => ({
      subject: `ONNX ${name} (${network.title})`,
      by,
      measure: () => measureSession(network, by),
    })),
  )
}

async function measureSession(network, by) {
  const ort = await loadRuntime()
  const onWasm = {
    Tensor: ort.Tensor,
    InferenceSession: {
      create: (model, options) =>
        ort.InferenceSession.create(model, { ...options, executionProviders: ['wasm'] }),
    },
  }
  const artifacts = await generateArtifacts(network.forward(), { loss: 'cross-entropy', ort: onWasm })
  const { trainModel, evalModel, state: checkpointState } = artifacts
  const given = {
    trainModel,
    evalModel,
    checkpointState,
    optimizer: inducedMetric(adam(), { learningRate: 0.005 }),
  }
  const isWasm = by === 'wasm session'
  const session = isWasm
    ? await TrainingSession.create({ ...given, ort: onWasm })
    : await createGpuSession({ ...given, ort, extents: network.extents, capture: by.endsWith('captured') })
  try {
    const step = async (index) => {
      const feeds = Object.entries(network.feeds(index)).map(([name, [data, dims]]) => {
        return [name, new ort.Tensor(data instanceof BigInt64Array ? 'int64' : 'float32', data, dims)]
      })
      await session.runTrainStep(Object.fromEntries(feeds))
      await session.runOptimizerStep()
      await session.lazyResetGrad()
    }
    const done = isWasm
      ? async () => {}
      : async () => (await ort.env.webgpu.device).queue.onSubmittedWorkDone()
    const found = await measure(step, done, { steps: 15, untimed: 5 })
    if (by.endsWith('captured') && session.capture.state !== 'on')
      throw new Error(`the session could not be captured: ${session.capture.reason}`)
    return found
  } finally {
    await session.release()
  }
}

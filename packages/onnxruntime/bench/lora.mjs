// Times steps that train low-rank adapters of rank 8 beside steps that train the whole model, by turns in one process, one
// thread: of GPTs of several sizes, with Adam.
// node packages/onnxruntime/bench/lora.mjs [--rounds 9] [--size small,medium,gpt2]       (after npm run build)
// The largest has 124 million parameters and needs 8 GB of memory.
import { parseArgs } from 'node:util'
import { adam, inducedMetric } from '@induced-metric/core'
import { TrainingSession } from '@induced-metric/onnxruntime'
import { addLora, generateArtifacts } from '@induced-metric/onnxruntime/artifacts'
import { gpt } from '@induced-metric/onnxruntime/models'
import * as ort from 'onnxruntime-node'
import { medianRatio, median } from '../../../bench/measure.js'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    size: { type: 'string', default: 'small,medium,gpt2' },
  },
})

/** Sizes by name, and the batches that they are trained on. */
const sizes = {
  small: { model: { layers: 4, heads: 4, width: 128, vocabulary: 65, context: 64 }, batches: [[8, 64]] },
  medium: {
    model: { layers: 6, heads: 6, width: 384, vocabulary: 8192, context: 128 },
    batches: [
      [1, 128],
      [4, 128],
    ],
  },
  gpt2: {
    model: { layers: 12, heads: 12, width: 768, vocabulary: 50257, context: 1024 },
    batches: [
      [1, 64],
      [1, 128],
      [4, 128],
    ],
  },
}
/** What has adapters, by name. */
const choices = {
  'queries and values': { targets: '*.c_attn.weight', qkv: ['q', 'v'] },
  attention: { targets: '*.attn.*.weight' },
  'all products': { targets: ['*.attn.*.weight', '*.mlp.*.weight'] },
}

/** A session, and the number of scalars that it trains. */
async function open(model, trainable) {
  const { trainModel, checkpointState, summary } = await generateArtifacts(model, {
    loss: 'cross-entropy',
    ...(trainable && { requiresGrad: trainable }),
  })
  const session = await TrainingSession.create(
    { trainModel, checkpointState, optimizer: inducedMetric(adam(), { learningRate: 1e-3 }) },
    { intraOpNumThreads: 1, interOpNumThreads: 1 },
  )
  return { session, scalars: summary.trainableScalars }
}

/** Tokens, and those that come next. */
function feedsOf(vocabulary, batch, length) {
  const tokens = (offset) =>
    BigInt64Array.from({ length: batch * length }, (_, i) => BigInt(((i + offset) * 7919) % vocabulary))
  return {
    input_ids: new ort.Tensor('int64', tokens(0), [batch, length]),
    labels: new ort.Tensor('int64', tokens(1), [batch * length]),
  }
}

/** Milliseconds of a step. */
async function timeStep({ session }, feeds) {
  const start = performance.now()
  await session.runTrainStep(feeds)
  await session.runOptimizerStep()
  await session.lazyResetGrad()
  return performance.now() - start
}

for (const name of flags.size.split(',')) {
  const { model, batches } = sizes[name]
  const whole = await open(gpt({ ...model, seed: 1, flatten: true }))
  console.log(`\n${name}: ${(whole.scalars / 1e6).toFixed(1)} million parameters`)
  for (const [choice, options] of Object.entries(choices)) {
    const adapted = addLora(gpt({ ...model, seed: 1, flatten: true }), { rank: 8, alpha: 16, ...options })
    const lora = await open(adapted.model, adapted.trainable)
    for (const [batch, length] of batches) {
      const feeds = feedsOf(model.vocabulary, batch, length)
      const times = { whole: [], lora: [] }
      for (let round = -2; round < Number(flags.rounds); round++) {
        const [a, b] = [await timeStep(whole, feeds), await timeStep(lora, feeds)]
        if (round < 0) continue
        times.whole.push(a)
        times.lora.push(b)
      }
      console.log(
        `  ${choice.padEnd(20)}${String(lora.scalars).padStart(9)} scalars, batch ${batch} × ${length}:` +
          `${median(times.whole).toFixed(0).padStart(7)} ms whole,${median(times.lora).toFixed(0).padStart(6)} ms adapters,` +
          ` ratio ${medianRatio(times.lora, times.whole).toFixed(2)}`,
      )
    }
    await lora.session.release()
  }
  await whole.session.release()
}

import { adam, inducedMetric } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import {
  createNode,
  createTensor,
  createValue,
  dataType,
  readModel,
  readTensor,
  writeModel,
  type Model,
} from '@induced-metric/onnx/proto'
import { surveyForward } from '../../../onnx/src/artifacts/survey.js'
import { tensor } from '../../../onnx/test/gradients/harness.js'
import { inputsOf, modelOf, plain } from '../../../onnx/test/gradients/recurrentCases.js'
import { relativeError } from '../../../onnx/test/run.js'
import { addLora, generateArtifacts, mergeLora } from '../../src/artifacts.js'
import { TrainingSession } from '../../src/index.js'
import { recurrent, type RecurrentOptions } from '../../src/models.js'
import { checkTraining, feedsOf, startTraining } from './training.js'

// A recurrent network learns to say what comes next in a line that repeats.
const line = 'peter piper picked a peck of pickled peppers '
const letters = [...new Set(line)]
const kinds = ['lstm', 'gru', 'rnn'] as const

function text(batch: number, length: number, from = 0) {
  const at = (i: number): number => letters.indexOf(line[i % line.length]!)
  const tokens = Array.from(
    { length: batch * length },
    (_, i) => from + 7 * Math.floor(i / length) + (i % length),
  )
  return feedsOf({
    input_ids: tensor([batch, length], tokens.map(at), dataType.int64),
    labels: tensor(
      [batch * length],
      tokens.map((i) => at(i + 1)),
      dataType.int64,
    ),
  })
}

function network(options: RecurrentOptions): Model {
  return recurrent({ vocabulary: letters.length, width: 12, hidden: 24, seed: 1, ...options })
}

async function train(model: Model, steps: number, requiresGrad?: string | readonly string[]) {
  const { trainModel, evalModel, checkpointState } = await generateArtifacts(model, {
    loss: 'cross-entropy',
    ort,
    ...(requiresGrad !== undefined && { requiresGrad }),
  })
  const optimizer = inducedMetric(adam(), { learningRate: 1e-2 })
  const session = await TrainingSession.create({ trainModel, evalModel, checkpointState, optimizer })
  const losses: number[] = []
  for (let step = 0; step < steps; step++) {
    // Batches and sequences of any size go through one graph.
    await session.runTrainStep(text(2 + (step % 3), 10 + (step % 7), step))
    await session.runOptimizerStep()
    await session.lazyResetGrad()
    losses.push(session.report.loss!)
  }
  return { session, losses }
}

describe.each(kinds)('%s', (kind) => {
  it('learns a line of letters', async () => {
    const { session, losses } = await train(network({ kind }), 120)
    expect(losses[0]).toBeGreaterThan(0.8 * Math.log(letters.length))
    expect(losses.at(-1)).toBeLessThan(0.3 * losses[0]!)
    // The exported model is the forward one again, with the kernel that every runtime has.
    const exported = await session.exportModelForInference(['logits'])
    expect(readModel(exported).graph.node.map(({ opType }) => opType)).toContain(kind.toUpperCase())
    const run = await ort.InferenceSession.create(exported)
    const { input_ids: tokens, labels } = text(3, 20)
    const { logits } = await run.run({ input_ids: tokens! })
    const scores = logits!.data as Float32Array
    const right = Array.from(labels!.data as BigInt64Array, Number).filter((label, i) => {
      const row = scores.subarray(i * letters.length, (i + 1) * letters.length)
      return row.indexOf(Math.max(...row)) === label
    })
    expect(right.length / 60).toBeGreaterThan(0.7)
    await run.release()
    await session.release()
  })

  it('of two layers that read both ways, in double, has the gradients of finite differences', async () => {
    const options = { kind, layers: 2, bidirectional: true, vocabulary: 4, width: 2, hidden: 2 } as const
    const model = recurrent({ ...options, dtype: 'float64', seed: 3 })
    const { gradients } = await checkTraining(
      model,
      { loss: 'cross-entropy', ort },
      {
        input_ids: tensor([2, 3], [0, 1, 2, 3, 2, 1], dataType.int64),
        labels: tensor([6], [1, 2, 0, 3, 1, 1], dataType.int64),
      },
    )
    expect([...gradients.keys()]).toContain('layers.1.R')
  })
})

describe('parameters of recurrent layers', () => {
  it('are trained if they are chosen, and else stay', async () => {
    const model = network({ kind: 'gru' })
    const { session } = await train(model, 3, ['layers.0.R', 'head.*'])
    expect([...session.gradients.keys()].sort()).toEqual(['head.bias', 'head.weight', 'layers.0.R'])
    for (const initializer of model.graph.initializer) {
      const now = session.parameters.get(initializer.name)
      if (!now) continue
      const isSame = String(now.data) === String(readTensor(initializer).data)
      expect(isSame, initializer.name).toBe(!/R$|^head/.test(initializer.name))
    }
    await session.release()
  })

  it('add up their gradients over steps', async () => {
    const session = await startTraining(network({ kind: 'lstm' }), { loss: 'cross-entropy', ort })
    const gradientOf = (): Float32Array => (session.gradients.get('layers.0.W')!.data as Float32Array).slice()
    const parts: Float32Array[] = []
    for (const feeds of [text(2, 9), text(3, 12, 5)]) {
      await session.runTrainStep(feeds)
      parts.push(gradientOf())
      await session.lazyResetGrad()
    }
    await session.runTrainStep(text(2, 9))
    await session.runTrainStep(text(3, 12, 5))
    const sum = parts[0]!.map((value, i) => value + parts[1]![i]!)
    expect(relativeError(gradientOf(), sum)).toBeLessThan(1e-6)
    await session.release()
  })

  it('are shown with their rule', async () => {
    const survey = await surveyForward(writeModel(network({ kind: 'lstm' })), () => Promise.resolve(ort))
    expect(survey.problems).toEqual([])
    expect(survey.operators).toContainEqual({ operator: 'ai.onnx::LSTM', count: 1, gradient: 'rule' })
    const w = survey.parameters.find(({ name }) => name === 'layers.0.W')
    expect(w).toMatchObject({ dims: [1, 96, 12], trainable: true })
  })

  it('let adapters before and behind them learn', async () => {
    const model = network({ kind: 'lstm' })
    const { model: adapted, trainable } = addLora(model, { rank: 4, targets: 'head.weight' })
    const { session, losses } = await train(adapted, 30, [...trainable, 'embedding.weight'])
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.1)
    const merged = mergeLora(adapted, session.parameters)
    expect(merged.graph.node.map(({ opType }) => opType)).toEqual(
      model.graph.node.map(({ opType }) => opType),
    )
    await session.release()
  })
})

it('a layer with the batch first trains, although the runtime has no kernel for it', async () => {
  const layer = {
    ...plain,
    isBatchFirst: true,
    isOpen: true,
    lengths: [1, 4, 3],
    outputs: [false, true, true],
  }
  const model = modelOf(layer)
  const { x, lengths, ...parameters } = inputsOf(layer)
  const { graph } = model
  graph.node.push(
    createNode('Mul', ['yh', 'yc'], ['product']),
    createNode('ReduceMean', ['product'], ['loss'], { keepdims: 0 }),
  )
  graph.output = [createValue('loss', dataType.double, [])]
  graph.input = graph.input.filter(({ name }) => name === 'x' || name === 'lengths')
  graph.initializer = Object.entries(parameters).map(([name, { dims, dataType: type, data }]) =>
    createTensor(name, dims, type, data),
  )
  const { gradients } = await checkTraining(model, { ort }, { x: x!, lengths: lengths! })
  expect([...gradients.keys()].sort()).toEqual(['b', 'c', 'h', 'r', 'w'])
})

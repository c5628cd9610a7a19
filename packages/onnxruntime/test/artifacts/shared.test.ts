import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { crossEntropyLoss, generateArtifacts, mseLoss, type LossBuilder } from '../../src/artifacts.js'
import { type NamedTensor, readCheckpointFile } from '@induced-metric/onnx'
import { TrainingSession } from '../../src/index.js'
import { createTensor, readModel, ValueInfoProtoSchema, type Model } from '@induced-metric/onnx/proto'
import { relativeError } from '../../../onnx/test/run.js'
import { oracleInput, sharedFolder, simplenetParameters } from '../../../onnx/test/sharedFolder.js'

// Forward models made of the eval models of other projects' artifacts, which are not part of this repository.
// Artifacts are generated from them here and compared with the genuine runtime's results on those that Python
// generated.

interface Sample {
  readonly norm: number
  readonly data?: readonly number[]
  readonly first64?: readonly number[]
}

interface Oracle {
  readonly inputs: Readonly<Record<string, { readonly type: string; readonly dims: readonly number[] }>>
  readonly loss: number
  readonly gradients: Readonly<Record<string, Sample>>
}

/** The part of an eval model before its loss, its parameters constants again. */
function forwardOf(evalModel: Model, parameters: readonly NamedTensor[], scores: string): Model {
  const { graph } = evalModel
  const end = graph.node.findIndex(({ output }) => output.includes(scores))
  graph.node = graph.node.slice(0, end + 1)
  graph.initializer.push(
    ...parameters.map(({ name, dims, dataType, data }) => createTensor(name, dims, dataType, data)),
  )
  const kept = new Set(graph.node.flatMap(({ input }) => input))
  graph.input = graph.input.filter(({ name }) => kept.has(name) && !parameters.some((p) => p.name === name))
  graph.output = [create(ValueInfoProtoSchema, { name: scores })]
  return evalModel
}

const cases: {
  name: string
  oracle: string
  scores: string
  classes: number
  loss: LossBuilder
  perturbed?: boolean
}[] = [
  { name: 'simplenet', oracle: 'oracle', scores: 'output', classes: 10, loss: crossEntropyLoss() },
  { name: 'cnn', oracle: 'oracle', scores: '23', classes: 2, loss: crossEntropyLoss() },
  { name: 'lora', oracle: 'oracle_shipped', scores: 'output', classes: 2, loss: mseLoss() },
  { name: 'lora', oracle: 'oracle', scores: 'output', classes: 2, loss: mseLoss(), perturbed: true },
]

describe.skipIf(!existsSync(sharedFolder))(
  'artifacts generated here give the gradients of the genuine runtime on Python’s:',
  () => {
    it.each(cases)('$name ($oracle)', async ({ name, oracle, scores, classes, loss, perturbed }) => {
      const read = (file: string): Uint8Array => readFileSync(join(sharedFolder, name, file))
      const parameters =
        name === 'simplenet'
          ? simplenetParameters()
          : (
              await readCheckpointFile(
                join(sharedFolder, name, name === 'cnn' ? 'paramtrain_tensors.pbseq' : 'checkpoint'),
              )
            ).trainable
      if (perturbed) {
        parameters.forEach(({ data }, k) => {
          for (let i = 0; i < data.length; i++) {
            data[i] = Math.fround(Number(data[i]) + Math.fround(0.05 * Math.sin(i * 0.61 + k)))
          }
        })
      }
      const expected = JSON.parse(read(`${oracle}.json`).toString()) as Oracle
      const forward = forwardOf(readModel(read('eval_model.onnx')), parameters, scores)
      const { trainModel, evalModel, checkpointState } = await generateArtifacts(forward, { loss })
      const session = await TrainingSession.create({ trainModel, evalModel, checkpointState, ort })
      const feeds = Object.fromEntries(
        Object.entries(expected.inputs).map(([input, { type, dims }]) => {
          const size = dims.reduce((a, b) => a * b, 1)
          return [
            input,
            new ort.Tensor(type as 'float32', oracleInput(input, type, size, classes) as Float32Array, dims),
          ]
        }),
      )
      const results = await session.runTrainStep(feeds)
      const [lossName] = session.trainingOutputNames
      expect(Math.abs((results[lossName!]!.data as Float32Array)[0]! - expected.loss)).toBeLessThan(
        1e-5 * expected.loss,
      )
      const evaluated = await session.runEvalStep(feeds)
      expect((evaluated[lossName!]!.data as Float32Array)[0]).toBeCloseTo(expected.loss, 5)
      const { gradients } = session
      expect([...gradients.keys()].sort()).toEqual(Object.keys(expected.gradients).sort())
      for (const [parameter, { data, first64, norm }] of Object.entries(expected.gradients)) {
        const own = gradients.get(parameter)!.data as Float32Array
        const length = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0))
        expect(Math.abs(length - norm) / (norm || 1), parameter).toBeLessThan(1e-5)
        const sample = data ?? first64!
        expect(relativeError(own.subarray(0, sample.length), sample), parameter).toBeLessThan(1e-5)
      }
      await session.release()
    })
  },
)

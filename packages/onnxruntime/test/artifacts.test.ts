import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inducedMetric, sgd } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { TrainingSession } from '../src/index.js'
import { oracleInput, sharedFolder, simplenetParameters } from '../../onnx/test/sharedFolder.js'

interface Sample {
  readonly dims: readonly number[]
  readonly norm: number
  readonly sum: number
  /** All elements, or only the first. */
  readonly data?: readonly number[]
  readonly first64?: readonly number[]
}

interface Oracle {
  readonly inputs: Readonly<Record<string, { readonly type: string; readonly dims: readonly number[] }>>
  readonly loss: number
  readonly gradients: Readonly<Record<string, Sample>>
}

function oracleOf(name: string): Oracle {
  return JSON.parse(readFileSync(join(sharedFolder, name), 'utf8')) as Oracle
}

/** The inputs by the formula in the oracles. */
function feedsOf({ inputs }: Oracle): Record<string, ort.Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { type, dims }]): [string, ort.Tensor] => {
      const size = dims.reduce((a, b) => a * b, 1)
      const classes = name === 'labels' && dims[0] === 1 ? 2 : 10
      const data = oracleInput(name, type, size, classes) as Float32Array
      return [name, new ort.Tensor(type as 'float32', data, dims)]
    }),
  )
}

const prepare: Readonly<Record<string, (session: TrainingSession) => void>> = {
  'lora/oracle.json': (session) => {
    let k = 0
    for (const { data } of session.parameters.values()) {
      const values = data as Float32Array
      values.forEach((x, i) => (values[i] = x + Math.fround(0.05 * Math.sin(i * 0.61 + k))))
      k++
    }
  },
  'simplenet/oracle.json': (session) => {
    for (const { name, data } of simplenetParameters()) {
      const parameter = session.parameters.get(name)!.data as Float32Array
      parameter.set(data as Float32Array)
    }
  },
}

const sets = [
  ['lora', 'lora/oracle_shipped.json', 'checkpoint'],
  ['lora', 'lora/oracle.json', 'checkpoint'],
  ['simplenet', 'simplenet/oracle.json', undefined],
  ['cnn', 'cnn/oracle.json', 'paramtrain_tensors.pbseq'],
] as const

describe.skipIf(!existsSync(sharedFolder))(
  'artifacts, against what the training build computes on them',
  () => {
    it.each(sets)('%s: %s', async (set, oracleName, checkpoint) => {
      const oracle = oracleOf(oracleName)
      const path = (file: string): string => join(sharedFolder, set, file)
      const session = await TrainingSession.create({
        trainModel: path('training_model.onnx'),
        evalModel: path('eval_model.onnx'),
        optimizer: inducedMetric(sgd(), { learningRate: 0.1 }),
        ...(checkpoint && { checkpointState: path(checkpoint) }),
      })
      prepare[oracleName]?.(session)
      const feeds = feedsOf(oracle)
      const [lossName] = session.trainingOutputNames as [string]
      const outputs = await session.runTrainStep(feeds)
      const loss = (outputs[lossName]!.data as Float32Array)[0]!
      expect(Math.abs(loss - oracle.loss) / oracle.loss).toBeLessThan(1e-6)

      expect([...session.gradients.keys()].sort()).toEqual(Object.keys(oracle.gradients).sort())
      for (const [name, { dims, data }] of session.gradients) {
        const expected = oracle.gradients[name]!
        const gradient = data as Float32Array
        expect(dims).toEqual(expected.dims)
        const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0))
        expect(Math.abs(norm - expected.norm) / (expected.norm || 1)).toBeLessThan(1e-5)
        const sum = gradient.reduce((total, g) => total + g, 0)
        expect(Math.abs(sum - expected.sum) / (expected.norm || 1) / Math.sqrt(gradient.length)).toBeLessThan(
          1e-5,
        )
        const known = expected.data ?? expected.first64!
        const error = Math.sqrt(known.reduce((total, g, i) => total + (gradient[i]! - g) ** 2, 0))
        const size = Math.sqrt(known.reduce((total, g) => total + g * g, 0))
        // If the first elements are all zero, relative to the whole.
        expect(error / (size || expected.norm || 1)).toBeLessThan(1e-5)
      }
      await session.release()
    })
  },
)

import * as ort from 'onnxruntime-node'
import { expect } from 'vitest'
import { generateArtifacts, type GenerateOptions } from '../../src/artifacts.js'
import { TrainingSession } from '../../src/session/trainingSession.js'
import {
  createModel,
  createTensor,
  createValue,
  dataType,
  elementTypeOf,
  type Model,
  type NodeProto,
  realTensor,
} from '@induced-metric/onnx/proto'
import { relativeError } from '../../../onnx/test/run.js'
import type { Tensor } from '../../../onnx/test/gradients/harness.js'

/** The runtime's tensors of plain ones. */
export function feedsOf(inputs: Readonly<Record<string, Tensor>>): Record<string, ort.Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dims, dataType: type, data }]) => [
      name,
      new ort.Tensor(elementTypeOf(type).name as 'float32', data as Float32Array, dims),
    ]),
  )
}

/** A forward model, with random parameters by name. */
export function forward(
  nodes: readonly NodeProto[],
  inputs: Readonly<Record<string, readonly (number | string)[]>>,
  parameters: Readonly<Record<string, Tensor>>,
  outputs: Readonly<Record<string, readonly (number | string)[]>>,
  options: { readonly type?: number; readonly opset?: number } = {},
): Model {
  const { type = dataType.double, opset = 17 } = options
  return createModel({
    nodes,
    inputs: Object.entries(inputs).map(([name, dims]) => createValue(name, type, dims)),
    outputs: Object.entries(outputs).map(([name, dims]) => createValue(name, type, dims)),
    initializers: Object.entries(parameters).map(([name, { dims, dataType: own, data }]) =>
      createTensor(name, dims, own, data),
    ),
    opset,
  })
}

/**
 * Generates artifacts and compares the gradients that a session computes from them with finite differences of the
 * loss that it evaluates: relative L2 error below 1e-6 in double.
 */
export async function checkTraining(
  model: Model,
  options: GenerateOptions,
  inputs: Readonly<Record<string, Tensor>>,
  step = 1e-5,
): Promise<{ readonly loss: number; readonly gradients: ReadonlyMap<string, Float64Array> }> {
  const session = await startTraining(model, options)
  try {
    return await checkSession(session, inputs, step)
  } finally {
    await session.release()
  }
}

/** A session on the artifacts of a model. */
export async function startTraining(
  model: Model | string,
  options: GenerateOptions,
): Promise<TrainingSession> {
  const { trainModel, evalModel, checkpointState } = await generateArtifacts(model, options)
  return TrainingSession.create({ trainModel, evalModel, checkpointState, ort })
}

/** Like {@link checkTraining}, for a session without gradients yet. */
export async function checkSession(
  session: TrainingSession,
  inputs: Readonly<Record<string, Tensor>>,
  step = 1e-5,
): Promise<{ readonly loss: number; readonly gradients: ReadonlyMap<string, Float64Array> }> {
  const feeds = feedsOf(inputs)
  const name = session.trainingOutputNames[0]!
  const loss = (await session.runTrainStep(feeds))[name]!.data as Float64Array
  const evaluate = async (): Promise<number> =>
    Number(((await session.runEvalStep(feeds, [name]))[name]!.data as Float64Array)[0])
  expect(await evaluate()).toBeCloseTo(loss[0]!, 10)
  const gradients = new Map(
    [...session.gradients].map(([key, { data }]) => [key, Float64Array.from(data as Float64Array)]),
  )
  for (const [key, gradient] of gradients) {
    const data = session.parameters.get(key)!.data as Float64Array
    const differences = new Float64Array(data.length)
    for (let i = 0; i < data.length; i++) {
      const at = data[i]!
      data[i] = at + step
      const above = await evaluate()
      data[i] = at - step
      const below = await evaluate()
      data[i] = at
      differences[i] = (above - below) / (2 * step)
    }
    expect(
      relativeError(gradient, differences),
      `${key}: ${gradient.join()} and ${differences.join()}`,
    ).toBeLessThan(1e-6)
  }
  return { loss: loss[0]!, gradients }
}

/** A scalar parameter or constant. */
export function scalar(value: number, type: number = dataType.double): Tensor {
  const { rawData } = realTensor('', [value], type)
  const data = type === dataType.double ? new Float64Array(rawData.buffer) : new Float32Array(rawData.buffer)
  return { dims: [], dataType: type, data }
}

import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { generateArtifacts } from '../../src/artifacts.js'
import { surveyForward } from '@induced-metric/onnx/adapter'
import {
  createNode as node,
  createValue,
  dataType,
  GraphProtoSchema,
  ValueInfoProtoSchema,
  writeModel,
  type Model,
} from '@induced-metric/onnx/proto'
import * as ort from 'onnxruntime-node'
import { drawn, tensor } from '../../../onnx/test/gradients/harness.js'
import { checkTraining, forward } from './training.js'

const { bool, int64 } = dataType
const named = (name: string) => create(ValueInfoProtoSchema, { name })

/** H ← tanh(h·w + x), as often as the input `steps` says; y = h·v. Nothing declares the shape of y. */
function repeated(opset: number): Model {
  const body = create(GraphProtoSchema, {
    name: 'round',
    input: [createValue('i', int64, []), createValue('go', bool, []), named('h')],
    node: [
      node('Identity', ['go'], ['on']),
      node('MatMul', ['h', 'w'], ['hw']),
      node('Add', ['hw', 'x'], ['sum']),
      node('Tanh', ['sum'], ['next']),
    ],
    output: [named('on'), named('next')],
  })
  const model = forward(
    [node('Loop', ['steps', '', 'x'], ['h'], { body }), node('MatMul', ['h', 'v'], ['y'])],
    { x: ['batch', 3] },
    { w: drawn([3, 3], 1), v: drawn([3, 2], 2) },
    { y: [] },
    { opset },
  )
  model.graph.input.push(createValue('steps', int64, []))
  delete model.graph.output[0]!.type
  model.graph.output[0] = createValue('y', dataType.double)
  return model
}

describe('loops whose rounds an input counts', () => {
  it.each([
    [11, 3],
    [17, 0],
    [17, 1],
    [21, 4],
  ])('are trained through: opset %i, %i rounds', async (opset, steps) => {
    const options = { loss: 'mse' } as const
    const feeds = {
      x: drawn([4, 3], 3),
      steps: tensor([], [steps], int64),
      target: drawn([4, 2], 4),
    }
    const { gradients } = await checkTraining(repeated(opset), options, feeds)
    expect(gradients.get('w')!.some((value) => value !== 0)).toBe(steps > 0)
  })

  it('keep their loop in the eval model, and are no problem to the survey', async () => {
    const { summary } = await generateArtifacts(repeated(17), { loss: 'mse' })
    expect(summary.inputs).toEqual(['x float64 [batch, 3]', 'steps int64 []', 'target float64 [batch, 2]'])
    const survey = await surveyForward(writeModel(repeated(17)), () => Promise.resolve(ort))
    expect(survey.problems).toEqual([])
    expect(survey.operators.find(({ operator }) => operator === 'ai.onnx::Loop')!.gradient).toBe('rule')
  })
})

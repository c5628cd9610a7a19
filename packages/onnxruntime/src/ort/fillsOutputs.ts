import { create } from '@bufbuild/protobuf'
import { dataType, ModelProtoSchema } from '@induced-metric/onnx/proto'
import { createOrtSession } from '@induced-metric/onnx/adapter'
import type { Ort } from '@induced-metric/onnx'
import { createOrtTensor } from './ort.js'

const known = new WeakMap<object, Promise<boolean>>()

/**
 * Whether a runtime writes its results into the tensors that it is given for them. onnxruntime-node does;
 * onnxruntime-web accepts them and leaves them unchanged. It is tried out once per runtime, because releases differ.
 */
export function fillsFetches(ort: Ort): Promise<boolean> {
  let result = known.get(ort)
  if (result === undefined) known.set(ort, (result = attempt(ort)))
  return result
}

async function attempt(ort: Ort): Promise<boolean> {
  const vector = (name: string) => ({
    name,
    type: {
      value: {
        case: 'tensorType' as const,
        value: {
          elemType: dataType.float,
          shape: { dim: [{ value: { case: 'dimValue' as const, value: 2n } }] },
        },
      },
    },
  })
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    graph: {
      name: 'identity',
      node: [{ opType: 'Identity', input: ['x'], output: ['y'] }],
      input: [vector('x')],
      output: [vector('y')],
    },
  })
  const session = await createOrtSession(ort, model, 'a model of one Identity')
  const result = new Float32Array(2)
  const tensor = (data: Float32Array) => createOrtTensor(ort, 'float32', data, [2])
  try {
    await session.run({ x: tensor(Float32Array.of(3, 4)) }, { y: tensor(result) })
    return result[0] === 3 && result[1] === 4
  } catch {
    return false
  } finally {
    await session.release()
  }
}

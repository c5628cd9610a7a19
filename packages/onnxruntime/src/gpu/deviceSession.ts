import { unsupported } from '@induced-metric/core/adapter'
import {
  coded,
  createOrtSession,
  describeNode,
  inferTypes,
  reasonOf,
  withFields,
} from '@induced-metric/onnx/adapter'
import type { OrtSession } from '@induced-metric/onnx'
import { createValue, type Model, type NodeProto } from '@induced-metric/onnx/proto'
import { withoutWrongFusions } from '../session/fusions.js'
import { createModelSession } from '../session/modelSession.js'
import type { GpuRuntime } from './device.js'
import { providerOptions } from './provider.js'

/** The runtime's words for a node that would run on the CPU. */
const fallback = /fallback to CPU EP|assigned to the default CPU|non-CPU/i

/**
 * Creates a session of a lowered model on the device.
 *
 * @param what names the model in errors
 * @throws ERR_NOT_SUPPORTED for an operator without a kernel on the device, naming the node
 */
export async function createDeviceSession(
  runtime: GpuRuntime,
  model: Model,
  what: string,
  capture: boolean,
): Promise<OrtSession> {
  const options = withoutWrongFusions(model, providerOptions({ device: runtime.given, capture }))
  try {
    return await createModelSession(runtime.ort, model, what, options)
  } catch (error) {
    if (!fallback.test(reasonOf(error))) throw error
    const found = await findNode(runtime, model)
    if (found === undefined)
      throw coded('ERR_NOT_SUPPORTED', `${what}: it does not run on the device alone`, error)
    throw unsupported(
      `${what}: ${describeNode(found)} has no kernel on the device for the types it is given. Give a row for it with the option ` +
        'lowerings, or train on the CPU: TrainingSession takes the same artifacts',
      { cause: error },
    )
  }
}

/** Finds a node that does not run on the device, by sessions of one node each. */
async function findNode({ ort, cpu, given }: GpuRuntime, model: Model): Promise<NodeProto | undefined> {
  const types = await inferTypes(model, cpu)
  const constants = new Map(model.graph.initializer.map((tensor) => [tensor.name, tensor]))
  const tried = new Set<string>()
  for (const node of model.graph.node) {
    const inputs = [...new Set(node.input)].filter((name) => name !== '')
    const key = [node.domain, node.opType, ...inputs.map((name) => types.get(name).dataType)].join()
    if (tried.has(key)) continue
    tried.add(key)
    const declare = (name: string) =>
      createValue(
        name,
        types.get(name).dataType ?? 1,
        [...(types.get(name).shape ?? [])].map((extent) => extent ?? ''),
      )
    const graph = withFields(model.graph, {
      node: [node],
      input: inputs.filter((name) => !constants.has(name)).map(declare),
      output: node.output.filter((name) => name !== '').map(declare),
      initializer: inputs.flatMap((name) => constants.get(name) ?? []),
      valueInfo: [],
    })
    try {
      const session = await createOrtSession(
        ort,
        withFields(model, { graph }),
        'a node',
        providerOptions({ device: given, capture: false }),
      )
      await session.release()
    } catch {
      return node
    }
  }
  return undefined
}

import { adam, InducedMetricError, inducedMetric, log, type StepReport } from '@induced-metric/core'
import {
  createGpuSession,
  TrainingSession,
  type CheckpointState,
  type Ort,
  type OrtValues,
  type WebGpuOrt,
} from '@induced-metric/onnxruntime'
import { generateArtifacts } from '@induced-metric/onnxruntime/artifacts'
import { networkNames, type Evaluator, type Network, type NetworkName } from '../networks/network.js'

/** The part of a session that training needs. Sessions on WebGPU and on the CPU both have it. */
export interface Session extends Evaluator {
  readonly report: StepReport | undefined
  /** Waits for the device and reads the report; only sessions on WebGPU have it. */
  sync?(): Promise<StepReport>
  runTrainStep(feeds: OrtValues): Promise<unknown>
  runOptimizerStep(): Promise<StepReport | undefined>
  lazyResetGrad(): Promise<void>
  saveCheckpoint(): Promise<Uint8Array>
  checkpointState(): CheckpointState | Promise<CheckpointState>
  release(): Promise<void>
}

/** Where a session trains, and the runtime that it trains on: a build of onnxruntime-web, or `'cpu'` for onnxruntime-node. */
export type Place =
  | { readonly device: 'webgpu'; readonly ort: WebGpuOrt }
  | { readonly device: 'wasm' | 'cpu'; readonly ort: Ort }

/** Adam under the metric on the logarithm of the loss. ξ is tied to the rate, which is therefore a cap. */
const optimizer = inducedMetric(adam(), {
  learningRate: 0.01,
  xi: 'rate',
  embedding: log(),
  // A loss of exactly zero, of which there is no logarithm, asks for no step.
  onBadLoss: 'zero',
})

/** The name of the checkpoint's property that holds the name of the network. */
const property = 'network'

/**
 * Creates a session.
 *
 * @param checkpoint one that a session of this network has saved, wherever it was; without it training starts anew
 * @throws ERR_CHECKPOINT for a checkpoint of another network; ERR_NOT_SUPPORTED where there is no WebGPU and it is asked for
 */
export async function openSession(
  network: Network,
  place: Place,
  checkpoint?: CheckpointState,
): Promise<Session> {
  if (checkpoint !== undefined) {
    const given = networkOf(checkpoint)
    if (given !== network.name)
      throw new InducedMetricError('ERR_CHECKPOINT', `the checkpoint is of ${given}, not of ${network.name}`)
  }
  // The gradient graph is made on the CPU, wherever it is run.
  const cpu = place.device === 'cpu' ? place.ort : onWasm(place.ort)
  const artifacts = await generateArtifacts(network.forward(), {
    loss: 'cross-entropy',
    additionalOutputs: [network.output],
    ort: cpu,
  })
  const { trainModel, evalModel, state } = artifacts
  const named = { ...state, properties: new Map([...state.properties, [property, network.name] as const]) }
  const options = { trainModel, evalModel, checkpointState: checkpoint ?? named, optimizer }
  if (place.device === 'webgpu')
    return createGpuSession({ ...options, ort: place.ort, extents: network.extents, capture: true })
  return TrainingSession.create({ ...options, ort: cpu })
}

/** A build of onnxruntime-web with only its provider for the CPU. */
function onWasm(ort: Ort): Ort {
  const create: Ort['InferenceSession']['create'] = (model, options) =>
    ort.InferenceSession.create(model, { ...options, executionProviders: ['wasm'] })
  return { Tensor: ort.Tensor, InferenceSession: { create } }
}

/**
 * The name of the network that a checkpoint is of.
 *
 * @throws ERR_CHECKPOINT for one that no session of this example has saved
 */
export function networkOf(checkpoint: CheckpointState): NetworkName {
  const given = checkpoint.properties.get(property)
  const name = networkNames.find((one) => one === given)
  if (name !== undefined) return name
  throw new InducedMetricError(
    'ERR_CHECKPOINT',
    'the checkpoint names no network of this example: give a file that the page or npm start has saved',
  )
}

/** The report of the latest step. After a checkpoint was loaded it has the number of steps so far. */
export async function latestReport(session: Session): Promise<StepReport | undefined> {
  return session.sync ? session.sync() : session.report
}

import { clone } from '@bufbuild/protobuf'
import { checkOptions, optionError, shapeError, show } from '@induced-metric/core/adapter'
import type { Artifact } from '../files/readArtifact.js'
import { writeCheckpoint } from '../checkpoint/write.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import { dataType } from '../proto/dataType.js'
import { dropUnused } from '../proto/graph.js'
import { writeModel, type Model } from '../proto/model.js'
import { ModelProtoSchema, type TensorProto, type ValueInfoProto } from '../proto/onnx_pb.js'
import { deferTensor } from '../proto/tensor.js'
import type { NamedTensor } from '../proto/tensorData.js'
import type { CheckpointState } from '../checkpoint/state.js'
import { addLoss } from './addLoss.js'
import { readParts, type ForwardParts } from './forwardParts.js'
import { inferTypes } from '../inference/runtimeTypes.js'
import type { GenerateOptions } from './generateOptions.js'
import { describeShape } from './losses.js'
import { writeOptimizerModel, type OptimizerChoice } from './optimizers.js'
import { checkNames, checkValues, defaultOutputs } from './outputs.js'
import { explainStops, type UnreachedParameter } from './reach.js'
import { summarize, type ArtifactsSummary } from './summary.js'
import { addTraining, declareValues } from './trainingGraph.js'
import { setEvalMode } from './trainingMode.js'
import { writeOut } from './writtenOut.js'
import { declaredValue, withFields } from '../rewrite/declare.js'

/** The files that `generate_artifacts` writes, by their contents. */
export interface TrainingArtifacts {
  /** training_model.onnx: the model, the loss and the gradients. */
  readonly trainModel: Uint8Array
  /** eval_model.onnx: the model and the loss. */
  readonly evalModel: Uint8Array
  /** optimizer_model.onnx, if an optimizer was given. */
  readonly optimizerModel: Uint8Array | undefined
  /**
   * The checkpoint, created on access. Throws ERR_NOT_SUPPORTED if it would be over 2 GB: use `state` then. It is not
   * enumerable, so that `{ ...artifacts, optimizer }`, which a session takes, does not create it.
   */
  readonly checkpointState: Uint8Array
  /**
   * The contents of the checkpoint. The elements of a tensor are copied when they are first read: until then the given
   * model or bytes must not change.
   */
  readonly state: CheckpointState
  readonly summary: ArtifactsSummary
}

/**
 * Generates training artifacts from a forward ONNX model, as `onnxruntime.training.artifacts.generate_artifacts` does
 * in Python. A `TrainingSession` trains from them, here and in training builds of the runtime.
 *
 * Parameters become inputs of the training and the eval model, and their values go to the checkpoint. Only in the
 * training model do dropouts drop and batch normalisations use the batch, and are attentions and similar operators
 * written out in primitive ones. Model-local functions are inlined and constants folded.
 *
 * @param given the content of a `.onnx` file, its path or URL, or a model that was read. It is not changed
 * @throws ERR_NOT_SUPPORTED for an operator that lacks a necessary gradient rule, naming the operator, the node and
 *   the parameter that it blocks; ERR_OPTION for a model that is not valid ONNX, and for options that do not fit it;
 *   ERR_SHAPE for a loss that does not fit the model's outputs, for inputs that cannot be redeclared, and for a batch
 *   of one with a batch normalisation in training
 *
 * @example
 * ```ts no-run
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { generateArtifacts } from '@induced-metric/onnx/artifacts'
 * import { TrainingSession } from '@induced-metric/onnxruntime'
 * import * as ort from 'onnxruntime-node'
 *
 * const artifacts = await generateArtifacts('model.onnx', {
 *   loss: 'cross-entropy',
 *   requiresGrad: 'head.*',
 *   ort,
 * })
 * const optimizer = inducedMetric(adam(), { learningRate: 0.001 })
 * const session = await TrainingSession.create({ ...artifacts, optimizer })
 * console.log(session.trainingInputNames)
 * ```
 */
export async function generateArtifacts(
  given: Artifact | Model,
  options: GenerateOptions,
): Promise<TrainingArtifacts> {
  checkOptions('generateArtifacts', options, {
    loss: 'any',
    requiresGrad: 'any',
    frozen: 'any',
    promoteConstants: 'boolean',
    optimizer: 'any',
    additionalOutputs: 'any',
    outputNames: 'any',
    batchNormalization: ['training', 'inference'],
    inputs: 'any',
    bind: 'any',
    gradients: 'any',
    ort: 'any',
    externalData: 'any',
  })
  checkRuntime(options.ort)
  const { additionalOutputs = [] } = options
  if (options.outputNames !== undefined) checkNames(options.outputNames, 'outputNames')
  checkNames(additionalOutputs, 'additionalOutputs')
  const forward = await readParts(given, options)
  const { model, found, trainable, parameters } = forward
  const outputs = options.outputNames ?? defaultOutputs(model.graph, parameters, trainable)
  checkValues(model.graph, outputs, 'outputNames')
  checkValues(model.graph, additionalOutputs, 'additionalOutputs')
  const { loss, types } = await attachLoss(forward, outputs, options)
  const fed = new Set(model.graph.input.map(({ name }) => name).filter((name) => !parameters.has(name)))

  const evalModel = clone(ModelProtoSchema, model) as Model
  setEvalMode(evalModel.graph)
  // All nodes stay, because an export may need them; folded constants go.
  dropUnused(
    evalModel.graph,
    evalModel.graph.node.flatMap(({ output }) => output),
  )
  declareValues(evalModel.graph, types)

  const differentiated = await differentiate(model, types, loss, trainable, options)
  const { trainModel, gradients, unreached } = differentiated
  checkReached(unreached, options.requiresGrad !== undefined, gradients.size === 0)

  const state = stateOf(parameters, new Set(gradients.keys()))
  const summary = summarize({
    ...differentiated,
    fed,
    state,
    loss,
    inlined: forward.inlined,
    widened: forward.widened,
    folded: forward.folded,
    constants: found.constants,
  })
  return artifactsOf(trainModel, evalModel, state, summary, options.optimizer)
}

function artifactsOf(
  trainModel: Model,
  evalModel: Model,
  state: CheckpointState,
  summary: ArtifactsSummary,
  optimizer: OptimizerChoice | undefined,
): TrainingArtifacts {
  const parameters = state.trainable.map(({ name, dims, dataType: type }) => ({
    name,
    shape: dims,
    dtype: type === dataType.double ? ('float64' as const) : ('float32' as const),
  }))
  const artifacts: Omit<TrainingArtifacts, 'checkpointState'> = {
    trainModel: writeModel(trainModel),
    evalModel: writeModel(evalModel),
    optimizerModel: optimizer === undefined ? undefined : writeOptimizerModel(optimizer, parameters),
    state,
    summary,
  }
  return Object.defineProperty(artifacts, 'checkpointState', {
    get: () => writeCheckpoint(state),
  }) as TrainingArtifacts
}

/** Copies a model with a loss, and adds the gradients to the copy. */
async function differentiate(
  model: Model,
  forwardTypes: ValueTypes,
  loss: string,
  trainable: readonly string[],
  { ort, gradients: table, batchNormalization }: GenerateOptions,
): Promise<{
  readonly trainModel: Model
  readonly types: ValueTypes
  readonly writtenOut: number
  readonly gradients: ReadonlyMap<string, string>
  readonly unreached: readonly UnreachedParameter[]
  readonly forwardNodes: number
  readonly straightThrough: number
}> {
  const trainModel = clone(ModelProtoSchema, model) as Model
  const { types, count, bodies } = await writeOut(trainModel, forwardTypes, trainable, ort, table)
  const added = addTraining(trainModel, types, loss, trainable, { batchNormalization, table, bodies })
  return { trainModel, types, writtenOut: count, ...added }
}

function checkRuntime(ort: unknown): void {
  if (typeof ort === 'object' && ort !== null && 'InferenceSession' in ort) return
  throw optionError(
    `generateArtifacts: ort must be a package of ONNX Runtime, as \`await import('onnxruntime-node')\` is, given ${show(ort)}`,
  )
}

/** Adds a loss to a model as its first output, and puts the inputs that a caller feeds before the parameters. */
async function attachLoss(
  { model, parameters, types: forwardTypes }: ForwardParts,
  outputs: readonly string[],
  { ort, loss: wanted, additionalOutputs = [] }: GenerateOptions,
): Promise<{ readonly loss: string; readonly types: ValueTypes }> {
  const { graph } = model
  const forwardOutputs = graph.output
  const { loss, constants } =
    wanted === undefined
      ? { loss: outputs[0]!, constants: [] }
      : await addLoss(model, forwardTypes, wanted, outputs, parameters)
  graph.initializer = [...graph.initializer, ...constants]
  const isParameter = ({ name }: ValueInfoProto): boolean => parameters.has(name)
  graph.input = [...graph.input.filter((input) => !isParameter(input)), ...graph.input.filter(isParameter)]
  graph.output = [...new Set([loss, ...additionalOutputs])].map(
    (name) =>
      forwardOutputs.find((output) => output.name === name) ?? declaredValue(name, dataType.float, undefined),
  )
  for (const output of graph.output) if (!forwardOutputs.includes(output)) delete output.type
  // The declarations of its outputs may be all that is known about them.
  graph.valueInfo = [...graph.valueInfo, ...forwardOutputs.filter((output) => !graph.output.includes(output))]
  const types = await inferTypes(model, ort)
  for (const output of graph.output) {
    const { dataType: type = dataType.float, shape } = types.get(output.name)
    Object.assign(output, declaredValue(output.name, type, shape))
  }
  checkLoss(loss, types)
  return { loss, types }
}

function stateOf(values: ReadonlyMap<string, TensorProto>, trained: ReadonlySet<string>): CheckpointState {
  const tensors = [...values].map(([name, tensor]): NamedTensor => deferTensor(withFields(tensor, { name })))
  return {
    trainable: tensors.filter(({ name }) => trained.has(name)),
    frozen: tensors.filter(({ name }) => !trained.has(name)),
    optimizerGroups: [],
    properties: new Map(),
  }
}

/** Checks that gradients reach everything that was asked for, or at least something if nothing was. */
function checkReached(unreached: readonly UnreachedParameter[], isAsked: boolean, isNone: boolean): void {
  if (unreached.length === 0 || !(isAsked || isNone)) return
  const reasons = unreached.slice(0, 3).map(explainStops).join('; ')
  throw optionError(`${isAsked ? 'requiresGrad' : 'no parameter of the model can be trained'}: ${reasons}`)
}

function checkLoss(loss: string, types: ValueTypes): void {
  const { dataType: type, shape } = types.get(loss)
  const isOne = shape?.every((extent) => extent === 1)
  if (isOne && (type === dataType.float || type === dataType.double)) return
  throw shapeError(
    `the loss must be one number of float or double, and ${JSON.stringify(loss)} is ${describeShape(shape)}; give a loss, or ` +
      'reduce it to its mean',
  )
}

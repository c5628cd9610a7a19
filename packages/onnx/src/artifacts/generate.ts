import { clone } from '@bufbuild/protobuf'
import { InducedMetricError } from '@induced-metric/core'
import { checkOptions } from '@induced-metric/core/adapter'
import type { Artifact } from '../files/readArtifact.js'
import { shown } from '../errors.js'
import { writeCheckpoint } from '../checkpoint/write.js'
import type { ExternalData } from '../externalData/resolve.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import type { Ort } from '../runtime/ort.js'
import { dataType } from '../proto/dataType.js'
import { dropUnused, freshNames, namesIn } from '../proto/graph.js'
import { opsetOf, setOpset, writeModel, type Model } from '../proto/model.js'
import { ModelProtoSchema, type GraphProto, type TensorProto, type ValueInfoProto } from '../proto/onnx_pb.js'
import { readTensor, realTensor } from '../proto/tensor.js'
import type { NamedTensor } from '../proto/tensorData.js'
import type { CheckpointState } from '../checkpoint/state.js'
import { addAccumulation, freeReservedNames } from './accumulation.js'
import { addLoss } from './addLoss.js'
import { addGradients } from '../gradients/backward.js'
import { foldConstants } from '../rewrite/fold.js'
import { redeclareInputs, type InputShapes } from './declarations.js'
import { gradients as builtinGradients, type GradientTable } from '../gradients/table.js'
import { inferTypes } from '../rewrite/runtimeTypes.js'
import { describeShape, type Loss } from './losses.js'
import { writeOptimizerModel, type OptimizerChoice } from './optimizers.js'
import { checkNames, checkValues, defaultOutputs } from './outputs.js'
import { findParameters, takeParameters, type ModelParameters, type ParameterInfo } from './parameters.js'
import { prepareModel } from './prepare.js'
import { explainStops, findStops, type UnreachedParameter } from './reach.js'
import { forwardModel, readForward } from './readForward.js'
import type { Selector } from './select.js'
import { separateStatistics } from './statistics.js'
import { summarize, type ArtifactsSummary } from './summary.js'
import { chooseTrainable } from './trainable.js'
import { setEvalMode, setTrainingMode } from './trainingMode.js'
import { declaredValue } from '../rewrite/declare.js'

/** What {@link generateArtifacts} is told. */
export interface GenerateOptions {
  /** The loss. Without one, the model's first output is it. */
  readonly loss?: Loss
  /**
   * The parameters to train: a name, a glob, a regular expression, a list of these, or a predicate. Default: all, which
   * are the model's initializers of float or double but for constants of formulas. Those are trained where they are named,
   * or where a pattern fits nothing else.
   */
  readonly requiresGrad?: Selector<ParameterInfo>
  /** The parameters not to train, likewise. They are in the checkpoint, too. */
  readonly frozen?: Selector<ParameterInfo>
  /** Whether constants in `Constant` nodes are parameters as initializers are. Default false. */
  readonly promoteConstants?: boolean
  /** Without one there is no optimizer model: a session is then given what trains. */
  readonly optimizer?: OptimizerChoice
  /** Values of the model, beside the loss, that the training and the eval model give back. */
  readonly additionalOutputs?: readonly string[]
  /** The values of the model that the loss is computed from. Default: its outputs. */
  readonly outputNames?: readonly string[]
  /**
   * Whether batch normalisations in the training model use the statistics of the batch and move the running ones
   * (`'training'`, default), or the running ones as at inference.
   */
  readonly batchNormalization?: 'training' | 'inference'
  /**
   * The extents of inputs, where they are to be others than the model declares: numbers, or symbols, which free an axis
   * that the exporter has fixed, as in `{ x: ['batch', 16, 96] }`. The others follow.
   */
  readonly inputs?: InputShapes
  /** Gradient rules beyond those of `gradients`, or in their place. */
  readonly gradients?: GradientTable
  /** The package of the runtime that infers shapes and folds constants: onnxruntime-node or onnxruntime-web. */
  readonly ort: Ort
  /** Where the values of a model lie that is not given by its path and has some in other files. */
  readonly externalData?: ExternalData
}

/** What `generate_artifacts` writes: files by their contents. */
export interface TrainingArtifacts {
  /** training_model.onnx: the model, the loss and the gradients. */
  readonly trainModel: Uint8Array
  /** eval_model.onnx: the model and the loss. */
  readonly evalModel: Uint8Array
  /** optimizer_model.onnx, where an optimizer was given. */
  readonly optimizerModel: Uint8Array | undefined
  /** The checkpoint; made when it is asked for. Throws ERR_NOT_SUPPORTED where it would be over 2 GB: see `state`. */
  readonly checkpointState: Uint8Array
  /** What the checkpoint holds. */
  readonly state: CheckpointState
  readonly summary: ArtifactsSummary
}

/**
 * Makes training artifacts of a forward ONNX model, as `onnxruntime.training.artifacts.generate_artifacts` does in Python:
 * what a `TrainingSession` trains from, here and in builds of the runtime with training.
 *
 * Parameters become inputs of the training and the eval model, their values go to the checkpoint. Dropouts drop and batch
 * normalisations use the batch in the training model only. Model-local functions are inlined, constants folded.
 *
 * @param given the content of a `.onnx` file, its path or URL, or a model that was read. It is left as it is
 * @throws ERR_NOT_SUPPORTED for an operator that has no gradient rule where one is needed, naming the operator, the node and
 *   the parameter that it blocks; ERR_OPTION for a model that is not valid ONNX, and for options that do not fit it;
 *   ERR_SHAPE for a loss that does not go with the model's outputs, inputs that the model cannot have declared anew, and a
 *   batch of one for a batch normalisation that is to train
 *
 * @example
 * ```ts no-run
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { generateArtifacts } from '@induced-metric/onnx/artifacts'
 * import { TrainingSession } from '@induced-metric/onnxruntime'
 * import * as ort from 'onnxruntime-node'
 *
 * const { trainModel, evalModel, checkpointState } = await generateArtifacts('model.onnx', {
 *   loss: 'cross-entropy',
 *   requiresGrad: 'head.*',
 *   ort,
 * })
 * const optimizer = inducedMetric(adam(), { learningRate: 0.001 })
 * const session = await TrainingSession.create({ trainModel, evalModel, checkpointState, optimizer })
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
    gradients: 'any',
    ort: 'any',
    externalData: 'any',
  })
  checkRuntime(options.ort)
  const { additionalOutputs = [], batchNormalization = 'training' } = options
  if (options.outputNames !== undefined) checkNames(options.outputNames, 'outputNames')
  checkNames(additionalOutputs, 'additionalOutputs')
  const forward = await readParts(given, options)
  const { model, found, trainable, parameters } = forward
  const outputs = options.outputNames ?? defaultOutputs(model.graph, parameters)
  checkValues(model.graph, outputs, 'outputNames')
  checkValues(model.graph, additionalOutputs, 'additionalOutputs')
  const { loss, types } = await attachLoss(forward, outputs, options)
  const fed = new Set(model.graph.input.map(({ name }) => name).filter((name) => !parameters.has(name)))

  const evalModel = clone(ModelProtoSchema, model) as Model
  setEvalMode(evalModel.graph)
  // Nodes stay, for what is exported later; constants that have been folded go.
  dropUnused(
    evalModel.graph,
    evalModel.graph.node.flatMap(({ output }) => output),
  )
  declareValues(evalModel.graph, types)

  const trainModel = clone(ModelProtoSchema, model) as Model
  const { gradients, unreached, forwardNodes } = addTraining(trainModel, types, loss, trainable, {
    batchNormalization,
    table: options.gradients,
  })
  checkReached(unreached, options.requiresGrad !== undefined, gradients.size === 0)

  const state = stateOf(parameters, new Set(gradients.keys()))
  const optimizerModel =
    options.optimizer === undefined
      ? undefined
      : writeOptimizerModel(
          options.optimizer,
          state.trainable.map(({ name, dims, dataType: type }) => ({
            name,
            shape: dims,
            dtype: type === dataType.double ? 'float64' : 'float32',
          })),
        )
  return {
    trainModel: writeModel(trainModel),
    evalModel: writeModel(evalModel),
    optimizerModel,
    get checkpointState() {
      return writeCheckpoint(state)
    },
    state,
    summary: summarize({
      trainModel,
      fed,
      forwardNodes,
      state,
      types,
      loss,
      inlined: forward.inlined,
      folded: forward.folded,
      unreached,
      constants: found.constants,
    }),
  }
}

function checkRuntime(ort: unknown): void {
  if (typeof ort === 'object' && ort !== null && 'InferenceSession' in ort) return
  throw new InducedMetricError(
    'ERR_OPTION',
    `generateArtifacts: ort must be a package of ONNX Runtime, as \`await import('onnxruntime-node')\` is, given ${shown(ort)}`,
  )
}

/** A forward model whose parameters have become inputs. */
interface ForwardParts {
  readonly model: Model
  readonly found: ModelParameters
  /** The names of the parameters to train. */
  readonly trainable: readonly string[]
  /** The values of all parameters, by name. */
  readonly parameters: ReadonlyMap<string, TensorProto>
  /** The types of the model's values. */
  readonly types: ValueTypes
  readonly inlined: ReadonlyMap<string, number>
  readonly folded: number
}

/** Reads a forward model, and makes inputs of its parameters. */
async function readParts(given: Artifact | Model, options: GenerateOptions): Promise<ForwardParts> {
  const { ort, additionalOutputs = [], batchNormalization = 'training' } = options
  const read = await readForward(given, forwardModel, options.externalData)
  const { model, inlined, constants } = prepareModel(read, options.promoteConstants)
  const { graph } = model
  const named = options.outputNames ?? graph.output.map(({ name }) => name)
  if (options.inputs !== undefined) await redeclareInputs(model, options.inputs, named, ort)
  await separateStatistics(model, constants, batchNormalization === 'training', ort)
  const found = findParameters(graph, constants)
  const trainable = chooseTrainable(found, options.requiresGrad, options.frozen)
  const parameters = takeParameters(graph, found, trainable)
  freeReservedNames(graph, [...parameters.keys()], new Set([...named, ...additionalOutputs]))
  return { model, found, trainable, parameters, inlined, ...(await foldConstants(model, ort)) }
}

/** Gives a model its loss, which becomes its first output, and puts what a caller feeds before the parameters. */
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
  // What the model says of its outputs may be all that is known of them.
  graph.valueInfo = [...graph.valueInfo, ...forwardOutputs.filter((output) => !graph.output.includes(output))]
  const types = await inferTypes(model, ort)
  for (const output of graph.output) {
    const { dataType: type = dataType.float, shape } = types.get(output.name)
    Object.assign(output, declaredValue(output.name, type, shape))
  }
  checkLoss(loss, types)
  return { loss, types }
}

/** Turns a model with a loss into one that accumulates gradients; which parameters have one is returned. */
function addTraining(
  model: Model,
  types: ValueTypes,
  loss: string,
  trainable: readonly string[],
  options: {
    readonly batchNormalization: 'training' | 'inference'
    readonly table: GradientTable | undefined
  },
): {
  readonly gradients: ReadonlyMap<string, string>
  readonly unreached: readonly UnreachedParameter[]
  readonly forwardNodes: number
} {
  const { graph } = model
  dropUnused(graph)
  setTrainingMode(graph, types, options.batchNormalization)
  const fresh = freshNames(namesIn(graph))
  const { dataType: type = dataType.float, shape = [] } = types.get(loss)
  const seed = realTensor(
    fresh(`${loss}_grad`),
    [1],
    type,
    shape.map(() => 1),
  )
  graph.initializer.push(seed)
  const { table = builtinGradients } = options
  const { nodes, constants, gradients, reached } = addGradients({
    graph,
    types,
    opset: opsetOf(model)!,
    seeds: new Map([[loss, seed.name]]),
    wanted: trainable,
    table,
  })
  const blocked = trainable.filter((name) => !gradients.has(name))
  const unreached = findStops(graph, types, loss, blocked, reached, table)
  const forwardNodes = graph.node.length
  graph.node = [...graph.node, ...nodes]
  graph.initializer = [...graph.initializer, ...constants]
  declareValues(graph, types)

  addAccumulation(model, gradients)
  const read = dropUnused(graph)
  graph.input = graph.input.filter(({ name }) => read.has(name))
  if (opsetOf(model, 'com.microsoft') === undefined) setOpset(model, 'com.microsoft', 1)
  return { gradients, unreached, forwardNodes }
}

/** Says of the values of a graph what is known. */
function declareValues(graph: GraphProto, types: ValueTypes): void {
  const known = new Set([...graph.input, ...graph.output].map(({ name }) => name))
  const values: ValueInfoProto[] = []
  for (const name of graph.node.flatMap(({ output }) => output)) {
    const { dataType: type, shape } = types.get(name)
    if (name !== '' && type !== undefined && !known.has(name)) values.push(declaredValue(name, type, shape))
  }
  graph.valueInfo = values
}

function stateOf(values: ReadonlyMap<string, TensorProto>, trained: ReadonlySet<string>): CheckpointState {
  const tensors = [...values].map(([name, tensor]): NamedTensor => ({ ...readTensor(tensor), name }))
  return {
    trainable: tensors.filter(({ name }) => trained.has(name)),
    frozen: tensors.filter(({ name }) => !trained.has(name)),
    optimizerGroups: [],
    properties: new Map(),
  }
}

/** Of what was asked for everything must have a gradient; of what was not, something. */
function checkReached(unreached: readonly UnreachedParameter[], isAsked: boolean, isNone: boolean): void {
  if (unreached.length === 0 || !(isAsked || isNone)) return
  const reasons = unreached.slice(0, 3).map(explainStops).join('; ')
  throw new InducedMetricError(
    'ERR_OPTION',
    `${isAsked ? 'requiresGrad' : 'no parameter of the model can be trained'}: ${reasons}`,
  )
}

function checkLoss(loss: string, types: ValueTypes): void {
  const { dataType: type, shape } = types.get(loss)
  const isOne = shape?.every((extent) => extent === 1)
  if (isOne && (type === dataType.float || type === dataType.double)) return
  throw new InducedMetricError(
    'ERR_SHAPE',
    `the loss must be one number of float or double, and ${JSON.stringify(loss)} is ${describeShape(shape)}; give a loss, or ` +
      'reduce it to its mean',
  )
}

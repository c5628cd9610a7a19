import { optionError } from '@induced-metric/core/adapter'
import { describeLoops } from '../inference/bodies.js'
import { resolveControlFlow } from '../inference/controlFlow.js'
import { foldConstants } from '../inference/fold.js'
import { sizeResizes } from '../inference/resized.js'
import type { Artifact } from '../files/readArtifact.js'
import { isTrainingOnly } from '../lowering/table.js'
import { canonicalDomain, type Model } from '../proto/model.js'
import type { TensorProto } from '../proto/onnx_pb.js'
import { describeNode } from '../rewrite/nodeContext.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import { freeReservedNames } from './accumulation.js'
import { bindInputs } from './bind.js'
import { correctOutputs, redeclareInputs } from './declarations.js'
import type { GenerateOptions } from './generateOptions.js'
import {
  findParameters,
  lacksParameters,
  takeParameters,
  withSoleOperands,
  type ModelParameters,
} from './parameters.js'
import { prepareModel } from './prepare.js'
import { forwardModel, readForward } from './readForward.js'
import { separateStatistics } from './statistics.js'
import { chooseTrainable } from './trainable.js'

/** A forward model whose parameters have become inputs. */
export interface ForwardParts {
  readonly model: Model
  readonly found: ModelParameters
  /** The names of the parameters to train. */
  readonly trainable: readonly string[]
  /** The values of all parameters, by name. */
  readonly parameters: ReadonlyMap<string, TensorProto>
  /** The types of the model's values. */
  readonly types: ValueTypes
  readonly inlined: ReadonlyMap<string, number>
  readonly widened: number
  readonly folded: number
}

/** Reads a forward model, and turns its parameters into inputs. */
export async function readParts(given: Artifact | Model, options: GenerateOptions): Promise<ForwardParts> {
  const { ort, additionalOutputs = [], batchNormalization } = options
  const read = await readForward(given, forwardModel, options.externalData)
  refuseTrainingModel(read)
  const prepared = prepareModel(read)
  const { model, inlined, widened } = prepared
  const { graph } = model
  const named = options.outputNames ?? graph.output.map(({ name }) => name)
  const bound = options.bind === undefined ? [] : bindInputs(model, options.bind)
  if (options.inputs !== undefined) await redeclareInputs(model, options.inputs, named, ort)
  const inBranches = await resolveControlFlow(model, ort)
  const inNodes = new Set([...prepared.inNodes, ...inBranches])
  const isPromoted = options.promoteConstants ?? lacksParameters(graph, new Set([...inNodes, ...bound]))
  const constants = new Set([...prepared.made, ...bound, ...(isPromoted ? [] : inNodes)])
  await separateStatistics(model, constants, batchNormalization, ort)
  const found = withSoleOperands(findParameters(graph, constants))
  const trainable = chooseTrainable(found, options.requiresGrad, options.frozen)
  const parameters = takeParameters(graph, found, trainable)
  freeReservedNames(graph, [...parameters.keys()], new Set([...named, ...additionalOutputs]))
  await correctOutputs(model, ort)
  const { types, folded } = await foldConstants(model, ort)
  const sized = await sizeResizes(model, types, ort)
  return {
    model,
    found,
    trainable,
    parameters,
    inlined,
    widened,
    folded,
    types: await describeLoops(model, sized, ort),
  }
}

/** Refuses a model with operators of training, such as those that `generateArtifacts` adds. */
function refuseTrainingModel({ graph, functions }: Model): void {
  const node = graph.node.find(
    ({ domain, opType }) =>
      isTrainingOnly(canonicalDomain(domain), opType) &&
      !functions.some((own) => own.name === opType && own.domain === domain),
  )
  if (node === undefined) return
  throw optionError(
    `the model is a training model already, with ${describeNode(node)}: a session takes one that generate_artifacts made as ` +
      'trainModel. Artifacts are generated from the forward model',
  )
}

import { InducedMetricError } from '@induced-metric/core'
import { optionError, sizeOf } from '@induced-metric/core/adapter'
import type { Artifact } from '../files/readArtifact.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import type { Ort } from '../runtime/ort.js'
import { freshNames, namesIn, dropUnused } from '../proto/graph.js'
import { canonicalDomain, opsetOf, type Model } from '../proto/model.js'
import type { ValueInfoProto } from '../proto/onnx_pb.js'
import { dimsOf } from '../proto/tensor.js'
import { addGradients } from '../gradients/backward.js'
import type { Bodies } from '../inference/bodies.js'
import { resolveControlFlow } from '../inference/controlFlow.js'
import { foldConstants } from '../inference/fold.js'
import { isRefusal } from '../gradients/control.js'
import { isReal, noGradient, ruleOf } from '../gradients/context.js'
import { gradients as builtinGradients } from '../gradients/table.js'
import { defaultOutputs } from './outputs.js'
import { findParameters, lacksParameters, takeParameters, withSoleOperands } from './parameters.js'
import { prepareModel } from './prepare.js'
import { explainStops, findStops, type UnreachedParameter } from './reach.js'
import { forwardModel, readForward } from './readForward.js'
import { batchOf, leftOut, type LeftOutConstant } from './summary.js'
import { chooseTrainable } from './trainable.js'
import { isWrittenOut, writeOut } from './writtenOut.js'
import { setTrainingMode } from './trainingMode.js'

/** A parameter of a forward model, and its default role. */
export interface SurveyedParameter {
  readonly name: string
  readonly dataType: number
  readonly dims: readonly number[]
  readonly scalars: number
  readonly trainable: boolean
}

/** An operator of a forward model. */
export interface SurveyedOperator {
  /** As `domain::operator`. */
  readonly operator: string
  readonly count: number
  /** `rule`: there is a rule; `ends`: gradients end there by design; `missing`: there is no rule. */
  readonly gradient: 'rule' | 'ends' | 'missing'
}

/** The contents of a forward model, and the result that `generateArtifacts` would have. */
export interface ForwardSurvey {
  readonly opset: Readonly<Record<string, number>>
  readonly inputs: readonly ValueInfoProto[]
  readonly outputs: readonly ValueInfoProto[]
  readonly parameters: readonly SurveyedParameter[]
  readonly constants: readonly LeftOutConstant[]
  /** Constants in nodes that would be parameters with `promoteConstants`. */
  readonly inNodes: readonly string[]
  readonly unreached: readonly UnreachedParameter[]
  readonly operators: readonly SurveyedOperator[]
  readonly inlined: Readonly<Record<string, number>>
  /** The number of float16 constants that become float32, with the inputs and outputs of that type. */
  readonly widened: number
  /** The values that a loss is computed from. Named losses use the first. */
  readonly lossInputs: readonly string[]
  /** The number of examples that the model takes at a time, if it is fixed. */
  readonly batch: number | undefined
  /** The obstacles to training, in words. */
  readonly problems: readonly string[]
}

/**
 * Examines a forward model: its contents, and the parameters that training on its first output would reach.
 *
 * @param loadRuntime is called once the runtime is needed, to infer shapes and fold constants
 * @throws ERR_OPTION if it is not a valid model, ERR_NOT_SUPPORTED if it cannot be read
 */
export async function surveyForward(
  given: Artifact,
  loadRuntime: () => Promise<Ort>,
): Promise<ForwardSurvey> {
  const read = await readForward(given, forwardModel)
  const opset = Object.fromEntries(
    read.opsetImport.map(({ domain, version }) => [canonicalDomain(domain) || 'ai.onnx', Number(version)]),
  )
  const { model, inlined, inNodes, made, widened } = prepareModel(read)
  const { graph } = model
  const [inputs, outputs] = [[...graph.input], [...graph.output]]
  const problems: string[] = []
  const attempt = async <T>(act: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof InducedMetricError)) throw error
      problems.push(error.message)
      return undefined
    }
  }
  if (graph.node.some(({ opType }) => opType === 'InPlaceAccumulatorV2')) {
    problems.push('it is a training model already: inspect its folder instead')
  }
  const inBranches = await attempt(async () => resolveControlFlow(model, await loadRuntime()))
  const hidden = new Set([...inNodes, ...(inBranches ?? [])])
  const fixed = lacksParameters(graph, hidden) ? made : new Set([...made, ...hidden])
  const found = withSoleOperands(findParameters(graph, fixed))
  const wanted = (await attempt(() => chooseTrainable(found, undefined, undefined))) ?? []
  const parameters = takeParameters(graph, found, [])
  const types = (await attempt(async () => foldConstants(model, await loadRuntime())))?.types
  const lossInputs = (await attempt(() => defaultOutputs(graph, parameters, wanted))) ?? []
  const operators = operatorsOf(model)
  const [from] = lossInputs
  const unreached =
    types && from !== undefined && wanted.length > 0
      ? await attempt(async () => {
          const { types: whole, bodies } = await writeOut(model, types, wanted, await loadRuntime())
          return unreachedFrom(model, whole, from, wanted, bodies)
        })
      : undefined
  const stopped = new Set(unreached?.map(({ name }) => name))
  const trained = new Set(unreached ? wanted.filter((name) => !stopped.has(name)) : [])
  if (unreached && trained.size === 0) problems.push(...unreached.map(explainStops))
  return {
    opset,
    inputs,
    outputs,
    parameters: [...parameters].map(([name, tensor]) => {
      const dims = dimsOf(tensor)
      return { name, dataType: tensor.dataType, dims, scalars: sizeOf(dims), trainable: trained.has(name) }
    }),
    constants: leftOut(found.constants, new Set()),
    inNodes: found.inNodes,
    unreached: unreached ?? [],
    operators,
    inlined: Object.fromEntries(inlined),
    widened,
    lossInputs,
    batch: types && batchOf(inputs.map(({ name }) => types.get(name).shape)),
    problems,
  }
}

function operatorsOf({ graph }: Model): SurveyedOperator[] {
  const counts = new Map<string, { count: number; gradient: SurveyedOperator['gradient'] }>()
  for (const node of graph.node) {
    const key = `${canonicalDomain(node.domain) || 'ai.onnx'}::${node.opType}`
    const rule = ruleOf(builtinGradients, node)
    const isMissing = rule === undefined ? !isWrittenOut(node) : isRefusal(rule)
    const gradient = isMissing ? 'missing' : rule === noGradient ? 'ends' : 'rule'
    counts.set(key, { count: (counts.get(key)?.count ?? 0) + 1, gradient })
  }
  return [...counts]
    .map(([operator, found]) => ({ operator, ...found }))
    .sort((a, b) => (a.operator < b.operator ? -1 : 1))
}

/**
 * The parameters that no gradient of a value would reach.
 *
 * @param model is changed
 * @throws ERR_NOT_SUPPORTED for an operator on the way that has no rule
 */
function unreachedFrom(
  model: Model,
  types: ValueTypes,
  value: string,
  wanted: readonly string[],
  bodies: Bodies,
): UnreachedParameter[] {
  const { graph } = model
  const { dataType } = types.get(value)
  if (!isReal(dataType)) {
    throw optionError(
      `no gradient passes ${JSON.stringify(value)}, whose elements are of ONNX type ${dataType}; name a value that the loss is ` +
        'to be computed from with outputNames',
    )
  }
  dropUnused(graph, [value])
  setTrainingMode(graph, types, undefined)
  const seed = freshNames(namesIn(graph))(`${value}_grad`)
  types.add(seed, types.get(value))
  const { gradients, reached } = addGradients({
    graph,
    types,
    opset: opsetOf(model)!,
    seeds: new Map([[value, seed]]),
    wanted,
    bodies,
  })
  const blocked = wanted.filter((name) => !gradients.has(name))
  return findStops(graph, types, value, blocked, reached, builtinGradients)
}

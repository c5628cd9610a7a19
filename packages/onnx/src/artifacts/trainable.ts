import { optionError } from '@induced-metric/core/adapter'
import { noGradient, ruleOf } from '../gradients/context.js'
import { gradients } from '../gradients/table.js'
import type { NodeProto, TensorProto } from '../proto/onnx_pb.js'
import { dimsOf } from '../proto/tensor.js'
import type { ModelParameters, ParameterTraits } from './parameters.js'
import { fits, patternsOf, selectNames, type Selector } from './select.js'

/** The number of names that an error lists. */
const listed = 6

/**
 * Chooses the parameters to train: the requested ones, all by default, without the frozen ones. Constants of formulas
 * are trained if they are named, or if a pattern fits only such constants.
 *
 * @throws ERR_OPTION for patterns that fit nothing, for a parameter that is named in both options, and if no
 *   parameter is left
 */
export function chooseTrainable(
  parameters: ModelParameters,
  requiresGrad: Selector<ParameterTraits> | undefined,
  frozen: Selector<ParameterTraits> | undefined,
): string[] {
  const { values, buffers, constants, inNodes } = parameters
  const candidates = new Map([...values].filter(([name]) => !buffers.has(name)).map(described))
  const others = new Map([...constants].map(([name, { tensor }]) => described([name, tensor])))
  const patterns = requiresGrad === undefined ? [] : patternsOf(requiresGrad, 'requiresGrad')
  const hidden = inNodes.find((name) => patterns.includes(name))
  if (hidden !== undefined) {
    throw optionError(
      `requiresGrad: ${JSON.stringify(hidden)} is a constant in a node; with promoteConstants: true it is a parameter`,
    )
  }
  const names = [...candidates.keys()]
  const only = patterns.filter((pattern) => !names.some((name) => fits(pattern, name)))
  const named = [...others].filter(([name]) => only.some((pattern) => fits(pattern, name)))
  const trained =
    requiresGrad === undefined
      ? names
      : selectNames(requiresGrad, new Map([...candidates, ...named]), 'requiresGrad')
  const all = new Map([...[...values].map(described), ...others])
  const kept = new Set(frozen === undefined ? [] : selectNames(frozen, all, 'frozen'))
  const both = requiresGrad === undefined ? undefined : trained.find((name) => kept.has(name))
  if (both !== undefined) {
    throw optionError(
      `the parameter ${JSON.stringify(both)} is in requiresGrad and in frozen; it can be in one only`,
    )
  }
  const chosen = trained.filter((name) => !kept.has(name))
  if (chosen.length > 0) return chosen
  throw optionError(
    candidates.size === 0
      ? `the model has no parameters to train: no initializer of float or double${hints(parameters)}`
      : `no parameter is left to train of ${list(names)}: see requiresGrad and frozen`,
  )
}

function described([name, tensor]: readonly [string, TensorProto]): [string, ParameterTraits] {
  return [name, { dims: dimsOf(tensor), dataType: tensor.dataType }]
}

/** Hints where the parameters may be that a model seems to lack. */
function hints({ constants, inNodes }: ModelParameters): string {
  const isQuantized = [...constants.values()].some(({ user }) => /Linear/.test(user.opType))
  if (isQuantized) {
    return (
      '. Its numbers are quantised, and whole numbers have no gradient: addLora puts adapters that can be trained beside ' +
      'quantised weights'
    )
  }
  const inNode =
    inNodes.length === 0
      ? ''
      : `. It has ${inNodes.length} constants in nodes (${list(inNodes)}): with promoteConstants: true they are parameters`
  const entries = [...constants]
  const inFormula = entries.filter(([, { user }]) => !isSetting(user)).map(([name]) => name)
  if (inFormula.length > 0) {
    return `${inNode}. Constants of formulas were left out (${list(inFormula)}): those to train are named in requiresGrad`
  }
  const settings = entries.map(([name, { user }]) => `${name} of ${user.opType}`)
  if (settings.length === 0 || inNode !== '') return inNode
  return (
    `. Its settings take no gradient (${list(settings)}): train the model that computes its inputs, with this one behind it ` +
    '(composeModels) if the loss needs it'
  )
}

/** Whether no gradient flows to the settings of a node. */
function isSetting(user: NodeProto): boolean {
  return ruleOf(gradients, user) === noGradient || ['Dropout', 'Resize', 'Upsample'].includes(user.opType)
}

function list(names: readonly string[]): string {
  return names.slice(0, listed).join(', ') + (names.length > listed ? ', …' : '')
}

import { InducedMetricError } from '@induced-metric/core'
import type { TensorProto } from '../proto/onnx_pb.js'
import { dimsOf } from '../proto/tensor.js'
import type { ModelParameters, ParameterInfo } from './parameters.js'
import { fits, patternsOf, selectNames, type Selector } from './select.js'

/** How many names an error lists. */
const listed = 6

/**
 * Which parameters are to be trained: those that are asked for, all by default, without those to be frozen. Constants of
 * formulas are trained where a name is theirs, or a pattern fits none but such.
 *
 * @throws ERR_OPTION for patterns that fit nothing, for a parameter that is named in both, and where nothing is left
 */
export function chooseTrainable(
  parameters: ModelParameters,
  requiresGrad: Selector<ParameterInfo> | undefined,
  frozen: Selector<ParameterInfo> | undefined,
): string[] {
  const { values, buffers, constants, inNodes } = parameters
  const candidates = new Map([...values].filter(([name]) => !buffers.has(name)).map(described))
  const others = new Map([...constants].map(([name, { tensor }]) => described([name, tensor])))
  const patterns = requiresGrad === undefined ? [] : patternsOf(requiresGrad, 'requiresGrad')
  const hidden = inNodes.find((name) => patterns.includes(name))
  if (hidden !== undefined) {
    throw new InducedMetricError(
      'ERR_OPTION',
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
    throw new InducedMetricError(
      'ERR_OPTION',
      `the parameter ${JSON.stringify(both)} is in requiresGrad and in frozen; it can be in one only`,
    )
  }
  const chosen = trained.filter((name) => !kept.has(name))
  if (chosen.length > 0) return chosen
  throw new InducedMetricError(
    'ERR_OPTION',
    candidates.size === 0
      ? `the model has no parameters to train: no initializer of float or double${hints(parameters)}`
      : `no parameter is left to train of ${list(names)}: see requiresGrad and frozen`,
  )
}

function described([name, tensor]: readonly [string, TensorProto]): [string, ParameterInfo] {
  return [name, { dims: dimsOf(tensor), dataType: tensor.dataType }]
}

/** Where the parameters may be that a model seems not to have. */
function hints({ constants, inNodes }: ModelParameters): string {
  const inNode =
    inNodes.length === 0
      ? ''
      : `. It has ${inNodes.length} constants in nodes (${list(inNodes)}): with promoteConstants: true they are parameters`
  const inFormula =
    constants.size === 0
      ? ''
      : `. Constants of formulas were left out (${list([...constants.keys()])}): those to train are named in requiresGrad`
  return inNode + inFormula
}

function list(names: readonly string[]): string {
  return names.slice(0, listed).join(', ') + (names.length > listed ? ', …' : '')
}

import { InducedMetricError, type ParameterInfo, type Transformation } from '@induced-metric/core'
import {
  createTensorStep,
  withGroups,
  type GroupOf,
  type TensorInfo,
  type TensorStep,
} from '@induced-metric/core/adapter'
import type { JsTree, numpy as np } from '@jax-js/jax'
import { leavesOf, type Leaf } from './leaves.js'
import type { InducedState } from './state.js'
import { tensors } from './tensors.js'

/** How an optimiser names and groups parameters. */
export interface Naming {
  readonly nameOf: (path: readonly string[]) => string
  readonly groupOf: GroupOf | undefined
}

/** The steps of an optimiser, one for each tree of parameters. */
export interface Steps {
  /** The step for parameters without a state, and their names in the order of the state to be. */
  begin(params: JsTree<np.Array>): { readonly names: string[]; readonly step: TensorStep<np.Array> }
  /** The step for the parameters of a state, and their leaves in its order. */
  of(
    state: InducedState,
    params: JsTree<np.Array>,
  ): { readonly leaves: readonly Leaf[]; readonly step: TensorStep<np.Array> }
}

export function createSteps(transformation: Transformation, { nameOf, groupOf }: Naming): Steps {
  const steps = new Map<string, TensorStep<np.Array>>()
  /** The parameters of all trees so far, by name: together they must have all the groups of the transformation. */
  const met = new Map<string, ParameterInfo>()

  const nameOfLeaf = ({ path }: Leaf): string => nameOf(path.map(String))
  const infosOf = (leaves: readonly Leaf[]): TensorInfo[] => {
    const infos = leaves.map((leaf): TensorInfo => {
      const [shape, dtype] = [tensors.shape(leaf.value), tensors.dtype(leaf.value)]
      // Weights are multiplied from the right: x @ w.
      return { name: nameOfLeaf(leaf), shape, dtype, rowsAre: 'inputs' }
    })
    const twice = infos.find(({ name }, i) => infos.findIndex((other) => other.name === name) !== i)
    if (twice)
      throw new InducedMetricError('ERR_OPTION', `two parameters are named ${JSON.stringify(twice.name)}`)
    return withGroups(infos, groupOf)
  }
  const stepOf = (infos: readonly TensorInfo[]): TensorStep<np.Array> => {
    const key = JSON.stringify(infos)
    let step = steps.get(key)
    if (step === undefined) {
      const rest = { others: () => [...met.values()], isOpen: true }
      steps.set(key, (step = createTensorStep(transformation, infos, tensors, 'update', rest)))
      for (const info of infos) met.set(info.name, info)
    }
    return step
  }

  return {
    begin(params) {
      const infos = new Map(infosOf(leavesOf(params)).map((info) => [info.name, info]))
      // The order of a state is that of its keys, and an object has keys that are whole numbers first.
      const names = Object.keys(Object.fromEntries(infos))
      return { names, step: stepOf(names.map((name) => infos.get(name)!)) }
    },
    of(state, params) {
      const names = Object.keys(state.slots)
      const leaves = new Map(leavesOf(params).map((leaf) => [nameOfLeaf(leaf), leaf]))
      if (leaves.size !== names.length || names.some((name) => !leaves.has(name))) {
        const message = `the state is of the parameters ${names.join(', ')}; given are ${[...leaves.keys()].join(', ')}`
        throw new InducedMetricError('ERR_SHAPE', message)
      }
      const ordered = names.map((name) => leaves.get(name)!)
      return { leaves: ordered, step: stepOf(infosOf(ordered)) }
    },
  }
}

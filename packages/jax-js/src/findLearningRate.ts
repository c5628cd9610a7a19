import {
  findLearningRate as searchRates,
  type RateSearch,
  type TrainingSearchOptions,
} from '@induced-metric/core'
import { tree, type JsTree, type numpy as np } from '@jax-js/jax'
import { checkTraining } from '@induced-metric/core/adapter'
import type { InducedOptimizer } from './inducedOptimizer.js'
import type { InducedState } from './state.js'

/** Parameters, and the state of their optimiser. */
export interface Training<Params> {
  readonly params: Params
  readonly state: InducedState
}

/** A training after a step, and the loss before it. */
export interface TrainingStep<Params> extends Training<Params> {
  readonly loss: number
}

/**
 * Searches for the learning rate of a solver: takes steps with rates that grow from call to call until the loss diverges. See the
 * core's `findLearningRate`. As everything is a function of a state, nothing has to be put back.
 *
 * @param start where every sweep begins. Consumes nothing
 * @param train takes a step from parameters and a state, which it consumes, and returns the next ones and the loss; it is given
 *   the number of the call, from 0
 * @param options `from`, `to`, `steps`, `smoothing`, `divergence`; `xi` and `setXi`
 * @returns the sweep, a suggestion, and charts
 * @throws ERR_OPTION for a wrong option; what `train` throws
 *
 * @example
 * ```ts
 * import { numpy as np, tree, valueAndGrad } from '@jax-js/jax'
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { applyUpdates, findLearningRate, inducedOptimizer } from '@induced-metric/jax-js'
 *
 * const loss = ({ w }: { w: np.Array }) => np.square(w.sub(3)).sum()
 * const solver = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1 }))
 * const params = { w: np.zeros([2]) }
 * const state = solver.init(tree.ref(params))
 * const found = await findLearningRate(solver, { params, state }, ({ params, state }) => {
 *   const [value, grads] = valueAndGrad(loss)(tree.ref(params))
 *   const [updates, next] = solver.update(grads, state, tree.ref(params))
 *   return { loss: value.item(), params: applyUpdates(params, updates), state: next }
 * }, { steps: 40 })
 * console.log(found.suggestion)
 * ```
 */
export async function findLearningRate<Params extends JsTree<np.Array>>(
  solver: InducedOptimizer,
  start: Training<Params>,
  train: (current: Training<Params>, index: number) => TrainingStep<Params> | Promise<TrainingStep<Params>>,
  { setXi, ...options }: TrainingSearchOptions = {},
): Promise<RateSearch> {
  checkTraining(train)
  const copy = (): Training<Params> => ({ params: tree.ref(start.params), state: tree.ref(start.state) })
  let current: Training<Params> | undefined = copy()
  const drop = (): void => {
    if (current) tree.dispose([current.params, current.state])
    current = undefined
  }
  try {
    return await searchRates<undefined>(
      {
        async step(learningRate, index) {
          const { params, state } = current!
          const given = { params, state: solver.withLearningRate(state, params, learningRate) }
          // The step consumes these.
          current = undefined
          const { loss, ...next } = await train(given, index)
          current = next
          return { loss, ...(solver.report && { scale: solver.report.scale }) }
        },
        save: () => undefined,
        load() {
          drop()
          current = copy()
        },
        ...(setXi && { setXi }),
      },
      options,
    )
  } finally {
    drop()
  }
}

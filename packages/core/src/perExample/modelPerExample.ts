import type { TypedArray } from '../dtype.js'
import { disposedError } from '../errors.js'
import {
  Follower,
  type FollowedModel,
  type FollowingOptimizer,
  type ModelParameters,
} from '../arrays/follower.js'
import type { StepReport } from '../step/report.js'
import type { Preconditioner } from '../transformation/preconditioner.js'
import type { PerExampleRows, PerExampleTargets } from './axes.js'
import { perExample, type PerExampleOptimizer, type PerExampleOptions } from './perExample.js'

/** An optimiser with one axis per example, of whatever weights a model has. */
export interface ModelPerExample<R extends ModelParameters>
  extends FollowingOptimizer<R>, Pick<PerExampleOptimizer, 'step'> {
  /**
   * Returns to the state before the first step, as the `reset` of a {@link PerExampleOptimizer} does. The model may have no
   * weights yet.
   *
   * @throws ERR_DISPOSED
   */
  reset(): void
}

/**
 * Creates an optimiser with one axis per example over the arrays of a model that may be given others at any time: `perExample`
 * for adapters, as `createModelOptimizer` is `createOptimizer` for adapters.
 *
 * @param base one whose P is diagonal
 * @param model a function that returns the model's parameters as they are now, or an adoptable model
 * @param options of `perExample`
 * @throws what `perExample` throws
 *
 * @example
 * ```ts
 * import { adam } from '@induced-metric/core'
 * import { createModelPerExample, RowCollector } from '@induced-metric/core/adapter'
 *
 * const model = { slope: new Float32Array([0]) }
 * const optimizer = createModelPerExample(adam({ beta1: 0 }), () => [{ name: 'slope', shape: [1], data: model.slope }])
 * const collector = new RowCollector()
 * for (const [x, y] of [[1, 2], [2, 4], [3, 6]] as const) {
 *   const residual = model.slope[0]! * x - y
 *   collector.add(residual, [Float32Array.of(x)])
 * }
 * const { rows, targets } = collector.take()
 * optimizer.step(rows, { residuals: targets })
 * console.log(model.slope) // about 2
 * ```
 */
export function createModelPerExample<R extends ModelParameters>(
  base: Preconditioner,
  model: FollowedModel<R>,
  options: PerExampleOptions = {},
): ModelPerExample<R> {
  perExample(base, [], options).dispose()
  return new FollowingPerExample(base, model, options)
}

class FollowingPerExample<R extends ModelParameters>
  extends Follower<R, PerExampleOptimizer>
  implements ModelPerExample<R>
{
  constructor(base: Preconditioner, model: FollowedModel<R>, options: PerExampleOptions) {
    super(model, (parameters) => ({
      optimizer: perExample(base, parameters, options),
      memory: { parameters, gradients: [] },
    }))
  }

  step(rows: PerExampleRows, targets: PerExampleTargets): StepReport {
    return (this.optimizer ?? this.existing('step')).step(rows, targets)
  }

  reset(): void {
    this.follow()
    if (this.isDisposed) throw disposedError()
    this.optimizer?.reset()
  }
}

/** Collects the rows of a step, for frameworks that compute the gradient of one residual or loss at a time. */
export class RowCollector {
  #targets: number[] = []
  #rows: TypedArray[][] = []

  /**
   * Adds a row.
   *
   * @param target the residual or the loss
   * @param gradients its gradient, an array per parameter; they are copied
   */
  add(target: number, gradients: readonly TypedArray[]): void {
    this.#targets.push(target)
    this.#rows.push(gradients.map((gradient) => gradient.slice()))
  }

  /**
   * Returns what was collected, and starts again without rows.
   *
   * @returns `rows`, a block rows × size for each parameter, and `targets`, the residual or loss of each row
   */
  take(): { readonly rows: Float64Array[]; readonly targets: number[] } {
    const [rows, targets] = [this.#rows, this.#targets]
    this.#rows = []
    this.#targets = []
    const blocks = (rows[0] ?? []).map(({ length }, parameter) => {
      const block = new Float64Array(rows.length * length)
      rows.forEach((row, i) => block.set(row[parameter]!, i * length))
      return block
    })
    return { rows: blocks, targets }
  }
}

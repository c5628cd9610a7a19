import type { CaseBody } from '../case.js'
import type { Context } from '../context.js'
import { problemParameters, problemStep } from '../problem.js'
import type { Core, CoreTransformation } from '../target.js'
import { expectUntouched } from './trajectory.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/**
 * A base defined by the kit that divides the gradient by a value over its squares: their largest by row, their sums by row or over all
 * parameters, or the loss. Where that value overflows, the direction is 0, and so is s.
 */
function dividedTransformation(core: Core, by: Body<'customSums'>['by']): CoreTransformation {
  const { add, div, rowMax, rowSums, square, sum } = core.algebra
  const base = core.definePreconditioner({
    name: 'conformance-divided',
    ...((by === 'rowMax' || by === 'rowSums') && { matrix: 'optional' as const }),
    update({ gradient, matrix, total, loss }) {
      const squares = square(gradient)
      const values = {
        rowMax: () => (matrix ? rowMax(squares) : sum(squares)),
        rowSums: () => (matrix ? rowSums(squares) : sum(squares)),
        sum: () => sum(squares),
        total: () => total(squares),
        loss: () => loss,
      }
      return { direction: div(gradient, add(1, values[by]())), slots: {} }
    },
  })
  return core.inducedMetric(base(), { learningRate: 0.25, xi: 0.25 })
}

/** A step in which a value that a base reads is infinite is skipped, though its direction and s are finite. */
export async function customSums(context: Context, { problem, by }: Body<'customSums'>): Promise<void> {
  const transformation = dividedTransformation(context.target.core, by)
  const session = await context.create(transformation, problemParameters(problem, context.dtype))
  const { gradients } = problemStep(problem, 1, context.dtype)
  const finite = problemStep({ ...problem, gradientScale: 1 }, 1, context.dtype)
  const loss = by === 'loss' ? Infinity : undefined
  await expectUntouched(
    context,
    session,
    `${by} infinite`,
    'skipped',
    by === 'loss' ? finite.gradients : gradients,
    loss,
    0,
  )
}

import type { CaseBody } from '../case.js'
import { expectClose } from '../compare.js'
import { readCopies, scalarsOf, type Context } from '../context.js'
import { problemParameters, problemStep } from '../problem.js'
import type { Core, CoreTransformation } from '../target.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

const decay = 0.75

/**
 * A base defined by the kit that keeps, of the squares of a matrix, averages by row, means by column that it renews at every
 * second step, and a scalar, the weight that its averages lack.
 */
function factoredTransformation(core: Core): CoreTransformation {
  const { add, columnSums, div, ema, every, mul, rowSums, sqrt, square, sub } = core.algebra
  const base = core.definePreconditioner({
    name: 'conformance-factored',
    matrix: 'optional',
    update({ gradient, matrix, rows, columns, slot }) {
      const lacking = mul(decay, slot('lacking', { shape: 'scalar', initial: 1 }))
      const squared = square(gradient)
      if (!matrix) {
        const v = ema(slot('v'), squared, decay)
        const denominator = add(sqrt(div(v, sub(1, lacking))), 0.5)
        return { direction: div(gradient, denominator), slots: { lacking, v } }
      }
      const row = ema(slot('row', { shape: 'rows' }), div(rowSums(squared), columns), decay)
      const kept = slot('column', { shape: 'columns', initial: 1 })
      const column = every(2, div(columnSums(squared), rows), kept)
      const denominator = add(sqrt(add(div(row, sub(1, lacking)), column)), 0.5)
      return { direction: div(gradient, denominator), slots: { lacking, row, column } }
    },
  })
  return core.inducedMetric(base(), { learningRate: 0.25, xi: 0.5, beta: 0.5 })
}

/** Plain loops over one parameter. Returns its direction at each step. */
function directionsOf(shape: readonly number[]): (g: ArrayLike<number>, step: number) => Float64Array {
  const isMatrix = shape.length === 2
  const [rows, columns] = isMatrix ? (shape as readonly [number, number]) : [1, 1]
  const byRow = new Float64Array(rows)
  const byColumn = new Float64Array(columns).fill(1)
  const byElement: number[] = []
  return (g, step) => {
    const whole = 1 - decay ** step
    // Of a parameter that is no matrix, these are of its first element, and nothing reads them.
    const at = (i: number, j: number): number => g[i * columns + j]! ** 2
    for (let i = 0; i < rows; i++) {
      let mean = 0
      for (let j = 0; j < columns; j++) mean += at(i, j) / columns
      byRow[i] = decay * byRow[i]! + (1 - decay) * mean
    }
    if (step % 2 === 0) {
      for (let j = 0; j < columns; j++) {
        byColumn[j] = 0
        for (let i = 0; i < rows; i++) byColumn[j]! += at(i, j) / rows
      }
    }
    return Float64Array.from(g, (x, k) => {
      byElement[k] = decay * (byElement[k] ?? 0) + (1 - decay) * x * x
      const second = isMatrix
        ? byRow[Math.floor(k / columns)]! / whole + byColumn[k % columns]!
        : byElement[k] / whole
      return x / (Math.sqrt(second) + 0.5)
    })
  }
}

/** The kit's own base with a factored slot, a scalar state and work at every second step runs by its formula. */
export async function customFactored(context: Context, { problem }: Body<'customFactored'>): Promise<void> {
  const theta = problemParameters(problem, context.dtype).map(({ data }) => new Float64Array(data))
  const session = await context.create(
    factoredTransformation(context.target.core),
    problemParameters(problem, context.dtype),
  )
  const directions = problem.parameters.map(({ shape }) => directionsOf(shape))
  let average = 0
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients } = problemStep(problem, step, context.dtype)
    const taken = gradients.map((g, p) => directions[p]!(g!, step))
    let s = 0
    taken.forEach((direction, p) => direction.forEach((d, i) => (s += d * gradients[p]![i]!)))
    average = 0.5 * average + 0.5 * s
    const rho = 1 / (1 + (0.5 * average) / (1 - 0.5 ** step))
    taken.forEach((direction, p) => direction.forEach((d, i) => (theta[p]![i]! -= 0.25 * rho * d)))
    await session.step(gradients)
    const got = await readCopies(session)
    theta.forEach((values, p) => {
      const where = `step ${step}, parameter ${problem.parameters[p]!.name}`
      expectClose(context.ledger, where, got[p]!, values, context.tolerance(scalarsOf(problem)))
    })
  }
}

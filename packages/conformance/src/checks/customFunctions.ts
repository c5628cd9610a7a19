import type { CaseBody } from '../case.js'
import { expectClose } from '../compare.js'
import { readCopies, scalarsOf, type Context } from '../context.js'
import { problemParameters, problemStep } from '../problem.js'
import type { Core, CoreTransformation } from '../target.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** A base defined by the kit out of functions of whole tensors: powers, exponentials, logarithms and angles. */
function functionsTransformation(core: Core): CoreTransformation {
  const { abs, add, atan2, exp, log, mul, neg, pow } = core.algebra
  const base = core.definePreconditioner({
    name: 'conformance-functions',
    update({ gradient: g, parameter }) {
      const size = add(1, abs(g))
      const powers = mul(pow(size, 0.75), pow(0.5, size))
      const logarithms = mul(log(size), exp(neg(size)))
      return { direction: add(add(g, powers), add(logarithms, atan2(g, add(2, abs(parameter))))), slots: {} }
    },
  })
  return core.inducedMetric(base(), { learningRate: 0.25, xi: 0 })
}

/** The kit's own base steps by its formula, element by element. */
export async function customFunctions(context: Context, { problem }: Body<'customFunctions'>): Promise<void> {
  const session = await context.create(
    functionsTransformation(context.target.core),
    problemParameters(problem, context.dtype),
  )
  const theta = problemParameters(problem, context.dtype).map(({ data }) => new Float64Array(data))
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients } = problemStep(problem, step, context.dtype)
    await session.step(gradients)
    const got = await readCopies(session)
    problem.parameters.forEach(({ name }, p) => {
      theta[p] = theta[p]!.map((x, i) => {
        const g = gradients[p]![i]!
        const size = 1 + Math.abs(g)
        const powers = size ** 0.75 * 0.5 ** size
        return x - 0.25 * (g + powers + Math.log(size) * Math.exp(-size) + Math.atan2(g, 2 + Math.abs(x)))
      })
      expectClose(
        context.ledger,
        `step ${step}, parameter ${name}`,
        got[p]!,
        theta[p],
        context.tolerance(scalarsOf(problem)),
      )
    })
  }
}

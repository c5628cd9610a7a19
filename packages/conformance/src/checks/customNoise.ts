import type { CaseBody } from '../case.js'
import { expectClose, fail } from '../compare.js'
import { readCopies, scalarsOf, type Context } from '../context.js'
import { normalsOf } from '../oracle/normals.js'
import { problemParameters, problemStep } from '../problem.js'
import type { Core, CoreTransformation, Session } from '../target.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** A base defined by the kit that adds two streams of normal numbers to the gradient. */
function noisyTransformation(core: Core, seed: number): CoreTransformation {
  const { add, mul } = core.algebra
  const base = core.definePreconditioner({
    name: 'conformance-noise',
    hyperparameters: { seed: { kind: 'integer', default: 1 } },
    update: ({ gradient, normal }) => ({
      direction: add(gradient, add(mul(0.5, normal()), mul(0.25, normal(3)))),
      slots: {},
    }),
  })
  return core.inducedMetric(base({ seed }), { learningRate: 0.25, xi: 0 })
}

/** The kit's own base reads the normal numbers of its seed, by parameter, stream and step, or is refused by name. */
export async function customNoise(
  context: Context,
  { problem, baseSeed }: Body<'customNoise'>,
): Promise<void> {
  const transformation = noisyTransformation(context.target.core, baseSeed)
  let session: Session
  try {
    session = await context.create(transformation, problemParameters(problem, context.dtype))
  } catch (error) {
    const { code, message } = error as { readonly code?: unknown; readonly message?: string }
    if (code === 'ERR_NOT_SUPPORTED') return
    fail(`a base that reads normal numbers runs, or is ERR_NOT_SUPPORTED: ${message}`)
  }
  const theta = problemParameters(problem, context.dtype).map(({ data }) => new Float64Array(data))
  const counts = theta.map(() => 0)
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients } = problemStep(problem, step, context.dtype)
    gradients.forEach((g, p) => {
      if (g === null) return
      const own = { seed: baseSeed, name: problem.parameters[p]!.name, step: ++counts[p]! }
      const [first, second] = [0, 3].map((stream) => normalsOf(g.length, { ...own, stream }))
      g.forEach((x, i) => (theta[p]![i]! -= 0.25 * (x + 0.5 * first![i]! + 0.25 * second![i]!)))
    })
    await session.step(gradients)
    const got = await readCopies(session)
    theta.forEach((values, p) => {
      const where = `step ${step}, parameter ${problem.parameters[p]!.name}`
      expectClose(context.ledger, where, got[p]!, values, context.tolerance(scalarsOf(problem)))
    })
  }
}

import type { CaseBody } from '../case.js'
import { expectClose } from '../compare.js'
import { lossOption, readCopies, runProblem, scalarsOf, toCore, type Context } from '../context.js'
import { problemParameters, problemStep } from '../problem.js'
import type { Core, CoreTransformation } from '../target.js'

type Body<K extends CaseBody['check']> = Extract<CaseBody, { check: K }>

/** A base defined by the kit over the target's core: P = 1/(mean of |g| + ε), with a slot and a sum. */
export function customTransformation(core: Core): CoreTransformation {
  const { abs, add, div, dot, ema, max, mul, sqrt, sum } = core.algebra
  const base = core.definePreconditioner({
    name: 'conformance-base',
    hyperparameters: {
      decay: { kind: 'number', default: 0.5, min: 0, max: 1, below: true },
    },
    update({ gradient, parameter, slot, decay }) {
      const size = ema(slot('size', 0.25), abs(gradient), decay)
      // Sums inside an update, of elementwise functions of both inputs.
      const length = sqrt(add(dot(parameter, parameter), 1))
      const spread = sum(max(abs(gradient), 0.5))
      const direction = mul(div(length, spread), div(gradient, add(size, 0.125)))
      return { direction, slots: { size } }
    },
  })
  return core.inducedMetric(base(), { learningRate: 0.25, xi: 0.5, beta: 0.5 })
}

/** The kit's own base steps by its formula. */
export async function customBase(context: Context, { problem }: Body<'customBase'>): Promise<void> {
  const start = problemParameters(problem, context.dtype)
  const session = await context.create(
    customTransformation(context.target.core),
    problemParameters(problem, context.dtype),
  )
  const theta = start.map(({ data }) => new Float64Array(data))
  const sizes = theta.map((data) => new Float64Array(data.length).fill(0.25))
  let average = 0
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients } = problemStep(problem, step, context.dtype)
    let s = 0
    const directions = gradients.map((g, p) => {
      const length = Math.sqrt(1 + theta[p]!.reduce((sum, x) => sum + x * x, 0))
      let spread = 0
      for (const x of g!) spread += Math.max(Math.abs(x), 0.5)
      return Float64Array.from(g!, (x, i) => {
        sizes[p]![i] = 0.5 * sizes[p]![i]! + 0.5 * Math.abs(x)
        const direction = ((length / spread) * x) / (sizes[p]![i] + 0.125)
        s += x * direction
        return direction
      })
    })
    average = 0.5 * average + 0.5 * s
    const rho = 1 / (1 + (0.5 * average) / (1 - 0.5 ** step))
    directions.forEach((direction, p) =>
      direction.forEach((x, i) => (theta[p]![i] = theta[p]![i]! - 0.25 * rho * x)),
    )
    await session.step(gradients)
    const got = await readCopies(session)
    theta.forEach((values, p) => {
      const where = `step ${step}, parameter ${problem.parameters[p]!.name}`
      expectClose(context.ledger, where, got[p]!, values, context.tolerance(scalarsOf(problem)))
    })
  }
}

/**
 * A base defined by the kit with momentum whose direction is not linear in it, d = x̂/(|x̂| + ½), x̂ = m/(1−μᵗ), or else
 * g/(|g| + ½). It may or may not return x̂.
 */
export function averageTransformation(
  core: Core,
  average: 'given' | 'without',
  averagedModel: boolean,
  along: 'average' | 'gradient' = 'average',
): CoreTransformation {
  const { abs, add, div, ema, pow, sub } = core.algebra
  const base = core.definePreconditioner({
    name: 'conformance-average',
    update({ gradient, step, slot }) {
      const m = ema(slot('m'), gradient, 0.75)
      const mean = div(m, sub(1, pow(0.75, step)))
      const way = along === 'average' ? mean : gradient
      const direction = div(way, add(abs(way), 0.5))
      return { direction, slots: { m }, ...(average === 'given' && { average: mean }) }
    },
  })
  return core.inducedMetric(base(), {
    learningRate: 0.0625,
    xi: 'rate',
    beta: 0.5,
    embedding: core.root(),
    averagedModel,
  })
}

/** The kit's own base with an average has s = Σ⟨x̂,d⟩⟨g,g⟩/⟨x̂,x̂⟩; its averaged model uses the weights of x̂. */
export async function customAverage(
  context: Context,
  { problem, along: way }: Body<'customAverage'>,
): Promise<void> {
  const isModel = problem.transformation.averagedModel === true
  const transformation = averageTransformation(context.target.core, 'given', isModel, way)
  const theta = problemParameters(problem, context.dtype).map(({ data }) => new Float64Array(data))
  const session = await context.create(transformation, problemParameters(problem, context.dtype))
  const kept = theta.map((data) => new Float64Array(data.length))
  let [average, rest] = [0, 0]
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    const whole = 1 - 0.75 ** step
    let [s, along, model, slope] = [0, 0, 0, 0]
    const directions = gradients.map((g, p) => {
      let [xd, gg, xx] = [0, 0, 0]
      const direction = Float64Array.from(g!, (x, i) => {
        kept[p]![i] = 0.75 * kept[p]![i]! + 0.25 * x
        const mean = kept[p]![i] / whole
        const taken = way === 'average' ? mean : x
        const d = taken / (Math.abs(taken) + 0.5)
        xd += mean * d
        gg += x * x
        xx += mean * mean
        model += mean * theta[p]![i]!
        slope += x * theta[p]![i]!
        return d
      })
      s += (xd * gg) / xx
      along += xd
      return direction
    })
    s = Math.max(0, s)
    along = Math.max(0, along)
    average = 0.5 * average + 0.5 * s
    rest = 0.75 * rest + 0.25 * (loss! - slope)
    const height = isModel ? rest / whole + model : loss!
    const metric = 0.0625 * (isModel ? along : average / (1 - 0.5 ** step))
    const rho = height / (height + metric)
    directions.forEach((direction, p) =>
      direction.forEach((x, i) => (theta[p]![i] = theta[p]![i]! - 0.0625 * rho * x)),
    )
    const report = await session.step(gradients, lossOption(loss))
    const tolerance = context.tolerance(scalarsOf(problem))
    expectClose(context.ledger, `step ${step}, report.dualNorm`, [report.dualNorm], [s], tolerance)
    expectClose(context.ledger, `step ${step}, report.scale`, [report.scale], [rho], tolerance)
    const got = await readCopies(session)
    theta.forEach((values, p) =>
      expectClose(context.ledger, `step ${step}, parameter ${p}`, got[p]!, values, tolerance),
    )
  }
}

/** The embedding f = h = √L, defined by the kit, over an `sgd` base. */
export function customEmbeddingTransformation(core: Core): CoreTransformation {
  const { div, sqrt } = core.algebra
  const slope = (loss: Parameters<typeof sqrt>[0]) => div(0.5, sqrt(loss))
  const embedding = core.defineEmbedding({
    name: 'conformance-embedding',
    slope,
    descends: slope,
    domain: (loss) => loss,
  })
  return core.inducedMetric(core.sgd(), { learningRate: 0.25, xi: 0.5, beta: 0, embedding: embedding() })
}

/** The kit's own embedding scales by h′/(1 + f′²v̂). */
export async function customEmbedding(context: Context, { problem }: Body<'customEmbedding'>): Promise<void> {
  const transformation = customEmbeddingTransformation(context.target.core)
  const theta = problemParameters(problem, context.dtype).map(({ data }) => new Float64Array(data))
  const session = await context.create(transformation, problemParameters(problem, context.dtype))
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    let s = 0
    for (const g of gradients) for (const x of g!) s += x * x
    const slope = 0.5 / Math.sqrt(loss!)
    const rho = slope / (1 + slope * slope * 0.5 * s)
    theta.forEach((values, p) => values.forEach((x, i) => (values[i] = x - 0.25 * rho * gradients[p]![i]!)))
    const report = await session.step(gradients, lossOption(loss))
    const got = await readCopies(session)
    const tolerance = context.tolerance(scalarsOf(problem))
    expectClose(context.ledger, `step ${step}, report.scale`, [report.scale], [rho], tolerance)
    theta.forEach((values, p) =>
      expectClose(context.ledger, `step ${step}, parameter ${p}`, got[p]!, values, tolerance),
    )
  }
}

/** A built-in embedding steps as one of the kit's own of the same slopes does, without the formula of its own for ρ. */
export async function ownSlopes(context: Context, { problem, embedding }: Body<'ownSlopes'>): Promise<void> {
  const { core } = context.target
  const slopes: Partial<(typeof core)['log']['definition']> = { ...core[embedding].definition }
  delete (slopes as { factor?: unknown }).factor
  const made = core.defineEmbedding({
    ...(slopes as (typeof core)['log']['definition']),
    name: 'conformance-slopes',
  })
  const options = { learningRate: 0.25, xi: 0.5, beta: 0.5 }
  const runOf = async (own: ReturnType<typeof core.log>) => {
    const transformation = core.inducedMetric(core.sgd(), { ...options, embedding: own })
    const session = await context.create(transformation, problemParameters(problem, context.dtype))
    for (let step = 1; step <= problem.steps; step++) {
      const { gradients, loss } = problemStep(problem, step, context.dtype)
      await session.step(gradients, lossOption(loss))
    }
    return readCopies(session)
  }
  const builtIn = await runOf(core[embedding]({ floor: 0.5 }))
  const written = await runOf(made({ floor: 0.5 }))
  const tolerance = context.tolerance(scalarsOf(problem))
  builtIn.forEach((values, p) =>
    expectClose(context.ledger, `by its slopes, parameter ${p}`, written[p]!, values, tolerance),
  )
}

/**
 * A learning rate that is a function of the step equals the same values in a built-in schedule. If ξ is tied to the rate, it
 * equals those values for ξ.
 */
export async function customSchedule(context: Context, { problem }: Body<'customSchedule'>): Promise<void> {
  const { core } = context.target
  const isTied = problem.transformation.xi === 'rate'
  const values = Array.from({ length: problem.steps }, (_, i) => 1 / (i + 2))
  const boundaries = values.slice(1).map((_, i) => i + 1)
  const schedule = { schedule: 'piecewise', values, boundaries }
  const own = core.inducedMetric(core.sgd({ momentum: 0.5 }), {
    learningRate: (step) => 1 / (step + 1),
    xi: isTied ? 'rate' : 0.5,
  })
  const builtin = toCore(context.target, {
    base: { name: 'sgd', momentum: 0.5 },
    learningRate: schedule,
    xi: isTied ? schedule : 0.5,
  })
  const a = await context.create(own, problemParameters(problem, context.dtype))
  const b = await context.create(builtin, problemParameters(problem, context.dtype))
  const runs = [
    await runProblem(context, problem, { session: a }),
    await runProblem(context, problem, { session: b }),
  ]
  runs[1]!.parameters.forEach((expected, i) => {
    const where = `parameter ${problem.parameters[i]!.name}`
    expectClose(
      context.ledger,
      where,
      runs[0]!.parameters[i]!,
      expected,
      context.tolerance(scalarsOf(problem)),
    )
  })
}

import {
  add,
  dot,
  finite,
  greater,
  input,
  literal,
  max,
  min,
  mul,
  neg,
  pow,
  select,
  sqrt,
  div,
  ema,
  sub,
  sum,
  type Expr,
  type Shape,
} from './algebra.js'
import { recordEmbedding } from './embedding.js'
import { buildGraph, type Graph } from './graph.js'
import { recordUpdate, type Preconditioner } from './preconditioner.js'
import type { GroupSettings } from './transformation.js'

/** What decides the form of a parameter's graphs. Parameters that agree in it share them. */
export interface StepForm {
  readonly base: Preconditioner
  /** `tall` (more rows than columns) or `wide` for a base that takes matrices, else `any`. */
  readonly matrix: 'any' | 'tall' | 'wide'
  /** Whether the factor ρ enters at all. */
  readonly metric: boolean
  readonly decays: boolean
  readonly clips: boolean
}

/**
 * The recorded work of one step on one parameter. Tensor inputs: `gradient`, `parameter`, `slot.NAME`. Scalar inputs:
 * `step`, `learningRate`, `weightDecay`, `rows`, `columns`, `base.NAME`, and, known only once every parameter has been
 * reduced, `scale` (ρ) and `clip`. Outputs: `norm` (Σg², where the gradient is clipped), `dual` (this parameter's part
 * of s; without the metric 0, or NaN when the gradient is not finite), `parameter` and `slot.NAME` (the new values),
 * `update` (Δθ, for frameworks that add it themselves), `initial.NAME` (what every element of a new slot starts from).
 */
export interface StepGraph extends Graph {
  readonly slots: readonly string[]
}

/** Records the base's update inside the induced-metric step (arXiv:2509.03594). */
export function recordStep(form: StepForm): StepGraph {
  const shape: Shape = form.matrix === 'any' ? 'tensor' : 'rows,columns'
  const raw = input('gradient', shape)
  const gradient = form.clips ? mul(input('clip', 'scalar'), raw) : raw
  const parameter = input('parameter', shape)
  const update = recordUpdate(form.base, gradient, parameter, shape, form.matrix === 'tall')

  // Δθ = −lr·ρ·P m̂ − lr·wd·θ: the decay is decoupled, on the old θ, and not scaled by ρ.
  const learningRate = input('learningRate', 'scalar')
  const rate = form.metric ? mul(learningRate, input('scale', 'scalar')) : learningRate
  const step = mul(rate, update.direction)
  let next = sub(parameter, step)
  let change = neg(step)
  if (form.decays) {
    const decay = mul(mul(learningRate, input('weightDecay', 'scalar')), parameter)
    next = sub(next, decay)
    change = sub(change, decay)
  }

  // x − x is 0, or NaN when x is not finite.
  let dual = form.metric
    ? update.dual
      ? sum(update.dual)
      : dot(gradient, update.direction)
    : sum(sub(gradient, gradient))
  for (const inner of sums([update.direction])) dual = add(dual, sub(inner, inner))

  const outputs: Record<string, Expr> = { dual, parameter: next }
  if (form.clips) outputs['norm'] = dot(raw, raw)
  for (const [name, slot] of Object.entries(update.slots)) {
    outputs[`slot.${name}`] = slot.next
    outputs[`initial.${name}`] = slot.initial
  }
  const late = ['scale', 'clip']
  // Checkpoints carry the hash, and know nothing of `update`, which only says the same once more.
  const { hash } = buildGraph(outputs, late)
  return { ...buildGraph({ ...outputs, update: change }, late), hash, slots: Object.keys(update.slots) }
}

/** The sums a base takes inside its own update, as Muon's norm: where they overflow, the step must not be written. */
function sums(roots: readonly Expr[]): Set<Expr> {
  const found = new Set<Expr>()
  const seen = new Set<Expr>()
  const visit = (x: Expr): void => {
    if (seen.has(x)) return
    seen.add(x)
    if (x.op === 'sum') found.add(x)
    x.inputs.forEach(visit)
  }
  roots.forEach(visit)
  return found
}

/** Values of the `status` output of a metric graph. */
export const stepStatus = { ok: 0, nonFinite: 1, badLoss: 2 } as const

/**
 * The recorded scalar work between the two passes. Inputs: `dualNorm` (Σ of the parameters' `dual`), `loss` (where
 * `needsLoss`), `average` (v), `metricStep` (t, this step included), `xi`, `beta`, `embedding.NAME`. Outputs: `average`,
 * `metric` (v̂), `scale` (ρ), `status` (see {@link stepStatus}; where it is not 0, nothing may be written).
 */
export interface MetricGraph extends Graph {
  readonly needsLoss: boolean
  /** Whether s is computed: not where ξ = 0 and the embedding is the identity, which is the base itself. */
  readonly metric: boolean
}

/** Whether the factor is 1 whatever happens, so that neither it nor s need computing. */
export function isPlainBase(settings: GroupSettings): boolean {
  return settings.xi === 0 && settings.embedding.name === 'identity'
}

/** Records v, v̂ and ρ, and which losses and dual norms forbid the step. */
export function recordMetric(settings: GroupSettings): MetricGraph {
  const given = input('dualNorm', 'scalar')
  const average = input('average', 'scalar')
  const finished = (graph: Graph, metric: boolean): MetricGraph => ({
    ...graph,
    metric,
    needsLoss: graph.nodes.some((node) => node.name === 'loss'),
  })
  const whenFinite = (ok: Expr | number): Expr => select(finite(given), ok, stepStatus.nonFinite)

  if (isPlainBase(settings)) {
    const outputs = { average, metric: literal(0), scale: literal(1), status: whenFinite(stepStatus.ok) }
    return finished(buildGraph(outputs, ['dualNorm']), false)
  }

  // v = βv + (1−β)s; v̂ = ξ·v/(1−βᵗ). The average is of s, not of ξs, so that ξ can be scheduled.
  const beta = input('beta', 'scalar')
  const nextAverage = ema(average, max(given, 0), beta)
  const correction = sub(1, pow(beta, input('metricStep', 'scalar')))
  const metric = mul(div(input('xi', 'scalar'), correction), nextAverage)
  const { factor, domain } = recordEmbedding(settings.embedding, metric)

  // A factor that is negative, infinite or NaN is a loss the embedding cannot take, declared or not.
  const usable = mul(finite(factor), sub(1, greater(0, factor)))
  const good = domain ? mul(greater(domain, 0), usable) : usable
  const policy = settings.onBadLoss
  const replaced = policy === 'base' || policy === 'zero'
  const scale = replaced ? select(good, factor, policy === 'base' ? 1 : 0) : factor
  const readsLoss = reads('loss', [factor, ...(domain ? [domain] : [])])
  const inDomain = replaced ? literal(stepStatus.ok) : select(good, stepStatus.ok, stepStatus.badLoss)
  const status = whenFinite(
    readsLoss ? select(finite(input('loss', 'scalar')), inDomain, stepStatus.nonFinite) : inDomain,
  )
  const outputs = { average: nextAverage, metric, scale, status }
  return finished(buildGraph(outputs, ['dualNorm', 'average', 'loss']), true)
}

function reads(name: string, roots: readonly Expr[]): boolean {
  return roots.some((x) => x.name === name || reads(name, x.inputs))
}

/** The factor that takes a gradient of squared norm `normSquared` to norm `clipNorm`, NaN where that is not finite. */
export const clipGraph: Graph = buildGraph(
  {
    clip: select(
      finite(input('normSquared', 'scalar')),
      min(1, div(input('clipNorm', 'scalar'), sqrt(input('normSquared', 'scalar')))),
      NaN,
    ),
  },
  ['normSquared'],
)
